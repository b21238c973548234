//! Comments that let Flux's image automation write a line: `# {"$imagepolicy": "flux-system:web:tag"}`.
//!
//! Follows image-automation-controller v1.2.0, `internal/update/setters.go`, and kyaml v0.21.3,
//! `fieldmeta/fieldmeta.go`: the comment behind a scalar is a JSON object of strings, and its `$imagepolicy` is
//! `NAMESPACE:NAME`, or that with `:tag`, `:name` or `:digest`.

use std::collections::BTreeMap;

use crate::resource::workload::ImageUse;
use crate::text::source::{Sources, Span};

/// A comment by which Flux writes an image or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    /// The place of the comment.
    pub(crate) span: Span,
    /// The namespace of the ImagePolicy.
    pub(crate) namespace: String,
    /// The name of the ImagePolicy.
    pub(crate) policy: String,
}

/// Returns the marker behind the text that decides an image, or behind another that decides a part of it.
pub(crate) fn marker(sources: &Sources, image: &ImageUse) -> Option<Marker> {
    let deciding = std::iter::once(image.text.span).chain(image.decided_by.iter().map(|decision| decision.span));
    deciding.into_iter().find_map(|span| behind(sources, span))
}

fn behind(sources: &Sources, span: Span) -> Option<Marker> {
    let source = sources.get(span.source);
    let end = source.line_range(source.line_of(span.end)).end;
    let rest = source.text().get(span.end as usize..end)?;
    let comment = rest.trim_start_matches([' ', '\t']);
    if comment.len() == rest.len() || !comment.starts_with('#') {
        return None;
    }
    let fields: BTreeMap<String, String> = serde_json::from_str(comment.trim_start_matches('#')).ok()?;
    let mut parts = fields.get("$imagepolicy")?.split(':');
    let (namespace, policy) = (parts.next()?, parts.next()?);
    let is_of_setter = matches!(parts.next(), None | Some("tag" | "name" | "digest")) && parts.next().is_none();
    let is_marker = is_of_setter && !namespace.is_empty() && !policy.is_empty();
    is_marker.then(|| Marker {
        span: Span { start: (end - comment.len()) as u32, end: end as u32, ..span },
        namespace: namespace.to_owned(),
        policy: policy.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::{Encoding, Source, SourceId};

    /// Returns the policy in the marker behind the text `web:1`, and the marker's text.
    fn policy(text: &str) -> Option<(String, String)> {
        let sources = Sources::new(vec![Source::new("a.yaml", text, Encoding::Utf8)]);
        let at = text.find("web:1").unwrap() as u32;
        let marker = behind(&sources, Span::new(SourceId(0), at, at + 5))?;
        Some((format!("{}/{}", marker.namespace, marker.policy), sources.slice(marker.span).to_owned()))
    }

    #[test]
    fn markers_of_all_setters_are_read() {
        for setter in ["flux-system:web", "flux-system:web:tag", "flux-system:web:name", "flux-system:web:digest"] {
            let comment = format!("# {{\"$imagepolicy\": \"{setter}\"}}");
            let expected = Some(("flux-system/web".to_owned(), comment.clone()));
            assert_eq!(policy(&format!("image: web:1 {comment}\nnext: 1")), expected);
            assert_eq!(policy(&format!("image: web:1\t {comment}\r\n")), expected);
        }
    }

    #[test]
    fn other_comments_are_not_markers() {
        for comment in [
            "",
            "# {\"$imagepolicy\": \"web\"}",
            "# {\"$imagepolicy\": \"flux-system:web:version\"}",
            "# {\"$imagepolicy\": \":web\"}",
            "# {\"$imagepolicy\": 1}",
            "# $imagepolicy: flux-system:web",
            "# see {\"$imagepolicy\": \"flux-system:web\"}",
            "} # {\"$imagepolicy\": \"flux-system:web\"}",
            "\n# {\"$imagepolicy\": \"flux-system:web\"}",
        ] {
            assert_eq!(policy(&format!("image: web:1 {comment}")), None, "{comment}");
        }
        assert_eq!(policy("image: web:1# {\"$imagepolicy\": \"flux-system:web\"}"), None, "no comment in YAML");
    }
}
