//! Values of fields, and whether another program has yet to fill them in.

use crate::text::placeholder::is_placeholder;
use crate::text::source::Spanned;
use crate::text::yaml::Node;

/// Whether a value is an unquoted template expression: `image: {{ .Values.image }}` is parsed as a mapping whose key
/// is a mapping, and `image: #@ data.values.image` as null.
pub(crate) fn is_unquoted_template(value: Node<'_>) -> bool {
    value.entries().next().is_some_and(|entry| entry.key.is_mapping()) || value.is_unquoted_token()
}

/// Returns a string with its place.
pub(crate) fn spanned_string(node: Node<'_>) -> Option<Spanned<String>> {
    Some(Spanned { value: node.as_str()?.to_owned(), span: node.span() })
}

/// The text used for a value that is an unquoted template expression.
pub(super) const TEMPLATE: &str = "{{ … }}";

/// Returns a string, or an unquoted template expression that will produce one, with its place.
pub(super) fn string_or_template(node: Node<'_>) -> Option<Spanned<String>> {
    let template = || is_unquoted_template(node).then(|| Spanned { value: TEMPLATE.to_owned(), span: node.span() });
    spanned_string(node).or_else(template)
}

/// Whether another program has yet to fill in the value.
pub(crate) fn is_to_be_written(value: Node<'_>) -> bool {
    value.as_str().map_or_else(|| is_unquoted_template(value), is_placeholder)
}
