//! `Retry-After`, in both of its forms (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// How long an answer asks us to wait. A date is compared with the answer's own `Date`, so that a wrong clock here
/// makes no pause longer. `now` is used only if the answer has none.
pub(crate) fn read(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let said = text(RETRY_AFTER)?;
    if !said.is_empty() && said.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(said.parse().unwrap_or(u64::MAX)));
    }
    let then = httpdate::parse_http_date(said).ok()?;
    let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    // A time in the past means no wait at all.
    Some(then.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn seconds(said: &str, date: Option<&str>) -> Option<u64> {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2026 07:28:00 GMT").unwrap();
        let mut headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(said).unwrap())]);
        headers.extend(date.map(|date| (DATE, HeaderValue::from_str(date).unwrap())));
        read(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_seconds_are_parsed() {
        assert_eq!(seconds("7", None), Some(7));
        assert_eq!(seconds(" 0 ", None), Some(0));
        assert_eq!(seconds("99999999999999999999999", None), Some(u64::MAX));
    }

    #[test]
    fn retry_after_date_is_relative_to_the_server_date() {
        assert_eq!(seconds("Wed, 21 Oct 2026 07:28:05 GMT", None), Some(5));
        assert_eq!(seconds("Wed, 21 Oct 2026 07:28:05 GMT", Some("Wed, 21 Oct 2026 07:28:03 GMT")), Some(2));
        assert_eq!(seconds("Wed, 21 Oct 2026 07:28:05 GMT", Some("never")), Some(5));
        assert_eq!(seconds("Wednesday, 21-Oct-26 07:28:05 GMT", None), Some(5));
        assert_eq!(seconds("Mon, 01 Jan 2001 00:00:00 GMT", None), Some(0));
    }

    #[test]
    fn invalid_retry_after_is_ignored() {
        for said in ["", "-1", "1.5", "soon", "2026-10-21"] {
            assert_eq!(seconds(said, None), None, "{said:?}");
        }
        assert_eq!(read(&HeaderMap::new(), SystemTime::UNIX_EPOCH), None);
    }
}
