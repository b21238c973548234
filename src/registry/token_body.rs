//! What a token endpoint sends: a token, under either name, and how long it holds.
//!
//! Follows `FetchToken` and `FetchTokenWithOAuth` in `core/remotes/docker/auth/fetch.go` of containerd.

use std::time::Duration;

use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

/// A token that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBody {
    /// `Bearer …`, marked sensitive: what goes out as `Authorization`.
    pub header: HeaderValue,
    /// How long it is used.
    pub lifetime: Duration,
}

/// Reads a good answer's body; `None` where there is no token in it, or one that fits in no header.
pub fn parse(body: &[u8]) -> Option<TokenBody> {
    #[derive(serde::Deserialize)]
    struct Body {
        token: Option<String>,
        access_token: Option<String>,
        expires_in: Option<serde_json::Value>,
    }
    // serde would take a list for an object, and Go does not.
    let body: Body = body.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(body).ok()).flatten()?;
    let text =
        [body.token, body.access_token].into_iter().flatten().find(|text| !text.is_empty()).map(Zeroizing::new)?;
    let value = Zeroizing::new(format!("Bearer {}", text.as_str()));
    let mut header = HeaderValue::from_str(&value).ok()?;
    header.set_sensitive(true);
    let seconds = body.expires_in.as_ref().and_then(serde_json::Value::as_u64);
    Some(TokenBody { header, lifetime: lifetime(seconds) })
}

/// As the realm says, else a minute, ten seconds less for the way; a day at most.
fn lifetime(expires_in: Option<u64>) -> Duration {
    let said = expires_in.filter(|seconds| *seconds > 0).unwrap_or(60).min(86_400);
    Duration::from_secs(said.saturating_sub(10).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_as_long_as_the_realm_says() {
        assert_eq!(lifetime(None), Duration::from_secs(50));
        assert_eq!(lifetime(Some(0)), Duration::from_secs(50));
        assert_eq!(lifetime(Some(300)), Duration::from_secs(290));
        assert_eq!(lifetime(Some(5)), Duration::from_secs(1));
        assert_eq!(lifetime(Some(u64::MAX)), Duration::from_secs(86_390));
    }
}
