//! Values of fields, and whether another program has yet to write them.

use crate::text::placeholder::is_placeholder;
use crate::text::source::Spanned;
use crate::text::yaml::Node;

/// `image: {{ .Values.image }}` composes as a mapping whose key is a mapping, `image: #@ data.values.image` as null.
pub(crate) fn is_unquoted_template(value: Node<'_>) -> bool {
    value.entries().next().is_some_and(|entry| entry.key.is_mapping()) || value.is_unquoted_token()
}

/// A string with its place.
pub(crate) fn spanned_string(node: Node<'_>) -> Option<Spanned<String>> {
    Some(Spanned { value: node.as_str()?.to_owned(), span: node.span() })
}

/// What stands for a value that a template expression without quotes is to write.
pub(super) const TEMPLATE: &str = "{{ … }}";

/// A string with its place, or a template expression that is to write one.
pub(super) fn string_or_template(node: Node<'_>) -> Option<Spanned<String>> {
    let template = || is_unquoted_template(node).then(|| Spanned { value: TEMPLATE.to_owned(), span: node.span() });
    spanned_string(node).or_else(template)
}

/// Whether another program has yet to write the value.
pub(crate) fn is_to_be_written(value: Node<'_>) -> bool {
    value.as_str().map_or_else(|| is_unquoted_template(value), is_placeholder)
}
