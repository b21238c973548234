//! Pull secrets are decoded, indexed and tried as the kubelet does.

use proptest::prelude::*;
use pullcheck::credential::dockerconfig::{
    DecodeErrorKind, DockerConfig, Format, api_server_accepts, base64, decode_auth,
};
use pullcheck::credential::keyring::{Keyring, index_key, is_wildcard, key_matches};

use crate::tables::docker_configs::{AUTH_FIELDS, Auths, DOCKER_CFGS, DOCKER_CONFIGS};
use crate::tables::keyring::{INDEX_KEYS, LOOKUPS, ORDERS};

fn decode(content: impl AsRef<[u8]>) -> Result<DockerConfig, String> {
    DockerConfig::decode(content.as_ref(), Format::DockerConfigJson).map_err(|error| error.to_string())
}

/// A configuration whose entries have the given keys, and the key's number as user.
fn config_of<S: AsRef<str>>(keys: &[S]) -> DockerConfig {
    let auths: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(at, key)| format!(r#"{}:{{"username":"{at}"}}"#, serde_json::to_string(key.as_ref()).unwrap()))
        .collect();
    decode(format!(r#"{{"auths":{{{}}}}}"#, auths.join(","))).unwrap()
}

fn ring_of<S: AsRef<str>>(keys: &[S]) -> Keyring {
    let mut ring = Keyring::default();
    ring.add(0, &config_of(keys));
    ring
}

#[test]
fn auth_fields_decode_as_in_the_kubelet() {
    for &(auth, expected) in AUTH_FIELDS {
        match (decode_auth(auth), expected) {
            (Ok((user, password)), Ok((expected_user, expected_password))) => {
                assert_eq!(&user[..], expected_user.as_bytes(), "{auth:?}");
                let expected = base64::decode(expected_password.as_bytes(), base64::Padding::Required).unwrap();
                assert_eq!(password, expected, "{auth:?}");
            }
            (Err(error), Err(text)) => assert_eq!(error.to_string(), text, "{auth:?}"),
            (mine, _) => panic!("{auth:?}: {mine:?}, expected {expected:?}"),
        }
    }
}

fn assert_decodes(content: &str, format: Format, expected: Result<Auths, &str>) {
    match (DockerConfig::decode(content.as_bytes(), format), expected) {
        (Ok(config), Ok(auths)) => {
            let mut found: Vec<_> = config
                .entries
                .iter()
                .map(|entry| {
                    (entry.key.as_str(), entry.credential.username.expose(), entry.credential.password.expose())
                })
                .collect();
            found.sort_unstable();
            assert_eq!(found, auths, "{content:?}");
            for entry in &config.entries {
                let written = &content[entry.key_range.clone()];
                assert!(written.starts_with('"') && written.ends_with('"'), "{content:?}: {written}");
            }
        }
        (Err(error), Err(text)) => {
            assert_eq!(error.to_string(), text, "{content:?}");
            assert!(content.get(error.range.clone()).is_some(), "{content:?}: {error:?}");
        }
        (mine, _) => panic!("{content:?}: {mine:?}, expected {expected:?}"),
    }
}

#[test]
fn docker_configs_decode_as_in_the_kubelet() {
    for &(content, kubelet, api_server) in DOCKER_CONFIGS {
        assert_decodes(content, Format::DockerConfigJson, kubelet);
        let accepted = api_server_accepts(content.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(accepted, api_server.map_err(str::to_owned), "{content:?}");
    }
}

#[test]
fn legacy_configs_decode_as_in_the_kubelet() {
    for &(content, expected) in DOCKER_CFGS {
        assert_decodes(content, Format::DockerCfg, expected);
    }
}

#[test]
fn invalid_utf8_bytes_each_become_a_replacement_character() {
    let config = decode(b"{\"auths\":{\"a\xff\xfe.io\":{\"username\":\"\xe2\x82\",\"password\":\"p\"}}}").unwrap();
    assert_eq!(config.entries[0].key, "a\u{fffd}\u{fffd}.io");
    assert_eq!(config.entries[0].credential.username.expose(), "\u{fffd}\u{fffd}");
}

#[test]
fn decode_errors_point_at_the_invalid_value() {
    let at = |content: &str| {
        let error = DockerConfig::decode(content.as_bytes(), Format::DockerConfigJson).expect_err(content);
        (content[error.range].to_owned(), error.kind)
    };
    let entry = r#"{"auths":{"a.io":{"auth":"#;
    assert_eq!(at(&format!(r#"{entry}"u:p"}}}}}}"#)), (r#""u:p""#.to_owned(), DecodeErrorKind::Base64));
    assert_eq!(at(&format!(r#"{entry}"dXNlcg=="}}}}}}"#)), (r#""dXNlcg==""#.to_owned(), DecodeErrorKind::NoColon));
    assert_eq!(at(&format!(r#"{entry} [1] }}}}}}"#)), ("[1]".to_owned(), DecodeErrorKind::Type));
    assert_eq!(at(r#"{"auths":{"a.io": "x"}}"#), (r#""x""#.to_owned(), DecodeErrorKind::Type));
    assert_eq!(at("{é"), ("é".to_owned(), DecodeErrorKind::Syntax));
    assert_eq!(at("{"), (String::new(), DecodeErrorKind::Syntax));
}

#[test]
fn last_of_duplicate_keys_is_kept_with_its_span() {
    let content = r#"{"auths":{"a.io":{"username":"1"},"b.io":{},"a.io":{"username":"2"}}}"#;
    let config = decode(content).unwrap();
    let keys: Vec<_> = config.entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["b.io", "a.io"]);
    assert_eq!(config.entries[1].key_range.start, content.rfind(r#""a.io""#).unwrap());
}

#[test]
fn fields_that_the_kubelet_ignores_become_hints() {
    let config = decode(r#"{"auths":{"a":{"identitytoken":"t"},"b":{"RegistryToken":"t"},"c":{"identitytoken":""}}}"#);
    let hints: Vec<_> =
        config.unwrap().entries.iter().map(|e| (e.hints.identity_token, e.hints.registry_token)).collect();
    assert_eq!(hints, [(true, false), (false, true), (false, false)]);
    assert!(decode(r#"{"credHelpers":{"a":"ecr-login"}}"#).unwrap().has_helpers);
    assert!(decode(r#"{"credsStore":"desktop"}"#).unwrap().has_helpers);
    assert!(!decode(r#"{"auths":{}}"#).unwrap().has_helpers);
    let config = decode(r#"{"auths":{"a":{"auth":"dXNlcjr/"},"b":{"auth":"dTpw"}}}"#).unwrap();
    assert_eq!(config.entries.iter().map(|entry| entry.hints.not_utf8).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn nesting_depth_is_limited_as_in_go() {
    let nested = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(decode(nested(10_000)).is_ok());
    assert_eq!(decode(nested(10_001)), Err("invalid character '[' exceeded max depth".to_owned()));
    assert_eq!(decode("[".repeat(2_000_000)), Err("invalid character '[' exceeded max depth".to_owned()));
}

#[test]
fn keys_are_indexed_as_in_the_kubelet() {
    for &(key, expected) in INDEX_KEYS {
        assert_eq!(index_key(key).as_deref(), expected, "{key:?}");
        assert_eq!(ring_of(&[key]).index().next(), expected, "{key:?}");
    }
}

#[test]
fn keys_match_repositories_as_in_the_kubelet() {
    for &(key, repository, index, expected) in LOOKUPS {
        let ring = ring_of(&[key]);
        assert_eq!(ring.index().next(), index, "{key:?}");
        let found = ring.lookup(repository);
        assert_eq!(found.len(), usize::from(expected), "{key:?} for {repository:?}");
        assert_eq!(key_matches(key, repository), expected, "{key:?} for {repository:?}");
        if let Some(found) = found.first() {
            assert_eq!((found.written_key, Some(found.index_key)), (key, index));
        }
    }
}

#[test]
fn credentials_are_tried_in_the_kubelets_order() {
    for &(repository, keys, expected) in ORDERS {
        let ring = ring_of(keys);
        let tried: Vec<_> = ring.lookup(repository).iter().map(|found| found.index_key).collect();
        assert_eq!(tried, expected, "{keys:?} for {repository:?}");
    }
}

#[test]
fn secrets_share_one_index_and_keep_their_order_per_key() {
    let mut ring = Keyring::default();
    ring.add(7, &config_of(&["ghcr.io", "https://index.docker.io/v1/"]));
    ring.add(3, &config_of(&["https://ghcr.io/v2/", "ghcr.io/acme", "index.docker.io"]));
    let tried =
        |repository: &str| ring.lookup(repository).iter().map(|m| (m.origin, m.written_key)).collect::<Vec<_>>();
    assert_eq!(tried("ghcr.io/acme/app"), [(3, "ghcr.io/acme"), (7, "ghcr.io"), (3, "https://ghcr.io/v2/")]);
    assert_eq!(tried("docker.io/library/nginx"), [(7, "https://index.docker.io/v1/"), (3, "index.docker.io")]);
    assert_eq!(ring.index().collect::<Vec<_>>(), ["index.docker.io", "ghcr.io/acme", "ghcr.io"]);
}

#[test]
fn direct_match_disables_the_docker_hub_fallback() {
    let ring = ring_of(&["index.docker.io", "docker.io/acme"]);
    let tried = |repository: &str| ring.lookup(repository).iter().map(|m| m.index_key).collect::<Vec<_>>();
    assert_eq!(tried("docker.io/acme/app"), ["docker.io/acme"]);
    assert_eq!(tried("docker.io/library/nginx"), ["index.docker.io"]);
}

#[test]
fn only_wildcards_in_the_host_are_recognized() {
    for key in ["*", "*.io", "https://*.example.com/v2/", "gh*.io:443", "[A-Z]", "u@*.io"] {
        assert!(is_wildcard(key), "{key:?}");
    }
    for key in ["ghcr.io", "ghcr.io/ac*", "[::1]:5000", "", "ghcr.io?*", "*@ghcr.io", "not a url"] {
        assert!(!is_wildcard(key), "{key:?}");
    }
}

/// The lookup once more, over plain strings: enough for keys of hosts, stars, ports and paths.
fn naive_lookup(keys: &[String], repository: &str) -> Vec<String> {
    let index = |key: &String| {
        let rest = key.trim_start_matches("https://").trim_start_matches("http://");
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = path.strip_prefix("/v1").filter(|p| p.starts_with('/')).unwrap_or(path);
        let path = if path.len() == rest.len() - host.len() {
            path.strip_prefix("/v2").filter(|p| p.starts_with('/')).unwrap_or(path)
        } else {
            path
        };
        format!("{host}{}", if path == "/" { "" } else { path })
    };
    let mut indexed: Vec<(String, String)> = keys.iter().map(|key| (index(key), key.clone())).collect();
    indexed.sort_by(|a, b| b.0.cmp(&a.0));
    let found: Vec<_> =
        indexed.iter().filter(|(key, _)| naive_match(key, repository)).map(|(_, key)| key.clone()).collect();
    if !found.is_empty() || !repository.starts_with("docker.io/") {
        return found;
    }
    indexed.into_iter().filter(|(key, _)| key == "index.docker.io").map(|(_, key)| key).collect()
}

fn naive_match(key: &str, repository: &str) -> bool {
    fn split(text: &str) -> (Vec<&str>, &str, &str) {
        let (host, path) = text.split_at(text.find('/').unwrap_or(text.len()));
        let (host, port) = host.split_once(':').unwrap_or((host, ""));
        (host.split('.').collect(), port, path)
    }
    fn star(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|skipped| star(rest, &text[skipped..])),
            Some((byte, rest)) => text.first() == Some(byte) && star(rest, &text[1..]),
        }
    }
    let (labels, port, path) = split(key);
    let (target_labels, target_port, target_path) = split(repository);
    port == target_port
        && target_path.starts_with(path)
        && labels.len() == target_labels.len()
        && labels.iter().zip(target_labels).all(|(label, target)| star(label.as_bytes(), target.as_bytes()))
}

fn registry_key() -> impl Strategy<Value = String> {
    let scheme = prop::sample::select(vec!["", "", "https://", "http://"]);
    let label = prop::sample::select(vec!["ghcr", "docker", "index", "io", "*", "*r", "d*", "g*r", "a", "*o"]);
    let host = prop::collection::vec(label, 1..4).prop_map(|labels| labels.join("."));
    let host = prop_oneof![
        host,
        prop::sample::select(vec!["ghcr.io", "docker.io", "index.docker.io"]).prop_map(str::to_owned)
    ];
    let port = prop::sample::select(vec!["", "", "", ":", ":443", ":5000"]);
    let path = prop::sample::select(vec![
        "",
        "",
        "/",
        "/v1/",
        "/v2/",
        "/v1",
        "/v2/acme",
        "/v2/v1/",
        "/acme",
        "/ac",
        "/acme/",
        "/acme/app",
        "//",
    ]);
    (scheme, host, port, path).prop_map(|(scheme, host, port, path)| format!("{scheme}{host}{port}{path}"))
}

fn repository() -> impl Strategy<Value = String> {
    let host =
        prop::sample::select(vec!["ghcr.io", "docker.io", "index.docker.io", "ghcr.io:443", "a.io", "localhost:5000"]);
    let path = prop::sample::select(vec!["/library/nginx", "/acme/app", "/acmecorp/x", "/acme", "/v1/x", "/v2/acme"]);
    (host, path).prop_map(|(host, path)| format!("{host}{path}"))
}

/// Text that looks like JSON, sometimes is, and sometimes is a docker configuration.
fn json_like() -> impl Strategy<Value = Vec<u8>> {
    let atoms: Vec<&[u8]> = vec![
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"{\"auths\":{",
        b"}}",
        b"\"auths\":",
        b"\"a.io\":",
        b"\"auth\":",
        b"\"username\":",
        b"\"HttpHeaders\":",
        b"\"dTpw\"",
        b"\"\\u00e9\"",
        b"\"\\ud834\"",
        b"\"\\\"",
        b"null",
        b"true",
        b"fals",
        b"1",
        b"-",
        b"0.5",
        b"1e",
        b"1e400",
        b"01",
        b" ",
        b"\n",
        b"\xc3\xa9",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\x00",
        b"\"",
        b"\\",
    ];
    prop::collection::vec(prop::sample::select(atoms), 0..14).prop_map(|atoms| atoms.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_keyring_agrees_with_a_plain_search(keys in prop::collection::vec(registry_key(), 1..8), repository in repository()) {
        let mut keys = keys;
        let mut seen = std::collections::HashSet::new();
        keys.retain(|key| seen.insert(key.clone()));
        let ring = ring_of(&keys);
        let tried: Vec<_> = ring.lookup(&repository).iter().map(|found| found.written_key.to_owned()).collect();
        prop_assert_eq!(tried, naive_lookup(&keys, &repository));
    }

    #[test]
    fn lookup_of_any_text_terminates(key in any::<String>(), repository in any::<String>()) {
        ring_of(&[key]).lookup(&repository);
    }

    #[test]
    fn decoders_accept_any_bytes(content in prop_oneof![any::<Vec<u8>>(), json_like()]) {
        for format in [Format::DockerConfigJson, Format::DockerCfg] {
            if let Err(error) = DockerConfig::decode(&content, format) {
                prop_assert!(content.get(error.range.clone()).is_some(), "{:?}", error);
            }
        }
    }

    #[test]
    fn json_syntax_check_agrees_with_serde_json(content in json_like()) {
        if let Ok(text) = std::str::from_utf8(&content) {
            let mine = !api_server_accepts(&content).is_err_and(|error| error.kind == DecodeErrorKind::Syntax);
            prop_assert_eq!(mine, serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn base64_agrees_with_the_base64_crate_on_valid_input(bytes in any::<Vec<u8>>()) {
        use ::base64::Engine as _;
        let padded = ::base64::engine::general_purpose::STANDARD.encode(&bytes);
        let bare = ::base64::engine::general_purpose::STANDARD_NO_PAD.encode(&bytes);
        prop_assert_eq!(&*base64::decode(padded.as_bytes(), base64::Padding::Required).unwrap(), &bytes);
        prop_assert_eq!(&*base64::decode(bare.as_bytes(), base64::Padding::Forbidden).unwrap(), &bytes);
    }
}
