//! Microsoft's and Google's registries: ACR, mcr.microsoft.com, Artifact Registry, registry.k8s.io.

use pullcheck_support::{Answer, Script};

use super::{ROW, Row, bearer, rows, there, token};

#[test]
fn acr_missing_and_wrong_credentials_are_reported() {
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
                        https://acme.azurecr.io/oauth2/token?scope=repository%3Aapi%3Apull&service=registry: 401 \
                        Unauthorized",
                requests: &["HEAD 1.9", "GET acme.azurecr.io/oauth2/token"],
                ..ROW
            },
            Row {
                name: "with a token of Entra ID",
                image: "acme.azurecr.io/api:1.9",
                login: Some(("00000000-0000-0000-0000-000000000000", "refresh-token")),
                requests: &[
                    "HEAD 1.9",
                    "POST acme.azurecr.io/oauth2/token as 00000000-0000-0000-0000-000000000000",
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
            says: "acme.azurecr.io rejected the user and password in the pull secret",
            event: "failed to authorize: failed to fetch oauth token: unexpected status from GET request to \
                        https://acme.azurecr.io/oauth2/token?scope=repository%3Aapi%3Apull&service=registry: 401 \
                        Unauthorized",
            requests: &[
                "HEAD 1.9",
                "POST acme.azurecr.io/oauth2/token as ci",
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
fn artifact_registry_refusals_quote_the_registry() {
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
        let posted = as_user.replace("GET", "POST");
        let event = format!(
            "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to {realm}?scope=repository%3A{}%3Apull\
             &service=registry: 403 Forbidden",
            repository.replace('/', "%2F")
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
                    event: &format!(
                        "unexpected status from HEAD request to https://{host}{path}: 403 Forbidden\n\
                         denied: Permission \"artifactregistry.repositories.get\" denied"
                    ),
                    requests: &[
                        "HEAD 1.9",
                        &posted,
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
fn registry_k8s_io_redirects_are_followed() {
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
fn mcr_missing_tag_is_explained_by_the_answer_to_get() {
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
