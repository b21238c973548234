//! Image references are taken, refused and normalised as the kubelet does.

use std::collections::BTreeSet;

use proptest::prelude::*;
use pullcheck::image::pull_policy::default_pull_policy;
use pullcheck::image::reference::Reference;

use crate::tables::references::{ACCEPTED, REFUSED};

#[test]
fn accepted_references_are_parsed_as_the_kubelet_does() {
    for row in ACCEPTED {
        let image = row.image;
        let reference = Reference::parse(image).unwrap_or_else(|error| panic!("{image:?}: {error}"));
        assert_eq!(reference.name(), row.repo, "{image:?}");
        assert_eq!(format!("{}/{}", reference.registry(), reference.repository()), row.repo, "{image:?}");
        assert_eq!(reference.tag().unwrap_or_default(), row.tag, "{image:?}");
        assert_eq!(reference.digest().unwrap_or_default(), row.digest, "{image:?}");
        assert_eq!(reference.cri_image(image), row.cri_image, "{image:?}");
        assert_eq!(reference.containerd_ref(), row.containerd_ref, "{image:?}");
        assert_eq!(default_pull_policy(image).as_str(), row.default_pull_policy, "{image:?}");
    }
}

#[test]
fn refused_references_get_the_kubelet_error_text() {
    for &(image, text) in REFUSED {
        let error = Reference::parse(image).expect_err(image);
        assert_eq!(error.kubelet_text(image), text);
        assert_eq!(default_pull_policy(image).as_str(), "IfNotPresent", "{image:?}");
    }
}

#[test]
fn default_tag_is_distinguished_from_a_written_tag() {
    let hex = "ab".repeat(32);
    let written = |text: &str| Reference::parse(text).unwrap().tag_is_written();
    assert!(written("nginx:latest"));
    assert!(written(&format!("nginx:1@sha256:{hex}")));
    assert!(!written("nginx"));
    assert!(!written(&format!("nginx@sha256:{hex}")));
}

#[test]
fn reference_without_registry_is_a_short_name() {
    let short = |text: &str| Reference::parse(text).unwrap().is_short_name();
    for text in ["nginx", "grafana/grafana:1", "ghcr.io", "localhost:5000", "Acme/app", "my_reg.io/app"] {
        assert!(short(text), "{text:?}");
    }
    for text in ["docker.io/nginx", "localhost/app", "localhost:5000/app", "reg:5000/app", "[::1]/app"] {
        assert!(!short(text), "{text:?}");
    }
}

/// The grammar of distribution/reference as it is written down, matched by trying everything.
enum Grammar {
    Byte(fn(u8) -> bool),
    Seq(Vec<Grammar>),
    Or(Vec<Grammar>),
    Many(Box<Grammar>),
}

use Grammar::{Byte, Many, Or, Seq};

impl Grammar {
    /// Where a match that begins at `at` can end.
    fn ends(&self, text: &[u8], at: usize) -> BTreeSet<usize> {
        match self {
            Byte(is) => text.get(at).filter(|&&byte| is(byte)).map(|_| at + 1).into_iter().collect(),
            Seq(parts) => parts.iter().fold(BTreeSet::from([at]), |starts, part| {
                starts.into_iter().flat_map(|start| part.ends(text, start)).collect()
            }),
            Or(ways) => ways.iter().flat_map(|way| way.ends(text, at)).collect(),
            Many(one) => {
                let mut all = BTreeSet::from([at]);
                let mut new = all.clone();
                while !new.is_empty() {
                    new = new.into_iter().flat_map(|start| one.ends(text, start)).collect();
                    new.retain(|&end| all.insert(end));
                }
                all
            }
        }
    }

    fn matches(&self, text: &str) -> bool {
        self.ends(text.as_bytes(), 0).contains(&text.len())
    }

    fn some(one: fn() -> Self) -> Self {
        Seq(vec![one(), Many(Box::new(one()))])
    }

    fn list(one: fn() -> Self, separator: Self) -> Self {
        Seq(vec![one(), Many(Box::new(Seq(vec![separator, one()])))])
    }
}

fn digit() -> Grammar {
    Byte(|byte| byte.is_ascii_digit())
}

fn letters() -> Grammar {
    Grammar::some(|| Byte(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

fn alphanumeric() -> Grammar {
    Byte(|byte| byte.is_ascii_alphanumeric())
}

fn domain_component() -> Grammar {
    let inner = Many(Box::new(Byte(|byte| byte.is_ascii_alphanumeric() || byte == b'-')));
    Or(vec![alphanumeric(), Seq(vec![alphanumeric(), inner, alphanumeric()])])
}

fn domain() -> Grammar {
    let name = Grammar::list(domain_component, Byte(|byte| byte == b'.'));
    let ipv6 = Grammar::some(|| Byte(|byte| byte.is_ascii_hexdigit() || byte == b':'));
    let ipv6 = Seq(vec![Byte(|byte| byte == b'['), ipv6, Byte(|byte| byte == b']')]);
    let port = Seq(vec![Byte(|byte| byte == b':'), Grammar::some(digit)]);
    Seq(vec![Or(vec![name, ipv6]), Or(vec![Seq(vec![]), port])])
}

fn path_component() -> Grammar {
    let one = |byte: fn(u8) -> bool| Byte(byte);
    let separator = Or(vec![
        one(|byte| byte == b'.'),
        one(|byte| byte == b'_'),
        Seq(vec![one(|byte| byte == b'_'), one(|byte| byte == b'_')]),
        Grammar::some(|| Byte(|byte| byte == b'-')),
    ]);
    Grammar::list(letters, separator)
}

fn path() -> Grammar {
    Grammar::list(path_component, Byte(|byte| byte == b'/'))
}

fn tag() -> Grammar {
    Seq(vec![
        Byte(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
        Many(Box::new(Byte(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)))),
    ])
}

fn digest() -> Grammar {
    fn part() -> Grammar {
        Seq(vec![Byte(|byte| byte.is_ascii_alphabetic()), Many(Box::new(alphanumeric()))])
    }
    let algorithm = Grammar::list(part, Byte(|byte| b"-_+.".contains(&byte)));
    let mut hex: Vec<_> = (0..32).map(|_| Byte(|byte| byte.is_ascii_hexdigit())).collect();
    hex.push(Many(Box::new(Byte(|byte| byte.is_ascii_hexdigit()))));
    Seq(vec![algorithm, Byte(|byte| byte == b':'), Seq(hex)])
}

/// Name, tag and digest, by trying every way to cut the text.
fn cut(text: &str) -> Option<(String, String, String)> {
    let places = |mark: char| text.match_indices(mark).map(|(at, _)| Some(at)).chain([None]).collect::<Vec<_>>();
    for at in places('@') {
        let (rest, digest_text) = at.map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
        for colon in rest.match_indices(':').map(|(at, _)| Some(at)).chain([None]) {
            let (name, tag_text) = colon.map_or((rest, ""), |colon| (&rest[..colon], &rest[colon + 1..]));
            let named = |slash: &usize| domain().matches(&name[..*slash]) && path().matches(&name[slash + 1..]);
            let well = name.match_indices('/').any(|(slash, _)| named(&slash)) || path().matches(name);
            let tagged = colon.is_none() || (tag_text.len() <= 128 && tag().matches(tag_text));
            if well && tagged && (at.is_none() || digest().matches(digest_text)) {
                return Some((name.to_owned(), tag_text.to_owned(), digest_text.to_owned()));
            }
        }
    }
    None
}

/// `ParseNormalizedNamed`, from its description.
fn naive(text: &str) -> Result<(String, String, String), String> {
    if text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()) {
        return Err(format!("invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"));
    }
    let lower = |text: &str| {
        text.chars().map(|c| if c == '\u{130}' { "i".into() } else { c.to_lowercase().to_string() }).collect::<String>()
    };
    let (mut host, mut rest) = match text.find('/') {
        Some(slash) => {
            let first = &text[..slash];
            let is_host = first == "localhost" || first.contains('.') || first.contains(':') || lower(first) != first;
            if is_host { (first, text[slash + 1..].to_owned()) } else { ("docker.io", text.to_owned()) }
        }
        None => ("docker.io", text.to_owned()),
    };
    if host == "index.docker.io" {
        host = "docker.io";
    }
    if host == "docker.io" && !rest.contains('/') {
        rest = format!("library/{rest}");
    }
    let remote = rest.split(':').next().unwrap();
    if lower(remote) != remote {
        return Err(format!("invalid reference format: repository name ({remote}) must be lowercase"));
    }
    let whole = format!("{host}/{rest}");
    let Some((name, tag, digest)) = cut(&whole) else {
        let lowered = cut(&lower(&whole)).is_some();
        return Err(if lowered { "repository name must be lowercase" } else { "invalid reference format" }.to_owned());
    };
    let path_length = if domain().matches(host) { name.len() - host.len() - 1 } else { name.len() };
    if path_length > 255 {
        return Err("repository name must not be more than 255 characters".to_owned());
    }
    if let Some((algorithm, hex)) = digest.split_once(':') {
        let length = match algorithm {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ if algorithm.contains(|c: char| c.is_ascii_uppercase()) => {
                return Err("invalid checksum digest format".into());
            }
            _ => return Err("unsupported digest algorithm".into()),
        };
        if hex.len() != length {
            return Err("invalid checksum digest length".into());
        }
        if lower(hex) != hex {
            return Err("invalid checksum digest format".into());
        }
    }
    Ok((name, tag, digest))
}

fn nasty_text() -> impl Strategy<Value = String> {
    let hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let atoms: Vec<String> = [
        "a",
        "b0",
        "Z",
        ".",
        "-",
        "_",
        "__",
        "/",
        ":",
        "@",
        "nginx",
        "acme/app",
        "localhost",
        "docker.io/",
        "index.docker.io/",
        "ghcr.io/",
        "my_reg.io/",
        "My_Reg/",
        "reg:5000/",
        "[::1]:5/",
        "latest",
        ":1.2",
        "@sha256:",
        "@SHA256:",
        "@sha512:",
        "@a.b+c:",
        hex,
        &hex[..32],
        " ",
        "\n",
        "é",
        "É",
        "\u{212a}",
        "\u{130}",
        "+",
        "$",
        "{",
        "[",
        "]",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([hex.to_uppercase(), "a".repeat(120), "a/".repeat(60)])
    .collect();
    prop::collection::vec(prop::sample::select(atoms), 0..7).prop_map(|atoms| atoms.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_parser_agrees_with_the_grammar_as_written(text in nasty_text()) {
        match (Reference::parse(&text), naive(&text)) {
            (Ok(mine), Ok((name, tag, digest))) => {
                prop_assert_eq!(mine.name(), name);
                let expected = if tag.is_empty() && digest.is_empty() { "latest" } else { &tag };
                prop_assert_eq!(mine.tag().unwrap_or_default(), expected);
                prop_assert_eq!(mine.digest().unwrap_or_default(), digest);
            }
            (Err(mine), Err(text)) => prop_assert_eq!(mine.to_string(), text),
            (mine, theirs) => prop_assert!(false, "{:?} {:?}", mine, theirs),
        }
    }

    #[test]
    fn blamed_range_is_in_the_text_and_replacement_parses(text in nasty_text()) {
        if let Err(error) = Reference::parse(&text) {
            let blame = error.diagnose(&text);
            prop_assert!(text.get(blame.range.clone()).is_some(), "{:?}", blame);
            prop_assert!(!blame.reason.is_empty());
            if let Some(replacement) = blame.replacement {
                prop_assert!(Reference::parse(&replacement).is_ok(), "{}", replacement);
            }
        }
    }

    #[test]
    fn parsed_reference_round_trips(text in nasty_text()) {
        if let Ok(reference) = Reference::parse(&text) {
            let again = Reference::parse(&reference.to_string()).unwrap();
            prop_assert_eq!(again.to_string(), reference.to_string());
        }
    }
}
