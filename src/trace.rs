//! Where rendered text comes from: the template that wrote it, the line of the template, and the values that filled it.

use std::collections::BTreeMap;

use crate::chart::comment;
use crate::finding::Finding;
use crate::inventory::Inventory;
use crate::rules::Silence;
use crate::source::{SourceId, SourceOrigin, Sources, Span};

/// Names the template of every finding in a renderer's output.
pub fn name_templates(silence: &mut Silence, inventory: &Inventory, sources: &Sources) {
    let mut templates = Templates::new(inventory, sources);
    for finding in all(silence) {
        finding.template = templates.at(finding.primary.span);
    }
}

/// Every finding, silenced ones included.
fn all(silence: &mut Silence) -> impl Iterator<Item = &mut Finding> {
    silence.findings.iter_mut().chain(silence.silenced.iter_mut().map(|silenced| &mut silenced.finding))
}

/// The templates of all places.
struct Templates<'a> {
    inventory: &'a Inventory,
    sources: &'a Sources,
    /// Whether a source has comments that name templates.
    named: BTreeMap<SourceId, bool>,
}

impl<'a> Templates<'a> {
    fn new(inventory: &'a Inventory, sources: &'a Sources) -> Self {
        Self { inventory, sources, named: BTreeMap::new() }
    }

    /// The template that wrote a place. What no object holds, as in a document that cannot be parsed, is looked up in
    /// the text.
    fn at(&mut self, span: Span) -> Option<String> {
        let source = self.sources.get(span.source);
        let named = *self.named.entry(span.source).or_insert_with(|| comment::may_have(source.text()));
        if !named {
            return None;
        }
        let resources = &self.inventory.resources;
        let key = |span: Span| (span.source, span.start);
        let after = resources.partition_point(|resource| key(resource.span) <= key(span));
        let holder = after.checked_sub(1).and_then(|at| resources.get(at));
        if let Some(holder) = holder.filter(|it| it.span.source == span.source && span.end <= it.span.end) {
            return holder.template.clone();
        }
        let rendered = matches!(source.origin(), SourceOrigin::Rendered(_));
        comment::template_at(source.text(), span.start, rendered).map(str::to_owned)
    }
}
