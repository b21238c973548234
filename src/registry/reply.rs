//! The meaning of an answer: from status and headers to an [`Outcome`], without I/O.
//!
//! Follows the resolver of containerd, `core/remotes/docker/resolver.go`.

use std::sync::Arc;

use reqwest::{Method, Url};

use super::challenge::{Bearer, Challenge};
use super::digest::digest_of;
use super::error_body;
use super::exchange::Answer;
use super::failure::RequestFailure;
use crate::credential::pair::Credential;
use crate::image::manifest::{self, is_digest, is_index_type};
use crate::image::runtime::Runtime;
use crate::kubelet::probe::{
    Defect, Denial, Details, ErrorBody, Evidence, Manifest, Outcome, RateLimit, TagOrDigest, Unknown,
};

/// containerd's `MaxManifestSize`, in bytes.
pub(crate) const MAX_MANIFEST: u64 = 4 * 1048 * 1048;

/// `MaxManifestBodySize` in `internal/iolimits` of containers/image, in bytes.
const CRIO_MAX_MANIFEST: u64 = 4 * 1024 * 1024;

/// The artifact manifest, from before OCI replaced it with the image manifest (image-spec 1.1.0-rc2).
const ARTIFACT_MANIFEST: &str = "application/vnd.oci.artifact.manifest.v1+json";

/// Maximum length of a text from a registry, in characters; the rest is cut.
const MAX_TEXT: usize = 300;

/// The next step after an answer to `HEAD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judged {
    /// The answer is clear.
    Clear(Outcome),
    /// The manifest has to be fetched.
    Fetch,
}

/// Judges an answer to `HEAD` of a manifest; 401 was handled before.
pub(crate) fn judge_head(answer: &Answer, asked: &TagOrDigest, runtime: Runtime, evidence: Evidence) -> Judged {
    let length = answer.header("content-length").and_then(|text| text.parse::<u64>().ok());
    let digest = answer.header("docker-content-digest").filter(|digest| !digest.is_empty());
    match answer.status {
        405 => Judged::Fetch,
        200 => match length {
            Some(length) if digest.is_some() || matches!(asked, TagOrDigest::Digest(_)) => {
                Judged::Clear(found(answer, asked, runtime, (digest, length), evidence))
            }
            _ => Judged::Fetch,
        },
        _ => Judged::Clear(judge_status(answer.status, evidence)),
    }
}

/// Judges an answer to `GET` of a manifest; 401 was handled before. CRI-O uses the digest of the body, whatever the
/// header says.
pub(crate) fn judge_get(answer: &Answer, asked: &TagOrDigest, runtime: Runtime, evidence: Evidence) -> Outcome {
    if answer.status != 200 {
        return judge_status(answer.status, evidence);
    }
    let length = if answer.cut { MAX_MANIFEST + 1 } else { answer.body.len() as u64 };
    let own = answer.header("docker-content-digest").filter(|digest| !digest.is_empty() && runtime.is_containerd());
    let own = own.map(str::to_owned);
    let by_tag = matches!(asked, TagOrDigest::Tag(_));
    // A body that was cut has no digest of its own, and is refused for its size anyway.
    let digest = own.or_else(|| (!answer.cut).then(|| digest_of(&answer.body)));
    match found(answer, asked, runtime, (digest.as_deref(), length), evidence) {
        Outcome::Found(found) if found.defect.is_none() => {
            Outcome::Found(Manifest { content: manifest::parse(&answer.body).map(Arc::new), ..found })
        }
        Outcome::Found(found) if found.defect == Some(Defect::Schema1) => {
            let fetched_for_digest = answer.header("docker-content-digest").is_none_or(str::is_empty);
            Outcome::Found(Manifest { fetched_for_digest: fetched_for_digest && by_tag, ..found })
        }
        outcome => outcome,
    }
}

/// The content at a digest, if its bytes match the digest.
pub(crate) fn read_content(answer: &Answer, digest: &str, evidence: Evidence) -> Result<Vec<u8>, Outcome> {
    let unread = |unknown, evidence| Err(Outcome::Unknown(unknown, evidence));
    match answer.status {
        200 if answer.cut => unread(Unknown::RegistryError, with_message(evidence, "larger than the limit")),
        // Other digest algorithms are not checked.
        200 if digest.starts_with("sha256:") && digest_of(&answer.body) != digest => {
            Err(Outcome::Found(Manifest { defect: Some(Defect::ContentMismatch), ..Manifest::default() }))
        }
        200 => Ok(answer.body.clone()),
        429 => unread(Unknown::RateLimited, evidence),
        _ => unread(Unknown::RegistryError, evidence),
    }
}

/// Returns the evidence with another message.
pub(crate) fn with_message(evidence: Evidence, words: &str) -> Evidence {
    Evidence { message: Some(words.to_owned()), ..evidence }
}

pub(crate) fn judge_status(status: u16, evidence: Evidence) -> Outcome {
    match status {
        404 => Outcome::Absent(evidence),
        403 => Outcome::Denied(Denial::Denied, evidence),
        429 => Outcome::Unknown(Unknown::RateLimited, evidence),
        _ => Outcome::Unknown(Unknown::RegistryError, evidence),
    }
}

/// The outcome for an existing manifest, with any defect. `digest` is the one from the registry or the content. For a
/// request by digest it is the requested one, whatever the header says.
fn found(
    answer: &Answer,
    asked: &TagOrDigest,
    runtime: Runtime,
    (digest, length): (Option<&str>, u64),
    evidence: Evidence,
) -> Outcome {
    let most = if runtime == Runtime::Crio { CRIO_MAX_MANIFEST } else { MAX_MANIFEST };
    let media_type = media_type(answer);
    let digest = match asked {
        TagOrDigest::Digest(digest) => Some(digest.as_str()),
        TagOrDigest::Tag(_) => digest,
    };
    let valid = digest.filter(|digest| is_digest(digest));
    let defect = match media_type.as_deref() {
        _ if valid.is_none() && digest.is_some() => Some(Defect::BrokenRegistry),
        _ if length == 0 => Some(Defect::BrokenProxy),
        _ if length > most => Some(Defect::TooBig),
        Some("text/plain") => Some(Defect::Schema1),
        Some(schema1) if schema1.starts_with("application/vnd.docker.distribution.manifest.v1+") => {
            Some(Defect::Schema1)
        }
        Some(ARTIFACT_MANIFEST) => Some(Defect::NotAnImage),
        Some(known) if is_manifest_type(known) => None,
        // A web page or a proxy's welcome page is not a registry's answer, so nothing is known about the image.
        _ => {
            let message = format!("not a manifest: Content-Type {}", media_type.as_deref().unwrap_or("is missing"));
            return Outcome::Unknown(Unknown::RegistryError, Evidence { message: Some(message), ..evidence });
        }
    };
    let digest_header = digest.filter(|digest| defect == Some(Defect::BrokenRegistry) && !answer.echoed_in(digest));
    Outcome::Found(Manifest {
        digest: valid.map(str::to_owned),
        media_type,
        length: Some(length).filter(|_| defect == Some(Defect::TooBig) && !answer.cut),
        digest_header: digest_header.map(cut),
        defect,
        rate: evidence.rate,
        ..Manifest::default()
    })
}

/// The media type in `Content-Type`, without parameters.
pub(crate) fn media_type(answer: &Answer) -> Option<String> {
    let media_type = answer.header("content-type").and_then(|text| text.split(';').next());
    let media_type = media_type.filter(|text| !answer.echoed_in(text)).map(|text| cut(text.trim()));
    media_type.filter(|text| !text.is_empty())
}

/// The media types that containerd pulls (`core/images/mediatypes.go`).
fn is_manifest_type(media_type: &str) -> bool {
    let image = ["application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"];
    image.contains(&media_type) || is_index_type(media_type)
}

/// The evidence in an answer. A text that contains the password or token that was sent is left out: a registry may
/// echo it.
pub(crate) fn evidence(method: &Method, url: &Url, answer: &Answer, sent: Option<&Credential>) -> Evidence {
    // A successful answer has no error body, and may be a hundred times larger. As JSON values it would take many
    // times that memory.
    let body: Option<serde_json::Value> = match answer.status {
        200..300 => None,
        _ => serde_json::from_slice(&answer.body).ok(),
    };
    let challenge = challenge(answer);
    let named = |text: Option<String>| text.filter(|text| !echoes(text, sent) && !answer.echoed_in(text));
    let details = Details {
        // containerd prints it for a second 401.
        challenge_error: named(challenge.as_ref().and_then(|bearer| bearer.error.as_deref()).map(cut)),
        reason: named(answer.reason.as_deref().map(cut)),
        challenge_description: named(challenge.as_ref().and_then(|bearer| bearer.description.as_deref()).map(cut)),
        namespace: namespace(url),
    };
    let text = |pointer: &str| {
        let text = body.as_ref()?.pointer(pointer)?.as_str()?;
        (!echoes(text, sent) && !answer.echoed_in(text)).then(|| cut(text))
    };
    Evidence {
        status: Some(answer.status),
        method: Some(method_name(method)),
        url: Some(public_url(url)).filter(|url| !answer.echoed_in(url)),
        code: text("/errors/0/code"),
        // Docker Hub's token endpoint has its own format.
        message: text("/errors/0/message").or_else(|| text("/details")),
        rate: rate_limit(answer),
        retry_after: answer.retry_after.map(|wait| wait.as_secs()),
        token: None,
        body: error_body(method, answer, sent).map(Box::new),
        details: details.boxed(),
        bare: false,
        reported: None,
    }
}

/// The registry for which a mirror was asked.
fn namespace(url: &Url) -> Option<String> {
    url.query_pairs().find_map(|(name, value)| (name == "ns").then(|| cut(&value)))
}

/// The Bearer challenge of a 401.
fn challenge(answer: &Answer) -> Option<Bearer> {
    match Challenge::read(&answer.headers, Runtime::Containerd).filter(|_| answer.status == 401)? {
        Challenge::Bearer(bearer) => Some(bearer),
        Challenge::Basic => None,
    }
}

/// The parsed body of a failure, if it is small and repeats nothing that was sent.
fn error_body(method: &Method, answer: &Answer, sent: Option<&Credential>) -> Option<ErrorBody> {
    if *method == Method::HEAD || answer.status < 300 || answer.cut {
        return None;
    }
    let whole = String::from_utf8_lossy(&answer.body);
    (!echoes(&whole, sent) && !answer.echoed_in(&whole)).then(|| error_body::read(&answer.body)).flatten()
}

/// `ratelimit-remaining: 76;w=21600`, as Docker Hub sends it.
fn rate_limit(answer: &Answer) -> Option<RateLimit> {
    let number = |name: &str| {
        let mut parts = answer.header(name)?.split(';');
        let count = parts.next()?.trim().parse::<u64>().ok()?;
        let window = parts.find_map(|part| part.trim().strip_prefix("w=")?.parse().ok());
        Some((count, window))
    };
    let (remaining, window) = number("ratelimit-remaining")?;
    let limit = number("ratelimit-limit");
    Some(RateLimit {
        limit: limit.map(|(limit, _)| limit),
        remaining,
        window: window.or(limit.and_then(|limit| limit.1)),
    })
}

/// The outcome for a request without an answer.
pub(crate) fn failed(method: &Method, url: &Url, failure: RequestFailure) -> Outcome {
    let evidence = Evidence {
        method: Some(method_name(method)),
        url: Some(public_url(url)),
        message: Some(cut(&failure.message)),
        retry_after: failure.retry_after,
        details: Details { namespace: namespace(url), ..Details::default() }.boxed(),
        ..Evidence::default()
    };
    Outcome::Unknown(failure.unknown, evidence)
}

fn echoes(text: &str, sent: Option<&Credential>) -> bool {
    let Some(sent) = sent else { return false };
    // The password or the whole Basic value would be visible, whatever the scheme.
    let basic = super::basic::basic_value(sent);
    [sent.password.expose(), basic.expose()].iter().any(|secret| !secret.is_empty() && text.contains(secret))
}

/// A URL without query, fragment and user, which can contain secrets.
fn public_url(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        _ => "HEAD",
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::sensitive::Sensitive;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

    fn answer(status: u16, headers: &[(&'static str, &str)]) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        Answer { status, headers: map, ..Answer::default() }
    }

    fn head(digest: &str, length: &str, media_type: &str) -> Judged {
        let headers = [("docker-content-digest", digest), ("content-length", length), ("content-type", media_type)];
        let given: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        judge_head(&answer(200, &given), &TagOrDigest::Tag("1".to_owned()), Runtime::Containerd, Evidence::default())
    }

    fn defect(judged: Judged) -> Option<Defect> {
        match judged {
            Judged::Clear(Outcome::Found(manifest)) => manifest.defect,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn head_response_describes_the_manifest() {
        let expected =
            Manifest { digest: Some(DIGEST.to_owned()), media_type: Some(OCI.to_owned()), ..Manifest::default() };
        assert_eq!(head(DIGEST, "500", OCI), Judged::Clear(Outcome::Found(expected.clone())));
        assert_eq!(head(DIGEST, "500", &format!("{OCI}; charset=utf-8")), Judged::Clear(Outcome::Found(expected)));
    }

    #[test]
    fn incomplete_head_response_is_followed_by_get() {
        assert_eq!(head("", "500", OCI), Judged::Fetch);
        assert_eq!(head(DIGEST, "", OCI), Judged::Fetch);
        let not_allowed = answer(405, &[]);
        assert_eq!(
            judge_head(&not_allowed, &TagOrDigest::Tag("1".to_owned()), Runtime::Containerd, Evidence::default()),
            Judged::Fetch
        );
    }

    #[test]
    fn manifest_defects_are_found_in_the_head_response() {
        assert_eq!(defect(head("sha256:../../x", "500", OCI)), Some(Defect::BrokenRegistry));
        assert_eq!(defect(head(&DIGEST.to_uppercase(), "500", OCI)), Some(Defect::BrokenRegistry));
        assert_eq!(defect(head(DIGEST, "0", OCI)), Some(Defect::BrokenProxy));
        assert_eq!(defect(head(DIGEST, "4393216", OCI)), None);
        assert_eq!(defect(head(DIGEST, "4393217", OCI)), Some(Defect::TooBig));
        assert_eq!(defect(head(DIGEST, "9", "text/plain; charset=utf-8")), Some(Defect::Schema1));
        let schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
        assert_eq!(defect(head(DIGEST, "9", schema1)), Some(Defect::Schema1));
        assert_eq!(defect(head(DIGEST, "9", ARTIFACT_MANIFEST)), Some(Defect::NotAnImage));
    }

    #[test]
    fn html_page_is_a_registry_error() {
        assert!(matches!(head(DIGEST, "9", "text/html"), Judged::Clear(Outcome::Unknown(Unknown::RegistryError, _))));
    }

    #[test]
    fn digest_header_is_ignored_for_a_digest_request() {
        let asked = TagOrDigest::Digest(DIGEST.to_owned());
        let given = answer(200, &[("content-length", "9"), ("content-type", OCI), ("docker-content-digest", "bad")]);
        match judge_head(&given, &asked, Runtime::Containerd, Evidence::default()) {
            Judged::Clear(Outcome::Found(manifest)) => {
                assert_eq!((manifest.digest.as_deref(), manifest.defect), (Some(DIGEST), None));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_fetched_manifest_has_the_digest_of_its_bytes() {
        let given = Answer { body: b"{}".to_vec(), ..answer(200, &[("content-type", OCI)]) };
        match judge_get(&given, &TagOrDigest::Tag("1".to_owned()), Runtime::Containerd, Evidence::default()) {
            Outcome::Found(manifest) => assert_eq!(
                manifest.digest.as_deref(),
                Some("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn evidence_quotes_the_registry_without_secrets() {
        let long = "x".repeat(400);
        let url = Url::parse("https://u:p@auth.example/token?service=s&secret=1#f").unwrap();
        let body = serde_json::json!({"errors": [{"code": "DENIED", "message": long}]}).to_string();
        let given = Answer { body: body.into_bytes(), ..answer(403, &[]) };
        let seen = evidence(&Method::GET, &url, &given, None);
        assert_eq!(seen.url.as_deref(), Some("https://auth.example/token"));
        assert_eq!((seen.status, seen.code.as_deref()), (Some(403), Some("DENIED")));
        assert_eq!(seen.message.map(|message| message.len()), Some(300));

        let sent = Credential { username: Sensitive::new("bob"), password: Sensitive::new("hunter2") };
        for echo in ["user bob with hunter2", "Basic Ym9iOmh1bnRlcjI="] {
            let body = serde_json::json!({"errors": [{"code": "X", "message": echo}]}).to_string();
            let given = Answer { body: body.into_bytes(), ..answer(403, &[]) };
            assert_eq!(evidence(&Method::GET, &url, &given, Some(&sent)).message, None, "{echo}");
        }
    }

    #[test]
    fn failed_get_body_is_kept_unless_it_repeats_a_secret() {
        let url = Url::parse("https://mirror.example/v2/a/manifests/1?ns=reg.example&x=secret").unwrap();
        let sent = Credential { username: Sensitive::new("bob"), password: Sensitive::new("hunter2") };
        let seen = |method: Method, status: u16, body: &str| {
            let given = Answer { body: body.as_bytes().to_vec(), ..answer(status, &[]) };
            evidence(&method, &url, &given, Some(&sent))
        };
        let denied = r#"{"errors":[{"code":"DENIED"}]}"#;
        let body = seen(Method::GET, 403, denied).body.unwrap();
        assert_eq!(body.errors.iter().map(|error| &*error.code).collect::<Vec<_>>(), ["DENIED"]);
        assert_eq!(seen(Method::HEAD, 403, "").body, None);
        assert_eq!(seen(Method::GET, 200, "{}").body, None);
        assert_eq!(seen(Method::GET, 403, "<p>bob, your hunter2</p>").body, None);
        assert_eq!(seen(Method::GET, 403, "").details.unwrap().namespace.as_deref(), Some("reg.example"));
    }

    #[test]
    fn oversized_length_and_bad_digest_header_are_kept() {
        let manifest = |digest: &str, length: &str| match head(digest, length, OCI) {
            Judged::Clear(Outcome::Found(manifest)) => (manifest.length, manifest.digest_header),
            other => panic!("{other:?}"),
        };
        assert_eq!(manifest(DIGEST, "5000000"), (Some(5_000_000), None));
        assert_eq!(manifest("md5:55", "500"), (None, Some("md5:55".to_owned())));
        assert_eq!(manifest(DIGEST, "500"), (None, None));
    }

    #[test]
    fn echoed_token_is_not_shown() {
        let url = Url::parse("https://reg.example/v2/").unwrap();
        for token in ["opaque", "päßchen"] {
            let body = serde_json::json!({"errors": [{"code": "X", "message": format!("bad token {token}")}]});
            let sent = HeaderValue::from_str(&format!("Bearer {token}")).ok();
            let given = Answer { body: body.to_string().into_bytes(), sent, ..answer(403, &[]) };
            let seen = evidence(&Method::GET, &url, &given, None);
            assert_eq!((seen.code.as_deref(), seen.message), (Some("X"), None), "{token}");
        }
    }

    #[test]
    fn crio_has_a_smaller_manifest_size_limit() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let length = (CRIO_MAX_MANIFEST + 1).to_string();
        let given = answer(
            200,
            &[
                ("content-type", "application/vnd.oci.image.manifest.v1+json"),
                ("docker-content-digest", digest.as_str()),
                ("content-length", length.as_str()),
            ],
        );
        let defect = |runtime| match judge_head(&given, &TagOrDigest::Tag("1".to_owned()), runtime, Evidence::default())
        {
            Judged::Clear(Outcome::Found(found)) => found.defect,
            other => panic!("{other:?}"),
        };
        assert_eq!((defect(Runtime::Containerd), defect(Runtime::Crio)), (None, Some(Defect::TooBig)));
    }
}
