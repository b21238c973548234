//! The tokens of the programs that fill values in.
//!
//! | Token | Who fills it in |
//! |---|---|
//! | `{{ x }}`, `{% x %}` | Helm, Jinja, Argo, external templates |
//! | `${X}`, `${X:-d}`, `${{ x }}`, `$X` | envsubst, Flux, GitHub Actions |
//! | `$(X)` | Tekton, Azure Pipelines |
//! | `#{x}`, `#{x}#` | Replace Tokens of Azure Pipelines, Octopus Deploy |
//! | `__x__`, `%x%`, `@x@`, `@@x@@`, `{x}` | `sed` and build tools |
//! | `[[ x ]]` | Go templates with these delimiters, Nomad |
//! | `(( x ))` | spruce, BOSH, Concourse |
//! | `<path:p#k>`, `<x>` | argocd-vault-plugin; people |
//! | `vault:p#k`, `>>vault:p#k`, `bao:p#k` | the webhook of bank-vaults |
//! | `ref+vault://…`, `op://v/i/f` | vals; 1Password |
//! | `ENC[…]` | SOPS, hiera-eyaml |
//!
//! The grammars are those of the programs if these are exact (`argocd-vault-plugin` `pkg/kube/util.go`, `vals`
//! `pkg/expansion`, `secrets-webhook` `pkg/provider/vault/common.go`), and narrower if the program would accept any
//! text.

use super::words;

/// Tokens with an end of their own, which are recognized inside a value: opening, closing, and what may be in
/// between.
const DELIMITED: [(&str, &str, Inner); 6] = [
    ("${", "}", Inner::Expression),
    ("$(", ")", Inner::Name),
    ("#{", "}", Inner::Expression),
    ("[[", "]]", Inner::Words),
    ("((", "))", Inner::Words),
    ("@@", "@@", Inner::Name),
];

/// The text between the ends of a token.
#[derive(Clone, Copy)]
enum Inner {
    /// A plain name.
    Name,
    /// A name with an optional addition: a default, a filter.
    Expression,
    /// Words, with blanks around them.
    Words,
}

impl Inner {
    /// The text contains no opening character, which keeps the search linear.
    fn has(self, c: char) -> bool {
        match self {
            Self::Name => c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'),
            Self::Expression => !matches!(c, '{' | '}' | '"' | '\n'),
            Self::Words => !matches!(c, '[' | ']' | '(' | ')' | '"' | '\n'),
        }
    }

    fn is(self, text: &str) -> bool {
        let first = text.trim_start().bytes().next();
        let is_letter = first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        is_letter || matches!(self, Self::Words) && first == Some(b'/')
    }
}

/// Whether a value contains a token whose ends distinguish it from any text.
pub(super) fn is_in(text: &str) -> bool {
    let closed = |open: &str, close: &str| text.find(open).is_some_and(|at| text[at + open.len()..].contains(close));
    closed("{{", "}}")
        || closed("{%", "%}")
        || DELIMITED.into_iter().any(|(open, close, inner)| is_delimited(text, open, close, inner))
        || has_vault_path(text)
        || has_reference(text)
}

fn is_delimited(text: &str, open: &str, close: &str, inner: Inner) -> bool {
    text.match_indices(open).any(|(at, _)| {
        let rest = &text[at + open.len()..];
        let (content, end) = rest.split_at(rest.find(|c| !inner.has(c)).unwrap_or(rest.len()));
        inner.is(content) && end.starts_with(close)
    })
}

/// Whether a value is `<path:kv/data/registry#token>`, with optional filters.
fn has_vault_path(text: &str) -> bool {
    text.match_indices("<path:").any(|(at, open)| {
        let rest = &text[at + open.len()..];
        let (content, end) = rest.split_at(rest.find(['<', '>', '"']).unwrap_or(rest.len()));
        content.contains('#') && end.starts_with('>')
    })
}

/// Whether a value contains a reference such as `ref+vault://…`.
fn has_reference(text: &str) -> bool {
    text.match_indices("ref+").any(|(at, open)| {
        let rest = &text[at + open.len()..];
        let scheme = rest.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit()).unwrap_or(rest.len());
        scheme > 0 && rest[scheme..].starts_with("://")
    })
}

/// Whether the whole value is a token that inside of a value could be chance.
pub(super) fn is_whole(text: &str) -> bool {
    let is_between = text.len() > 1 && text.starts_with('<') && text.ends_with('>');
    let angles = is_between.then(|| text.trim_start_matches('<').trim_end_matches('>'));
    let is_marker =
        angles.is_some_and(|name| !name.trim().is_empty() && name != "no value" && !name.contains(['<', '>', '"']));
    let variable = text.strip_prefix('$').filter(|name| name.len() > 2);
    is_marker
        || is_name_between(text, "__", "__")
        || is_name_between(text, "%", "%")
        || is_name_between(text, "@", "@")
        || is_name_between(text, "{", "}")
        || variable.is_some_and(words::is_capital)
        || is_vault_key(text)
        || text.starts_with("op://")
        || text.starts_with("ENC[") && text.ends_with(']')
        || words::is_marker(text)
        || words::is_underscored(text)
        || words::is_part_of_login(text)
        || words::are_capital(text)
}

/// Whether a value is a key such as `vault:path/of/it#KEY`.
fn is_vault_key(text: &str) -> bool {
    let text = text.strip_prefix(">>").unwrap_or(text);
    let path = text.strip_prefix("vault:").or_else(|| text.strip_prefix("bao:"));
    path.and_then(|path| path.split_once('#')).is_some_and(|(path, key)| !path.is_empty() && !key.is_empty())
}

/// Whether a value is a name between two marks.
pub(super) fn is_name_between(text: &str, open: &str, close: &str) -> bool {
    let inner = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    inner.is_some_and(|inner| is_name(inner) && inner.bytes().any(|b| b.is_ascii_alphabetic()))
}

/// Whether a text is the name of a variable.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}
