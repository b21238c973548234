//! CRI-O's words.

use super::{
    Failure, NoEntry, certificate_error, contacted_host, is_of, is_token_request, no_such_host, status_line, target,
};
use crate::probe::{Denial, Evidence, Unknown};
use crate::reference::Reference;
use crate::verdict::Cause;

/// The error of one `PullImage`. A short name is looked for in the node's own list of registries, so nothing can be
/// said of one.
pub(super) fn error(reference: &Reference, failure: &Failure<'_>) -> Option<String> {
    if reference.is_short_name() {
        return None;
    }
    let evidence = failure.evidence;
    let source = format!("initializing source docker://{}: ", familiar(reference));
    let reading = format!("{source}reading manifest {} in {}: ", target(reference), reference.name());
    let cause = match failure.cause {
        Cause::Absent => format!("{reading}{}", registry_words(evidence, "manifest unknown")),
        Cause::Denied(denial) => denied(&source, &reading, denial, failure)?,
        Cause::Unknown(unknown) => return network(&source, reference, unknown, evidence),
        _ => return None,
    };
    Some(after_artifact(&cause))
}

/// The failed image is tried once more as an artifact, which fails the same way in other words.
fn after_artifact(cause: &str) -> String {
    format!("unable to pull image or OCI artifact: pull image err: {cause}; artifact err: …")
}

/// The error for an index that has nothing for the node (`chooseInstance` of containers/image,
/// `internal/manifest/{oci_index,docker_schema2_list}.go`). It names the variant that the node finds: `v8` on every arm64.
pub(super) fn no_entry(reference: &Reference, missing: NoEntry<'_>) -> Option<String> {
    let node = missing.node.filter(|_| !reference.is_short_name())?;
    let variant = match (&*node.architecture, &*node.variant) {
        ("arm64", "") => "v8",
        ("arm", "") => return None,
        (_, variant) => variant,
    };
    let (what, architecture, os) =
        (if missing.is_list { "manifest list" } else { "image index" }, &node.architecture, &node.os);
    Some(after_artifact(&format!(
        "choosing an image from manifest list docker://{}: no image found in {what} for architecture \"{architecture}\", \
         variant \"{variant}\", OS \"{os}\"",
        familiar(reference)
    )))
}

fn denied(source: &str, reading: &str, denial: Denial, failure: &Failure<'_>) -> Option<String> {
    let evidence = failure.evidence;
    if is_token_request(evidence) {
        if evidence.status == Some(401) && failure.with_credential {
            let words = registry_words(evidence, "…");
            return Some(format!(
                "{source}unable to retrieve auth token: invalid username/password: unauthorized: {words}"
            ));
        }
        let status = status_line(evidence.status?)?;
        return Some(format!("{source}Requesting bearer token: received unexpected HTTP status: {status}"));
    }
    match denial {
        Denial::DeniedOrAbsent => {
            Some(format!("{reading}{}", registry_words(evidence, "requested access to the resource is denied")))
        }
        Denial::AuthRequired => Some(format!("{reading}{}", registry_words(evidence, "authentication required"))),
        Denial::NoChallenge => Some(format!("{reading}{}", registry_words(evidence, "unauthorized"))),
        Denial::BadCredentials | Denial::Auth | Denial::Denied => None,
    }
}

/// Errors of the network are not tried again as an artifact, and come while the registry is pinged.
fn network(source: &str, reference: &Reference, unknown: Unknown, evidence: &Evidence) -> Option<String> {
    let host = contacted_host(reference);
    // What is said of a token endpoint, or after a redirect, is not established.
    if evidence.url.as_deref().is_some_and(|url| is_token_request(evidence) || !is_of(url, host)) {
        return None;
    }
    let what = match unknown {
        Unknown::PlainHttp => "http: server gave HTTP response to HTTPS client".to_owned(),
        Unknown::Tls(fault) => certificate_error(fault, evidence)?,
        Unknown::Dns | Unknown::NoSuchHost => no_such_host(host),
        _ => return None,
    };
    Some(format!("unable to pull image: {source}pinging container registry {host}: Get \"https://{host}/v2/\": {what}"))
}

/// containers/image prints the registry's own message where there is one.
fn registry_words<'e>(evidence: &'e Evidence, otherwise: &'e str) -> &'e str {
    evidence.message.as_deref().filter(|message| evidence.code.is_some() && !message.is_empty()).unwrap_or(otherwise)
}

/// `reference.FamiliarString`: Docker Hub's own prefixes left out; of tag and digest CRI-O keeps the digest.
fn familiar(reference: &Reference) -> String {
    let full = reference.containerd_ref();
    let short = full.strip_prefix("docker.io/");
    short
        .map(|path| path.strip_prefix("library/").filter(|name| !name.contains('/')).unwrap_or(path))
        .unwrap_or(&full)
        .to_owned()
}
