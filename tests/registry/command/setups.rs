//! The same manifests against a registry in each of its set-ups.

use serde_json::{Value, json};

use super::{Manifests, images};
use crate::environment::{Guard, Place};
use crate::push::{INDEX, MANIFEST};
use crate::server::{PASSWORD, USER};

const OLD_PASSWORD: &str = "a-password-of-last-year";

/// A verdict and its cause.
type Judged = (&'static str, Option<&'static str>);

const PULLABLE: Judged = ("pullable", None);
const ABSENT: Judged = ("fails", Some("absent"));

async fn everything_is_judged(place: Option<Place>) {
    let Some(place) = place else { return };
    let pusher = place.pusher();
    let single = pusher.image("shop/api", "1.4.2").await;
    let index = pusher.index("shop/web", "2").await;
    let manifests = Manifests::new();
    manifests.secret("good", &place.host(), PASSWORD);
    manifests.secret("old", &place.host(), OLD_PASSWORD);
    let (wrong, nobody) = match place.guard {
        Guard::Open => (PULLABLE, PULLABLE),
        Guard::Basic => (("fails", Some("bad-credentials")), ("fails", Some("auth-required"))),
        Guard::Token => (("fails", Some("bad-credentials")), ("fails", Some("denied-or-absent"))),
    };
    let pods: [(&str, &str, &[&str], Judged); 7] = [
        ("a-single", "shop/api:1.4.2", &["good"], PULLABLE),
        ("b-index", "shop/web:2", &["good"], PULLABLE),
        ("c-tag", "shop/api:1.4.l", &["good"], ABSENT),
        ("d-repository", "shop/ipa:1.4.2", &["good"], ABSENT),
        ("e-wrong", "shop/api:1.4.2", &["old"], wrong),
        ("f-nobody", "shop/api:1.4.2", &[], nobody),
        ("g-second", "shop/api:1.4.2", &["old", "good"], PULLABLE),
    ];
    for (pod, image, pull_secrets, _) in &pods {
        manifests.pod(pod, &place.image(image), pull_secrets);
    }
    let options = place.options(manifests.folder());
    place.request_count();
    let output = manifests.check(&[&options[..], &["--format=json".to_owned()]].concat()).assert_status(1);

    let verdicts = images(&output, "verdict").into_iter().zip(images(&output, "cause"));
    let judged: Vec<_> = verdicts.map(|((pod, verdict), (_, cause))| (pod, verdict, cause)).collect();
    assert_eq!(judged, pods.map(|(pod, _, _, (verdict, cause))| (pod.to_owned(), json!(verdict), json!(cause))));
    let digests: Vec<Value> = images(&output, "digest").into_iter().map(|(_, digest)| digest).collect();
    assert_eq!(digests[..3], [json!(single), json!(index), json!(null)]);
    let types: Vec<Value> = images(&output, "media_type").into_iter().map(|(_, media_type)| media_type).collect();
    assert_eq!(types[..3], [json!(MANIFEST), json!(INDEX), json!(null)]);

    let report: Value = serde_json::from_str(&output.stdout).expect("the report is JSON");
    if let Some(requests) = place.request_count() {
        assert_eq!(report["summary"]["requests"], json!(requests), "the report tells what the logs tell");
    }
    let human = manifests.check(&options).assert_status(1).assert_stdout_has("did you mean `1.4.2`?");
    for text in [output.to_string(), human.to_string()] {
        for password in [PASSWORD, OLD_PASSWORD] {
            assert!(!text.contains(password) && !text.contains(&super::auth(USER, password)), "a password\n{text}");
        }
    }
}

#[tokio::test]
async fn open_registry_gives_expected_verdicts() {
    everything_is_judged(Place::open()).await;
}

#[tokio::test]
async fn password_registry_gives_expected_verdicts() {
    everything_is_judged(Place::htpasswd()).await;
}

#[tokio::test]
async fn tls_registry_gives_expected_verdicts() {
    everything_is_judged(Place::tls()).await;
}

#[tokio::test]
async fn token_registry_gives_expected_verdicts() {
    everything_is_judged(Place::token()).await;
}
