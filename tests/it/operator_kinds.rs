//! Kinds of operators: what their objects hold, and what of them is not guessed. The rows have their trials beside the
//! pages of the rules.
#![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

use std::collections::BTreeSet;
use std::fs;

use pullcheck::input::gather::{Gathered, gather_sources};
use pullcheck::inventory::{Problem, ReadOptions};
use pullcheck::kubelet::cluster::ClusterFacts;
use pullcheck::kubelet::pull;
use pullcheck::resource::workload::custom::kind::table;
use pullcheck::resource::workload::misplaced::{Misplacement, SecretsForm};
use pullcheck::resource::workload::{ImageText, Skip};
use pullcheck::text::source::{Encoding, Source};
use pullcheck_support::Run;

fn gather(text: &str) -> Gathered {
    gather_sources(vec![Source::new("a.yaml", text, Encoding::Utf8)], ReadOptions::default())
}

#[test]
fn no_two_rows_are_for_the_same_kind() {
    let mut seen = BTreeSet::new();
    for (group, kind) in table().iter().flat_map(|kind| kind.kinds.iter().map(|name| (&kind.group, name))) {
        assert!(seen.insert((group, kind)), "{group} {kind} has two rows");
    }
    assert!(seen.len() > 80, "is the table still read?");
}

#[test]
fn kind_in_another_group_matches_no_row() {
    let bare = |api_version: &str, kind: &str| {
        let text = format!(
            "apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{image: a, package: b, url: 'oci://c', \
             imageName: d, images: [e, {{image: f}}], trainer: {{image: g}}, driver: {{image: h}}, taskSpec: {{stepTemplate: \
             {{image: i}}}}, templates: [{{container: {{image: j}}}}]}}\n"
        );
        gather(&text).inventory.images.len()
    };
    for kind in table() {
        for name in &kind.kinds {
            for group in ["example.com", "x.argoproj.io", "apps", "v1"] {
                let api_version = if group == "v1" { "v1".to_owned() } else { format!("{group}/v1") };
                assert_eq!(bare(&api_version, name), 0, "{api_version} {name}");
            }
        }
        assert_eq!(bare(&format!("{}/v1", kind.group), "Unknown"), 0, "{}", kind.group);
    }
    assert_eq!(bare("monitoring.coreos.com/v1", "Prometheus"), 1);
}

#[test]
fn custom_kinds_in_lists_and_json_are_read() {
    let object = r#"{"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "spec": {"image": "a:1"}}"#;
    let shown = |text: &str| {
        let images = gather(text).inventory.images;
        images.iter().map(|image| format!("{}={}", image.path, image.text.value)).collect::<Vec<_>>()
    };
    assert_eq!(shown(object), ["spec.image=a:1"]);
    let list = format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{object}]}}"#);
    assert_eq!(shown(&list), ["items[0].spec.image=a:1"]);
    let typed = "apiVersion: kubevirt.io/v1\nkind: VirtualMachineList\nitems:\n- spec: {template: {spec: {volumes: \
                 [{containerDisk: {image: 'a:1'}}]}}}\n";
    assert_eq!(shown(typed), ["items[0].spec.template.spec.volumes[0].containerDisk.image=a:1"]);
}

#[test]
fn image_that_the_operator_fills_in_is_not_listed() {
    for value in ["''", "~", "{repository: a}", "1.5"] {
        let text = format!("apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nspec: {{image: {value}}}\n");
        assert_eq!(gather(&text).inventory.images, [], "{value}");
        let elastic = format!(
            "apiVersion: kibana.k8s.elastic.co/v1\nkind: Kibana\nspec: {{image: {value}, podTemplate: {{spec: {{}}}}}}\n"
        );
        assert_eq!(gather(&elastic).inventory.images, [], "{value}");
    }
}

#[test]
fn pull_secrets_in_the_wrong_form_are_reported() {
    let faults = |text: &str| -> Vec<(Misplacement, String)> {
        gather(text).inventory.misplaced.into_iter().map(|secrets| (secrets.fault, secrets.path)).collect()
    };
    let job = |secrets: &str| {
        faults(&format!("apiVersion: apps.kruise.io/v1alpha1\nkind: ImagePullJob\nspec: {{pullSecrets: {secrets}}}\n"))
    };
    let names = [(Misplacement::OtherForm(SecretsForm::Names), "spec.pullSecrets".to_owned())];
    for wrong in ["[{name: a}]", "a", "{name: a}", "[a, {name: b}]"] {
        assert_eq!(job(wrong), names, "{wrong}");
    }
    for right in ["[a]", "[]", "~", "'{{ .Values.secrets }}'", "${SECRETS}", "['{{ .x }}', a]", "{{ .Values.secrets }}"]
    {
        assert_eq!(job(right), [], "{right}");
    }
    let prometheus = |secrets: &str| {
        faults(&format!(
            "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nspec: {{imagePullSecrets: {secrets}}}\n"
        ))
    };
    let objects = [(Misplacement::OtherForm(SecretsForm::Objects), "spec.imagePullSecrets".to_owned())];
    for wrong in ["[a]", "a", "{name: a}"] {
        assert_eq!(prometheus(wrong), objects, "{wrong}");
    }
    for right in ["[{name: a}]", "[{}]", "['{{ .x }}']", "$(x)", "~"] {
        assert_eq!(prometheus(right), [], "{right}");
    }
    let without_parts =
        "apiVersion: sparkoperator.k8s.io/v1beta2\nkind: SparkApplication\nspec: {imagePullSecrets: [{name: a}]}\n";
    let path = "spec.imagePullSecrets".to_owned();
    assert_eq!(faults(without_parts), [(Misplacement::OtherForm(SecretsForm::Names), path)]);
    let machine = |secret: &str| {
        faults(&format!(
            "apiVersion: kubevirt.io/v1\nkind: VirtualMachineInstance\nspec: {{volumes: [{{containerDisk: {{image: a, \
             imagePullSecret: {secret}}}}}]}}\n"
        ))
    };
    let name =
        [(Misplacement::OtherForm(SecretsForm::Name), "spec.volumes[0].containerDisk.imagePullSecret".to_owned())];
    assert_eq!((machine("{name: a}"), machine("[a]")), (name.to_vec(), name.to_vec()));
    assert_eq!((machine("a"), machine("${A}")), (vec![], vec![]));
    let rollout =
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: {template: {spec: {imagePullSecrets: [a]}}}\n";
    let path = "spec.template.spec.imagePullSecrets".to_owned();
    assert_eq!(faults(rollout), [(Misplacement::OtherForm(SecretsForm::Objects), path)]);
}

#[test]
fn credentials_chosen_by_an_operator_are_not_guessed() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: regcred, namespace: system}\ntype: \
                  kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{\"auths\": {\"ghcr.io\": {\"auth\": \
                  \"Ym9iOmh1bnRlcjI=\"}}}'}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: \
                  system}\nimagePullSecrets: [{name: regcred}]\n---\n";
    let credentials = |object: &str| {
        let gathered = gather(&format!("{secret}{object}"));
        let cluster = ClusterFacts { namespace: Some("shop".into()), closed: true, ..ClusterFacts::default() };
        let pull = pull::resolve(&gathered.inventory, &cluster, None).pop().expect("an image");
        let states: Vec<&str> = pull.secrets.iter().map(|secret| secret.state.as_str()).collect();
        (states.join(" "), pull.credentials.len(), pull.blind.len())
    };
    // The pods of a package run in the namespace of Crossplane, whatever that is, and not in `--namespace`.
    let provider = "apiVersion: pkg.crossplane.io/v1\nkind: Provider\nmetadata: {name: p}\nspec: {package: 'ghcr.io/a/b:1', \
                    packagePullSecrets: [{name: regcred}]}\n";
    assert_eq!(credentials(provider), ("readable".to_owned(), 1, 1));
    // Strimzi makes a service account; Prometheus runs as `default` where none is named.
    let kafka = "apiVersion: kafka.strimzi.io/v1\nkind: Kafka\nmetadata: {name: k, namespace: system}\nspec: {kafka: \
                 {image: 'ghcr.io/a/b:1'}}\n";
    assert_eq!(credentials(kafka), (String::new(), 0, 1));
    let prometheus = "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: p, namespace: system}\nspec: \
                      {image: 'ghcr.io/a/b:1'}\n";
    assert_eq!(credentials(prometheus), ("readable".to_owned(), 1, 1));
}

#[test]
fn empty_container_image_is_skipped_if_operator_sets_it() {
    let of = |api: &str, kind: &str, spec: &str| {
        let text = format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n");
        let found = gather(&text).inventory.images;
        found.into_iter().map(|image| image.text.value).collect::<Vec<_>>()
    };
    let pod =
        "spec: {containers: [{name: a, image: \"\"}, {name: b, image: null}, {name: c, image: ghcr.io/acme/c:1}]}";
    let elastic = format!("{{nodeSets: [{{podTemplate: {{{pod}}}}}]}}");
    assert_eq!(of("elasticsearch.k8s.elastic.co/v1", "Elasticsearch", &elastic), ["ghcr.io/acme/c:1"]);
    assert_eq!(of("kibana.k8s.elastic.co/v1", "Kibana", &format!("{{podTemplate: {{{pod}}}}}")), ["ghcr.io/acme/c:1"]);
    // The API server requires one where nothing fills it in.
    let rollout = format!("{{template: {{{pod}}}}}");
    assert_eq!(of("argoproj.io/v1alpha1", "Rollout", &rollout), ["", "null", "ghcr.io/acme/c:1"]);
}

#[test]
fn multiplying_aliases_are_reported_and_not_followed() {
    let many = |alias: &str| vec![alias; 300].join(", ");
    let workflow = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: a}}\nx:\n  i: &i {{inline: {{container: \
         {{image: alpine:1}}}}}}\n  s: &s [{}]\n  t: &t {{steps: [{}]}}\nspec: {{templates: [{}]}}\n",
        many("*i"),
        many("*s"),
        many("*t")
    );
    // Each follow of an alias brings a whole list that is written out.
    let jobs = format!(
        "apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {{name: a}}\nx: &x {{template: {{spec: {{template: \
         {{spec: {{containers: [{}]}}}}}}}}}}\nspec: {{replicatedJobs: [{}]}}\n",
        vec!["{name: a, image: b}"; 2000].join(", "),
        vec!["*x"; 2000].join(", ")
    );
    for text in [workflow, jobs] {
        let found = gather(&text).inventory;
        assert!(found.images.len() < 110_000, "{}", found.images.len());
        assert!(found.problems.iter().any(|problem| problem.message.contains("too many aliases")));
    }
}

#[test]
fn aliases_do_not_multiply_objects_in_a_list() {
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: b}]}}";
    let list = |pods: usize, aliases: usize| {
        let (pods, aliases) = (vec![pod; pods].join(", "), vec!["*x"; aliases].join(", "));
        gather(&format!(
            "apiVersion: v1\nkind: List\nx: &x {{apiVersion: v1, kind: List, items: [{pods}]}}\nitems: [{aliases}]\n"
        ))
        .inventory
    };
    let told = |problems: &[Problem]| problems.iter().any(|problem| problem.message.contains("too many aliases"));
    let (few, many) = (list(20, 10), list(1000, 1000));
    assert_eq!((few.images.len(), told(&few.problems)), (200, false));
    assert!(many.images.len() < 100_000 && told(&many.problems), "{}", many.images.len());
}

#[test]
fn runtime_version_sets_the_image_tag() {
    let digest = format!("ghcr.io/acme/sklearn@sha256:{}", "a".repeat(64));
    for (image, version, wanted) in [
        ("ghcr.io/acme/sklearn", "'1.5.2'", "ghcr.io/acme/sklearn:1.5.2"),
        ("ghcr.io/acme/sklearn:1.0.0", "v2", "ghcr.io/acme/sklearn:v2"),
        ("localhost:5000/sklearn", "v2", "localhost:5000/sklearn:v2"),
        ("ghcr.io/acme/sklearn:1.0.0", "1.5", "ghcr.io/acme/sklearn:1.0.0"),
        (digest.as_str(), "v2", digest.as_str()),
    ] {
        let found = gather(&format!(
            "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {{name: a}}\nspec: {{predictor: \
             {{model: {{image: '{image}', runtimeVersion: {version}}}}}}}\n"
        ))
        .inventory;
        let value = &found.images[0].text.value;
        assert_eq!((value.as_str(), found.images[0].decided_by.len()), (wanted, usize::from(image != wanted)));
    }
}

#[test]
fn configured_kind_without_images_is_noted() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("it can be written");
    let object = |kind: &str| {
        format!("apiVersion: acme.example/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{image: 'ghcr.io/a/b:1'}}\n")
    };
    write("a.yaml", &[object("Shop"), object("Shop"), object("Store")].join("---\n"));
    let row =
        |kind: &str, path: &str| format!("  - {{group: acme.example, kind: {kind}, pods: [{{images: {path}}}]}}\n");
    let kinds = [row("Shop", "spec.imag"), row("Store", "spec.image"), row("Absent", "spec.image")].concat();
    write("kinds.yaml", &format!("kinds:\n{kinds}"));
    let run = || {
        Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path()).args([
            "--offline",
            "--config",
            "kinds.yaml",
            "a.yaml",
        ])
    };
    let output = run().output().assert_status(0);
    let told: Vec<&str> = output.stderr.lines().filter(|line| line.contains("kinds: ")).collect();
    assert_eq!(
        told,
        ["pullcheck: note: kinds: found no image in any of 2 objects of kind Shop (acme.example); check the paths \
             of this kind"]
    );
    assert!(!run().arg("-q").output().assert_status(0).stderr.contains("kinds: "));
}

#[test]
fn catalog_source_pull_secrets_in_wrong_field_are_reported() {
    let text = "apiVersion: operators.coreos.com/v1alpha1\nkind: CatalogSource\nmetadata: {name: a}\nspec: {image: \
                'ghcr.io/acme/catalog:1', imagePullSecrets: [{name: regcred}]}\n";
    let misplaced = gather(text).inventory.misplaced;
    let found: Vec<_> =
        misplaced.iter().map(|secrets| (secrets.fault, secrets.path.as_str(), secrets.right_path.as_str())).collect();
    assert_eq!(found, [(Misplacement::OtherField(SecretsForm::Names), "spec.imagePullSecrets", "spec.secrets")]);
    assert_eq!(misplaced[0].names, ["regcred"]);
}

#[test]
fn objects_in_trigger_templates_are_read() {
    let text = "apiVersion: triggers.tekton.dev/v1beta1\nkind: TriggerTemplate\nmetadata: {name: a, namespace: ci}\nspec:\n  \
                resourcetemplates:\n    - {apiVersion: v1, kind: Pod, spec: {containers: [{name: a, image: 'ghcr.io/acme/a:1'}, \
                {name: b, image: $(tt.params.image)}]}}\n    - {apiVersion: tekton.dev/v1, kind: TaskRun, spec: {taskSpec: \
                {steps: [{image: 'ghcr.io/acme/step:1'}]}}}\n    - {apiVersion: triggers.tekton.dev/v1beta1, kind: \
                TriggerTemplate, spec: {resourcetemplates: [{kind: Pod}]}}\n";
    let inventory = gather(text).inventory;
    let found: Vec<_> = inventory.images.iter().map(|image| (image.path.as_str(), image.text.value.as_str())).collect();
    assert_eq!(
        found,
        [
            ("spec.resourcetemplates[0].spec.containers[0].image", "ghcr.io/acme/a:1"),
            ("spec.resourcetemplates[0].spec.containers[1].image", "$(tt.params.image)"),
            ("spec.resourcetemplates[1].spec.taskSpec.steps[0].image", "ghcr.io/acme/step:1"),
        ]
    );
    assert!(inventory.pods.iter().all(|pod| pod.namespace.as_deref() == Some("ci")));
}

#[test]
fn images_generated_by_kyverno_are_listed_and_skipped() {
    let text = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: probe}\nspec:\n  rules:\n  - name: a\n    \
                match: {any: [{resources: {kinds: [Namespace]}}]}\n    generate: {apiVersion: apps/v1, kind: Deployment, name: \
                probe, data: {spec: {template: {spec: {containers: [{name: a, image: 'ghcr.io/acme/probe:1'}]}}}}}\n  - name: \
                b\n    validate: {pattern: {spec: {containers: [{image: '!*:latest'}]}}}\n  - name: c\n    generate: \
                {foreach: [{kind: Pod, data: {spec: {containers: [{name: a, image: 'ghcr.io/acme/each:1'}]}}}]}\n";
    let inventory = gather(text).inventory;
    let found: Vec<_> =
        inventory.images.iter().map(|image| (image.path.as_str(), image.text.value.as_str(), &image.image)).collect();
    let skipped = ImageText::Skipped(Skip::PulledByAnother);
    assert_eq!(
        found,
        [
            ("spec.rules[0].generate.data.spec.template.spec.containers[0].image", "ghcr.io/acme/probe:1", &skipped),
            ("spec.rules[2].generate.foreach[0].data.spec.containers[0].image", "ghcr.io/acme/each:1", &skipped),
        ]
    );
}

#[test]
fn image_like_fields_in_unknown_kinds_are_noted() {
    let paths = |body: &str| {
        let text = format!("apiVersion: example.com/v1\nkind: Storefront\nmetadata: {{name: a}}\n{body}\n");
        let unchecked = gather(&text).inventory.unchecked;
        unchecked.into_iter().map(|field| field.path).collect::<Vec<_>>()
    };
    for (body, path) in [
        ("spec: {image: 'ghcr.io/acme/web:1', other: {image: 'a:1'}}", "spec.image"),
        ("spec: {image: ghcr.io/Acme/web}", "spec.image"),
        ("spec: {image: web}", "spec.image"),
        ("spec: {server: {image: acme/web}}", "spec.server.image"),
        ("spec: {a: {b: {c: {image: 'docker://web'}}}}", "spec.a.b.c.image"),
        ("spec: {jobImage: 'web:1'}", "spec.jobImage"),
        ("spec: {parts: [{a: b}, {image: 'web:1'}]}", "spec.parts[1].image"),
        ("spec: {images: ['old=ghcr.io/acme/web:1']}", "spec.images"),
        ("spec: {values: {image: {repository: acme/web, tag: 1.9}}}", "spec.values.image.repository"),
        ("spec: {valuesContent: \"image:\\n  repository: acme/web\\n\"}", "spec.valuesContent"),
    ] {
        assert_eq!(paths(body), [path], "{body}");
    }
    for body in [
        "spec: {forProvider: {image: debian}}",
        "spec: {template: {spec: {image: ubuntu}}}",
        "spec: {image: 'https://acme.example/a.png'}",
        "spec: {image: acme.example/a.png}",
        "spec: {image: '{{ image }}'}",
        "spec: {repository: acme/web}",
        "spec: {repository: 'https://charts.example/web', tag: 1}",
        "status: {image: 'ghcr.io/acme/web:1'}",
        "spec: {containers: [{name: a, image: 'ghcr.io/acme/web:1'}]}",
    ] {
        assert_eq!(paths(body), [""; 0], "{body}");
    }
    // Known kinds, policies and what Kubernetes serves are no business of this note.
    for (group, kind) in
        [("monitoring.coreos.com", "Prometheus"), ("kyverno.io", "ClusterPolicy"), ("node.k8s.io", "RuntimeClass")]
    {
        let text =
            format!("apiVersion: {group}/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{x: {{image: 'a:1'}}}}\n");
        assert_eq!(gather(&text).inventory.unchecked, [], "{group}");
    }
}
