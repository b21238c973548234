//! A whole run without registries, and what must hold of its report.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pullcheck::input::gather::Gathered;
use pullcheck::check::check;
use pullcheck::image::manifest::{Config, ManifestBody};
use pullcheck::kubelet::probe::{Attempt, Outcome, Prober, TagList, Unread};
use pullcheck::registry::Progress;
use pullcheck::report::Report;
use pullcheck::rules::Settings;
use pullcheck::text::source::{Sources, Span};

/// Nobody to ask; offline, nobody is asked.
struct Nobody;

impl Prober for Nobody {
    async fn probe(&self, _: &Attempt) -> Outcome {
        std::future::pending().await
    }

    async fn tags(&self, _: &Attempt) -> TagList {
        std::future::pending().await
    }

    async fn explain(&self, _: &Attempt) -> Outcome {
        std::future::pending().await
    }

    async fn content(&self, _: &Attempt) -> Result<Arc<ManifestBody>, Unread> {
        std::future::pending().await
    }

    async fn config(&self, _: &Attempt) -> Result<Config, Unread> {
        std::future::pending().await
    }

    async fn layer(&self, _: &Attempt) -> Result<(), Unread> {
        unreachable!("nothing is asked")
    }
}

/// Judges what was gathered: every place of the report lies in its text.
pub fn judge(gathered: Gathered) {
    let settings = Settings::default();
    let progress = Progress::default();
    let checked = std::pin::pin!(check::<Nobody>(gathered, &settings, None, None, &progress));
    let Poll::Ready((sources, report)) = checked.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits for something");
    };
    for span in spans(&report) {
        assert!(sources.get(span.source).text().get(span.range()).is_some(), "{span:?}");
        assert!(is_located(&sources, span), "{span:?}");
    }
}

fn is_located(sources: &Sources, span: Span) -> bool {
    sources.locate(span).is_some() || !sources.get(span.source).is_readable()
}

fn spans(report: &Report) -> impl Iterator<Item = Span> {
    let labels = report.findings.iter().flat_map(|finding| finding.related.iter().chain([&finding.primary]));
    let edits = report.findings.iter().flat_map(|finding| &finding.fixes).flat_map(|fix| &fix.edits);
    let images = report.images.iter().map(|image| image.span);
    labels.map(|label| label.span).chain(edits.map(|edit| edit.span)).chain(images).chain(report.masked.iter().copied())
}
