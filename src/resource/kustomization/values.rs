//! Values for which kustomize refuses a kustomization that it can decode, independent of any other file.
//!
//! Verified against kustomize 5.8.3 and 5.5.0, which agree in all of it.

use super::fields::Fields;
use super::refusal::{Refusal, Remedy};
use crate::text::yaml::Node;

/// The only schema that is built into kustomize (`kyaml/openapi/kubernetesapi/openapiinfo.go`).
const OPENAPI_VERSION: &str = "v1.21.2";

/// Returns the refusal for the first value that kustomize rejects.
pub(crate) fn refusal(fields: &Fields<'_>) -> Option<Refusal> {
    empty_member(fields).or_else(|| openapi(fields)).or_else(|| replacements(fields))
}

/// Finds `- ` without a value, or `- ""`.
fn empty_member(fields: &Fields<'_>) -> Option<Refusal> {
    let lists = [
        ("resources", "accumulating resources: accumulating resources from '': new root cannot be empty"),
        ("bases", "accumulating resources: accumulating resources from '': new root cannot be empty"),
        ("components", "accumulating components: loader.New \"new root cannot be empty\""),
        ("crds", "loading CRDs []: must resolve to a file"),
        ("configurations", "must resolve to a file"),
    ];
    lists.into_iter().find_map(|(key, words)| {
        let empty = fields.items(key).find(|item| item.is_null() || item.as_str() == Some(""))?;
        Some(Refusal::new(empty.span(), words, "an empty item"))
    })
}

fn openapi(fields: &Fields<'_>) -> Option<Refusal> {
    let openapi = Fields::of(fields.get("openapi")?);
    let version = openapi.get("version")?;
    let is_other = version.as_str().is_some_and(|text| !text.is_empty() && text != OPENAPI_VERSION);
    // A path that does not exist is reported first.
    (is_other && openapi.get("path").is_none()).then(|| {
        let words = "the specified OpenAPI version is not built in";
        let remedy = Remedy::Replace(OPENAPI_VERSION.to_owned());
        Refusal::new(version.span(), words, "another version").with_remedy(remedy)
    })
}

/// Returns the refusal for invalid sort options. kustomize reads them only if the kustomization itself is built, not
/// if another one builds from it (`makeCustomizedResMap` of `api/internal/target/kusttarget.go`).
pub(crate) fn order(fields: &Fields<'_>) -> Option<Refusal> {
    let options = fields.entry("sortOptions")?;
    let inner = Fields::of(options.value);
    match inner.str("order") {
        Some("legacy") => None,
        Some("fifo") => {
            let legacy = inner.entry("legacySortOptions")?;
            let words =
                "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'";
            Some(Refusal::new(legacy.key.span(), words, "only for `order: legacy`"))
        }
        _ => {
            let words = "the field 'sortOptions.order' must be one of [fifo, legacy]";
            let order = inner.get("order").map_or(options.key.span(), Node::span);
            Some(Refusal::new(order, words, "neither `fifo` nor `legacy`"))
        }
    }
}

/// Finds inline replacements without a source or without targets (`api/internal/builtins/ReplacementTransformer.go`,
/// `api/filters/replacement/replacement.go`).
fn replacements(fields: &Fields<'_>) -> Option<Refusal> {
    fields.items("replacements").find_map(|node| {
        let entry = Fields::of(node);
        let has_path = entry.str("path").is_some_and(|path| !path.is_empty());
        let is_inline = entry.has("source") || entry.has("targets");
        if has_path {
            return is_inline.then(|| {
                Refusal::new(node.span(), "cannot specify both path and inline replacement", "it has a `path` too")
            });
        }
        let has_value = entry.get("sourceValue").is_some();
        if !(entry.get("source").is_some_and(Node::is_mapping) || has_value) || !entry.has("targets") {
            let words = "replacements must specify a source and at least one target";
            let missing = if entry.has("targets") { "`source`" } else { "`targets`" };
            return Some(Refusal::new(node.span(), words, format!("it has no {missing}")));
        }
        let open = entry.items("targets").find(|target| Fields::of(*target).get("select").is_none())?;
        Some(Refusal::new(open.span(), "target must specify resources to select", "it has no `select`"))
    })
}
