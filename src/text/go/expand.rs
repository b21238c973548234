//! `os.Expand`: `$name` and `${name}` in a text, for Argo CD's build environment.

/// Replaces all variables of a text by what `value` has for their names. A name is also a single digit or one of
/// `*#$@!?-`; `${}` and the `${` that nothing closes vanish; a `$` before anything else stays.
///
/// # Errors
///
/// The first error of `value`.
pub(crate) fn expand<E>(text: &str, mut value: impl FnMut(&str, &mut String) -> Result<(), E>) -> Result<String, E> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    // Whether a brace closes anything in the rest: without this, every `${` would look for one to the end.
    let mut may_close = true;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if after.is_empty() {
            expanded.push('$');
        }
        let (name, width) = variable(after, &mut may_close);
        match name {
            Some(name) => value(name, &mut expanded)?,
            None if width == 0 && !after.is_empty() => expanded.push('$'),
            None => {}
        }
        rest = &after[width..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// `getShellName`: the name behind a `$`, and how much of the text is used up.
fn variable<'t>(text: &'t str, may_close: &mut bool) -> (Option<&'t str>, usize) {
    let is_special = |byte: &u8| b"*#$@!?-".contains(byte) || byte.is_ascii_digit();
    match text.as_bytes() {
        [b'{', special, b'}', ..] if is_special(special) => (Some(&text[1..2]), 3),
        [b'{', ..] => {
            let end = if *may_close { text.find('}') } else { None };
            *may_close = end.is_some();
            match end {
                None => (None, 1),
                Some(1) => (None, 2),
                Some(end) => (Some(&text[1..end]), end + 1),
            }
        }
        [special, ..] if is_special(special) => (Some(&text[..1]), 1),
        bytes => {
            let is_other = |byte: &u8| *byte != b'_' && !byte.is_ascii_alphanumeric();
            let end = bytes.iter().position(is_other).unwrap_or(bytes.len());
            (Some(&text[..end]).filter(|name| !name.is_empty()), end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str) -> String {
        let result = expand(text, |name, expanded| {
            expanded.extend(['<', '>']);
            expanded.insert_str(expanded.len() - 1, name);
            Ok::<_, ()>(())
        });
        result.expect("no error")
    }

    #[test]
    fn variables_are_found_as_in_go() {
        for (text, expected) in [
            ("", ""),
            ("app:1", "app:1"),
            ("app:$A", "app:<A>"),
            ("app:${A}", "app:<A>"),
            ("$A_1-x", "<A_1>-x"),
            ("$A-$B", "<A>-<B>"),
            ("$$", "<$>"),
            ("$$A", "<$>A"),
            ("$$$A", "<$><A>"),
            ("${$}", "<$>"),
            ("$", "$"),
            ("a$", "a$"),
            ("$ a", "$ a"),
            ("$.", "$."),
            ("$é", "$é"),
            ("${é}", "<é>"),
            ("$1", "<1>"),
            ("$12", "<1>2"),
            ("${1}", "<1>"),
            ("${12}", "<12>"),
            ("${*}", "<*>"),
            ("$*a", "<*>a"),
            ("$#$@$!$?$-", "<#><@><!><?><->"),
            ("${}", ""),
            ("${}a", "a"),
            ("${", ""),
            ("${a", "a"),
            ("${a$b}", "<a$b>"),
            ("${a ${b}", "<a ${b>"),
            ("${${a}}", "<${a>}"),
            ("${ a }", "< a >"),
            ("{$a}", "{<a>}"),
            ("$a}", "<a>}"),
            ("${a-b}", "<a-b>"),
            ("${-}", "<->"),
            ("${-", "-"),
        ] {
            assert_eq!(marked(text), expected, "{text}");
        }
    }

    #[test]
    fn unclosed_braces_are_read_once() {
        assert_eq!(marked(&"${".repeat(200_000)), "");
        assert_eq!(expand("$a$b", |name, _| Err::<(), _>(name.to_owned())), Err("a".to_owned()));
    }
}
