//! The fault in a reference that the grammar rejects as a whole: its parts, from left to right.

use std::ops::Range;

use super::{Diagnosis, describe};
use crate::image::reference::grammar::{self, digest_length};

/// Finds the first part at fault, from left to right.
pub(super) fn diagnose(text: &str) -> Diagnosis {
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
        .unwrap_or_else(|| Diagnosis::new(0..text.len(), "it is not an image name"))
}

/// A registry that is not a valid host.
fn host(host: &str) -> Diagnosis {
    if host.starts_with('[') {
        return Diagnosis::new(0..host.len(), "a host in brackets must be an IPv6 address, with a port of digits");
    }
    let colon = host.find(':').unwrap_or(host.len());
    let port = colon + 1..host.len();
    if colon < host.len() && (port.is_empty() || !host[port.clone()].bytes().all(|byte| byte.is_ascii_digit())) {
        let reason = if port.is_empty() {
            "the port is empty".to_owned()
        } else {
            format!("`{}` is not a port", &host[port.clone()])
        };
        return Diagnosis::new(colon..host.len(), reason)
            .help("a port is a number, as in `registry.example.com:5000/app`");
    }
    let mut start = 0;
    for label in host[..colon].split('.') {
        let end = start + label.len();
        if !grammar::is_domain_label(label.as_bytes()) {
            return bad_label(label, start..end);
        }
        start = end + 1;
    }
    Diagnosis::new(0..host.len(), "this is not a registry host")
}

fn bad_label(label: &str, range: Range<usize>) -> Diagnosis {
    if label.is_empty() {
        // The superfluous dot is the one before, or the first.
        return Diagnosis::new(range.start.saturating_sub(1)..range.start.max(1), "the host has an empty part");
    }
    if let Some(at) = label.find('_') {
        let range = range.start + at..range.start + at + 1;
        return Diagnosis::new(range, "a registry host cannot contain `_`")
            .help("use a name with `-`, or an IP address");
    }
    match label.char_indices().find(|(_, c)| !c.is_ascii_alphanumeric() && *c != '-') {
        Some((at, bad)) => {
            let range = range.start + at..range.start + at + bad.len_utf8();
            Diagnosis::new(range, format!("a registry host cannot contain {}", describe(bad)))
        }
        None => Diagnosis::new(range, "a part of a host name cannot begin or end with `-`"),
    }
}

/// The first invalid component of the path.
fn path(text: &str, range: Range<usize>) -> Option<Diagnosis> {
    if range.is_empty() {
        let range = range.start.saturating_sub(1)..range.end;
        return Some(Diagnosis::new(range, "there is no repository name"));
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

fn slash(text: &str, at: usize, range: &Range<usize>) -> Diagnosis {
    let (slash, reason) = if at == 0 {
        (0..1, "a name cannot begin with `/`")
    } else if text[at..].starts_with('/') {
        (at - 1..at + 1, "a repository cannot contain `//`")
    } else {
        (at - 1..at, "a repository cannot end with `/`")
    };
    let parts: Vec<_> = text[range.clone()].split('/').filter(|part| !part.is_empty()).collect();
    if at == range.end && at < text.len() {
        // Before a tag or digest, a name was meant to be here.
        return Diagnosis::new(slash, reason).help("write the missing name after the slash");
    }
    let whole = format!("{}{}{}", &text[..range.start], parts.join("/"), &text[range.end..]);
    Diagnosis::new(slash, reason).replacement(whole)
}

fn bad_component(component: &str, start: usize) -> Diagnosis {
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
    if let Some((at, bad)) = component.char_indices().find(|&(_, c)| !allowed(c)) {
        let range = start + at..start + at + bad.len_utf8();
        let reason = if bad.is_ascii_uppercase() {
            "a repository must be lowercase".to_owned()
        } else {
            format!("a repository cannot contain {}", describe(bad))
        };
        return Diagnosis::new(range, reason);
    }
    // Only separators can be wrong now: at an end, or in an invalid sequence.
    let separator = |c: char| matches!(c, '.' | '_' | '-');
    let mut at = 0;
    while let Some(found) = component[at..].find(separator).map(|found| at + found) {
        let end = component[found..].find(|c| !separator(c)).map_or(component.len(), |length| found + length);
        let run = &component[found..end];
        let range = start + found..start + end;
        if found == 0 || end == component.len() {
            let side = if found == 0 { "begin" } else { "end" };
            return Diagnosis::new(range, format!("a part of a repository cannot {side} with `{run}`"));
        }
        if !matches!(run, "." | "_" | "__") && run.contains(['.', '_']) {
            return Diagnosis::new(range, format!("a repository cannot contain `{run}`"))
                .help("letters and digits can be separated by one `.`, one or two `_`, or any number of `-`");
        }
        at = end;
    }
    Diagnosis::new(start..start + component.len(), "this is not a valid part of a repository")
}

/// The digits of an integer that Go prints as a float. A values file has only floats, so its `7284872` is
/// `7.284872e+06` in Helm's output (3.22 and 4.2).
fn printed_number(tag: &str) -> Option<String> {
    let (mantissa, exponent) = tag.split_once("e+")?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: usize = exponent.parse().ok()?;
    let is_number = whole.len() == 1 && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    // Floats contain no more digits exactly.
    let is_whole = (fraction.len()..=15).contains(&exponent);
    (is_number && is_whole).then(|| format!("{whole}{fraction}{}", "0".repeat(exponent - fraction.len())))
}

fn tag(text: &str, range: Range<usize>) -> Option<Diagnosis> {
    let tag = &text[range.clone()];
    if grammar::is_tag(tag.as_bytes()) {
        return None;
    }
    let before = &text[..range.start - 1];
    let after = &text[range.end..];
    if tag.is_empty() {
        let diagnosis = Diagnosis::new(range.start - 1..range.end, "the tag is empty");
        return Some(if after.is_empty() {
            // Without the colon the kubelet would pull `latest`, which is probably not intended.
            diagnosis.help(format!("write the tag after the colon: `{before}:<version>`"))
        } else {
            diagnosis.replacement(format!("{before}{after}"))
        });
    }
    if let Some((at, bad)) = tag.char_indices().find(|(_, c)| !c.is_ascii_alphanumeric() && !"_.-".contains(*c)) {
        let place = range.start + at..range.start + at + bad.len_utf8();
        let diagnosis = Diagnosis::new(place, format!("a tag cannot contain {}", describe(bad)));
        return Some(match bad {
            '+' if let Some(digits) = printed_number(tag) => diagnosis.help(format!(
                "Helm prints a number of its values this way: quote the tag there (`tag: \"{digits}\"`)"
            )),
            '+' => diagnosis
                .help("build metadata is not allowed in a tag; Helm and others write `_` for the `+`")
                .replacement(format!("{before}:{}{after}", tag.replace('+', "_"))),
            '/' => diagnosis.help("a tag is at the end; before a `/`, a colon is followed by the port of a registry"),
            ':' => diagnosis.help("only one tag is allowed"),
            _ => diagnosis,
        });
    }
    Some(if tag.len() > 128 {
        Diagnosis::new(range, format!("a tag has at most 128 characters, this one has {}", tag.len()))
    } else {
        Diagnosis::new(range.start..range.start + 1, format!("a tag cannot begin with `{}`", &tag[..1]))
    })
}

/// The text after the `@` if it is not a digest at all.
fn malformed_digest(text: &str, start: usize) -> Option<Diagnosis> {
    let digest = &text[start..];
    let shape = "a digest is `sha256:` and 64 hexadecimal digits";
    if digest.is_empty() {
        let bare = text[..start - 1].to_owned();
        return Some(Diagnosis::new(start - 1..start, "there is no digest after the `@`").replacement(bare));
    }
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return Some(
            Diagnosis::new(start..text.len(), "this is not a digest").help(format!("{shape}; a tag follows `:`")),
        );
    };
    let hex_start = start + algorithm.len() + 1;
    if let Some((hex, tag)) = hex.split_once(':') {
        let place = hex_start + hex.len()..text.len();
        let moved = format!("{}:{tag}@{algorithm}:{hex}", &text[..start - 1]);
        return Some(Diagnosis::new(place, "a tag must be before the digest").replacement(moved));
    }
    if let Some((at, bad)) = hex.char_indices().find(|(_, c)| !c.is_ascii_hexdigit()) {
        let place = hex_start + at..hex_start + at + bad.len_utf8();
        return Some(Diagnosis::new(place, format!("a digest cannot contain {}", describe(bad))).help(shape));
    }
    if hex.len() < 32 {
        let length = digest_length(algorithm).unwrap_or(64);
        let reason = format!("the digest is cut short: it has {} of {length} hexadecimal digits", hex.len());
        return Some(
            Diagnosis::new(hex_start..text.len(), reason)
                .help(format!("copy the whole digest, from `{algorithm}:` on")),
        );
    }
    Some(Diagnosis::new(start..start + algorithm.len(), format!("`{algorithm}` is not a digest algorithm")).help(shape))
}
