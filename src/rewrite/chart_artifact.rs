//! The artifacts that objects fetch: where their repositories are, and which of them a patch may replace.

use crate::inventory::Inventory;
use crate::resource::ResourceName;
use crate::resource::chart::artifact::{self, ChartArtifact};
use crate::resource::kustomization::patch::{Body, Patch};
use crate::resource::kustomization::{Kustomization, member_path};
use crate::text::source::{Sources, Span};

/// Finds the repositories of the artifacts, and marks those that a patch in the inputs may replace.
pub(super) fn settle(inventory: &mut Inventory, kustomizations: &[Kustomization], sources: &Sources) {
    let mut artifacts = artifact::resolve(&inventory.chart_references, &inventory.helm_repositories);
    if !artifacts.is_empty() {
        let changes = changes(kustomizations, sources);
        for artifact in &mut artifacts {
            let name = &inventory.resource(artifact.resource).name;
            let rewrites = |change: &&Change<'_>| change.may_replace(name, artifact);
            artifact.rewritten_by = changes.iter().take(MAX_CHANGES).find(rewrites).map(|change| change.span);
        }
    }
    inventory.chart_artifacts = artifacts;
}

/// Leaves out what is in templates and values of charts: rendering decides what becomes of it.
pub(super) fn leave_out_templates(inventory: &mut Inventory) {
    let charts = &inventory.charts;
    let is_of_chart = |source| charts.templates.contains(&source) || charts.settings.contains(&source);
    inventory.chart_artifacts.retain(|artifact| !is_of_chart(artifact.span.source));
}

/// The most patches that each artifact is compared with.
const MAX_CHANGES: usize = 4096;

/// The fields that decide what is fetched, as a merge patch or a JSON pointer writes them.
const FIELDS: &[&str] = &[
    "url:",
    "ref:",
    "tag:",
    "semver:",
    "digest:",
    "chart:",
    "version:",
    "sourceRef:",
    "source:",
    "sources:",
    "targetRevision:",
    "repoURL:",
    "repo:",
    "suspend:",
    "/url",
    "/ref",
    "/chart",
    "/version",
    "/source",
    "/targetRevision",
    "/repo",
    "/suspend",
    "/spec\n",
    "/spec\"",
    "$patch",
];

/// A patch or a replacement that may change what an object fetches.
struct Change<'k> {
    span: Span,
    /// The objects that it is for.
    patch: Option<&'k Patch>,
    replacement: Option<&'k crate::resource::kustomization::Replacement>,
    /// The patch as text.
    text: String,
}

fn changes<'k>(kustomizations: &'k [Kustomization], sources: &Sources) -> Vec<Change<'k>> {
    let mut found = Vec::new();
    for own in kustomizations {
        for patch in &own.patches {
            let mut text = sources.slice(patch.span).to_owned();
            if let Body::File(path) = &patch.body {
                let path = member_path(&own.folder, path);
                let file = sources.iter().find(|(_, source)| source.name() == path);
                text.push_str(file.map_or("spec: {ref: unknown}\n", |(_, source)| source.text()));
            }
            if FIELDS.iter().any(|field| text.contains(field)) {
                found.push(Change { span: patch.span, patch: Some(patch), replacement: None, text });
            }
        }
        let replacements = own.replacements.iter().map(|replacement| Change {
            span: replacement.span,
            patch: None,
            replacement: Some(replacement),
            text: String::new(),
        });
        found.extend(replacements);
    }
    found
}

impl Change<'_> {
    /// Whether it may replace what an object fetches; unknown counts as yes.
    fn may_replace(&self, name: &ResourceName, artifact: &ChartArtifact) -> bool {
        let names: Vec<String> = name.name.iter().cloned().collect();
        let namespaces = [name.namespace.clone(), artifact.namespace.clone()];
        if let Some(replacement) = self.replacement {
            return replacement.targets.iter().any(|target| {
                let is_of_field = target.paths.iter().any(|path| path.starts_with("spec"));
                is_of_field && target.select.fits(name, &names, &namespaces) != Some(false)
            });
        }
        match self.patch.and_then(|patch| patch.target.as_ref()) {
            Some(target) => target.fits(name, &names, &namespaces) != Some(false),
            None => {
                let is_named = name.name.as_deref().is_none_or(|own| self.text.contains(own));
                is_named && self.text.contains(&name.kind)
            }
        }
    }
}
