//! Answers of token endpoints: what goes out as a header is one line, and a token has an end.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use pullcheck::registry::token_body::parse;
use serde::de::IgnoredAny;

fuzz_target!(|body: &[u8]| {
    let token = parse(body);
    assert_eq!(token, parse(body), "the same twice");
    let Some(token) = token else { return };
    let header = token.header.as_bytes();
    assert!(header.strip_prefix(b"Bearer ").is_some_and(|token| !token.is_empty()));
    // A tab may stand in a header, and what is not ASCII, for Go too (`ValidHeaderFieldValue` of `x/net/http/httpguts`).
    assert!(header.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control()), "{header:?}");
    assert!(token.header.is_sensitive() && !format!("{token:?}").contains("Bearer"), "it shows itself");
    assert!((Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&token.lifetime), "{:?}", token.lifetime);
    // Numbers and depths that a `Value` cannot hold do not matter in a field that nobody reads.
    assert!(serde_json::from_slice::<IgnoredAny>(body).is_ok(), "a token out of what is no JSON");
    assert!(body.trim_ascii_start().starts_with(b"{"), "a token out of what is no object");
});
