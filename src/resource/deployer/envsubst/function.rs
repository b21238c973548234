//! The functions of expressions, after `envsubst/funcs.go`. All work on bytes, so that a part of a value can be half
//! a character.

use super::SubstitutionError;
use super::glob::{BadPattern, matches};
use super::limit::Budget;
use super::parse::{Function, Stop};
use crate::text::go::utf8::decode_rune;

/// Applies a function other than the defaults to a value.
pub(super) fn apply(
    function: Function,
    value: &str,
    arguments: &[Vec<u8>],
    budget: &mut Budget,
) -> Result<Vec<u8>, Stop> {
    let bytes = value.as_bytes();
    let argument = |index: usize| arguments.get(index).map_or(&[][..], Vec::as_slice);
    let trimmed = |range: std::ops::Range<usize>| Ok(bytes[range].to_vec());
    match function {
        Function::Plain | Function::Default => Ok(bytes.to_vec()),
        Function::Length => Ok(bytes.len().to_string().into_bytes()),
        Function::LowerFirst => Ok(with_first(value, lower)),
        Function::Lower => Ok(value.chars().map(lower).collect::<String>().into_bytes()),
        Function::UpperFirst => Ok(with_first(value, upper)),
        Function::Upper => Ok(value.chars().map(upper).collect::<String>().into_bytes()),
        Function::Substring => substring(bytes, arguments),
        Function::TrimShortestPrefix => trimmed(shortest_prefix(bytes, argument(0), budget)?..bytes.len()),
        Function::TrimLongestPrefix => trimmed(longest_prefix(bytes, argument(0), budget)?..bytes.len()),
        Function::TrimShortestSuffix | Function::TrimLongestSuffix => {
            let (value, pattern) = (reversed(bytes), reversed(argument(0)));
            let end = match function {
                Function::TrimShortestSuffix => shortest_prefix(&value, &pattern, budget)?,
                _ => longest_prefix(&value, &pattern, budget)?,
            };
            Ok(reversed(&value[end..]))
        }
        Function::ReplaceFirst => replace(value, argument(0), argument(1), Some(1), budget),
        Function::ReplaceAll => replace(value, argument(0), argument(1), None, budget),
        // Without a replacement, `${a/#x/}` changes nothing.
        Function::ReplacePrefix if arguments.len() == 2 && bytes.starts_with(argument(0)) => {
            replace(value, argument(0), argument(1), Some(1), budget)
        }
        Function::ReplaceSuffix if arguments.len() == 2 && bytes.ends_with(argument(0)) => {
            Ok([&bytes[..bytes.len() - argument(0).len()], argument(1)].concat())
        }
        Function::ReplacePrefix | Function::ReplaceSuffix => Ok(bytes.to_vec()),
    }
}

/// `unicode.ToLower`: one character for one. Of its letters, 30 pairs are newer than the tables of Go 1.26.
fn lower(character: char) -> char {
    // The only character for which Rust has two.
    if character == '\u{130}' { 'i' } else { single(character, character.to_lowercase()) }
}

/// `unicode.ToUpper`: one character for one, so that `ß` stays.
fn upper(character: char) -> char {
    match character {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(u32::from(character) + 8).unwrap_or(character)
        }
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(u32::from(character) + 9).unwrap_or(character),
        _ => single(character, character.to_uppercase()),
    }
}

fn single(character: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => character,
    }
}

fn with_first(value: &str, map: fn(char) -> char) -> Vec<u8> {
    let mut rest = value.chars();
    let first = rest.next().map(map);
    first.into_iter().chain(rest).collect::<String>().into_bytes()
}

fn substring(value: &[u8], arguments: &[Vec<u8>]) -> Result<Vec<u8>, Stop> {
    let number = |index: usize| {
        let digits = std::str::from_utf8(arguments.get(index)?).ok()?;
        digits.parse::<i64>().ok()
    };
    let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let Some(mut start) = number(0) else { return Ok(value.to_vec()) };
    if start < 0 {
        start = (length + start).max(0);
    }
    let rest = || usize::try_from(start).ok().and_then(|start| value.get(start..)).unwrap_or_default().to_vec();
    if arguments.len() == 1 {
        return Ok(rest());
    }
    let Some(wanted) = number(1) else { return Ok(value.to_vec()) };
    let end = start.wrapping_add(wanted);
    if end >= length {
        return Ok(rest());
    }
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    // Go panics where the end is before the start, and the controller reports that as an error.
    let part = range.and_then(|(start, end)| value.get(start..end));
    part.map(<[u8]>::to_vec).ok_or(SubstitutionError::NegativeLength.into())
}

/// `strings.Replace`: an empty text is found before each character and at the end.
fn replace(value: &str, old: &[u8], new: &[u8], limit: Option<usize>, budget: &mut Budget) -> Result<Vec<u8>, Stop> {
    let limit = limit.unwrap_or(usize::MAX);
    let places: Vec<usize> = if old.is_empty() {
        value.char_indices().map(|(at, _)| at).chain([value.len()]).take(limit).collect()
    } else {
        memchr::memmem::find_iter(value.as_bytes(), old).take(limit).collect()
    };
    budget.spend(value.len() + places.len().saturating_mul(new.len()))?;
    let mut replaced = Vec::with_capacity(value.len());
    let mut from = 0;
    for at in places {
        replaced.extend_from_slice(&value.as_bytes()[from..at]);
        replaced.extend_from_slice(new);
        from = at + old.len();
    }
    replaced.extend_from_slice(&value.as_bytes()[from..]);
    Ok(replaced)
}

/// The length of the shortest prefix that fits, which is not empty; 0 if none does, or the pattern is malformed.
fn shortest_prefix(value: &[u8], pattern: &[u8], budget: &mut Budget) -> Result<usize, Stop> {
    let mut shortest = 0;
    for end in (1..=value.len()).rev() {
        match matches(pattern, &value[..end], budget)? {
            Ok(true) => shortest = end,
            Ok(false) => {}
            // Whether a pattern is malformed shows only where the matching gets there.
            Err(BadPattern) => return Ok(0),
        }
    }
    Ok(shortest)
}

fn longest_prefix(value: &[u8], pattern: &[u8], budget: &mut Budget) -> Result<usize, Stop> {
    for end in (1..=value.len()).rev() {
        match matches(pattern, &value[..end], budget)? {
            Ok(true) => return Ok(end),
            Ok(false) => {}
            Err(BadPattern) => return Ok(0),
        }
    }
    Ok(0)
}

/// The characters in reverse order. Go turns every bad byte into U+FFFD.
fn reversed(mut bytes: &[u8]) -> Vec<u8> {
    let mut characters = Vec::with_capacity(bytes.len());
    while !bytes.is_empty() {
        let (character, width) = decode_rune(bytes);
        characters.push(character);
        bytes = &bytes[width..];
    }
    characters.iter().rev().collect::<String>().into_bytes()
}
