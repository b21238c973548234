//! The ground that the other suites stand on: the server starts, and what is pushed is there.

use serde_json::json;

use crate::authority::Authority;
use crate::push::{INDEX, MANIFEST, Pusher};
use crate::server::{Server, Setup};

#[tokio::test]
async fn image_pushed_to_an_open_registry_can_be_pulled() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let pusher = Pusher::open(&server);
    let digest = pusher.image("shop/api", "1.4.2").await;
    assert_eq!(pusher.pulled("shop/api", "1.4.2").await.0, digest);
    assert!(server.requests().contains(&"PUT /v2/shop/api/manifests/1.4.2".to_owned()));
    assert!(server.requests().is_empty(), "the log is read once");
}

#[tokio::test]
async fn pushed_index_and_chart_keep_their_media_types() {
    let Some(server) = Server::start(&Setup::htpasswd()) else { return };
    let pusher = Pusher::guarded(&server);
    let digest = pusher.index("shop/web", "2").await;
    let (pulled, index) = pusher.pulled("shop/web", "2").await;
    assert_eq!((pulled, &index["mediaType"]), (digest, &json!(INDEX)));
    assert_eq!(index["manifests"][1]["platform"], json!({"os": "linux", "architecture": "arm64"}));
    pusher.helm_chart("shop/chart", "1.0.0").await;
    let (_, chart) = pusher.pulled("shop/chart", "1.0.0").await;
    assert_eq!(
        (&chart["mediaType"], &chart["config"]["mediaType"]),
        (&json!(MANIFEST), &json!("application/vnd.cncf.helm.config.v1+json"))
    );
}

#[tokio::test]
async fn image_can_be_pushed_to_a_tls_registry() {
    let authority = Authority::new();
    let Some(server) = Server::start(&Setup::tls(&authority)) else { return };
    let pusher = Pusher::tls(&server, &authority);
    let digest = pusher.image("shop/api", "1").await;
    assert_eq!(pusher.pulled("shop/api", "1").await.0, digest);
}

#[test]
fn registry_server_stops_when_its_test_panics() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let address = server.address();
    let panicked = std::panic::catch_unwind(move || {
        let _server = server;
        panic!("as a failing test does");
    });
    assert!(panicked.is_err());
    assert!(std::net::TcpStream::connect(address).is_err(), "nothing listens any more");
}
