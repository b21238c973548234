//! containerd's error messages.

use super::{
    Failure, NoEntry, Runtime, broken_connection, certificate_error, contacted_host, has_second_line, host_of, is_of,
    is_token_request, manifest_url, no_such_host, status_line, token_query,
};
use crate::image::reference::Reference;
use crate::kubelet::probe::{Defect, Denial, Evidence, Manifest, Outcome, RegistryError, Unknown};
use crate::kubelet::verdict::Cause;
use crate::kubelet::verdict::fault::{ContentFault, ImagePart};
use crate::text::go::digest;
use crate::text::go::quote::quote;
use crate::text::go::url::query_escape;

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
        Cause::Denied(denial) => format!("{resolving}{}", denied(runtime, reference, denial, failure)?),
        Cause::Unknown(unknown) => format!("{resolving}{}", unknown_text(runtime, reference, unknown, failure)?),
        Cause::Platform => {
            let digest = reference.digest().unwrap_or("sha256:…");
            no_entry(runtime, reference, NoEntry { digest, left_out: None, is_list: false, node: None })
        }
        Cause::Defect(Defect::Blob) => {
            let media_type = failure.manifest.and_then(|manifest| manifest.media_type.as_deref()).unwrap_or("…");
            let words = format!("unexpected media type {media_type} for {}: not found", reference.digest()?);
            match runtime.has_transfer_service() {
                true => format!("{NOT_FOUND}get image config descriptor: {words}"),
                false => format!("{NOT_FOUND}{pulling}failed to unpack image on snapshotter …: {words}"),
            }
        }
        Cause::Defect(Defect::Schema1) => schema1(runtime, failure.manifest?, &pulling, &resolving)?,
        Cause::Defect(Defect::TooBig) => {
            let length = failure.manifest?.length.map_or_else(|| "…".to_owned(), |length| length.to_string());
            format!("{NOT_FOUND}{resolving}rejecting {length} byte manifest for {full}: not found")
        }
        Cause::Defect(Defect::BrokenProxy) => {
            let digest = failure.manifest?.digest.as_deref()?;
            format!(
                "{INVALID}{pulling}unable to fetch descriptor ({digest}) which reports content size of zero: invalid \
                 argument"
            )
        }
        Cause::Defect(Defect::BrokenRegistry) => {
            let header = failure.manifest?.digest_header.as_deref()?;
            format!("{resolving}{} in header not a valid digest: {}", quote(header), digest::fault(header)?)
        }
        _ => return None,
    })
}

/// The error for an index that has no entry for the node. The transfer service pulls nothing, and fails when it looks
/// for the content (`core/images/image.go`, `Config`). That lookup accepts an entry that the node could run but whose
/// content was not pulled.
pub(super) fn no_entry(runtime: Runtime, reference: &Reference, missing: NoEntry<'_>) -> String {
    if runtime == Runtime::ContainerdOne {
        let full = reference.containerd_ref();
        return format!(
            "{NOT_FOUND}failed to pull and unpack image \"{full}\": no match for platform in manifest: not found"
        );
    }
    let why = match missing.left_out {
        Some(digest) => format!("content digest {digest}: not found"),
        None => format!("no match for platform in manifest {}: not found", missing.digest),
    };
    format!("{NOT_FOUND}get image config descriptor: {why}")
}

/// The error for a manifest that exists but whose contents cannot be pulled.
pub(super) fn fault(runtime: Runtime, reference: &Reference, fault: &ContentFault) -> Option<String> {
    let pulling = format!("failed to pull and unpack image \"{}\": ", reference.containerd_ref());
    let host = contacted_host(reference);
    let copying = format!("{pulling}failed to copy: httpReadSeeker: failed open: ");
    Some(match fault {
        ContentFault::Missing(ImagePart::Manifest | ImagePart::Child, digest, _) => {
            let url = format!("https://{host}/v2/{}/manifests/{digest}", reference.repository());
            format!("{NOT_FOUND}{copying}content at {url} not found: not found")
        }
        // The last error of `Fetch` in `core/remotes/docker/fetcher.go`, if no host has the blob.
        ContentFault::Missing(ImagePart::Config | ImagePart::Layer, digest, media_type) => {
            format!(
                "{NOT_FOUND}{copying}could not fetch content descriptor {digest} ({media_type}) from remote: not found"
            )
        }
        ContentFault::Kind { digest, claimed, is_index } => {
            let (expected, found) = if *is_index { ("manifest", "index") } else { ("index", "manifest") };
            format!(
                "{pulling}children: invalid desc {digest}: media-type: expected {expected} but found {found} ({claimed})"
            )
        }
        ContentFault::NoConfig => empty(&pulling, ""),
        ContentFault::Empty(digest) => empty(&pulling, digest),
        ContentFault::LayerCount(layers, diff_ids) => {
            format!("{pulling}number of layers and diffIDs don't match: {layers} != {diff_ids}")
        }
        ContentFault::LayerType if runtime == Runtime::ContainerdOne => {
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
const INVALID: &str = "rpc error: code = InvalidArgument desc = ";
const ACCESS_DENIED: &str = "pull access denied, repository does not exist or may require authorization: ";
const INSUFFICIENT_SCOPE: &str = "pull access denied, repository does not exist or may require authorization: \
                                  server message: insufficient_scope: authorization failed";

/// containerd's error for schema 1. containerd fetches no manifest of an unknown type
/// (`core/remotes/docker/fetcher.go`). The type that it knows by name is refused while the tag is resolved if `HEAD`
/// shows no digest, and otherwise after that (`core/transfer/local/pull.go`). containerd 1.7 converts schema 1, and
/// fails on its contents.
fn schema1(runtime: Runtime, manifest: &Manifest, pulling: &str, resolving: &str) -> Option<String> {
    const KNOWN: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    match manifest.media_type.as_deref() {
        Some("text/plain" | KNOWN) | None => {}
        Some(other) => {
            let digest = manifest.digest.as_deref()?;
            return Some(format!(
                "{NOT_FOUND}{pulling}failed to copy: httpReadSeeker: failed open: could not fetch content descriptor \
                 {digest} ({other}) from remote: not found"
            ));
        }
    }
    if !runtime.has_transfer_service() {
        return None;
    }
    Some(match manifest.fetched_for_digest {
        true => format!(
            "rpc error: code = Unimplemented desc = {resolving}not implemented: media type \"{KNOWN}\" is no longer \
             supported since containerd v2.0, please rebuild the image as \
             \"application/vnd.docker.distribution.manifest.v2+json\" or \
             \"application/vnd.oci.image.manifest.v1+json\""
        ),
        false => format!("{INVALID}{pulling}schema 1 image manifests are no longer supported: invalid argument"),
    })
}

/// Whether Docker Hub refused the request with 401. It never answers 404 for a repository.
fn is_hub_refusal(reference: &Reference, evidence: &Evidence) -> bool {
    evidence.status == Some(401) && reference.registry() == "docker.io"
}

fn denied(runtime: Runtime, reference: &Reference, denial: Denial, failure: &Failure<'_>) -> Option<String> {
    let evidence = failure.evidence;
    if is_token_request(evidence) {
        return token_refused(evidence, failure.with_credential);
    }
    if let Some(error) = evidence
        .details
        .as_ref()
        .and_then(|details| details.challenge_error.as_ref())
        .filter(|_| denial != Denial::AuthRequired)
    {
        return Some(format!("{ACCESS_DENIED}server message: {error}: authorization failed"));
    }
    match denial {
        Denial::DeniedOrAbsent if evidence.status == Some(401) => Some(INSUFFICIENT_SCOPE.to_owned()),
        // Answering a Basic challenge takes both user and password.
        Denial::AuthRequired => Some(format!("{ACCESS_DENIED}authorization failed: no basic auth credentials")),
        Denial::Denied | Denial::Auth | Denial::BadCredentials | Denial::DeniedOrAbsent | Denial::NoChallenge => {
            unexpected_status(runtime, reference, failure)
        }
        // Only a token endpoint causes this.
        Denial::TokenRefused => None,
    }
}

/// `ErrUnexpectedStatus` of `core/remotes/errors/errors.go`, followed by what `unexpectedResponseErr` of
/// `core/remotes/docker/errcode.go` finds in the body.
fn unexpected_status(runtime: Runtime, reference: &Reference, failure: &Failure<'_>) -> Option<String> {
    let evidence = failure.evidence;
    let status = status_line(evidence)?;
    let url = manifest_url(reference, evidence, query_escape);
    let line = |method: &str| format!("unexpected status from {method} request to {url}: {status}");
    if evidence.method == Some("GET") {
        // It is not known whether this request was made because `HEAD` was not allowed (that error is lost) or to get
        // the digest. containerd before 2.3 does not look at the status of the second request either.
        let silent = evidence.body.as_ref().is_some_and(|body| body.errors.is_empty());
        return (has_second_line(runtime) && silent).then(|| line("GET"));
    }
    if evidence.status != Some(403) || !has_second_line(runtime) {
        return Some(line("HEAD"));
    }
    let explained = match failure.explained {
        Some(Outcome::Absent(explained) | Outcome::Denied(_, explained) | Outcome::Unknown(_, explained)) => {
            explained.status.map(|status| (status, explained))
        }
        Some(Outcome::Found(_)) => return Some(line("HEAD")),
        None => None,
    };
    Some(match explained {
        // Errors that come with another status are ignored.
        Some((status, _)) if status != 403 => line("HEAD"),
        Some((_, Evidence { body: Some(body), .. })) => format!("{}{}", line("HEAD"), second_line(&body.errors)),
        _ => format!("{}…", line("HEAD")),
    })
}

/// `errors.Join` with the `Errors` of a body: each on its own line.
fn second_line(errors: &[RegistryError]) -> String {
    match errors {
        [] => String::new(),
        [one] => format!("\n{}", words_of(one)),
        several => {
            let lines: String = several.iter().map(|error| format!("{}\n", words_of(error))).collect();
            format!("\nerrors:\n{lines}")
        }
    }
}

/// The error codes that containerd knows, with their messages (`core/remotes/docker/errdesc.go`); it treats all
/// others as unknown.
const CODES: [(&str, &str); 5] = [
    ("UNSUPPORTED", "The operation is unsupported."),
    ("UNAUTHORIZED", "authentication required"),
    ("DENIED", "requested access to the resource is denied"),
    ("UNAVAILABLE", "service unavailable"),
    ("TOOMANYREQUESTS", "too many requests"),
];

/// `Error.Error` and `ErrorCode.Error`: only the code if the message adds nothing.
fn words_of(error: &RegistryError) -> String {
    let known = CODES.into_iter().find(|(code, _)| *code == error.code);
    let (code, usual) = known.unwrap_or(("UNKNOWN", "unknown error"));
    let code = code.to_ascii_lowercase();
    match !error.detail && (error.message.is_empty() || error.message == usual) {
        true => code,
        false => format!("{code}: {}", error.message),
    }
}

/// How the query parameters of a URL appear in an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Query {
    /// As they are: an error about the status of an answer shows the URL unchanged.
    Shown,
    /// Redacted: the URL of a request without an answer (`SanitizeError` in `internal/cri/util/sanitize.go`).
    Redacted,
}

/// The parameters in the URL of a token request; a `POST` has them in its body.
fn query_of(evidence: &Evidence, query: Query) -> String {
    let request = evidence.token.as_deref();
    let own = request.is_some_and(|request| !request.has_query);
    if evidence.method == Some("POST") && own {
        return String::new();
    }
    let shown = |value| if query == Query::Redacted { REDACTED } else { value };
    let mut parameters = Vec::new();
    if let Some(request) = request {
        let scopes = request.scopes.iter().map(|scope| ("scope", shown(scope.as_str())));
        parameters.extend(scopes);
        parameters.extend(request.service.as_deref().map(|service| ("service", shown(service))));
        if query == Query::Redacted {
            parameters.dedup();
        }
    }
    token_query(request, &parameters)
}

const REDACTED: &str = "[REDACTED]";

/// The prefix that `doBearerAuth` of `core/remotes/docker/authorizer.go` puts before every error of a token request.
fn fetching(with_credential: bool) -> &'static str {
    if with_credential {
        "failed to authorize: failed to fetch oauth token: "
    } else {
        "failed to authorize: failed to fetch anonymous token: "
    }
}

fn token_refused(evidence: &Evidence, with_credential: bool) -> Option<String> {
    if evidence.status.is_some_and(|status| status < 400) {
        return no_token(evidence, with_credential);
    }
    let status = status_line(evidence)?;
    let (url, query) = (evidence.url.as_deref()?, query_of(evidence, Query::Shown));
    let method = if evidence.method == Some("POST") { "POST" } else { "GET" };
    Some(format!("{}unexpected status from {method} request to {url}{query}: {status}", fetching(with_credential)))
}

/// The error for a successful answer that contains no token.
fn no_token(evidence: &Evidence, with_credential: bool) -> Option<String> {
    let words = evidence.message.as_deref()?;
    let is_of_decoder = words.starts_with("authorization server did not") || words.starts_with("unable to decode");
    is_of_decoder.then(|| format!("{}{words}", fetching(with_credential)))
}

fn unknown_text(runtime: Runtime, reference: &Reference, unknown: Unknown, failure: &Failure<'_>) -> Option<String> {
    let evidence = failure.evidence;
    let transport = |what: &str| no_answer(reference, failure, what);
    match unknown {
        Unknown::AuthServer if evidence.status.is_some_and(|status| status < 400) => {
            no_token(evidence, failure.with_credential)
        }
        // A success status for something that is not a manifest, or a 401 elsewhere, has another message.
        Unknown::RateLimited | Unknown::RegistryError | Unknown::AuthServer
            if evidence.status.is_none_or(|status| status < 300 || status == 401) =>
        {
            None
        }
        Unknown::RateLimited | Unknown::RegistryError | Unknown::AuthServer if is_token_request(evidence) => {
            token_refused(evidence, failure.with_credential)
        }
        Unknown::RateLimited | Unknown::RegistryError => unexpected_status(runtime, reference, failure),
        Unknown::Tls(fault) => transport(&certificate_error(fault, evidence)?),
        // An error that prevents a request names its URL, which can be any host's.
        Unknown::NodeConfig => evidence.message.clone().filter(|words| !words.starts_with("net/http: ")),
        Unknown::PlainHttp => transport("http: server gave HTTP response to HTTPS client"),
        Unknown::NoSuchHost => {
            let own = contacted_host(reference);
            let host = evidence.url.as_deref().filter(|url| !is_of(url, own)).and_then(host_of);
            transport(&no_such_host(host.unwrap_or(own)))
        }
        Unknown::Network => transport(broken_connection(evidence)?),
        _ => None,
    }
}

/// Go's `url.Error`, for a request without an answer.
fn no_answer(reference: &Reference, failure: &Failure<'_>, what: &str) -> Option<String> {
    let evidence = failure.evidence;
    if is_token_request(evidence) {
        let (url, query) = (evidence.url.as_deref()?, query_of(evidence, Query::Redacted));
        let method = if evidence.method == Some("POST") { "Post" } else { "Get" };
        return Some(format!("{}{method} \"{url}{query}\": {what}", fetching(failure.with_credential)));
    }
    let url = manifest_url(reference, evidence, |_| query_escape(REDACTED));
    Some(format!("failed to do request: Head \"{url}\": {what}"))
}
