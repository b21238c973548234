//! Which credentials the kubelet would try, from the manifests and the operator's word, as the JSON report has them.
#![expect(clippy::disallowed_methods, reason = "manifests and configurations are files")]

#[cfg(unix)]
mod helpers;

use std::fs;

use pullcheck_support::{Output, Run};
use serde_json::Value;
use tempfile::TempDir;

/// `bob:hunter2`.
const AUTH: &str = "Ym9iOmh1bnRlcjI=";

/// A pull secret with one key.
fn secret(name: &str, key: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\ntype: kubernetes.io/dockerconfigjson\n\
         stringData: {{.dockerconfigjson: '{}'}}\n",
        config(&[key])
    )
}

/// A dockerconfigjson with these keys.
fn config(keys: &[&str]) -> String {
    let entries: Vec<_> = keys.iter().map(|key| format!(r#""{key}": {{"auth": "{AUTH}"}}"#)).collect();
    format!(r#"{{"auths": {{{}}}}}"#, entries.join(", "))
}

/// A service account with this `imagePullSecrets`.
fn account(name: &str, secrets: &str) -> String {
    format!("---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}}}\nimagePullSecrets: {secrets}\n")
}

/// A pod with one image and other fields of its spec.
fn pod(image: &str, rest: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: a, image: '{image}'}}], \
         {rest}}}\n"
    )
}

/// A folder with manifests and what options name.
struct Case(TempDir);

impl Case {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        Self(folder)
    }

    fn run(&self, args: &[&str]) -> Output {
        Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(self.0.path()).arg("a.yaml").args(args).output()
    }

    fn image(&self, args: &[&str]) -> Value {
        let output = self.run(&[&["--format", "json", "--offline"], args].concat());
        let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output}"));
        report["images"][0].clone()
    }
}

/// `account | name via state, … | secret=key, …` of the first image.
fn resolved(manifests: &str, args: &[&str]) -> String {
    let files = [("a.yaml", manifests), ("ghcr.json", &config(&["ghcr.io"])), ("quay.json", &config(&["quay.io"]))];
    summary(&Case::new(&files).image(args))
}

fn summary(image: &Value) -> String {
    let list = |key: &str, line: fn(&Value) -> String| {
        let lines: Vec<_> = image[key].as_array().unwrap().iter().map(line).collect();
        lines.join(", ")
    };
    let text = |value: &Value| value.as_str().unwrap_or("null").to_owned();
    let secrets = list("pull_secrets", |secret| {
        let word = |key: &str| secret[key].as_str().unwrap().to_owned();
        format!("{} {} {}", word("name"), word("via"), word("state"))
    });
    let credentials = list("credentials", |credential| {
        format!("{}={}", credential["secret"].as_str().unwrap_or("null"), credential["written_key"].as_str().unwrap())
    });
    format!("{} | {secrets} | {credentials}", text(&image["service_account"]))
}

const IMAGE: &str = "ghcr.io/acme/api:1";

/// A pull secret of this type, whatever it holds.
fn secret_with(kind: &str, values: &str) -> String {
    format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: regcred}}\ntype: {kind}\n{values}\n")
}

const DOCKER_CONFIG: &str = "kubernetes.io/dockerconfigjson";

#[test]
fn last_duplicate_secret_in_a_file_applies() {
    let malformed = || secret_with(DOCKER_CONFIG, "stringData: {.dockerconfigjson: '{\"auths\": []}'}");
    let pod = || pod(IMAGE, "imagePullSecrets: [{name: regcred}]");
    let good = || secret("regcred", "ghcr.io");
    assert_eq!(resolved(&(malformed() + &good() + &pod()), &[]), "default | regcred pod readable | regcred=ghcr.io");
    assert_eq!(resolved(&(good() + &malformed() + &pod()), &[]), "default | regcred pod malformed | ");
    let accounts = account("default", "[]") + &account("default", "[{name: regcred}]");
    let expected = "default | regcred service-account readable | regcred=ghcr.io";
    assert_eq!(resolved(&(good() + &accounts + &self::pod(IMAGE, "")), &[]), expected);
}

#[test]
fn conflicting_secrets_in_two_files_are_uncertain() {
    let opaque = secret_with("Opaque", "stringData: {}");
    let malformed = secret_with(DOCKER_CONFIG, "stringData: {.dockerconfigjson: '{\"auths\": []}'}");
    let good = secret("regcred", "ghcr.io");
    let pod = pod(IMAGE, "imagePullSecrets: [{name: regcred}]");
    let cases = [
        (&malformed, &good, "default | regcred pod opaque | "),
        (&opaque, &good, "default | regcred pod opaque | "),
        (&opaque, &opaque, "default | regcred pod ignored | "),
        (&good, &good, "default | regcred pod readable | regcred=ghcr.io"),
    ];
    for (dev, prod, expected) in cases {
        let case = Case::new(&[("a.yaml", &pod), ("dev.yaml", dev), ("prod.yaml", prod)]);
        let args = ["dev.yaml", "prod.yaml"];
        assert_eq!(summary(&case.image(&args)), expected, "{dev} {prod}");
        assert_eq!(case.image(&args)["verdict"], "unverified", "{dev} {prod}");
    }
    let accounts = [account("default", "[]"), account("default", "[{name: regcred}]")];
    let pod = self::pod(IMAGE, "");
    let case = Case::new(&[("a.yaml", &(good + &pod)), ("dev.yaml", &accounts[0]), ("prod.yaml", &accounts[1])]);
    assert_eq!(summary(&case.image(&["dev.yaml", "prod.yaml", "--closed"])), "default |  | ");
}

#[test]
fn a_service_account_that_is_declared_in_two_namespaces_exists() {
    let case = Case::new(&[("a.yaml", &pod(IMAGE, "serviceAccountName: ci"))]);
    let facts = ["--offline", "--closed", "--service-account", "dev/ci=one", "--service-account", "prod/ci="];
    let output = case.run(&facts);
    assert!(!output.stdout.contains("undefined-service-account"), "{output}");
    assert_eq!(output.status, Some(0), "{output}");
}

#[test]
fn all_data_is_decoded_before_string_data_overwrites_it() {
    let state = |values: &str| {
        let manifests = secret_with(DOCKER_CONFIG, values) + &pod(IMAGE, "imagePullSecrets: [{name: regcred}]");
        let image = Case::new(&[("a.yaml", &manifests)]).image(&[]);
        let secret = &image["pull_secrets"][0];
        let word = |key: &str| secret[key].as_str().unwrap_or("null").to_owned();
        format!("{}: {}", word("state"), word("reason"))
    };
    let plain = "stringData: {.dockerconfigjson: '{}'}";
    let not_base64 = "malformed: illegal base64 data at input byte 0";
    assert_eq!(state(&format!("data: {{.dockerconfigjson: '!'}}\n{plain}")), not_base64);
    assert_eq!(state(&format!("data: {{other: '!'}}\n{plain}")), not_base64);
    assert_eq!(state(&format!("data: {{other: '${{FILLED_IN}}'}}\n{plain}")), "readable: null");
    // `null` is the empty string, and no JSON.
    let empty = "malformed: unexpected end of JSON input";
    assert_eq!(state("data: {.dockerconfigjson: null}"), empty);
    assert_eq!(state("data: {.dockerconfigjson: e30=}\nstringData: {.dockerconfigjson: null}"), empty);
}

#[test]
fn pull_secrets_come_from_the_pod_or_its_service_account() {
    let both = || secret("one", "ghcr.io") + &secret("two", "ghcr.io");
    let default = || account("default", "[{name: one}, {name: two}]");
    let cases = [
        (
            "the pod's own",
            both() + &pod(IMAGE, "imagePullSecrets: [{name: two}]"),
            "default | two pod readable | two=ghcr.io",
        ),
        (
            "the account's, in its order",
            both() + &account("default", "[{name: two}, {name: one}]") + &pod(IMAGE, ""),
            "default | two service-account readable, one service-account readable | two=ghcr.io, one=ghcr.io",
        ),
        (
            "all or nothing",
            both() + &default() + &pod(IMAGE, "imagePullSecrets: [{name: two}]"),
            "default | two pod readable | two=ghcr.io",
        ),
        ("an empty entry is a list", both() + &default() + &pod(IMAGE, "imagePullSecrets: [{}]"), "default |  | "),
        ("an empty name too", both() + &default() + &pod(IMAGE, "imagePullSecrets: [{name: ''}]"), "default |  | "),
        ("and null", both() + &default() + &pod(IMAGE, "imagePullSecrets: [null]"), "default |  | "),
        (
            "an empty list is none",
            both() + &default() + &pod(IMAGE, "imagePullSecrets: []"),
            "default | one service-account readable, two service-account readable | one=ghcr.io, two=ghcr.io",
        ),
        (
            "the alias",
            both() + &account("ci", "[{name: one}]") + &pod(IMAGE, "serviceAccount: ci"),
            "ci | one service-account readable | one=ghcr.io",
        ),
        (
            "the alias gives way",
            both() + &account("ci", "[{name: one}]") + &pod(IMAGE, "serviceAccount: cd, serviceAccountName: ci"),
            "ci | one service-account readable | one=ghcr.io",
        ),
        (
            "an empty name is the alias",
            both() + &account("ci", "[{name: one}]") + &pod(IMAGE, "serviceAccount: ci, serviceAccountName: ''"),
            "ci | one service-account readable | one=ghcr.io",
        ),
        (
            "an empty name of the account",
            both() + &account("default", "[{}, {name: one}]") + &pod(IMAGE, ""),
            "default | one service-account readable | one=ghcr.io",
        ),
        ("unknown account", both() + &pod(IMAGE, "serviceAccountName: ci"), "ci |  | "),
    ];
    for (what, manifests, expected) in cases {
        assert_eq!(resolved(&manifests, &[]), expected, "{what}");
    }
}

#[test]
fn object_without_a_namespace_matches_any_namespace() {
    let there = secret("one", "ghcr.io").replace("{name: one}", "{name: one, namespace: shop}");
    let naming = pod(IMAGE, "imagePullSecrets: [{name: one}]");
    let elsewhere = naming.replace("{name: a}", "{name: a, namespace: other}");
    let readable = "default | one pod readable | one=ghcr.io";
    let missing = "default | one pod missing | ";
    assert_eq!(resolved(&(there.clone() + &naming), &[]), readable);
    assert_eq!(resolved(&(there.clone() + &naming), &["-n", "shop"]), readable);
    assert_eq!(resolved(&(there.clone() + &naming), &["-n", "other"]), missing);
    assert_eq!(resolved(&(there + &elsewhere), &[]), missing);
}

#[test]
fn operator_options_override_accounts_and_pull_secrets() {
    let plain = pod(IMAGE, "");
    let naming = pod(IMAGE, "imagePullSecrets: [{name: one}]");
    let in_shop = naming.replace("{name: a}", "{name: a, namespace: shop}");
    let declared = ["--service-account", "default=one", "--pull-secret", "one=ghcr.json"];
    let supplied = "default | one pod supplied | one=ghcr.io";
    let of = |at: &[&'static str], file| [at, &["--pull-secret", file]].concat();
    let account = secret("two", "quay.io") + &account("default", "[{name: two}]") + &plain;
    let cases: [(&str, &str, Vec<&str>, &str); 11] = [
        ("an account", &plain, declared.to_vec(), "default | one service-account supplied | one=ghcr.io"),
        ("over the inputs'", &account, declared.to_vec(), "default | one service-account supplied | one=ghcr.io"),
        ("of another namespace", &in_shop, of(&[], "other/one=ghcr.json"), "default | one pod missing | "),
        ("of this namespace", &in_shop, of(&["--pull-secret", "one=quay.json"], "shop/one=ghcr.json"), supplied),
        (
            "which of two",
            &naming,
            of(&["--pull-secret", "a/one=ghcr.json"], "b/one=quay.json"),
            "default | one pod assumed | ",
        ),
        ("assumed", &naming, vec!["--assume-pull-secret", "o*"], "default | one pod assumed | "),
        ("closed", &naming, vec!["--closed"], "default | one pod missing | "),
        ("all that lack", &naming, vec!["--dockerconfigjson", "ghcr.json"], supplied),
        (
            "assumed goes first",
            &naming,
            vec!["--dockerconfigjson", "ghcr.json", "--assume-pull-secret", "shop/one"],
            "default | one pod assumed | ",
        ),
        ("never without a reference", &plain, vec!["--dockerconfigjson", "ghcr.json"], "default |  | "),
        (
            "its own content first",
            &naming,
            of(&["--dockerconfigjson", "ghcr.json", "--assume-pull-secret", "one"], "one=quay.json"),
            "default | one pod supplied | ",
        ),
    ];
    for (what, manifests, args, expected) in cases {
        assert_eq!(resolved(manifests, &args), expected, "{what}");
    }
    let reason = Case::new(&[("a.yaml", &naming), ("ghcr.json", &config(&["ghcr.io"]))]);
    let reason = &reason.image(&["--pull-secret", "one=ghcr.json"])["pull_secrets"][0]["reason"];
    assert_eq!(reason, "its content is that of ghcr.json");
}

#[test]
fn node_credentials_come_last_and_only_at_their_registries() {
    let own = secret("one", "gcr.io/acme") + &pod("gcr.io/acme/api:1", "imagePullSecrets: [{name: one}]");
    let files = [("a.yaml", own.as_str()), ("node.json", &config(&["gcr.io", "ghcr.io"]))];
    let case = Case::new(&files);
    let supplied = ["--dockerconfigjson", "node.json"];
    let expected = "default | one pod readable | one=gcr.io/acme, null=gcr.io";
    assert_eq!(summary(&case.image(&supplied)), expected);
    let none = [&supplied[..], &["--node-credentials", "none"]].concat();
    assert_eq!(summary(&case.image(&none)), "default | one pod readable | one=gcr.io/acme");
    let hub = pod("nginx:1", "");
    let case = Case::new(&[("a.yaml", &hub), ("node.json", &config(&["https://index.docker.io/v1/"]))]);
    let nodes = [&supplied[..], &["--node-credentials", "docker.io"]].concat();
    assert_eq!(summary(&case.image(&nodes)), "default |  | null=https://index.docker.io/v1/");
    assert_eq!(summary(&case.image(&supplied)), "default |  | ");
}

#[test]
fn config_supplied_for_two_secrets_is_tried_once() {
    let naming = pod("gcr.io/acme/api:1", "imagePullSecrets: [{name: one}, {name: two}]");
    let case = Case::new(&[("a.yaml", &naming), ("node.json", &config(&["gcr.io"]))]);
    let image = case.image(&["--dockerconfigjson", "node.json"]);
    assert_eq!(summary(&image), "default | one pod supplied, two pod supplied | one=gcr.io");
}

#[test]
fn wildcard_credentials_apply_only_to_allowed_hosts() {
    let naming = pod(IMAGE, "imagePullSecrets: [{name: one}]");
    let case = Case::new(&[("a.yaml", &naming), ("wild.json", &config(&["*.io"]))]);
    for option in [["--pull-secret", "one=wild.json"], ["--dockerconfigjson", "wild.json"]] {
        assert_eq!(summary(&case.image(&option)), "default | one pod supplied | ");
        let allowed = [&option[..], &["--credential-hosts", "ghcr.io"]].concat();
        assert_eq!(summary(&case.image(&allowed)), "default | one pod supplied | one=*.io");
    }
}

#[test]
fn effective_pull_policy_honors_always_pull_images() {
    let with = |kind: &str, policy: &str| {
        let policy = if policy.is_empty() { String::new() } else { format!(", imagePullPolicy: {policy}") };
        pod(IMAGE, "").replace("api:1'", &format!("api:1'{policy}")).replace("kind: Pod", kind)
    };
    let template = |policy: &str| {
        with("kind: Pod", policy)
            .replace("apiVersion: v1\nkind: Pod", "apiVersion: apps/v1\nkind: Deployment")
            .replace("spec: {", "spec: {template: {spec: {")
            .replace("}], }", "}]}}}")
    };
    let always = &["--always-pull-images"][..];
    let cases = [
        (with("kind: Pod", ""), &[][..], Value::Null, Value::from("IfNotPresent"), "unverified"),
        (with("kind: Pod", "Never"), &[], Value::from("Never"), Value::from("Never"), "not-pulled"),
        (with("kind: Pod", "Never"), always, Value::from("Never"), Value::from("Always"), "unverified"),
        (with("kind: Pod", "always"), &[], Value::from("always"), Value::Null, "unverified"),
        (with("kind: Pod", "always"), always, Value::from("always"), Value::from("Always"), "unverified"),
        (template("always"), always, Value::from("always"), Value::Null, "unverified"),
        (template("IfNotPresent"), always, Value::from("IfNotPresent"), Value::from("Always"), "unverified"),
    ];
    for (manifest, args, declared, effective, verdict) in cases {
        let image = Case::new(&[("a.yaml", &manifest)]).image(args);
        assert_eq!(image["declared_pull_policy"], declared, "{manifest}");
        assert_eq!(image["pull_policy"], effective, "{manifest} {args:?}");
        assert_eq!(image["verdict"], verdict, "{manifest} {args:?}");
    }
}

#[test]
fn malformed_credential_options_are_usage_errors() {
    let case =
        Case::new(&[("a.yaml", &pod(IMAGE, "")), ("bad.json", r#"{"auths": []}"#), ("c.json", &config(&["a.io"]))]);
    for (args, message) in [
        (&["--service-account", "ci"][..], "[NAMESPACE/]NAME=SECRET"),
        (&["--service-account", "ci=a", "--service-account", "ci=b"], "given twice"),
        (&["--pull-secret", "one"], "[NAMESPACE/]NAME=FILE"),
        (&["--pull-secret", "one=none.json"], "none.json"),
        (&["--pull-secret", "one=bad.json"], "is not a dockerconfigjson"),
        (&["--pull-secret", "one=c.json", "--pull-secret", "one=c.json"], "given twice"),
        (&["--assume-pull-secret", "a/b/c"], "NAMESPACE/NAME"),
        (&["--node-credentials", "a b"], "not a host"),
    ] {
        case.run(args).assert_status(2).assert_stderr_has(message);
    }
}

/// A Deployment in block style, as charts and templates are written.
fn template(spec: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec:\n  template:\n    spec:\n      {spec}\n      \
         containers: [{{name: a, image: '{IMAGE}'}}]\n"
    )
}

#[test]
fn placeholder_pull_secrets_and_accounts_are_unknown() {
    let unknown = |name: &str| format!("default | {name} pod opaque | ");
    let accounts = || account("default", "[]");
    for (spec, expected) in [
        ("imagePullSecrets: {{ toYaml .Values.secrets }}", unknown("{{ … }}")),
        ("imagePullSecrets: ${SECRETS}", unknown("${SECRETS}")),
        ("imagePullSecrets: ['${SECRET}']", unknown("${SECRET}")),
        ("imagePullSecrets: [{{ .Values.secret }}]", unknown("{{ … }}")),
        ("imagePullSecrets: [{name: {{ .Values.secret }}}]", unknown("{{ … }}")),
        ("serviceAccountName: {{ .Values.account }}", "{{ … }} |  | ".to_owned()),
    ] {
        let case = Case::new(&[("a.yaml", &(accounts() + &template(spec)))]);
        assert_eq!(summary(&case.image(&["--closed"])), expected, "{spec}");
        case.run(&["--offline", "--closed"]).assert_status(0);
    }
    let lists = account("default", "{{ toYaml .Values.secrets }}") + &template("dnsPolicy: Default");
    assert_eq!(resolved(&lists, &["--closed"]), "default | {{ … }} service-account opaque | ");
}

#[test]
fn object_with_a_placeholder_name_may_match_a_reference() {
    let in_namespace =
        |object: String, namespace: &str| object.replacen("}\n", &format!(", namespace: '{namespace}'}}\n"), 1);
    let pod = |namespace: &str| in_namespace(template("imagePullSecrets: [{name: regcred}]"), namespace);
    let with_account = || template("serviceAccountName: ci");
    for manifests in [
        in_namespace(secret("regcred", "ghcr.io"), "${NAMESPACE}") + &pod("shop"),
        in_namespace(secret("regcred", "ghcr.io"), "{{ .Values.one }}") + &pod("{{ .Values.other }}"),
        secret("'{{ .Release.Name }}-pull'", "ghcr.io") + &pod("shop"),
        secret("{{ .Values.name }}", "ghcr.io") + &pod("shop"),
        account("'{{ .Release.Name }}'", "[]") + &with_account(),
        in_namespace(account("ci", "[]"), "${NAMESPACE}") + &in_namespace(with_account(), "shop"),
        format!("{}data: {{{{ .Values.data }}}}\n", secret_with(DOCKER_CONFIG, "immutable: true")) + &pod("shop"),
    ] {
        Case::new(&[("a.yaml", &manifests)]).run(&["--offline", "--closed"]).assert_status(0);
    }
}

#[test]
fn registry_key_naming_an_image_does_not_mask_the_image() {
    let key = "ghcr.io/acme/api@sha256:0";
    let manifests = secret("regcred", key) + &pod(IMAGE, "imagePullSecrets: [{name: regcred}]");
    let case = Case::new(&[("a.yaml", &manifests)]);
    assert_eq!(case.image(&[])["value"], IMAGE);
    case.run(&["--offline"]).assert_stdout_has(&format!("the key \"{key}\""));
}

#[test]
fn uppercase_scheme_is_not_a_placeholder() {
    let manifests = secret("regcred", "HTTPS://ghcr.io") + &pod(IMAGE, "imagePullSecrets: [{name: regcred}]");
    Case::new(&[("a.yaml", &manifests)]).run(&["--offline"]).assert_stdout_has("ineffective-registry-key");
}
