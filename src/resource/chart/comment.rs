//! The comment that renderers write before each document: `# Source: shop/templates/deployment.yaml`.
//!
//! helm writes it directly after the `---` of every document (`pkg/action/install.go` of Helm 3,
//! `cmd/helm/template.go`), before any comment in the template itself.

/// The beginning of the comment.
const MARK: &str = "# Source: ";

/// Whether a text may contain such comments at all.
pub fn may_have(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), MARK.as_bytes()).is_some()
}

/// Returns the template that produced the document at `offset`, as the comment names it. `rendered` means that the
/// text is a renderer's output. In other texts, someone may have written such a comment by hand, so that it has to
/// name a template.
pub fn template_at(text: &str, offset: u32, rendered: bool) -> Option<&str> {
    let before = text.get(..offset as usize)?;
    let start = document_start(before);
    let lines = text.get(start..)?.lines().take_while(|line| line.starts_with('#') || line.trim().is_empty());
    let path = lines.filter(|line| !line.is_empty()).find_map(|line| line.strip_prefix(MARK))?.trim_end();
    // A renderer may name any path: in the current folder, in one above it, or absolute.
    let named = if rendered { is_line(path) } else { is_path(path) && names_template(path) };
    named.then_some(path)
}

/// The offset after the last `---` line of a text; 0 if there is none.
fn document_start(before: &str) -> usize {
    let mut end = before.len();
    loop {
        let Some(at) = memchr::memmem::rfind(&before.as_bytes()[..end], b"---") else { return 0 };
        let starts_line = at == 0 || before.as_bytes()[at - 1] == b'\n';
        let rest = before[at + 3..].split('\n').next().unwrap_or_default();
        if starts_line && (rest.is_empty() || rest.starts_with([' ', '\t', '\r'])) {
            return (at + 3 + rest.len() + 1).min(before.len());
        }
        end = at;
    }
}

/// Whether a text can be a path at all.
fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}

/// Whether a text is the path of a file in a folder, and not a URL or sentence.
fn is_path(text: &str) -> bool {
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, ':' | '\\'));
    plain && text.contains('/') && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Whether a path leads to a file under `templates` or `crds` in a chart or subchart.
fn names_template(path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    loop {
        match parts.next() {
            Some("templates" | "crds") => return parts.next().is_some(),
            Some("charts") if parts.next().is_some() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template_of<'t>(text: &'t str, what: &str) -> Option<&'t str> {
        template_at(text, text.find(what).expect("it is there") as u32, false)
    }

    #[test]
    fn each_document_has_the_source_comment_after_its_marker() {
        let text = "---\n# Source: shop/templates/a.yaml\n# Source: x/templates/old.yaml\nkind: A\n---\n\
                    # Source: shop/charts/db/templates/b.yaml\nkind: B\n---\nkind: C\n--- # x\n# Source: shop/crds/d.yaml\n\nkind: D";
        assert_eq!(template_of(text, "kind: A"), Some("shop/templates/a.yaml"));
        assert_eq!(template_of(text, "kind: B"), Some("shop/charts/db/templates/b.yaml"));
        assert_eq!(template_of(text, "kind: C"), None);
        assert_eq!(template_of(text, "kind: D"), Some("shop/crds/d.yaml"));
    }

    #[test]
    fn handwritten_source_comment_is_not_a_template() {
        for comment in
            ["https://example.com/templates/a.yaml", "the docs", "base/a.yaml", "a/templates", "../templates/a"]
        {
            let text = format!("# Source: {comment}\nkind: A\n");
            assert_eq!(template_of(&text, "kind"), None, "{comment}");
        }
        let text = "# Source: base/a.yaml\nkind: A\n";
        assert_eq!(template_at(text, 24, true), Some("base/a.yaml"));
        for path in ["a.yaml", "../../base/a.yaml", "/srv/an app/a.yaml"] {
            let text = format!("# Source: {path}\nkind: A\n");
            assert_eq!(template_at(&text, text.len() as u32 - 2, true), Some(path));
        }
        assert_eq!(template_of("kind: A\n# Source: shop/templates/a.yaml\nx: 1\n", "x: 1"), None);
    }

    #[test]
    fn dashes_inside_a_document_are_not_a_marker() {
        let text = "---\r\n# Source: shop/templates/a.yaml\r\nkind: A\r\ndata: |\r\n  ---\r\n----\r\nx: 1\r\n";
        assert_eq!(template_of(text, "x: 1"), Some("shop/templates/a.yaml"));
    }
}
