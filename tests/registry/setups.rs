//! The same questions to a registry in each of its set-ups, through the client.

use pullcheck::image::manifest::ManifestBody;
use pullcheck::kubelet::probe::{Denial, Outcome, Prober, TagList};

use crate::client::{anonymous, with_password};
use crate::environment::{Guard, Place};
use crate::push::{INDEX, MANIFEST};
use crate::server::{PASSWORD, USER};

/// `absent`, `denied: …`, or the digest and media type of what was found.
fn told(outcome: Outcome) -> String {
    match outcome {
        Outcome::Found(found) => {
            assert_eq!(found.defect, None);
            format!("{} {}", found.digest.unwrap_or_default(), found.media_type.unwrap_or_default())
        }
        Outcome::Absent(evidence) => format!("absent {}", evidence.code.unwrap_or_default()),
        Outcome::Denied(denial, _) => format!("denied: {denial:?}"),
        Outcome::Unknown(unknown, evidence) => panic!("{unknown:?} {evidence:?}"),
    }
}

/// `index of PLATFORMS`, `image of PLATFORM` or `no image: MEDIA TYPE`: what stands at a digest.
async fn content(client: &impl Prober, place: &Place, repository: &str, digest: &str) -> String {
    let at = |digest: &str| with_password(&place.image(&format!("{repository}@{digest}")), USER, PASSWORD);
    match &*client.content(&at(digest)).await.expect("it can be read") {
        ManifestBody::Index(entries) => {
            let platforms = entries.iter().filter_map(|entry| entry.platform.as_ref()).map(ToString::to_string);
            format!("index of {}", platforms.collect::<Vec<_>>().join(", "))
        }
        ManifestBody::Image(image) if image.is_container_image() => {
            let config = image.config_digest.as_deref().expect("it has a configuration");
            let config = client.config(&at(config)).await.expect("its configuration can be read");
            format!("image of {}", config.platform)
        }
        ManifestBody::Image(image) => format!("no image: {}", image.config_type),
        ManifestBody::Malformed(malformed) => panic!("{malformed:?}"),
    }
}

/// What one of our users is told, and what those are that the registry does not let in.
async fn everything_is_told(place: Option<Place>) {
    let Some(place) = place else { return };
    let pusher = place.pusher();
    let single = pusher.image("shop/api", "1.4.2").await;
    let index = pusher.index("shop/web", "2").await;
    let chart = pusher.helm_chart("shop/chart", "1.0.0").await;
    let client = place.client();
    let known = |name: &str| with_password(&place.image(name), USER, PASSWORD);
    let ask = async |name: &str| told(client.probe(&known(name)).await);

    assert_eq!(ask("shop/api:1.4.2").await, format!("{single} {MANIFEST}"));
    assert_eq!(ask(&format!("shop/api:never-pushed@{single}")).await, format!("{single} {MANIFEST}"));
    assert_eq!(ask("shop/web:2").await, format!("{index} {INDEX}"));
    assert_eq!(ask("shop/chart:1.0.0").await, format!("{chart} {MANIFEST}"));
    assert_eq!(content(&client, &place, "shop/api", &single).await, "image of linux/amd64");
    assert_eq!(content(&client, &place, "shop/web", &index).await, "index of linux/amd64, linux/arm64");
    assert_eq!(
        content(&client, &place, "shop/chart", &chart).await,
        "no image: application/vnd.cncf.helm.config.v1+json"
    );
    assert!(ask("shop/api:1.4.l").await.starts_with("absent"));
    assert!(ask("shop/ipa:1.4.2").await.starts_with("absent"));
    assert_eq!(client.tags(&known("shop/api:1.4.l")).await, TagList::Tags(vec!["1.4.2".to_owned()]));
    assert_eq!(client.tags(&known("shop/ipa:1.4.2")).await, TagList::NoRepository);

    let wrong = client.probe(&with_password(&place.image("shop/api:1.4.2"), USER, "guessed")).await;
    let nobody = client.probe(&anonymous(&place.image("shop/api:1.4.2"))).await;
    let (wrong, nobody) = (told(wrong), told(nobody));
    match place.guard {
        // A credential that nobody asks for is not sent, so it cannot be wrong.
        Guard::Open => assert_eq!([&wrong, &nobody], [&format!("{single} {MANIFEST}"); 2]),
        Guard::Basic => assert_eq!([wrong, nobody], ["denied: BadCredentials", "denied: AuthRequired"]),
        Guard::Token => assert_eq!([wrong, nobody], ["denied: BadCredentials", "denied: DeniedOrAbsent"]),
    }
    // The refusal of one credential does not stick to the host.
    assert_eq!(ask("shop/api:1.4.2").await, format!("{single} {MANIFEST}"));
}

#[tokio::test]
async fn open_registry_gives_expected_outcomes() {
    everything_is_told(Place::open()).await;
}

#[tokio::test]
async fn password_registry_gives_expected_outcomes() {
    everything_is_told(Place::htpasswd()).await;
}

#[tokio::test]
async fn tls_registry_gives_expected_outcomes() {
    everything_is_told(Place::tls()).await;
}

#[tokio::test]
async fn token_registry_gives_expected_outcomes() {
    everything_is_told(Place::token()).await;
}

#[tokio::test]
async fn public_image_is_denied_with_a_wrong_password() {
    let Some(place) = Place::token() else { return };
    let digest = place.pusher().image("public/api", "1").await;
    let (client, image) = (place.client(), place.image("public/api:1"));
    place.token_requests();
    assert_eq!(told(client.probe(&anonymous(&image)).await), format!("{digest} {MANIFEST}"));
    assert_eq!(told(client.probe(&with_password(&image, USER, "guessed")).await), "denied: BadCredentials");
    // As containerd: a POST that is answered 401 is followed by a GET.
    assert_eq!(place.token_requests(), ["GET", "POST deploy:guessed", "GET deploy:guessed"]);
    let missing = client.probe(&anonymous(&place.image("public/api:2"))).await;
    assert!(matches!(&missing, Outcome::Absent(_)), "{missing:?}");
    assert!(place.token_requests().is_empty(), "the token is for the repository");
}

#[tokio::test]
async fn tokens_are_used_only_for_their_repository() {
    let Some(place) = Place::token() else { return };
    let pusher = place.pusher();
    for repository in ["shop/api", "public/web"] {
        pusher.image(repository, "1").await;
    }
    place.request_count();
    let client = place.client();
    for repository in ["public/web", "shop/api", "public/web", "shop/api"] {
        let outcome = client.probe(&anonymous(&place.image(&format!("{repository}:1")))).await;
        match repository {
            "public/web" => assert!(matches!(outcome, Outcome::Found(_)), "{outcome:?}"),
            _ => assert!(matches!(outcome, Outcome::Denied(Denial::DeniedOrAbsent, _)), "{outcome:?}"),
        }
    }
    assert_eq!(place.token_requests().len(), 2, "one for each repository");
}
