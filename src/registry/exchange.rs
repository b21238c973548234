//! One request, and what came back.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use super::endpoint::Dial;
use super::resolve::Reach;
use crate::credential::sensitive::Sensitive;

/// What a request is sent for, as far as a host may do one thing and fail at another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// `HEAD` of a manifest.
    Head,
    /// `GET` of a manifest, of a configuration, of tags.
    Get,
    /// A token.
    Token,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// As the registry is named, whatever address it is reached at.
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Cap of a good answer's body in bytes.
    pub(crate) cap: usize,
    pub(crate) reach: Reach,
    /// What the operator sends along to this host.
    pub(crate) own: HeaderMap,
    pub(crate) dial: Dial,
    /// Whether a token is asked for.
    pub(crate) is_token: bool,
    /// Whether nobody's credentials are behind it.
    pub(crate) is_anonymous: bool,
    /// Sent as `application/x-www-form-urlencoded`, if there is any.
    pub(crate) form: Vec<(&'static str, Sensitive)>,
}

impl Ask {
    pub(super) fn errand(&self) -> Errand {
        match self.method {
            _ if self.is_token => Errand::Token,
            Method::HEAD => Errand::Head,
            _ => Errand::Get,
        }
    }

    /// Whether the answer helps only to explain. Many registries serve no tag lists: a status that says so tells
    /// nothing of how the host fares with manifests.
    pub(super) fn is_aside(&self) -> bool {
        self.url.path().ends_with("/tags/list")
    }
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The reason phrase, where it is not the usual one: runtimes print it.
    pub(crate) reason: Option<String>,
    pub(crate) headers: HeaderMap,
    /// Empty where it went over the cap.
    pub(crate) body: Vec<u8>,
    /// Whether the body went over the cap.
    pub(crate) cut: bool,
    /// What the request carried as `Authorization`: an answer may give it back, and a token is known to nobody else.
    pub(crate) sent: Option<HeaderValue>,
    /// `Retry-After` of a 429 or 503.
    pub(crate) retry_after: Option<Duration>,
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether a text holds the token or the Basic value that was sent.
    pub(crate) fn echoed_in(&self, text: &str) -> bool {
        // A token need not be ASCII.
        let value = self.sent.as_ref().and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).unwrap_or_default();
        let secret = value.split_once(' ').map_or(value, |(_, secret)| secret);
        !secret.is_empty() && text.contains(secret)
    }
}
