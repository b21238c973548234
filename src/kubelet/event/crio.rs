//! CRI-O's error messages.

use super::{
    Failure, NoEntry, REFUSED, broken_connection, certificate_error, contacted_host, is_of, is_ping, is_token_request,
    manifest_url, no_such_host, status_line, target, token_query,
};
use crate::image::reference::Reference;
use crate::kubelet::probe::{Defect, Evidence, Manifest, RegistryError, Unknown};
use crate::kubelet::verdict::Cause;
use crate::kubelet::verdict::fault::{ContentFault, ImagePart};
use crate::text::go::quote::quote;

/// The error of one `PullImage`. A short name is taken for one of Docker Hub, as if the node's registries.conf had no
/// other registry to search.
pub(super) fn error(reference: &Reference, failure: &Failure<'_>) -> Option<String> {
    let evidence = failure.evidence;
    if is_refused_name(reference) {
        return Some(
            "prepare temp auth file: parse image name: invalid reference format: repository name must be lowercase"
                .to_owned(),
        );
    }
    let reading = || format!("reading manifest {} in {}: {}", target(reference), reference.name(), words_of(evidence));
    let cause = match failure.cause {
        Cause::Absent if evidence.status.is_none() => return None,
        Cause::Absent | Cause::Denied(_) if is_token_request(evidence) => token_refused(evidence)?,
        Cause::Absent | Cause::Denied(_) if is_ping(evidence) => pinging(reference, evidence),
        Cause::Absent | Cause::Denied(_) => reading(),
        Cause::Defect(Defect::TooBig) => "exceeded maximum allowed size of 4194304 bytes".to_owned(),
        Cause::Unknown(unknown) if evidence.status.is_none() => return network(reference, unknown, failure),
        Cause::Unknown(unknown)
            if !matches!(unknown, Unknown::RateLimited | Unknown::RegistryError | Unknown::AuthServer) =>
        {
            return None;
        }
        // A success status, or a 401 elsewhere, has another message.
        Cause::Unknown(_) if evidence.status.is_some_and(|status| status < 300 || status == 401) => return None,
        Cause::Unknown(_) if is_token_request(evidence) => token_refused(evidence)?,
        Cause::Unknown(_) if is_ping(evidence) => pinging(reference, evidence),
        Cause::Unknown(_) => reading(),
        _ => return None,
    };
    let image = format!("{}{cause}", initializing(reference));
    Some(after_artifact(&image, &format!("get manifest from ref: create image source: {cause}")))
}

/// Whether CRI-O's parser refuses the name. If the first part of a name has an upper-case letter and neither dot nor
/// port, containerd takes it for a registry, but CRI-O for part of a bad name.
fn is_refused_name(reference: &Reference) -> bool {
    let registry = reference.registry();
    !registry.contains(['.', ':']) && registry.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn initializing(reference: &Reference) -> String {
    format!("initializing source docker://{}: ", familiar(reference))
}

/// The error after the second attempt. CRI-O tries the failed image once more as an artifact, which fails the same
/// way with another message (`PullImage` in `internal/storage/image.go` of CRI-O 1.36).
fn after_artifact(image: &str, artifact: &str) -> String {
    format!("unable to pull image or OCI artifact: pull image err: {image}; artifact err: image reference: {artifact}")
}

/// The error for an index that has no entry for the node (`chooseInstance` of containers/image,
/// `internal/manifest/{oci_index,docker_schema2_list}.go`). The message names the variant that the node detects: `v8`
/// on every arm64.
pub(super) fn no_entry(reference: &Reference, missing: NoEntry<'_>) -> Option<String> {
    let node = missing.node?;
    let variant = match (&*node.architecture, &*node.variant) {
        ("arm64", "") => "v8",
        ("arm", "") => return None,
        (_, variant) => variant,
    };
    let (what, architecture, os) =
        (if missing.is_list { "manifest list" } else { "image index" }, &node.architecture, &node.os);
    let none =
        format!("no image found in {what} for architecture \"{architecture}\", variant \"{variant}\", OS \"{os}\"");
    let image = format!("choosing an image from manifest list docker://{}: {none}", familiar(reference));
    Some(after_artifact(&image, &format!("choose manifest instance: {none}")))
}

/// The error for a manifest that exists but whose contents cannot be pulled.
pub(super) fn fault(reference: &Reference, manifest: &Manifest, fault: &ContentFault) -> Option<String> {
    let image = familiar(reference);
    let source = format!("initializing image from source docker://{image}: ");
    let instance = "copying system image from manifest list: ";
    let parsed = |why: String| (format!("{source}{why}"), format!("parse manifest: {why}"));
    let (cause, artifact) = match fault {
        ContentFault::Missing(ImagePart::Child, digest, _) => {
            let reading = format!("reading manifest {digest} in {}: …", reference.name());
            let cause = format!("{instance}determining manifest MIME type for docker://{image}: {reading}");
            (cause, format!("get instance manifest: {reading}"))
        }
        ContentFault::NestedIndex => (
            format!("{instance}Unexpectedly received a manifest list instead of a manifest for a single image"),
            "parse manifest: Treating manifest lists as individual manifests is not implemented".to_owned(),
        ),
        ContentFault::Kind { claimed, is_index: true, .. } => parsed(format!(
            "rejecting ambiguous manifest, unexpected fields []string{{\"manifests\"}} in supposedly {claimed}"
        )),
        ContentFault::MixedTypes(config) => (
            format!("parsing image configuration: invalid mixed OCI image with Docker v2s2 config ({})", quote(config)),
            "reference is a container image, not an OCI artifact".to_owned(),
        ),
        ContentFault::Form(ImagePart::Manifest)
            if manifest.media_type.as_deref() == Some("application/vnd.docker.distribution.manifest.v2+json") =>
        {
            parsed("unsupported docker v2s2 media type: \"\"".to_owned())
        }
        _ => return None,
    };
    Some(after_artifact(&cause, &artifact))
}

/// The error for a refused token request: `httpResponseToError` in `docker/errors.go` of containers/image.
fn token_refused(evidence: &Evidence) -> Option<String> {
    Some(match evidence.status? {
        // The message is the same whether a password was sent or not.
        401 => format!("unable to retrieve auth token: invalid username/password: {}", words_of(evidence)),
        429 => "too many requests to registry".to_owned(),
        _ => format!("Requesting bearer token: received unexpected HTTP status: {}", status_line(evidence)?),
    })
}

fn pinging(reference: &Reference, evidence: &Evidence) -> String {
    format!("pinging container registry {}: {}", contacted_host(reference), words_of(evidence))
}

/// The error for a network failure. CRI-O does not retry these as an artifact. Its first request to a registry checks
/// whether the host is one.
fn network(reference: &Reference, unknown: Unknown, failure: &Failure<'_>) -> Option<String> {
    let evidence = failure.evidence;
    let own = contacted_host(reference);
    let elsewhere = evidence.url.as_deref().filter(|url| !is_of(url, own));
    let host = elsewhere.and_then(super::host_of).unwrap_or(own);
    let what = match unknown {
        Unknown::PlainHttp => "http: server gave HTTP response to HTTPS client".to_owned(),
        Unknown::Tls(fault) => certificate_error(fault, evidence)?,
        Unknown::NoSuchHost => no_such_host(host),
        Unknown::Network => broken_connection(evidence)?.to_owned(),
        _ => return None,
    };
    let asking = if is_token_request(evidence) {
        format!("Get \"{}{}\"", evidence.url.as_deref()?, query_of(reference, failure))
    } else if elsewhere.is_some() {
        format!("Get \"{}\"", manifest_url(reference, evidence, str::to_owned))
    } else {
        format!("pinging container registry {own}: Get \"https://{own}/v2/\"")
    };
    // CRI-O has a separate error for `ECONNREFUSED` (`server/image_pull.go`).
    let unavailable = if what == REFUSED { "RegistryUnavailable: " } else { "" };
    Some(format!("{unavailable}unable to pull image: {}{asking}: {what}", initializing(reference)))
}

/// The query of a token request. `getBearerToken` in `docker/docker_client.go` of containers/image asks for its own
/// scope alone. The user name is left out.
fn query_of(reference: &Reference, failure: &Failure<'_>) -> String {
    let request = failure.evidence.token.as_deref();
    let scope = format!("repository:{}:pull", reference.repository());
    let mut parameters = vec![("scope", scope.as_str())];
    parameters.extend(request.and_then(|request| request.service.as_deref()).map(|service| ("service", service)));
    let query = token_query(request, &parameters);
    match query.strip_prefix('?') {
        Some(rest) if failure.with_credential && rest != "…" => format!("?account=…&{rest}"),
        _ => query,
    }
}

/// `registryHTTPResponseToError` in `docker/errors.go` of containers/image; an ellipsis if the body is not known.
fn words_of(evidence: &Evidence) -> String {
    let unknown = || "…".to_owned();
    let status = match evidence.status {
        Some(status @ 400..500) => status,
        _ => {
            let line = status_line(evidence);
            return line.map_or_else(unknown, |line| format!("received unexpected HTTP status: {line}"));
        }
    };
    let challenged = match evidence
        .details
        .as_ref()
        .and_then(|details| details.challenge_error.as_deref())
        .filter(|_| status == 401)
    {
        Some("invalid_token") => Some("UNAUTHORIZED"),
        Some("insufficient_scope") => Some("DENIED"),
        _ => None,
    };
    if let Some(code) = challenged {
        let described = evidence.details.as_ref().and_then(|details| details.challenge_description.as_ref());
        let message = described.cloned().unwrap_or_else(|| usual(code).to_owned());
        return reworded(code, &message);
    }
    let Some(body) = &evidence.body else { return unknown() };
    if let Some(details) = &body.details {
        let code = match status {
            401 => "UNAUTHORIZED",
            429 => "TOOMANYREQUESTS",
            _ => "UNKNOWN",
        };
        return reworded(code, details);
    }
    match body.errors.first() {
        Some(error) => first_error(error),
        None if status == 401 => usual("UNAUTHORIZED").to_owned(),
        None => body.start.as_ref().map_or_else(
            || format!("StatusCode: {status}, …"),
            |start| format!("StatusCode: {status}, {}", quote(start)),
        ),
    }
}

/// The first error as text. `Errors.UnmarshalJSON` of docker/distribution reduces an error without message and detail
/// to its code.
fn first_error(error: &RegistryError) -> String {
    let code = if usual(&error.code) == UNKNOWN { "UNKNOWN" } else { &error.code };
    match !error.detail && (error.message.is_empty() || error.message == usual(code)) {
        true => in_words(code),
        false => reworded(code, &error.message),
    }
}

/// The code and its message. A message that is the code's default is shown alone.
fn reworded(code: &str, message: &str) -> String {
    if message == usual(code) { message.to_owned() } else { format!("{}: {message}", in_words(code)) }
}

fn in_words(code: &str) -> String {
    code.to_ascii_lowercase().replace('_', " ")
}

const UNKNOWN: &str = "unknown error";

/// The default message of a code (`registry/api/errcode/register.go` and `registry/api/v2/errors.go` of
/// docker/distribution 2.8.3).
fn usual(code: &str) -> &'static str {
    match code {
        "UNSUPPORTED" => "The operation is unsupported.",
        "UNAUTHORIZED" => "authentication required",
        "DENIED" => "requested access to the resource is denied",
        "UNAVAILABLE" => "service unavailable",
        "TOOMANYREQUESTS" => "too many requests",
        "DIGEST_INVALID" => "provided digest did not match uploaded content",
        "SIZE_INVALID" => "provided length did not match content length",
        "NAME_INVALID" => "invalid repository name",
        "TAG_INVALID" => "manifest tag did not match URI",
        "NAME_UNKNOWN" => "repository name not known to registry",
        "MANIFEST_UNKNOWN" => "manifest unknown",
        "MANIFEST_INVALID" => "manifest invalid",
        "MANIFEST_UNVERIFIED" => "manifest failed signature verification",
        "MANIFEST_BLOB_UNKNOWN" | "BLOB_UNKNOWN" => "blob unknown to registry",
        "BLOB_UPLOAD_UNKNOWN" => "blob upload unknown to registry",
        "BLOB_UPLOAD_INVALID" => "blob upload invalid",
        "PAGINATION_NUMBER_INVALID" => "invalid number of results requested",
        _ => UNKNOWN,
    }
}

/// `reference.FamiliarString`: Docker Hub's own prefixes are left out. If there are both tag and digest, CRI-O keeps
/// the digest.
fn familiar(reference: &Reference) -> String {
    let full = reference.containerd_ref();
    let short = full.strip_prefix("docker.io/");
    short
        .map(|path| path.strip_prefix("library/").filter(|name| !name.contains('/')).unwrap_or(path))
        .unwrap_or(&full)
        .to_owned()
}
