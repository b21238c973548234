//! containerd's words.

use super::{
    Failure, Runtime, certificate_error, contacted_host, host_of, is_token_request, manifest_url, no_such_host,
    status_line,
};
use crate::probe::{Defect, Denial, Evidence, Unknown};
use crate::reference::Reference;
use crate::verdict::Cause;
use crate::verdict::fault::{Fault, Piece};

/// The error of one `PullImage`, as the kubelet gets it: gRPC's prefix is cut for code `Unknown`, and kept for others.
pub(super) fn error(runtime: Runtime, reference: &Reference, failure: &Failure<'_>) -> Option<String> {
    let full = reference.containerd_ref();
    let pulling = format!("failed to pull and unpack image \"{full}\": ");
    let resolving = match runtime {
        Runtime::ContainerdOne => format!("{pulling}failed to resolve reference \"{full}\": "),
        _ => format!("{pulling}failed to resolve image: "),
    };
    let evidence = failure.evidence;
    Some(match failure.cause {
        Cause::Absent if is_hub_refusal(reference, evidence) => format!("{resolving}{INSUFFICIENT_SCOPE}"),
        Cause::Absent => format!("{NOT_FOUND}{resolving}{full}: not found"),
        Cause::Denied(denial) => format!("{resolving}{}", denied(reference, denial, failure)?),
        Cause::Unknown(unknown) => format!("{resolving}{}", unknown_text(reference, unknown, failure)?),
        Cause::Platform => no_entry(runtime, reference, reference.digest().unwrap_or("sha256:…")),
        Cause::Defect(Defect::Blob) => {
            let words = format!("unexpected media type … for {}: not found", reference.digest()?);
            match runtime.has_transfer_service() {
                true => format!("{NOT_FOUND}get image config descriptor: {words}"),
                false => format!("{NOT_FOUND}{pulling}failed to unpack image on snapshotter …: {words}"),
            }
        }
        Cause::Defect(Defect::Schema1) if runtime.has_transfer_service() => {
            let prefix = "rpc error: code = InvalidArgument desc = ";
            format!("{prefix}{pulling}schema 1 image manifests are no longer supported: invalid argument")
        }
        _ => return None,
    })
}

/// The error for an index that has nothing for the node. The transfer service pulls nothing, and says so when it looks at
/// what is not there (`core/images/image.go`, `Config`).
pub(super) fn no_entry(runtime: Runtime, reference: &Reference, index: &str) -> String {
    if runtime == Runtime::ContainerdOne {
        let full = reference.containerd_ref();
        return format!(
            "{NOT_FOUND}failed to pull and unpack image \"{full}\": no match for platform in manifest: not found"
        );
    }
    format!("{NOT_FOUND}get image config descriptor: no match for platform in manifest {index}: not found")
}

/// The error for a manifest that is there and whose contents cannot be pulled.
pub(super) fn fault(runtime: Runtime, reference: &Reference, fault: &Fault) -> Option<String> {
    let pulling = format!("failed to pull and unpack image \"{}\": ", reference.containerd_ref());
    let host = contacted_host(reference);
    let at = |kind: &str, digest: &str| format!("https://{host}/v2/{}/{kind}/{digest}", reference.repository());
    Some(match fault {
        Fault::Missing(piece, digest) => {
            let kind = if matches!(piece, Piece::Manifest | Piece::Child) { "manifests" } else { "blobs" };
            let url = at(kind, digest);
            format!(
                "{NOT_FOUND}{pulling}failed to copy: httpReadSeeker: failed open: content at {url} not found: not found"
            )
        }
        Fault::Kind { digest, claimed, is_index } => {
            let (expected, found) = if *is_index { ("manifest", "index") } else { ("index", "manifest") };
            format!(
                "{pulling}children: invalid desc {digest}: media-type: expected {expected} but found {found} ({claimed})"
            )
        }
        Fault::NoConfig => empty(&pulling, ""),
        Fault::Empty(digest) => empty(&pulling, digest),
        Fault::LayerCount(layers, diff_ids) => {
            format!("{pulling}number of layers and diffIDs don't match: {layers} != {diff_ids}")
        }
        Fault::LayerType if runtime == Runtime::ContainerdOne => {
            format!("{pulling}failed to unpack image on snapshotter …: mismatched image rootfs and manifest layers")
        }
        _ => return None,
    })
}

fn empty(pulling: &str, digest: &str) -> String {
    format!(
        "rpc error: code = InvalidArgument desc = {pulling}unable to fetch descriptor ({digest}) which reports content size of \
         zero: invalid argument"
    )
}

const NOT_FOUND: &str = "rpc error: code = NotFound desc = ";
const ACCESS_DENIED: &str = "pull access denied, repository does not exist or may require authorization: ";
const INSUFFICIENT_SCOPE: &str = "pull access denied, repository does not exist or may require authorization: \
                                  server message: insufficient_scope: authorization failed";

/// Docker Hub never says 404 of a repository.
fn is_hub_refusal(reference: &Reference, evidence: &Evidence) -> bool {
    evidence.status == Some(401) && reference.registry() == "docker.io"
}

fn denied(reference: &Reference, denial: Denial, failure: &Failure<'_>) -> Option<String> {
    let evidence = failure.evidence;
    if is_token_request(evidence) {
        return token_refused(reference, failure);
    }
    if let Some(error) = evidence.challenge_error.as_ref().filter(|_| denial != Denial::AuthRequired) {
        return Some(format!("{ACCESS_DENIED}server message: {error}: authorization failed"));
    }
    match denial {
        Denial::DeniedOrAbsent if evidence.status == Some(401) => Some(INSUFFICIENT_SCOPE.to_owned()),
        Denial::AuthRequired if !failure.with_credential => {
            Some(format!("{ACCESS_DENIED}authorization failed: no basic auth credentials"))
        }
        Denial::Denied | Denial::Auth | Denial::BadCredentials | Denial::DeniedOrAbsent | Denial::NoChallenge => {
            unexpected_status(reference, evidence)
        }
        Denial::AuthRequired => None,
    }
}

fn unexpected_status(reference: &Reference, evidence: &Evidence) -> Option<String> {
    let status = status_line(evidence.status?)?;
    Some(format!("unexpected status from HEAD request to {}: {status}", manifest_url(reference, evidence)))
}

fn token_refused(reference: &Reference, failure: &Failure<'_>) -> Option<String> {
    let evidence = failure.evidence;
    let status = status_line(evidence.status?)?;
    let url = evidence.url.as_deref()?;
    let kind = if failure.with_credential { "oauth" } else { "anonymous" };
    // A POST carries its parameters in the body.
    let (method, query) = match evidence.method {
        Some("POST") => ("POST", String::new()),
        _ => ("GET", token_query(reference, url)),
    };
    Some(format!(
        "failed to authorize: failed to fetch {kind} token: unexpected status from {method} request to {url}{query}: {status}"
    ))
}

/// The service is in the registry's challenge, which is only known of these two.
fn token_query(reference: &Reference, url: &str) -> String {
    let service = match url {
        "https://auth.docker.io/token" => "registry.docker.io",
        "https://ghcr.io/token" => "ghcr.io",
        _ => return "?…".to_owned(),
    };
    format!("?scope=repository%3A{}%3Apull&service={service}", reference.repository().replace('/', "%2F"))
}

fn unknown_text(reference: &Reference, unknown: Unknown, failure: &Failure<'_>) -> Option<String> {
    let evidence = failure.evidence;
    let transport = |what: &str| Some(no_answer(reference, failure, what));
    match unknown {
        Unknown::RateLimited | Unknown::RegistryError | Unknown::AuthServer if is_token_request(evidence) => {
            token_refused(reference, failure)
        }
        Unknown::RateLimited | Unknown::RegistryError => unexpected_status(reference, evidence),
        Unknown::Tls(fault) => transport(&certificate_error(fault, evidence)?),
        // What is in the way of one request names its URL, which may be any host's.
        Unknown::NodeConfig => evidence.message.clone().filter(|words| !words.starts_with("net/http: ")),
        Unknown::PlainHttp => transport("http: server gave HTTP response to HTTPS client"),
        Unknown::Dns | Unknown::NoSuchHost => {
            let host = evidence.url.as_deref().and_then(host_of).unwrap_or_else(|| contacted_host(reference));
            transport(&no_such_host(host))
        }
        _ => None,
    }
}

/// Go's `url.Error`. A token that belongs to a user is asked for by `POST`, whose parameters are in the body.
fn no_answer(reference: &Reference, failure: &Failure<'_>, what: &str) -> String {
    let evidence = failure.evidence;
    match evidence.url.as_deref().filter(|_| is_token_request(evidence)) {
        Some(url) if failure.with_credential => {
            format!("failed to authorize: failed to fetch oauth token: Post \"{url}\": {what}")
        }
        Some(url) => {
            let query = token_query(reference, url);
            format!("failed to authorize: failed to fetch anonymous token: Get \"{url}{query}\": {what}")
        }
        None => format!("failed to do request: Head \"{}\": {what}", manifest_url(reference, evidence)),
    }
}
