//! A registry that gives back what it is sent, in every place that a client may read.

use pullcheck_support::{Answer, Registry};

/// The tags, each named after what answers it; the repository is `TAG/app`.
pub(super) const TAGS: [&str; 11] = [
    "refused",
    "forbidden",
    "broken",
    "limited",
    "absent",
    "escaped",
    "moved",
    "elsewhere",
    "typed",
    "digest",
    "listed",
];

/// How it asks who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// For the password itself.
    Basic,
    /// For a token, which it gives. The token is a secret too: it opens the registry.
    Token,
    /// For a token, which it does not give.
    NoToken,
}

const ECHO: &str = "you sent {authorization}, that is {credential}";

fn error(status: u16) -> Answer {
    Answer::error(status, ECHO, ECHO).echo()
}

pub(super) fn echoing(scheme: Scheme) -> Registry {
    let server = Registry::start(|_| {});
    let host = server.host();
    let challenge = match scheme {
        Scheme::Basic => "Basic realm=\"{credential}\"".to_owned(),
        _ => format!("Bearer realm=\"http://robot:secret@{host}/token\",service=\"x\",error=\"{{credential}}\""),
    };
    let challenge = error(401).header("WWW-Authenticate", &challenge);
    let token = serde_json::json!({"token": "c4n4ryHe4d-token-t41lCan4rY", "message": ECHO});
    let location = format!("http://robot:{{credential}}@{host}/v2/{{credential}}?{{authorization}}#{{credential}}");
    let tags = serde_json::json!({"name": "{credential}", "tags": ["listed-{credential}", "listes", "{credential}"]});
    server.change(|script| {
        script.answer(
            "GET",
            "/token",
            [if scheme == Scheme::Token { Answer::status(200).json(&token) } else { error(401) }],
        );
        script.answer(
            "GET",
            "/v2/listed/app/tags/list",
            [Answer::status(200).json(&tags).echo().behind(challenge.clone())],
        );
        for tag in TAGS {
            let answer = match tag {
                "refused" => error(401).header("WWW-Authenticate", "Basic realm=\"{credential}\""),
                "forbidden" => error(403),
                "broken" => error(500),
                "escaped" => Answer::error(404, "SENT", "you sent {escaped}"),
                "limited" => error(429).header("Retry-After", "{credential}"),
                "moved" => Answer::status(307).header("Location", &location),
                "elsewhere" => Answer::status(307).header("Location", "/{authorization}/{credential}"),
                "typed" => Answer::status(200).header("Content-Type", ECHO).body(ECHO),
                "digest" => Answer::status(200)
                    .header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
                    .header("Docker-Content-Digest", ECHO)
                    .body(ECHO),
                _ => error(404),
            };
            // An answer to HEAD has no body, so that nobody would read the words of one.
            let path = format!("/v2/{tag}/app/manifests/{tag}");
            script.answer("HEAD", &path, [Answer::status(405).behind(challenge.clone())]);
            script.answer("GET", &path, [answer.echo().behind(challenge.clone())]);
        }
    });
    server
}
