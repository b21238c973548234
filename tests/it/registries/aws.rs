//! Amazon's registries: ECR, which has no token endpoint, and public.ecr.aws.

use std::sync::Arc;
use std::time::Duration;

use pullcheck::kubelet::probe::{Attempt, Outcome, Prober, TagOrDigest};
use pullcheck::registry::{Client, ConnectTo};
use pullcheck_support::{Access, Answer, Registry, Script};

use super::{NoNames, ROW, Row, basic, bearer, options, quick, rows, shown, there, token};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// User `AWS`, and a password that lives twelve hours. There is no token endpoint.
fn ecr(r: &mut Script) {
    let access = || Access::Basic(vec![("AWS".to_owned(), "fresh".to_owned())]);
    r.host(ECR).unknown(access());
    r.repository(&format!("{ECR}/api")).access(access()).image("1.9");
}

#[test]
fn ecr_requires_credentials_and_reports_missing_images() {
    let image = format!("{ECR}/api:1.9");
    let (no_tag, no_repository) = (format!("{ECR}/api:2.0"), format!("{ECR}/apy:1.9"));
    let login = Some(("AWS", "fresh"));
    let event = format!("{}authorization failed: no basic auth credentials", super::DENIED);
    let not_found = |image: &str| format!("rpc error: code = NotFound desc = {image}: not found");
    let anonymous = Row { image: &image, event: &event, requests: &["HEAD 1.9"], ..ROW };
    rows(
        &[ECR],
        ecr,
        &[
            Row {
                name: "without credentials",
                verdict: "fails auth-required",
                rules: &["error missing-pull-secret"],
                ..anonymous
            },
            Row { name: "fresh", image: &image, login, requests: &["HEAD 1.9", "HEAD 1.9 as AWS"], ..ROW },
            Row {
                name: "missing tag",
                image: &no_tag,
                login,
                verdict: "fails absent",
                rules: &["error image-not-found"],
                says: "has no tag \"2.0\"",
                event: &not_found(&no_tag),
                requests: &["HEAD 2.0", "HEAD 2.0 as AWS", "GET tags as AWS"],
                ..ROW
            },
            Row {
                name: "missing repository",
                image: &no_repository,
                login,
                verdict: "fails absent",
                rules: &["error image-not-found"],
                says: "has no repository \"apy\"",
                event: &not_found(&no_repository),
                requests: &["HEAD 1.9", "HEAD 1.9 as AWS", "GET tags as AWS"],
                ..ROW
            },
        ],
    );
}

/// Nodes of AWS have credentials of their own: what is refused here need not be refused there.
#[test]
fn ecr_denial_is_unverified_with_node_credentials() {
    let image = format!("{ECR}/api:1.9");
    let server = Registry::start_tls(ecr);
    let mut client = quick(options(&[]).client);
    client.ca_certs = vec![server.ca_pem().as_bytes().to_vec()];
    client.connect_to = vec![ConnectTo { host: ECR.parse().unwrap(), address: server.address() }];
    let args = ["--node-credentials", "*.dkr.ecr.*.amazonaws.com"];
    let row = Row {
        name: "nodes",
        image: &image,
        args: &args,
        verdict: "unverified auth-required",
        rules: &["warning missing-pull-secret"],
        says: "nodes of that cloud, or with their own credentials, need no pull secret",
        requests: &["HEAD 1.9"],
        ..ROW
    };
    let report = row.run(client);
    row.compare(&report, &server.requests());
}

/// ECR says 403, and not 401, when the twelve hours are over; only the answer to `GET` says why.
#[test]
fn ecr_403_is_explained_by_the_answer_to_get() {
    let image = format!("{ECR}/api:1.9");
    let path = "/v2/api/manifests/1.9";
    let said = |words: &str| {
        format!("unexpected status from HEAD request to https://{ECR}{path}: 403 Forbidden\ndenied: {words}")
    };
    let words = "Your authorization token has expired. Reauthenticate and try again.";
    let expired = |r: &mut Script| {
        r.answer("*", path, [Answer::error(403, "DENIED", words).behind(basic())]);
    };
    let row = Row {
        name: "expired token",
        image: &image,
        login: Some(("AWS", "stale")),
        verdict: "fails denied",
        rules: &["error access-denied"],
        says: "expired token in the pull secret",
        event: &said(words),
        requests: &["HEAD 1.9", "HEAD 1.9 as AWS", "HEAD 1.9", "GET 1.9 as AWS"],
        ..ROW
    };
    rows(&[ECR], expired, &[row, Row { says: "12 hours", ..row }]);
    let words = "User: arn:aws:iam::1:user/ci is not authorized to perform: ecr:BatchGetImage";
    let forbidden = |r: &mut Script| {
        r.answer("*", path, [Answer::error(403, "DENIED", words).behind(basic())]);
    };
    let row = Row {
        name: "no permission",
        says: "(it says: User: arn:aws:iam::1:user/ci is not authorized",
        event: &said(words),
        ..row
    };
    rows(&[ECR], forbidden, &[row]);
}

#[test]
fn public_ecr_image_is_broken_by_stale_credentials() {
    let realm = "https://public.ecr.aws/token/";
    let public = |r: &mut Script| {
        r.answer("*", "/v2/nginx/nginx/manifests/1.27", [there().behind(bearer(realm))]);
        r.answer("GET", "/token/", [Answer::error(403, "DENIED", "denied").behind(token())]);
    };
    rows(
        &["public.ecr.aws"],
        public,
        &[
            Row {
                name: "public",
                image: "public.ecr.aws/nginx/nginx:1.27",
                requests: &["HEAD 1.27", "GET public.ecr.aws/token/", "HEAD 1.27 with a token"],
                ..ROW
            },
            Row {
                name: "stale credentials for a public image",
                image: "public.ecr.aws/nginx/nginx:1.27",
                login: Some(("AWS", "stale")),
                verdict: "fails denied-or-absent",
                rules: &["error public-image-broken-by-secret"],
                event: "failed to authorize: failed to fetch oauth token: unexpected status from GET request to \
                        https://public.ecr.aws/token/?scope=repository%3Anginx%2Fnginx%3Apull&service=registry: 403 \
                        Forbidden",
                requests: &[
                    "HEAD 1.27",
                    "POST public.ecr.aws/token/ as AWS",
                    "GET public.ecr.aws/token/ as AWS",
                    "HEAD 1.27",
                    "GET public.ecr.aws/token/",
                    "HEAD 1.27 with a token",
                ],
                ..ROW
            },
        ],
    );
}

/// An anonymous token whose time is over is answered 400, and not 401: a new one is worth a request.
#[test]
fn public_ecr_token_is_renewed_after_a_400() {
    let server = Registry::start_tls(|r| {
        let expired = Answer::error(400, "DENIED", "Your Authorization Token is invalid.");
        let guarded = |answer: Answer| answer.behind(bearer("https://public.ecr.aws/token/"));
        r.also_named("public.ecr.aws");
        r.answer("HEAD", "/v2/nginx/nginx/manifests/1", [guarded(there())]);
        r.answer("HEAD", "/v2/nginx/nginx/manifests/2", [expired, there()].map(guarded));
        let tokens = ["old", "new"]
            .map(|token| Answer::status(200).json(&serde_json::json!({"token": token, "expires_in": 300})));
        r.answer("GET", "/token/", tokens);
    });
    let mut settings = quick(options(&[]).client);
    settings.ca_certs = vec![server.ca_pem().as_bytes().to_vec()];
    settings.connect_to = vec![format!("public.ecr.aws={}", server.address()).parse().unwrap()];
    let attempt = |tag: &str| Attempt {
        registry: "public.ecr.aws".to_owned(),
        repository: "nginx/nginx".to_owned(),
        target: TagOrDigest::Tag(tag.to_owned()),
        credential: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::with_lookup(settings, Arc::new(NoNames)).unwrap();
        assert!(matches!(client.probe(&attempt("1")).await, Outcome::Found(_)));
        // Only the clock of the tokens goes on: nothing is under way.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(40)).await;
        tokio::time::resume();
        assert!(matches!(client.probe(&attempt("2")).await, Outcome::Found(_)));
    });
    runtime.shutdown_background();
    let requests: Vec<String> = server.requests().iter().map(|request| shown(request, "public.ecr.aws")).collect();
    assert_eq!(
        requests,
        [
            "HEAD 1",
            "GET public.ecr.aws/token/",
            "HEAD 1 with a token",
            "HEAD 2 with a token",
            "GET public.ecr.aws/token/",
            "HEAD 2 with a token",
        ]
    );
}
