//! Kustomizations that another program renders first.

/// Whether another program has to render a text first: it has ytt comments, or double braces anywhere.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.lines().any(|line| line.trim_start().starts_with("#@"))
}
