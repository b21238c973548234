//! Answers of token endpoints: what goes out as a header is one line, and a token has an end.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use pullcheck::registry::token_body::{TokenReader, parse};
use serde::de::IgnoredAny;

fuzz_target!(|body: &[u8]| {
    use TokenReader::{ContainerdGet, ContainerdPost, Crio};
    let [post, get, crio] = [ContainerdPost, ContainerdGet, Crio].map(|reader| {
        let token = parse(body, reader);
        assert_eq!(token, parse(body, reader), "the same twice");
        token
    });
    let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
    assert!(crio.is_err() || is_json, "CRI-O takes nothing behind the object");
    // `POST` has one field for a token, `GET` takes it first.
    if let (Ok(post), Ok(get)) = (&post, &get) {
        assert_eq!(post.header, get.header);
    }
    for token in [post, get, crio].into_iter().flatten() {
        let header = token.header.as_bytes();
        assert!(header.strip_prefix(b"Bearer ").is_some_and(|token| !token.is_empty()));
        // A tab may stand in a header, and what is not ASCII, for Go too (`ValidHeaderFieldValue` of
        // `x/net/http/httpguts`).
        assert!(header.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control()), "{header:?}");
        assert!(token.header.is_sensitive() && !format!("{token:?}").contains("Bearer"), "it shows itself");
        let lifetime = token.lifetime;
        assert!((Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&lifetime), "{lifetime:?}");
        // Numbers and depths that a `Value` cannot hold do not matter in a field that nobody reads.
        let first = serde_json::Deserializer::from_slice(body).into_iter::<IgnoredAny>().next();
        assert!(first.is_some_and(|value| value.is_ok()), "a token out of what is no JSON");
        assert!(body.trim_ascii_start().starts_with(b"{"), "a token out of what is no object");
    }
});
