//! `--list-images --by`: each image once in each group, with the number of its uses, in at most 80 columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::edge::Edge;
use super::{Grouping, sanitize};
use crate::report::ImageReport;
use crate::text::placeholder::is_placeholder;

/// The number of columns that no line exceeds.
const COLUMNS: usize = 80;

/// The fewest columns of a count.
const COUNT: usize = 5;

/// The images of a group, with the number of uses.
type Counts = BTreeMap<String, usize>;

pub(super) fn render(edge: &Edge<'_>, grouping: Grouping) -> String {
    let report = edge.report;
    if report.images.is_empty() {
        return format!("no images in {} files\n", report.summary.files);
    }
    // Groups whose images have no registry, namespace or release come last.
    let mut groups: BTreeMap<(bool, String), BTreeMap<String, Counts>> = BTreeMap::new();
    for image in &report.images {
        let (heading, inner) = heading(edge, image, grouping);
        let key = (heading.is_none(), heading.unwrap_or_else(|| format!("(no {})", grouping.as_str())));
        let text = image.resolved.as_ref().unwrap_or(&image.value);
        let text = if text.is_empty() { "-" } else { text };
        let text = sanitize::clip(&edge.line(text), 512).into_owned();
        *groups.entry(key).or_default().entry(inner).or_default().entry(text).or_default() += 1;
    }
    let mut out = String::new();
    for ((_, heading), parts) in &groups {
        if !out.is_empty() {
            out.push('\n');
        }
        push(&mut out, "", heading);
        for (inner, counts) in parts {
            if !inner.is_empty() {
                push(&mut out, "  ", inner);
            }
            for (image, uses) in counts {
                push(&mut out, &format!("{uses:>COUNT$}  "), image);
            }
        }
    }
    out
}

/// Returns the heading of an image's group, and a second one within the group; the latter is empty if there is none.
fn heading(edge: &Edge<'_>, image: &ImageReport, grouping: Grouping) -> (Option<String>, String) {
    let text = |text: &str| edge.line(text);
    let heading = match grouping {
        Grouping::Registry => {
            let value = image.resolved.as_ref().unwrap_or(&image.value);
            let known = image.reference.as_ref().map(|reference| reference.registry.as_str());
            known.or_else(|| written_registry(value)).map(text)
        }
        Grouping::Namespace => image.namespace.as_deref().map(text),
        Grouping::File => Some(edge.file(image.span.source)),
        Grouping::Release => {
            let Some(release) = &image.release else { return (None, text(&image.resource.to_string())) };
            let name = [&release.namespace, &release.name].into_iter().flatten().map(String::as_str);
            let name = name.collect::<Vec<_>>().join("/");
            Some(text(format!("{} {name}", release.kind).trim_end()))
        }
    };
    (heading, String::new())
}

/// Returns the registry that a text names, if it is not a whole reference: `oci://ghcr.io/acme/charts`,
/// `ghcr.io/acme/api:${TAG}`.
fn written_registry(text: &str) -> Option<&str> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (host, _) = text.split_once('/')?;
    let is_host = (host.contains(['.', ':']) || host == "localhost") && !is_placeholder(host);
    is_host.then_some(host)
}

/// Adds a line; if it is too long, it is continued under the text of its first line.
fn push(out: &mut String, lead: &str, text: &str) {
    let room = COLUMNS.saturating_sub(lead.width());
    for (at, line) in broken(text, room).into_iter().enumerate() {
        let lead = if at == 0 { lead.to_owned() } else { " ".repeat(lead.width()) };
        let _ = writeln!(out, "{lead}{line}");
    }
}

/// Breaks a text into lines: before the `@` of a digest, after a slash, or where no room is left.
fn broken(text: &str, room: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while rest.width() > room {
        let mut width = 0;
        let fits = rest.char_indices().take_while(|(_, c)| {
            width += c.width().unwrap_or_default();
            width <= room
        });
        let end = fits.last().map_or(0, |(at, c)| at + c.len_utf8());
        // The first character is always taken, so that every line is shorter than the one before.
        let end = end.max(rest.chars().next().map_or(0, char::len_utf8));
        let (fitting, _) = rest.split_at(end);
        let digest = rest.find('@').filter(|at| (1..=end).contains(at));
        let at = digest.or_else(|| fitting.rfind('/').map(|at| at + 1)).unwrap_or(end);
        let (line, left) = rest.split_at(at);
        lines.push(line);
        rest = left;
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(rest);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_of_a_text_that_is_no_reference_is_its_host() {
        for (text, expected) in [
            ("oci://ghcr.io/acme/charts", Some("ghcr.io")),
            ("ghcr.io/acme/api:${TAG}", Some("ghcr.io")),
            ("localhost/api", Some("localhost")),
            ("registry:5000/api", Some("registry:5000")),
            ("${REGISTRY}.example/api", None),
            ("acme/api", None),
            ("frontend", None),
        ] {
            assert_eq!(written_registry(text), expected, "{text}");
        }
    }

    #[test]
    fn long_texts_are_broken_at_digests_and_slashes() {
        let digest = format!("@sha256:{}", "0a".repeat(32));
        let image = format!("ghcr.io/acme/api:1.9{digest}");
        assert_eq!(broken(&image, 73), ["ghcr.io/acme/api:1.9", &digest]);
        assert_eq!(broken("ghcr.io/acme/api", 80), ["ghcr.io/acme/api"]);
        assert_eq!(broken("ghcr.io/acme/api", 14), ["ghcr.io/acme/", "api"]);
        assert_eq!(broken("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(broken("例え例え", 3), ["例", "え", "例", "え"]);
        assert_eq!(broken("例え", 1), ["例", "え"]);
        assert_eq!(broken("", 4), [""]);
    }
}
