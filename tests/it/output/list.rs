//! `--list-images`.

use insta::assert_snapshot;
use pullcheck::output::redact::Redactor;
use pullcheck::output::{self, Format, Grouping, Style};

use pullcheck::report::{ReleaseReport, Report};
use pullcheck::resource::workload::ContainerKind;
use pullcheck::text::source::{Source, SourceId, Sources, Span};

use super::shop;

#[test]
fn image_list_is_a_table_without_borders() {
    let (mut report, mut sources) = shop();
    let mut second = report.images[0].clone();
    second.value = "例え/nginx@sha256:7e7ab4ecbf4a1a5e8c0b4cbb2d3e4f5061728394a5b6c7d8e9f00112233445566".into();
    second.container.kind = ContainerKind::Init;
    second.pull_secrets.clear();
    let mut third = report.images[0].clone();
    third.value = String::new();
    third.span = Span::new(sources.push(Source::unreadable("x.yaml")), 0, 0);
    third.container.name = None;
    third.pull_policy = None;
    third.pull_secrets.push(third.pull_secrets[0].clone());
    let mut fourth = report.images[0].clone();
    fourth.value = "例え/nginx".into();
    assert_eq!(fourth.span.source, SourceId(0));
    report.images.extend([second, third, fourth]);
    let shown = output::render_images(Format::Human, &report, &sources, &Style::default(), &Redactor::default());
    assert_snapshot!(shown, @r#"
IMAGE                                                                     WHERE                OBJECT               CONTAINER   POLICY        PULL SECRETS
ghcr.io/acme/api:1.9                                                      shop/api.yaml:13:18  Deployment shop/api  api         IfNotPresent  ghcr
例え/nginx@sha256:7e7ab4ecbf4a1a5e8c0b4cbb2d3e4f5061728394a5b6c7d8e9f00112233445566  shop/api.yaml:13:18  Deployment shop/api  api (init)  IfNotPresent  -
-                                                                         x.yaml               Deployment shop/api  -           -             ghcr,ghcr
例え/nginx                                                                shop/api.yaml:13:18  Deployment shop/api  api         IfNotPresent  ghcr
"#);
}

#[test]
fn empty_image_list_prints_a_message() {
    let shown = output::render_images(
        Format::Human,
        &Report::default(),
        &Sources::default(),
        &Style::default(),
        &Redactor::default(),
    );
    assert_eq!(shown, "no images in 0 files\n");
}

/// A report of six image uses: in two registries, two namespaces, two files, and of a HelmRelease.
fn grouped(grouping: Grouping) -> String {
    let (mut report, mut sources) = shop();
    let release = Span::new(sources.push(Source::unreadable("media/release.yaml")), 0, 0);
    let first = report.images[0].clone();
    let with = |value: &str, registry: Option<&str>| {
        let mut image = first.clone();
        image.value = value.to_owned();
        image.reference = registry.and_then(|registry| {
            let mut reference = first.reference.clone()?;
            reference.registry = registry.to_owned();
            Some(reference)
        });
        image
    };
    let digest = "a".repeat(64);
    let long = format!("registry.corp.example/platform/a-team-with-a-long-name/api-gateway@sha256:{digest}");
    let mut of_release = with("docker.io/acme/media:2", Some("docker.io"));
    (of_release.namespace, of_release.span) = (Some("media".into()), release);
    of_release.release = Some(ReleaseReport {
        kind: "HelmRelease".into(),
        namespace: Some("shop".into()),
        name: Some("api".into()),
        chart: None,
        version: None,
    });
    let mut placeholder = with("${IMAGE}", None);
    placeholder.namespace = None;
    let repeated = with("ghcr.io/acme/api:1.9", Some("ghcr.io"));
    report.images.extend([
        with(&long, Some("registry.corp.example")),
        of_release,
        placeholder,
        repeated.clone(),
        repeated,
    ]);
    let (style, redactor) = (Style::default(), Redactor::default());
    let shown = output::render_grouped_images((Format::Human, grouping), &report, &sources, &style, &redactor);
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    shown
}

#[test]
fn images_by_registry_are_counted_once_in_each_group() {
    assert_snapshot!(grouped(Grouping::Registry), @r"
docker.io
    1  docker.io/acme/media:2

ghcr.io
    3  ghcr.io/acme/api:1.9

registry.corp.example
    1  registry.corp.example/platform/a-team-with-a-long-name/api-gateway
       @sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

(no registry)
    1  ${IMAGE}
");
}

#[test]
fn images_without_a_namespace_come_last() {
    assert_snapshot!(grouped(Grouping::Namespace), @r"
media
    1  docker.io/acme/media:2

shop
    3  ghcr.io/acme/api:1.9
    1  registry.corp.example/platform/a-team-with-a-long-name/api-gateway
       @sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

(no namespace)
    1  ${IMAGE}
");
}

#[test]
fn images_of_no_release_are_listed_under_their_workload() {
    assert_snapshot!(grouped(Grouping::Release), @r"
HelmRelease shop/api
    1  docker.io/acme/media:2

(no release)
  Deployment shop/api
    1  ${IMAGE}
    3  ghcr.io/acme/api:1.9
    1  registry.corp.example/platform/a-team-with-a-long-name/api-gateway
       @sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
");
}

#[test]
fn images_by_file_have_the_path_as_heading() {
    assert_snapshot!(grouped(Grouping::File), @r"
media/release.yaml
    1  docker.io/acme/media:2

shop/api.yaml
    1  ${IMAGE}
    3  ghcr.io/acme/api:1.9
    1  registry.corp.example/platform/a-team-with-a-long-name/api-gateway
       @sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
");
}

#[test]
fn json_is_the_same_in_groups() {
    let (report, sources) = shop();
    let (style, redactor) = (Style::default(), Redactor::default());
    let grouping = (Format::Json, Grouping::Release);
    assert_eq!(
        output::render_grouped_images(grouping, &report, &sources, &style, &redactor),
        output::render_images(Format::Json, &report, &sources, &style, &redactor),
    );
}
