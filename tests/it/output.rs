//! Reports as users and programs get them.

mod formats;
mod hostile_text;
mod human;
mod json;
mod list;

use pullcheck::findings::finding::{Finding, Severity, Subject};
use pullcheck::report::{
    AttemptReport, CredentialReport, ImageReport, InputError, PullSecretReport, ReferenceReport, Report,
};
use pullcheck::resource::ResourceName;
use pullcheck::resource::workload::{Container, ContainerKind};
use pullcheck::text::source::{Encoding, Source, SourceId, Sources, Span};

const API: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  namespace: shop
spec:
  template:
    spec:
      imagePullSecrets:
        - name: ghcr
      containers:
        - name: api
          image: ghcr.io/acme/api:1.9
        - name: proxy
          image: registry.example.com/platform/edge/envoy-distroless@sha256:7e7ab4ecbf4a1a5e8c0b4cbb2d3e4f5061728394a5b6c7d8e9f00112233445566
";

const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata:
  name: ghcr
  namespace: shop
type: Opaque
stringData:
  .dockerconfigjson: '{\"auths\":{\"ghcr.io\":{\"username\":\"acme\",\"password\":\"c4nary-token\"}}}'
";

const WEB: &str = "\
kind: CronJob
metadata: {name: nightly}
spec:
  jobTemplate:
    spec:
      template:
        spec:
          initContainers:
            - {name: migrate, image: 'ghcr.io/acme/api:1.9'}
";

/// The span of `needle` in a source, at its first occurrence.
fn at(sources: &Sources, source: u32, needle: &str) -> Span {
    let text = sources.get(SourceId(source)).text();
    let start = text.find(needle).unwrap_or_else(|| panic!("{needle:?} is in the source"));
    Span::new(SourceId(source), start as u32, (start + needle.len()) as u32)
}

fn subject(
    kind: &str,
    namespace: Option<&str>,
    name: &str,
    container: ContainerKind,
    of: &str,
    image: &str,
) -> Subject {
    Subject {
        resource: Some(resource(kind, namespace, name)),
        container: Some(Container { kind: container, name: Some(of.into()) }),
        image: Some(image.into()),
    }
}

fn resource(kind: &str, namespace: Option<&str>, name: &str) -> ResourceName {
    ResourceName {
        api_version: "apps/v1".into(),
        kind: kind.into(),
        namespace: namespace.map(Into::into),
        name: Some(name.into()),
    }
}

fn shop() -> (Report, Sources) {
    let mut sources = Sources::new(vec![
        Source::new("shop/api.yaml", API, Encoding::Utf8),
        Source::new("shop/secret.yaml", SECRET, Encoding::Utf8),
        Source::new("shop/web.yaml", WEB, Encoding::Utf8),
    ]);
    let broken = sources.push(Source::unreadable("shop/broken.yaml"));
    let image = "ghcr.io/acme/api:1.9";
    let event = "Failed to pull image \"ghcr.io/acme/api:1.9\": rpc error: code = NotFound desc = failed to pull and \
                 unpack image \"ghcr.io/acme/api:1.9\": failed to resolve reference \"ghcr.io/acme/api:1.9\": \
                 ghcr.io/acme/api:1.9: not found";
    let not_found = |span, subject| {
        Finding::new("image-not-found", Severity::Error, "ghcr.io/acme/api has no tag 1.9", span, "no such tag")
            .help("use 1.9.0, the nearest of its 14 tags")
            .event(Some(event.to_owned()))
            .subject(subject)
    };
    let digest = API.rsplit("image: ").next().unwrap_or_default().trim_end();
    let mut report = Report {
        findings: vec![
            Finding::new(
                "wrong-secret-type",
                Severity::Error,
                "the kubelet ignores the pull secret ghcr without a word: its type is Opaque, and only \
                 kubernetes.io/dockerconfigjson and kubernetes.io/dockercfg count",
                at(&sources, 0, "ghcr"),
                "named here",
            )
            .related(at(&sources, 1, "Opaque"), "must be kubernetes.io/dockerconfigjson")
            .related(at(&sources, 0, image), "pulled without a credential")
            .help("in shop/secret.yaml, write\n  type: kubernetes.io/dockerconfigjson")
            .subject(Subject { resource: Some(resource("Deployment", Some("shop"), "api")), ..Subject::default() }),
            not_found(
                at(&sources, 0, image),
                subject("Deployment", Some("shop"), "api", ContainerKind::Container, "api", image),
            ),
            Finding::new(
                "unverified-image",
                Severity::Note,
                "registry.example.com did not answer within 15 s",
                at(&sources, 0, digest),
                "could not be told",
            )
            .subject(subject("Deployment", Some("shop"), "api", ContainerKind::Container, "proxy", digest)),
            not_found(
                at(&sources, 2, "'ghcr.io/acme/api:1.9'"),
                subject("CronJob", None, "nightly", ContainerKind::Init, "migrate", image),
            ),
            Finding::new("unreadable-input", Severity::Error, "permission denied", Span::new(broken, 0, 0), ""),
        ],
        ..Report::default()
    };
    report.masked = vec![at(&sources, 1, SECRET.rsplit("json: ").next().unwrap_or_default().trim_end())];
    report.summary.files = 3;
    report.summary.image_uses = 3;
    report.summary.failing = 2;
    report.summary.unverified = 1;
    report.summary.errors = 4;
    report.summary.notes = 1;
    report.images = vec![ImageReport {
        value: image.into(),
        resolved: None,
        template: None,
        namespace: Some("shop".into()),
        span: at(&sources, 0, image),
        path: "spec.template.spec.containers[0].image".into(),
        resource: resource("Deployment", Some("shop"), "api"),
        container: Container { kind: ContainerKind::Container, name: Some("api".into()) },
        release: None,
        reference: Some(ReferenceReport {
            registry: "ghcr.io".into(),
            repository: "acme/api".into(),
            tag: Some("1.9".into()),
            digest: None,
        }),
        declared_pull_policy: None,
        pull_policy: Some("IfNotPresent"),
        service_account: "default".into(),
        pull_secrets: vec![PullSecretReport {
            name: "ghcr".into(),
            via: "pod",
            state: "ignored",
            reason: Some("its type is Opaque".into()),
        }],
        credentials: vec![CredentialReport {
            secret: Some("ghcr".into()),
            key: "ghcr.io".into(),
            written_key: "https://ghcr.io".into(),
            anonymous: false,
        }],
        verdict: Some("fails"),
        cause: Some("absent"),
        event: Some(event.to_owned()),
        digest: None,
        media_type: None,
        platforms: None,
        size: None,
        attempts: vec![AttemptReport { credential: Some(0), outcome: "absent" }],
    }];
    report.errors = vec![
        InputError { file: Some("shop/broken.yaml".into()), message: "permission denied".into() },
        InputError { file: None, message: "the cache folder cannot be written".into() },
    ];
    (report, sources)
}
