//! The text of the event is the kubelet's and the runtime's own.

use pullcheck::event::{
    Failure, NoEntry, Runtime, after_attempts, aggregate, invalid_image_name, malformed_pull_secret, never_pulled,
    no_entry, pull_failed,
};
use pullcheck::keyring::Credential;
use pullcheck::platform::Platform;
use pullcheck::probe::{Denial, Evidence, Outcome, PullAnswer, TlsFault, Unknown};
use pullcheck::pull::{CandidateCredential, PullContext};
use pullcheck::reference::Reference;
use pullcheck::sensitive::Sensitive;
use pullcheck::verdict::Cause;

/// What one attempt saw, in the fewest words.
struct Seen {
    cause: Cause,
    status: u16,
    url: &'static str,
    message: &'static str,
    with_credential: bool,
}

const NOTHING: Seen = Seen { cause: Cause::Absent, status: 404, url: "", message: "", with_credential: false };

fn evidence(seen: &Seen) -> Evidence {
    Evidence {
        status: Some(seen.status).filter(|&status| status > 0),
        url: Some(seen.url).filter(|url| !url.is_empty()).map(str::to_owned),
        message: Some(seen.message).filter(|message| !message.is_empty()).map(str::to_owned),
        ..Evidence::default()
    }
}

fn event(runtime: Runtime, image: &str, seen: &Seen) -> Option<String> {
    let evidence = evidence(seen);
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

const REFUSED_BY_TOKEN: Seen =
    Seen { cause: Cause::Denied(Denial::DeniedOrAbsent), status: 403, url: "https://ghcr.io/token", ..NOTHING };

#[test]
fn absent() {
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
        &NOTHING,
        "Failed to pull image \"docker.io/library/nginx:9.9\": unable to pull image or OCI artifact: pull image err: \
         initializing source docker://nginx:9.9: reading manifest 9.9 in docker.io/library/nginx: manifest unknown; \
         artifact err: …",
    );
}

#[test]
fn a_missing_repository_of_docker_hub_is_refused() {
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
fn refused_by_the_token_endpoint() {
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
         Forbidden; artifact err: …",
    );
}

#[test]
fn refused_by_the_registry() {
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
        &wrapped("unexpected status from HEAD request to https://reg.io/v2/app/manifests/1: 403 Forbidden"),
    );
    assert_event(
        Runtime::Containerd,
        "reg.io/app:1",
        &Seen { cause: Cause::Unknown(Unknown::RateLimited), ..denied(Denial::Denied, 429, true) },
        &wrapped("unexpected status from HEAD request to https://reg.io/v2/app/manifests/1: 429 Too Many Requests"),
    );
}

#[test]
fn transport() {
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
    let name = unknown(Unknown::Dns, "");
    assert_event(Runtime::Containerd, image, &name, &wrapped("dial tcp: lookup reg.io on …: no such host"));
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
fn requests_to_another_host() {
    let image = "reg.io/app:1";
    let wrapped = |cause: &str| {
        format!(
            "Failed to pull image \"{image}\": failed to pull and unpack image \"{image}\": failed to resolve image: {cause}"
        )
    };
    let expired = "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: …";
    let at = |url, with_credential| Seen {
        cause: Cause::Unknown(Unknown::Tls(TlsFault::Expired)),
        status: 0,
        url,
        with_credential,
        ..NOTHING
    };
    let cases = [
        (
            at("https://auth.io/token", false),
            format!("failed to authorize: failed to fetch anonymous token: Get \"https://auth.io/token?…\": {expired}"),
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
    for (seen, _) in &cases[..3] {
        assert_eq!(event(Runtime::Crio, image, seen), None, "not established: {}", seen.url);
    }
    let nowhere = Seen { cause: Cause::Unknown(Unknown::Dns), ..at("https://auth.io/token", false) };
    let expected = "failed to authorize: failed to fetch anonymous token: Get \"https://auth.io/token?…\": dial tcp: lookup \
                    auth.io on …: no such host";
    assert_event(Runtime::Containerd, image, &nowhere, &wrapped(expected));
    // The port that is usual does not show in a URL, but in what containerd prints.
    let usual = Seen { cause: Cause::Unknown(Unknown::PlainHttp), ..at("https://reg.io/v2/app/manifests/1", false) };
    let text = event(Runtime::Containerd, "reg.io:443/app:1", &usual).unwrap();
    assert!(text.contains("Head \"https://reg.io:443/v2/app/manifests/1\""), "{text}");
}

/// Go and rustls have the same words only for a certificate with names, asked for by name.
#[test]
fn a_certificate_for_another_name() {
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
fn statuses() {
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
        assert_eq!(event(Runtime::Crio, "reg.io/app:1", &seen), None, "not established: {unknown:?} {status}");
    }
    // Whether it is no JSON or has no token decides what is said.
    let no_token =
        Seen { cause: Cause::Unknown(Unknown::AuthServer), status: 200, url: "https://auth.io/token", ..NOTHING };
    assert_eq!(event(Runtime::Containerd, "reg.io/app:1", &no_token), None);
}

#[test]
fn of_tag_and_digest_the_digest_is_named() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let text = event(Runtime::Containerd, &format!("nginx:1@{digest}"), &NOTHING).unwrap();
    assert!(text.starts_with(&format!("Failed to pull image \"nginx:1@{digest}\": ")), "{text}");
    assert!(text.ends_with(&format!("docker.io/library/nginx@{digest}: not found")), "{text}");
}

#[test]
fn platform() {
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
fn an_index_without_an_entry_for_the_node() {
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
             from manifest list docker://reg.io/app:1: no image found in {what} for {node}, OS \"linux\"; artifact err: …"
        ))
    };
    assert_eq!(crio(false, &node), expected("image index", "architecture \"arm64\", variant \"v8\""));
    let amd64 = Platform::new("linux", "amd64", "");
    assert_eq!(crio(true, &amd64), expected("manifest list", "architecture \"amd64\", variant \"\""));
    assert_eq!(crio(false, &Platform::new("linux", "arm", "")), None, "its version is not known");
    assert_eq!(text(Runtime::Crio, "nginx", false, &amd64, &[]), None, "CRI-O looks for the registry itself");
    let refused = evidence(&REFUSED_BY_TOKEN);
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
fn what_cannot_be_said_for_certain_is_not_said() {
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
    assert_eq!(event(Runtime::Crio, "nginx", &NOTHING), None, "CRI-O looks for the registry itself");
}

#[test]
fn errors_of_several_credentials_are_gathered() {
    let credential = |user: &str| CandidateCredential {
        secret: Some("regcred".to_owned()),
        index_key: "ghcr.io".to_owned(),
        written_key: "ghcr.io".to_owned(),
        credential: Credential { username: Sensitive::new(user), password: Sensitive::new("p") },
    };
    let pull = PullContext { credentials: ["u", "v", ""].map(credential).to_vec(), ..PullContext::default() };
    let refused = || Outcome::Denied(Denial::DeniedOrAbsent, evidence(&REFUSED_BY_TOKEN));
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
fn what_the_kubelet_says_by_itself() {
    let error = Reference::parse("nginx:\u{a0}").unwrap_err();
    assert_eq!(
        invalid_image_name("nginx:\u{a0}", &error),
        "Failed to apply default image tag \"nginx:\\u00a0\": couldn't parse image name \"nginx:\\u00a0\": invalid \
         reference format"
    );
    assert_eq!(never_pulled("nginx"), "Container image \"nginx\" is not present with pull policy of Never");
    assert_eq!(malformed_pull_secret("unexpected end of JSON input"), "Error: unexpected end of JSON input");
}
