//! What a pull request from a stranger can bring.

use pullcheck_support::Registry;
use serde_json::Value;

use super::*;

/// A value for each setting that only the operator may give.
const FORBIDDEN: [(&str, &str); 32] = [
    ("pull-secret", "pull=secret.json"),
    ("dockerconfigjson", "secret.json"),
    ("credential-hosts", "'*'"),
    ("offline", "true"),
    ("ca-cert", "evil.pem"),
    ("client-cert", "/proc/self/environ"),
    ("client-key", "/proc/self/environ"),
    ("insecure-skip-tls-verify", "ghcr.io"),
    ("plain-http", "ghcr.io"),
    ("connect-to", "ghcr.io=169.254.169.254:80"),
    ("mirror", "ghcr.io=https://evil.example"),
    ("certs-dir", "certs.d"),
    ("timeout", "1ms"),
    ("connect-timeout", "1ms"),
    ("deadline", "9h"),
    ("depth", "layers"),
    ("concurrency", "100000"),
    ("host-concurrency", "100000"),
    ("retries", "1000"),
    ("no-cache", "true"),
    ("cache-ttl", "9000h"),
    ("output", "json=stolen.json"),
    // Not by anybody's file.
    ("list-images", "true"),
    ("by", "file"),
    ("config", "other.yaml"),
    ("stdin-filename", "x"),
    ("render", "true"),
    ("values", "evil.yaml"),
    ("set", "image.tag=evil"),
    ("release-name", "evil"),
    ("fetch-charts", "true"),
    ("chart-hosts", "evil.example"),
];

#[test]
fn repository_config_cannot_set_operator_only_options() {
    let schema = pullcheck::options::config::schema();
    let properties = schema["properties"].as_object().unwrap();
    let of_operator = properties
        .iter()
        .filter(|(_, property)| property["description"].as_str().unwrap().contains("passed with --config"));
    for (key, _) in of_operator {
        assert!(FORBIDDEN.iter().any(|(tried, _)| tried == key), "`{key}` is to be tried here");
    }
    for (key, value) in FORBIDDEN {
        // `offline: false` too: it is not the value that is refused.
        for value in [value, "false"] {
            let config = format!("# a comment\n{key}: {value}\n");
            let folder = repository(&[("pod.yaml", POD), (".pullcheck.yaml", &config), ("named.yaml", &config)]);
            let repo = folder.path().join("repo");
            let output = pullcheck(&repo).arg(".").output().assert_status(2);
            let output = output.assert_stderr_has(&format!("pullcheck: .pullcheck.yaml:2:1: `{key}` "));
            assert_eq!(output.stdout, "");
            assert!(!repo.join("stolen.json").exists());
            let by_name = pullcheck(&repo).args(["--config", "named.yaml", "--print-config"]).output();
            if properties.contains_key(key) {
                assert!(output.stderr.contains("a pull request can change that file"), "{output}");
                assert!(!by_name.stderr.contains("pull request"), "{by_name}");
            } else {
                let by_name = by_name.assert_status(2);
                assert!(by_name.stderr.contains("only on the command line"), "{by_name}");
            }
        }
    }
}

/// The operator's password stays at home, whatever the repository says.
#[test]
fn rejected_config_sends_no_requests() {
    let server = Registry::start(|_| {});
    let config = format!("mirror: [\"ghcr.io=http://{}\"]\n", server.host());
    let pod = POD.replace("nginx", "ghcr.io/acme/api:1");
    let folder = repository(&[("pod.yaml", &pod), (".pullcheck.yaml", &config)]);
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path().join("repo")).arg(".");
    let secret = "{\"auths\": {\"ghcr.io\": {\"username\": \"u\", \"password\": \"hunter2hunter2\"}}}";
    let output = run.env("PULLCHECK_DOCKERCONFIGJSON", secret).output().assert_status(2);
    assert!(!output.to_string().contains("hunter2"), "{output}");
    assert!(server.requests().is_empty());
}

/// A small file whose aliases stand for millions of patterns and rules.
fn repeated(pattern: &str, rule: &str) -> String {
    let paths: String = (0..1900).map(|n| format!("'{pattern}{n}', ")).collect();
    let rules: String = (0..1000).map(|n| format!(", r{n}: error")).collect();
    let rules = if rule.starts_with('x') { rules } else { String::new() };
    format!("overrides:\n- &o {{paths: [{paths}], rules: {{{rule}{rules}}}}}\n{}", "- *o\n".repeat(1900))
}

#[test]
fn oversized_config_is_rejected_with_a_short_message() {
    let many = |item: &str| item.repeat((1 << 20) / item.len() - 64);
    let keys: String = (0..100_000).map(|n| format!("k{n}: 1\n")).collect();
    let rules: String = (0..50_000).map(|n| format!("  r{n}: error\n")).collect();
    for (config, words) in [
        (keys, "more than 2000 keys"),
        (format!("rules:\n{rules}"), "more than 2000 keys"),
        (format!("exclude:\n{}", many("- a\n")), "more than 2000 items"),
        (format!("overrides:\n{}", many("- {paths: a, rules: {}}\n")), "more than 2000 items"),
        (format!("rules:\n  ? {}\n  : error\n", many("x")), "unknown rule"),
        (format!("? {}\n: error\n", many("x")), "unknown key"),
        (format!("a: &a {{b: *a}}\nexclude: [*a]\nrules: *a\n{}", many("#")), "unknown key `a`"),
        (many("["), "invalid YAML"),
        (repeated("a*b[c-z]", "mutable-tag: off"), "more than 20000 keys and items"),
        (repeated("a", "x: error"), "more than 20000 keys and items"),
    ] {
        let folder = repository(&[("pod.yaml", POD), (".pullcheck.yaml", &config)]);
        let output = pullcheck(&folder.path().join("repo")).arg(".").output().assert_status(2);
        assert!(output.stderr.contains(words) && output.stderr.len() < 20_000, "{words}\n{output}");
    }
}

/// `kubectl apply -f FOLDER` takes files of that name too.
#[test]
fn manifest_named_like_a_config_file_is_checked() {
    let broken = POD.replace("nginx", "Nginx");
    let folder = repository(&[("pod.yaml", POD), ("deploy/.pullcheck.yaml", &broken), ("b/.pullcheck.yml", &broken)]);
    let output = pullcheck(&folder.path().join("repo")).args(["--format", "plain", "."]).output().assert_status(1);
    assert_eq!(output.stdout.matches("error[invalid-image-reference]").count(), 2, "{output}");
}

/// What steers a terminal, hides text, or is a command of a log.
const EVIL: &str = "\u{1b}[31m\u{7}\u{9b}2J\u{202e}\u{200b}##[error]x\n::error file=a::b\n";

fn evil_yaml() -> String {
    // YAML allows no C1 control as it stands.
    serde_json::to_string(EVIL).unwrap().replace('\u{9b}', "\\u009b")
}

#[track_caller]
fn assert_tame(what: &str, text: &str, github_commands: bool) {
    let bad = |c: char| c.is_control() && c != '\n' || ['\u{202e}', '\u{200b}'].contains(&c);
    assert!(!text.contains(bad), "{what} shows hidden characters: {text:?}");
    assert!(!text.contains("##["), "{what}: {text}");
    for line in text.lines().filter(|line| line.trim_start().starts_with("::")) {
        let known = ["::error ", "::warning ", "::notice "].iter().any(|command| line.starts_with(command));
        assert!(github_commands && known, "{what}: {line}");
    }
}

#[test]
fn config_text_injects_no_terminal_or_log_commands() {
    let evil = evil_yaml();
    for config in [
        format!("{evil}: 1\n"),
        format!("rules: {{{evil}: error}}\n"),
        format!("rules: {{mutable-tag: {evil}}}\n"),
        format!("overrides: [{{{evil}: error}}]\n"),
        format!("overrides: [{{paths: [{evil}, 'a['], rules: {{}}}}]\n"),
        format!("runtime: {evil}\n"),
        format!("platform: {evil}\n"),
        format!("service-account: {evil}\n"),
        format!("max-image-size: {evil}\n"),
        format!("max-image-size: 1{evil}\n").replace("1\"", "\"1"),
        format!("expect-image: {evil}\n"),
        format!("node-credentials: {evil}\n"),
        format!("exclude: {evil}\n"),
        format!("exclude: '['\nx{}: 1\n", EVIL.replace('\n', "")),
        format!("a: {}\n", "::error::x [".repeat(3)),
        format!("fail-on: {}\n", "x".repeat(100_000)),
    ] {
        let folder = repository(&[("pod.yaml", POD), (".pullcheck.yaml", &config)]);
        for args in [&["."][..], &["--print-config"]] {
            let run = pullcheck(&folder.path().join("repo")).args(args).env("GITHUB_ACTIONS", "true");
            let output = run.output();
            assert_tame("stdout", &output.stdout, true);
            assert_tame("stderr", &output.stderr, false);
            assert!(output.stderr.len() < 5000, "{}", output.stderr.len());
        }
    }
}

/// Manifests whose every field says something evil, and a configuration and ignore files that do.
fn evil_repository() -> TempDir {
    let evil = evil_yaml();
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {evil}, namespace: {evil}, annotations: {{pullcheck.dev/ignore: {evil}}}}}\n\
         spec:\n  serviceAccountName: {evil}\n  imagePullSecrets: [{{name: {evil}}}]\n  nodeSelector: {{kubernetes.io/arch: {evil}}}\n  \
         containers:\n  - {{name: {evil}, image: {evil}, imagePullPolicy: {evil}}}\n  - {{name: b, image: 'nginx:latest'}}\n  \
         - {{name: b, image: 'nginx', image: 'nginx'}} # pullcheck: ignore[##[error]x] ##[error]y\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: {evil}}}\ntype: kubernetes.io/dockerconfigjson\n\
         stringData:\n  .dockerconfigjson: '{{\"auths\": {{\"##[error]x\": {{\"auth\": \"##[error]\"}}}}}}'\n---\n\
         kind: {evil}\napiVersion: {evil}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: x\n"
    );
    let config = format!(
        "exclude: {evil}\nmutable-tags: {evil}\nallowed-registries: {evil}\noverrides:\n- {{paths: {evil}, rules: {{}}}}\n"
    );
    let ignore = format!("pod.yaml\n{EVIL}\n!*.yaml\n[\n");
    repository(&[
        ("pod.yaml", &pod),
        ("::error file=a::##[error]\u{202e}\u{1b}x.yaml", &pod),
        (".pullcheck.yaml", &config),
        (".gitignore", &ignore),
        (".ignore", &ignore),
    ])
}

#[test]
fn hostile_repository_injects_no_commands_into_reports() {
    let folder = evil_repository();
    let repo = folder.path().join("repo");
    for format in ["human", "plain", "markdown", "github", "json", "sarif", "gitlab", "junit"] {
        let run = pullcheck(&repo).args(["--format", format, "."]).env("GITHUB_ACTIONS", "true");
        let summary = folder.path().join("summary.md");
        let output = run.env("GITHUB_STEP_SUMMARY", &summary).output();
        assert_ne!(output.status, Some(2), "{output}");
        assert!(output.stdout.len() > 500, "it was not silence that kept it tame\n{output}");
        assert_tame("stderr", &output.stderr, false);
        assert_tame(format, &unescaped(format, &output.stdout), format == "github");
        if format == "github" {
            assert_tame("the summary", &fs::read_to_string(&summary).unwrap(), false);
        }
    }
    for args in [&["--print-config"][..], &["--list-images", "."]] {
        let output = pullcheck(&repo).args(args).env("GITHUB_ACTIONS", "true").output();
        assert_tame("stdout", &output.stdout, false);
    }
}

/// JSON and XML escape for themselves: what the log shows of them is their text.
fn unescaped(format: &str, text: &str) -> String {
    if ["json", "sarif", "gitlab"].contains(&format) {
        assert!(serde_json::from_str::<Value>(text).is_ok(), "{format}: {text}");
    }
    text.to_owned()
}
