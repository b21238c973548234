//! Pull secrets whose content is not in the inputs, or not all of it: placeholders, what operators make, what controllers
//! copy and what adds pull secrets to pods. A private registry tells what is sent.
#![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pullcheck_support::{Access, Registry, Run};
use serde_json::Value;
use tempfile::TempDir;

/// What came of one run.
struct Told {
    /// The verdict of each image, with its cause.
    verdicts: Vec<String>,
    /// The rules of the errors and warnings, and of what says that something is not verified.
    rules: Vec<String>,
    /// The passwords that were sent.
    sent: Vec<String>,
    status: Option<i32>,
}

/// Lets in who says `ops:good`.
fn registry() -> Registry {
    let users = vec![("ops".to_owned(), "good".to_owned())];
    Registry::start(|script| {
        script.image("acme/api", "1").access(Access::Basic(users));
    })
}

fn check(text: &str, args: &[&str]) -> Told {
    let server = registry();
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("a.yaml"), text.replace("HOST", &server.host())).unwrap();
    let output = Run::new(env!("CARGO_BIN_EXE_pullcheck"))
        .within(folder.path())
        .args(["--format", "json", "--plain-http", &server.host()])
        .args(args)
        .output();
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output}"));
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let list = |key: &str| report[key].as_array().unwrap().clone();
    let verdict = |image: &Value| format!("{} {}", text(&image["verdict"]), text(&image["cause"])).trim().to_owned();
    let told = |finding: &&Value| finding["severity"] != "note" || finding["rule"] == "unverified-image";
    let rules = list("findings").iter().filter(told).map(|finding| text(&finding["rule"])).collect();
    let authorizations = server.requests().into_iter().filter_map(|request| request.authorization);
    let decoded = authorizations.map(|sent| {
        let bytes = STANDARD.decode(sent.trim_start_matches("Basic ")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    Told {
        verdicts: list("images").iter().map(verdict).collect(),
        rules,
        sent: decoded.collect(),
        status: output.status,
    }
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec:\n  imagePullSecrets: [{name: \
                   regcred}]\n  containers: [{name: a, image: HOST/acme/api:1}]\n---\n";

fn secret(data: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: regcred, namespace: shop}}\ntype: kubernetes.io/dockerconfigjson\n{data}\n"
    )
}

/// A pull secret with a user and a password, once as such, once as `auth`, once all of it in base64.
fn spellings(user: &str, password: &str) -> [String; 3] {
    let json = serde_json::json!({"auths": {"HOST": {"username": user, "password": password}}}).to_string();
    let auth = STANDARD.encode(format!("{user}:{password}"));
    let with_auth = serde_json::json!({"auths": {"HOST": {"auth": auth}}}).to_string();
    [&json, &with_auth, &with_auth]
        .map(|json| format!("stringData: {{.dockerconfigjson: '{}'}}", json.replace('\'', "''")))
}

const PLACEHOLDERS: [&str; 24] = [
    "<path:kv/data/registry#token>",
    "<path:kv/data/registry#token | base64encode>",
    "vault:secret/data/registry#TOKEN",
    "ref+vault://kv/registry#/token",
    "#{registryToken}#",
    "__REGISTRY_TOKEN__",
    "%REGISTRY_TOKEN%",
    "@@TOKEN@@",
    "[[ token ]]",
    "(( grab secrets.token ))",
    "((registry/token))",
    "$(TOKEN)",
    "${TOKEN}",
    "${TOKEN:-none}",
    "${{ secrets.TOKEN }}",
    "{{ token }}",
    "<TOKEN>",
    "<your token here>",
    "REPLACE_ME",
    "op://vault/registry/token",
    "ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]",
    "$REGISTRY_TOKEN",
    "{token}",
    "<<TOKEN>>",
];

#[test]
fn a_placeholder_is_never_sent_and_never_an_error() {
    for placeholder in PLACEHOLDERS {
        let whole = [
            format!("data: {{.dockerconfigjson: '{placeholder}'}}"),
            format!("data: {{.dockerconfigjson: {}}}", STANDARD.encode(placeholder)),
            format!("stringData: {{.dockerconfigjson: '{placeholder}'}}"),
            format!("stringData: {{.dockerconfigjson: '{{\"auths\":{{\"HOST\":\"{placeholder}\"}}}}'}}"),
            format!("stringData: {{.dockerconfigjson: '{{\"auths\":\"{placeholder}\"}}'}}"),
            format!("stringData: {{.dockerconfigjson: '{{\"auths\":{{\"HOST\":{{\"auth\":\"{placeholder}\"}}}}}}'}}"),
            format!(
                "stringData: {{.dockerconfigjson: '{{\"auths\":{{\"HOST\":{{\"identitytoken\":\"{placeholder}\"}}}}}}'}}"
            ),
            format!(
                "stringData: {{.dockerconfigjson: '{{\"auths\":{{\"{placeholder}\":{{\"username\":\"ops\",\"password\":\"good\"}}}}}}'}}"
            ),
        ];
        let parts = spellings("ops", placeholder).into_iter().chain(spellings(placeholder, placeholder));
        for data in whole.into_iter().chain(parts) {
            let told = check(&format!("{POD}{}", secret(&data)), &["--closed"]);
            assert_eq!(told.verdicts, ["unverified secret-unknown"], "{data}");
            assert_eq!((told.rules, told.status), (vec!["unverified-image".to_owned()], Some(0)), "{data}");
            assert_eq!(told.sent, [""; 0], "{data}");
        }
    }
}

#[test]
fn password_resembling_a_placeholder_is_sent() {
    for password in ["pa%ss%word", "__abc__x", "a<b>c", "$ecret", "pa$word", "x[[y", "x]]y((", "@@", "vault:x", "a#{"] {
        for data in spellings("ops", password) {
            let told = check(&format!("{POD}{}", secret(&data)), &[]);
            assert_eq!(told.sent, [format!("ops:{password}")], "{data}");
            assert!(told.rules.contains(&"access-denied".to_owned()), "{data}: {:?}", told.rules);
        }
    }
}

#[test]
fn other_entries_beside_a_placeholder_are_used() {
    let json = r#"{"auths":{"ghcr.io":{"auth":"<path:kv/r#auth>"},"HOST":{"username":"ops","password":"good"}}}"#;
    let told = check(&format!("{POD}{}", secret(&format!("stringData: {{.dockerconfigjson: '{json}'}}"))), &[]);
    assert_eq!((told.verdicts, told.sent), (vec!["pullable".to_owned()], vec!["ops:good".to_owned()]));
    // A key that is known is for its own registry alone.
    let other = json.replace("ghcr.io", "quay.io").replace("HOST", "ghcr.io");
    let told = check(&format!("{POD}{}", secret(&format!("stringData: {{.dockerconfigjson: '{other}'}}"))), &[]);
    assert_eq!(told.verdicts, ["fails auth-required"]);
    assert!(told.rules.contains(&"no-credentials-for-registry".to_owned()), "{:?}", told.rules);
}

#[test]
fn secretgen_annotation_marks_secret_content_as_unknown() {
    let empty = secret("data: {.dockerconfigjson: e30K}");
    let told = check(&format!("{POD}{empty}"), &[]);
    assert!(
        told.rules.contains(&"no-credentials-for-registry".to_owned()) && told.status == Some(1),
        "{:?}",
        told.rules
    );
    let annotated =
        empty.replace("namespace: shop", "namespace: shop, annotations: {secretgen.carvel.dev/image-pull-secret: ''}");
    let told = check(&format!("{POD}{annotated}"), &["--closed"]);
    assert_eq!((told.rules, told.status), (vec!["unverified-image".to_owned()], Some(0)));
}

const GOOD: &str = r#"stringData: {.dockerconfigjson: '{"auths":{"HOST":{"username":"ops","password":"good"}}}'}"#;

/// The Secret that others are copied from, with annotations.
fn source(annotations: &str) -> String {
    secret(GOOD).replace("namespace: shop", &format!("namespace: base, annotations: {{{annotations}}}"))
}

/// A Secret that a controller fills.
fn mirror(annotation: &str) -> String {
    secret("data: {.dockerconfigjson: e30K}")
        .replace("namespace: shop", &format!("namespace: shop, annotations: {{{annotation}: base/regcred}}"))
}

#[test]
fn replicated_secret_uses_its_source_where_allowed() {
    const REPLICATOR: &str = "replicator.v1.mittwald.de/";
    const REFLECTOR: &str = "reflector.v1.k8s.emberstack.com/";
    let of = |source_annotations: &str, annotation: &str| {
        check(&format!("{POD}{}---\n{}", source(source_annotations), mirror(annotation)), &["--closed"])
            .verdicts
            .remove(0)
    };
    let from = format!("{REPLICATOR}replicate-from");
    let allowed = format!("{REPLICATOR}replication-allowed: 'true'");
    assert_eq!(of(&format!("{allowed}, {REPLICATOR}replication-allowed-namespaces: 'a,sh.*'"), &from), "pullable");
    // Without a list the replicator allows no namespace, unless it is told to allow all.
    let listed = format!("{allowed}, {REPLICATOR}replication-allowed-namespaces: ");
    for refused in ["x: y".to_owned(), allowed.clone(), format!("{listed}a"), format!("{listed}''")] {
        assert_eq!(of(&refused, &from), "unverified secret-unknown", "{refused}");
    }
    let reflects = format!("{REFLECTOR}reflects");
    assert_eq!(of(&format!("{REFLECTOR}reflection-allowed: 'true'"), &reflects), "pullable");
    assert_eq!(of(&allowed, &reflects), "unverified secret-unknown", "it is the other one's word");
    // What a pattern says is pushed.
    let pushed = |pattern: &str| {
        let source = source(&format!("{REPLICATOR}replicate-to: '{pattern}'"));
        check(&format!("{POD}{source}"), &["--closed"]).verdicts.remove(0)
    };
    assert_eq!(pushed("sh.*"), "pullable");
    assert_eq!(pushed("team-.*"), "fails auth-required");
    assert_eq!(pushed("s[h]op"), "unverified secret-unknown");
}

#[test]
fn mirrored_secret_without_a_type_is_opaque() {
    let untyped =
        mirror("reflector.v1.k8s.emberstack.com/reflects").replace("type: kubernetes.io/dockerconfigjson\n", "");
    let allowed = source("reflector.v1.k8s.emberstack.com/reflection-allowed: 'true'");
    let told = check(&format!("{POD}{allowed}---\n{untyped}"), &[]);
    assert!(told.rules.contains(&"wrong-secret-type".to_owned()) && told.status == Some(1), "{:?}", told.rules);
}

#[test]
fn secrets_made_by_operators_exist_with_unknown_content() {
    let made = [
        "apiVersion: spv.no/v2beta1\nkind: AzureKeyVaultSecret\nmetadata: {name: x, namespace: shop}\nspec: {output: {secret: {name: regcred, type: kubernetes.io/dockerconfigjson}}}",
        "apiVersion: onepassword.com/v1\nkind: OnePasswordItem\nmetadata: {name: regcred, namespace: shop}\ntype: kubernetes.io/dockerconfigjson",
        "apiVersion: secrets.doppler.com/v1alpha1\nkind: DopplerSecret\nmetadata: {name: x, namespace: doppler}\nspec: {managedSecret: {name: regcred, namespace: shop, type: kubernetes.io/dockerconfigjson}}",
        "apiVersion: isindir.github.com/v1alpha3\nkind: SopsSecret\nmetadata: {name: x, namespace: shop}\nspec: {secretTemplates: [{name: y}, {name: regcred, type: kubernetes.io/dockerconfigjson}]}",
        "apiVersion: secrets.infisical.com/v1alpha1\nkind: InfisicalSecret\nmetadata: {name: x}\nspec: {managedKubeSecretReferences: [{secretName: regcred, secretNamespace: shop, secretType: kubernetes.io/dockerconfigjson}]}",
        "apiVersion: secrets.infisical.com/v1beta1\nkind: InfisicalStaticSecret\nmetadata: {name: x}\nspec: {targets: [{kind: ConfigMap, name: y, namespace: shop}, {kind: Secret, name: regcred, namespace: shop, secretType: kubernetes.io/dockerconfigjson}]}",
        "apiVersion: k8s.bitwarden.com/v1\nkind: BitwardenSecret\nmetadata: {name: x, namespace: shop}\nspec: {secretName: regcred}",
        "apiVersion: secretgen.carvel.dev/v1alpha1\nkind: SecretImport\nmetadata: {name: regcred, namespace: shop}\nspec: {fromNamespace: base}",
        "apiVersion: secretgen.carvel.dev/v1alpha1\nkind: SecretTemplate\nmetadata: {name: regcred, namespace: shop}\nspec: {template: {type: kubernetes.io/dockerconfigjson}}",
        "apiVersion: kubernetes-client.io/v1\nkind: ExternalSecret\nmetadata: {name: regcred, namespace: shop}\nspec: {template: {type: kubernetes.io/dockerconfigjson}}",
        "apiVersion: ricoberger.de/v1alpha1\nkind: VaultSecret\nmetadata: {name: regcred, namespace: shop}\nspec: {type: kubernetes.io/dockerconfigjson}",
        "apiVersion: clustersecret.io/v1\nkind: ClusterSecret\nmetadata: {name: regcred}\ntype: kubernetes.io/dockerconfigjson\nmatchNamespace: [shop]\ndata: {valueFrom: {secretKeyRef: {name: a, namespace: b}}}",
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: x}\nspec: {rules: [{name: y, generate: {kind: Secret, name: regcred, namespace: '{{request.object.metadata.name}}', clone: {name: regcred, namespace: base}}}]}",
    ];
    for yaml in made {
        let told = check(&format!("{POD}{yaml}\n"), &["--closed"]);
        assert_eq!((told.rules, told.status), (vec!["unverified-image".to_owned()], Some(0)), "{yaml}");
        assert_eq!(told.verdicts, ["unverified secret-unknown"], "{yaml}");
    }
    let elsewhere = made[2].replace("namespace: shop", "namespace: other");
    assert_eq!(check(&format!("{POD}{elsewhere}\n"), &["--closed"]).status, Some(1));
    let untyped = made[1].replace("type: kubernetes.io/dockerconfigjson", "spec: {itemPath: x}");
    assert_eq!(check(&format!("{POD}{untyped}\n"), &["--closed"]).rules, ["wrong-secret-type"]);
    let untyped = made[8].replace("type: kubernetes.io/dockerconfigjson", "data: {a: b}");
    assert_eq!(check(&format!("{POD}{untyped}\n"), &["--closed"]).rules, ["wrong-secret-type"]);
    // The documented way to encrypt a SopsSecret takes the names with it.
    let encrypted = made[3].replace("regcred", "'ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]'");
    assert_eq!(check(&format!("{POD}{encrypted}\n"), &["--closed"]).verdicts, ["unverified secret-unknown"]);
    assert_eq!(check(&format!("{POD}{}\n", made[3].replace("regcred", "other")), &["--closed"]).status, Some(1));
    for name in ["regcred", "regcred-registrycreds"] {
        let pod = POD.replace("regcred", name);
        let cluster = "apiVersion: ops.alexellis.io/v1\nkind: ClusterPullSecret\nmetadata: {name: regcred}\nspec: {secretRef: {name: a, namespace: b}}";
        assert_eq!(check(&format!("{pod}{cluster}\n"), &["--closed"]).verdicts, ["unverified secret-unknown"]);
    }
}

#[test]
fn cluster_secret_copies_its_data_to_matching_namespaces() {
    let cluster = |namespaces: &str| {
        let data = STANDARD.encode(r#"{"auths":{"HOSTNAME":{"username":"ops","password":"good"}}}"#);
        let server = registry();
        let data = STANDARD
            .encode(String::from_utf8(STANDARD.decode(data).unwrap()).unwrap().replace("HOSTNAME", &server.host()));
        let text = format!(
            "{POD}apiVersion: clustersecret.io/v1\nkind: ClusterSecret\nmetadata: {{name: regcred}}\ntype: \
             kubernetes.io/dockerconfigjson\n{namespaces}\ndata: {{.dockerconfigjson: {data}}}\n"
        );
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("a.yaml"), text.replace("HOST", &server.host())).unwrap();
        let output = Run::new(env!("CARGO_BIN_EXE_pullcheck"))
            .within(folder.path())
            .args(["--closed", "--format", "json", "--plain-http", &server.host()])
            .output();
        let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output}"));
        report["images"][0]["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(cluster("matchNamespace: ['sh.*']"), "pullable");
    assert_eq!(cluster("matchNamespace: [s]"), "pullable", "a pattern is matched at the beginning");
    assert_eq!(cluster("matchNamespace: ['team-.*']"), "fails");
    assert_eq!(cluster("x: y"), "pullable");
    assert_eq!(cluster("avoidNamespaces: [shop]"), "unverified");
}

const BARE: &str = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: app, namespace: shop}\n---\napiVersion: v1\nkind: \
                    Pod\nmetadata: {name: web, namespace: shop}\nspec:\n  serviceAccountName: app\n  containers: [{name: a, \
                    image: HOST/acme/api:1}]\n---\n";

#[test]
fn pull_secret_injectors_make_images_unverified() {
    let patchers = [
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: x}\nspec: {rules: [{name: y, mutate: {patchStrategicMerge: {spec: {imagePullSecrets: [{name: a}]}}}}]}",
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: x}\nspec: {rules: [{name: y, mutate: {foreach: [{patchesJson6902: '- {op: add, path: /spec/imagePullSecrets}'}]}}]}",
        "apiVersion: kyverno.io/v1\nkind: Policy\nmetadata: {name: x, namespace: shop}\nspec: {rules: [{name: y, mutate: {patchStrategicMerge: {'+(imagePullSecrets)': [{name: a}]}}}]}",
        "apiVersion: policies.kyverno.io/v1alpha1\nkind: MutatingPolicy\nmetadata: {name: x}\nspec: {mutations: [{applyConfiguration: {expression: 'Object{spec: Object.spec{imagePullSecrets: [a]}}'}}]}",
        "apiVersion: mutations.gatekeeper.sh/v1\nkind: Assign\nmetadata: {name: x}\nspec: {location: 'spec.imagePullSecrets[name: a].name'}",
        "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: imagepullsecret-injector}\nwebhooks: []",
        "apiVersion: ops.alexellis.io/v1\nkind: ClusterPullSecret\nmetadata: {name: x}\nspec: {secretRef: {name: a, namespace: b}}",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x, namespace: x}\nspec: {template: {spec: {containers: [{name: p, image: HOST/titansoft/imagepullsecret-patcher:v0.14, imagePullPolicy: Never}]}}}",
    ];
    for yaml in patchers {
        for args in [&[][..], &["--closed"]] {
            let told = check(&format!("{BARE}{yaml}\n"), args);
            assert_eq!(told.verdicts[0], "unverified secret-unknown", "{yaml}");
            assert!(
                told.rules.contains(&"unverified-image".to_owned()) && told.status == Some(0),
                "{yaml}: {:?}",
                told.rules
            );
        }
    }
    let elsewhere = patchers[2].replace("namespace: shop", "namespace: other");
    assert_eq!(check(&format!("{BARE}{elsewhere}\n"), &[]).rules, ["missing-pull-secret"]);
    let only_checked = patchers[0].replace("mutate: {patchStrategicMerge", "validate: {pattern");
    assert_eq!(check(&format!("{BARE}{only_checked}\n"), &[]).rules, ["missing-pull-secret"]);
    // A list of the pod's own hides what its service account gets.
    let own = BARE.replace("  serviceAccountName: app\n", "  imagePullSecrets: [{name: ''}]\n");
    assert_eq!(check(&format!("{own}{}\n", patchers[6]), &["--closed"]).rules, ["missing-pull-secret"]);
}

#[test]
fn secret_generator_makes_a_missing_pull_secret_uncertain() {
    let makers = [
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: x}\nspec: {rules: [{name: y, generate: {cloneList: {namespace: base, kinds: [v1/Secret]}}}]}",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x, namespace: x}\nspec: {template: {spec: {containers: [{name: p, image: HOST/nabsul/k8s-ecr-login-renew:1, imagePullPolicy: Never}]}}}",
    ];
    for yaml in makers {
        let told = check(&format!("{POD}{yaml}\n"), &["--closed"]);
        assert_eq!(
            (told.rules.as_slice(), told.status),
            (&["undefined-pull-secret".to_owned()][..], Some(0)),
            "{yaml}"
        );
    }
    assert_eq!(check(POD, &["--closed"]).status, Some(1));
}

/// What `POD` pulls with, and something that may write another image into it.
fn rewriters() -> Vec<(&'static str, bool)> {
    let kyverno = |mutate: &str, filter: &str| -> &'static str {
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: a}}\nspec:\n  rules:\n  - name: a\n    match: \
             {{any: [{{resources: {{kinds: [Pod]{filter}}}}}]}}\n    mutate: {mutate}\n"
        )
        .leak()
    };
    let merge = "{foreach: [{list: request.object.spec.containers, patchStrategicMerge: {spec: {containers: [{name: '{{ element.name }}', image: \
                 'r.example/{{ element.image }}'}]}}}]}";
    let condition = "{patchStrategicMerge: {spec: {containers: [{(image): '*:latest', imagePullPolicy: Always}]}}}";
    let sidecar = "{patchStrategicMerge: {spec: {containers: [{name: agent, image: 'vault:1.5.4'}]}}}";
    let json = "{patchesJson6902: '[{op: replace, path: /spec/containers/0/image, value: a}]'}";
    let webhook = |name: &str, selector: &str| -> &'static str {
        format!(
            "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {{name: {name}}}\n\
             webhooks: [{{name: pods.example.com, namespaceSelector: {selector}}}]\n"
        )
        .leak()
    };
    let named = |operator: &str, name: &str| {
        format!("{{matchExpressions: [{{key: kubernetes.io/metadata.name, operator: {operator}, values: [{name}]}}]}}")
    };
    vec![
        (kyverno(merge, ""), true),
        (kyverno(json, ""), true),
        (kyverno(merge, ", namespaces: ['sh*']"), true),
        (kyverno(merge, ", namespaces: [base]"), false),
        (kyverno(condition, ""), false),
        (kyverno(sidecar, ""), false),
        (webhook("imageswap-webhook", "{matchLabels: {k8s.twr.io/imageswap: enabled}}"), true),
        (webhook("k8s-image-swapper", &named("In", "base")), false),
        (webhook("k8s-image-swapper", &named("NotIn", "base")), true),
        (webhook("cert-manager-webhook", "{}"), false),
        (
            "apiVersion: mutations.gatekeeper.sh/v1\nkind: AssignImage\nmetadata: {name: a}\nspec: {location: \
             'spec.containers[name:*].image', parameters: {assignDomain: r.example}, match: {namespaces: [shop]}}\n",
            true,
        ),
        (
            "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicy\nmetadata: {name: a}\nspec: \
             {mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: \"Object{spec: Object.spec{x: \
             object.spec.containers.map(c, Object.spec.containers{name: c.name, image: 'b'})}}\"}}]}\n",
            true,
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: base}\nspec: {template: {spec: \
             {containers: [{name: a, image: 'r.invalid/estahn/k8s-image-swapper:1', imagePullPolicy: Never}]}}}\n",
            true,
        ),
    ]
}

#[test]
fn image_rewriters_make_images_unverified() {
    let own = secret(GOOD);
    for (object, rewrites) in rewriters() {
        for (image, as_written) in [("acme/api:1", "pullable"), ("acme/api:2", "fails absent")] {
            let told = check(&format!("{}{own}---\n{object}", POD.replace("acme/api:1", image)), &[]);
            let expected = if rewrites { "unverified rewritten-at-admission" } else { as_written };
            assert!(told.verdicts.contains(&expected.to_owned()), "{object}: {:?}", told.verdicts);
            if rewrites {
                let of_images = told.rules.iter().filter(|rule| rule.ends_with("-image") || rule.starts_with("image-"));
                assert_eq!(of_images.collect::<Vec<_>>(), ["unverified-image"], "{object}");
                assert_eq!(told.status, Some(0), "{object}");
            }
        }
    }
}

#[test]
fn placeholder_credential_leaves_a_public_image_unverified() {
    let public = Registry::start(|script| {
        script.image("acme/api", "1");
    });
    let run = |json: &str| {
        let data = secret(&format!("stringData: {{.dockerconfigjson: '{json}'}}"));
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("a.yaml"), format!("{POD}{data}").replace("HOST", &public.host())).unwrap();
        let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path());
        let output = run.args(["--format", "json", "--plain-http", &public.host()]).output().assert_status(0);
        let report: Value = serde_json::from_str(&output.stdout).unwrap();
        let image = &report["images"][0];
        let told = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|finding| finding["rule"] == "unverified-image")
            .cloned();
        let message = told.map(|finding| finding["message"].as_str().unwrap().to_owned()).unwrap_or_default();
        (image["verdict"].as_str().unwrap().to_owned(), message)
    };
    let (verdict, message) = run(r#"{"auths":{"HOST":{"username":"ops","password":"${TOKEN}"}}}"#);
    assert_eq!(verdict, "unverified");
    assert!(message.contains("the image is public") && message.contains("does not fall back"), "{message}");
    let (verdict, _) = run(r#"{"auths":{"ghcr.io":{"username":"ops","password":"${TOKEN}"}}}"#);
    assert_eq!(verdict, "pullable", "it is for another registry");
}

#[test]
fn images_in_policies_are_not_checked() {
    let policies = [
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: x}\nspec: {rules: [{name: a, validate: {pattern: {spec: {containers: [{image: '!*:latest'}]}}}}, {name: b, validate: {anyPattern: [{spec: {containers: [{image: 'HOST/*'}]}}]}}, {name: c, mutate: {patchStrategicMerge: {spec: {template: {spec: {containers: [{name: agent, image: 'vault:1.5.4'}]}}}}}}, {name: d, generate: {kind: Pod, data: {spec: {containers: [{name: a, image: 'nginx:1'}]}}}}]}",
        "apiVersion: kyverno.io/v2\nkind: CleanupPolicy\nmetadata: {name: x}\nspec: {match: {any: [{resources: {containers: [{image: a}]}}]}}",
        "apiVersion: policies.kyverno.io/v1alpha1\nkind: ValidatingPolicy\nmetadata: {name: x}\nspec: {containers: [{image: a}]}",
        "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sAllowedRepos\nmetadata: {name: x}\nspec: {parameters: {containers: [{image: 'a:1'}]}}",
        "apiVersion: policy.open-cluster-management.io/v1\nkind: Policy\nmetadata: {name: x}\nspec: {policy-templates: [{objectDefinition: {spec: {object-templates: [{complianceType: musthave, objectDefinition: {kind: Pod, spec: {containers: [{name: a, image: 'nginx:1'}]}}}]}}}]}",
        "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicy\nmetadata: {name: x}\nspec: {mutations: [{containers: [{image: a}]}]}",
        "apiVersion: policies.kubewarden.io/v1\nkind: ClusterAdmissionPolicy\nmetadata: {name: x}\nspec: {settings: {containers: [{image: a}]}}",
    ];
    for yaml in policies {
        let told = check(&format!("{yaml}\n"), &["--closed"]);
        // What they make objects of is listed.
        let makes = yaml.contains("open-cluster-management") || yaml.contains("generate");
        let listed = if makes { &["skipped pulled-by-another".to_owned()][..] } else { &[] };
        assert_eq!((told.verdicts.as_slice(), told.rules.len(), told.status), (listed, 0, Some(0)), "{yaml}");
    }
}
