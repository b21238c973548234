//! The grammar of references: `ParseNormalizedNamed`, `Parse` and go-digest's `Parse`, in their order, because the
//! first of several faults decides the message.

use super::{MAX_PATH, ReferenceError};

/// A parsed reference; everything except the digest's validity has been checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'t> {
    /// `None` if the grammar takes the whole name for a path (`my_reg.io/app`).
    pub(super) domain: Option<Domain<'t>>,
    pub(super) path: &'t str,
    pub(super) tag: Option<&'t str>,
    pub(super) digest: Option<&'t str>,
}

/// The registry, as written or filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Domain<'t> {
    pub(super) name: &'t str,
    /// Whether `library/` is added before the path.
    pub(super) library: bool,
}

/// Parses a text like `ParseNormalizedNamed`.
pub(super) fn parse(text: &str) -> Result<Parts<'_>, ReferenceError> {
    if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'a'..=b'f' | b'0'..=b'9')) {
        return Err(ReferenceError::Identifier(text.to_owned()));
    }
    let (domain, remainder) = split_domain(text);
    let library = if domain.library { "library/" } else { "" };
    let remote = remainder.split(':').next().unwrap_or(remainder);
    if has_upper(remote) {
        return Err(ReferenceError::Uppercase(format!("{library}{remote}")));
    }
    let Some(parts) = match_reference(text, domain, remainder) else {
        return Err(if matches_in_lower_case(text) { ReferenceError::LowercaseOnly } else { ReferenceError::Format });
    };
    if library.len() + parts.path.len() > MAX_PATH {
        return Err(ReferenceError::TooLong);
    }
    parts.digest.map_or(Ok(()), check_digest)?;
    Ok(parts)
}

/// `splitDockerDomain`: the registry, and the rest of the text.
pub(super) fn split_domain(text: &str) -> (Domain<'_>, &str) {
    let hub = |library| Domain { name: "docker.io", library };
    // A name without a slash never has a registry, not even `ghcr.io` or `localhost:5000`.
    let Some((first, rest)) = text.split_once('/') else { return (hub(true), text) };
    match first {
        "index.docker.io" | "docker.io" => (hub(!rest.contains('/')), rest),
        _ if first == "localhost" || first.contains(['.', ':']) || has_upper(first) => {
            (Domain { name: first, library: false }, rest)
        }
        _ => (hub(false), text),
    }
}

/// `strings.ToLower(text) != text`, for any script.
pub(super) fn has_upper(text: &str) -> bool {
    if text.is_ascii() {
        return text.bytes().any(|byte| byte.is_ascii_uppercase());
    }
    text.chars().any(|character| !character.to_lowercase().eq([character]))
}

/// `ReferenceRegexp` on `domain/remainder`. Every part ends at a character that the part itself cannot contain, so no
/// backtracking is needed. Only an invalid domain is tried again as part of the path.
fn match_reference<'t>(text: &'t str, domain: Domain<'t>, remainder: &'t str) -> Option<Parts<'t>> {
    let domain = is_domain(domain.name.as_bytes()).then_some(domain);
    let rest = if domain.is_some() { remainder } else { text };
    let path_end = rest.bytes().position(|byte| matches!(byte, b':' | b'@')).unwrap_or(rest.len());
    let (path, rest) = rest.split_at(path_end);
    let (name, digest) = match rest.split_once('@') {
        Some((tag, digest)) => (tag, Some(digest)),
        None => (rest, None),
    };
    let tag = name.strip_prefix(':');
    let well_formed = is_path(path.as_bytes())
        && (name.is_empty() || tag.is_some_and(|tag| is_tag(tag.as_bytes())))
        && digest.is_none_or(|digest| is_digest(digest.as_bytes()));
    well_formed.then_some(Parts { domain, path, tag, digest })
}

/// Whether the grammar accepts `strings.ToLower` of a text that it refused. In addition to the ASCII letters there
/// are two characters whose lower case is ASCII.
fn matches_in_lower_case(text: &str) -> bool {
    let lower = |character: char| match character {
        '\u{212a}' => 'k',
        '\u{130}' => 'i',
        other => other.to_ascii_lowercase(),
    };
    let lowered: String = text.chars().map(lower).collect();
    if lowered == text {
        return false;
    }
    // The registry was split off the text as written.
    let (domain, remainder) = split_domain(text);
    let cut = text.len() - remainder.len();
    let name: String = if cut == 0 { domain.name.to_owned() } else { domain.name.chars().map(lower).collect() };
    let remainder: String = remainder.chars().map(lower).collect();
    match_reference(&lowered, Domain { name: &name, library: domain.library }, &remainder).is_some()
}

/// `domain`: labels of letters, digits and inner hyphens, or an IPv6 address in brackets; then perhaps a port.
pub(super) fn is_domain(domain: &[u8]) -> bool {
    let (host, port) = match domain {
        [b'[', rest @ ..] => {
            let Some(close) = rest.iter().position(|&byte| byte == b']') else { return false };
            if close == 0 || !rest[..close].iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b':') {
                return false;
            }
            (None, &rest[close + 1..])
        }
        _ => {
            let end = domain.iter().position(|&byte| byte == b':').unwrap_or(domain.len());
            (Some(&domain[..end]), &domain[end..])
        }
    };
    host.is_none_or(|host| host.split(|&byte| byte == b'.').all(is_domain_label)) && is_optional_port(port)
}

/// One label of a host name.
pub(super) fn is_domain_label(label: &[u8]) -> bool {
    matches!((label.first(), label.last()), (Some(first), Some(last))
        if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric())
        && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn is_optional_port(port: &[u8]) -> bool {
    match port {
        [] => true,
        [b':', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

fn is_path(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/').all(is_path_component)
}

/// Lower-case letters and digits, with one `.`, one or two `_`, or any number of `-` between them.
pub(super) fn is_path_component(component: &[u8]) -> bool {
    let mut rest = component;
    loop {
        let letters = rest.iter().take_while(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9')).count();
        if letters == 0 {
            return false;
        }
        rest = match &rest[letters..] {
            [] => return true,
            [b'_', b'_', rest @ ..] | [b'_' | b'.', rest @ ..] => rest,
            [b'-', rest @ ..] => &rest[rest.iter().take_while(|&&byte| byte == b'-').count()..],
            _ => return false,
        };
    }
}

/// Up to 128 letters, digits, `_`, `.` and `-`, the first neither `.` nor `-`.
pub(super) fn is_tag(tag: &[u8]) -> bool {
    matches!(tag, [first, ..] if is_word(*first))
        && tag.len() <= 128
        && tag.iter().all(|&byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// `algorithm:hex` as the grammar defines it: any algorithm, 32 hexadecimal digits or more, in any case.
fn is_digest(digest: &[u8]) -> bool {
    let Some(colon) = digest.iter().position(|&byte| byte == b':') else { return false };
    let (algorithm, hex) = (&digest[..colon], &digest[colon + 1..]);
    hex.len() >= 32
        && hex.iter().all(u8::is_ascii_hexdigit)
        && algorithm
            .split(|byte| b"-_+.".contains(byte))
            .all(|part| matches!(part, [first, rest @ ..] if first.is_ascii_alphabetic() && rest.iter().all(u8::is_ascii_alphanumeric)))
}

/// The number of hexadecimal digits of an algorithm that the kubelet knows.
pub(super) fn digest_length(algorithm: &str) -> Option<usize> {
    match algorithm {
        "sha256" => Some(64),
        "sha384" => Some(96),
        "sha512" => Some(128),
        _ => None,
    }
}

/// `Digest.Validate` of go-digest, for digests that [`is_digest`] accepted.
fn check_digest(digest: &str) -> Result<(), ReferenceError> {
    let (algorithm, hex) = digest.split_once(':').unwrap_or((digest, ""));
    let has_upper = |text: &str| text.bytes().any(|byte| byte.is_ascii_uppercase());
    match digest_length(algorithm) {
        // Only a name in lower case is an algorithm at all.
        None if has_upper(algorithm) => Err(ReferenceError::DigestFormat),
        None => Err(ReferenceError::DigestAlgorithm),
        Some(length) if hex.len() != length => Err(ReferenceError::DigestLength),
        Some(_) if has_upper(hex) => Err(ReferenceError::DigestFormat),
        Some(_) => Ok(()),
    }
}

/// `parseUnnormalizedShortName` of containers/image: the text as written has no registry with a dot or a colon in it,
/// and not `localhost`.
pub(super) fn is_short_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((first, _)) => !((first.contains(['.', ':']) && is_domain(first.as_bytes())) || first == "localhost"),
        None => true,
    }
}
