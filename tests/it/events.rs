//! The text of the event is the kubelet's and the runtime's own.

use pullcheck::credential::pair::Credential;
use pullcheck::credential::sensitive::Sensitive;
use pullcheck::image::platform::Platform;
use pullcheck::image::reference::Reference;
use pullcheck::image::runtime::Runtime;
use pullcheck::kubelet::event::{
    Failure, NoEntry, after_attempts, aggregate, invalid_image_name, malformed_pull_secret, never_pulled, no_entry,
    pull_failed,
};
use pullcheck::kubelet::probe::{
    Defect, Denial, ErrorBody, Evidence, Manifest, Outcome, PullAnswer, RegistryError, TlsFault, TokenRequest, Unknown,
};
use pullcheck::kubelet::pull::{CandidateCredential, PullContext};
use pullcheck::kubelet::verdict::Cause;

/// What one attempt saw, in the fewest words.
#[derive(Clone, Copy)]
struct Seen {
    cause: Cause,
    status: u16,
    url: &'static str,
    message: &'static str,
    method: Option<&'static str>,
    /// `service` of the challenge; the scope is that of the repository.
    service: Option<&'static str>,
    /// Code, message and whether there is a detail, of each error of the body.
    errors: Option<&'static [(&'static str, &'static str, bool)]>,
    with_credential: bool,
}

const NOTHING: Seen = Seen {
    cause: Cause::Absent,
    status: 404,
    url: "",
    message: "",
    method: None,
    service: None,
    errors: None,
    with_credential: false,
};

fn evidence(image: &str, seen: &Seen) -> Evidence {
    let scope = format!("repository:{}:pull", Reference::parse(image).unwrap().repository());
    let token = |service: &str| TokenRequest {
        service: Some(service.to_owned()),
        scopes: vec![scope.clone()],
        ..TokenRequest::default()
    };
    Evidence {
        method: seen.method,
        token: seen.service.map(|service| Box::new(token(service))),
        body: seen.errors.map(|errors| Box::new(body(errors))),
        status: Some(seen.status).filter(|&status| status > 0),
        url: Some(seen.url).filter(|url| !url.is_empty()).map(str::to_owned),
        message: Some(seen.message).filter(|message| !message.is_empty()).map(str::to_owned),
        ..Evidence::default()
    }
}

fn body(errors: &[(&str, &str, bool)]) -> ErrorBody {
    let error = |(code, message, detail): &(&str, &str, bool)| RegistryError {
        code: (*code).to_owned(),
        message: (*message).to_owned(),
        detail: *detail,
    };
    ErrorBody { errors: errors.iter().map(error).collect(), start: Some("<html>".to_owned()), ..ErrorBody::default() }
}

fn event(runtime: Runtime, image: &str, seen: &Seen) -> Option<String> {
    let evidence = evidence(image, seen);
    let failure = Failure {
        cause: seen.cause,
        evidence: &evidence,
        manifest: None,
        explained: None,
        with_credential: seen.with_credential,
    };
    pull_failed(runtime, image, &Reference::parse(image).unwrap(), &[failure])
}

#[track_caller]
fn assert_event(runtime: Runtime, image: &str, seen: &Seen, expected: &str) {
    assert_eq!(event(runtime, image, seen).as_deref(), Some(expected));
}

const REFUSED_BY_TOKEN: Seen = Seen {
    cause: Cause::Denied(Denial::DeniedOrAbsent),
    status: 403,
    url: "https://ghcr.io/token",
    service: Some("ghcr.io"),
    ..NOTHING
};

#[test]
fn missing_image_event_matches_each_runtime() {
    assert_event(
        Runtime::Containerd,
        "nginx:9.9",
        &NOTHING,
        "Failed to pull image \"nginx:9.9\": rpc error: code = NotFound desc = failed to pull and unpack image \
         \"docker.io/library/nginx:9.9\": failed to resolve image: docker.io/library/nginx:9.9: not found",
    );
    assert_event(
        Runtime::ContainerdOne,
        "ghcr.io/acme/api",
        &NOTHING,
        "Failed to pull image \"ghcr.io/acme/api\": rpc error: code = NotFound desc = failed to pull and unpack image \
         \"ghcr.io/acme/api:latest\": failed to resolve reference \"ghcr.io/acme/api:latest\": \
         ghcr.io/acme/api:latest: not found",
    );
    assert_event(
        Runtime::Crio,
        "docker.io/library/nginx:9.9",
        &Seen { errors: Some(&[("MANIFEST_UNKNOWN", "manifest unknown", true)]), ..NOTHING },
        "Failed to pull image \"docker.io/library/nginx:9.9\": unable to pull image or OCI artifact: pull image err: \
         initializing source docker://nginx:9.9: reading manifest 9.9 in docker.io/library/nginx: manifest unknown; \
         artifact err: image reference: get manifest from ref: create image source: reading manifest 9.9 in \
         docker.io/library/nginx: manifest unknown",
    );
}

#[test]
fn missing_docker_hub_repository_reads_as_access_denied() {
    assert_event(
        Runtime::Containerd,
        "docker.io/library/ngnix",
        &Seen { status: 401, ..NOTHING },
        "Failed to pull image \"docker.io/library/ngnix\": failed to pull and unpack image \
         \"docker.io/library/ngnix:latest\": failed to resolve image: pull access denied, repository does not exist or \
         may require authorization: server message: insufficient_scope: authorization failed",
    );
}

#[test]
fn token_endpoint_refusal_event_matches_each_runtime() {
    assert_event(
        Runtime::ContainerdOne,
        "ghcr.io/acme/api:1",
        &REFUSED_BY_TOKEN,
        "Failed to pull image \"ghcr.io/acme/api:1\": failed to pull and unpack image \"ghcr.io/acme/api:1\": failed to \
         resolve reference \"ghcr.io/acme/api:1\": failed to authorize: failed to fetch anonymous token: unexpected \
         status from GET request to https://ghcr.io/token?scope=repository%3Aacme%2Fapi%3Apull&service=ghcr.io: 403 \
         Forbidden",
    );
    assert_event(
        Runtime::Containerd,
        "reg.io/app:1",
        &Seen {
            cause: Cause::Denied(Denial::BadCredentials),
            status: 401,
            url: "https://auth.reg.io/token",
            with_credential: true,
            ..NOTHING
        },
        "Failed to pull image \"reg.io/app:1\": failed to pull and unpack image \"reg.io/app:1\": failed to resolve \
         image: failed to authorize: failed to fetch oauth token: unexpected status from GET request to \
         https://auth.reg.io/token?…: 401 Unauthorized",
    );
    assert_event(
        Runtime::Crio,
        "ghcr.io/acme/api:1",
        &REFUSED_BY_TOKEN,
        "Failed to pull image \"ghcr.io/acme/api:1\": unable to pull image or OCI artifact: pull image err: \
         initializing source docker://ghcr.io/acme/api:1: Requesting bearer token: received unexpected HTTP status: 403 \
         Forbidden; artifact err: image reference: get manifest from ref: create image source: Requesting bearer token: \
         received unexpected HTTP status: 403 Forbidden",
    );
}

#[test]
fn registry_refusal_event_matches_containerd() {
    let url = "https://reg.io/v2/app/manifests/1";
    let wrapped = |cause: &str| {
        format!(
            "Failed to pull image \"reg.io/app:1\": failed to pull and unpack image \"reg.io/app:1\": failed to resolve \
             image: {cause}"
        )
    };
    let denied = |denial, status, with_credential| Seen {
        cause: Cause::Denied(denial),
        status,
        url,
        with_credential,
        ..NOTHING
    };
    assert_event(
        Runtime::Containerd,
        "reg.io/app:1",
        &denied(Denial::AuthRequired, 401, false),
        &wrapped(
            "pull access denied, repository does not exist or may require authorization: authorization failed: no basic \
             auth credentials",
        ),
    );
    assert_event(
        Runtime::Containerd,
        "reg.io/app:1",
        &denied(Denial::Denied, 403, true),
        // The words behind it were not asked for.
        &wrapped("unexpected status from HEAD request to https://reg.io/v2/app/manifests/1: 403 Forbidden…"),
    );
    assert_event(
        Runtime::Containerd,
        "reg.io/app:1",
        &Seen { cause: Cause::Unknown(Unknown::RateLimited), ..denied(Denial::Denied, 429, true) },
        &wrapped("unexpected status from HEAD request to https://reg.io/v2/app/manifests/1: 429 Too Many Requests"),
    );
}

#[test]
fn transport_failure_event_matches_each_runtime() {
    let unknown = |unknown, message| Seen { cause: Cause::Unknown(unknown), status: 0, message, ..NOTHING };
    let wrapped = |cause: &str| {
        format!(
            "Failed to pull image \"reg.io:5000/app\": failed to pull and unpack image \"reg.io:5000/app:latest\": failed \
             to resolve image: failed to do request: Head \"https://reg.io:5000/v2/app/manifests/latest\": {cause}"
        )
    };
    let image = "reg.io:5000/app";
    let plain = unknown(Unknown::PlainHttp, "");
    let expected = wrapped("http: server gave HTTP response to HTTPS client");
    assert_event(Runtime::Containerd, image, &plain, &expected);
    let issuer = unknown(
        Unknown::Tls(TlsFault::UnknownAuthority),
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    );
    let expected = wrapped("tls: failed to verify certificate: x509: certificate signed by unknown authority");
    assert_event(Runtime::Containerd, image, &issuer, &expected);
    let name = unknown(Unknown::NoSuchHost, "");
    assert_event(Runtime::Containerd, image, &name, &wrapped("dial tcp: lookup reg.io on …: no such host"));
    // A name server that fails has other words.
    assert_eq!(event(Runtime::Containerd, image, &unknown(Unknown::Dns, "")), None);
    let refused = unknown(Unknown::Network, "dial tcp: connect: connection refused");
    assert_event(Runtime::Containerd, image, &refused, &wrapped("dial tcp …: connect: connection refused"));
    let text = event(Runtime::Crio, image, &refused).unwrap();
    assert!(
        text.starts_with("Failed to pull image \"reg.io:5000/app\": RegistryUnavailable: unable to pull"),
        "{text}"
    );
    assert_event(
        Runtime::Crio,
        image,
        &plain,
        "Failed to pull image \"reg.io:5000/app\": unable to pull image: initializing source \
         docker://reg.io:5000/app:latest: pinging container registry reg.io:5000: Get \"https://reg.io:5000/v2/\": http: \
         server gave HTTP response to HTTPS client",
    );
}

/// A request that fails on the way to the token endpoint names that, and a redirected one where it was sent to.
#[test]
fn failed_request_event_names_the_requested_host() {
    let image = "reg.io/app:1";
    let wrapped = |cause: &str| {
        format!(
            "Failed to pull image \"{image}\": failed to pull and unpack image \"{image}\": failed to resolve image: {cause}"
        )
    };
    let expired = "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: …";
    let at = |url: &'static str, with_credential: bool| Seen {
        cause: Cause::Unknown(Unknown::Tls(TlsFault::Expired)),
        status: 0,
        url,
        method: with_credential.then_some("POST"),
        service: url.ends_with("/token").then_some("reg.io"),
        with_credential,
        ..NOTHING
    };
    let redacted = "scope=%5BREDACTED%5D&service=%5BREDACTED%5D";
    let cases = [
        (
            at("https://auth.io/token", false),
            format!(
                "failed to authorize: failed to fetch anonymous token: Get \"https://auth.io/token?{redacted}\": {expired}"
            ),
        ),
        (
            at("https://auth.io/token", true),
            format!("failed to authorize: failed to fetch oauth token: Post \"https://auth.io/token\": {expired}"),
        ),
        (
            at("https://cdn.io/v2/app/manifests/1", false),
            format!("failed to do request: Head \"https://cdn.io/v2/app/manifests/1\": {expired}"),
        ),
        (
            at("https://reg.io/v2/app/manifests/1", false),
            format!("failed to do request: Head \"https://reg.io/v2/app/manifests/1\": {expired}"),
        ),
    ];
    for (seen, expected) in &cases {
        assert_event(Runtime::Containerd, image, seen, &wrapped(expected));
    }
    let asked = [
        "Get \"https://auth.io/token?scope=repository%3Aapp%3Apull&service=reg.io\"",
        "Get \"https://auth.io/token?account=…&scope=repository%3Aapp%3Apull&service=reg.io\"",
        "Get \"https://cdn.io/v2/app/manifests/1\"",
        "pinging container registry reg.io: Get \"https://reg.io/v2/\"",
    ];
    for ((seen, _), asked) in cases.iter().zip(asked) {
        let expected = format!(
            "Failed to pull image \"{image}\": unable to pull image: initializing source docker://{image}: {asked}: {expired}"
        );
        assert_event(Runtime::Crio, image, seen, &expected);
    }
    let nowhere = Seen { cause: Cause::Unknown(Unknown::NoSuchHost), ..at("https://auth.io/token", false) };
    let expected = format!(
        "failed to authorize: failed to fetch anonymous token: Get \"https://auth.io/token?{redacted}\": dial tcp: lookup \
         auth.io on …: no such host"
    );
    assert_event(Runtime::Containerd, image, &nowhere, &wrapped(&expected));
    // The port that is usual does not show in a URL, but in what containerd prints.
    let usual = Seen { cause: Cause::Unknown(Unknown::PlainHttp), ..at("https://reg.io/v2/app/manifests/1", false) };
    let text = event(Runtime::Containerd, "reg.io:443/app:1", &usual).unwrap();
    assert!(text.contains("Head \"https://reg.io:443/v2/app/manifests/1\""), "{text}");
}

/// Go and rustls have the same words only for a certificate with names, asked for by name.
#[test]
fn certificate_name_mismatch_is_quoted_only_if_exact() {
    let seen = |message| {
        let cause = Cause::Unknown(Unknown::Tls(TlsFault::WrongName));
        event(Runtime::Containerd, "reg.io/app:1", &Seen { cause, status: 0, message, ..NOTHING })
    };
    let words = "tls: failed to verify certificate: x509: certificate is valid for a.io, b.io, not reg.io";
    assert!(seen(words).unwrap().ends_with(words));
    for words in [
        "tls: failed to verify certificate: x509: certificate is valid for , not reg.io",
        "tls: failed to verify certificate: x509: certificate is valid for a.io, not 10.0.0.1",
        "tls: failed to verify certificate: x509: certificate is not valid for this name",
    ] {
        assert_eq!(seen(words), None, "{words}");
    }
}

/// Statuses, row by row, of both runtimes where they are established.
#[test]
fn error_status_events_match_each_runtime() {
    let url = "https://reg.io/v2/app/manifests/1";
    let cases = [
        (
            Unknown::RateLimited,
            429,
            url,
            "unexpected status from HEAD request to https://reg.io/v2/app/manifests/1: 429 Too Many Requests",
        ),
        (
            Unknown::RegistryError,
            500,
            url,
            "unexpected status from HEAD request to https://reg.io/v2/app/manifests/1: 500 Internal Server Error",
        ),
        (
            Unknown::RegistryError,
            503,
            url,
            "unexpected status from HEAD request to https://reg.io/v2/app/manifests/1: 503 Service Unavailable",
        ),
        (
            Unknown::AuthServer,
            500,
            "https://auth.io/token",
            "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://auth.io/token?…: 500 Internal Server Error",
        ),
        (
            Unknown::RateLimited,
            429,
            "https://auth.io/token",
            "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://auth.io/token?…: 429 Too Many Requests",
        ),
    ];
    for (unknown, status, url, expected) in cases {
        let seen = Seen { cause: Cause::Unknown(unknown), status, url, ..NOTHING };
        let text = event(Runtime::Containerd, "reg.io/app:1", &seen).unwrap();
        assert!(text.ends_with(&format!("failed to resolve image: {expected}")), "{text}");
        let crio = event(Runtime::Crio, "reg.io/app:1", &seen).unwrap();
        let words = match (url, status) {
            (_, 429) if url.ends_with("/token") => "docker://reg.io/app:1: too many requests to registry; artifact",
            (_, 500) if url.ends_with("/token") => {
                "Requesting bearer token: received unexpected HTTP status: 500 Internal"
            }
            // The body has its words.
            (_, 429) => "reading manifest 1 in reg.io/app: …; artifact",
            _ => "reading manifest 1 in reg.io/app: received unexpected HTTP status: 50",
        };
        assert!(crio.contains(words), "{crio}");
    }
    // Whether it is no JSON or has no token decides what is said.
    let no_token =
        Seen { cause: Cause::Unknown(Unknown::AuthServer), status: 200, url: "https://auth.io/token", ..NOTHING };
    assert_eq!(event(Runtime::Containerd, "reg.io/app:1", &no_token), None);
}

#[test]
fn event_names_the_digest_instead_of_the_tag() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let text = event(Runtime::Containerd, &format!("nginx:1@{digest}"), &NOTHING).unwrap();
    assert!(text.starts_with(&format!("Failed to pull image \"nginx:1@{digest}\": ")), "{text}");
    assert!(text.ends_with(&format!("docker.io/library/nginx@{digest}: not found")), "{text}");
}

#[test]
fn missing_platform_event_matches_each_containerd() {
    let seen = Seen { cause: Cause::Platform, status: 200, ..NOTHING };
    assert_event(
        Runtime::ContainerdOne,
        "nginx",
        &seen,
        "Failed to pull image \"nginx\": rpc error: code = NotFound desc = failed to pull and unpack image \
         \"docker.io/library/nginx:latest\": no match for platform in manifest: not found",
    );
    assert_event(
        Runtime::Containerd,
        "nginx",
        &seen,
        "Failed to pull image \"nginx\": rpc error: code = NotFound desc = get image config descriptor: no match for \
         platform in manifest sha256:…: not found",
    );
}

#[test]
fn index_without_the_node_platform_event_matches_runtime() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let node = Platform::new("linux", "arm64", "");
    let text = |runtime, image: &str, is_list, node: &Platform, earlier: &[Failure<'_>]| {
        let missing = NoEntry { digest: &digest, left_out: None, is_list, node: Some(node) };
        no_entry(runtime, image, &Reference::parse(image).unwrap(), earlier, missing)
    };
    let containerd = text(Runtime::Containerd, "reg.io/app:1", false, &node, &[]).unwrap();
    assert_eq!(
        containerd,
        format!(
            "Failed to pull image \"reg.io/app:1\": rpc error: code = NotFound desc = get image config descriptor: no match \
             for platform in manifest {digest}: not found"
        )
    );
    let crio = |is_list, node: &Platform| text(Runtime::Crio, "reg.io/app:1", is_list, node, &[]);
    let expected = |what: &str, node: &str| {
        Some(format!(
            "Failed to pull image \"reg.io/app:1\": unable to pull image or OCI artifact: pull image err: choosing an image \
             from manifest list docker://reg.io/app:1: no image found in {what} for {node}, OS \"linux\"; artifact err: \
             image reference: choose manifest instance: no image found in {what} for {node}, OS \"linux\""
        ))
    };
    assert_eq!(crio(false, &node), expected("image index", "architecture \"arm64\", variant \"v8\""));
    let amd64 = Platform::new("linux", "amd64", "");
    assert_eq!(crio(true, &amd64), expected("manifest list", "architecture \"amd64\", variant \"\""));
    assert_eq!(crio(false, &Platform::new("linux", "arm", "")), None, "its version is not known");
    let left_out = NoEntry { digest: &digest, left_out: Some("sha256:386"), is_list: false, node: Some(&amd64) };
    let reference = Reference::parse("reg.io/app:1").unwrap();
    let text_386 = no_entry(Runtime::Containerd, "reg.io/app:1", &reference, &[], left_out).unwrap();
    assert!(text_386.ends_with("get image config descriptor: content digest sha256:386: not found"), "{text_386}");
    let refused = evidence("ghcr.io/acme/api", &REFUSED_BY_TOKEN);
    let refused = Failure {
        cause: REFUSED_BY_TOKEN.cause,
        evidence: &refused,
        manifest: None,
        explained: None,
        with_credential: true,
    };
    let both = text(Runtime::Containerd, "reg.io/app:1", false, &node, &[refused]).unwrap();
    assert!(both.starts_with("Failed to pull image \"reg.io/app:1\": [failed to pull and unpack"), "{both}");
    assert!(both.ends_with(&format!("manifest {digest}: not found]")), "{both}");
}

#[test]
fn uncertain_causes_produce_no_event() {
    for cause in [
        Cause::Unknown(Unknown::Offline),
        // The nodes have another network.
        Cause::Unknown(Unknown::Timeout),
        Cause::Unknown(Unknown::Network),
        Cause::Unknown(Unknown::HostStopped),
        Cause::Unknown(Unknown::Deadline),
        Cause::Unknown(Unknown::Interrupted),
        Cause::Unknown(Unknown::Tls(TlsFault::Other)),
        Cause::Unknown(Unknown::NodeLocal),
        Cause::Placeholder,
        Cause::SecretUnknown,
        Cause::Expected,
    ] {
        for runtime in [Runtime::Containerd, Runtime::ContainerdOne, Runtime::Crio] {
            assert_eq!(event(runtime, "ghcr.io/acme/api", &Seen { cause, ..NOTHING }), None, "{cause:?}");
        }
    }
}

#[test]
fn errors_from_several_credentials_are_aggregated() {
    let credential = |user: &str| CandidateCredential {
        secret: Some("regcred".to_owned()),
        index_key: "ghcr.io".to_owned(),
        written_key: "ghcr.io".to_owned(),
        credential: Credential { username: Sensitive::new(user), password: Sensitive::new("p") },
    };
    let pull = PullContext { credentials: ["u", "v", ""].map(credential).to_vec(), ..PullContext::default() };
    let refused = || Outcome::Denied(Denial::DeniedOrAbsent, evidence("ghcr.io/acme/api", &REFUSED_BY_TOKEN));
    let text = |attempts: &[usize]| {
        let attempts = attempts.iter().map(|&at| (Some(at), refused())).collect();
        let answer = PullAnswer { attempts, ..PullAnswer::default() };
        let image = "ghcr.io/acme/api:1";
        after_attempts(Runtime::Containerd, image, &Reference::parse(image).unwrap(), &pull, &answer)
    };
    let prefix = "Failed to pull image \"ghcr.io/acme/api:1\": ";
    let once = text(&[0]).unwrap();
    assert_eq!(text(&[0, 1]).as_ref(), Some(&once), "equal messages are one");
    let both = text(&[0, 2]).unwrap();
    let anonymous = once.replace("oauth", "anonymous");
    assert_eq!(both, format!("{prefix}[{}, {}]", &once[prefix.len()..], &anonymous[prefix.len()..]));
    assert_eq!(text(&[]), None);
    assert_eq!(aggregate(vec!["a".into(), "b".into(), "a".into()]).as_deref(), Some("[a, b]"));
}

#[test]
fn kubelet_messages_match_without_a_runtime() {
    let error = Reference::parse("nginx:\u{a0}").unwrap_err();
    assert_eq!(
        invalid_image_name("nginx:\u{a0}", &error),
        "Failed to apply default image tag \"nginx:\\u00a0\": couldn't parse image name \"nginx:\\u00a0\": invalid \
         reference format"
    );
    assert_eq!(never_pulled("nginx"), "Container image \"nginx\" is not present with pull policy of Never");
    assert_eq!(malformed_pull_secret("unexpected end of JSON input"), "Error: unexpected end of JSON input");
}

/// Of a 403 containerd since 2.3 shows the errors that it is told by `GET`, each in a line of its own.
#[test]
fn containerd_2_3_appends_registry_errors_to_a_403() {
    let image = "reg.io/app:1";
    let reference = Reference::parse(image).unwrap();
    let url = Some("https://reg.io/v2/app/manifests/1".to_owned());
    let forbidden = |method, body| {
        let evidence =
            Evidence { status: Some(403), method: Some(method), url: url.clone(), body, ..Evidence::default() };
        Outcome::Denied(Denial::Denied, evidence)
    };
    let text = |runtime, explained| {
        let attempts = vec![(None, forbidden("HEAD", None))];
        let answer = PullAnswer { attempts, explained, ..PullAnswer::default() };
        let text = after_attempts(runtime, image, &reference, &PullContext::default(), &answer).unwrap();
        text.split_once("403 Forbidden").unwrap().1.to_owned()
    };
    let told = |errors| Some(forbidden("GET", Some(Box::new(body(errors)))));
    type Case<'c> = (&'c [(&'c str, &'c str, bool)], &'c str);
    let cases: [Case<'_>; 8] = [
        (&[], ""),
        (&[("DENIED", "", false)], "\ndenied"),
        (&[("DENIED", "requested access to the resource is denied", false)], "\ndenied"),
        (
            &[("DENIED", "requested access to the resource is denied", true)],
            "\ndenied: requested access to the resource is denied",
        ),
        (&[("DENIED", "no", false)], "\ndenied: no"),
        (&[("TOOMANYREQUESTS", "", true)], "\ntoomanyrequests: "),
        (&[("NAME_UNKNOWN", "none", false)], "\nunknown: none"),
        (&[("DENIED", "a", false), ("UNAUTHORIZED", "", false)], "\nerrors:\ndenied: a\nunauthorized\n"),
    ];
    for (errors, expected) in cases {
        for runtime in [Runtime::Containerd, Runtime::Containerd2_3] {
            assert_eq!(text(runtime, told(errors)), expected, "{errors:?}");
        }
        for runtime in [Runtime::Containerd2_1, Runtime::ContainerdOne] {
            assert_eq!(text(runtime, told(errors)), "", "{errors:?}");
        }
    }
    let gone = Outcome::Absent(Evidence { status: Some(404), body: told_body(), ..Evidence::default() });
    assert_eq!(text(Runtime::Containerd, Some(gone)), "", "words of another status do not count");
    assert_eq!(text(Runtime::Containerd, Some(forbidden("GET", None))), "…", "a body that is not shown");
    assert_eq!(text(Runtime::Containerd, None), "…");
}

fn told_body() -> Option<Box<ErrorBody>> {
    Some(Box::new(body(&[("DENIED", "no", false)])))
}

/// CRI-O says the first of them, and leaves out what says nothing.
#[test]
fn crio_reports_the_first_error_in_the_body() {
    let words = |status, cause, errors| {
        let url = "https://reg.io/v2/app/manifests/1";
        let seen = Seen { cause, status, url, method: Some("GET"), errors, ..NOTHING };
        let text = event(Runtime::Crio, "reg.io/app:1", &seen).unwrap();
        let (image, artifact) = text.split_once("; artifact err: image reference: get manifest from ref: ").unwrap();
        let words = image.split_once("reading manifest 1 in reg.io/app: ").unwrap().1.to_owned();
        assert!(artifact.ends_with(&words), "{text}");
        words
    };
    let denied = Cause::Denied(Denial::Denied);
    let auth = Cause::Denied(Denial::Auth);
    let broken = Cause::Unknown(Unknown::RegistryError);
    assert_eq!(words(403, denied, Some(&[("DENIED", "", false)])), "denied");
    assert_eq!(words(403, denied, Some(&[("DENIED", "no", false), ("UNKNOWN", "x", false)])), "denied: no");
    assert_eq!(words(404, Cause::Absent, Some(&[("MANIFEST_UNKNOWN", "manifest unknown", false)])), "manifest unknown");
    assert_eq!(
        words(404, Cause::Absent, Some(&[("NAME_UNKNOWN", "repository name not known to registry", false)])),
        "name unknown"
    );
    assert_eq!(
        words(404, Cause::Absent, Some(&[("NAME_UNKNOWN", "repository name not known to registry", true)])),
        "repository name not known to registry"
    );
    assert_eq!(words(404, Cause::Absent, Some(&[("NOT_FOUND", "artifact x", false)])), "unknown: artifact x");
    assert_eq!(words(401, auth, Some(&[("UNAUTHORIZED", "", false)])), "unauthorized");
    assert_eq!(words(401, auth, Some(&[])), "authentication required");
    assert_eq!(words(403, denied, Some(&[])), "StatusCode: 403, \"<html>\"");
    assert_eq!(words(403, denied, None), "…");
    assert_eq!(words(502, broken, Some(&[])), "received unexpected HTTP status: 502 Bad Gateway");
}

/// A manifest that is there, and that the runtime refuses.
#[test]
fn unusable_manifest_event_matches_each_runtime() {
    let image = "reg.io/app:1";
    let reference = Reference::parse(image).unwrap();
    let digest = format!("sha256:{}", "ab".repeat(32));
    let text = |runtime, manifest: &Manifest| {
        let failure = Failure::of(&Outcome::Found(manifest.clone()), false)
            .map(|failure| pull_failed(runtime, image, &reference, &[failure]));
        failure.flatten().map(|text| text.replace(&digest, "DIGEST"))
    };
    let of = |defect| Manifest { defect: Some(defect), digest: Some(digest.clone()), ..Manifest::default() };
    let pulling = "failed to pull and unpack image \"reg.io/app:1\": ";
    let said = |words: String| Some(format!("Failed to pull image \"reg.io/app:1\": {words}"));
    let big = Manifest { length: Some(8_909_226), ..of(Defect::TooBig) };
    assert_eq!(
        text(Runtime::Containerd, &big),
        said(format!(
            "rpc error: code = NotFound desc = {pulling}failed to resolve image: rejecting 8909226 byte manifest for \
             reg.io/app:1: not found"
        ))
    );
    assert!(
        text(Runtime::Crio, &big).unwrap().contains("reg.io/app:1: exceeded maximum allowed size of 4194304 bytes;")
    );
    assert_eq!(
        text(Runtime::ContainerdOne, &of(Defect::BrokenProxy)),
        said(format!(
            "rpc error: code = InvalidArgument desc = {pulling}unable to fetch descriptor (DIGEST) which reports content \
             size of zero: invalid argument"
        ))
    );
    let header = Manifest { digest_header: Some("md5:55".to_owned()), ..of(Defect::BrokenRegistry) };
    assert_eq!(
        text(Runtime::Containerd, &header),
        said(format!(
            "{pulling}failed to resolve image: \"md5:55\" in header not a valid digest: unsupported digest algorithm"
        ))
    );
    let schema1 = |form: &str, fetched_for_digest| Manifest {
        media_type: Some(format!("application/vnd.docker.distribution.manifest.v1+{form}")),
        fetched_for_digest,
        ..of(Defect::Schema1)
    };
    let unsigned = said(format!(
        "rpc error: code = NotFound desc = {pulling}failed to copy: httpReadSeeker: failed open: could not fetch content \
         descriptor DIGEST (application/vnd.docker.distribution.manifest.v1+json) from remote: not found"
    ));
    for runtime in [Runtime::Containerd, Runtime::Containerd2_1, Runtime::ContainerdOne] {
        assert_eq!(text(runtime, &schema1("json", false)), unsigned);
    }
    let signed = text(Runtime::Containerd, &schema1("prettyjws", false)).unwrap();
    assert!(signed.ends_with("schema 1 image manifests are no longer supported: invalid argument"), "{signed}");
    let resolved = text(Runtime::Containerd, &schema1("prettyjws", true)).unwrap();
    assert!(resolved.contains("code = Unimplemented desc = "), "{resolved}");
    // What is in it decides.
    assert_eq!(text(Runtime::ContainerdOne, &schema1("prettyjws", false)), None);
    assert_eq!(text(Runtime::Crio, &schema1("prettyjws", false)), None);
}
