//! What whole runs of the command cost a real registry, counted in its log and in that of its token server.

use serde_json::{Value, json};

use super::Manifests;
use crate::environment::Place;
use crate::server::PASSWORD;
use crate::tokens::Methods;

/// Runs on these images with this password; gives what the run and the logs count.
fn requests(place: &Place, images: &[String], password: &str) -> (Vec<String>, Vec<String>) {
    let manifests = Manifests::new();
    manifests.secret("pull", &place.host(), password);
    for (number, images) in images.chunks(10).enumerate() {
        manifests.pod_of(&format!("pod-{number}"), images, &["pull"]);
    }
    let mut options = place.options(manifests.folder());
    options.extend(["--format=json", "--fail-on=never", "--concurrency=64", "--host-concurrency=64"].map(String::from));
    place.request_count();
    let output = manifests.check(&options).assert_status(0);
    let (registry, tokens) = (place.server.requests(), place.token_requests());
    let report: Value = serde_json::from_str(&output.stdout).expect("the report is JSON");
    assert_eq!(
        report["summary"]["requests"],
        json!(registry.len() + tokens.len()),
        "the report tells what the logs tell"
    );
    assert_eq!(report["summary"]["unique_images"], json!(images.len()));
    (registry, tokens)
}

#[tokio::test]
async fn an_open_registry_costs_one_request_per_image() {
    let Some(place) = Place::open() else { return };
    let tags: Vec<String> = (0..1000).map(|tag| tag.to_string()).collect();
    place.pusher().tags("shop/api", &tags).await;
    let images: Vec<String> = tags.iter().map(|tag| place.image(&format!("shop/api:{tag}"))).collect();
    let (registry, _) = requests(&place, &images, PASSWORD);
    assert_eq!(registry.len(), 1000);
    assert!(registry.iter().all(|line| line.starts_with("HEAD ")));
}

#[tokio::test]
async fn many_tags_cost_one_challenge_and_one_token() {
    let Some(place) = Place::token() else { return };
    let tags: Vec<String> = (0..1000).map(|tag| tag.to_string()).collect();
    place.pusher().tags("shop/api", &tags).await;
    let images: Vec<String> = tags.iter().map(|tag| place.image(&format!("shop/api:{tag}"))).collect();
    let (registry, tokens) = requests(&place, &images, PASSWORD);
    assert_eq!((registry.len(), tokens.len()), (1001, 1));
}

#[tokio::test]
async fn many_repositories_cost_a_token_each() {
    let Some(place) = Place::token() else { return };
    let tags: Vec<String> = (0..20).map(|tag| tag.to_string()).collect();
    let repositories: Vec<String> = (0..50).map(|number| format!("shop/app-{number}")).collect();
    let pusher = place.pusher();
    for repository in &repositories {
        pusher.tags(repository, &tags).await;
    }
    let image = |repository: &String| {
        let image = |tag: &String| place.image(&format!("{repository}:{tag}"));
        tags.iter().map(image).collect::<Vec<_>>()
    };
    let images: Vec<String> = repositories.iter().flat_map(image).collect();
    let (registry, tokens) = requests(&place, &images, PASSWORD);
    assert_eq!((registry.len(), tokens.len()), (1001, 50));
}

/// A realm that answers `POST` with 405 is not asked so again.
#[tokio::test]
async fn token_server_without_post_is_posted_to_once() {
    let Some(place) = Place::token_by(Methods::GetOnly) else { return };
    let repositories: Vec<String> = (0..20).map(|number| format!("shop/app-{number}")).collect();
    let pusher = place.pusher();
    for repository in &repositories {
        pusher.image(repository, "1").await;
    }
    let images: Vec<String> = repositories.iter().map(|repository| place.image(&format!("{repository}:1"))).collect();
    let (registry, tokens) = requests(&place, &images, PASSWORD);
    assert_eq!(registry.len(), 21);
    assert_eq!(tokens[..2], ["POST deploy:not-a-real-password", "GET deploy:not-a-real-password"]);
    assert!(tokens[2..].iter().all(|line| line == "GET deploy:not-a-real-password"), "{tokens:?}");
    assert_eq!(tokens.len(), 21);
}

/// An account must not be locked because two hundred references name it. Two requests carry the password, as in one
/// pull of containerd: a POST, and after its 401 a GET.
#[tokio::test]
async fn wrong_password_is_sent_as_often_as_in_one_pull() {
    let Some(place) = Place::token() else { return };
    let image = |number: usize| place.image(&format!("shop/app-{}:{}", number / 10, number % 10));
    let images: Vec<String> = (0..200).map(image).collect();
    let (_, tokens) = requests(&place, &images, "guessed");
    let shown: Vec<&String> = tokens.iter().filter(|line| line.ends_with("deploy:guessed")).collect();
    assert_eq!(shown, ["POST deploy:guessed", "GET deploy:guessed"], "{tokens:?}");
}
