//! The clouds' registries: ECR, public.ecr.aws, ACR, Artifact Registry, registry.k8s.io, mcr.microsoft.com.

use std::sync::Arc;
use std::time::Duration;

use pullcheck::probe::{Attempt, Outcome, Prober, Target};
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
fn on_ecr() {
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
fn on_ecr_from_its_own_nodes() {
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
        says: "nodes of that cloud, or with credentials of their own, need no pull secret",
        requests: &["HEAD 1.9"],
        ..ROW
    };
    let report = row.run(client);
    row.compare(&report, &server.requests());
}

/// ECR says 403, and not 401, when the twelve hours are over; only the answer to `GET` says why.
#[test]
fn on_ecr_after_twelve_hours() {
    let image = format!("{ECR}/api:1.9");
    let path = "/v2/api/manifests/1.9";
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
        says: "the token has expired that stands in the pull secret",
        event: &format!("unexpected status from HEAD request to https://{ECR}{path}: 403 Forbidden"),
        requests: &["HEAD 1.9", "HEAD 1.9 as AWS", "HEAD 1.9", "GET 1.9 as AWS"],
        ..ROW
    };
    rows(&[ECR], expired, &[row, Row { says: "12 hours", ..row }]);
    let forbidden = |r: &mut Script| {
        let words = "User: arn:aws:iam::1:user/ci is not authorized to perform: ecr:BatchGetImage";
        r.answer("*", path, [Answer::error(403, "DENIED", words).behind(basic())]);
    };
    let row = Row { name: "no permission", says: "(it says: User: arn:aws:iam::1:user/ci is not authorized", ..row };
    rows(&[ECR], forbidden, &[row]);
}

#[test]
fn on_public_ecr() {
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
                        https://public.ecr.aws/token/?…: 403 Forbidden",
                requests: &[
                    "HEAD 1.27",
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
fn on_public_ecr_when_the_token_ages() {
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
        target: Target::Tag(tag.to_owned()),
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
    let requests: Vec<String> = server.requests().iter().map(|it| shown(it, "public.ecr.aws")).collect();
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

#[test]
fn on_acr() {
    let acr = |r: &mut Script| {
        let words = "authentication required, visit https://aka.ms/acr/authorization for more information.";
        let realm = "https://acme.azurecr.io/oauth2/token";
        r.answer("*", "/v2/api/manifests/1.9", [there().behind(bearer(realm))]);
        r.answer("GET", "/oauth2/token", [token().behind(Answer::error(401, "UNAUTHORIZED", words))]);
    };
    rows(
        &["acme.azurecr.io"],
        acr,
        &[
            Row {
                name: "without credentials",
                image: "acme.azurecr.io/api:1.9",
                verdict: "fails denied-or-absent",
                rules: &["error missing-pull-secret"],
                says: "(it says: authentication required, visit https://aka.ms/acr/authorization for more information.)",
                event: "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to \
                        https://acme.azurecr.io/oauth2/token?…: 401 Unauthorized",
                requests: &["HEAD 1.9", "GET acme.azurecr.io/oauth2/token"],
                ..ROW
            },
            Row {
                name: "with a token of Entra ID",
                image: "acme.azurecr.io/api:1.9",
                login: Some(("00000000-0000-0000-0000-000000000000", "refresh-token")),
                requests: &[
                    "HEAD 1.9",
                    "GET acme.azurecr.io/oauth2/token as 00000000-0000-0000-0000-000000000000",
                    "HEAD 1.9 with a token",
                ],
                ..ROW
            },
        ],
    );
    rows(
        &["acme.azurecr.io"],
        |r| {
            let refused = Answer::error(401, "UNAUTHORIZED", "authentication required");
            r.answer("GET", "/oauth2/token", [refused]);
            acr(r);
        },
        &[Row {
            name: "wrong password",
            image: "acme.azurecr.io/api:1.9",
            login: Some(("ci", "wrong")),
            verdict: "fails bad-credentials",
            rules: &["error access-denied"],
            says: "acme.azurecr.io does not accept the user and password of the pull secret",
            event: "failed to authorize: failed to fetch oauth token: unexpected status from GET request to \
                    https://acme.azurecr.io/oauth2/token?…: 401 Unauthorized",
            requests: &[
                "HEAD 1.9",
                "GET acme.azurecr.io/oauth2/token as ci",
                "HEAD 1.9",
                "GET acme.azurecr.io/oauth2/token",
            ],
            ..ROW
        }],
    );
}

/// Without credentials the token is refused, with words that tell neither; with an account that may not read, the
/// manifest is.
#[test]
fn on_artifact_registry() {
    let words = "Unauthenticated request. Unauthenticated requests do not have permission \
                 \"artifactregistry.repositories.downloadArtifacts\" on resource \"projects/p\" (or it may not exist)";
    for (host, repository) in [("europe-docker.pkg.dev", "p/r/api"), ("gcr.io", "p/api")] {
        let (image, path) = (format!("{host}/{repository}:1.9"), format!("/v2/{repository}/manifests/1.9"));
        let realm = format!("https://{host}/v2/token");
        let script = |r: &mut Script| {
            let denied = Answer::error(403, "DENIED", "Permission \"artifactregistry.repositories.get\" denied");
            r.answer("*", &path, [denied.behind(bearer(&realm))]);
            r.answer("GET", "/v2/token", [token().behind(Answer::error(403, "DENIED", words))]);
        };
        let token = format!("GET {host}/v2/token");
        let as_user = format!("{token} as oauth2accesstoken");
        let event = format!(
            "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to {realm}?…: 403 \
             Forbidden"
        );
        rows(
            &[host],
            script,
            &[
                Row {
                    name: "without credentials",
                    image: &image,
                    verdict: "fails denied-or-absent",
                    rules: &["error missing-pull-secret"],
                    says: "(or it may not exist)",
                    event: &event,
                    requests: &["HEAD 1.9", &token],
                    ..ROW
                },
                Row {
                    name: "no permission",
                    image: &image,
                    login: Some(("oauth2accesstoken", "ya29.token")),
                    verdict: "fails denied",
                    rules: &["error access-denied"],
                    says: "(it says: Permission \"artifactregistry.repositories.get\" denied)",
                    event: &format!("unexpected status from HEAD request to https://{host}{path}: 403 Forbidden"),
                    requests: &[
                        "HEAD 1.9",
                        &as_user,
                        "HEAD 1.9 with a token",
                        "HEAD 1.9",
                        &token,
                        "GET 1.9 with a token",
                    ],
                    ..ROW
                },
            ],
        );
    }
}

/// Manifests and tag lists are somewhere else.
#[test]
fn on_registry_k8s_io() {
    const AR: &str = "europe-west1-docker.pkg.dev";
    let k8s = |r: &mut Script| {
        let images = r.repository(&format!("{AR}/k8s/images/pause"));
        images.image("3.9").image("3.10");
        for place in ["manifests/3.9", "manifests/3.99", "tags/list"] {
            let target = format!("https://{AR}/v2/k8s/images/pause/{place}");
            r.answer("*", &format!("/v2/pause/{place}"), [Answer::status(307).header("Location", &target)]);
        }
    };
    let there = ["HEAD 3.9".to_owned(), format!("HEAD 3.9 at {AR}")];
    let missing =
        ["HEAD 3.99".to_owned(), format!("HEAD 3.99 at {AR}"), "GET tags".to_owned(), format!("GET tags at {AR}")];
    let (there, missing) = (there.each_ref().map(String::as_str), missing.each_ref().map(String::as_str));
    rows(
        &["registry.k8s.io", AR],
        k8s,
        &[
            Row { name: "there", image: "registry.k8s.io/pause:3.9", requests: &there, ..ROW },
            Row {
                name: "missing tag",
                image: "registry.k8s.io/pause:3.99",
                verdict: "fails absent",
                rules: &["error image-not-found"],
                says: "`3.9`",
                event: "rpc error: code = NotFound desc = registry.k8s.io/pause:3.99: not found",
                requests: &missing,
                ..ROW
            },
        ],
    );
}

/// Open to all. Some tag lists are missing, and then only the answer to `GET` has words.
#[test]
fn on_mcr() {
    let mcr = |r: &mut Script| {
        let words = "manifest tagged by \"9.9\" is not found";
        let missing = Answer::error(404, "MANIFEST_UNKNOWN", words);
        r.answer("*", "/v2/dotnet/runtime/manifests/9.9", [missing]);
        r.answer("GET", "/v2/dotnet/runtime/tags/list", [Answer::status(404)]);
        r.repository("mcr.microsoft.com/dotnet/sdk").image("9.0");
    };
    rows(
        &["mcr.microsoft.com"],
        mcr,
        &[
            Row { name: "there", image: "mcr.microsoft.com/dotnet/sdk:9.0", requests: &["HEAD 9.0"], ..ROW },
            Row {
                name: "missing tag",
                image: "mcr.microsoft.com/dotnet/runtime:9.9",
                verdict: "fails absent",
                rules: &["error image-not-found"],
                says: "(it says: manifest tagged by \"9.9\" is not found)",
                event: "rpc error: code = NotFound desc = mcr.microsoft.com/dotnet/runtime:9.9: not found",
                requests: &["HEAD 9.9", "GET tags", "GET 9.9"],
                ..ROW
            },
        ],
    );
}
