//! The decoder of pull secrets against a second one, over a tree that serde_json makes: what is taken, and which
//! credentials come out, must be the same.
#![no_main]

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use libfuzzer_sys::fuzz_target;
use pullcheck::credential::dockerconfig::{DecodeErrorKind, DockerConfig, Format, api_server_accepts};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// `maxNestingDepth` of Go; serde_json has no such limit for values that it skips.
const GO_DEPTH: usize = 10_000;

fuzz_target!(|data: &[u8]| {
    let accepted = api_server_accepts(data);
    if let Err(error) = &accepted {
        assert!(data.get(error.range.clone()).is_some(), "{error:?}");
    }
    let is_json = !accepted.is_err_and(|error| error.kind == DecodeErrorKind::Syntax);
    if let Ok(text) = std::str::from_utf8(data) {
        let opens = data.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
        let theirs = serde_json::from_str::<IgnoredAny>(text).is_ok();
        assert!(opens > GO_DEPTH || is_json == theirs, "{is_json} {theirs}");
    }
    for format in [Format::DockerConfigJson, Format::DockerCfg] {
        let decoded = DockerConfig::decode(data, format);
        match &decoded {
            Ok(_) => assert!(is_json, "credentials out of what is no JSON"),
            Err(error) => assert!(data.get(error.range.clone()).is_some(), "{error:?}"),
        }
        // Deep nesting, halves of surrogate pairs, numbers out of range: Go takes more than serde_json does.
        let Ok(tree) = serde_json::from_slice::<Tree>(data) else { continue };
        let mine = decoded.ok().map(|config| {
            let entry = |entry: &pullcheck::credential::dockerconfig::Entry| {
                let credential = &entry.credential;
                (entry.key.clone(), credential.username.expose().to_owned(), credential.password.expose().to_owned())
            };
            config.entries.iter().map(entry).collect::<Vec<_>>()
        });
        assert_eq!(mine, naive(&tree, format));
    }
});

type Entries = Vec<(String, String, String)>;

fn naive(tree: &Tree, format: Format) -> Option<Entries> {
    let mut entries = Vec::new();
    let fields = match tree {
        Tree::Null => return Some(entries),
        Tree::Object(fields) => fields,
        _ => return None,
    };
    if format == Format::DockerCfg {
        hosts(fields, &mut entries)?;
        return Some(entries);
    }
    let mut mistyped = false;
    for (key, value) in fields {
        match (fold(key).as_str(), value) {
            ("auths", Tree::Null) => entries.clear(),
            ("auths", Tree::Object(fields)) => hosts(fields, &mut entries)?,
            ("auths", _) => mistyped = true,
            ("httpheaders", Tree::Null) => {}
            ("httpheaders", Tree::Object(fields)) => {
                mistyped |= fields.iter().any(|(_, value)| !matches!(value, Tree::Null | Tree::Text(_)));
            }
            ("httpheaders", _) => mistyped = true,
            _ => {}
        }
    }
    (!mistyped).then_some(entries)
}

fn hosts(fields: &[(String, Tree)], entries: &mut Entries) -> Option<()> {
    for (host, value) in fields {
        let (mut user, mut password, mut auth) = (String::new(), String::new(), String::new());
        let fields = match value {
            Tree::Null => &[][..],
            Tree::Object(fields) => fields,
            _ => return None,
        };
        for (key, value) in fields {
            let mut unused = String::new();
            let slot = match fold(key).as_str() {
                "username" => &mut user,
                "password" => &mut password,
                "auth" => &mut auth,
                "email" => &mut unused,
                _ => continue,
            };
            match value {
                Tree::Text(text) => slot.clone_from(text),
                Tree::Null => {}
                _ => return None,
            }
        }
        if !auth.is_empty() {
            (user, password) = split_auth(&auth)?;
        }
        entries.retain(|(known, ..)| known != host);
        entries.push((host.clone(), user, password));
    }
    Some(())
}

fn split_auth(auth: &str) -> Option<(String, String)> {
    let padding = match auth.trim().ends_with('=') {
        true => DecodePaddingMode::RequireCanonical,
        false => DecodePaddingMode::RequireNone,
    };
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(padding);
    let text: String = auth.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = GeneralPurpose::new(&alphabet::STANDARD, config).decode(text).ok()?;
    let colon = bytes.iter().position(|&byte| byte == b':')?;
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((lossy(&bytes[..colon]), lossy(&bytes[colon + 1..])))
}

/// Unicode's simple case folding, as far as ASCII field names are concerned.
fn fold(key: &str) -> String {
    key.replace('\u{17f}', "s").replace('\u{212a}', "k").to_ascii_lowercase()
}

/// JSON with its duplicates, in order.
enum Tree {
    Null,
    Text(String),
    Object(Vec<(String, Tree)>),
    Other,
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        while items.next_element::<Tree>()?.is_some() {}
        Ok(Tree::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Tree::Object(fields))
    }
}
