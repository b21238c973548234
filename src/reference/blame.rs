//! Where in a reference the fault is, in words.
//!
//! The grammar only says no. This looks for the one thing that a person would point at, most telling first: what
//! stands around the name, then the fault that the error names, then the parts from left to right.

use std::ops::Range;

use super::grammar::{self, digest_length};
use super::{MAX_PATH, Reference, ReferenceError};
use crate::go::quote::is_print;

/// The part of a reference that is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// Bytes of the text as written; empty where something is missing.
    pub range: Range<usize>,
    /// What is wrong with it, as a clause: "the tag is empty".
    pub reason: String,
    /// What to do, where there is more to say than the replacement does.
    pub help: Option<String>,
    /// The whole text as it could be written; it parses.
    pub replacement: Option<String>,
}

impl Blame {
    fn new(range: Range<usize>, reason: impl Into<String>) -> Self {
        Self { range, reason: reason.into(), help: None, replacement: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A replacement is only offered where the kubelet takes it.
    fn replacement(mut self, text: String) -> Self {
        self.replacement = Reference::parse(&text).is_ok().then_some(text);
        self
    }
}

/// Finds what is to blame for `error` on `text`.
pub(super) fn blame(error: &ReferenceError, text: &str) -> Blame {
    around(text).unwrap_or_else(|| match error {
        ReferenceError::Identifier(_) => identifier(text),
        ReferenceError::Uppercase(_) => uppercase(text),
        ReferenceError::TooLong => too_long(text),
        ReferenceError::DigestAlgorithm | ReferenceError::DigestLength | ReferenceError::DigestFormat => digest(text),
        ReferenceError::Format | ReferenceError::LowercaseOnly => parts(text),
    })
}

/// Space, quotes, schemes and foreign characters: faults that say nothing of the grammar's parts.
fn around(text: &str) -> Option<Blame> {
    if text.is_empty() {
        return Some(Blame::new(0..0, "there is no image name"));
    }
    let is_blank = |c: char| c.is_whitespace() || !is_print(c);
    let trimmed = text.trim_matches(is_blank);
    if trimmed.len() != text.len() {
        let start = text.len() - text.trim_start_matches(is_blank).len();
        let (range, side) = if start > 0 { (0..start, "begins") } else { (trimmed.len()..text.len(), "ends") };
        let what = text[range.clone()].chars().next().map_or_else(String::new, describe);
        return Some(Blame::new(range, format!("it {side} with {what}")).replacement(trimmed.to_owned()));
    }
    if let Some(scheme) = scheme(text) {
        let rest = text[scheme.end..].trim_end_matches('/').to_owned();
        let reason = format!("an image has no `{}` before it", &text[scheme.clone()]);
        return Some(Blame::new(scheme, reason).replacement(rest));
    }
    let (at, bad) =
        text.char_indices().find(|&(_, c)| !c.is_ascii_graphic() || "\"'`$<>{}\\,;!?=&#%|^~()*".contains(c))?;
    let blame = Blame::new(at..at + bad.len_utf8(), format!("an image cannot contain {}", describe(bad)));
    Some(match bad {
        '"' | '\'' | '`' => blame
            .help("the quotes are part of the value: quote it once")
            .replacement(text.replace(['"', '\'', '`'], "")),
        '$' | '<' | '>' | '{' | '}' => blame.help("this looks like a variable that was not filled in"),
        '%' if text.starts_with('[') => blame.help("an IPv6 address cannot have a zone here"),
        _ => blame,
    })
}

fn describe(character: char) -> String {
    match character {
        ' ' => "a space".to_owned(),
        '\n' | '\r' => "a line break".to_owned(),
        '\t' => "a tab".to_owned(),
        '\u{feff}' => "a byte order mark (U+FEFF)".to_owned(),
        '\u{a0}' => "a no-break space (U+00A0)".to_owned(),
        '\u{200b}' => "a zero width space (U+200B)".to_owned(),
        _ if character.is_ascii_graphic() => format!("`{character}`"),
        _ if is_print(character) => format!("`{character}` (U+{:04X})", u32::from(character)),
        _ => format!("the invisible character U+{:04X}", u32::from(character)),
    }
}

/// `https://`, `docker://`, `oci://`… or `//` alone.
fn scheme(text: &str) -> Option<Range<usize>> {
    let end = text.find("://").map_or_else(|| text.starts_with("//").then_some(2), |at| Some(at + 3))?;
    let word = text[..end].trim_end_matches('/').trim_end_matches(':');
    word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)).then_some(0..end)
}

fn identifier(text: &str) -> Blame {
    Blame::new(0..text.len(), "64 hexadecimal digits are an image id, not a name")
        .help(format!("write the repository before the digest: `NAME@sha256:{text}`"))
}

/// Upper case in what the parser takes for the repository.
fn uppercase(text: &str) -> Blame {
    let start = text.len() - grammar::split_domain(text).1.len();
    let end = text[start..].find(':').map_or(text.len(), |colon| start + colon);
    let upper = |(_, c): &(usize, char)| grammar::has_upper(c.encode_utf8(&mut [0; 4]));
    let first = text[start..end].char_indices().find(upper).map_or(start, |(at, _)| start + at);
    let lowered = format!("{}{}{}", &text[..start], text[start..end].to_lowercase(), &text[end..]);
    if text[start..first].contains('@') {
        let algorithm = text[..first].rfind('@').map_or(first, |at| at + 1);
        return Blame::new(algorithm..end, "a digest's algorithm is written in lower case").replacement(lowered);
    }
    // The whole words with upper case in them, from the first to the last.
    let last = text[start..end].char_indices().rfind(upper).map_or(first, |(at, _)| start + at);
    let from = text[start..first].rfind('/').map_or(start, |slash| start + slash + 1);
    let to = text[last..end].find(['/', '@']).map_or(end, |slash| last + slash);
    Blame::new(from..to, "a repository is written in lower case").replacement(lowered)
}

fn too_long(text: &str) -> Blame {
    let (domain, remainder) = grammar::split_domain(text);
    let start = text.len() - remainder.len();
    let end = text[start..].find([':', '@']).map_or(text.len(), |at| start + at);
    let length = end - start + if domain.library { "library/".len() } else { 0 };
    let filled = if domain.library { ", the `library/` that Docker Hub adds included" } else { "" };
    Blame::new(start..end, format!("the repository has {length} characters, {MAX_PATH} are allowed{filled}"))
}

/// A digest that the grammar takes, but no algorithm does.
fn digest(text: &str) -> Blame {
    let at = text.rfind('@').map_or(0, |at| at + 1);
    let (algorithm, hex) = text[at..].split_once(':').unwrap_or((&text[at..], ""));
    let hex_start = at + algorithm.len() + 1;
    let lowered = format!("{}{}", &text[..at], text[at..].to_lowercase());
    match digest_length(algorithm) {
        None if digest_length(&algorithm.to_lowercase()).is_some() => {
            Blame::new(at..at + algorithm.len(), "a digest's algorithm is written in lower case").replacement(lowered)
        }
        None => Blame::new(at..at + algorithm.len(), format!("`{algorithm}` is no algorithm that the kubelet knows"))
            .help("use a sha256 digest"),
        Some(length) if hex.len() != length => Blame::new(
            hex_start..text.len(),
            format!("a {algorithm} digest has {length} hexadecimal digits, this one has {}", hex.len()),
        ),
        Some(_) => Blame::new(hex_start..text.len(), "a digest is written in lower case").replacement(lowered),
    }
}

/// The grammar's parts, from left to right.
fn parts(text: &str) -> Blame {
    let name_end = text.find('@').unwrap_or(text.len());
    let (first, _) = text[..name_end].split_once('/').unwrap_or(("", ""));
    let registry = first == "localhost" || first.contains(['.', ':', '[']) || grammar::has_upper(first);
    let path_start = if registry { first.len() + 1 } else { 0 };
    if registry && !grammar::is_domain(first.as_bytes()) && !grammar::is_path_component(first.as_bytes()) {
        return host(first);
    }
    let path_end = text[path_start..name_end].find(':').map_or(name_end, |colon| path_start + colon);
    path(text, path_start..path_end)
        .or_else(|| (path_end < name_end).then(|| tag(text, path_end + 1..name_end)).flatten())
        .or_else(|| (name_end < text.len()).then(|| malformed_digest(text, name_end + 1)).flatten())
        .unwrap_or_else(|| Blame::new(0..text.len(), "it is no image name"))
}

/// A registry that is no host.
fn host(host: &str) -> Blame {
    if host.starts_with('[') {
        return Blame::new(0..host.len(), "a host in brackets must be an IPv6 address, with a port of digits");
    }
    let colon = host.find(':').unwrap_or(host.len());
    let port = colon + 1..host.len();
    if colon < host.len() && (port.is_empty() || !host[port.clone()].bytes().all(|byte| byte.is_ascii_digit())) {
        let reason = if port.is_empty() {
            "the port is empty".to_owned()
        } else {
            format!("`{}` is no port", &host[port.clone()])
        };
        return Blame::new(colon..host.len(), reason).help("a port is a number: `registry.example.com:5000/app`");
    }
    let mut start = 0;
    for label in host[..colon].split('.') {
        let end = start + label.len();
        if !grammar::is_domain_label(label.as_bytes()) {
            return bad_label(label, start..end);
        }
        start = end + 1;
    }
    Blame::new(0..host.len(), "this is no registry host")
}

fn bad_label(label: &str, range: Range<usize>) -> Blame {
    if label.is_empty() {
        // The dot that is too much is the one before, or the first.
        return Blame::new(range.start.saturating_sub(1)..range.start.max(1), "the host has an empty part");
    }
    if let Some(at) = label.find('_') {
        let range = range.start + at..range.start + at + 1;
        return Blame::new(range, "a registry host cannot contain `_`").help("use a name with `-`, or an IP address");
    }
    match label.char_indices().find(|(_, c)| !c.is_ascii_alphanumeric() && *c != '-') {
        Some((at, bad)) => {
            let range = range.start + at..range.start + at + bad.len_utf8();
            Blame::new(range, format!("a registry host cannot contain {}", describe(bad)))
        }
        None => Blame::new(range, "a part of a host name cannot begin or end with `-`"),
    }
}

/// The first component of the path that is none.
fn path(text: &str, range: Range<usize>) -> Option<Blame> {
    if range.is_empty() {
        let range = range.start.saturating_sub(1)..range.end;
        return Some(Blame::new(range, "there is no repository name"));
    }
    let mut start = range.start;
    for component in text[range.clone()].split('/') {
        let end = start + component.len();
        if !grammar::is_path_component(component.as_bytes()) {
            return Some(if component.is_empty() {
                slash(text, start, &range)
            } else {
                bad_component(component, start)
            });
        }
        start = end + 1;
    }
    None
}

fn slash(text: &str, at: usize, range: &Range<usize>) -> Blame {
    let (slash, reason) = if at == 0 {
        (0..1, "a name cannot begin with `/`")
    } else if text[at..].starts_with('/') {
        (at - 1..at + 1, "a repository cannot contain `//`")
    } else {
        (at - 1..at, "a repository cannot end with `/`")
    };
    let parts: Vec<_> = text[range.clone()].split('/').filter(|part| !part.is_empty()).collect();
    let whole = format!("{}{}{}", &text[..range.start], parts.join("/"), &text[range.end..]);
    Blame::new(slash, reason).replacement(whole)
}

fn bad_component(component: &str, start: usize) -> Blame {
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
    if let Some((at, bad)) = component.char_indices().find(|&(_, c)| !allowed(c)) {
        let range = start + at..start + at + bad.len_utf8();
        let reason = if bad.is_ascii_uppercase() {
            "a repository is written in lower case".to_owned()
        } else {
            format!("a repository cannot contain {}", describe(bad))
        };
        return Blame::new(range, reason);
    }
    // Only separators are left to be wrong: at an end, or in a row that is none.
    let separator = |c: char| matches!(c, '.' | '_' | '-');
    let mut at = 0;
    while let Some(found) = component[at..].find(separator).map(|found| at + found) {
        let end = component[found..].find(|c| !separator(c)).map_or(component.len(), |length| found + length);
        let run = &component[found..end];
        let range = start + found..start + end;
        if found == 0 || end == component.len() {
            let side = if found == 0 { "begin" } else { "end" };
            return Blame::new(range, format!("a part of a repository cannot {side} with `{run}`"));
        }
        if !matches!(run, "." | "_" | "__") && run.contains(['.', '_']) {
            return Blame::new(range, format!("a repository cannot contain `{run}`"))
                .help("between letters and digits stands one `.`, one or two `_`, or any number of `-`");
        }
        at = end;
    }
    Blame::new(start..start + component.len(), "this is no part of a repository")
}

fn tag(text: &str, range: Range<usize>) -> Option<Blame> {
    let tag = &text[range.clone()];
    if grammar::is_tag(tag.as_bytes()) {
        return None;
    }
    let before = &text[..range.start - 1];
    let after = &text[range.end..];
    if tag.is_empty() {
        return Some(
            Blame::new(range.start - 1..range.end, "the tag is empty").replacement(format!("{before}{after}")),
        );
    }
    if let Some((at, bad)) = tag.char_indices().find(|(_, c)| !c.is_ascii_alphanumeric() && !"_.-".contains(*c)) {
        let place = range.start + at..range.start + at + bad.len_utf8();
        let blame = Blame::new(place, format!("a tag cannot contain {}", describe(bad)));
        return Some(match bad {
            '+' => blame
                .help("build metadata is not allowed in a tag; Helm and others write `_` for the `+`")
                .replacement(format!("{before}:{}{after}", tag.replace('+', "_"))),
            '/' => blame.help("a tag stands at the end; before a `/` a colon is followed by a registry's port"),
            ':' => blame.help("only one tag is allowed"),
            _ => blame,
        });
    }
    Some(if tag.len() > 128 {
        Blame::new(range, format!("a tag has at most 128 characters, this one has {}", tag.len()))
    } else {
        Blame::new(range.start..range.start + 1, format!("a tag cannot begin with `{}`", &tag[..1]))
    })
}

/// What stands behind the `@` and is no digest at all.
fn malformed_digest(text: &str, start: usize) -> Option<Blame> {
    let digest = &text[start..];
    let shape = "a digest is `sha256:` and 64 hexadecimal digits";
    if digest.is_empty() {
        let bare = text[..start - 1].to_owned();
        return Some(Blame::new(start - 1..start, "there is no digest behind the `@`").replacement(bare));
    }
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return Some(
            Blame::new(start..text.len(), "this is no digest").help(format!("{shape}; a tag stands behind `:`")),
        );
    };
    let hex_start = start + algorithm.len() + 1;
    if let Some((hex, tag)) = hex.split_once(':') {
        let place = hex_start + hex.len()..text.len();
        let moved = format!("{}:{tag}@{algorithm}:{hex}", &text[..start - 1]);
        return Some(Blame::new(place, "a tag stands before the digest").replacement(moved));
    }
    if let Some((at, bad)) = hex.char_indices().find(|(_, c)| !c.is_ascii_hexdigit()) {
        let place = hex_start + at..hex_start + at + bad.len_utf8();
        return Some(Blame::new(place, format!("a digest cannot contain {}", describe(bad))).help(shape));
    }
    if hex.len() < 32 {
        let length = digest_length(algorithm).unwrap_or(64);
        let reason = format!("the digest is cut short: it has {} of {length} hexadecimal digits", hex.len());
        return Some(Blame::new(hex_start..text.len(), reason));
    }
    Some(Blame::new(start..start + algorithm.len(), format!("`{algorithm}` is no digest algorithm")).help(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text, the part to blame, the reason, the replacement.
    const CASES: &[(&str, &str, &str, Option<&str>)] = &[
        ("", "", "there is no image name", None),
        (" nginx", " ", "it begins with a space", Some("nginx")),
        ("nginx:1 \n", " \n", "it ends with a space", Some("nginx:1")),
        ("nginx\u{a0}", "\u{a0}", "it ends with a no-break space (U+00A0)", Some("nginx")),
        ("\u{200b}nginx", "\u{200b}", "it begins with a zero width space (U+200B)", Some("nginx")),
        ("ngi nx", " ", "an image cannot contain a space", None),
        ("https://ghcr.io/acme/app:1", "https://", "an image has no `https://` before it", Some("ghcr.io/acme/app:1")),
        ("docker://nginx", "docker://", "an image has no `docker://` before it", Some("nginx")),
        ("oci://ghcr.io/acme/app/", "oci://", "an image has no `oci://` before it", Some("ghcr.io/acme/app")),
        ("//ghcr.io/app", "//", "an image has no `//` before it", Some("ghcr.io/app")),
        ("'nginx'", "'", "an image cannot contain `'`", Some("nginx")),
        ("nginx:${TAG}", "$", "an image cannot contain `$`", None),
        ("Nginx:1", "Nginx", "a repository is written in lower case", Some("nginx:1")),
        ("ghcr.io/acme/My/App:V1", "My/App", "a repository is written in lower case", Some("ghcr.io/acme/my/app:V1")),
        ("a/bC@sha256:x", "bC", "a repository is written in lower case", None),
        ("My_Reg/app", "_", "a registry host cannot contain `_`", None),
        ("nginx:", ":", "the tag is empty", Some("nginx")),
        ("nginx:1.0+build", "+", "a tag cannot contain `+`", Some("nginx:1.0_build")),
        ("nginx:-1", "-", "a tag cannot begin with `-`", None),
        ("nginx:1:2", ":", "a tag cannot contain `:`", None),
        ("ghcr.io/app:1/x", "/", "a tag cannot contain `/`", None),
        ("reg.io:port/app", ":port", "`port` is no port", None),
        ("reg.io:/app", ":", "the port is empty", None),
        ("my_reg:5000/app", "_", "a registry host cannot contain `_`", None),
        ("-reg.io/app", "-reg", "a part of a host name cannot begin or end with `-`", None),
        ("reg.io./app", ".", "the host has an empty part", None),
        ("ghcr.io//app", "//", "a repository cannot contain `//`", Some("ghcr.io/app")),
        ("ghcr.io/acme//app", "//", "a repository cannot contain `//`", Some("ghcr.io/acme/app")),
        ("ghcr.io/acme/", "/", "a repository cannot end with `/`", Some("ghcr.io/acme")),
        ("/nginx", "/", "a name cannot begin with `/`", Some("nginx")),
        (":tag", "", "there is no repository name", None),
        ("a___b", "___", "a repository cannot contain `___`", None),
        ("acme/a..b", "..", "a repository cannot contain `..`", None),
        ("acme/a-", "-", "a part of a repository cannot end with `-`", None),
        ("nginx@", "@", "there is no digest behind the `@`", Some("nginx")),
        ("nginx@1.25", "1.25", "this is no digest", None),
        ("nginx@sha256:abc", "abc", "the digest is cut short: it has 3 of 64 hexadecimal digits", None),
        ("nginx@sha256:xyz", "x", "a digest cannot contain `x`", None),
    ];

    fn blamed(text: &str) -> Blame {
        Reference::parse(text).expect_err(text).blame(text)
    }

    #[test]
    fn the_fault_is_pointed_at() {
        for &(text, part, reason, replacement) in CASES {
            let blame = blamed(text);
            assert_eq!(&text[blame.range.clone()], part, "{text:?}: {blame:?}");
            assert_eq!(blame.reason, reason, "{text:?}");
            assert_eq!(blame.replacement.as_deref(), replacement, "{text:?}");
        }
    }

    #[test]
    fn digests_are_measured() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let short = blamed(&format!("nginx@sha256:{}", &hex[1..]));
        assert_eq!(short.reason, "a sha256 digest has 64 hexadecimal digits, this one has 63");
        let upper = blamed(&format!("nginx@sha256:{}", hex.to_uppercase()));
        assert_eq!(upper.replacement, Some(format!("nginx@sha256:{hex}")));
        let algorithm = blamed(&format!("nginx@SHA256:{hex}"));
        assert_eq!(algorithm.replacement, Some(format!("nginx@sha256:{hex}")));
        let moved = blamed(&format!("nginx@sha256:{hex}:1.25"));
        assert_eq!(moved.replacement, Some(format!("nginx:1.25@sha256:{hex}")));
        assert_eq!(blamed(&format!("nginx@md5:{}", &hex[..32])).reason, "`md5` is no algorithm that the kubelet knows");
        assert_eq!(blamed(hex).reason, "64 hexadecimal digits are an image id, not a name");
        let long = blamed(&"a".repeat(250));
        let reason = "the repository has 258 characters, 255 are allowed, the `library/` that Docker Hub adds included";
        assert_eq!(long.reason, reason);
        assert_eq!(
            blamed(&format!("a:{}", "t".repeat(129))).reason,
            "a tag has at most 128 characters, this one has 129"
        );
    }
}
