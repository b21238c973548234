//! Each answer of a registry that tells a cause by itself, whichever registry gives it.

use pullcheck_support::{Access, Answer, Bearer, Refusal, Script};

use super::{DENIED, ROW, Row, bearer, rows, there, token};

const HOST: &str = "reg.example";
const IMAGE: &str = "reg.example/shop/api:1.9";
const PATH: &str = "/v2/shop/api/manifests/1.9";
const TAGS: &str = "/v2/shop/api/tags/list";

/// An answer to every request for the manifest.
fn manifest(answer: Answer) -> impl Fn(&mut Script) {
    move |r| {
        r.answer("*", PATH, [answer.clone()]);
    }
}

fn guarded(bearer: Bearer) -> impl Fn(&mut Script) {
    move |r| {
        r.repository("reg.example/shop/api").access(Access::Bearer(bearer.clone())).image("1.9");
    }
}

const WITH_TOKEN: [&str; 3] = ["HEAD 1.9", "GET reg.example/token", "HEAD 1.9 with a token"];

fn status(status: &str) -> String {
    format!("unexpected status from HEAD request to https://{HOST}{PATH}: {status}")
}

#[test]
fn unparsable_reference_sends_no_request() {
    let invalid = Row {
        name: "upper case",
        image: "reg.example/Shop/api:1.9",
        verdict: "fails invalid-name",
        rules: &["error invalid-image-reference"],
        event: "Failed to apply default image tag \"reg.example/Shop/api:1.9\": couldn't parse image name \
                \"reg.example/Shop/api:1.9\": invalid reference format: repository name (Shop/api) must be lowercase",
        ..ROW
    };
    rows(&[HOST], |_| {}, &[invalid]);
}

#[test]
fn a_404_is_absent_whatever_its_code() {
    let absent = Row {
        image: IMAGE,
        verdict: "fails absent",
        rules: &["error image-not-found"],
        event: "rpc error: code = NotFound desc = reg.example/shop/api:1.9: not found",
        requests: &["HEAD 1.9", "GET tags", "GET 1.9"],
        ..ROW
    };
    // Without a tag list only the answer to GET tells what is missing.
    for (code, says) in [
        ("MANIFEST_UNKNOWN", "reg.example/shop/api has no tag \"1.9\", or does not exist at all"),
        ("NAME_UNKNOWN", "reg.example has no repository \"shop/api\""),
        ("NOT_FOUND", "(it says: artifact shop/api:1.9 not found)"),
    ] {
        let script = |r: &mut Script| {
            let words = if code == "NOT_FOUND" { "artifact shop/api:1.9 not found" } else { "" };
            r.answer("*", PATH, [Answer::error(404, code, words)]);
            r.answer("GET", TAGS, [Answer::status(403)]);
        };
        rows(&[HOST], script, &[Row { name: code, says, ..absent }]);
    }
    // docker-registry says MANIFEST_UNKNOWN of a missing repository; its tag list says better, and nothing more is asked.
    let open = |r: &mut Script| {
        r.repository("reg.example/shop/web").image("1.9");
    };
    let told = Row { name: "no repository", says: "has no repository \"shop/api\"", ..absent };
    rows(&[HOST], open, &[Row { requests: &["HEAD 1.9", "GET tags"], ..told }]);
}

#[test]
fn each_refusal_gets_its_verdict_and_event() {
    let hub = Bearer::private("bob", "right").stranger("eve", "right");
    let bad = Row {
        name: "token 401 with credentials",
        image: IMAGE,
        login: Some(("bob", "wrong")),
        verdict: "fails bad-credentials",
        rules: &["error access-denied"],
        says: "reg.example rejected the user and password in the pull secret",
        event: "failed to authorize: failed to fetch oauth token: unexpected status from GET request to \
                        https://reg.example/token?scope=repository%3Ashop%2Fapi%3Apull&service=reg.example: 401 Unauthorized",
        requests: &[
            "HEAD 1.9",
            "POST reg.example/token as bob",
            "GET reg.example/token as bob",
            "HEAD 1.9",
            "GET reg.example/token",
            "HEAD 1.9 with a token",
        ],
        ..ROW
    };
    let crio = Row {
        name: "token 401 with credentials, CRI-O",
        args: &["--runtime", "cri-o"],
        event: "unable to pull image or OCI artifact: pull image err: initializing source \
                        docker://reg.example/shop/api:1.9: unable to retrieve auth token: invalid username/password: \
                        unauthorized: incorrect username or password; artifact err: image reference: get manifest from ref: \
                        create image source: unable to retrieve auth token: invalid username/password: unauthorized: \
                        incorrect username or password",
        requests: &[
            "GET reg.example/v2/",
            "GET reg.example/token as bob",
            "GET reg.example/token",
            "HEAD 1.9 with a token",
        ],
        ..bad
    };
    rows(&[HOST], guarded(hub.clone()), &[bad, crio]);

    let refused = Row { image: IMAGE, rules: &["error missing-pull-secret"], requests: &WITH_TOKEN, ..ROW };
    let insufficient = Row {
        name: "401 insufficient_scope",
        verdict: "fails denied-or-absent",
        says: "it is private or does not exist",
        event: &format!("{DENIED}server message: insufficient_scope: authorization failed"),
        ..refused
    };
    let crio = Row {
        name: "401 insufficient_scope, CRI-O",
        args: &["--runtime", "cri-o"],
        event: "unable to pull image or OCI artifact: pull image err: initializing source \
                        docker://reg.example/shop/api:1.9: reading manifest 1.9 in reg.example/shop/api: requested access \
                        to the resource is denied; artifact err: image reference: get manifest from ref: create image \
                        source: reading manifest 1.9 in reg.example/shop/api: requested access to the resource is denied",
        requests: &["GET reg.example/v2/", "GET reg.example/token", "HEAD 1.9 with a token", "GET 1.9 with a token"],
        ..insufficient
    };
    rows(&[HOST], guarded(hub.clone()), &[insufficient, crio]);
    let unauthorized = status("401 Unauthorized");
    let again = Row {
        name: "401 again, without a reason",
        verdict: "fails auth",
        says: "it is private or does not exist",
        event: &unauthorized,
        ..refused
    };
    rows(&[HOST], guarded(hub.clone().refusing(Refusal::Unauthorized)), &[again]);
    let token_forbidden = Row {
        name: "token 403",
        verdict: "fails denied-or-absent",
        says: "it is private or does not exist",
        event: "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to \
                        https://reg.example/token?scope=repository%3Ashop%2Fapi%3Apull&service=reg.example: 403 Forbidden",
        requests: &WITH_TOKEN[..2],
        ..refused
    };
    rows(&[HOST], guarded(hub.clone().refusing(Refusal::TokenForbidden)), &[token_forbidden]);
    let forbidden = Row {
        name: "403 on the manifest",
        verdict: "fails denied",
        event: "unexpected status from HEAD request to https://reg.example/v2/shop/api/manifests/1.9: 403 \
                        Forbidden\ndenied",
        requests: &["HEAD 1.9", "GET reg.example/token", "HEAD 1.9 with a token", "GET 1.9 with a token"],
        ..refused
    };
    rows(&[HOST], guarded(hub.refusing(Refusal::Forbidden)), &[forbidden]);
    let invalid_token = |r: &mut Script| {
        let again = r#"Bearer realm="https://reg.example/token",service="s",error="invalid_token""#;
        let again = Answer::error(401, "UNAUTHORIZED", "invalid token").header("WWW-Authenticate", again);
        r.answer("*", PATH, [again.behind(bearer("https://reg.example/token"))]);
        r.answer("GET", "/token", [token()]);
    };
    let invalid = Row {
        name: "401 invalid_token",
        verdict: "fails auth",
        event: &format!("{DENIED}server message: invalid_token: authorization failed"),
        ..refused
    };
    rows(&[HOST], invalid_token, &[invalid]);
}

#[test]
fn rate_limit_leaves_the_image_unverified() {
    let limited = Row {
        image: IMAGE,
        verdict: "unverified rate-limited",
        rules: &["note unverified-image"],
        says: "reg.example limits the rate of requests (HTTP 429)",
        ..ROW
    };
    let answer = || Answer::error(429, "TOOMANYREQUESTS", "slow down").header("Retry-After", "3600");
    rows(
        &[HOST],
        manifest(answer()),
        &[Row {
            name: "at the manifest",
            event: "unexpected status from HEAD request to https://reg.example/v2/shop/api/manifests/1.9: 429 Too Many \
                        Requests",
            requests: &["HEAD 1.9"],
            ..limited
        }],
    );
    let at_token = |r: &mut Script| {
        r.answer("*", PATH, [there().behind(bearer("https://reg.example/token"))]);
        r.answer("GET", "/token", [answer()]);
    };
    rows(
        &[HOST],
        at_token,
        &[Row {
            name: "at the token",
            event: "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to \
                        https://reg.example/token?scope=repository%3Ashop%2Fapi%3Apull&service=registry: 429 Too Many \
                        Requests",
            requests: &["HEAD 1.9", "GET reg.example/token"],
            ..limited
        }],
    );
}

#[test]
fn server_error_is_retried_twice() {
    for line in ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        let code = line[..3].parse().unwrap();
        let row = Row {
            name: "5xx",
            image: IMAGE,
            verdict: "unverified registry-error",
            rules: &["note unverified-image"],
            says: "reg.example fails (HTTP 50",
            event: &format!("unexpected status from HEAD request to https://{HOST}{PATH}: {line}"),
            requests: &["HEAD 1.9", "HEAD 1.9", "HEAD 1.9"],
            ..ROW
        };
        rows(&[HOST], manifest(Answer::status(code)), &[row]);
    }
}

#[test]
fn token_response_without_token_leaves_image_unverified() {
    let missing = "authorization server did not include a token in the response";
    for (body, why) in [
        ("", "unable to decode token response: EOF"),
        ("{}", missing),
        (r#"{"token":""}"#, missing),
        ("<html>", "unable to decode token response: invalid character '<' looking for beginning of value"),
    ] {
        let script = |r: &mut Script| {
            r.answer("*", PATH, [there().behind(bearer("https://reg.example/token"))]);
            r.answer("GET", "/token", [Answer::status(200).body(body)]);
        };
        let row = Row {
            name: body,
            image: IMAGE,
            verdict: "unverified auth-server",
            rules: &["note unverified-image"],
            says: "reg.example returns no token",
            event: &format!("failed to authorize: failed to fetch anonymous token: {why}"),
            requests: &["HEAD 1.9", "GET reg.example/token"],
            ..ROW
        };
        rows(&[HOST], script, &[row]);
    }
}

#[test]
fn unusable_manifests_are_reported_with_their_cause() {
    const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
    let digest = format!("sha256:{}", "0a".repeat(32));
    let head = |media_type: &str, digest: &str, length: &str| {
        let answer = Answer::status(200).header("Content-Type", media_type).header("Docker-Content-Digest", digest);
        manifest(answer.header("Content-Length", length))
    };
    let row = Row { image: IMAGE, rules: &["error unsupported-manifest"], requests: &["HEAD 1.9"], ..ROW };
    let schema1 = "rpc error: code = InvalidArgument desc = failed to pull and unpack image \"reg.example/shop/api:1.9\": \
                   schema 1 image manifests are no longer supported: invalid argument";
    let empty = format!(
        "rpc error: code = InvalidArgument desc = failed to pull and unpack image \"reg.example/shop/api:1.9\": unable to \
         fetch descriptor ({digest}) which reports content size of zero: invalid argument"
    );
    let broken = "\"sha256:../../x\" in header not a valid digest: invalid checksum digest length";
    let big =
        "rpc error: code = NotFound desc = rejecting 4393217 byte manifest for reg.example/shop/api:1.9: not found";
    let cases = [
        ("broken-proxy", OCI, digest.as_str(), "0", empty.as_str()),
        ("broken-registry", OCI, "sha256:../../x", "500", broken),
        ("too-big", OCI, &digest, "4393217", big),
        ("schema1", "application/vnd.docker.distribution.manifest.v1+prettyjws", &digest, "500", schema1),
        ("schema1", "text/plain; charset=utf-8", &digest, "500", schema1),
    ];
    for (cause, media_type, digest, length, event) in cases {
        let verdict = format!("fails {cause}");
        rows(&[HOST], head(media_type, digest, length), &[Row { name: cause, verdict: &verdict, event, ..row }]);
    }
    let kept = Row {
        name: "schema1, containerd up to 2.0",
        args: &["--runtime", "containerd-1"],
        verdict: "unverified schema1",
        rules: &["warning unsupported-manifest"],
        ..row
    };
    rows(&[HOST], head("text/plain", &digest, "500"), &[kept]);
}

#[test]
fn image_without_node_platform_is_reported() {
    let script = |r: &mut Script| {
        let api = r.repository("reg.example/shop/api");
        api.index("1.9", &["linux/amd64", "linux/arm64"]).index("old", &["linux/386"]).image("one").artifact("chart");
        let list = r#"{"manifests":[{"platform":{"os":"linux","architecture":"amd64"}}]}"#;
        api.manifest("list", "application/vnd.docker.distribution.manifest.list.v2+json", list);
    };
    let mut scripted = Script::default();
    script(&mut scripted);
    let api = scripted.repository("reg.example/shop/api");
    let [index, old, list, one] = ["1.9", "old", "list", "one"].map(|tag| api.digest(tag).unwrap().to_owned());
    let [get, get_old, get_list, get_one] = [&index, &old, &list, &one].map(|digest| format!("GET {digest}"));
    let chart = format!("GET {}", api.digest("chart").unwrap());
    let entries: serde_json::Value = serde_json::from_slice(api.content("1.9").unwrap().2).unwrap();
    let child = format!("HEAD {}", entries["manifests"][0]["digest"].as_str().unwrap());
    let entries: serde_json::Value = serde_json::from_slice(api.content("old").unwrap().2).unwrap();
    let old_child = format!("HEAD {}", entries["manifests"][0]["digest"].as_str().unwrap());

    let not_found = "rpc error: code = NotFound desc = ";
    let no_entry =
        format!("{not_found}get image config descriptor: no match for platform in manifest {index}: not found");
    let row = Row {
        name: "containerd",
        image: IMAGE,
        args: &["--platform", "linux/s390x"],
        verdict: "fails platform",
        rules: &["error platform-mismatch"],
        says: "has no image for linux/s390x nodes: it is built for linux/amd64 and linux/arm64",
        event: &no_entry,
        requests: &["HEAD 1.9", &get],
        ..ROW
    };
    let pulling = "failed to pull and unpack image \"reg.example/shop/api:1.9\": ";
    let up_to_2_0 = Row {
        name: "containerd up to 2.0",
        args: &["--platform", "linux/s390x", "--runtime", "containerd-1"],
        event: &format!("{not_found}{pulling}no match for platform in manifest: not found"),
        ..row
    };
    let crio_says = |tag: &str, what: &str| {
        format!(
            "unable to pull image or OCI artifact: pull image err: choosing an image from manifest list \
             docker://reg.example/shop/api:{tag}: no image found in {what} for architecture \"s390x\", variant \"\", OS \
             \"linux\"; artifact err: image reference: choose manifest instance: no image found in {what} for architecture \
             \"s390x\", variant \"\", OS \"linux\""
        )
    };
    let crio_args = ["--platform", "linux/s390x", "--runtime", "cri-o"];
    let crio_event = crio_says("1.9", "image index");
    let crio_requests = [&["GET reg.example/v2/"][..], row.requests].concat();
    let crio = Row { name: "CRI-O", args: &crio_args, event: &crio_event, requests: &crio_requests, ..row };
    let docker_list = Row {
        name: "a Docker list, CRI-O",
        image: "reg.example/shop/api:list",
        says: "it is built for linux/amd64",
        event: &crio_says("list", "manifest list"),
        requests: &["GET reg.example/v2/", "HEAD list", &get_list],
        ..crio
    };
    // The one that amd64 nodes take is looked for.
    let some_requests = [row.requests, &[&child]].concat();
    let some = Row {
        name: "some nodes",
        says: "has no image for linux/s390x nodes, and the pod may run on one",
        args: &["--platform", "linux/amd64,linux/s390x"],
        verdict: "unverified platform",
        rules: &["warning platform-mismatch"],
        event: "",
        requests: &some_requests,
        ..row
    };
    // The child is looked for, as amd64 nodes could run it, and was not pulled.
    let old_digest = old_child.trim_start_matches("HEAD ");
    let no_entry = format!("{not_found}get image config descriptor: content digest {old_digest}: not found");
    let exact = Row {
        name: "386 on amd64",
        image: "reg.example/shop/api:old",
        args: &["--platform", "linux/amd64"],
        says: "has no image for linux/amd64 nodes: it is built for linux/386",
        event: &no_entry,
        requests: &["HEAD old", &get_old],
        ..row
    };
    let compatible_requests = [exact.requests, &[&old_child]].concat();
    let compatible = Row {
        name: "386 on amd64, containerd up to 2.0",
        args: &["--platform", "linux/amd64", "--runtime", "containerd-1"],
        verdict: "pullable",
        rules: &[],
        says: "",
        event: "",
        requests: &compatible_requests,
        ..exact
    };
    rows(&[HOST], script, &[row, up_to_2_0, crio, docker_list, some, exact, compatible]);

    // Of one image no runtime asks what it is for: it is pulled, and ends at once.
    let config = match pullcheck::image::manifest::parse(api.content("one").unwrap().2) {
        Some(pullcheck::image::manifest::ManifestBody::Image(image)) => image.config_digest.unwrap(),
        other => panic!("{other:?}"),
    };
    let blob = format!("GET reg.example/v2/shop/api/blobs/{config}");
    let single = Row {
        name: "a single image",
        image: "reg.example/shop/api:one",
        says: "exec format error",
        event: "",
        requests: &["HEAD one", &get_one, &blob],
        ..row
    };
    let no_image = Row {
        name: "a chart",
        image: "reg.example/shop/api:chart",
        verdict: "fails not-an-image",
        rules: &["error unsupported-manifest"],
        says: "is not a container image but a Helm chart",
        event: "",
        requests: &["HEAD chart", &chart],
        ..row
    };
    rows(&[HOST], script, &[single, no_image]);
}

/// What is to be pushed later may be missing; whether it is, a registry that hides it does not tell.
#[test]
fn expected_image_is_not_an_error_when_absent_or_hidden() {
    let expected = Row { image: IMAGE, args: &["--expect-image", "reg.example/shop/*"], ..ROW };
    let nothing = |r: &mut Script| {
        r.repository("reg.example/shop/api").image("1.8");
    };
    let row = Row { verdict: "skipped expected", requests: &["HEAD 1.9", "GET tags"], ..expected };
    rows(&[HOST], nothing, &[Row { name: "absent", ..row }]);
    let hidden = guarded(Bearer::private("bob", "right"));
    let row = Row { verdict: "unverified expected", requests: &WITH_TOKEN, ..expected };
    rows(&[HOST], hidden, &[Row { name: "hidden", ..row }]);
    rows(&[HOST], manifest(there()), &[Row { name: "there already", requests: &["HEAD 1.9"], ..expected }]);
    let row = Row { verdict: "unverified registry-error", rules: &["note unverified-image"], ..expected };
    let failing = manifest(Answer::status(418));
    rows(
        &[HOST],
        failing,
        &[Row {
            name: "not told",
            event: "unexpected status from HEAD request to https://reg.example/v2/shop/api/manifests/1.9: 418 I'm a \
                        teapot",
            requests: &["HEAD 1.9"],
            ..row
        }],
    );
}
