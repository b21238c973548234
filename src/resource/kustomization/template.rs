//! Kustomizations that another program renders first.

/// Whether another program is to render a text first, by ytt's comments or by braces anywhere in it.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.lines().any(|line| line.trim_start().starts_with("#@"))
}
