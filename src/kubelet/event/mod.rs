//! The text that `kubectl describe pod` would show for a pull that fails.
//!
//! The kubelet's messages follow `pkg/kubelet/images/image_manager.go` and
//! `pkg/kubelet/kuberuntime/kuberuntime_image.go` of Kubernetes 1.37. The runtime's messages follow containerd 2.4
//! (`core/remotes/docker`, `internal/cri/server/images`) and CRI-O 1.36 with containers/image 5.38. An ellipsis
//! replaces what only the node knows: the address of its name server, or what a registry writes into the body of an
//! answer that was not requested here. If more than that is uncertain, there is no text at all.

mod containerd;
mod crio;

use crate::image::choose::choose;
use crate::image::manifest::ManifestBody;
use crate::image::node::Nodes;
use crate::image::platform::Platform;
use crate::image::reference::{Reference, ReferenceError};
use crate::image::runtime::Runtime;
use crate::kubelet::probe::{Defect, Denial, Evidence, Manifest, Outcome, PullAnswer, TlsFault, TokenRequest, Unknown};
use crate::kubelet::pull::PullContext;
use crate::kubelet::verdict::{Cause, Verdict, content};
use crate::resource::workload::{ContainerKind, ImageText, ImageUse, InvalidImage};
use crate::text::go::quote::quote;
use crate::text::go::url::query_escape;

/// One failed attempt to pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure<'a> {
    /// The cause of the failure.
    pub cause: Cause,
    /// The observed answer: status, URL and error body.
    pub evidence: &'a Evidence,
    /// The manifest, if it exists but cannot be used.
    pub manifest: Option<&'a Manifest>,
    /// The answer to the same request by `GET`, if that was made for its error body alone.
    pub explained: Option<&'a Outcome>,
    /// Whether a user and a password would be sent. An entry with an empty user is an anonymous pull.
    pub with_credential: bool,
}

/// Empty evidence: a manifest that exists leaves no evidence of a failure.
static NOTHING: Evidence = Evidence {
    status: None,
    method: None,
    url: None,
    code: None,
    message: None,
    rate: None,
    retry_after: None,
    token: None,
    body: None,
    bare: false,
    details: None,
    reported: None,
};

impl<'a> Failure<'a> {
    /// The failure in an outcome; `None` if the manifest was found and can be used.
    pub fn of(outcome: &'a Outcome, with_credential: bool) -> Option<Self> {
        let (cause, evidence) = match outcome {
            Outcome::Found(Manifest { defect: Some(defect), .. }) => (Cause::Defect(*defect), &NOTHING),
            Outcome::Found(_) => return None,
            Outcome::Absent(evidence) => (Cause::Absent, evidence),
            Outcome::Denied(denial, evidence) => (Cause::Denied(*denial), evidence),
            Outcome::Unknown(unknown, evidence) => (Cause::Unknown(*unknown), evidence),
        };
        if let Some(reported) = &evidence.reported {
            return Self::of(reported, with_credential);
        }
        let manifest = match outcome {
            Outcome::Found(manifest) => Some(manifest),
            _ => None,
        };
        Some(Self { cause, evidence, manifest, explained: None, with_credential })
    }
}

/// An index that has no entry for the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoEntry<'a> {
    /// The digest of the index.
    pub digest: &'a str,
    /// The digest of an entry that the node could run but its runtime did not pull: `linux/386` on amd64.
    pub left_out: Option<&'a str>,
    /// Whether the index is a Docker manifest list rather than an OCI index.
    pub is_list: bool,
    /// The platform of the node, if known.
    pub node: Option<&'a Platform>,
}

/// The event for an image use that fails, or would fail as far as is known. `None` if the kubelet reports nothing, or
/// nothing certain is known.
pub fn of_verdict(
    runtime: Runtime,
    image: &ImageUse,
    pull: &PullContext,
    verdict: &Verdict,
    answer: Option<&PullAnswer>,
) -> Option<String> {
    let text = image.text.value.as_str();
    let cause = match verdict {
        Verdict::Fails(cause) => *cause,
        // What happens unless an unseen credential helps.
        Verdict::Unverified(cause @ (Cause::ServiceAccountUnknown | Cause::SecretUnknown)) => *cause,
        // What happens if the node is answered the same, and is not configured for it.
        Verdict::Unverified(
            cause @ (Cause::Unknown(
                Unknown::PlainHttp
                | Unknown::Tls(TlsFault::UnknownAuthority | TlsFault::WrongName)
                | Unknown::RateLimited
                | Unknown::RegistryError
                | Unknown::AuthServer
                | Unknown::NoSuchHost
                | Unknown::Network,
            )
            | Cause::Defect(Defect::Schema1)),
        ) => *cause,
        _ => return None,
    };
    match (cause, &image.image) {
        // The API server refuses white space around a container's image, so no pod of such a template ever exists. It
        // accepts white space around a volume's (`validateImageVolumeSource` of `pkg/apis/core/validation`,
        // Kubernetes 1.37).
        (_, ImageText::Invalid(InvalidImage::Unparsable(_)))
            if text.trim() != text && image.container.kind != ContainerKind::Volume =>
        {
            None
        }
        (_, ImageText::Invalid(InvalidImage::Unparsable(error))) => Some(invalid_image_name(text, error)),
        (Cause::MalformedPullSecret, _) => Some(malformed_pull_secret(&pull.breaking.as_ref()?.message)),
        (
            Cause::Defect(Defect::ContentMissing | Defect::ContentMismatch | Defect::BadManifest),
            ImageText::Reference(reference),
        ) => of_content(runtime, text, reference, pull, answer?),
        // The image is pulled, and its container dies without an event of the kubelet about the image.
        (Cause::Defect(Defect::IndexLies), _) => None,
        (Cause::Platform, ImageText::Reference(reference)) => no_platform(runtime, text, reference, pull, answer?),
        (_, ImageText::Reference(reference)) => after_attempts(runtime, text, reference, pull, answer?),
        _ => None,
    }
}

/// The event after the attempts that were made for the image written as `image`. `None` if one succeeded, none was
/// made, or nothing certain is known.
pub fn after_attempts(
    runtime: Runtime,
    image: &str,
    reference: &Reference,
    pull: &PullContext,
    answer: &PullAnswer,
) -> Option<String> {
    let mut failures = failures(pull, &answer.attempts)?;
    let forbidden: Vec<_> = failures.iter_mut().filter(|failure| is_forbidden_by_head(failure)).collect();
    match forbidden.len() {
        0 => {}
        1 => {
            // An answer that the image is absent is explained before one that denies access.
            let absent = |(_, outcome): &(Option<usize>, Outcome)| matches!(outcome, Outcome::Absent(_));
            let explained = answer.explained.as_ref().filter(|_| !answer.attempts.iter().any(absent));
            forbidden.into_iter().for_each(|failure| failure.explained = explained);
        }
        // Each answer has its own message, and only one of them at most was requested.
        _ if has_second_line(runtime) => return None,
        _ => {}
    }
    pull_failed(runtime, image, reference, &failures)
}

fn is_forbidden_by_head(failure: &Failure<'_>) -> bool {
    failure.cause == Cause::Denied(Denial::Denied) && failure.evidence.method != Some("GET")
}

/// Whether containerd repeats the request by `GET` for the error body of a 403 (`withGETErrorBody` in
/// `core/remotes/docker/resolver.go`, since 2.3).
const fn has_second_line(runtime: Runtime) -> bool {
    matches!(runtime, Runtime::Containerd | Runtime::Containerd2_3)
}

/// Returns one failure per attempt; `None` if an attempt did not fail.
fn failures<'a>(pull: &PullContext, attempts: &'a [(Option<usize>, Outcome)]) -> Option<Vec<Failure<'a>>> {
    let sends = |at: usize| {
        let credential = pull.credentials.get(at).map(|found| &found.credential);
        credential.is_some_and(|credential| !credential.is_anonymous() && !credential.password.is_empty())
    };
    let failure =
        |(credential, outcome): &'a (Option<usize>, Outcome)| Failure::of(outcome, credential.is_some_and(sends));
    attempts.iter().map(failure).collect()
}

/// The event if the last attempt found an index that has no entry for the node. A manifest of a single image is
/// pulled whatever its platform, and its container dies without an event of the kubelet about the image.
fn no_platform(
    runtime: Runtime,
    image: &str,
    reference: &Reference,
    pull: &PullContext,
    answer: &PullAnswer,
) -> Option<String> {
    let (Some((_, Outcome::Found(manifest))), Some(Ok(content))) = (answer.attempts.last(), &answer.content) else {
        return None;
    };
    // The kubelet would continue with the next credential, whose answer is not known.
    let was_last = answer.attempts.len() >= pull.credentials.len();
    let ManifestBody::Index(entries) = &**content else { return None };
    let node = pull.nodes.iter().find_map(Nodes::platform);
    // The transfer service pulls for the node's own platform, and then looks for an entry that the node can run.
    let runs = node.and_then(|node| choose(Runtime::ContainerdOne, node, entries));
    let missing = NoEntry {
        left_out: runs.filter(|_| runtime.has_transfer_service()).and_then(|entry| entry.digest.as_deref()),
        digest: manifest.digest.as_deref().filter(|_| was_last)?,
        is_list: manifest.media_type.as_deref() == Some("application/vnd.docker.distribution.manifest.list.v2+json"),
        node,
    };
    let earlier = answer.attempts.get(..answer.attempts.len() - 1).unwrap_or_default();
    no_entry(runtime, image, reference, &failures(pull, earlier)?, missing)
}

/// The event if the last attempt found a manifest whose contents cannot be pulled.
fn of_content(
    runtime: Runtime,
    image: &str,
    reference: &Reference,
    pull: &PullContext,
    answer: &PullAnswer,
) -> Option<String> {
    let Some((_, Outcome::Found(manifest))) = answer.attempts.last() else { return None };
    // The kubelet would continue with the next credential, whose answer is not known.
    let was_last = answer.attempts.len() >= pull.credentials.len();
    let fault = content::fault(manifest, answer, &pull.nodes, runtime).filter(|_| was_last)?;
    let earlier = answer.attempts.get(..answer.attempts.len() - 1).unwrap_or_default();
    let mut messages = messages(runtime, reference, &failures(pull, earlier)?)?;
    messages.push(match runtime {
        Runtime::Crio => crio::fault(reference, manifest, &fault)?,
        _ => containerd::fault(runtime, reference, &fault)?,
    });
    aggregate(messages).map(|message| pull_failed_with(image, &message))
}

/// `Failed to pull image "X": …` for an index without an entry for the node, after the failures of other credentials.
pub fn no_entry(
    runtime: Runtime,
    image: &str,
    reference: &Reference,
    earlier: &[Failure<'_>],
    missing: NoEntry<'_>,
) -> Option<String> {
    let mut messages = messages(runtime, reference, earlier)?;
    messages.push(match runtime {
        Runtime::Crio => crio::no_entry(reference, missing)?,
        _ => containerd::no_entry(runtime, reference, missing),
    });
    aggregate(messages).map(|message| pull_failed_with(image, &message))
}

/// `Failed to pull image "X": …`, from one failure per credential that was tried, in that order.
pub fn pull_failed(runtime: Runtime, image: &str, reference: &Reference, failures: &[Failure<'_>]) -> Option<String> {
    aggregate(messages(runtime, reference, failures)?).map(|message| pull_failed_with(image, &message))
}

fn pull_failed_with(image: &str, message: &str) -> String {
    format!("Failed to pull image {}: {message}", quote(image))
}

/// The runtime's message for each failure; `None` if one of them is not certain.
fn messages(runtime: Runtime, reference: &Reference, failures: &[Failure<'_>]) -> Option<Vec<String>> {
    let words = failures.iter().map(|failure| match runtime {
        Runtime::Crio => crio::error(reference, failure),
        _ => containerd::error(runtime, reference, failure),
    });
    words.collect()
}

/// `NewAggregate(…).Error()` of apimachinery: every distinct message once, in brackets if there are several.
pub fn aggregate(messages: Vec<String>) -> Option<String> {
    let mut distinct: Vec<String> = Vec::with_capacity(messages.len());
    for message in messages {
        if !distinct.contains(&message) {
            distinct.push(message);
        }
    }
    match distinct.len() {
        0 | 1 => distinct.pop(),
        _ => Some(format!("[{}]", distinct.join(", "))),
    }
}

/// The `InspectFailed` event, after which the container waits with `InvalidImageName`.
pub fn invalid_image_name(image: &str, error: &ReferenceError) -> String {
    format!("Failed to apply default image tag {}: {}", quote(image), error.kubelet_text(image))
}

/// The text of `ErrImageNeverPull`, for pull policy `Never`.
pub fn never_pulled(image: &str) -> String {
    format!("Container image {} is not present with pull policy of Never", quote(image))
}

/// The `Failed` event for every container of a pod if one of its pull secrets cannot be decoded. Since 1.33 the
/// keyring is built before anything is pulled, so the event names neither the image nor the secret.
pub fn malformed_pull_secret(decoder_message: &str) -> String {
    format!("Error: {decoder_message}")
}

/// The registry's host as the runtime contacts it.
fn contacted_host(reference: &Reference) -> &str {
    match reference.registry() {
        "docker.io" => "registry-1.docker.io",
        host => host,
    }
}

/// The requested tag or digest.
fn target(reference: &Reference) -> &str {
    reference.digest().or_else(|| reference.tag()).unwrap_or("latest")
}

/// Whether the deciding answer came from a token endpoint.
fn is_token_request(evidence: &Evidence) -> bool {
    let elsewhere = |url: &str| !url.contains("/manifests/") && !url.contains("/blobs/");
    evidence.token.is_some() || !is_ping(evidence) && evidence.url.as_deref().is_some_and(elsewhere)
}

/// Whether the only request was the check that the host is a registry, which CRI-O makes first.
fn is_ping(evidence: &Evidence) -> bool {
    evidence.url.as_deref().is_some_and(|url| url.ends_with("/v2/"))
}

/// The URL that was actually requested: a registry can redirect to another host, and a mirror can be asked instead.
/// `query` formats a mirror's `ns` as the event shows it.
fn manifest_url(reference: &Reference, evidence: &Evidence, query: impl Fn(&str) -> String) -> String {
    let host = contacted_host(reference);
    let elsewhere = evidence.url.as_deref().filter(|url| !is_of(url, host) || url.starts_with("http://"));
    match elsewhere.filter(|_| !is_token_request(evidence) && !is_ping(evidence)) {
        Some(url) => {
            let namespace = evidence.details.as_ref().and_then(|details| details.namespace.as_deref()).map(query);
            format!("{url}{}", namespace.map(|namespace| format!("?ns={namespace}")).unwrap_or_default())
        }
        None => format!("https://{host}/v2/{}/manifests/{}", reference.repository(), target(reference)),
    }
}

/// Whether a URL has the host that the reference names. A URL does not show the default port.
fn is_of(url: &str, host: &str) -> bool {
    let same = |found: &str| {
        found.eq_ignore_ascii_case(host)
            || host.strip_suffix(":443").is_some_and(|host| found.eq_ignore_ascii_case(host))
    };
    host_of(url).is_some_and(same)
}

fn host_of(url: &str) -> Option<&str> {
    url.split_once("://")?.1.split('/').next()
}

/// The parameters of a token request's URL, sorted and encoded like `url.Values.Encode`; `…` if some are not known.
fn token_query(request: Option<&TokenRequest>, parameters: &[(&str, &str)]) -> String {
    if request.is_none_or(|request| request.has_query) {
        return "?…".to_owned();
    }
    let mut parameters = parameters.to_vec();
    parameters.sort_by_key(|(name, _)| *name);
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", query_escape(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// `dial tcp: lookup …`, without a port in the host.
fn no_such_host(host: &str) -> String {
    let port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, end)| port(end)).map_or(host, |(name, _)| name);
    format!("dial tcp: lookup {name} on …: no such host")
}

/// Go's message for a connection that broke; `None` if the message depends on more than the failure.
fn broken_connection(evidence: &Evidence) -> Option<&'static str> {
    match evidence.message.as_deref()? {
        "EOF" => Some("EOF"),
        "dial tcp: connect: connection refused" => Some(REFUSED),
        _ => None,
    }
}

/// Go's message for a refused connection. Only the node knows the address.
const REFUSED: &str = "dial tcp …: connect: connection refused";

/// Go's `http.Response.Status`: the number and the server's own reason phrase, else the default one
/// (`net/http/status.go`).
fn status_line(evidence: &Evidence) -> Option<String> {
    let status = evidence.status?;
    if let Some(words) = evidence.details.as_ref().and_then(|details| details.reason.as_ref()) {
        return Some(format!("{status} {words}"));
    }
    let words = match status {
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => return None,
    };
    Some(format!("{status} {words}"))
}

/// The message of Go's `crypto/x509` when rustls refused a certificate. `None` if the connection failed in another
/// way, for which the two stacks have no message in common.
fn certificate_error(fault: TlsFault, evidence: &Evidence) -> Option<String> {
    const FAILED: &str = "tls: failed to verify certificate: x509: ";
    match fault {
        TlsFault::UnknownAuthority => Some(format!("{FAILED}certificate signed by unknown authority")),
        // Go adds the times.
        TlsFault::Expired => Some(format!("{FAILED}certificate has expired or is not yet valid: …")),
        // rustls does not distinguish a certificate without names from one that has only a common name. Go has a
        // different message for each, and for addresses.
        TlsFault::WrongName => evidence.message.clone().filter(|words| {
            let names =
                words.split_once("certificate is valid for ").and_then(|(_, names)| names.rsplit_once(", not "));
            names.is_some_and(|(valid, wanted)| !valid.is_empty() && wanted.parse::<std::net::IpAddr>().is_err())
        }),
        TlsFault::Other => None,
    }
}
