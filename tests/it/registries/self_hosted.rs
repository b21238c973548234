//! Registries that one runs oneself, or for oneself: GitLab, Harbor, Artifactory, Nexus, OpenShift's own.

use pullcheck_support::{Access, Answer, Bearer, Registry, Script};

use super::{ROW, Row, basic, bearer, options, quick, rows, run, shown, there, token};

/// Who may not read gets no token, whether the project exists or not.
#[test]
fn gitlab_refused_token_is_denied_or_absent() {
    let gitlab = |r: &mut Script| {
        r.answer("*", "/v2/acme/api/manifests/1.9", [there().behind(bearer("https://gitlab.com/jwt/auth"))]);
        r.answer("GET", "/jwt/auth", [Answer::error(403, "DENIED", "access forbidden")]);
    };
    let event = |kind: &str| {
        format!(
            "failed to authorize: failed to fetch {kind} token: unexpected status from GET request to \
             https://gitlab.com/jwt/auth?scope=repository%3Aacme%2Fapi%3Apull&service=registry: 403 Forbidden"
        )
    };
    rows(
        &["registry.gitlab.com", "gitlab.com"],
        gitlab,
        &[
            Row {
                name: "private or missing",
                image: "registry.gitlab.com/acme/api:1.9",
                verdict: "fails denied-or-absent",
                rules: &["error missing-pull-secret"],
                says: "it is private or does not exist",
                event: &event("anonymous"),
                requests: &["HEAD 1.9", "GET gitlab.com/jwt/auth"],
                ..ROW
            },
            Row {
                name: "a deploy token of another project",
                image: "registry.gitlab.com/acme/api:1.9",
                login: Some(("gitlab+deploy-token-1", "gldt-x")),
                verdict: "fails denied-or-absent",
                rules: &["error access-denied"],
                says: "does not exist, or registry.gitlab.com denies access to it",
                event: &event("oauth"),
                requests: &[
                    "HEAD 1.9",
                    "POST gitlab.com/jwt/auth as gitlab+deploy-token-1",
                    "GET gitlab.com/jwt/auth as gitlab+deploy-token-1",
                    "HEAD 1.9",
                    "GET gitlab.com/jwt/auth",
                ],
                ..ROW
            },
        ],
    );
}

/// A token is given to anyone, and refused without a reason where it may not read; what is missing is `NOT_FOUND`.
#[test]
fn harbor_missing_images_and_refused_tokens_are_reported() {
    const HOST: &str = "harbor.corp.example";
    let missing = |r: &mut Script| {
        r.answer(
            "*",
            "/v2/shop/api/manifests/2.0",
            [Answer::error(404, "NOT_FOUND", "artifact shop/api:2.0 not found")],
        );
        r.repository(&format!("{HOST}/shop/api")).image("1.9");
        r.answer("*", "/v2/shop/apy/manifests/1.9", [Answer::error(404, "NOT_FOUND", "repository shop/apy not found")]);
        r.answer("GET", "/v2/shop/apy/tags/list", [Answer::error(404, "NOT_FOUND", "repository shop/apy not found")]);
    };
    rows(
        &[HOST],
        missing,
        &[
            Row {
                name: "missing tag",
                image: "harbor.corp.example/shop/api:2.0",
                verdict: "fails absent",
                rules: &["error image-not-found"],
                says: "has no tag \"2.0\"",
                event: "rpc error: code = NotFound desc = harbor.corp.example/shop/api:2.0: not found",
                requests: &["HEAD 2.0", "GET tags"],
                ..ROW
            },
            Row {
                name: "missing repository",
                image: "harbor.corp.example/shop/apy:1.9",
                verdict: "fails absent",
                rules: &["error image-not-found"],
                says: "has no repository \"shop/apy\"",
                event: "rpc error: code = NotFound desc = harbor.corp.example/shop/apy:1.9: not found",
                requests: &["HEAD 1.9", "GET tags"],
                ..ROW
            },
            Row {
                name: "missing tag, CRI-O",
                image: "harbor.corp.example/shop/api:2.0",
                args: &["--runtime", "cri-o"],
                verdict: "fails absent",
                rules: &["error image-not-found"],
                says: "has no tag \"2.0\"",
                event: "unable to pull image or OCI artifact: pull image err: initializing source \
                        docker://harbor.corp.example/shop/api:2.0: reading manifest 2.0 in harbor.corp.example/shop/api: \
                        unknown: artifact shop/api:2.0 not found; artifact err: image reference: get manifest from ref: \
                        create image source: reading manifest 2.0 in harbor.corp.example/shop/api: unknown: artifact \
                        shop/api:2.0 not found",
                requests: &["GET harbor.corp.example/v2/", "HEAD 2.0", "GET 2.0", "GET tags"],
                ..ROW
            },
        ],
    );
    let realm = "https://harbor.corp.example/service/token";
    let closed = |r: &mut Script| {
        r.answer("*", "/v2/shop/api/manifests/1.9", [bearer(realm)]);
        r.answer("GET", "/service/token", [token()]);
    };
    let refused = Row {
        image: "harbor.corp.example/shop/api:1.9",
        verdict: "fails auth",
        event: "unexpected status from HEAD request to https://harbor.corp.example/v2/shop/api/manifests/1.9: 401 \
                Unauthorized",
        ..ROW
    };
    rows(
        &[HOST],
        closed,
        &[
            Row {
                name: "without credentials",
                rules: &["error missing-pull-secret"],
                says: "it is private or does not exist",
                requests: &["HEAD 1.9", "GET harbor.corp.example/service/token", "HEAD 1.9 with a token"],
                ..refused
            },
            Row {
                name: "a robot account of another project",
                login: Some(("robot$other", "secret")),
                rules: &["error access-denied"],
                says: "does not exist, or harbor.corp.example denies access to it",
                requests: &[
                    "HEAD 1.9",
                    "POST harbor.corp.example/service/token as robot$other",
                    "GET harbor.corp.example/service/token as robot$other",
                    "HEAD 1.9 with a token",
                    "HEAD 1.9",
                    "GET harbor.corp.example/service/token",
                    "HEAD 1.9 with a token",
                ],
                ..refused
            },
        ],
    );
}

/// Each repository has a realm of its own: what one asked for is not what opens the next.
#[test]
fn artifactory_first_realm_is_tried_for_the_next_repository() {
    const HOST: &str = "acme.jfrog.io";
    let server = Registry::start_tls(|r| {
        r.also_named(HOST);
        for (repository, text) in [("docker-local", "local"), ("docker-remote", "remote")] {
            let realm = format!("/artifactory/api/docker/{repository}/v2/token");
            let challenge = bearer(&format!("https://{HOST}{realm}"));
            let found = there().behind(challenge.clone());
            let missing = Answer::error(404, "MANIFEST_UNKNOWN", "The named manifest is not known to the registry.");
            r.answer("*", &format!("/v2/{repository}/api/manifests/1.9"), [found]);
            r.answer("*", &format!("/v2/{repository}/api/manifests/2.0"), [missing.behind(challenge.clone())]);
            r.answer(
                "GET",
                &format!("/v2/{repository}/api/tags/list"),
                [Answer::status(200).json(&serde_json::json!({"name": "api", "tags": ["1.9"]})).behind(challenge)],
            );
            r.answer("GET", &realm, [Answer::status(200).json(&serde_json::json!({"token": text}))]);
        }
    });
    let mut client = quick(options(&[]).client);
    client.ca_certs = vec![server.ca_pem().as_bytes().to_vec()];
    client.connect_to = vec![format!("{HOST}={}", server.address()).parse().unwrap()];
    let images =
        ["docker-local/api:1.9", "docker-remote/api:1.9", "docker-local/api:2.0"].map(|name| format!("{HOST}/{name}"));
    let report = run(&images.each_ref().map(|image| (image.as_str(), None)), &[], client);
    let verdicts: Vec<String> = report.images.iter().map(super::verdict).collect();
    assert_eq!(verdicts, ["pullable", "pullable", "fails absent"]);
    let found: Vec<&str> = report.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(found, ["acme.jfrog.io/docker-local/api has no tag \"2.0\""]);
    let requests: Vec<String> = server.requests().iter().map(|request| shown(request, HOST)).collect();
    assert_eq!(
        requests,
        [
            "HEAD 1.9",
            "GET acme.jfrog.io/artifactory/api/docker/docker-local/v2/token",
            "HEAD 1.9 with a token",
            // The realm of the first repository is tried for the second, as it is right at most registries.
            "GET acme.jfrog.io/artifactory/api/docker/docker-local/v2/token",
            "HEAD 1.9 with a token",
            "HEAD 2.0 with a token",
            "GET tags with a token",
        ]
    );
}

/// It answers `HEAD` of some manifests with 404 that it gives to `GET`.
#[test]
fn nexus_404_to_head_is_absent_for_containerd_only() {
    const HOST: &str = "nexus.corp.example";
    let login = Some(("ci", "right"));
    let access = || Access::Basic(vec![("ci".to_owned(), "right".to_owned())]);
    let nexus = |r: &mut Script| {
        r.repository(&format!("{HOST}/shop/api")).access(access()).image("1.9");
        r.answer("HEAD", "/v2/shop/api/manifests/1.9", [Answer::status(404).behind(basic())]);
    };
    rows(
        &[HOST],
        nexus,
        &[
            Row {
                name: "containerd asks by HEAD",
                image: "nexus.corp.example/shop/api:1.9",
                login,
                verdict: "fails absent",
                rules: &["error image-not-found"],
                says: "answers 404 to the HEAD request that containerd sends",
                event: "rpc error: code = NotFound desc = nexus.corp.example/shop/api:1.9: not found",
                requests: &["HEAD 1.9", "HEAD 1.9 as ci", "GET tags as ci", "GET 1.9 as ci"],
                ..ROW
            },
            Row {
                name: "CRI-O asks by GET",
                image: "nexus.corp.example/shop/api:1.9",
                login,
                args: &["--runtime", "cri-o"],
                requests: &["GET nexus.corp.example/v2/", "HEAD 1.9 as ci", "GET 1.9 as ci"],
                ..ROW
            },
        ],
    );
    let closed = |r: &mut Script| {
        r.repository(&format!("{HOST}/shop/api")).access(access()).image("1.9");
    };
    let refused = Row { image: "nexus.corp.example/shop/api:1.9", ..ROW };
    rows(
        &[HOST],
        closed,
        &[
            Row {
                name: "without credentials",
                verdict: "fails auth-required",
                rules: &["error missing-pull-secret"],
                event: &format!("{}authorization failed: no basic auth credentials", super::DENIED),
                requests: &["HEAD 1.9"],
                ..refused
            },
            Row {
                name: "without credentials, CRI-O",
                args: &["--runtime", "cri-o"],
                verdict: "fails auth-required",
                rules: &["error missing-pull-secret"],
                event: "unable to pull image or OCI artifact: pull image err: initializing source \
                        docker://nexus.corp.example/shop/api:1.9: reading manifest 1.9 in nexus.corp.example/shop/api: …; \
                        artifact err: image reference: get manifest from ref: create image source: reading manifest 1.9 in \
                        nexus.corp.example/shop/api: …",
                requests: &["GET nexus.corp.example/v2/"],
                ..refused
            },
            Row {
                name: "wrong password",
                login: Some(("ci", "wrong")),
                verdict: "fails bad-credentials",
                rules: &["error access-denied"],
                says: "nexus.corp.example rejected the user and password",
                event: "unexpected status from HEAD request to https://nexus.corp.example/v2/shop/api/manifests/1.9: 401 \
                        Unauthorized",
                requests: &["HEAD 1.9", "HEAD 1.9 as ci", "HEAD 1.9"],
                ..refused
            },
        ],
    );
}

/// It is within the cluster: it is asked for only where the operator says how it is reached.
#[test]
fn openshift_registry_is_asked_only_with_connect_to() {
    const HOST: &str = "image-registry.openshift-image-registry.svc:5000";
    let image = format!("{HOST}/shop/api:1.9");
    let inside = Row {
        name: "from outside",
        image: &image,
        verdict: "unverified node-local",
        rules: &["note node-local-registry"],
        ..ROW
    };
    inside.compare(&inside.run(quick(options(&[]).client)), &[]);

    let openshift = |r: &mut Script| {
        let refused = Bearer::private("serviceaccount", "jwt").refusing(pullcheck_support::Refusal::TokenUnauthorized);
        r.host(HOST).realm(&format!("https://{HOST}/openshift/token"));
        r.repository(&format!("{HOST}/shop/api")).access(Access::Bearer(refused));
        r.answer(
            "GET",
            "/openshift/token",
            [token().behind(Answer::error(401, "UNAUTHORIZED", "authentication required"))],
        );
        let missing = Answer::error(404, "NAME_UNKNOWN", "repository name not known to registry");
        let challenge = bearer(&format!("https://{HOST}/openshift/token"));
        r.answer("*", "/v2/shop/apy/manifests/1.9", [missing.clone().behind(challenge.clone())]);
        r.answer("GET", "/v2/shop/apy/tags/list", [missing.behind(challenge)]);
    };
    let realm = format!("{HOST}/openshift/token");
    let (anonymous, user) = (format!("GET {realm}"), format!("GET {realm} as serviceaccount"));
    let posted = format!("POST {realm} as serviceaccount");
    let no_repository = format!("{HOST}/shop/apy:1.9");
    rows(
        &[HOST],
        openshift,
        &[
            Row {
                name: "without credentials",
                image: &image,
                verdict: "fails denied-or-absent",
                rules: &["error missing-pull-secret"],
                event: "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to \
                        https://image-registry.openshift-image-registry.svc:5000/openshift/token?scope=repository%3Ashop%2Fapi%3Apull&service=image-registry.openshift-image-registry.svc%3A5000: \
                        401 Unauthorized",
                requests: &["HEAD 1.9", &anonymous],
                ..ROW
            },
            Row {
                name: "missing repository",
                image: &no_repository,
                login: Some(("serviceaccount", "jwt")),
                verdict: "fails absent",
                rules: &["error image-not-found"],
                says: "has no repository \"shop/apy\"",
                event: &format!("rpc error: code = NotFound desc = {no_repository}: not found"),
                requests: &["HEAD 1.9", &posted, &user, "HEAD 1.9 with a token", "GET tags with a token"],
                ..ROW
            },
        ],
    );
}
