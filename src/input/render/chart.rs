//! Helm charts: finding them, and rendering one.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use crate::input::render::{Job, JobKind, RenderOptions, path_argument};
use crate::resource::kustomization::folder;
use crate::text::source::{Source, SourceId, SourceOrigin, Sources};
use crate::text::yaml::{self, Piece};

/// The longest name of a release (`pkg/chartutil/validate_name.go` of Helm).
pub(super) const MAX_RELEASE_NAME: usize = 53;

/// The Kubernetes version whose kubelet is modeled. Helm's own choice depends on how it was built.
pub(super) const KUBE_VERSION: &str = "--kube-version=1.37.0";

/// Returns the charts that are deployed by themselves: no libraries, and no part of another chart.
pub(super) fn find(sources: &Sources) -> Vec<Job> {
    let files = || sources.iter().filter(|(_, source)| *source.origin() == SourceOrigin::File);
    let is_chart = |source: &Source| source.is_readable() && source.name().rsplit('/').next() == Some("Chart.yaml");
    let charts: Vec<_> = files().filter(|(_, source)| is_chart(source)).collect();
    let folders: BTreeSet<&str> = charts.iter().map(|(_, source)| folder(source.name())).collect();
    let mut jobs = Vec::new();
    for (file, source) in charts {
        let chart = folder(source.name());
        let is_part = folders.iter().any(|whole| is_covered(whole, &format!("{chart}/Chart.yaml")));
        if is_part || is_library(file, source) {
            continue;
        }
        let covers = files().filter(|(_, other)| is_covered(chart, other.name())).map(|(id, _)| id).collect();
        jobs.push(Job { folder: chart.to_owned(), file, covers, kind: JobKind::Chart });
    }
    jobs
}

/// Whether a file is covered by Helm's output of a chart: a template, or part of a subchart.
fn is_covered(chart: &str, file: &str) -> bool {
    let inner = match chart {
        "" => Some(file),
        _ => file.strip_prefix(chart).and_then(|rest| rest.strip_prefix('/')),
    };
    inner.is_some_and(|inner| inner.starts_with("templates/") || inner.starts_with("charts/"))
}

fn is_library(id: SourceId, source: &Source) -> bool {
    let mut library = false;
    yaml::read(id, source.text(), false, &mut |piece| {
        if let Piece::Document(document) = piece {
            library |= document.root().and_then(|root| root.str("type")) == Some("library");
        }
    });
    library
}

/// The namespace of a release for which none is given. Helm would use `default`, and most charts write it into the
/// objects, which would then claim a namespace that they will not have. This word is read as a placeholder.
pub(super) const UNKNOWN_NAMESPACE: &str = "PLACEHOLDER";

/// Runs `helm template` with nothing turned on: no plugins, no cluster, no fetching of dependencies. Test hooks
/// stay, as `helm test` runs them with the release's pull secrets.
/// `copy` is the folder to render in place of the chart's own.
pub(super) fn arguments(chart: &str, copy: Option<&Path>, options: &RenderOptions) -> Vec<OsString> {
    let release = options.release_name.clone().unwrap_or_else(|| release_name(chart));
    let folder = copy.map_or_else(|| path_argument(chart), |copy| copy.as_os_str().to_owned());
    let mut arguments = vec!["template".into(), release.into(), folder, KUBE_VERSION.into()];
    let namespace = options.namespace.as_deref().unwrap_or(UNKNOWN_NAMESPACE);
    arguments.push(format!("--namespace={namespace}").into());
    let values = options.values.iter().map(|file| quoted(file));
    arguments.extend(values.map(|file| {
        let mut argument = OsString::from("--values=");
        argument.push(file);
        argument
    }));
    arguments.extend(options.set.iter().map(|value| format!("--set={value}").into()));
    arguments
}

/// Helm reads `--values` as a line of CSV, and anything that looks like an address as one.
fn quoted(file: &Path) -> OsString {
    let file = if file.is_absolute() { file.to_owned() } else { Path::new(".").join(file) };
    match file.to_str().filter(|text| text.contains([',', '"', '\n'])) {
        Some(text) => format!("\"{}\"", text.replace('"', "\"\"")).into(),
        None => file.into(),
    }
}

/// Returns a release's name from the chart's folder.
fn release_name(chart: &str) -> String {
    let whole = std::path::absolute(if chart.is_empty() { "." } else { chart }).unwrap_or_default();
    let mut name = whole.components().filter_map(|part| match part {
        std::path::Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    sanitised(&name.next_back().unwrap_or_default())
}

pub(super) fn sanitised(name: &str) -> String {
    let lower = name.to_lowercase();
    let letters = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let name: String = letters.skip_while(|c| *c == '-').take(MAX_RELEASE_NAME).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { "release".to_owned() } else { name.to_owned() }
}

/// Whether Helm accepts the text as a release's name.
pub fn is_release_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        !part.is_empty() && part.bytes().all(fits) && !part.starts_with('-') && !part.ends_with('-')
    };
    name.len() <= MAX_RELEASE_NAME && name.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::placeholder::is_placeholder;
    use crate::text::source::Encoding;

    fn folders(files: &[(&str, &str)]) -> Vec<String> {
        let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
        find(&Sources::new(sources)).into_iter().map(|job| job.folder).collect()
    }

    #[test]
    fn subcharts_and_library_charts_are_not_rendered_separately() {
        let files = [
            ("a/Chart.yaml", "name: a"),
            ("a/charts/b/Chart.yaml", "name: b"),
            ("a/charts/b/charts/c/Chart.yaml", "name: c"),
            ("a/examples/d/Chart.yaml", "name: d"),
            ("lib/Chart.yaml", "name: lib\ntype: library"),
            ("charts/e/Chart.yaml", "name: e"),
            ("a-chart.yaml", "name: f"),
        ];
        assert_eq!(folders(&files), ["a", "a/examples/d", "charts/e"]);
        assert_eq!(folders(&[("Chart.yaml", "name: a"), ("charts/b/Chart.yaml", "name: b")]), [""]);
    }

    #[test]
    fn chart_covers_its_templates_and_subcharts() {
        for file in ["a/templates/x.yaml", "a/templates/tests/x.yaml", "a/charts/b/values.yaml"] {
            assert!(is_covered("a", file), "{file}");
        }
        for file in ["a/values.yaml", "a/crds/x.yaml", "ab/templates/x.yaml", "templates/x.yaml"] {
            assert!(!is_covered("a", file), "{file}");
        }
        assert!(is_covered("", "templates/x.yaml"));
    }

    #[test]
    fn a_release_is_named_after_the_folder() {
        let long = "a".repeat(80);
        let cases = [("Shop_Api.v2", "shop-api-v2"), ("--x--", "x"), ("é", "release"), (&long, &long[..53])];
        for (folder, name) in cases {
            assert_eq!(sanitised(folder), name);
            assert!(is_release_name(name), "{name}");
        }
        assert_eq!(release_name("charts/shop"), "shop");
        for wrong in ["", "-a", "a-", "A", "a..b", "a b", "--set=a", &long] {
            assert!(!is_release_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn file_names_are_never_parsed_as_helm_options() {
        let options = RenderOptions {
            values: vec!["a,b.yaml".into(), "-f".into(), "/v.yaml".into()],
            set: vec!["--post-renderer=x".into()],
            namespace: Some("--validate".into()),
            ..RenderOptions::default()
        };
        let expected = [
            "template",
            "a",
            "./-c/a",
            "--kube-version=1.37.0",
            "--namespace=--validate",
            "--values=\"./a,b.yaml\"",
            "--values=./-f",
            "--values=/v.yaml",
            "--set=--post-renderer=x",
        ];
        assert_eq!(arguments("-c/a", None, &options), expected);
    }

    #[test]
    fn unset_namespace_is_rendered_as_a_placeholder() {
        let arguments = arguments("a", None, &RenderOptions::default());
        let given = arguments.iter().find_map(|argument| argument.to_str()?.strip_prefix("--namespace="));
        assert!(given.is_some_and(is_placeholder), "{arguments:?}");
    }
}
