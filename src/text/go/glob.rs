//! `path/filepath.Match` as it works on Linux: the kubelet matches every label of a registry key against the
//! image's.

use super::utf8::decode_rune;

/// `ErrBadPattern`: the pattern is malformed, and for the kubelet the key does not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadPattern;

/// Whether a pattern contains anything but literal characters.
pub(crate) fn has_meta(pattern: &[u8]) -> bool {
    pattern.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'))
}

/// Whether a name matches a pattern, as in `filepath.Match(pattern, name)`.
pub(crate) fn matches(mut pattern: &[u8], mut name: &[u8]) -> Result<bool, BadPattern> {
    'pattern: while !pattern.is_empty() {
        let (star, chunk, rest) = scan_chunk(pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            return Ok(!name.contains(&b'/'));
        }
        // The last chunk must use up the name, or a star before it could still match later.
        if let Some(left) = match_chunk(chunk, name)?
            && (left.is_empty() || !pattern.is_empty())
        {
            name = left;
            continue;
        }
        if star {
            for skipped in 0..name.len() {
                if name[skipped] == b'/' {
                    break;
                }
                if let Some(left) = match_chunk(chunk, &name[skipped + 1..])? {
                    if pattern.is_empty() && !left.is_empty() {
                        continue;
                    }
                    name = left;
                    continue 'pattern;
                }
            }
        }
        return Ok(false);
    }
    Ok(name.is_empty())
}

/// Returns the next run without a star, whether stars precede it, and what follows.
pub(crate) fn scan_chunk(mut pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let mut star = false;
    while let [b'*', rest @ ..] = pattern {
        pattern = rest;
        star = true;
    }
    let mut in_class = false;
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            b'\\' if at + 1 < pattern.len() => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'*' if !in_class => break,
            _ => {}
        }
        at += 1;
    }
    (star, &pattern[..at], &pattern[at..])
}

/// Returns the rest of `name` after the chunk; `None` if it does not begin with the chunk. The whole chunk is
/// checked even then, because a malformed pattern is an error wherever the name ends.
fn match_chunk<'n>(mut chunk: &[u8], mut name: &'n [u8]) -> Result<Option<&'n [u8]>, BadPattern> {
    let mut failed = false;
    while let Some((&first, rest)) = chunk.split_first() {
        failed |= name.is_empty();
        match first {
            b'[' => {
                let mut character = '\0';
                if !failed {
                    let (decoded, width) = decode_rune(name);
                    character = decoded;
                    name = &name[width..];
                }
                let (hit, after) = match_class(rest, character)?;
                failed |= !hit;
                chunk = after;
            }
            b'?' => {
                if !failed {
                    failed = name[0] == b'/';
                    name = &name[decode_rune(name).1..];
                }
                chunk = rest;
            }
            _ => {
                let (literal, after) = if first == b'\\' {
                    rest.split_first().map(|(&byte, after)| (byte, after)).ok_or(BadPattern)?
                } else {
                    (first, rest)
                };
                if !failed {
                    failed = literal != name[0];
                    name = &name[1..];
                }
                chunk = after;
            }
        }
    }
    Ok((!failed).then_some(name))
}

/// Parses a character class from after its `[`: returns whether it contains the character, and what follows its `]`.
pub(crate) fn match_class(mut chunk: &[u8], character: char) -> Result<(bool, &[u8]), BadPattern> {
    let mut negated = false;
    if let [b'^', rest @ ..] = chunk {
        negated = true;
        chunk = rest;
    }
    let mut hit = false;
    let mut ranges = 0;
    loop {
        if let [b']', rest @ ..] = chunk
            && ranges > 0
        {
            return Ok((hit != negated, rest));
        }
        let (low, rest) = class_character(chunk)?;
        chunk = rest;
        let mut high = low;
        if let [b'-', rest @ ..] = chunk {
            (high, chunk) = class_character(rest)?;
        }
        hit |= low <= character && character <= high;
        ranges += 1;
    }
}

/// `getEsc`: one character of a class; something must follow it.
fn class_character(mut chunk: &[u8]) -> Result<(char, &[u8]), BadPattern> {
    match chunk {
        [] | [b'-' | b']', ..] => return Err(BadPattern),
        [b'\\', rest @ ..] => chunk = rest,
        _ => {}
    }
    let (character, width) = decode_rune(chunk);
    if character == char::REPLACEMENT_CHARACTER && width <= 1 || chunk.len() == width {
        return Err(BadPattern);
    }
    Ok((character, &chunk[width..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None` is a malformed pattern.
    const CASES: &[(&str, &str, Option<bool>)] = &[
        ("abc", "abc", Some(true)),
        ("*", "", Some(true)),
        ("*", "abc", Some(true)),
        ("*c", "abc", Some(true)),
        ("a*", "a", Some(true)),
        ("a*", "ab/c", Some(false)),
        ("a*b*c*d*e*", "axbxcxdxe", Some(true)),
        ("a*b?c*x", "abxbbxdbxebxczzy", Some(false)),
        ("ab[c]", "abc", Some(true)),
        ("ab[b-d]", "abc", Some(true)),
        ("ab[^c]", "abc", Some(false)),
        ("ab[^e-g]", "abc", Some(true)),
        ("a\\*b", "a*b", Some(true)),
        ("a\\*b", "ab", Some(false)),
        ("a?b", "a☺b", Some(true)),
        ("a[^a]b", "a☺b", Some(true)),
        ("[a-ζ]*", "α", Some(true)),
        ("*[a-ζ]", "A", Some(false)),
        ("[\\]a]", "]", Some(true)),
        ("[x\\-]", "-", Some(true)),
        ("[]a]", "]", None),
        ("[-]", "-", None),
        ("[x-]", "x", None),
        ("[-x]", "x", None),
        ("\\", "a", None),
        ("[a-b-c]", "a", None),
        ("[", "a", None),
        ("[^", "a", None),
        ("[^bc", "a", None),
        ("a[", "a", None),
        ("a[", "ab", None),
        ("a[", "x", None),
        ("a/b[", "x", None),
        ("*x", "xxx", Some(true)),
        ("", "", Some(true)),
        ("", "a", Some(false)),
    ];

    #[test]
    fn patterns_match_as_in_go() {
        for &(pattern, name, expected) in CASES {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()).ok(), expected, "{pattern:?} {name:?}");
        }
    }
}
