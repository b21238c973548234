//! Verdicts and severities say the same of an image: who reads only one of them is not misled.

use pullcheck::finding::{Finding, Severity};
use pullcheck::pull::PullContext;
use pullcheck::report::ImageReport;

use crate::run::Run;

/// An image with an error on it fails, and one that fails has an error: on itself, on a pull secret of its pod, or on
/// the place where its pull secrets should not stand.
pub(crate) fn check(run: &Run) -> Result<(), String> {
    let errors: Vec<&Finding> = run.report.findings.iter().filter(|it| it.severity == Severity::Error).collect();
    for (image, pull) in run.report.images.iter().zip(&run.pulls) {
        let fails = image.verdict == Some("fails");
        let on_it = errors.iter().find(|error| error.primary.span == image.span);
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
    let misplaced = error.rule == "misplaced-pull-secrets" && error.subject.resource.as_ref() == Some(&image.resource);
    of_its_secret || misplaced
}
