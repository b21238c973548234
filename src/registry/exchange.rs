//! One request and its answer.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use super::endpoint::Dial;
use super::resolve::Reach;
use crate::credential::sensitive::Sensitive;

/// The purpose of a request. A host may succeed at one and fail at another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// `HEAD` of a manifest.
    Head,
    /// `GET` of a manifest, a configuration or tags.
    Get,
    /// A request for a token.
    Token,
}

/// A request to one URL.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// The URL with the registry's own name, whatever address it is reached at.
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Limit of a successful answer's body in bytes.
    pub(crate) cap: usize,
    pub(crate) reach: Reach,
    /// The operator's headers for this host.
    pub(crate) own: HeaderMap,
    pub(crate) dial: Dial,
    /// Whether a token is asked for.
    pub(crate) is_token: bool,
    /// Whether the request is made without credentials.
    pub(crate) is_anonymous: bool,
    /// Fields sent as `application/x-www-form-urlencoded`; empty for none.
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

    /// Whether the answer serves only as an explanation. Many registries do not serve tag lists, and a status that
    /// reports this says nothing about how the host handles manifests.
    pub(super) fn is_aside(&self) -> bool {
        self.url.path().ends_with("/tags/list")
    }
}

/// An answer to a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The reason phrase, if it is not the default one: runtimes print it.
    pub(crate) reason: Option<String>,
    pub(crate) headers: HeaderMap,
    /// The body; empty if it exceeded the limit.
    pub(crate) body: Vec<u8>,
    /// Whether the body exceeded the limit.
    pub(crate) cut: bool,
    /// The request's `Authorization`. An answer may repeat it, and the token is stored nowhere else.
    pub(crate) sent: Option<HeaderValue>,
    /// `Retry-After` of a 429 or 503.
    pub(crate) retry_after: Option<Duration>,
}

impl Answer {
    /// Returns a header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether a text contains the token or the Basic value that was sent.
    pub(crate) fn echoed_in(&self, text: &str) -> bool {
        // A token is not necessarily ASCII.
        let value = self.sent.as_ref().and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).unwrap_or_default();
        let secret = value.split_once(' ').map_or(value, |(_, secret)| secret);
        !secret.is_empty() && text.contains(secret)
    }
}
