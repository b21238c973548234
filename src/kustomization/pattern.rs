//! The regular expressions that kustomizations write without meaning to: image names, and the fields of a patch's
//! target. Almost all of them are plain names, in which a dot stands for any character.

/// Whether a pattern matches a whole text; `None` where that takes more of the language than names need.
pub(super) fn matches(pattern: &str, text: &str) -> Option<bool> {
    let anchored = pattern.strip_prefix('^').unwrap_or(pattern);
    let anchored = anchored.strip_suffix('$').unwrap_or(anchored);
    if anchored.contains(['\\', '(', ')', '[', ']', '{', '}', '^', '$', '?']) {
        return None;
    }
    if !anchored.contains(['*', '+', '|']) {
        // Almost every name, asked for of every image.
        let (mut wanted, mut given) = (anchored.chars(), text.chars());
        return Some(loop {
            match (wanted.next(), given.next()) {
                (None, None) => break true,
                (Some(one), Some(other)) if one == '.' || one == other => {}
                _ => break false,
            }
        });
    }
    let mut any = false;
    for alternative in anchored.split('|') {
        any |= alternative_matches(alternative, text)?;
    }
    Some(any)
}

/// Of what repeats only `.*` and `.+` are read.
fn alternative_matches(pattern: &str, text: &str) -> Option<bool> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let repeated = chars.next_if(|next| matches!(next, '*' | '+'));
        match (c, repeated) {
            ('*' | '+', _) => return None,
            ('.', Some('+')) => pieces.extend([Piece::Any, Piece::Many]),
            ('.', Some(_)) => pieces.push(Piece::Many),
            (_, Some(_)) => return None,
            ('.', None) => pieces.push(Piece::Any),
            (c, None) => pieces.push(Piece::One(c)),
        }
    }
    Some(pieces_match(&pieces, &text.chars().collect::<Vec<char>>()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    One(char),
    Any,
    Many,
}

/// The usual walk over a glob: the last `Many` takes one character more whenever what follows does not fit.
fn pieces_match(pieces: &[Piece], text: &[char]) -> bool {
    let (mut at, mut piece) = (0, 0);
    let mut last_many: Option<(usize, usize)> = None;
    while at < text.len() {
        match pieces.get(piece) {
            Some(Piece::Many) => {
                last_many = Some((piece, at));
                piece += 1;
            }
            Some(Piece::Any) => (at, piece) = (at + 1, piece + 1),
            Some(Piece::One(c)) if text.get(at) == Some(c) => (at, piece) = (at + 1, piece + 1),
            _ => match &mut last_many {
                Some((many, from)) => {
                    *from += 1;
                    (at, piece) = (*from, *many + 1);
                }
                None => return false,
            },
        }
    }
    pieces.iter().skip(piece).all(|piece| *piece == Piece::Many)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_patterns() {
        for (pattern, text, expected) in [
            ("web", "web", Some(true)),
            ("web", "web2", Some(false)),
            ("quay.io", "quayXio", Some(true)),
            (".*", "anything", Some(true)),
            ("a.+z", "az", Some(false)),
            ("a.*-z", "a-b-z", Some(true)),
            ("web|api", "api", Some(true)),
            ("^web$", "web", Some(true)),
            ("(web|api)", "api", None),
            ("w+", "ww", None),
            ("*", "x", None),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
