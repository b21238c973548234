//! Credential helpers of the operator's configuration.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pullcheck_support::{Access, Output, Registry, Run};
use serde_json::Value;

use super::{Case, config, pod};

const PASSWORD: &str = "c4nary-of-the-helper";

/// A registry that lets in who knows the password.
fn registry() -> Registry {
    Registry::start(|script| {
        let users = vec![("bob".to_owned(), PASSWORD.to_owned())];
        script.image("acme/api", "1").access(Access::Basic(users));
    })
}

/// A folder with a helper of that name, and a log of what it was asked and told.
fn helper(case: &Case, name: &str, script: &str) {
    let path = case.0.path().join(format!("docker-credential-{name}"));
    std::fs::write(&path, format!("#!/bin/sh\ncd {}\n{script}\n", case.0.path().display())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn run(case: &Case, path: &Path, registry: &Registry, args: &[&str]) -> Output {
    let host = registry.host();
    let path = format!("{}:/usr/bin:/bin", path.display());
    Run::new(env!("CARGO_BIN_EXE_pullcheck"))
        .within(case.0.path())
        .env("PATH", path)
        .env("GITHUB_TOKEN", "a-token")
        .args(["a.yaml", "--format", "json", "--dockerconfigjson", "config.json", "--plain-http", &host])
        .args(args)
        .output()
}

/// A pod that names a secret which the configuration stands in for, twice the same image.
fn case(registry: &Registry, config: &str) -> Case {
    let host = registry.host();
    let naming = pod(&format!("{host}/acme/api:1"), "imagePullSecrets: [{name: one}]");
    let other = naming.replace("{name: a}", "{name: b}");
    Case::new(&[("a.yaml", &(naming + &other)), ("config.json", &config.replace("HOST", &host))])
}

fn verdict(output: &Output) -> (String, String) {
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output}"));
    let text = |key: &str| report["images"][0][key].as_str().unwrap_or("null").to_owned();
    (text("verdict"), text("cause"))
}

const ANSWER: &str = r#"read -r key; echo "$1 $key $GITHUB_TOKEN" >> log
echo '{"ServerURL": "x", "Username": "bob", "Secret": "c4nary-of-the-helper"}'"#;

#[test]
fn helper_runs_once_for_the_registry_of_an_image() {
    let registry = registry();
    for config in [
        r#"{"auths": {"quay.io": {}}, "credHelpers": {"HOST": "x", "ghcr.io": "y"}, "credsStore": "z"}"#,
        r#"{"auths": {"HOST": {}, "quay.io": {}}, "credsStore": "x"}"#,
    ] {
        let case = case(&registry, config);
        helper(&case, "x", ANSWER);
        let output = run(&case, case.0.path(), &registry, &[]);
        assert_eq!(verdict(&output), ("pullable".to_owned(), "null".to_owned()), "{output}");
        let log = std::fs::read_to_string(case.0.path().join("log")).unwrap();
        assert_eq!(log, format!("get {} \n", registry.host()), "once, and without tokens of the environment");
        assert!(!format!("{output}").contains(PASSWORD), "{output}");
        assert_eq!(output.stderr, "");
    }
}

#[test]
fn failing_helper_leaves_the_credential_unknown() {
    let registry = registry();
    let scripts = [
        ("it failed (exit status: 3)", "echo c4nary-of-the-helper; echo c4nary-of-the-helper >&2; exit 3"),
        ("not that of a credential helper", "echo c4nary-of-the-helper"),
        ("identity token", r#"echo '{"Username": "<token>", "Secret": "c4nary-of-the-helper"}'"#),
    ];
    for (reason, script) in scripts {
        let case = case(&registry, r#"{"credHelpers": {"HOST": "x"}}"#);
        helper(&case, "x", script);
        let output = run(&case, case.0.path(), &registry, &[]);
        assert_eq!(verdict(&output), ("unverified".to_owned(), "secret-unknown".to_owned()), "{output}");
        assert!(output.stderr.contains(reason), "{output}");
        assert!(!format!("{output}").contains(PASSWORD), "{output}");
        assert_eq!(output.status, Some(0), "{output}");
    }
}

#[test]
fn hostile_helper_names_and_folders_run_no_program() {
    let registry = registry();
    let case = case(&registry, r#"{"credHelpers": {"HOST": "../x"}}"#);
    helper(&case, "x", ANSWER);
    run(&case, case.0.path(), &registry, &[]).assert_stderr_has("letters, digits");
    std::fs::write(case.0.path().join("config.json"), format!(r#"{{"credHelpers": {{"{}": "x"}}}}"#, registry.host()))
        .unwrap();
    run(&case, Path::new("."), &registry, &[]).assert_stderr_has("no program docker-credential-x");
    assert!(!case.0.path().join("log").exists());
}

#[test]
fn no_helper_runs_offline_or_for_a_cluster_secret() {
    let registry = registry();
    let case = case(&registry, r#"{"credHelpers": {"HOST": "x"}}"#);
    helper(&case, "x", ANSWER);
    let output = run(&case, case.0.path(), &registry, &["--offline"]);
    assert_eq!((verdict(&output), output.stderr.as_str()), (("unverified".into(), "offline".into()), ""));
    let host = registry.host();
    std::fs::rename(case.0.path().join("config.json"), case.0.path().join("secret.json")).unwrap();
    std::fs::write(case.0.path().join("config.json"), config(&["quay.io"])).unwrap();
    run(&case, case.0.path(), &registry, &["--pull-secret", "one=secret.json"]);
    assert!(!case.0.path().join("log").exists(), "{host}");
}
