//! Texts that nobody rendered, and streams that hold more than manifests: what is told of them, and what is read.

use pullcheck::input::gather;
use pullcheck::inventory::{Inventory, ProblemKind, ReadOptions};
use pullcheck::text::source::{Encoding, Source};

fn gathered(files: &[(&str, &str)]) -> Inventory {
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    let options = ReadOptions { named: true, ..ReadOptions::default() };
    gather::gather_sources(sources, options).inventory
}

/// What is wrong with a file, and the images that are read all the same.
fn read(name: &str, text: &str) -> (Vec<ProblemKind>, Vec<String>) {
    let inventory = gathered(&[(name, text)]);
    let problems = inventory.problems.iter().map(|problem| problem.kind).collect();
    (problems, images(&inventory))
}

fn images(inventory: &Inventory) -> Vec<String> {
    inventory.images.iter().map(|image| image.text.value.clone()).collect()
}

/// A pod with these lines for its containers.
fn pod(containers: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n{containers}")
}

const GOOD: &str =
    "---\n{apiVersion: v1, kind: Pod, metadata: {name: good}, spec: {containers: [{name: a, image: nginx:1.25}]}}\n";

#[test]
fn template_of_any_language_skips_only_its_document() {
    let bodies = [
        "{% for app in apps %}\n  - name: {{ app }}\n    image: {{ app }}\n{% endfor %}\n",
        "  - name: web\n    image: nginx:1\n{# a comment #}\n",
        "  - name: web\n    image: nginx:1\n<% if x %>\n<% end %>\n",
        "  - name: web\n<CONTAINERS>\n",
        "  - name: web\n    image: x\n    <other fields>\n    ports:\n    - x\n",
        "  - name: web\n$CONTAINERS\n",
        "  - name: web\n    image: x\n{{- toYaml . | nindent 2 }}\n",
        "  - name: web\n    args: [--ns, ${NAMESPACE}]\n",
        "  - {name: web, env: [{name: A, value: ${A_1}}]}\n",
        "((grab containers))\n  - name: web\n",
        "  - name: web\n    {{addURI \"{{ .Tag }}/x\" .Tag }}\n    image: x\n",
    ];
    for body in bodies {
        let (problems, images) = read("a.yaml", &(pod(body) + GOOD));
        assert_eq!(problems, [ProblemKind::Template], "{body}");
        assert_eq!(images, ["nginx:1.25"], "{body}");
    }
}

#[test]
fn placeholder_value_does_not_hide_other_images() {
    for placeholder in ["%IMAGE%", "@IMAGE@", "@@IMAGE@@"] {
        let text = pod(&format!("  - name: a\n    image: {placeholder}\n  - name: b\n    image: redis:7\n"));
        let (problems, images) = read("a.yaml", &text);
        assert_eq!(problems, [ProblemKind::Template], "{placeholder}");
        assert_eq!(images, [placeholder, "redis:7"], "what is written is what is shown");
    }
}

#[test]
fn unquoted_image_placeholder_is_not_an_empty_image() {
    let text = pod("  - name: a\n    image: #@ data.values.image\n  - name: b\n    image:\n");
    let inventory = gathered(&[("a.yaml", &text)]);
    for token in ["#{IMAGE}#", "[[ image ]]", "[[ .Values.image ]]", "{IMAGE}"] {
        let inventory = gathered(&[("a.yaml", &pod(&format!("  - name: a\n    image: {token}\n")))]);
        let image = &inventory.images[0].image;
        assert!(matches!(image, pullcheck::resource::workload::ImageText::Skipped(_)), "{token}: {image:?}");
    }
    let invalid =
        |at: usize| matches!(inventory.images[at].image, pullcheck::resource::workload::ImageText::Invalid(_));
    assert_eq!((invalid(0), invalid(1)), (false, true));
    assert_eq!(inventory.problems.iter().map(|problem| problem.kind).collect::<Vec<_>>(), [ProblemKind::Template]);
}

#[test]
fn unrelated_template_mark_does_not_excuse_broken_yaml() {
    let text = pod(
        "  - name: a\n    args: ['{{ x }}', '{% y %}']\n    env:\n    - name: b\n    - name: c\n    - name: d\n    command: [x\n",
    );
    assert_eq!(read("a.yaml", &text).0, [ProblemKind::InvalidYaml { certain: true }]);
    assert_eq!(read("a.yaml.j2", &text).0, [ProblemKind::Template], "its name says what it is");
    // Beside the fault, and not to blame for it.
    for fault in [
        "  - name: a\n    x: \"see ((x))\"\n     y: {}\n",
        "  - name: a\n    command: [sh, -c, \"if [[ a ]]; then x; fi\"]\n     ports: []\n",
        "  - name: a\n    own: a@team@x.org\n     z: y\n",
        "  - name: a\n    summary: \"{{ $labels.pod }} down\"\n     bad: x\n",
        "  - name: a\n    note: \"see {PREFIX}.x\"\n     bad: x\n",
        "  - name: a\n    args: [\"${NAMESPACE}\"]\n     bad: x\n",
    ] {
        assert_eq!(read("a.yaml", &pod(fault)).0, [ProblemKind::InvalidYaml { certain: true }], "{fault}");
    }
}

#[test]
fn helm_pull_lines_before_the_manifests_are_ignored() {
    // Helm 4 (`pkg/registry/client.go`) prints these to standard output, where `helm template oci://…` prints too.
    let lines = "Pulled: ghcr.io/acme/charts/shop:1.0.0\nDigest: sha256:0123\n";
    for text in [
        format!("{lines}---\n# Source: shop/templates/a.yaml\n{}", pod("  - image: redis:7\n")),
        lines.to_owned() + &pod("  - image: redis:7\n"),
    ] {
        let (problems, images) = read("-", &text);
        assert_eq!((problems, images), (vec![], vec!["redis:7".to_owned()]), "{text}");
    }
}

#[test]
fn merge_keys_are_read_as_kubectl_or_kustomize_does() {
    let text = pod("  - &a {name: a, image: redis:7}\n  - name: b\n    image: nginx:1.25\n    !!merge <<: *a\n");
    assert_eq!(images(&gathered(&[("x/pod.yaml", &text)])), ["redis:7", "redis:7"]);
    let kustomization = "resources: [pod.yaml]\n";
    let files = [("x/kustomization.yaml", kustomization), ("x/pod.yaml", &*text), ("y/pod.yaml", &*text)];
    assert_eq!(images(&gathered(&files)), ["redis:7", "nginx:1.25", "redis:7", "redis:7"]);
}

#[test]
fn name_that_is_not_a_string_is_refused() {
    for (metadata, refused) in
        [("name: n", 1), ("namespace: n, name: a", 1), ("name: 12", 1), ("name: \"n\"", 0), ("name: {{ x }}", 0)]
    {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{{metadata}}}\n");
        let refusals =
            read("a.yaml", &text).0.into_iter().filter(|kind| matches!(kind, ProblemKind::RefusedYaml { .. }));
        assert_eq!(refusals.count(), refused, "{metadata}");
    }
}

#[test]
fn binary_value_in_a_secret_is_decoded() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntype: kubernetes.io/dockerconfigjson\n\
                stringData:\n  .dockerconfigjson: !!binary eyJhdXRocyI6e319\n";
    assert_eq!(read("a.yaml", text).0, []);
    let inventory = gathered(&[("a.yaml", text)]);
    assert_eq!(inventory.secrets.len(), 1);
    assert!(!format!("{:?}", inventory.secrets[0]).contains("Malformed"), "{:?}", inventory.secrets[0]);
}

#[test]
fn unquoted_placeholder_makes_a_secret_opaque() {
    let head = "apiVersion: v1\nkind: Secret\nmetadata: {name: pull}\ntype: kubernetes.io/dockerconfigjson\n";
    for data in [
        "data: #{DATA}#\n",
        "data:\n  .dockerconfigjson: #{CONFIG}#\n",
        "data:\n  .dockerconfigjson: [[ config ]]\n",
        "stringData:\n  .dockerconfigjson: {CONFIG}\n",
    ] {
        let inventory = gathered(&[("secret.yaml", &format!("{head}{data}"))]);
        let content = &inventory.secrets[0].content;
        assert!(matches!(content, pullcheck::resource::secret::SecretContent::Opaque), "{data}: {content:?}");
    }
}

#[test]
fn broken_config_map_is_reported_unless_it_is_a_template() {
    let map =
        |data: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  a: {data}\n{GOOD}");
    for (data, problems) in [
        ("b", &[][..]),
        ("[", &[ProblemKind::InvalidYaml { certain: true }]),
        ("*gone", &[ProblemKind::InvalidYaml { certain: true }]),
        ("{{ .Values.a }}", &[]),
        ("x\n  {{- if .Values.b }}\n  b: c\n  {{- end }}", &[]),
    ] {
        let (found, images) = read("a.yaml", &map(data));
        assert_eq!((found.as_slice(), images.as_slice()), (problems, &["nginx:1.25".to_owned()][..]), "{data}");
    }
}
