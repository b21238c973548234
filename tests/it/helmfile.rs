//! The releases in a `helmfile.yaml`: their values, their charts, and what of the file is not read.

use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::{Inventory, ProblemKind, ReadOptions};
use pullcheck::resource::workload::values::{Installer, SourceTable, render_inputs};
use pullcheck::resource::workload::{ContainerKind, ImageText, Skip};
use pullcheck::text::source::{Encoding, Source, SourceId};

fn gather(files: &[(&str, &str)]) -> Inventory {
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    gather_sources(sources, ReadOptions::default()).inventory
}

/// What is asked for of each release, or `? ` before what is known of an image that something else completes.
fn images(inventory: &Inventory) -> Vec<String> {
    let shown = inventory.images.iter().filter_map(|image| {
        assert_eq!(image.container.kind, ContainerKind::Values);
        let release = inventory.pod(image.pod).release.map(|id| &inventory.releases[id.0 as usize]).unwrap();
        // The chart stands by itself if no release installs it.
        if release.installer != Installer::Helmfile {
            return None;
        }
        let mark = match &image.image {
            ImageText::Reference(_) => "",
            ImageText::Skipped(Skip::ChosenByChart) => "? ",
            ImageText::Skipped(_) => "- ",
            other => panic!("{other:?}"),
        };
        Some(format!("{} {mark}{}", release.name.as_deref().unwrap_or_default(), image.text.value))
    });
    shown.collect()
}

fn of(text: &str) -> Vec<String> {
    let files = [
        ("deploy/helmfile.yaml", text),
        ("deploy/web.yaml", "image: {repository: quay.io/acme/file, tag: f}\n"),
        ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("charts/web/values.yaml", "image: {repository: quay.io/acme/chart, tag: c}\n"),
    ];
    images(&gather(&files))
}

/// A release with these fields, whose values name `quay.io/acme/own:v1`.
fn release(fields: &str) -> String {
    let own = "{image: {repository: quay.io/acme/own, tag: v1}}";
    format!("releases:\n- name: web\n  chart: acme/web\n  values: [{own}]\n{fields}")
}

#[test]
fn values_are_listed_with_their_release() {
    let inventory = gather(&[("helmfile.d/a.yaml", &release("  namespace: shop\n"))]);
    assert_eq!(images(&inventory), ["web quay.io/acme/own:v1"]);
    let pod = inventory.pod(inventory.images[0].pod);
    assert_eq!(pod.namespace.as_deref(), Some("shop"));
    assert_eq!(inventory.images[0].path, "releases[0].values[0].image.repository");
    assert_eq!(inventory.resource(pod.resource).name.to_string(), "helmfile.yaml");
    let all = format!("namespace: other\n{}", release("  namespace: shop\n"));
    let inventory = gather(&[("helmfile.yml", &all)]);
    assert_eq!(inventory.pod(inventory.images[0].pod).namespace.as_deref(), Some("other"));
}

#[test]
fn later_values_and_set_take_precedence() {
    let chart = "releases:\n- name: web\n  chart: ../charts/web\n";
    let cases = [
        ("", "web quay.io/acme/chart:c"),
        ("  values: [web.yaml]\n", "web quay.io/acme/file:f"),
        ("  values: ['{{ .Release.Name }}.yaml']\n", "web quay.io/acme/file:f"),
        ("  valuesPathPrefix: w\n  values: [eb.yaml]\n", "web quay.io/acme/file:f"),
        ("  values: [web.yaml, {image: {tag: i}}]\n", "web quay.io/acme/file:i"),
        ("  values: [{image: {tag: i}}, web.yaml]\n", "web quay.io/acme/file:f"),
        ("  valuesTemplate: [{image: {tag: i}}]\n  values: [web.yaml]\n", "web quay.io/acme/file:f"),
        ("  values: [web.yaml]\n  set: [{name: image.tag, value: s}]\n", "web quay.io/acme/file:s"),
        ("  set: [{name: image.tag, value: 1.10}]\n", "web quay.io/acme/chart:1.10"),
        (
            "  setString: [{name: image.tag, value: z}]\n  set: [{name: image.tag, value: s}]\n",
            "web quay.io/acme/chart:z",
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(of(&format!("{chart}{fields}")), [expected], "{fields}");
    }
}

#[test]
fn templates_are_below_the_values_of_their_releases() {
    let template = |template: &str, release: &str| {
        let head = "templates:\n  a:\n    values: [{image: {repository: quay.io/acme/a, tag: a}}]\n";
        format!("{head}{template}releases:\n- name: web\n  chart: acme/web\n{release}")
    };
    let cases = [
        ("", "  inherit: [{template: a}]\n", vec!["web quay.io/acme/a:a"]),
        ("", "  inherit: {template: a}\n", vec!["web quay.io/acme/a:a"]),
        ("", "  inherit: [{template: a, except: [values]}]\n", vec![]),
        ("", "  inherit: [{template: a}]\n  values: [{image: {tag: b}}]\n", vec!["web quay.io/acme/a:b"]),
        ("defaultInherit: a\n", "", vec!["web quay.io/acme/a:a"]),
        ("defaultInherit: [a]\n", "  inherit: [{template: a, except: [values]}]\n", vec![]),
        ("    set: [{name: image.tag, value: s}]\n", "  inherit: [{template: a}]\n", vec!["web quay.io/acme/a:s"]),
        ("    inherit: [{template: a}]\n", "  inherit: [{template: a}]\n", vec!["web ? quay.io/acme/a:a"]),
    ];
    for (more, release, expected) in cases {
        assert_eq!(of(&template(more, release)), expected, "{more}{release}");
    }
}

#[test]
fn release_that_is_not_installed_is_left_out() {
    for field in ["installed: false", "condition: false", "condition: 'False'"] {
        assert!(of(&release(&format!("  {field}\n"))).is_empty(), "{field}");
    }
    for field in ["installed: true", "condition: web.enabled", "installed: '{{ .Values.web }}'"] {
        assert_eq!(of(&release(&format!("  {field}\n"))), ["web quay.io/acme/own:v1"], "{field}");
    }
}

#[test]
fn image_that_unread_values_may_replace_is_doubted() {
    for fields in [
        "  inherit: [{template: elsewhere}]\n",
        "  env: [{name: image.tag, value: TAG}]\n",
        "  set: [{name: image.tag, file: tag.txt}]\n",
        "  set: [{name: image.tag, value: 'ref+vault://tag'}]\n",
        "  set: [{name: '{{ .Release.Name }}.tag', value: a}]\n",
        "  jsonPatches: [{target: {version: v1}, patch: []}]\n",
        "helmDefaults: {args: ['--set=image.tag=a']}\n",
    ] {
        assert_eq!(of(&release(fields)), ["web ? quay.io/acme/own:v1"], "{fields}");
    }
    let own = "{image: {repository: quay.io/acme/own, tag: v1}}";
    for file in ["missing.yaml", "'*.yaml'", "web.yaml.gotmpl", "https://acme.example/v.yaml", "/web.yaml"] {
        let head = "releases:\n- name: web\n  chart: acme/web\n";
        assert_eq!(of(&format!("{head}  values: [{own}, {file}]\n")), ["web ? quay.io/acme/own:v1"], "{file}");
        assert_eq!(of(&format!("{head}  values: [{file}, {own}]\n")), ["web quay.io/acme/own:v1"], "{file}");
    }
}

#[test]
fn chart_is_named_with_the_repository_of_the_file() {
    let repositories = "repositories:\n- {name: acme, url: 'https://charts.example'}\n- {name: reg, url: \
                        reg.example/charts, oci: true, password: hunter2}\n---\n";
    let charts = |file: &str| {
        let inventory = gather(&[("helmfile.yaml", file), ("b/helmfile.yaml", repositories)]);
        let table = SourceTable::new(&inventory.chart_sources);
        let charts = inventory.releases.iter().map(|release| table.complete(&release.chart));
        (charts.map(|chart| (chart.chart, chart.repository)).collect::<Vec<_>>(), inventory.masked.len())
    };
    let releases = "releases: [{name: a, chart: acme/web}, {name: b, chart: reg/web}]\n";
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        charts(&format!("{repositories}{releases}")),
        (vec![(some("web"), some("https://charts.example")), (some("oci://reg.example/charts/web"), None)], 2)
    );
    assert_eq!(charts(releases).0, [(some("acme/web"), None), (some("reg/web"), None)]);
}

#[test]
fn releases_are_rendered_with_their_values() {
    let text = "releases:\n- name: web\n  chart: ./web\n  values: [{a: 1}, b.yaml]\n  set: [{name: c, value: d}]\n- name: \
                db\n  chart: acme/db\n";
    let inputs = render_inputs(SourceId(0), &Source::new("helmfile.yaml", text, Encoding::Utf8));
    let shown: Vec<_> = inputs
        .iter()
        .map(|own| (own.is_folder, own.values.len(), own.parameters.len(), own.object.to_string()))
        .collect();
    assert_eq!(shown, [(true, 2, 1, "helmfile.yaml web".to_owned()), (false, 0, 0, "helmfile.yaml db".to_owned())]);
    // Each has a place of its own, although they share a chart.
    let text = "templates: {a: {chart: ./web}}\nreleases:\n- &x {name: a, inherit: {template: a}}\n- {name: b, inherit: \
                {template: a}}\n";
    let inputs = render_inputs(SourceId(0), &Source::new("helmfile.yaml", text, Encoding::Utf8));
    assert!(inputs.len() == 2 && inputs[0].key != inputs[1].key);
}

#[test]
fn template_of_a_helmfile_is_not_read() {
    let text = release("  namespace: '{{ .Environment.Name }}'\n");
    let inventory = gather(&[("helmfile.yaml.gotmpl", &text)]);
    assert!(inventory.images.is_empty());
    assert_eq!(inventory.problems.iter().map(|problem| problem.kind).collect::<Vec<_>>(), [ProblemKind::Template]);
    let inventory = gather(&[("helmfile.yaml", &text)]);
    assert_eq!(images(&inventory), ["web quay.io/acme/own:v1"]);
    assert_eq!(inventory.pod(inventory.images[0].pod).namespace, None);
}

#[test]
fn other_files_with_releases_are_not_for_helmfile() {
    let text = release("");
    assert!(gather(&[("values.yaml", &text)]).releases.is_empty());
    assert!(gather(&[("helmfile.yaml", &format!("kind: X\napiVersion: a/v1\n{text}"))]).releases.is_empty());
    let named = format!("repositories: [{{name: acme, url: 'https://charts.example'}}]\n{text}");
    assert_eq!(images(&gather(&[("apps.yaml", &named)])), ["web quay.io/acme/own:v1"]);
}

#[test]
fn many_releases_with_one_template_are_read_within_bounds() {
    let values: String = (0..500).map(|at| format!("    - a{at}: {{image: 'quay.io/acme/a:{at}'}}\n")).collect();
    let releases: String =
        (0..5_000).map(|at| format!("- {{name: r{at}, chart: a/b, inherit: {{template: a}}}}\n")).collect();
    let text = format!("templates:\n  a:\n    values:\n{values}releases:\n{releases}");
    let inventory = gather(&[("helmfile.yaml", &text)]);
    assert_eq!(inventory.releases.len(), 5_000);
    assert!(inventory.images.len() < 1_000_000, "{}", inventory.images.len());
}
