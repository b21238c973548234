//! One known password in every place that a password can come from, and no trace of it in anything that is printed.
//!
//! The password has a word at each end that no encoding changes (letters and digits stay what they are in JSON, in a
//! URL, in a log), so that a part of it is found too; base64 is looked for at every offset, and twice.
#![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

mod inputs;
mod registry;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use pullcheck_support::{Output, Registry, Run};
use registry::Scheme;
use tempfile::TempDir;

/// The words at the ends of every password.
const ENDS: [&str; 2] = ["c4n4ryHe4d", "t41lCan4rY"];

/// Passwords with what is treated specially somewhere on the way.
const PASSWORDS: [&str; 5] = [
    "c4n4ryHe4d-plain.t41lCan4rY",
    "c4n4ryHe4d\"quo'ted\\back<&>t41lCan4rY",
    "c4n4ryHe4d%41%zz&+ =/?t41lCan4rY",
    "c4n4ryHe4d-ünï¢ödé-日本-🔑t41lCan4rY",
    "c4n4ryHe4d\nline\ttab\u{1b}[31mt41lCan4rY\n",
];

/// Every way in which a report is printed.
const PRINTED: [&[&str]; 12] = [
    &["--color", "never"],
    &["--color", "always"],
    &["--runtime", "cri-o", "--color", "always"],
    &["--format", "json"],
    &["--format", "plain"],
    &["--format", "sarif"],
    &["--format", "github"],
    &["--format", "gitlab"],
    &["--format", "junit"],
    &["--format", "markdown"],
    &["--list-images"],
    &["--list-images", "--format", "json"],
];

/// What of `bytes` alone shows in base64, for each offset at which they can begin.
fn in_base64(bytes: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|offset| {
        let shifted = [&[0; 2][..offset], bytes].concat();
        let encoded = STANDARD_NO_PAD.encode(&shifted);
        encoded[(offset * 8).div_ceil(6)..shifted.len() * 8 / 6].to_owned()
    })
}

/// Everything that must not be found.
static TRACES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut traces = Vec::new();
    for end in ENDS {
        traces.push(end.to_owned());
        traces.push(end.bytes().map(|byte| format!("%{byte:02X}")).collect());
        for once in in_base64(end.as_bytes()) {
            // Eight characters are six bytes of the password, and enough not to be met by chance.
            traces.extend(in_base64(once.as_bytes()).map(|twice| twice[..8].to_owned()));
            traces.push(once[..8].to_owned());
        }
    }
    traces
});

/// The lines that must not have been printed, each with what was run.
#[derive(Default)]
struct Leaks(Vec<String>);

impl Leaks {
    fn look(&mut self, what: &str, output: &Output) {
        for line in output.stdout.lines().chain(output.stderr.lines()) {
            if let Some(trace) = TRACES.iter().find(|trace| line.contains(*trace)) {
                self.0.push(format!("{what}: {trace} in: {}", line.trim()));
            }
            assert!(!line.contains("panicked"), "{what}\n{output}");
        }
    }
}

impl Drop for Leaks {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.0.is_empty(), "{} leaks\n{}", self.0.len(), self.0.join("\n"));
        }
    }
}

fn pullcheck(within: &Path) -> Run {
    Run::new(env!("CARGO_BIN_EXE_pullcheck"))
        .within(within)
        .args(["--retries", "0"])
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
}

fn written(files: &[(String, String)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn leak_search_finds_every_encoding_of_a_password() {
    let hidden = |text: &str| TRACES.iter().any(|trace| text.contains(trace));
    assert!(!hidden("docker login -u robot -p '***' ghcr.io"));
    for password in PASSWORDS {
        let auth = STANDARD.encode(format!("robot:{password}"));
        let whole = STANDARD.encode(format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}"}}}}}}"#));
        let json = serde_json::json!({ "password": password }).to_string();
        for form in [password, &auth, &whole, &json, &password[..10], password.trim_end().trim_start_matches(ENDS[0])] {
            assert!(hidden(form), "{form}");
        }
    }
}

#[test]
fn secrets_in_manifests_are_not_printed() {
    let mut leaks = Leaks::default();
    for password in PASSWORDS {
        let folder = written(&inputs::secrets(password, "ghcr.io"));
        for args in PRINTED {
            let run = pullcheck(folder.path()).arg("--offline").args(args).arg(".");
            let output = run.output();
            leaks.look(&format!("{password:?} {args:?}"), &output);
            // It was not silence that kept the secret.
            let told = if args.contains(&"--list-images") { "right-data" } else { "malformed-pull-secret" };
            assert!(output.stdout.contains(told), "{told}\n{output}");
        }
    }
}

/// Alone, so that no other file makes the password known.
#[test]
fn secrets_in_a_single_file_are_not_printed() {
    let mut leaks = Leaks::default();
    for (at, password) in PASSWORDS.into_iter().enumerate() {
        let files = inputs::secrets(password, "ghcr.io");
        let folder = written(&files);
        // Once by name, once piped, once as JSON: which of them does not depend on the password.
        for (name, text) in files {
            let run = pullcheck(folder.path()).arg("--offline");
            let output = match at % 3 {
                0 => run.arg(&name).output(),
                1 => run.arg("-").stdin(text).output(),
                _ => run.args(["--format", "json", &name]).output(),
            };
            leaks.look(&format!("{password:?} {name}"), &output);
        }
    }
}

#[test]
fn credentials_echoed_by_a_registry_are_not_printed() {
    let mut leaks = Leaks::default();
    for (password, scheme) in each_scheme() {
        let server = registry::echoing(scheme);
        let folder = written(&inputs::pods_for(&server, password));
        for args in PRINTED {
            let run = pullcheck(folder.path()).args(["--plain-http", &server.host()]).args(args).arg(".");
            leaks.look(&format!("{password:?} {scheme:?} {args:?}"), &run.output());
        }
        assert_was_sent(&server, password);
    }
}

fn each_scheme() -> impl Iterator<Item = (&'static str, Scheme)> {
    // What a password holds matters most where it is sent itself.
    let by_token = [Scheme::Token, Scheme::NoToken].map(|scheme| (PASSWORDS[0], scheme));
    PASSWORDS.map(|password| (password, Scheme::Basic)).into_iter().chain(by_token)
}

/// Else there was nothing to echo.
#[track_caller]
fn assert_was_sent(server: &Registry, password: &str) {
    let sent = format!("Basic {}", STANDARD.encode(format!("robot:{password}")));
    assert!(server.requests().iter().any(|request| request.authorization.as_ref() == Some(&sent)));
}

#[test]
fn operator_dockerconfigjson_is_not_printed() {
    let mut leaks = Leaks::default();
    for (password, scheme) in each_scheme() {
        let server = registry::echoing(scheme);
        let config = inputs::config(&server.host(), password);
        let folder = written(&inputs::pods_without_secret(&server));
        fs::write(folder.path().join("pull.config"), &config).unwrap();
        for (at, args) in PRINTED.into_iter().enumerate() {
            let run = pullcheck(folder.path()).args(["--plain-http", &server.host()]).args(args).arg("pods.yaml");
            // How it comes in has nothing to do with how the report goes out.
            let run = match at % 4 {
                0 => run.args(["--dockerconfigjson", "pull.config"]),
                1 => run.args(["--dockerconfigjson", "-"]).stdin(config.clone()),
                2 => run.env("PULLCHECK_DOCKERCONFIGJSON", STANDARD.encode(&config)),
                _ => run.env("PULLCHECK_DOCKERCONFIGJSON", &config),
            };
            let output = run.output();
            leaks.look(&format!("{password:?} {scheme:?} {args:?}"), &output);
            assert_ne!(output.status, Some(2), "{output}");
        }
        assert_was_sent(&server, password);
    }
}

#[test]
fn malformed_dockerconfigjson_is_not_printed() {
    let mut leaks = Leaks::default();
    for password in PASSWORDS {
        let folder = written(&inputs::secrets(password, "ghcr.io"));
        for bad in inputs::bad_configs(password) {
            fs::write(folder.path().join("bad.config"), &bad).unwrap();
            let run = || pullcheck(folder.path()).args(["--offline", "right-data.yaml"]);
            let by_file = run().args(["--dockerconfigjson", "bad.config"]).output();
            let by_value = run().arg("--dockerconfigjson").arg(&bad).output();
            let by_environment = run().env("PULLCHECK_DOCKERCONFIGJSON", &bad).output();
            for (way, output) in [("file", by_file), ("value", by_value), ("environment", by_environment)] {
                let output = output.assert_status(2);
                leaks.look(&format!("{bad:?} by {way}"), &output);
            }
        }
    }
}

#[test]
fn dockerconfigjson_passed_as_a_file_name_is_not_printed() {
    let mut leaks = Leaks::default();
    for password in PASSWORDS {
        let folder = written(&inputs::secrets(password, "ghcr.io"));
        let config = inputs::config("ghcr.io", password);
        for value in [config.clone(), STANDARD.encode(&config)] {
            let run = pullcheck(folder.path()).args(["--offline", "right-data.yaml", "--dockerconfigjson", &value]);
            leaks.look("content", &run.output().assert_status(2));
        }
        let run = pullcheck(folder.path()).args(["--ca-cert", "absent.pem"]).env("PULLCHECK_DOCKERCONFIGJSON", &config);
        leaks.look("a missing authority", &run.output().assert_status(2));
    }
}

#[test]
fn proxy_password_is_not_printed() {
    let mut leaks = Leaks::default();
    let folder = written(&inputs::secrets(PASSWORDS[0], "registry.invalid"));
    // Nobody listens on the first port.
    let proxy = format!("http://robot:{}@127.0.0.1:1", PASSWORDS[0]);
    for args in PRINTED {
        let run = pullcheck(folder.path()).args(args).arg(".").env("HTTPS_PROXY", &proxy).env("ALL_PROXY", &proxy);
        leaks.look("a proxy", &run.output());
    }
}
