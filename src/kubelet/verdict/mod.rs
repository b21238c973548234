//! Whether the kubelet will be able to pull, based on all known facts.

pub mod content;
pub mod fault;

use crate::image::host;
use crate::image::pull_policy::PullPolicy;
use crate::image::reference::Reference;
use crate::image::runtime::Runtime;
use crate::kubelet::cluster::ClusterFacts;
use crate::kubelet::operator::NodeIdentity;
use crate::kubelet::probe::{Defect, Denial, Evidence, Manifest, Outcome, PullAnswer, TlsFault, Unknown};
use crate::kubelet::pull::{Blind, PullContext, SecretState};
use crate::resource::workload::{ImageText, ImageUse, PodOrigin, Skip};

/// Why an image cannot be pulled, or is not known to be pullable. The strings are part of the JSON contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The reference cannot be parsed.
    InvalidName,
    /// No such tag, digest or repository.
    Absent,
    /// The registry refuses access.
    Denied(Denial),
    /// The manifest exists but cannot be used.
    Defect(Defect),
    /// No entry of the index fits the node.
    Platform,
    /// The registry gave no usable answer, or was not asked.
    Unknown(Unknown),
    /// A pull secret breaks every pull of the pod.
    MalformedPullSecret,
    /// Anonymous pulls are refused and the service account is not in the inputs.
    ServiceAccountUnknown,
    /// Anonymous pulls are refused and a referenced secret's content is unknown.
    SecretUnknown,
    /// The image will be pushed later, as the operator declares or a build tool's file in the inputs shows.
    Expected,
    /// The image contains a placeholder.
    Placeholder,
    /// A kustomization rewrites the image.
    RewrittenByKustomize,
    /// Something in the inputs may replace the image when the API server admits the pod.
    RewrittenAtAdmission,
    /// An OpenShift image stream sets the image.
    SetByImageStream,
    /// A program other than a kubelet pulls the image.
    PulledByAnother,
    /// The pod has already finished.
    Finished,
    /// The chart of a release decides the tag or the registry.
    ChosenByChart,
    /// The pull policy is `Never`.
    Never,
}

impl Cause {
    /// The name in JSON output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidName => "invalid-name",
            Self::Absent => "absent",
            Self::Denied(Denial::BadCredentials) => "bad-credentials",
            Self::Denied(Denial::DeniedOrAbsent) => "denied-or-absent",
            Self::Denied(Denial::Auth) => "auth",
            Self::Denied(Denial::AuthRequired) => "auth-required",
            Self::Denied(Denial::Denied) => "denied",
            Self::Denied(Denial::NoChallenge) => "no-challenge",
            Self::Denied(Denial::TokenRefused) => "token-refused",
            Self::Defect(Defect::ContentMissing) => "content-missing",
            Self::Defect(Defect::ContentMismatch) => "content-mismatch",
            Self::Defect(Defect::BadManifest) => "bad-manifest",
            Self::Defect(Defect::IndexLies) => "index-lies",
            Self::Defect(Defect::Schema1) => "schema1",
            Self::Defect(Defect::NotAnImage | Defect::Blob) => "not-an-image",
            Self::Defect(Defect::TooBig) => "too-big",
            Self::Defect(Defect::BrokenProxy) => "broken-proxy",
            Self::Defect(Defect::BrokenRegistry) => "broken-registry",
            Self::Platform => "platform",
            Self::Unknown(Unknown::RateLimited) => "rate-limited",
            Self::Unknown(Unknown::RegistryError) => "registry-error",
            Self::Unknown(Unknown::AuthServer) => "auth-server",
            Self::Unknown(Unknown::CredentialWithheld) => "credential-withheld",
            Self::Unknown(Unknown::Tls(_)) => "tls",
            Self::Unknown(Unknown::Dns | Unknown::NoSuchHost) => "dns",
            Self::Unknown(Unknown::Network) => "network",
            Self::Unknown(Unknown::Timeout) => "timeout",
            Self::Unknown(Unknown::PlainHttp) => "plain-http",
            Self::Unknown(Unknown::HostStopped) => "host-stopped",
            Self::Unknown(Unknown::Deadline) => "deadline",
            Self::Unknown(Unknown::Interrupted) => "interrupted",
            Self::Unknown(Unknown::Offline) => "offline",
            Self::Unknown(Unknown::NodeLocal) => "node-local",
            Self::Unknown(Unknown::NodeConfig) => "node-configuration",
            Self::MalformedPullSecret => "malformed-pull-secret",
            Self::ServiceAccountUnknown => "service-account-unknown",
            Self::SecretUnknown => "secret-unknown",
            Self::Expected => "expected",
            Self::Placeholder => "placeholder",
            Self::RewrittenByKustomize => "rewritten-by-kustomize",
            Self::RewrittenAtAdmission => "rewritten-at-admission",
            Self::SetByImageStream => "set-by-image-stream",
            Self::PulledByAnother => "pulled-by-another",
            Self::Finished => "finished",
            Self::ChosenByChart => "chosen-by-chart",
            Self::Never => "never",
        }
    }
}

/// pullcheck's verdict on one image use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The kubelet's attempts were made, in its order, and one found this manifest.
    Pullable(Manifest),
    /// The pull will fail.
    Fails(Cause),
    /// The result could not be determined.
    Unverified(Cause),
    /// The written image is not the one that will be pulled.
    Skipped(Cause),
    /// The kubelet never asks a registry.
    NotPulled,
}

impl Verdict {
    /// The name in JSON output.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pullable(_) => "pullable",
            Self::Fails(_) => "fails",
            Self::Unverified(_) => "unverified",
            Self::Skipped(_) => "skipped",
            Self::NotPulled => "not-pulled",
        }
    }

    /// The cause; `None` when pullable.
    pub const fn cause(&self) -> Option<Cause> {
        match self {
            Self::Pullable(_) => None,
            Self::Fails(cause) | Self::Unverified(cause) | Self::Skipped(cause) => Some(*cause),
            Self::NotPulled => Some(Cause::Never),
        }
    }
}

/// Whether a registry has to be asked to judge an image use.
pub fn needs_probe<'a>(image: &'a ImageUse, pull: &PullContext) -> Option<&'a Reference> {
    let ImageText::Reference(reference) = &image.image else { return None };
    let asks = pull.pull_policy != Some(PullPolicy::Never) && pull.breaking.is_none();
    asks.then_some(reference)
}

/// The verdict based on all known facts. `answer` is `None` when no registry was asked. [`Verdict::Fails`] is
/// returned only for a certain failure; rules report an error for nothing else.
pub fn judge(
    image: &ImageUse,
    origin: PodOrigin,
    pull: &PullContext,
    answer: Option<&PullAnswer>,
    runtime: Runtime,
) -> Verdict {
    match as_written(image, pull, answer, runtime) {
        // It is not certain what an operator does with a field of its own kind.
        Verdict::Fails(cause) if !origin.is_certain() => Verdict::Unverified(cause),
        // The operator may have other credentials.
        Verdict::Fails(cause @ Cause::Denied(_)) if !origin.is_whole() => Verdict::Unverified(cause),
        // CRI-O converts schema 1. containerd up to 2.0 accepted it or could be configured to.
        Verdict::Fails(cause @ Cause::Defect(Defect::Schema1)) if !runtime.has_transfer_service() => {
            Verdict::Unverified(cause)
        }
        verdict => verdict,
    }
}

/// The verdict with the operator's declarations: images that will be pushed later (`--expect-image`, or because a
/// tool such as Skaffold builds them), and the nodes'
/// hosts.toml files (`--certs-dir`). With those files, a registry that speaks HTTP and is not among them cannot be
/// pulled from.
pub fn as_declared(
    verdict: Verdict,
    image: &ImageUse,
    origin: PodOrigin,
    answer: Option<&PullAnswer>,
    cluster: &ClusterFacts,
) -> Verdict {
    let ImageText::Reference(reference) = &image.image else { return verdict };
    let declared = || cluster.operator.expected_images.iter().any(|glob| glob.matches(&image.text.value, reference));
    let expected = || image.built_by.is_some() || declared();
    match verdict {
        Verdict::Fails(Cause::Absent) | Verdict::Unverified(Cause::Absent) if expected() => {
            Verdict::Skipped(Cause::Expected)
        }
        Verdict::Fails(_) | Verdict::Unverified(_) if may_be_absent(answer) && expected() => {
            Verdict::Unverified(Cause::Expected)
        }
        Verdict::Unverified(cause @ Cause::Unknown(Unknown::PlainHttp))
            if cluster.certs_dir && cluster.runtime.is_containerd() && origin.is_certain() =>
        {
            Verdict::Fails(cause)
        }
        verdict => verdict,
    }
}

/// The verdict if something may replace the pod's image: a registry's answer about the written image then says
/// nothing about the one that is pulled.
pub fn as_admitted(verdict: Verdict, pull: &PullContext, answer: Option<&PullAnswer>) -> Verdict {
    let is_answer = match &verdict {
        Verdict::Pullable(_) => true,
        // Neither of these depends on the image.
        Verdict::Fails(Cause::InvalidName | Cause::MalformedPullSecret) => false,
        Verdict::Unverified(Cause::Expected) => false,
        Verdict::Fails(_) | Verdict::Unverified(_) => answer.is_some(),
        Verdict::Skipped(_) | Verdict::NotPulled => false,
    };
    if is_answer && pull.rewritten { Verdict::Unverified(Cause::RewrittenAtAdmission) } else { verdict }
}

/// Whether every answer is one that the registry gives for missing as well as for hidden images.
fn may_be_absent(answer: Option<&PullAnswer>) -> bool {
    let attempts = answer.map(|answer| answer.attempts.as_slice()).unwrap_or_default();
    let hides = |outcome: &Outcome| matches!(outcome, Outcome::Denied(Denial::DeniedOrAbsent | Denial::Auth, _));
    !attempts.is_empty() && attempts.iter().all(|(_, outcome)| hides(outcome))
}

/// The verdict on a pod that is created as written.
fn as_written(image: &ImageUse, pull: &PullContext, answer: Option<&PullAnswer>, runtime: Runtime) -> Verdict {
    let reference = match &image.image {
        // The image is deployed, with a value that is not known.
        ImageText::Skipped(skip @ (Skip::RewrittenByKustomize | Skip::ChosenByChart)) => {
            return Verdict::Unverified(skip_cause(*skip));
        }
        ImageText::Skipped(skip) => return Verdict::Skipped(skip_cause(*skip)),
        ImageText::Invalid(_) => return Verdict::Fails(Cause::InvalidName),
        ImageText::Reference(reference) => reference,
    };
    if pull.pull_policy == Some(PullPolicy::Never) {
        return Verdict::NotPulled;
    }
    if pull.breaking.is_some() {
        return Verdict::Fails(Cause::MalformedPullSecret);
    }
    let Some(answer) = answer else { return Verdict::Unverified(Cause::Unknown(Unknown::Offline)) };
    match found_by(answer) {
        // The kubelet sees the final value of the placeholder, which may break every pull of the pod.
        Some(_) if pull.secrets.iter().any(|secret| secret.state == SecretState::Malformed) => {
            Verdict::Unverified(Cause::SecretUnknown)
        }
        // The kubelet then has a credential, and does not fall back to an anonymous pull (`kuberuntime_image.go` of
        // Kubernetes 1.37).
        Some(_) if pull.unfilled.is_some() && is_found_by_anyone(answer) => Verdict::Unverified(Cause::SecretUnknown),
        Some(manifest) => content::judge(manifest, answer, image, &pull.nodes, runtime),
        // containerd sends `HEAD` and relies on its answer; no credential is requested.
        None if runtime.is_containerd() && is_refused_to_head_alone(answer) => {
            Verdict::Fails(Cause::Denied(Denial::Denied))
        }
        None => judge_failures(reference, pull, answer.attempts.iter().map(|(_, outcome)| outcome)),
    }
}

/// Whether `HEAD` is answered 403 before any credential is requested, while `GET` returns the manifest.
fn is_refused_to_head_alone(answer: &PullAnswer) -> bool {
    let bare = |outcome: &Outcome| matches!(outcome, Outcome::Denied(Denial::Denied, evidence) if evidence.bare && evidence.method == Some("HEAD"));
    matches!(answer.explained, Some(Outcome::Found(_)))
        && !answer.attempts.is_empty()
        && answer.attempts.iter().all(|(_, outcome)| bare(outcome))
}

/// The manifest that the kubelet's own attempts found.
pub fn found_by(answer: &PullAnswer) -> Option<&Manifest> {
    answer.attempts.iter().find_map(|(_, outcome)| match outcome {
        Outcome::Found(manifest) => Some(manifest),
        _ => None,
    })
}

/// Whether the image was found without any of the pod's credentials.
pub fn is_found_by_anyone(answer: &PullAnswer) -> bool {
    let found = answer.attempts.iter().find(|(_, outcome)| matches!(outcome, Outcome::Found(_)));
    found.is_some_and(|(credential, _)| credential.is_none())
}

fn judge_failures<'a>(
    reference: &Reference,
    pull: &PullContext,
    outcomes: impl Iterator<Item = &'a Outcome> + Clone,
) -> Verdict {
    // An attempt without a known result could have been the one that succeeds.
    if let Some((unknown, evidence)) = outcomes.clone().find_map(|outcome| match outcome {
        Outcome::Unknown(unknown, evidence) => Some((*unknown, evidence)),
        _ => None,
    }) {
        return judge_unknown(reference, unknown, evidence);
    }
    let node = pull.blind.iter().find_map(|blind| match blind {
        Blind::Node(identity) => Some(*identity),
        _ => None,
    });
    if outcomes.clone().any(|outcome| matches!(outcome, Outcome::Absent(_))) {
        // Some registries hide what a client may not see, such as Artifactory when configured to. The image is then
        // visible only with the credentials that are not known here. The well-known registries do not do that.
        let hidden = pull.blind.iter().any(|blind| match blind {
            Blind::Node(identity) => *identity == NodeIdentity::Operator,
            Blind::Secret(_) | Blind::Patched(_) => !host::is_well_known(reference.registry()),
            Blind::ServiceAccount(_) => false,
        });
        return if hidden { Verdict::Unverified(Cause::Absent) } else { Verdict::Fails(Cause::Absent) };
    }
    let denial = outcomes.clone().find_map(|outcome| match outcome {
        Outcome::Denied(denial, evidence) => Some((*denial, evidence)),
        _ => None,
    });
    match denial {
        Some((denial, evidence)) => judge_denial(reference, pull, node, denial, evidence),
        None => Verdict::Unverified(Cause::Unknown(Unknown::Offline)),
    }
}

/// The verdict on an unknown outcome. The nodes certainly see few of these failures too.
fn judge_unknown(reference: &Reference, unknown: Unknown, evidence: &Evidence) -> Verdict {
    let certain = match unknown {
        Unknown::NoSuchHost => is_nowhere(reference.registry(), evidence),
        // The configuration is the nodes' own.
        Unknown::NodeConfig => true,
        // The nodes see the same certificate, and have the same date.
        Unknown::Tls(TlsFault::Expired) => true,
        _ => false,
    };
    let cause = Cause::Unknown(unknown);
    if certain { Verdict::Fails(cause) } else { Verdict::Unverified(cause) }
}

/// The verdict on a refusal. It is certain only if the kubelet has no credentials that are not visible here.
fn judge_denial(
    reference: &Reference,
    pull: &PullContext,
    node: Option<NodeIdentity>,
    denial: Denial,
    evidence: &Evidence,
) -> Verdict {
    // Docker Hub's official images are all public, so a refused one does not exist.
    let official = reference.registry() == "docker.io" && reference.repository().starts_with("library/");
    if official && is_of_docker_hub(evidence) && denial == Denial::DeniedOrAbsent {
        return Verdict::Fails(Cause::Absent);
    }
    // No credential at all is sent.
    if denial == Denial::NoChallenge {
        return Verdict::Fails(Cause::Denied(denial));
    }
    let blind = |is: fn(&Blind) -> bool| pull.blind.iter().any(is);
    let sends = pull.credentials.iter().any(|candidate| !candidate.credential.is_anonymous());
    if blind(|blind| matches!(blind, Blind::Secret(_) | Blind::Patched(_))) {
        Verdict::Unverified(Cause::SecretUnknown)
    } else if node.is_some() {
        // The kubelet continues with the node's own credentials.
        Verdict::Unverified(Cause::Denied(denial))
    } else if blind(|blind| matches!(blind, Blind::ServiceAccount(_))) && !sends {
        Verdict::Unverified(Cause::ServiceAccountUnknown)
    } else {
        Verdict::Fails(Cause::Denied(denial))
    }
}

/// Whether Docker Hub itself refused, and not a mirror that may want another credential.
fn is_of_docker_hub(evidence: &Evidence) -> bool {
    let host = evidence.url.as_deref().and_then(|url| url.split_once("://")?.1.split(['/', ':']).next());
    host.is_none_or(|host| host.ends_with(".docker.io"))
}

/// Whether the registry's name certainly does not exist. A name that is unknown here may exist on the nodes' network,
/// except for a typo of a public registry's name in a public zone. The error must concern the registry itself and not
/// its token endpoint.
fn is_nowhere(registry: &str, evidence: &Evidence) -> bool {
    let of_registry = format!("lookup {registry}: ");
    let is_of_registry = evidence.message.as_ref().is_some_and(|words| words.contains(&of_registry));
    is_of_registry && host::typo_in(registry).is_some_and(|typo| typo.public)
}

/// The name of an outcome in the `attempts` of the JSON contract.
pub fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Found(Manifest { defect: Some(defect), .. }) => Cause::Defect(*defect).as_str(),
        Outcome::Found(_) => "found",
        Outcome::Absent(_) => Cause::Absent.as_str(),
        Outcome::Denied(denial, _) => Cause::Denied(*denial).as_str(),
        Outcome::Unknown(unknown, _) => Cause::Unknown(*unknown).as_str(),
    }
}

const fn skip_cause(skip: Skip) -> Cause {
    match skip {
        Skip::Placeholder | Skip::Injected => Cause::Placeholder,
        Skip::RewrittenByKustomize | Skip::ReplacedByKustomize => Cause::RewrittenByKustomize,
        Skip::SetByImageStream => Cause::SetByImageStream,
        Skip::PulledByAnother => Cause::PulledByAnother,
        Skip::Built => Cause::Expected,
        Skip::Finished => Cause::Finished,
        Skip::ChosenByChart => Cause::ChosenByChart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::probe::Evidence;

    #[test]
    fn expired_certificate_fails_but_other_tls_faults_do_not() {
        let reference = Reference::parse("registry.example/a:1").unwrap();
        for (fault, fails) in [
            (TlsFault::Expired, true),
            (TlsFault::UnknownAuthority, false),
            (TlsFault::WrongName, false),
            (TlsFault::Other, false),
        ] {
            let outcome = Outcome::Unknown(Unknown::Tls(fault), Evidence::default());
            let verdict = judge_failures(&reference, &PullContext::default(), std::iter::once(&outcome));
            assert_eq!(matches!(verdict, Verdict::Fails(_)), fails, "{fault:?}");
            assert_eq!(verdict.cause(), Some(Cause::Unknown(Unknown::Tls(fault))));
        }
    }

    #[test]
    fn mirror_refusal_does_not_mean_absent_on_docker_hub() {
        let reference = Reference::parse("nginx:1.27").unwrap();
        for (url, cause) in [
            ("https://auth.docker.io/token", Cause::Absent),
            ("https://registry-1.docker.io/v2/library/nginx/manifests/1.27", Cause::Absent),
            ("https://mirror.example/v2/library/nginx/manifests/1.27", Cause::Denied(Denial::DeniedOrAbsent)),
            ("https://docker.io.example/token", Cause::Denied(Denial::DeniedOrAbsent)),
        ] {
            let evidence = Evidence { url: Some(url.to_owned()), ..Evidence::default() };
            let outcome = Outcome::Denied(Denial::DeniedOrAbsent, evidence);
            let verdict = judge_failures(&reference, &PullContext::default(), std::iter::once(&outcome));
            assert_eq!(verdict.cause(), Some(cause), "{url}");
        }
    }

    #[test]
    fn refusal_is_unverified_if_the_nodes_have_credentials() {
        let reference = Reference::parse("registry.example/a:1").unwrap();
        let judge = |blind: Option<NodeIdentity>, outcome: Outcome| {
            let pull = PullContext { blind: blind.map(Blind::Node).into_iter().collect(), ..PullContext::default() };
            judge_failures(&reference, &pull, std::iter::once(&outcome))
        };
        let denied = || Outcome::Denied(Denial::AuthRequired, Evidence::default());
        let cause = Cause::Denied(Denial::AuthRequired);
        for identity in [NodeIdentity::Cloud, NodeIdentity::Operator] {
            assert_eq!(judge(Some(identity), denied()), Verdict::Unverified(cause));
        }
        assert_eq!(judge(None, denied()), Verdict::Fails(cause));
        let absent = || Outcome::Absent(Evidence::default());
        assert_eq!(judge(Some(NodeIdentity::Cloud), absent()), Verdict::Fails(Cause::Absent));
        assert_eq!(judge(Some(NodeIdentity::Operator), absent()), Verdict::Unverified(Cause::Absent));
    }

    #[test]
    fn hidden_secret_leaves_self_hosted_absence_unverified() {
        let absent = Outcome::Absent(Evidence::default());
        let pull = PullContext { blind: vec![Blind::Secret("regcred".to_owned())], ..PullContext::default() };
        for (image, fails) in [
            ("artifactory.example/a:1", false),
            ("reg.example:5000/a:1", false),
            ("nginx:1.27", true),
            ("ghcr.io/a/b:1", true),
            ("shop.azurecr.io/a:1", true),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1", true),
        ] {
            let verdict = judge_failures(&Reference::parse(image).unwrap(), &pull, std::iter::once(&absent));
            assert_eq!(
                (matches!(verdict, Verdict::Fails(_)), verdict.cause()),
                (fails, Some(Cause::Absent)),
                "{image}"
            );
        }
    }

    #[test]
    fn head_only_403_is_final_without_a_credential_request() {
        let answer = |bare, explained| {
            let evidence = Evidence { bare, method: Some("HEAD"), status: Some(403), ..Evidence::default() };
            PullAnswer {
                attempts: vec![(None, Outcome::Denied(Denial::Denied, evidence))],
                explained: Some(explained),
                ..PullAnswer::default()
            }
        };
        let there = || Outcome::Found(Manifest::default());
        let refused = || Outcome::Denied(Denial::Denied, Evidence::default());
        assert!(is_refused_to_head_alone(&answer(true, there())));
        assert!(!is_refused_to_head_alone(&answer(false, there())), "another credential may open it");
        assert!(!is_refused_to_head_alone(&answer(true, refused())), "a firewall may refuse this machine alone");
        assert!(!is_refused_to_head_alone(&PullAnswer::default()));
    }
}
