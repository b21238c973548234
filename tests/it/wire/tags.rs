//! Tag lists.

use pullcheck::kubelet::probe::TagList;
use pullcheck_support::{Answer, Registry};

use super::{image, list, plain, with};

fn tags(list: TagList) -> Vec<String> {
    match list {
        TagList::Tags(tags) => tags,
        other => panic!("{other:?}"),
    }
}

#[test]
fn tags_are_listed_with_the_credential_of_the_attempt() {
    let server = Registry::start(|r| {
        r.private("acme/secret", "bob", "s3cret").image("1.8").image("1.10");
    });
    let attempt = with(image(&server.host(), "acme/secret:1.9"), "bob", "s3cret");
    assert_eq!(tags(list(plain(&server), &attempt)), ["1.10", "1.8"]);
    assert_eq!(list(plain(&server), &image(&server.host(), "acme/secret:1.9")), TagList::Unknown);
}

#[test]
fn tag_list_follows_at_most_five_pages() {
    let names: Vec<String> = (0..30).map(|tag| format!("v{tag}")).collect();
    let server = Registry::start(|r| {
        r.image("acme/api", "1").tags(names.iter().map(String::as_str)).page(10);
        r.image("acme/many", "1").tags(names.iter().map(String::as_str)).page(2);
    });
    assert_eq!(tags(list(plain(&server), &image(&server.host(), "acme/api:2"))), names);
    assert_eq!(server.count(), 3);
    server.forget();
    let first = TagList::Incomplete(names[..10].to_vec());
    assert_eq!(list(plain(&server), &image(&server.host(), "acme/many:2")), first);
    assert_eq!(server.count(), 5);
}

#[test]
fn a_link_to_another_host_is_not_followed() {
    let other = Registry::start(|_| {});
    let server = Registry::start(|r| {
        let body = serde_json::json!({"name": "acme/api", "tags": ["1"]});
        let link = format!("<http://{}/v2/acme/api/tags/list>; rel=\"next\"", other.host());
        r.answer("GET", "/v2/acme/api/tags/list", [Answer::status(200).json(&body).header("Link", &link)]);
    });
    let listed = list(plain(&server), &image(&server.host(), "acme/api:2"));
    assert_eq!(listed, TagList::Incomplete(vec!["1".to_owned()]));
    assert_eq!(other.count(), 0);
}

#[test]
fn missing_repository_differs_from_unavailable_tag_list() {
    let answered = |answer: Answer| {
        let server = Registry::start(|r| {
            r.answer("GET", "/v2/acme/api/tags/list", [answer]);
        });
        (list(plain(&server), &image(&server.host(), "acme/api:1")), server.count())
    };
    assert_eq!(answered(Answer::error(404, "NAME_UNKNOWN", "no such repository")), (TagList::NoRepository, 1));
    assert_eq!(answered(Answer::error(404, "NOT_FOUND", "artifact not found")), (TagList::NoRepository, 1));
    assert_eq!(answered(Answer::status(404)), (TagList::Unknown, 1));
    assert_eq!(answered(Answer::status(403)), (TagList::Unknown, 1));
    assert_eq!(answered(Answer::status(200).body("[")), (TagList::Unknown, 1));
    assert_eq!(answered(Answer::status(200).body(r#"{"tags":null}"#)), (TagList::Tags(vec![]), 1));
    assert_eq!(answered(Answer::status(200).body("{").padded(1 << 30)), (TagList::Unknown, 1));
}

#[test]
fn refused_page_size_is_retried_without_a_size() {
    let server = Registry::start(|r| {
        let refused = Answer::error(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested");
        let good = Answer::status(200).json(&serde_json::json!({"name": "acme/api", "tags": ["1"]}));
        r.answer("GET", "/v2/acme/api/tags/list", [refused, good]);
    });
    assert_eq!(tags(list(plain(&server), &image(&server.host(), "acme/api:2"))), ["1"]);
    let queries: Vec<String> = server.requests().into_iter().map(|request| request.query).collect();
    assert_eq!(queries, ["n=1000", ""]);
}
