//! Charts: rendered ones lead back to templates and values, those that are not rendered are named once.
#![expect(clippy::disallowed_methods, reason = "makes charts, and looks for helm")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use pullcheck_support::{Run, renderer};
use serde_json::Value;
use tempfile::TempDir;

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 0.1.0\nappVersion: \"2.0\"\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\nspec:\n  \
    template:\n    spec:\n      containers:\n        - name: api\n          image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"\n";
const VALUES: &str = "image:\n  repository: ghcr.io/acme/api\n  tag: latest\nadmin:\n  password: hunter2hunter2\n";

fn rendered(image: &str) -> String {
    format!(
        "---\n# Source: shop/templates/deployment.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: r\nspec:\n  \
         template:\n    spec:\n      containers:\n        - name: api\n          image: \"{image}\"\n"
    )
}

fn stage(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

fn pullcheck(folder: &Path) -> Run {
    Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder).arg("--offline")
}

fn json(run: Run) -> Value {
    let output = run.args(["--format", "json"]).output();
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

fn found<'r>(report: &'r Value, rule: &str) -> Vec<&'r Value> {
    report["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == rule).collect()
}

/// `file:text` of a place.
fn text_at(folder: &Path, place: &Value) -> String {
    let file = place["file"].as_str().unwrap();
    let bytes = fs::read(folder.join(file)).unwrap();
    let at = |key: &str| place[key].as_u64().unwrap() as usize;
    format!("{file}: {}", String::from_utf8_lossy(&bytes[at("byte_start")..at("byte_end")]))
}

fn related(folder: &Path, finding: &Value) -> Vec<String> {
    let all = finding["related"].as_array().unwrap().iter();
    all.map(|place| format!("{} = {}", text_at(folder, place), place["message"].as_str().unwrap())).collect()
}

const EXPRESSION: &str = "\"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"";

#[test]
fn rendered_file_is_traced_to_the_chart_beside_it() {
    let text = rendered("ghcr.io/acme/api:latest");
    let places = ["", "chart/", "shop/", "charts/shop/"];
    for place in places {
        let names = ["Chart.yaml", "values.yaml", "templates/deployment.yaml"].map(|name| format!("{place}{name}"));
        let folder =
            stage(&[("rendered.yaml", &text), (&names[0], CHART), (&names[1], VALUES), (&names[2], DEPLOYMENT)]);
        let report = json(pullcheck(folder.path()).arg("rendered.yaml"));
        let finding = found(&report, "mutable-tag")[0];
        assert_eq!(text_at(folder.path(), finding), "rendered.yaml: \"ghcr.io/acme/api:latest\"");
        assert_eq!(finding["template"], "shop/templates/deployment.yaml");
        assert_eq!(report["images"][0]["template"], "shop/templates/deployment.yaml");
        assert_eq!(report["summary"]["files"], 1);
        let expected = [
            format!("{place}values.yaml: latest = the tag comes from here: image.tag"),
            format!("{place}values.yaml: ghcr.io/acme/api = the repository comes from here: image.repository"),
            format!("{place}templates/deployment.yaml: {EXPRESSION} = this line of the template writes it"),
        ];
        assert_eq!(related(folder.path(), finding), expected, "{place}");
    }
}

#[test]
fn value_that_did_not_supply_the_tag_is_not_related() {
    let text = rendered("ghcr.io/acme/api:3.1");
    let folder = stage(&[
        ("rendered.yaml", &text),
        ("Chart.yaml", CHART),
        ("values.yaml", VALUES),
        ("templates/deployment.yaml", DEPLOYMENT),
    ]);
    let report = json(pullcheck(folder.path()).args(["rendered.yaml", "--note", "unpinned-image"]));
    let places = related(folder.path(), found(&report, "unpinned-image")[0]);
    assert_eq!(places.len(), 2, "{places:?}");
    assert!(!places.iter().any(|place| place.contains("image.tag\n") || place.contains("the tag")), "{places:?}");
}

#[test]
fn unrelated_or_symlinked_chart_is_not_followed() {
    let text = rendered("ghcr.io/acme/api:latest");
    let other = CHART.replace("shop", "other");
    let outside = stage(&[("Chart.yaml", CHART), ("values.yaml", VALUES), ("templates/deployment.yaml", DEPLOYMENT)]);
    let folder = stage(&[("rendered.yaml", &text), ("Chart.yaml", &other), ("templates/deployment.yaml", DEPLOYMENT)]);
    #[cfg(unix)]
    std::os::unix::fs::symlink(outside.path(), folder.path().join("shop")).unwrap();
    let report = json(pullcheck(folder.path()).arg("rendered.yaml"));
    let finding = found(&report, "mutable-tag")[0];
    assert_eq!(
        (&finding["template"], related(folder.path(), finding).len()),
        (&"shop/templates/deployment.yaml".into(), 0)
    );
    drop(outside);
}

#[test]
fn secrets_on_lines_around_a_value_are_redacted() {
    let text = rendered("ghcr.io/acme/api:latest");
    let values = VALUES.replace("admin:\n  password", "  password");
    let folder = stage(&[
        ("rendered.yaml", &text),
        ("Chart.yaml", CHART),
        ("values.yaml", &values),
        ("templates/deployment.yaml", DEPLOYMENT),
    ]);
    let output = pullcheck(folder.path()).arg("rendered.yaml").output();
    assert!(output.stdout.contains("tag: latest") && output.stdout.contains("password:"), "{output}");
    assert!(!output.stdout.contains("hunter2"), "{output}");
    assert!(output.stdout.contains("from: template shop/templates/deployment.yaml"), "{output}");
}

#[test]
fn checked_in_helm_output_is_traced_to_every_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = pullcheck(root).args(["--note", "unpinned-image", "testdata/shop-rendered.yaml"]);
    let report = json(run);
    let lines: BTreeMap<String, Vec<String>> = found(&report, "unpinned-image")
        .into_iter()
        .map(|finding| (finding["image"].as_str().unwrap().to_owned(), related(root, finding)))
        .map(|(image, places)| {
            (image, places.into_iter().map(|place| place.replace("testdata/charts/shop/", "")).collect())
        })
        .collect();
    let of = |image: &str| lines.get(image).cloned().unwrap_or_default().join("\n");
    assert_eq!(
        of("ghcr.io/acme/shop:1.9.2"),
        "Chart.yaml: \"1.9.2\" = the tag comes from here: appVersion\n\
         values.yaml: ghcr.io = the registry comes from here: image.registry\n\
         values.yaml: acme/shop = the repository comes from here: image.repository\n\
         templates/deployment.yaml: \"{{ include \"shop.image\" . }}\" = this line of the template writes it"
    );
    assert_eq!(
        of("docker.io/library/redis:7.4.2"),
        "values.yaml: 7.4.2 = the tag comes from here: session.image.tag\n\
         charts/cache/values.yaml: docker.io/library/redis = the repository comes from here: image.repository\n\
         charts/cache/templates/statefulset.yaml: {{ .Values.image.repository }}:{{ .Values.image.tag }} = this line of \
         the template writes it"
    );
    assert!(lines.len() == 5 && lines.values().all(|places| !places.is_empty()), "{lines:?}");
}

#[test]
fn unrendered_chart_is_reported_once() {
    let fixed = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: '{{ .Release.Name }}-x'\n  name: y\nspec:\n  imagePullSecrets: [{name: nowhere}]\n  containers:\n    - {name: a, image: 'docker.io/library/busybox:latest'}\n    - {name: b, image: 'Not Valid'}\n    - {name: c, image: '{{ .Values.image }}'}\n";
    let plain =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: plain}\nspec:\n  containers: [{name: a, image: 'Not Valid'}]\n";
    let sub = CHART.replace("shop", "db");
    let library = "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n";
    let folder = stage(&[
        ("c/Chart.yaml", CHART),
        ("c/values.yaml", "kind: Deployment\nimage: 'x: {{ y }}'\n"),
        ("c/templates/a.yaml", DEPLOYMENT),
        ("c/templates/b.yaml", fixed),
        ("c/templates/broken.yaml", "{{- if .Values.x }}\nkind: Pod\n{{- end }}\n"),
        ("c/templates/plain.yaml", plain),
        ("c/charts/db/Chart.yaml", &sub),
        ("c/charts/db/templates/a.yaml", DEPLOYMENT),
        ("lib/Chart.yaml", library),
        ("lib/templates/a.yaml", DEPLOYMENT),
        ("elsewhere/templates/broken.yaml", "{{- if .Values.x }}\nkind: Pod\n{{- end }}\n"),
    ]);
    let report = json(pullcheck(folder.path()).args(["--closed", "."]));
    let told: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            format!(
                "{} {} {}:{}",
                finding["severity"].as_str().unwrap(),
                finding["rule"].as_str().unwrap(),
                finding["file"].as_str().unwrap(),
                finding["line"]
            )
        })
        .collect();
    let expected = [
        "note unrendered-template c/Chart.yaml:2",
        "warning mutable-tag c/templates/b.yaml:9",
        "warning invalid-image-reference c/templates/b.yaml:10",
        "error invalid-image-reference c/templates/plain.yaml:5",
        "note unrendered-template elsewhere/templates/broken.yaml:1",
    ];
    assert_eq!(told, expected);
    let note = found(&report, "unrendered-template")[0];
    assert!(note["message"].as_str().unwrap().contains("4 templates"), "{note}");
    assert!(note["help"].as_str().unwrap().contains("`helm template shop c | pullcheck -`"), "{note}");
    let values: Vec<_> =
        report["images"].as_array().unwrap().iter().map(|image| image["value"].as_str().unwrap()).collect();
    assert!(values.contains(&"docker.io/library/busybox:latest"), "{values:?}");
}

/// Every image of the charts below a folder stands at an expression that can have written it; how many do, and how many
/// stand at the beginning of their template.
fn check_lines(folder: &Path, path: &str) -> (usize, usize) {
    let report = json(pullcheck(folder).args(["--render", "--list-images", path]));
    let (mut exact, mut whole) = (0, 0);
    for image in report["images"].as_array().unwrap().iter().filter(|image| !image["template"].is_null()) {
        let text = text_at(folder, image);
        let value = image["value"].as_str().unwrap();
        let file = image["file"].as_str().unwrap();
        assert!(!file.contains(" ("), "no file: {image}");
        let line = fs::read_to_string(folder.join(file)).unwrap();
        let line = line.lines().nth(image["line"].as_u64().unwrap() as usize - 1).unwrap();
        if image["line"] == 1 && !line.contains("image") {
            whole += 1;
            continue;
        }
        assert!(line.to_lowercase().contains("image"), "{text}: {line}");
        let fits = text.contains("{{") || text.contains(value);
        assert!(fits, "{text} does not write {value}");
        exact += 1;
    }
    (exact, whole)
}

#[test]
fn helm_rendering_is_traced_to_every_line() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(check_lines(root, "testdata/charts/shop"), (6, 0));
    let output = pullcheck(root).args(["--render", "testdata/charts/shop"]).output();
    assert!(output.stdout.contains("renders as quay.io/prometheus/nginx-exporter:latest"), "{output}");
    assert!(!output.stdout.contains("not rendered"), "{output}");
}

#[test]
fn corpus_charts_are_traced_to_the_right_lines() {
    let Some(corpus) = env::var_os("PULLCHECK_CORPUS").map(PathBuf::from) else { return };
    if renderer(&["helm"]).is_none() {
        return;
    }
    let (mut exact, mut whole) = (0, 0);
    for chart in charts(&corpus) {
        let found = check_lines(&corpus, chart.strip_prefix(&corpus).unwrap().to_str().unwrap());
        (exact, whole) = (exact + found.0, whole + found.1);
    }
    assert!(exact > 0, "{exact} exact, {whole} whole");
}

fn charts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(charts(&entry.path()));
        } else if entry.file_name() == "Chart.yaml" {
            found.push(folder.to_owned());
        }
    }
    found
}

#[test]
fn invalid_reference_is_traced_to_its_values_keys() {
    let values = VALUES.replace("latest", "\"not a tag\"");
    assert_ne!(values, VALUES);
    let text = rendered("ghcr.io/acme/api:not a tag");
    let folder = stage(&[
        ("rendered.yaml", &text),
        ("Chart.yaml", CHART),
        ("values.yaml", &values),
        ("templates/deployment.yaml", DEPLOYMENT),
    ]);
    let report = json(pullcheck(folder.path()).arg("rendered.yaml"));
    let places = related(folder.path(), found(&report, "invalid-image-reference")[0]);
    assert!(
        places.iter().any(|place| place.ends_with("not a tag\" = the tag comes from here: image.tag")),
        "{places:?}"
    );
    assert!(
        places.iter().any(|place| place.ends_with("= the repository comes from here: image.repository")),
        "{places:?}"
    );
}
