//! Tag lists, page by page.

use std::fmt;

use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::auth::{Session, Wish};
use super::redirect::Followed;
use crate::kubelet::probe::TagList;

/// Maximum size of a page in bytes.
const CAP: usize = 8 * 1024 * 1024;
/// Maximum number of tags.
const TAGS: usize = 10_000;

/// How much of a tag list is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TagLimits {
    /// Maximum number of pages.
    pub(crate) pages: usize,
}

impl Default for TagLimits {
    /// Enough for "did you mean".
    fn default() -> Self {
        Self { pages: 5 }
    }
}

/// Lists the tags of the session's repository, up to the limits.
pub(crate) async fn list(session: &mut Session<'_>, limits: TagLimits) -> TagList {
    let Some(plain) = session.endpoint.tags(session.repository) else { return TagList::Unknown };
    let mut url = plain.clone();
    // Registries with small pages honor it; docker-registry ignores it.
    url.query_pairs_mut().append_pair("n", "1000");
    let mut tags = Vec::new();
    for page in 0..limits.pages {
        let mut followed = fetch(session, &url).await;
        if page == 0 && matches!(&followed, Some(followed) if followed.answer.status == 400) {
            followed = fetch(session, &plain).await;
        }
        let Some(followed) = followed else { return partial(tags) };
        match read(&followed) {
            Page::NoRepository if page == 0 => return TagList::NoRepository,
            Page::NoRepository | Page::Unreadable => return partial(tags),
            Page::Tags(more) => tags.extend(more),
        }
        if tags.len() >= TAGS {
            tags.truncate(TAGS);
            return TagList::Incomplete(tags);
        }
        let Some(link) = next_link(&followed.answer.headers) else { return TagList::Tags(tags) };
        match next_page(link, &url) {
            Some(next) => url = next,
            None => return TagList::Incomplete(tags),
        }
    }
    TagList::Incomplete(tags)
}

/// The tags read so far: some are better than none for "did you mean".
fn partial(tags: Vec<String>) -> TagList {
    if tags.is_empty() { TagList::Unknown } else { TagList::Incomplete(tags) }
}

async fn fetch(session: &mut Session<'_>, url: &Url) -> Option<Followed> {
    let wish = Wish { method: reqwest::Method::GET, url: url.clone(), headers: HeaderMap::new(), cap: CAP };
    session.fetch(&wish).await.ok()
}

/// The content of one answer.
enum Page {
    Tags(Vec<String>),
    NoRepository,
    Unreadable,
}

fn read(followed: &Followed) -> Page {
    #[derive(Deserialize)]
    struct Body {
        /// `null` if all tags were deleted.
        #[serde(deserialize_with = "Option::deserialize")]
        tags: Option<First>,
    }
    let answer = &followed.answer;
    if answer.status == 404 {
        let body: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        let code = body.as_ref().and_then(|body| body.pointer("/errors/0/code")).and_then(|code| code.as_str());
        return if matches!(code, Some("NAME_UNKNOWN" | "NOT_FOUND")) { Page::NoRepository } else { Page::Unreadable };
    }
    if answer.status != 200 || answer.cut {
        return Page::Unreadable;
    }
    match serde_json::from_slice::<Body>(&answer.body) {
        Ok(body) => Page::Tags(body.tags.map(|first| first.0).unwrap_or_default()),
        Err(_) => Page::Unreadable,
    }
}

/// The first tags of a list. 8 MiB of JSON can contain two million of them, which would take many times that memory.
struct First(Vec<String>);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Vec<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of tags")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut first = Vec::new();
                while first.len() < TAGS {
                    match list.next_element()? {
                        Some(tag) => first.push(tag),
                        None => return Ok(first),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(first)
            }
        }
        deserializer.deserialize_seq(List).map(First)
    }
}

/// The `Link` with `rel="next"`, wherever it points.
fn next_link(headers: &HeaderMap) -> Option<&str> {
    let links = headers.get_all(reqwest::header::LINK).iter().filter_map(|value| value.to_str().ok());
    links.flat_map(|value| value.split(',')).find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|p| matches!(p.trim(), "rel=\"next\"" | "rel=next"));
        is_next.then_some(target)
    })
}

/// The URL of the next page, if it is on the same registry.
fn next_page(link: &str, from: &Url) -> Option<Url> {
    from.join(link).ok().filter(|url| url.origin() == from.origin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderValue, LINK};

    fn next(link: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_str(link).unwrap());
        let link = next_link(&headers)?;
        next_page(link, &Url::parse("https://reg.example/v2/a/tags/list").unwrap()).map(String::from)
    }

    #[test]
    fn next_tag_page_must_be_on_the_same_registry() {
        let page = Some("https://reg.example/v2/a/tags/list?last=b".to_owned());
        assert_eq!(next(r#"</v2/a/tags/list?last=b>; rel="next""#), page);
        assert_eq!(next(r#"<https://reg.example/v2/a/tags/list?last=b>; rel=next"#), page);
        assert_eq!(next(r#"</v2/a/tags/list>; rel="prev", </v2/a/tags/list?last=b>; rel="next""#), page);
        assert_eq!(next(r#"<https://evil.example/v2/a/tags/list?last=b>; rel="next""#), None);
        assert_eq!(next(r#"<http://reg.example/v2/a/tags/list?last=b>; rel="next""#), None);
        assert_eq!(next(r#"</v2/a/tags/list?last=b>; rel="last""#), None);
        assert_eq!(next("nonsense"), None);
    }
}
