//! Patterns of `${a#x}` and the like, after `envsubst/path/match.go`: Go's `path.Match` in its state of 2010, changed
//! so that a star fits slashes too. A malformed pattern is an error only where the matching gets to it.

use super::limit::Budget;
use super::parse::Stop;
pub(super) use crate::text::go::glob::BadPattern;
use crate::text::go::glob::{match_class, scan_chunk};
use crate::text::go::utf8::decode_rune;

/// Whether a pattern fits a whole name.
pub(super) fn matches(pattern: &[u8], name: &[u8], budget: &mut Budget) -> Result<Result<bool, BadPattern>, Stop> {
    let (mut pattern, mut name) = (pattern, name);
    'pattern: while !pattern.is_empty() {
        let (star, chunk, rest) = scan_chunk(pattern);
        budget.spend(pattern.len() - rest.len())?;
        pattern = rest;
        if star && chunk.is_empty() {
            return Ok(Ok(true));
        }
        let starts = if star { 0..name.len() + 1 } else { 0..1 };
        for start in starts {
            match match_chunk(chunk, &name[start..], budget)? {
                Err(bad) => return Ok(Err(bad)),
                // The last chunk must use up the name, or a star before it could still match later.
                Ok(Some(left)) if left.is_empty() || !pattern.is_empty() => {
                    name = left;
                    continue 'pattern;
                }
                Ok(_) => {}
            }
        }
        return Ok(Ok(false));
    }
    Ok(Ok(name.is_empty()))
}

/// The rest of a name after a chunk; `None` if the name does not begin with it.
fn match_chunk<'n>(
    mut chunk: &[u8],
    mut name: &'n [u8],
    budget: &mut Budget,
) -> Result<Result<Option<&'n [u8]>, BadPattern>, Stop> {
    while let Some((&first, rest)) = chunk.split_first() {
        let before = chunk.len();
        let Some((&byte, after)) = name.split_first() else { return Ok(Ok(None)) };
        match first {
            b'[' => {
                let (character, width) = decode_rune(name);
                name = &name[width..];
                match match_class(rest, character) {
                    Ok((true, after)) => chunk = after,
                    Ok((false, after)) => {
                        budget.spend(before - after.len())?;
                        return Ok(Ok(None));
                    }
                    Err(bad) => return Ok(Err(bad)),
                }
            }
            b'?' => {
                name = &name[decode_rune(name).1..];
                chunk = rest;
            }
            _ => {
                let (literal, left) = if first == b'\\' {
                    let Some((&escaped, left)) = rest.split_first() else { return Ok(Err(BadPattern)) };
                    (escaped, left)
                } else {
                    (first, rest)
                };
                if literal != byte {
                    budget.spend(1)?;
                    return Ok(Ok(None));
                }
                (name, chunk) = (after, left);
            }
        }
        budget.spend(before - chunk.len())?;
    }
    Ok(Ok(Some(name)))
}
