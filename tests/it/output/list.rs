//! `--list-images`.

use insta::assert_snapshot;
use pullcheck::output::redact::Redactor;
use pullcheck::output::{self, Format, Style};
use pullcheck::report::Report;
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
