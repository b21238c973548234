//! The options of the transport, with the built binary.
#![expect(clippy::disallowed_methods, reason = "a test writes its files")]

use std::path::{Path, PathBuf};

use pullcheck_support::{ClientCertificate, Output, Registry, Run};
use tempfile::TempDir;

const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: reg.example/acme/api:1}]}\n";

/// A folder with the files of a test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn run(args: &[&str]) -> Output {
    Run::new(env!("CARGO_BIN_EXE_pullcheck")).args(["--retries", "0"]).args(args).arg("-").stdin(POD).output()
}

fn connect(server: &Registry) -> String {
    format!("--connect-to=reg.example={}", server.address())
}

#[test]
fn client_certificate_requires_its_matching_key() {
    let (client, stranger) = (ClientCertificate::new(), ClientCertificate::new());
    let server = Registry::start_tls(|r| {
        r.demand_client(&client.authority).image("reg.example/acme/api", "1");
    });
    let files = Files::new();
    let ca = files.write("ca.pem", server.ca_pem()).display().to_string();
    let certificate = files.write("node.pem", &client.certificate).display().to_string();
    let key = files.write("node.key", &client.key).display().to_string();
    let other = files.write("other.key", &stranger.key).display().to_string();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = files.write("encrypted.key", encrypted).display().to_string();
    let reach = connect(&server);
    let with = |more: &[&str]| run(&[&["--ca-cert", ca.as_str(), reach.as_str()], more].concat());

    with(&["--client-cert", &certificate, "--client-key", &key]).assert_status(0).assert_stdout_has("pullable");
    with(&[]).assert_stdout_has("certificate required");
    with(&["--client-cert", &certificate]).assert_status(2).assert_stderr_has("--client-key");
    with(&["--client-key", &key]).assert_status(2).assert_stderr_has("--client-cert");
    let mistakes = [
        (&other, "the key does not belong to the certificate"),
        (&encrypted, "the key is encrypted"),
        (&certificate, "the key file contains no PEM private key"),
    ];
    for (key, words) in mistakes {
        let output = with(&["--client-cert", &certificate, "--client-key", key]).assert_status(2);
        output.assert_stderr_has(words).assert_stderr_has("node.pem");
    }
    with(&["--client-cert", &certificate, "--client-key", "/nowhere.key"])
        .assert_status(2)
        .assert_stderr_has("--client-key /nowhere.key: No such file");
    assert_eq!(server.count(), 1);
}

#[test]
fn insecure_skip_tls_verify_accepts_an_unknown_authority() {
    let server = Registry::start_tls(|r| {
        r.image("reg.example/acme/api", "1");
    });
    let reach = connect(&server);
    run(&[&reach, "--insecure-skip-tls-verify", "reg.example"]).assert_status(0).assert_stdout_has("pullable");
    run(&[&reach]).assert_stdout_has("x509: certificate signed by unknown authority");
    run(&["--insecure-skip-tls-verify", "https://reg.example"]).assert_status(2).assert_stderr_has("is not a host");
}

#[test]
fn mirror_option_sends_pulls_to_the_mirror() {
    let mirror = Registry::start(|r| {
        r.image("acme/api", "1");
    });
    let url = format!("reg.example=http://{}", mirror.host());
    run(&["--mirror", &url]).assert_status(0).assert_stdout_has("pullable");
    assert_eq!(mirror.requests()[0].query, "ns=reg.example");
    for wrong in ["reg.example", "reg.example=mirror.example", "reg.example=file:///etc/passwd"] {
        run(&["--mirror", wrong]).assert_status(2).assert_stderr_has("is not HOST[:PORT]=URL");
    }
}

#[test]
fn certs_dir_option_applies_hosts_toml() {
    let mirror = Registry::start_tls(|r| {
        r.image("mirror.example/acme/api", "1");
    });
    let files = Files::new();
    files.write("reg.example/ca.pem", mirror.ca_pem());
    files.write("reg.example/hosts.toml", "[host.'https://mirror.example']\nca = 'ca.pem'\n");
    let folder = files.path().display().to_string();
    let reach = format!("--connect-to=mirror.example={}", mirror.address());
    run(&["--certs-dir", &folder, &reach]).assert_status(0).assert_stdout_has("pullable");
    let output = run(&["--certs-dir", &folder, "--runtime", "cri-o"]).assert_status(2);
    output.assert_stderr_has("--certs-dir cannot be used with --runtime cri-o");
    run(&["--certs-dir", "/nowhere"]).assert_status(2).assert_stderr_has("--certs-dir: /nowhere: No such file");
    assert_eq!(mirror.count(), 1);
}

/// What the nodes ignore is a warning at its line, and what they fail on an error at the image.
#[test]
fn mistakes_in_a_hosts_toml_are_findings() {
    let files = Files::new();
    let text = "[host.'https://m.example'.header]\nx-key = \
                's3cretkey'\n[host.'https://m.example'.header2]\n[host.'https://n.example']\n  capabilities = \
                'pull'\n";
    files.write("other.example/hosts.toml", text);
    files.write("reg.example/hosts.toml", "ca = '/nowhere/ca.pem'\n");
    let folder = files.path().display().to_string();
    let shows = |output: &Output| {
        let text = output.to_string();
        assert!(!text.contains("s3cretkey"), "{text}");
        text
    };
    let output = run(&["--certs-dir", &folder]).assert_status(1);
    let text = shows(&output);
    for part in [
        "warning[invalid-hosts-toml]: containerd cannot read this hosts.toml and ignores it: line 5: \
         `host.\"https://n.example\".capabilities`: must be a list",
        "other.example/hosts.toml:5:3",
        "error[invalid-hosts-toml]: containerd cannot pull images of reg.example",
        "failed to resolve image: unable to read CA cert \"/nowhere/ca.pem\": open /nowhere/ca.pem: no such file or \
         directory",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    for format in ["json", "sarif", "gitlab", "github", "junit", "markdown"] {
        let output = run(&["--certs-dir", &folder, "--format", format]).assert_status(1);
        assert!(shows(&output).contains("other.example/hosts.toml"), "{format}");
    }
    assert!(shows(&run(&["--certs-dir", &folder, "--offline"]).assert_status(0)).contains("hosts.toml:5:3"));
}

/// What a header lets in is told to nobody, even where a registry repeats it.
#[test]
fn header_value_in_hosts_toml_is_not_printed() {
    let mirror = Registry::start(|r| {
        let echo = pullcheck_support::Answer::error(403, "DENIED", "no entry with key t0psecretvalue here");
        r.answer("*", "/v2/acme/api/manifests/1", [echo]);
    });
    let files = Files::new();
    let text = "[host.'http://mirror.example'.header]\nauthorization = 'Bearer t0psecretvalue'\n";
    files.write("reg.example/hosts.toml", text);
    let folder = files.path().display().to_string();
    let reach = format!("--connect-to=mirror.example={}", mirror.address());
    for format in ["human", "json"] {
        let output = run(&["--certs-dir", &folder, &reach, "--connect-to=reg.example=127.0.0.1:1", "--format", format]);
        assert!(!output.to_string().contains("t0psecretvalue"), "{output}");
    }
    assert!(mirror.requests()[0].authorization.is_some());
}

#[test]
fn huge_option_values_are_accepted() {
    let server = Registry::start(|r| {
        r.image("reg.example/acme/api", "1");
    });
    let (connect, most, long) = (connect(&server), usize::MAX.to_string(), "5000000000000000h");
    for (option, value) in [
        ("--concurrency", &*most),
        ("--host-concurrency", &*most),
        ("--timeout", long),
        ("--connect-timeout", long),
        ("--deadline", long),
        ("--cache-ttl", long),
    ] {
        let output = run(&["--plain-http", "reg.example", &connect, option, value]);
        assert_eq!(output.status, Some(0), "{option}: {output}");
    }
}
