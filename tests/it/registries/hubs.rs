//! The public hubs: Docker Hub, ghcr.io, quay.io, and cgr.dev, whose tokens are good for one repository only.

use pullcheck_support::{Access, Answer, Bearer, Refusal, Script};

use super::{ROW, Row, bearer, quick, rows, run, shown, there, token};

/// A token is needed for everything. What is missing is refused as what is private is: the token is given, and the
/// manifest answers 401 `insufficient_scope`. A wrong password gets no token at all, not even for a public image.
fn docker_hub(r: &mut Script) {
    let nobody = Bearer { anonymous: Some(Refusal::InsufficientScope), ..Bearer::public() };
    let nobody = nobody.stranger("bob", "right").stranger("eve", "right");
    r.host("docker.io").realm("https://auth.docker.io/token").unknown(Access::Bearer(nobody));
    let public = Access::Bearer(Bearer { readers: vec![("bob".into(), "right".into())], ..Bearer::public() });
    let nginx = r.repository("docker.io/library/nginx").access(public);
    nginx.image("1.27.3").image("1.27.2").header("ratelimit-remaining", "76;w=21600");
    let private = Bearer::private("bob", "right").stranger("eve", "right");
    r.repository("docker.io/acme/api").access(Access::Bearer(private)).image("1.9");
}

const HUB: [&str; 2] = ["docker.io", "auth.docker.io"];

#[test]
fn docker_hub_public_private_and_missing_images_are_judged() {
    let challenge = ["HEAD 1.9", "GET auth.docker.io/token", "HEAD 1.9 with a token"];
    let scope = "server message: insufficient_scope: authorization failed";
    let denied = format!("{}{scope}", super::DENIED);
    let refused = [&["HEAD 1.9", "POST auth.docker.io/token as eve", "HEAD 1.9 as eve"][..], &challenge].concat();
    let token = "failed to authorize: failed to fetch oauth token: unexpected status from GET request to \
                 https://auth.docker.io/token?scope=repository%3Alibrary%2Fnginx%3Apull&service=registry-1.docker.io: 401 \
                 Unauthorized";
    rows(
        &HUB,
        docker_hub,
        &[
            Row {
                name: "public",
                image: "nginx:1.27.3",
                requests: &["HEAD 1.27.3", "GET auth.docker.io/token", "HEAD 1.27.3 with a token"],
                ..ROW
            },
            Row {
                name: "missing tag",
                image: "nginx:1.27.9",
                verdict: "fails absent",
                rules: &["error image-not-found"],
                says: "`1.27.3`",
                event: "rpc error: code = NotFound desc = docker.io/library/nginx:1.27.9: not found",
                requests: &[
                    "HEAD 1.27.9",
                    "GET auth.docker.io/token",
                    "HEAD 1.27.9 with a token",
                    "GET tags with a token",
                ],
                ..ROW
            },
            Row {
                name: "missing repository, which might be a private one",
                image: "acme/nothing:1.9",
                verdict: "fails denied-or-absent",
                rules: &["error missing-pull-secret"],
                says: "it is private or does not exist; the registry does not say which",
                event: &denied,
                requests: &challenge,
                ..ROW
            },
            Row {
                name: "missing official image, of which none is private",
                image: "ngnix:1.9",
                verdict: "fails absent",
                rules: &["error image-not-found"],
                event: &denied,
                requests: &challenge,
                ..ROW
            },
            Row {
                name: "private, with the right credentials",
                image: "acme/api:1.9",
                login: Some(("bob", "right")),
                requests: &["HEAD 1.9", "POST auth.docker.io/token as bob", "HEAD 1.9 as bob"],
                ..ROW
            },
            Row {
                name: "private, with an account that may not read",
                image: "acme/api:1.9",
                login: Some(("eve", "right")),
                verdict: "fails denied-or-absent",
                rules: &["error access-denied"],
                says: "does not exist, or docker.io denies access to it with the credentials in the pull secret",
                event: &denied,
                requests: &refused,
                ..ROW
            },
            Row {
                name: "wrong password, which breaks a public image",
                image: "nginx:1.27.3",
                login: Some(("bob", "wrong")),
                verdict: "fails bad-credentials",
                rules: &["error public-image-broken-by-secret"],
                says: "renew the credentials",
                event: token,
                requests: &[
                    "HEAD 1.27.3",
                    "POST auth.docker.io/token as bob",
                    "GET auth.docker.io/token as bob",
                    "HEAD 1.27.3",
                    "GET auth.docker.io/token",
                    "HEAD 1.27.3 with a token",
                ],
                ..ROW
            },
        ],
    );
}

#[test]
fn docker_hub_rate_limit_leaves_the_image_unverified() {
    let limited = |r: &mut Script| {
        let words = "You have reached your pull rate limit.";
        let answer = Answer::error(429, "TOOMANYREQUESTS", words).header("Retry-After", "5400");
        r.answer("HEAD", "/v2/library/nginx/manifests/1.27.3", [answer]);
    };
    rows(
        &HUB,
        limited,
        &[Row {
            name: "429",
            image: "nginx:1.27.3",
            verdict: "unverified rate-limited",
            rules: &["note rate-limit-risk", "note unverified-image"],
            says: "docker.io limits the rate of requests (HTTP 429)",
            event: "unexpected status from HEAD request to \
                        https://registry-1.docker.io/v2/library/nginx/manifests/1.27.3: 429 Too Many Requests",
            requests: &["HEAD 1.27.3"],
            ..ROW
        }],
    );
}

/// A token is needed for everything. It is refused for what is missing (403) and for what is private (401), and to stale
/// credentials even for what is public.
#[test]
fn ghcr_refused_tokens_are_denied_or_absent() {
    let realm = "https://ghcr.io/token";
    let refused = |status: u16, code: &'static str, message: &'static str| {
        move |r: &mut Script| {
            r.answer("*", "/v2/acme/api/manifests/1.9", [there().behind(bearer(realm))]);
            r.answer("GET", "/token", [Answer::error(status, code, message)]);
            r.answer("GET", "/v2/", [bearer(realm)]);
        }
    };
    let event = |status: &str| {
        format!(
            "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to \
             https://ghcr.io/token?scope=repository%3Aacme%2Fapi%3Apull&service=registry: {status}"
        )
    };
    let (forbidden, unauthorized) = (event("403 Forbidden"), event("401 Unauthorized"));
    let row = Row {
        image: "ghcr.io/acme/api:1.9",
        verdict: "fails denied-or-absent",
        rules: &["error missing-pull-secret"],
        says: "it is private or does not exist",
        requests: &["HEAD 1.9", "GET ghcr.io/token"],
        ..ROW
    };
    let missing = Row { name: "missing repository", event: &forbidden, ..row };
    rows(&["ghcr.io"], refused(403, "DENIED", "requested access to the resource is denied"), &[missing]);
    let private = Row { name: "private", event: &unauthorized, ..row };
    rows(&["ghcr.io"], refused(401, "UNAUTHORIZED", "authentication required"), &[private]);
    let crio = Row {
        name: "private, CRI-O",
        args: &["--runtime", "cri-o"],
        event: "unable to pull image or OCI artifact: pull image err: initializing source \
                        docker://ghcr.io/acme/api:1.9: Requesting bearer token: received unexpected HTTP status: 403 \
                        Forbidden; artifact err: image reference: get manifest from ref: create image source: Requesting \
                        bearer token: received unexpected HTTP status: 403 Forbidden",
        requests: &["GET ghcr.io/v2/", "GET ghcr.io/token"],
        ..row
    };
    rows(&["ghcr.io"], refused(403, "DENIED", "denied"), &[crio]);

    let stale = |r: &mut Script| {
        r.answer("*", "/v2/acme/api/manifests/1.9", [there().behind(bearer(realm))]);
        r.answer("POST", "/token", [Answer::error(403, "DENIED", "denied")]);
        r.answer("GET", "/token", [Answer::error(403, "DENIED", "denied").behind(token())]);
    };
    rows(
        &["ghcr.io"],
        stale,
        &[Row {
            name: "stale credentials for a public image",
            image: "ghcr.io/acme/api:1.9",
            login: Some(("bob", "stale")),
            verdict: "fails denied-or-absent",
            rules: &["error public-image-broken-by-secret"],
            event: "failed to authorize: failed to fetch oauth token: unexpected status from POST request to \
                    https://ghcr.io/token: 403 Forbidden",
            requests: &[
                "HEAD 1.9",
                "POST ghcr.io/token as bob",
                "HEAD 1.9",
                "GET ghcr.io/token",
                "HEAD 1.9 with a token",
            ],
            ..ROW
        }],
    );
    let public = |r: &mut Script| {
        let access = Access::Bearer(Bearer::public());
        r.repository("ghcr.io/acme/api").access(access).image("1.9").image("1.8").page(100);
    };
    let head = ["HEAD 2.0", "GET ghcr.io/token", "HEAD 2.0 with a token", "GET tags with a token"];
    rows(
        &["ghcr.io"],
        public,
        &[Row {
            name: "missing tag",
            image: "ghcr.io/acme/api:2.0",
            verdict: "fails absent",
            rules: &["error image-not-found"],
            says: "ghcr.io/acme/api has no tag \"2.0\"",
            event: "rpc error: code = NotFound desc = ghcr.io/acme/api:2.0: not found",
            requests: &head,
            ..ROW
        }],
    );
}

/// The token is given to anyone, and the manifest then answers 401 without a reason, for what is private and for what is
/// missing.
#[test]
fn quay_401_with_a_token_means_private_or_missing() {
    let quay = |r: &mut Script| {
        let refusing = |bearer: Bearer| Access::Bearer(bearer.refusing(Refusal::Unauthorized));
        let nobody = Bearer { anonymous: Some(Refusal::Unauthorized), ..Bearer::public() };
        r.host("quay.io").unknown(refusing(nobody));
        let private = Bearer::private("acme+robot", "right").stranger("acme+other", "right");
        r.repository("quay.io/acme/api").access(refusing(private)).image("1.9");
        // Its pages have to be followed.
        r.repository("quay.io/acme/web").access(Access::Bearer(Bearer::public())).image("1.10").image("1.9").page(1);
    };
    let challenge = ["HEAD 1.9", "GET quay.io/token", "HEAD 1.9 with a token"];
    let unauthorized =
        "unexpected status from HEAD request to https://quay.io/v2/acme/api/manifests/1.9: 401 Unauthorized";
    rows(
        &["quay.io"],
        quay,
        &[
            Row {
                name: "private",
                image: "quay.io/acme/api:1.9",
                verdict: "fails auth",
                rules: &["error missing-pull-secret"],
                says: "it is private or does not exist",
                event: unauthorized,
                requests: &challenge,
                ..ROW
            },
            Row {
                name: "missing repository",
                image: "quay.io/acme/no:1.9",
                verdict: "fails auth",
                rules: &["error missing-pull-secret"],
                says: "it is private or does not exist",
                event: "unexpected status from HEAD request to https://quay.io/v2/acme/no/manifests/1.9: 401 Unauthorized",
                requests: &challenge,
                ..ROW
            },
            Row {
                name: "a robot account that may not read",
                image: "quay.io/acme/api:1.9",
                login: Some(("acme+other", "right")),
                verdict: "fails auth",
                rules: &["error access-denied"],
                says: "does not exist, or quay.io denies access to it",
                event: unauthorized,
                requests: &[
                    "HEAD 1.9",
                    "POST quay.io/token as acme+other",
                    "HEAD 1.9 as acme+other",
                    "HEAD 1.9",
                    "GET quay.io/token",
                    "HEAD 1.9 with a token",
                ],
                ..ROW
            },
            Row {
                name: "missing tag",
                image: "quay.io/acme/web:1.8",
                verdict: "fails absent",
                rules: &["error image-not-found"],
                says: "`1.9`",
                event: "rpc error: code = NotFound desc = quay.io/acme/web:1.8: not found",
                requests: &[
                    "HEAD 1.8",
                    "GET quay.io/token",
                    "HEAD 1.8 with a token",
                    "GET tags with a token",
                    "GET tags with a token",
                ],
                ..ROW
            },
        ],
    );
}

/// A token is good for one repository: another one's manifest answers 403 to it, and is never shown it.
#[test]
fn cgr_token_is_requested_for_each_repository() {
    let server = pullcheck_support::Registry::start_tls(|r| {
        for name in ["cgr.dev/chainguard/nginx", "cgr.dev/chainguard/redis"] {
            r.repository(name).access(Access::Bearer(Bearer::public())).image("1.9");
        }
    });
    let mut client = quick(super::options(&[]).client);
    client.ca_certs = vec![server.ca_pem().as_bytes().to_vec()];
    client.connect_to = vec![format!("cgr.dev={}", server.address()).parse().unwrap()];
    let report = run(&[("cgr.dev/chainguard/nginx:1.9", None), ("cgr.dev/chainguard/redis:1.9", None)], &[], client);
    assert!(report.images.iter().all(|image| image.verdict == Some("pullable")));
    let requests: Vec<String> = server.requests().iter().map(|request| shown(request, "cgr.dev")).collect();
    assert_eq!(
        requests,
        ["HEAD 1.9", "GET cgr.dev/token", "HEAD 1.9 with a token", "GET cgr.dev/token", "HEAD 1.9 with a token"]
    );
}
