//! `unrendered-release`: a release whose chart is not rendered, so that only its values are checked.

use std::sync::LazyLock;

use crate::findings::finding::{Finding, Subject};
use crate::resource::workload::values::{ChartName, Installer, Release, SourceTable};
use crate::rules::engine::meta::Meta;
use crate::rules::unrendered_template::word;
use crate::rules::{Context, Rule};
use crate::text::placeholder::is_placeholder;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unrendered-release.md")));

/// Reports each release once, with what of it is not checked and the command that shows it.
pub(super) struct UnrenderedRelease;

impl Rule for UnrenderedRelease {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let sources = SourceTable::new(&cx.inventory.chart_sources);
        let reported = cx.inventory.releases.iter().zip(0..).filter(|(release, _)| release.is_unchecked());
        let mut namespaces = vec![None; cx.inventory.releases.len()];
        for pod in &cx.inventory.pods {
            let place = pod.release.and_then(|id| namespaces.get_mut(id.0 as usize));
            if let Some(namespace) = place.filter(|namespace| namespace.is_none()) {
                *namespace = pod.namespace.as_deref();
            }
        }
        out.extend(reported.map(|(release, at): (_, usize)| {
            let name = &cx.inventory.resource(release.resource).name;
            let subject = Subject { resource: Some(name.clone()), ..Subject::default() };
            let message = message(release, &name.kind);
            let chart = sources.complete(&release.chart);
            let file = cx.sources.get(release.span.source).name();
            let help = help(release, &chart, namespaces.get(at).copied().flatten(), file);
            Finding::new(META.id, META.severity, message, release.span, "not rendered").help(help).subject(subject)
        }));
    }
}

fn message(release: &Release, kind: &str) -> String {
    if let Some(path) = release.unread.as_ref().filter(|_| release.is_rendered) {
        return format!(
            "the chart of this {kind} is rendered without the values that come from `{path}`, so its images may be \
             others"
        );
    }
    if let Some(why) = &release.unfetched {
        return format!("the chart of this {kind} could not be fetched, so its images are not checked: {why}");
    }
    let what = format!("the chart of this {kind} is not rendered, so the images of its templates are not checked");
    let images = match release.images {
        0 => "its values name no image".to_owned(),
        1 => "1 image was read from its values".to_owned(),
        many => format!("{many} images were read from its values"),
    };
    let mut message = format!("{what}; {images}");
    if let Some(first) = &release.first_incomplete {
        let rest = match release.incomplete {
            1 => format!("`{first}` is incomplete: the chart adds the rest"),
            many => format!("{many} images are incomplete, and the chart adds the rest: the first is `{first}`"),
        };
        message.push_str(&format!("; {rest}"));
    }
    if let Some(path) = &release.unread {
        message.push_str(&format!("; values that come from `{path}` are not read"));
    }
    message
}

/// Returns the command that shows what is deployed.
fn help(release: &Release, chart: &ChartName, namespace: Option<&str>, file: &str) -> String {
    let name = release.name.as_deref().filter(|name| !is_placeholder(name));
    let namespace = namespace.map(|namespace| format!(" --namespace {}", word(namespace))).unwrap_or_default();
    let command = match (&chart.chart, release.installer) {
        (_, Installer::Helmfile) => {
            let selector = name.map(|name| format!(" --selector name={}", word(name))).unwrap_or_default();
            format!("helmfile --file {}{selector} template", word(file))
        }
        (Some(_), _) | (None, Installer::Fleet) => template(name, chart, &namespace),
        (None, Installer::ArgoCd) => format!("argocd app manifests {}", word(name.unwrap_or("NAME"))),
        // Another object names the chart, and it is not in the inputs.
        (None, Installer::Flux | Installer::HelmController | Installer::Kustomize | Installer::Unknown) => {
            format!("helm get manifest {}{namespace}", word(name.unwrap_or("NAME")))
        }
    };
    let options = match (&chart.chart, &chart.repository, &release.unfetched) {
        (.., Some(_)) => None,
        (Some(chart), Some(_), None) if !chart.contains('/') => Some("--render --fetch-charts"),
        (Some(chart), None, None) if chart.starts_with("oci://") => Some("--render --fetch-charts"),
        (Some(chart), _, None) if chart.contains('/') && !release.is_rendered => Some("--render"),
        _ => None,
    };
    let or = options.map(|options| format!(", or pass `{options}`")).unwrap_or_default();
    format!("check what is deployed: `{command} | pullcheck -`{or}")
}

fn template(name: Option<&str>, chart: &ChartName, namespace: &str) -> String {
    let known = |text: &Option<String>| text.as_deref().filter(|text| !is_placeholder(text)).map(str::to_owned);
    let of_chart = known(&chart.chart).unwrap_or_else(|| "CHART".to_owned());
    let repository = known(&chart.repository);
    // Argo CD and others write the registry of an OCI chart without its scheme.
    let is_web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    let is_git = |url: &String| url.ends_with(".git") || url.starts_with("git@");
    let (of_chart, option) = match repository {
        Some(url) if is_git(&url) => (of_chart, String::new()),
        Some(url) if is_web(&url) => (of_chart, format!(" --repo {}", word(&url))),
        Some(url) => {
            (format!("oci://{}/{of_chart}", url.trim_start_matches("oci://").trim_end_matches('/')), String::new())
        }
        None => (of_chart, String::new()),
    };
    let version = known(&chart.version).filter(|version| !version.starts_with("sha256:"));
    let version = version.map(|version| format!(" --version {}", word(&version))).unwrap_or_default();
    let name = word(name.unwrap_or("NAME"));
    format!("helm template {name} {}{option}{version}{namespace} --values FILE", word(&of_chart))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(installer: Installer, chart: ChartName) -> String {
        template_of(installer, Some("shop"), &chart)
    }

    fn template_of(installer: Installer, name: Option<&str>, chart: &ChartName) -> String {
        let release = Release {
            resource: crate::resource::workload::ResourceId(0),
            span: crate::text::source::Span::new(crate::text::source::SourceId(0), 0, 0),
            installer,
            name: name.map(str::to_owned),
            chart: chart.clone(),
            images: 0,
            incomplete: 0,
            first_incomplete: None,
            unread: None,
            references: Vec::new(),
            is_rendered: false,
            unfetched: None,
            service_account: None,
            is_partial: false,
        };
        help(&release, chart, Some("web"), "deploy/helmfile.yaml")
    }

    #[test]
    fn command_names_chart_repository_version_and_namespace() {
        let of = |chart: &str, repository: Option<&str>, version: &str| ChartName {
            chart: Some(chart.to_owned()),
            repository: repository.map(str::to_owned),
            version: Some(version.to_owned()),
            source: None,
            pin: None,
        };
        let cases = [
            (
                of("shop", Some("https://charts.example"), "1.2"),
                "helm template shop shop --repo https://charts.example --version 1.2 --namespace web --values FILE",
            ),
            (
                of("shop", Some("reg.example/charts"), ">1 <2"),
                "helm template shop oci://reg.example/charts/shop --version '>1 <2' --namespace web --values FILE",
            ),
            (
                of("oci://reg.example/shop", None, "${V}"),
                "helm template shop oci://reg.example/shop --namespace web --values FILE",
            ),
        ];
        for (chart, expected) in cases {
            let expected =
                format!("check what is deployed: `{expected} | pullcheck -`, or pass `--render --fetch-charts`");
            assert_eq!(command(Installer::Flux, chart), expected);
        }
        assert!(command(Installer::Flux, ChartName::default()).contains("`helm get manifest shop --namespace web |"));
        assert!(
            command(Installer::Helmfile, ChartName::default())
                .contains("`helmfile --file deploy/helmfile.yaml --selector name=shop template |")
        );
        assert!(command(Installer::ArgoCd, ChartName::default()).contains("`argocd app manifests shop |"));
    }
}
