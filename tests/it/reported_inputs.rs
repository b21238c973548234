//! Inputs that people met, each with what the kubelet, kubectl or kustomize made of it.
#![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

use pullcheck_support::{Access, Registry, Run};
use serde_json::Value;
use tempfile::TempDir;

/// The report of a folder with these files, in which HOST stands for the registry.
fn report(server: &Registry, files: &[(&str, &str)], args: &[&str]) -> Value {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text.replace("HOST", &server.host())).unwrap();
    }
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path());
    let output = run.args(["--format", "json", "--plain-http", &server.host(), "."]).args(args).output();
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output}"))
}

/// `verdict cause` of each image.
fn verdicts(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let images = report["images"].as_array().unwrap().iter();
    images.map(|image| format!("{} {}", text(&image["verdict"]), text(&image["cause"])).trim().to_owned()).collect()
}

fn rules(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().filter_map(|finding| finding["rule"].as_str()).collect()
}

/// A registry that lets in who says `ops:good`, and nobody else.
fn private() -> Registry {
    Registry::start(|script| {
        script.image("acme/api", "1").access(Access::Basic(vec![("ops".to_owned(), "good".to_owned())]));
    })
}

fn pod(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}, containers: [{{name: a, image: \
         'HOST/acme/api:1'}}]}}\n---\n"
    )
}

fn secret(name: &str, data: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: shop}}\ntype: \
         kubernetes.io/dockerconfigjson\n{data}\n---\n"
    )
}

#[test]
fn index_with_one_platform_fails_for_another_platform() {
    let server = Registry::start(|script| {
        script.repository("acme/api").index("1", &["linux/arm64", "unknown/unknown"]);
    });
    let text = pod("a", "restartPolicy: Never");
    let told = |args: &[&str]| verdicts(&report(&server, &[("a.yaml", &text)], args));
    assert_eq!(told(&[]), ["pullable"], "nobody said what the nodes are");
    assert_eq!(told(&["--platform", "linux/arm64"]), ["pullable"]);
    assert_eq!(told(&["--platform", "linux/amd64"]), ["fails platform"]);
}

#[test]
fn pull_secret_without_a_valid_name_adds_no_credential() {
    let good = r#"stringData: {.dockerconfigjson: '{"auths":{"HOST":{"username":"ops","password":"good"}}}'}"#;
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: app, namespace: shop}\nsecrets: [{name: \
                   good}]\n---\n";
    for spec in [
        "imagePullSecrets: [{name: ''}]",
        "imagePullSecrets: [{name: }]",
        "imagePullSecrets: [{}]",
        // No Secret can be called so.
        "imagePullSecrets: [{name: a/b}, {name: My_Secret}]",
        // Its `secrets` are no pull secrets.
        "serviceAccountName: app",
    ] {
        let server = private();
        let text = format!("{}{account}{}", pod("a", spec), secret("good", good));
        let report = report(&server, &[("a.yaml", &text)], &["--closed"]);
        assert_eq!(verdicts(&report), ["fails auth-required"], "{spec}");
        assert!(server.requests().iter().all(|request| request.authorization.is_none()), "{spec}");
    }
}

#[test]
fn docker_configs_of_other_tools_are_read_as_in_the_kubelet() {
    for (data, verdict, rule) in [
        (
            r#"stringData: {.dockerconfigjson: '{"auths":{"HOST":{}},"credsStore":"desktop"}'}"#,
            "fails auth-required",
            "no-credentials-for-registry",
        ),
        // The kubelet knows no `identitytoken`: what is sent is the user of zeros, with an empty password.
        (
            r#"stringData: {.dockerconfigjson: '{"auths":{"HOST":{"auth":"MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwOg==","identitytoken":"eyJhYmMi"}}}'}"#,
            "fails auth-required",
            "",
        ),
        (
            r#"stringData: {.dockerconfigjson: '{"auths":{"https://HOST/v2/":{"username":"ops","password":"good"}}}'}"#,
            "pullable",
            "committed-credentials",
        ),
        (
            r#"stringData: {.dockerconfigjson: '{"HOST":{"username":"ops","password":"good"}}'}"#,
            "fails auth-required",
            "no-credentials-for-registry",
        ),
        // Base64 of base64.
        ("data: {.dockerconfigjson: ZXlKaGRYUm9jeUk2ZTMxOQ==}", "", "malformed-pull-secret"),
        ("data: {config.json: eyJhdXRocyI6e319}", "", "wrong-secret-type"),
    ] {
        let server = private();
        let text = format!("{}{}", pod("a", "imagePullSecrets: [{name: own}]"), secret("own", data));
        let report = report(&server, &[("a.yaml", &text)], &["--closed"]);
        let found = verdicts(&report);
        if verdict == "pullable" {
            assert_eq!(found, [verdict], "{data}");
        } else {
            assert_ne!(found, ["pullable"], "{data}");
            assert!(found[0].starts_with(verdict.split(' ').next().unwrap_or_default()), "{data}: {found:?}");
        }
        assert!(rule.is_empty() || rules(&report).contains(&rule), "{data}: {:?}", rules(&report));
    }
}

#[test]
fn alias_to_an_anchor_in_another_document_is_rejected() {
    let server = private();
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: &it \
                'HOST/acme/api:1'}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {containers: [{name: b, image: \
                *it}]}\n";
    let report = report(&server, &[("a.yaml", text), ("kustomization.yaml", "resources: [a.yaml]\n")], &[]);
    let errors = report["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == "invalid-yaml");
    let messages: Vec<&str> = errors.filter_map(|finding| finding["message"].as_str()).collect();
    assert!(matches!(messages[..], [message] if message.ends_with("unknown anchor 'it' referenced")), "{messages:?}");
}

#[test]
fn container_deleted_by_a_patch_is_not_checked() {
    let server = Registry::start(|script| {
        script.image("acme/api", "1");
    });
    let base = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {a: b}}\n  \
                template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: app, image: 'HOST/acme/api:1'}, \
                {name: side, image: 'HOST/acme/api:gone'}]}\n";
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: \
                 side, $patch: delete}]}}}\n";
    let files = [
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", base),
        ("over/kustomization.yaml", "resources: [../base]\npatches: [{path: patch.yaml}]\n"),
        ("over/patch.yaml", patch),
    ];
    let report = report(&server, &files, &[]);
    assert!(report["findings"].as_array().unwrap().iter().all(|finding| finding["severity"] != "error"), "{report}");
    let images = report["images"].as_array().unwrap();
    let of = |name: &str| images.iter().filter(|image| image["container"]["name"] == name).collect::<Vec<_>>();
    assert_eq!(of("app").len(), 1);
    assert!(of("side").iter().all(|image| image["verdict"] != "fails" && image["verdict"] != "pullable"), "{report}");
}
