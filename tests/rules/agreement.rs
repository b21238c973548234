//! Verdicts and severities say the same of an image: who reads only one of them is not misled.

use std::sync::Arc;

use pullcheck::findings::finding::{Finding, Severity};
use pullcheck::image::manifest::{Config, Entry, Image, ManifestBody};
use pullcheck::image::platform::Platform;
use pullcheck::kubelet::probe::{
    Attempt, Defect, Denial, Evidence, Manifest, Outcome, Prober, TagList, Unknown, Unread,
};
use pullcheck::kubelet::pull::PullContext;
use pullcheck::report::ImageReport;

use crate::example::Example;
use crate::run::{self, Answers, Run};

/// The files of an example under circumstances that are not its own: whatever the registries answer, with closed inputs
/// and another runtime, and with its pods in objects of a kind that is not known.
pub(crate) fn holds_whatever_happens(example: &Example) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    for example in [example.clone(), with_custom_kinds(example)] {
        for arguments in [&[][..], &["--closed"], &["--runtime", "cri-o"]] {
            let mut example = example.clone();
            if arguments.contains(&"cri-o") && example.args.iter().any(|argument| argument == "--certs-dir") {
                continue;
            }
            example.args.retain(|argument| argument != "--offline" && !arguments.contains(&argument.as_str()));
            example.args.extend(arguments.iter().map(|&argument| argument.to_owned()));
            let options = run::options(&example, Answers::Table)?;
            for anonymous in outcomes() {
                for with_credential in outcomes() {
                    let registries = Same { anonymous: anonymous.clone(), with_credential };
                    let run = runtime.block_on(run::run(&example, &options, Some(&registries)));
                    check(&run).map_err(|error| format!("{arguments:?} {registries:?}: {error}"))?;
                }
            }
        }
    }
    holds_whatever_is_read(example, &runtime)
}

/// The same where every image is there, but not what the pod's nodes can use, or cannot be read.
fn holds_whatever_is_read(example: &Example, runtime: &tokio::runtime::Runtime) -> Result<(), String> {
    for example in [example.clone(), with_custom_kinds(example)] {
        for arguments in ["", "--platform linux/amd64", "--platform linux/amd64,linux/arm64 --runtime cri-o"] {
            let mut example = example.clone();
            if arguments.ends_with("cri-o") && example.args.iter().any(|argument| argument == "--certs-dir") {
                continue;
            }
            let arguments: Vec<_> = arguments.split_whitespace().map(str::to_owned).collect();
            example.args.retain(|argument| argument != "--offline" && argument != "--runtime" && argument != "cri-o");
            example.args.extend(arguments.iter().cloned());
            let options = run::options(&example, Answers::Table)?;
            for held in held() {
                let run = runtime.block_on(run::run(&example, &options, Some(&held)));
                check(&run).map_err(|error| format!("{arguments:?} {held:?}: {error}"))?;
            }
        }
    }
    Ok(())
}

fn with_custom_kinds(example: &Example) -> Example {
    let mut example = example.clone();
    for file in &mut example.files {
        for builtin in ["v1\nkind: Pod\n", "apps/v1\nkind: Deployment\n"] {
            file.text =
                file.text.replace(&format!("apiVersion: {builtin}"), "apiVersion: example.com/v1\nkind: Shop\n");
        }
    }
    example
}

/// Registries that answer the same for every image.
#[derive(Debug)]
struct Same {
    anonymous: Outcome,
    with_credential: Outcome,
}

impl Prober for Same {
    async fn probe(&self, attempt: &Attempt) -> Outcome {
        if attempt.credential.is_some() { self.with_credential.clone() } else { self.anonymous.clone() }
    }

    async fn tags(&self, _: &Attempt) -> TagList {
        TagList::Unknown
    }

    async fn explain(&self, attempt: &Attempt) -> Outcome {
        self.probe(attempt).await
    }

    async fn content(&self, _: &Attempt) -> Result<Arc<ManifestBody>, Unread> {
        Err(unread())
    }

    async fn config(&self, _: &Attempt) -> Result<Config, Unread> {
        Err(unread())
    }

    async fn layer(&self, _: &Attempt) -> Result<(), Unread> {
        Err(unread())
    }
}

/// Registries that have every image, with this content.
#[derive(Debug)]
struct Held {
    media_type: &'static str,
    content: Option<ManifestBody>,
    config: Option<Config>,
}

impl Prober for Held {
    async fn probe(&self, _: &Attempt) -> Outcome {
        let digest = Some(format!("sha256:{}", "ab".repeat(32)));
        Outcome::Found(Manifest { digest, media_type: Some(self.media_type.to_owned()), ..Manifest::default() })
    }

    async fn tags(&self, _: &Attempt) -> TagList {
        TagList::Unknown
    }

    async fn explain(&self, attempt: &Attempt) -> Outcome {
        self.probe(attempt).await
    }

    async fn content(&self, _: &Attempt) -> Result<Arc<ManifestBody>, Unread> {
        self.content.clone().map(Arc::new).ok_or_else(unread)
    }

    async fn config(&self, _: &Attempt) -> Result<Config, Unread> {
        self.config.clone().ok_or_else(unread)
    }

    async fn layer(&self, _: &Attempt) -> Result<(), Unread> {
        Err(unread())
    }
}

fn unread() -> Unread {
    Unread { defect: None, unknown: Unknown::RegistryError, evidence: Evidence::default() }
}

/// An index and an image for every node, for some, and for none; an artifact; and what cannot be read.
fn held() -> Vec<Held> {
    let index = "application/vnd.oci.image.index.v1+json";
    let single = "application/vnd.oci.image.manifest.v1+json";
    let entry = |architecture: Option<&str>| Entry {
        digest: Some(format!("sha256:{}", "cd".repeat(32))),
        platform: architecture.map(|name| Platform::new("linux", name, "")),
        media_type: single.to_owned(),
    };
    let image = |config_type: &str| {
        let config_digest = Some(format!("sha256:{}", "ef".repeat(32)));
        ManifestBody::Image(Image {
            config_type: config_type.to_owned(),
            config_digest,
            config_size: 7,
            layers: Some(vec![]),
            size: 3 << 30,
            ..Image::default()
        })
    };
    let of_index =
        |entries: Vec<Entry>| Held { media_type: index, content: Some(ManifestBody::Index(entries)), config: None };
    let of_image = |config_type, architecture: Option<&str>| Held {
        media_type: single,
        content: Some(image(config_type)),
        config: architecture.map(|name| Config { platform: Platform::new("linux", name, ""), diff_ids: 0 }),
    };
    let config_type = "application/vnd.oci.image.config.v1+json";
    vec![
        of_index(vec![entry(Some("amd64")), entry(Some("arm64"))]),
        of_index(vec![entry(Some("amd64"))]),
        of_index(vec![entry(Some("s390x"))]),
        of_index(vec![entry(None)]),
        of_index(vec![]),
        of_image(config_type, Some("amd64")),
        of_image(config_type, Some("s390x")),
        of_image(config_type, None),
        of_image("application/vnd.cncf.helm.config.v1+json", None),
        Held { media_type: index, content: None, config: None },
        Held { media_type: single, content: None, config: None },
    ]
}

/// One of each kind.
fn outcomes() -> [Outcome; 7] {
    let evidence = Evidence::default;
    let unusable = Evidence { message: Some("unable to load CA cert".to_owned()), ..Evidence::default() };
    let nowhere =
        Evidence { message: Some("dial tcp: lookup gchr.io: no such host".to_owned()), ..Evidence::default() };
    [
        Outcome::Found(Manifest::default()),
        Outcome::Found(Manifest { defect: Some(Defect::Schema1), ..Manifest::default() }),
        Outcome::Absent(evidence()),
        Outcome::Denied(Denial::DeniedOrAbsent, evidence()),
        Outcome::Unknown(Unknown::RateLimited, evidence()),
        Outcome::Unknown(Unknown::NoSuchHost, nowhere),
        Outcome::Unknown(Unknown::NodeConfig, unusable),
    ]
}

/// An image with an error on it fails, and one that fails has an error: on itself, on a pull secret of its pod, or on
/// the place where its pull secrets should not stand.
pub(crate) fn check(run: &Run) -> Result<(), String> {
    // A suppression silences what is said of an image, and not its verdict.
    let silenced = run.report.silenced.iter().map(|entry| &entry.finding);
    let all = run.report.findings.iter().chain(silenced);
    let errors: Vec<&Finding> = all.filter(|finding| finding.severity == Severity::Error).collect();
    for (image, pull) in run.report.images.iter().zip(&run.pulls) {
        let fails = image.verdict == Some("fails");
        // A list of the operator's own is not the kubelet's.
        let on_it = errors.iter().filter(|error| error.primary.span == image.span);
        let on_it = on_it.into_iter().find(|error| fails || error.rule != "disallowed-registry");
        match (on_it, fails) {
            (Some(error), false) => {
                return Err(format!("{}: {:?} ({:?}), but {}", image.value, image.verdict, image.cause, error.rule));
            }
            (None, true) if !errors.iter().any(|error| explains(error, image, pull)) => {
                return Err(format!("{}: it fails ({:?}), and no error says why", image.value, image.cause));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether an error that is not on the image itself is the reason why it fails.
fn explains(error: &Finding, image: &ImageReport, pull: &PullContext) -> bool {
    let spans = || std::iter::once(error.primary.span).chain(error.related.iter().map(|label| label.span));
    let of_its_secret = pull.secrets.iter().any(|secret| spans().any(|span| span == secret.span));
    let of_its_pod = ["misplaced-pull-secrets", "undefined-service-account"].contains(&error.rule)
        && error.subject.resource.as_ref() == Some(&image.resource);
    of_its_secret || of_its_pod
}
