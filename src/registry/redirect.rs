//! Redirects, followed by hand: a registry can redirect us to any host, but our password is not sent there.

use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Url};

use super::exchange::{Answer, Ask};
use super::failure::RequestFailure;
use super::transport::{Budget, Transport};
use crate::kubelet::probe::Unknown;

/// Maximum number of redirects; registry.k8s.io needs one.
const MOST: usize = 5;

/// The last answer, and its origin.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    pub(crate) answer: Answer,
    pub(crate) url: Url,
    /// The method of the last request.
    pub(crate) method: Method,
    /// Whether the answer comes from another origin.
    pub(crate) foreign: bool,
    /// Whether the first request carried no credential.
    pub(crate) bare: bool,
}

/// Sends a request and follows redirects. A failure includes the URL at which it happened.
pub(crate) async fn follow(
    transport: &Transport,
    mut ask: Ask,
    budget: &mut Budget,
) -> Result<Followed, (RequestFailure, Url)> {
    let first = ask.url.clone();
    let bare = !ask.headers.contains_key(AUTHORIZATION);
    for _ in 0..=MOST {
        let answer = match transport.send(&ask, budget).await {
            Ok(answer) => answer,
            Err(failure) => return Err((failure, ask.url)),
        };
        match next(&ask.url, &answer) {
            Ok(None) => {
                let foreign = ask.url.origin() != first.origin();
                return Ok(Followed { answer, url: ask.url, method: ask.method, foreign, bare });
            }
            // A form contains a password, so it is not sent again to any host.
            Ok(Some(_)) if !ask.form.is_empty() && matches!(answer.status, 307 | 308) => {
                let message = "refused to redirect a token request, because the redirect would pass on the password";
                return Err((RequestFailure::new(Unknown::AuthServer, message), ask.url));
            }
            Ok(Some(url)) => {
                if !ask.form.is_empty() {
                    // Go's client does the same for the other redirects.
                    (ask.method, ask.form) = (Method::GET, Vec::new());
                }
                if url.origin() != ask.url.origin() {
                    ask.headers.remove(AUTHORIZATION);
                    ask.own.clear();
                    ask.reach = transport.connections().reach_from(&first, &url);
                }
                ask.url = url;
            }
            Err(failure) => return Err((failure, ask.url)),
        }
    }
    Err((RequestFailure::new(Unknown::RegistryError, format!("stopped after {MOST} redirects")), ask.url))
}

/// The URL that an answer redirects to, if any.
fn next(from: &Url, answer: &Answer) -> Result<Option<Url>, RequestFailure> {
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let broken = || RequestFailure::new(Unknown::RegistryError, "redirect without a usable Location");
    let mut url = from.join(answer.header("location").ok_or_else(broken)?).map_err(|_| broken())?;
    match (from.scheme(), url.scheme()) {
        ("https", "http") => {
            return Err(RequestFailure::new(Unknown::RegistryError, "redirect from https to http refused"));
        }
        (_, "http" | "https") => {}
        _ => return Err(broken()),
    }
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| broken())?;
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderMap, HeaderValue, LOCATION};

    fn target(status: u16, from: &str, location: Option<&str>) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        if let Some(location) = location {
            headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
        }
        let answer = Answer { status, headers, ..Answer::default() };
        match next(&Url::parse(from).unwrap(), &answer) {
            Ok(url) => Ok(url.map(String::from)),
            Err(failure) => Err(failure.message),
        }
    }

    #[test]
    fn only_redirect_statuses_are_followed() {
        assert_eq!(target(200, "https://a/v2/", Some("https://b/")), Ok(None));
        assert_eq!(target(304, "https://a/v2/", Some("https://b/")), Ok(None));
        assert_eq!(target(307, "https://a/v2/x", Some("https://b/y")), Ok(Some("https://b/y".to_owned())));
        assert_eq!(target(302, "https://a/v2/x", Some("/y")), Ok(Some("https://a/y".to_owned())));
        assert_eq!(target(307, "http://a/x", Some("https://b/y")), Ok(Some("https://b/y".to_owned())));
    }

    #[test]
    fn redirect_never_leaves_tls_or_keeps_user_info() {
        assert!(target(307, "https://a/x", Some("http://a/x")).is_err());
        assert!(target(307, "https://a/x", Some("file:///etc/passwd")).is_err());
        assert!(target(307, "https://a/x", None).is_err());
        assert_eq!(target(307, "https://a/x", Some("https://u:p@b/y")), Ok(Some("https://b/y".to_owned())));
    }
}
