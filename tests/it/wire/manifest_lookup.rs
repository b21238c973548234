//! What is there, and what is not.

use pullcheck::kubelet::probe::{Defect, Outcome, Unknown};
use pullcheck_support::{Answer, Registry};

use super::{ask, found, image, plain, shown, unknown};

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn image_is_found_with_one_head_request() {
    let server = Registry::start(|r| {
        r.image("acme/api", "1.9");
    });
    let manifest = found(ask(plain(&server), &image(&server.host(), "acme/api:1.9")));
    assert_eq!(manifest.media_type.as_deref(), Some(OCI));
    assert_eq!(manifest.defect, None);
    assert_eq!(manifest.digest.map(|digest| digest.len()), Some("sha256:".len() + 64));
    assert_eq!(server.lines(), ["HEAD /v2/acme/api/manifests/1.9"]);
    let request = &server.requests()[0];
    assert_eq!(
        request.accept.as_deref(),
        Some(
            "application/vnd.docker.distribution.manifest.v2+json, \
             application/vnd.docker.distribution.manifest.list.v2+json, \
             application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*"
        )
    );
    assert_eq!(request.authorization, None);
}

#[test]
fn index_is_found_by_tag_and_by_digest() {
    let mut digest = String::new();
    let server = Registry::start(|r| {
        let held = r.index("acme/multi", "1", &["linux/amd64", "linux/arm64"]);
        digest = held.digest("1").unwrap().to_owned();
    });
    let by_tag = found(ask(plain(&server), &image(&server.host(), "acme/multi:1")));
    assert_eq!((by_tag.media_type.as_deref(), by_tag.digest.as_deref()), (Some(INDEX), Some(digest.as_str())));
    let by_digest = found(ask(plain(&server), &image(&server.host(), &format!("acme/multi@{digest}"))));
    assert_eq!(by_digest.digest, Some(digest));
    assert_eq!(server.count(), 2);
}

#[test]
fn a_missing_tag_and_a_missing_repository_are_absent() {
    let server = Registry::start(|r| {
        r.image("acme/api", "1.9");
    });
    for (name, path) in [("acme/api:2.0", "/v2/acme/api/manifests/2.0"), ("acme/no:1", "/v2/acme/no/manifests/1")] {
        match ask(plain(&server), &image(&server.host(), name)) {
            Outcome::Absent(evidence) => {
                assert_eq!(shown(&evidence), format!("HEAD http://{}{path} 404", server.host()));
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(server.count(), 2, "a 404 is not asked for again");
}

#[test]
fn get_follows_only_an_incomplete_head_answer() {
    let path = "/v2/acme/api/manifests/1";
    let length = |answer: Answer| answer.header("Content-Length", "500");
    let heads = [
        (Answer::status(405), 2),
        (length(Answer::status(200).header("Content-Type", OCI)), 2),
        (Answer::status(200).header("Content-Type", OCI).header("Docker-Content-Digest", DIGEST), 2),
        (length(Answer::status(200).header("Content-Type", OCI).header("Docker-Content-Digest", DIGEST)), 1),
    ];
    for (head, requests) in heads {
        let server = Registry::start(|r| {
            r.image("acme/api", "1");
            r.answer("HEAD", path, [head.clone()]);
        });
        let manifest = found(ask(plain(&server), &image(&server.host(), "acme/api:1")));
        assert!(manifest.digest.is_some(), "{head:?}");
        assert_eq!(server.count(), requests, "{head:?}");
    }
}

#[test]
fn manifest_defects_are_found_by_one_head_request() {
    let whole = |media_type: &str, digest: &str, length: &str| {
        let answer = Answer::status(200).header("Content-Type", media_type);
        answer.header("Docker-Content-Digest", digest).header("Content-Length", length)
    };
    let cases = [
        (whole("application/vnd.docker.distribution.manifest.v1+prettyjws", DIGEST, "500"), Defect::Schema1),
        (whole("text/plain; charset=utf-8", DIGEST, "500"), Defect::Schema1),
        (whole(OCI, DIGEST, "4393217"), Defect::TooBig),
        (whole(OCI, DIGEST, "0"), Defect::BrokenProxy),
        (whole(OCI, "sha256:../../x", "500"), Defect::BrokenRegistry),
    ];
    for (answer, defect) in cases {
        let server = Registry::start(|r| {
            r.answer("HEAD", "/v2/acme/api/manifests/1", [answer]);
        });
        let manifest = found(ask(plain(&server), &image(&server.host(), "acme/api:1")));
        assert_eq!(manifest.defect, Some(defect));
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn a_web_page_is_not_an_image() {
    let server = Registry::start(|r| {
        let page = Answer::status(200).header("Content-Type", "text/html").body("<html>Please log in</html>");
        r.answer("*", "/v2/acme/api/manifests/1", [page]);
    });
    let (cause, evidence) = unknown(ask(plain(&server), &image(&server.host(), "acme/api:1")));
    assert_eq!(cause, Unknown::RegistryError);
    assert_eq!(evidence.message.as_deref(), Some("not a manifest: Content-Type text/html"));
}
