//! What pullcheck's client makes of a real registry's answers.

use pullcheck::kubelet::probe::{Denial, Manifest, Outcome, Prober, TagList, Unknown};

use crate::authority::{Authority, NAME};
use crate::client::{Options, anonymous, client, with_password};
use crate::push::{INDEX, MANIFEST, Pusher};
use crate::server::{PASSWORD, Server, Setup, USER};

/// A client for a registry that speaks plain HTTP and is named by its address.
fn plain(server: &Server) -> impl Prober + use<> {
    client(&Options { plain_http: Some(server.host()), ..Options::default() })
}

fn found(outcome: Outcome) -> Manifest {
    match outcome {
        Outcome::Found(manifest) => manifest,
        other => panic!("expected a manifest, got {other:?}"),
    }
}

#[tokio::test]
async fn tag_is_found_with_digest_and_media_type_in_one_request() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let digest = Pusher::open(&server).image("shop/api", "1.4.2").await;
    server.requests();
    let manifest = found(plain(&server).probe(&anonymous(&format!("{}/shop/api:1.4.2", server.host()))).await);
    assert_eq!((manifest.digest.as_deref(), manifest.media_type.as_deref()), (Some(&*digest), Some(MANIFEST)));
    assert_eq!(server.requests(), ["HEAD /v2/shop/api/manifests/1.4.2"]);
}

#[tokio::test]
async fn image_is_found_by_digest_whatever_its_tag() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let digest = Pusher::open(&server).image("shop/api", "1").await;
    let image = format!("{}/shop/api:never-pushed@{digest}", server.host());
    assert_eq!(found(plain(&server).probe(&anonymous(&image)).await).digest, Some(digest));
}

#[tokio::test]
async fn an_index_is_found_as_an_index() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let digest = Pusher::open(&server).index("shop/web", "2").await;
    let manifest = found(plain(&server).probe(&anonymous(&format!("{}/shop/web:2", server.host()))).await);
    assert_eq!((manifest.digest.as_deref(), manifest.media_type.as_deref()), (Some(&*digest), Some(INDEX)));
}

#[tokio::test]
async fn helm_chart_is_found() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let digest = Pusher::open(&server).helm_chart("shop/chart", "1.0.0").await;
    let manifest = found(plain(&server).probe(&anonymous(&format!("{}/shop/chart:1.0.0", server.host()))).await);
    assert_eq!(manifest.digest, Some(digest));
}

#[tokio::test]
async fn tag_list_distinguishes_missing_tag_from_repository() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let pusher = Pusher::open(&server);
    for tag in ["1.4.1", "1.4.2"] {
        pusher.image("shop/api", tag).await;
    }
    let client = plain(&server);
    let tag = anonymous(&format!("{}/shop/api:1.4.l", server.host()));
    assert!(matches!(client.probe(&tag).await, Outcome::Absent(evidence) if evidence.status == Some(404)));
    let TagList::Tags(mut tags) = client.tags(&tag).await else { panic!("the registry lists tags") };
    tags.sort();
    assert_eq!(tags, ["1.4.1", "1.4.2"]);
    let repository = anonymous(&format!("{}/shop/ipa:1.4.2", server.host()));
    assert!(matches!(client.probe(&repository).await, Outcome::Absent(evidence) if evidence.status == Some(404)));
    assert_eq!(client.tags(&repository).await, TagList::NoRepository);
}

#[tokio::test]
async fn guarded_registry_accepts_only_the_right_credential() {
    let Some(server) = Server::start(&Setup::htpasswd()) else { return };
    let digest = Pusher::guarded(&server).image("shop/api", "1").await;
    let (client, image) = (plain(&server), format!("{}/shop/api:1", server.host()));
    let anonymous = client.probe(&anonymous(&image)).await;
    assert!(matches!(anonymous, Outcome::Denied(Denial::AuthRequired, _)), "{anonymous:?}");
    let wrong = client.probe(&with_password(&image, USER, "guessed")).await;
    assert!(matches!(wrong, Outcome::Denied(Denial::BadCredentials, _)), "{wrong:?}");
    // The refusal of one credential must not stick to the host.
    let right = client.probe(&with_password(&image, USER, PASSWORD)).await;
    assert_eq!(found(right).digest, Some(digest));
    // Nor may the success of one open the door for others.
    let wrong = client.probe(&with_password(&image, USER, "guessed again")).await;
    assert!(matches!(wrong, Outcome::Denied(Denial::BadCredentials, _)), "{wrong:?}");
}

#[tokio::test]
async fn missing_tag_in_guarded_registry_is_absent_to_its_users() {
    let Some(server) = Server::start(&Setup::htpasswd()) else { return };
    Pusher::guarded(&server).image("shop/api", "1").await;
    let (client, image) = (plain(&server), format!("{}/shop/api:2", server.host()));
    let attempt = with_password(&image, USER, PASSWORD);
    assert!(matches!(client.probe(&attempt).await, Outcome::Absent(_)));
    assert_eq!(client.tags(&attempt).await, TagList::Tags(vec!["1".to_owned()]));
    let anonymous = client.probe(&anonymous(&image)).await;
    assert!(matches!(anonymous, Outcome::Denied(Denial::AuthRequired, _)), "{anonymous:?}");
}

#[tokio::test]
async fn certificate_is_trusted_only_with_its_authority_and_name() {
    let authority = Authority::new();
    let Some(server) = Server::start(&Setup::tls(&authority)) else { return };
    let digest = Pusher::tls(&server, &authority).image("shop/api", "1").await;
    let reach =
        |name, ca_pem| client(&Options { connect_to: Some((name, server.address())), ca_pem, plain_http: None });

    let image = anonymous(&format!("{NAME}/shop/api:1"));
    assert_eq!(found(reach(NAME, Some(authority.root())).probe(&image).await).digest, Some(digest));

    let stranger = Authority::new();
    for ca_pem in [None, Some(stranger.root())] {
        let outcome = reach(NAME, ca_pem).probe(&image).await;
        assert!(matches!(outcome, Outcome::Unknown(Unknown::Tls(_), _)), "{outcome:?}");
    }

    let other = "other.acme-shop.example";
    let outcome = reach(other, Some(authority.root())).probe(&anonymous(&format!("{other}/shop/api:1"))).await;
    assert!(matches!(outcome, Outcome::Unknown(Unknown::Tls(_), _)), "{outcome:?}");
}

#[tokio::test]
async fn plain_http_registry_is_reported_as_plain_http() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    Pusher::open(&server).image("shop/api", "1").await;
    let client = client(&Options { connect_to: Some((NAME, server.address())), ..Options::default() });
    let outcome = client.probe(&anonymous(&format!("{NAME}/shop/api:1"))).await;
    assert!(matches!(outcome, Outcome::Unknown(Unknown::PlainHttp, _)), "{outcome:?}");
}
