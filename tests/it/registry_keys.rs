//! Keys of pull secrets: what is said of them is so, and is said at their place.

use proptest::prelude::*;
use pullcheck::credential::keyring::{corrected, fault, key_matches};
use pullcheck::image::reference::Reference;
use pullcheck::input::gather::{Gathered, gather_sources};
use pullcheck::inventory::ReadOptions;
use pullcheck::output::redact::Redactor;
use pullcheck::output::{Format, Style, render};
use pullcheck::resource::secret::SecretContent;
use pullcheck::rules::Settings;
use pullcheck::text::source::{Encoding, Source};

fn gather(text: &str) -> Gathered {
    gather_sources(vec![Source::new("a.yaml", text, Encoding::Utf8)], ReadOptions::default())
}

fn secret(value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: regcred}}\ntype: kubernetes.io/dockerconfigjson\nstringData:\n  \
         .dockerconfigjson: {value}\n"
    )
}

/// What stands in the source at the place of each key.
fn written_keys(text: &str) -> Vec<String> {
    let gathered = gather(text);
    let SecretContent::Config(config) = &gathered.inventory.secrets[0].content else { panic!("{text}") };
    let places = config.entries.iter().map(|entry| config.where_is(&entry.key_range).expect("a place"));
    places.map(|place| gathered.sources.slice(place).to_owned()).collect()
}

#[test]
fn key_span_covers_the_key_as_written() {
    let plain = r#"{"auths": {"ghcr.io": {}, "quay.io/a b": {"auth": ""}}}"#;
    let keys = [r#""ghcr.io""#, r#""quay.io/a b""#];
    let lines = plain.replace(", ", ",\n    ");
    for value in [
        format!("'{plain}'"),
        format!("|\n    {lines}"),
        format!("|2-\n      {lines}"),
        format!(">-\n    {lines}"),
        format!("'{lines}'"),
        format!("!!str '{plain}'"),
        format!("&anchor |-  # a comment\n    {lines}"),
    ] {
        assert_eq!(written_keys(&secret(&value)), keys, "{value}");
    }
    let escaped = format!("\"{}\"", plain.replace('"', "\\\""));
    assert_eq!(written_keys(&secret(&escaped)), keys.map(|key| key.replace('"', "\\\"")));
    let json = serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "regcred"},
        "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": plain},
    });
    assert_eq!(written_keys(&json.to_string()), keys.map(|key| key.replace('"', "\\\"")));
    let crlf = secret(&format!("|\n    {lines}")).replace('\n', "\r\n");
    assert_eq!(written_keys(&crlf), keys);
}

#[test]
fn key_in_base64_points_at_the_whole_value() {
    let value = "eyJhdXRocyI6IHsiZ2hjci5pbyI6IHt9fX0=";
    assert_eq!(written_keys(&secret(value).replace("stringData", "data")), [value]);
}

#[test]
fn undecodable_part_is_pointed_at_exactly() {
    let cases = [
        (r#"'{"auths": {"ghcr.io": {"auth": "aHVudGVyMg=="}}}'"#, r#""aHVudGVyMg==""#),
        (r#"'{"auths": {"ghcr.io": {"password": 12}}}'"#, "12"),
        ("|\n    {\"auths\":\n      {\"ghcr.io\": []}}", "[]"),
        ("|\n    {\"auths\": {},}", "}"),
        (r#"'{"auths": '"#, ""),
    ];
    for (value, expected) in cases {
        let gathered = gather(&secret(value));
        let SecretContent::Malformed(malformed) = &gathered.inventory.secrets[0].content else { panic!("{value}") };
        assert_eq!(gathered.sources.slice(malformed.span), expected, "{value}");
    }
}

#[test]
fn snippet_of_a_secret_value_is_redacted() {
    let value = r#"'{"auths": {"oci://ghcr.io": {"username": "bob", "password": "s3cr3t-Pw"}, "eve:pa55word@oci://x.io": {"auth": "Ym9iOmh1bnRlcjI="}}}'"#;
    let gathered = gather(&secret(value));
    let redactor = Redactor::new(gathered.inventory.secret_texts.iter().map(|secret| secret.expose()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let settings = Settings { offline: true, ..Settings::default() };
    let (sources, report) = runtime.block_on(pullcheck::check::check::<pullcheck::registry::Client>(
        gathered,
        &settings,
        None,
        None,
        &pullcheck::registry::Progress::default(),
    ));
    let shown = render(Format::Human, &report, &sources, &Style::default(), &redactor);
    assert!(shown.contains("   .dockerconfigjson: ****") && shown.contains("the key \"oci://ghcr.io\""), "{shown}");
    for secret in ["bob", "s3cr3t", "pa55", "Ym9i", "username", "password\""] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

/// Pieces of keys, right and wrong ones.
fn keys() -> impl Strategy<Value = String> {
    let scheme = prop::sample::select(vec!["", "", "https://", "http://", "oci://", "HTTPS://", "//", " "]);
    let host = prop::sample::select(vec![
        "a.io",
        "A.io",
        "*.io",
        "*",
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "localhost",
        "a",
        "a_b.io",
        "-a.io",
        "a.io.",
        "a..io",
        "[::1]",
        "Acme",
        "a*",
        "*.*",
        "u@a.io",
        "é.io",
    ]);
    let port = prop::sample::select(vec!["", "", "", ":", ":5000", ":x"]);
    let path = prop::sample::select(vec![
        "", "", "/", "/v1", "/v1/", "/v2/a", "/a", "/a/", "/a/*", "/a:1", "/A", "//a", "/a__", "/a___", "/a.-", "/a-",
        "/library", "/%61", "/a ", "?x", "#x",
    ]);
    (scheme, host, port, path).prop_map(|(scheme, host, port, path)| format!("{scheme}{host}{port}{path}"))
}

fn images() -> impl Strategy<Value = String> {
    let host = prop::sample::select(vec![
        "",
        "a.io/",
        "A.io/",
        "a.io:5000/",
        "a:5000/",
        "localhost/",
        "Acme/",
        "docker.io/",
        "index.docker.io/",
        "index.docker.io:5000/",
        "registry-1.docker.io/",
        "a_b.io/",
        "[::1]/",
        "[::1]:5000/",
        "ab.io/",
        "A/",
    ]);
    (host, "[a-b]{1,2}([._-][a-b]|__a|--a)?(/[a-b1]{1,2}|/v1|/library){0,2}")
        .prop_map(|(host, path)| host.to_owned() + &path)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn key_reported_as_never_matching_never_matches(key in keys(), image in images()) {
        let Ok(image) = Reference::parse(&image) else { return Ok(()) };
        if fault(&key).is_some_and(|fault| fault.is_certain(&key)) {
            prop_assert!(!key_matches(&key, image.name()), "{key} matches {}", image.name());
        }
    }

    #[test]
    fn a_corrected_key_has_no_fault(key in "\\PC{0,20}|[a-z:/.@*]{0,20}") {
        if let Some(corrected) = corrected(&key) {
            prop_assert_eq!(fault(&corrected), None);
        }
    }
}
