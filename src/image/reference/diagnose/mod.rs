//! The place and description of the fault in a reference.
//!
//! The grammar only rejects. This module looks for the one fault that a person would point at, most telling first:
//! text around the name, then the fault that the error names, then the parts from left to right.

mod parts;

use std::ops::Range;

use super::grammar::{self, digest_length};
use super::{MAX_PATH, Reference, ReferenceError};
use crate::text::go::quote::is_print;

/// The part of a reference that is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// Byte range in the text as written; empty if something is missing.
    pub range: Range<usize>,
    /// The fault, as a clause: "the tag is empty".
    pub reason: String,
    /// What to do, if the replacement does not show it.
    pub help: Option<String>,
    /// The whole text as it could be written. It can be parsed.
    pub replacement: Option<String>,
}

impl Diagnosis {
    fn new(range: Range<usize>, reason: impl Into<String>) -> Self {
        Self { range, reason: reason.into(), help: None, replacement: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets a replacement, which is offered only if the kubelet accepts it.
    fn replacement(mut self, text: String) -> Self {
        self.replacement = Reference::parse(&text).is_ok().then_some(text);
        self
    }
}

/// Finds the part of `text` that causes `error`.
pub(super) fn diagnose(error: &ReferenceError, text: &str) -> Diagnosis {
    around(text).unwrap_or_else(|| match error {
        ReferenceError::Identifier(_) => identifier(text),
        ReferenceError::Uppercase(_) => uppercase(text),
        ReferenceError::TooLong => too_long(text),
        ReferenceError::DigestAlgorithm | ReferenceError::DigestLength | ReferenceError::DigestFormat => digest(text),
        ReferenceError::Format | ReferenceError::LowercaseOnly => parts::diagnose(text),
    })
}

/// Space, quotes, schemes and foreign characters: faults that do not concern the grammar's parts.
fn around(text: &str) -> Option<Diagnosis> {
    if text.is_empty() {
        return Some(Diagnosis::new(0..0, "the image name is empty"));
    }
    let is_blank = |c: char| c.is_whitespace() || !is_print(c);
    let trimmed = text.trim_matches(is_blank);
    if trimmed.len() != text.len() {
        let start = text.len() - text.trim_start_matches(is_blank).len();
        let (range, side) = if start > 0 { (0..start, "begins") } else { (trimmed.len()..text.len(), "ends") };
        let what = text[range.clone()].chars().next().map_or_else(String::new, describe);
        return Some(Diagnosis::new(range, format!("it {side} with {what}")).replacement(trimmed.to_owned()));
    }
    if let Some(scheme) = scheme(text) {
        let rest = text[scheme.end..].trim_end_matches('/').to_owned();
        let reason = format!("an image has no `{}` before it", &text[scheme.clone()]);
        return Some(Diagnosis::new(scheme, reason).replacement(rest));
    }
    let (at, bad) =
        text.char_indices().find(|&(_, c)| !c.is_ascii_graphic() || "\"'`$<>{}\\,;!?=&#%|^~()*".contains(c))?;
    let diagnosis = Diagnosis::new(at..at + bad.len_utf8(), format!("an image cannot contain {}", describe(bad)));
    Some(match bad {
        '"' | '\'' | '`' => diagnosis
            .help("the quotes are part of the value: quote it once")
            .replacement(text.replace(['"', '\'', '`'], "")),
        '$' | '<' | '>' | '{' | '}' => diagnosis.help("this looks like a variable that was not filled in"),
        '%' if text.starts_with('[') => diagnosis.help("an IPv6 address cannot have a zone here"),
        _ => diagnosis,
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

/// The range of a scheme: `https://`, `docker://`, `oci://`… or `//` alone.
fn scheme(text: &str) -> Option<Range<usize>> {
    let end = text.find("://").map_or_else(|| text.starts_with("//").then_some(2), |at| Some(at + 3))?;
    let word = text[..end].trim_end_matches('/').trim_end_matches(':');
    word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)).then_some(0..end)
}

fn identifier(text: &str) -> Diagnosis {
    Diagnosis::new(0..text.len(), "64 hexadecimal digits are an image id, not a name")
        .help(format!("write the repository before the digest: `NAME@sha256:{text}`"))
}

/// Finds upper case in the text that the parser takes for the repository.
fn uppercase(text: &str) -> Diagnosis {
    let start = text.len() - grammar::split_domain(text).1.len();
    let end = text[start..].find(':').map_or(text.len(), |colon| start + colon);
    let upper = |(_, c): &(usize, char)| grammar::has_upper(c.encode_utf8(&mut [0; 4]));
    let first = text[start..end].char_indices().find(upper).map_or(start, |(at, _)| start + at);
    let lowered = format!("{}{}{}", &text[..start], text[start..end].to_lowercase(), &text[end..]);
    if text[start..first].contains('@') {
        let algorithm = text[..first].rfind('@').map_or(first, |at| at + 1);
        return Diagnosis::new(algorithm..end, "the algorithm of a digest must be lowercase").replacement(lowered);
    }
    // The complete words that contain upper case, from the first to the last.
    let last = text[start..end].char_indices().rfind(upper).map_or(first, |(at, _)| start + at);
    let from = text[start..first].rfind('/').map_or(start, |slash| start + slash + 1);
    let to = text[last..end].find(['/', '@']).map_or(end, |slash| last + slash);
    Diagnosis::new(from..to, "a repository must be lowercase").replacement(lowered)
}

fn too_long(text: &str) -> Diagnosis {
    let (domain, remainder) = grammar::split_domain(text);
    let start = text.len() - remainder.len();
    let end = text[start..].find([':', '@']).map_or(text.len(), |at| start + at);
    let length = end - start + if domain.library { "library/".len() } else { 0 };
    let filled = if domain.library { ", the `library/` that Docker Hub adds included" } else { "" };
    Diagnosis::new(start..end, format!("the repository has {length} characters, {MAX_PATH} are allowed{filled}"))
}

/// A digest that the grammar accepts, but no algorithm does.
fn digest(text: &str) -> Diagnosis {
    let at = text.rfind('@').map_or(0, |at| at + 1);
    let (algorithm, hex) = text[at..].split_once(':').unwrap_or((&text[at..], ""));
    let hex_start = at + algorithm.len() + 1;
    let lowered = format!("{}{}", &text[..at], text[at..].to_lowercase());
    match digest_length(algorithm) {
        None if digest_length(&algorithm.to_lowercase()).is_some() => {
            Diagnosis::new(at..at + algorithm.len(), "the algorithm of a digest must be lowercase").replacement(lowered)
        }
        None => {
            Diagnosis::new(at..at + algorithm.len(), format!("the kubelet does not know the algorithm `{algorithm}`"))
                .help("use a sha256 digest")
        }
        Some(length) if hex.len() != length => Diagnosis::new(
            hex_start..text.len(),
            format!("a {algorithm} digest has {length} hexadecimal digits, this one has {}", hex.len()),
        )
        .help(format!("copy the whole digest, from `{algorithm}:` on")),
        Some(_) => Diagnosis::new(hex_start..text.len(), "a digest must be lowercase").replacement(lowered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text, the part at fault, the reason, the replacement.
    const CASES: &[(&str, &str, &str, Option<&str>)] = &[
        ("", "", "the image name is empty", None),
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
        ("Nginx:1", "Nginx", "a repository must be lowercase", Some("nginx:1")),
        ("ghcr.io/acme/My/App:V1", "My/App", "a repository must be lowercase", Some("ghcr.io/acme/my/app:V1")),
        ("a/bC@sha256:x", "bC", "a repository must be lowercase", None),
        ("My_Reg/app", "_", "a registry host cannot contain `_`", None),
        ("nginx:", ":", "the tag is empty", None),
        ("nginx:@sha256:abc", ":", "the tag is empty", None),
        ("ghcr.io/acme/:1", "/", "a repository cannot end with `/`", None),
        ("nginx:1.0+build", "+", "a tag cannot contain `+`", Some("nginx:1.0_build")),
        ("nginx:-1", "-", "a tag cannot begin with `-`", None),
        ("nginx:1:2", ":", "a tag cannot contain `:`", None),
        ("ghcr.io/app:1/x", "/", "a tag cannot contain `/`", None),
        ("reg.io:port/app", ":port", "`port` is not a port", None),
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
        ("nginx@", "@", "there is no digest after the `@`", Some("nginx")),
        ("nginx@1.25", "1.25", "this is not a digest", None),
        ("nginx@sha256:abc", "abc", "the digest is cut short: it has 3 of 64 hexadecimal digits", None),
        ("nginx@sha256:xyz", "x", "a digest cannot contain `x`", None),
    ];

    fn diagnosis_of(text: &str) -> Diagnosis {
        Reference::parse(text).expect_err(text).diagnose(text)
    }

    #[test]
    fn invalid_part_of_reference_is_located_and_corrected() {
        for &(text, part, reason, replacement) in CASES {
            let diagnosis = diagnosis_of(text);
            assert_eq!(&text[diagnosis.range.clone()], part, "{text:?}: {diagnosis:?}");
            assert_eq!(diagnosis.reason, reason, "{text:?}");
            assert_eq!(diagnosis.replacement.as_deref(), replacement, "{text:?}");
        }
    }

    #[test]
    fn help_asks_for_the_missing_part() {
        let help = |text| diagnosis_of(text).help.unwrap_or_default();
        assert_eq!(help("ghcr.io/acme/app:"), "write the tag after the colon: `ghcr.io/acme/app:<version>`");
        assert_eq!(help("ghcr.io/acme/:1"), "write the missing name after the slash");
        assert_eq!(help("nginx@sha256:abc"), "copy the whole digest, from `sha256:` on");
    }

    #[test]
    fn invalid_digests_and_lengths_are_explained() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let short = diagnosis_of(&format!("nginx@sha256:{}", &hex[1..]));
        assert_eq!(short.reason, "a sha256 digest has 64 hexadecimal digits, this one has 63");
        assert_eq!(short.help.as_deref(), Some("copy the whole digest, from `sha256:` on"));
        let upper = diagnosis_of(&format!("nginx@sha256:{}", hex.to_uppercase()));
        assert_eq!(upper.replacement, Some(format!("nginx@sha256:{hex}")));
        let algorithm = diagnosis_of(&format!("nginx@SHA256:{hex}"));
        assert_eq!(algorithm.replacement, Some(format!("nginx@sha256:{hex}")));
        let moved = diagnosis_of(&format!("nginx@sha256:{hex}:1.25"));
        assert_eq!(moved.replacement, Some(format!("nginx:1.25@sha256:{hex}")));
        assert_eq!(
            diagnosis_of(&format!("nginx@md5:{}", &hex[..32])).reason,
            "the kubelet does not know the algorithm `md5`"
        );
        assert_eq!(diagnosis_of(hex).reason, "64 hexadecimal digits are an image id, not a name");
        let long = diagnosis_of(&"a".repeat(250));
        let reason = "the repository has 258 characters, 255 are allowed, the `library/` that Docker Hub adds included";
        assert_eq!(long.reason, reason);
        assert_eq!(
            diagnosis_of(&format!("a:{}", "t".repeat(129))).reason,
            "a tag has at most 128 characters, this one has 129"
        );
    }
}
