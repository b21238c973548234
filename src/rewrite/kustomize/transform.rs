//! The changes that a kustomization makes to the objects it is built from, in kustomize's order.

use super::{Aside, Builder, BuiltPod, Effect, Item, MAX_CHECKS, MAX_SET, MAX_VALUE, Set, Why, change, keeping};
use crate::resource::kustomization::image::{self, ImageRule, Rewritten};
use crate::resource::kustomization::patch::ObjectSelector;
use crate::resource::kustomization::pattern::Matcher;
use crate::resource::kustomization::transformer::{Replaced, Replacement, Transformer, leads_somewhere};
use crate::resource::kustomization::unrendered::{Unfollowed, UnfollowedReason};
use crate::resource::kustomization::{Kustomization, Refusal, member_path};
use crate::resource::workload::{ImageText, PodOrigin, Skip};
use crate::text::placeholder::is_placeholder;
use crate::text::source::{SourceId, Span, Spanned};
use crate::text::yaml::{self, Piece};

/// The fields that a rule is applied to.
enum Fields<'f> {
    /// The fields that `images:` applies to.
    Builtin {
        /// Whether `configurations` may define more fields.
        more: bool,
    },
    /// The field paths of an ImageTagTransformer.
    Given(&'f [String]),
}

impl<'k> Builder<'k> {
    pub(super) fn transform(&mut self, own: &'k Kustomization, pods: &mut [BuiltPod]) {
        for patch in &own.patches {
            change::patch(self, own, patch, pods);
        }
        if let Some(namespace) = own.namespace.as_ref().filter(|namespace| !namespace.is_empty()) {
            pods.iter_mut().for_each(|pod| self.set_namespace(namespace, pod));
        }
        rename(&own.name_prefix, &own.name_suffix, pods);
        for replica in &own.replicas {
            self.match_replica(replica);
        }
        if let Some(span) = own.vars.filter(|_| !self.deleted.is_empty()) {
            self.doubt.get_or_insert(Why::new(span, "kustomize may refuse this: the object that it names was removed"));
        }
        let more = own.configurations.iter().any(|file| self.may_name_images(own, file));
        for rule in &own.images {
            self.rewrite_all(rule, &Fields::Builtin { more }, pods);
        }
        for replacement in &own.replacements {
            self.replace(own, replacement, pods);
        }
        for transformer in &own.transformers {
            self.transform_by(own, transformer, pods);
        }
    }

    fn set_namespace(&self, namespace: &str, pod: &mut BuiltPod) {
        let read = self.inventory.pod(pod.pod);
        // A release is installed in the namespace that it names, wherever its object is.
        if read.origin == PodOrigin::Values && read.chosen.namespace {
            pod.namespaces.push(Some(namespace.to_owned()).filter(|text| !is_placeholder(text)));
            return;
        }
        let is_elsewhere = read.namespace.is_none() && self.inventory.resource(read.resource).name.namespace.is_some();
        let namespace = Some(namespace.to_owned()).filter(|text| !is_placeholder(text) && !is_elsewhere);
        pod.facts.namespace.clone_from(&namespace);
        pod.namespaces.push(namespace);
    }

    /// kustomize refuses `replicas` for an object that does not exist.
    fn match_replica(&mut self, replica: &Spanned<String>) {
        const KINDS: [&str; 4] = ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"];
        let name = &replica.value;
        if is_placeholder(name) || self.may_have(|resource| KINDS.contains(&resource.kind.as_str()), name, replica.span)
        {
            return;
        }
        let words = format!("resource with name {name} does not match a config with the following GVK [Deployment…]");
        self.add_missing_name(Refusal::new(replica.span, words, "no object of this name has replicas"));
    }

    /// kustomize refuses a replacement whose source does not exist.
    fn match_source(&mut self, replacement: &'k Replacement, span: Span) {
        let Some(source) = &replacement.source else { return };
        let plain = |field: &'k Option<Matcher>| field.as_ref().map(|matcher| matcher.text.as_str());
        let (Some(kind), Some(name)) = (plain(&source.kind), plain(&source.name)) else { return };
        let is_open = matches!(kind, "ConfigMap" | "Secret" | "CustomResourceDefinition") || is_placeholder(name);
        if is_open || self.may_have(|resource| resource.kind == kind, name, span) {
            return;
        }
        let words = format!("nothing selected by {kind}.[noVer].[noGrp]/{name}.[noNs]");
        self.add_missing_name(Refusal::new(span, words, format!("there is no {kind} `{name}` to take the value from")));
    }

    /// Whether every object that a target selects has pods, or the field at a path.
    pub(super) fn has_pods_only(&mut self, target: &ObjectSelector, path: &str) -> bool {
        let path = path.replace('[', ".").replace(']', "").replace(".-", "");
        let resources: Vec<usize> =
            self.root_sources.iter().filter_map(|source| self.resources.get(source)).flatten().copied().collect();
        resources.into_iter().all(|at| {
            let resource = &self.inventory.resources[at];
            let names: Vec<String> = resource.name.name.iter().cloned().collect();
            let namespaces = std::slice::from_ref(&resource.name.namespace);
            let pods = self.pods.get(&resource.span.source).into_iter().flatten();
            let has_pod = pods.into_iter().any(|pod| self.inventory.pod(*pod).resource.0 as usize == at);
            self.checks += target.cost(&resource.name, &names, namespaces);
            let is_meant = !has_pod && target.fits(&resource.name, &names, namespaces) == Some(true);
            if !is_meant || self.checks > MAX_CHECKS {
                return true;
            }
            self.checks += resource.span.range().len();
            self.has_fields(resource.span, std::slice::from_ref(&path))
        })
    }

    /// Whether the fields that it replaces exist in the objects as written.
    fn finds_fields(&mut self, replacement: &Replacement) -> bool {
        // The objects are read again each time.
        let bytes = |source: &SourceId| self.sources.get(*source).text().len();
        self.checks += replacement.targets.len() * self.root_sources.iter().map(bytes).sum::<usize>();
        if self.checks > MAX_CHECKS {
            self.is_exhausted = true;
            return false;
        }
        let resources = || self.root_sources.iter().filter_map(|source| self.resources.get(source)).flatten();
        replacement.targets.iter().all(|replaced| {
            replaced.paths.is_empty()
                || resources().map(|&at| &self.inventory.resources[at]).all(|resource| {
                    let names: Vec<String> = resource.name.name.iter().cloned().collect();
                    let namespaces = std::slice::from_ref(&resource.name.namespace);
                    replaced.select.fits(&resource.name, &names, namespaces) == Some(false)
                        || self.has_fields(resource.span, &replaced.paths)
                })
        })
    }

    fn has_fields(&self, span: Span, paths: &[String]) -> bool {
        let mut found = false;
        yaml::read(span.source, self.sources.slice(span), true, &mut |piece| {
            let Piece::Document(document) = piece else { return };
            found |= document.root().is_some_and(|root| paths.iter().all(|path| leads_somewhere(root, path)));
        });
        found
    }

    /// Whether a file in `configurations` may define more fields that contain images.
    fn may_name_images(&self, own: &Kustomization, file: &str) -> bool {
        let Some(source) = self.files.get(&member_path(&own.folder, file)) else { return true };
        let asides = self.inventory.asides.get(source).map_or(&[][..], Vec::as_slice);
        asides.is_empty() || asides.iter().any(|aside| *aside != Aside::Configuration { images: false })
    }

    fn rewrite_all(&mut self, rule: &ImageRule, fields: &Fields<'_>, pods: &mut [BuiltPod]) {
        for pod in pods.iter_mut() {
            let value = |item: &Item| match item.set.last() {
                Some(set) => rule.cost(&set.value),
                None => self.inventory.images.get(item.image).map_or(1, |image| rule.cost(&image.text.value)),
            };
            self.checks += pod.items.iter().map(value).sum::<usize>();
            if self.checks > MAX_CHECKS {
                self.is_exhausted = true;
                return;
            }
            pod.items.iter_mut().for_each(|item| self.rewrite(rule, fields, item));
        }
    }

    /// Applies one entry in `images:`.
    fn rewrite(&self, rule: &ImageRule, fields: &Fields<'_>, item: &mut Item) {
        let Some(image) = self.inventory.images.get(item.image) else { return };
        let is_whole = matches!(
            image.image,
            ImageText::Reference(_) | ImageText::Invalid(_) | ImageText::Skipped(Skip::Placeholder | Skip::Injected)
        );
        let path = item.added.as_ref().map_or(image.path.as_str(), |(_, path)| path);
        if item.unknown.is_some() || !is_whole {
            return;
        }
        // Newer versions also rewrite the images of volumes, and `configurations` may name any field.
        let (covered, doubt) = match fields {
            Fields::Builtin { more } => {
                let words = match (image::is_volume(path), more) {
                    (true, _) => Some("kustomize rewrites images of volumes only since 5.8"),
                    (false, true) => Some("`configurations` may define this field as an image"),
                    (false, false) => None,
                };
                (image::passes(path), words)
            }
            Fields::Given(paths) => {
                let once = u8::from(image::passes(path) > 0);
                let fitting = paths.iter().filter(|given| **given == image::without_indices(path)).count();
                (once.saturating_add(u8::try_from(fitting).unwrap_or(u8::MAX)), None)
            }
        };
        let doubt = doubt.filter(|_| covered == 0);
        let passes = if doubt.is_some() { 1 } else { covered };
        for pass in 0..passes {
            let value = item.set.last().map_or(image.text.value.as_str(), |set| &set.value);
            match (rule.apply(value), doubt) {
                (Rewritten::Unmatched, _) => {}
                (Rewritten::Unknown, _) => {
                    let words = match rule.is_broken {
                        true => "kustomize reads a field of this entry differently than written",
                        false => "versions of kustomize disagree about what this matches",
                    };
                    return item.blur(Why::new(rule.name.span, words));
                }
                (Rewritten::To(..), Some(words)) => return item.blur(Why::new(rule.name.span, words)),
                (Rewritten::To(value, deciding), None) => {
                    let Some((span, path)) = image::decision(rule, deciding) else { continue };
                    if pass > 0 && item.set.last().is_some_and(|set| set.span == span) {
                        item.set.pop();
                    }
                    if value.len() > MAX_VALUE {
                        return item.blur(Why::new(span, "it makes the value longer than any image"));
                    }
                    if item.set.len() >= MAX_SET {
                        item.set.pop();
                    }
                    item.set.push(Set { value, span, path });
                }
            }
        }
    }

    fn replace(&mut self, own: &'k Kustomization, replacement: &'k Replacement, pods: &mut [BuiltPod]) {
        let Some(file) = &replacement.path else { return self.replace_targets(replacement, replacement.span, pods) };
        match self.replacements_of(own, file) {
            Some(inner) => inner.for_each(|inner| self.replace_targets(inner, inner.span, pods)),
            None => {
                let why = Why::new(replacement.span, "these replacements may set it; their file is not read");
                for pod in pods.iter_mut() {
                    pod.blur_images(why);
                    pod.blur_credentials();
                }
                self.reasons.push(Unfollowed { reason: UnfollowedReason::Replacements, span: replacement.span });
            }
        }
    }

    fn replace_targets(&mut self, replacement: &'k Replacement, span: Span, pods: &mut [BuiltPod]) {
        self.match_source(replacement, span);
        if let Some(source) = &replacement.source {
            let is_source = |pod: &&BuiltPod| {
                let object = &self.inventory.resource(self.inventory.pod(pod.pod).resource).name;
                !pod.is_deleted && source.fits(object, &pod.names, &pod.namespaces) == Some(true)
            };
            if change::are_several(self.inventory, pods.iter().filter(is_source)) {
                let words = "kustomize may refuse this: several objects have had the name of the source";
                self.doubt.get_or_insert(Why::new(span, words));
            }
        }
        let is_lost = pods.iter().any(|pod| pod.lost.is_some());
        if is_lost && replacement.targets.iter().any(|target| !target.paths.is_empty())
            || !self.finds_fields(replacement)
        {
            let words = "kustomize fails where this replacement finds no such field";
            pods.iter_mut().for_each(|pod| pod.blur_images(Why::new(span, words)));
            self.reasons.push(Unfollowed { reason: UnfollowedReason::Replacements, span });
        }
        let fits = |replaced: &Replaced, pod: &BuiltPod| {
            let object = &self.inventory.resource(self.inventory.pod(pod.pod).resource).name;
            replaced.select.fits(object, &pod.names, &pod.namespaces) != Some(false)
        };
        if !keeping::replacement_keeps(replacement) {
            pods.iter_mut().for_each(|pod| pod.is_renamed = true);
        }
        let mut reasons = Vec::new();
        for replaced in &replacement.targets {
            for pod in pods.iter_mut() {
                let is_meant = fits(replaced, pod);
                if replaced.images && is_meant {
                    pod.blur_images(Why::new(span, "this replacement may set it"));
                    reasons.push(UnfollowedReason::Replacements);
                }
                if replaced.credentials && is_meant || replaced.renames {
                    pod.blur_credentials();
                    reasons.push(UnfollowedReason::CredentialReplacements);
                }
            }
        }
        reasons.sort();
        reasons.dedup();
        self.reasons.extend(reasons.into_iter().map(|reason| Unfollowed { reason, span }));
    }

    /// The effects of a transformer; `None` if it is a file or folder that is not known.
    pub(super) fn effects(&self, own: &Kustomization, transformer: &'k Transformer) -> Option<Vec<&'k Effect>> {
        if let Some(effects) = &transformer.inline {
            return Some(effects.iter().collect());
        }
        let mut open = vec![member_path(&own.folder, &transformer.text)];
        let mut seen = std::collections::BTreeSet::new();
        let mut effects = Vec::new();
        while let Some(path) = open.pop() {
            if !seen.insert(path.clone()) || seen.len() > MAX_FILES {
                return None;
            }
            if let Some(source) = self.files.get(&path) {
                let is_broken = self.inventory.problems.iter().any(|problem| problem.span.source == *source);
                let asides = self.inventory.asides.get(source).map_or(&[][..], Vec::as_slice);
                let of_source = asides.iter().filter_map(|aside| match aside {
                    Aside::Transformer(effect) => Some(effect),
                    _ => None,
                });
                let before = effects.len();
                effects.extend(of_source);
                let all = self.resources.get(source).map_or(0, Vec::len);
                if is_broken || effects.len() == before || effects.len() - before != all {
                    return None;
                }
            } else {
                // A folder of transformers whose kustomization does not change them.
                let inner = self.folders.get(&path).and_then(|at| self.kustomizations.get(*at))?;
                let is_plain = inner.patches.is_empty()
                    && inner.images.is_empty()
                    && inner.transformers.is_empty()
                    && inner.replacements.is_empty()
                    && inner.components.is_empty()
                    && inner.unfollowed.is_empty()
                    && inner.refusal.is_none()
                    && inner.namespace.is_none();
                if !is_plain {
                    return None;
                }
                open.extend(inner.resources.iter().rev().map(|member| member_path(&inner.folder, member)));
            }
        }
        Some(effects)
    }

    fn transform_by(&mut self, own: &'k Kustomization, transformer: &'k Transformer, pods: &mut [BuiltPod]) {
        let unfollowed = |name: &str| {
            let name = name.lines().next().unwrap_or_default().to_owned();
            Unfollowed { reason: UnfollowedReason::Transformers(name), span: transformer.span }
        };
        let why = Why::new(transformer.span, "this transformer may set it");
        let effects = self.effects(own, transformer);
        let unknown = match &effects {
            None => Some(transformer.text.as_str()),
            Some(effects) => effects.iter().find_map(|effect| effect.unknown()),
        };
        if let Some(name) = unknown {
            self.reasons.push(unfollowed(name));
        }
        let Some(effects) = effects else {
            for pod in pods.iter_mut() {
                pod.blur_images(why);
                pod.blur_credentials();
            }
            return;
        };
        for effect in effects {
            match effect {
                Effect::Harmless => {}
                Effect::Names { prefix, suffix } => rename(prefix, suffix, pods),
                Effect::Namespace { name, unset_only } => {
                    let meant = pods.iter_mut().filter(|pod| !unset_only || pod.facts.namespace.is_none());
                    meant.for_each(|pod| self.set_namespace(name, pod));
                }
                Effect::Image { rule, paths } => self.rewrite_all(rule, &Fields::Given(paths), pods),
                Effect::Patches(patches) => patches.iter().for_each(|patch| change::patch(self, own, patch, pods)),
                Effect::Replacements(list) => list.iter().for_each(|replacement| self.replace(own, replacement, pods)),
                Effect::Unknown(_) => {
                    for pod in pods.iter_mut() {
                        pod.blur_images(why);
                        pod.blur_credentials();
                    }
                }
            }
        }
    }
}

/// Maximum number of files and folders of one transformer.
const MAX_FILES: usize = 1_000;

fn rename(prefix: &str, suffix: &str, pods: &mut [BuiltPod]) {
    if prefix.is_empty() && suffix.is_empty() {
        return;
    }
    for pod in pods {
        let name = pod.names.last().map(|name| format!("{prefix}{name}{suffix}"));
        pod.names.extend(name);
    }
}
