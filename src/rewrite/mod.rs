//! How some objects in the inputs change others: namespaces, and names and contents of Secrets.

mod built_image;
mod chart_artifact;
mod chart_config;
mod chart_values;
mod deployers;
mod image_stream;
mod kustomize;
mod release_account;
pub mod release_values;
mod rendered_release;
mod unrendered_chart;

use std::collections::BTreeSet;

use crate::inventory::Inventory;
use crate::resource::kustomization::{self, Build};
use crate::resource::secret::{self, Producer, RefusedBy, Secret, SecretContent};
use crate::resource::workload::{ImageText, PodId, PodOrigin, Skip};
use crate::text::source::{SourceId, Sources, Spanned};

/// Marks everything that another object in the inputs replaces: images that a kustomization's `images:` rewrites, or
/// that are the bare names of image streams; namespaces that a kustomization sets; and Secrets that are filled in.
pub fn apply(inventory: &mut Inventory, sources: &Sources) {
    release_values::complete(inventory, sources);
    rendered_release::settle(inventory, sources);
    let mut kustomizations = std::mem::take(&mut inventory.kustomizations);
    let written = kustomizations.len();
    deployers::complete(inventory, &kustomizations, sources);
    let derived = deployers::derive(inventory, &kustomizations, sources);
    kustomizations.extend(derived);
    let builds = kustomization::builds(&kustomizations, sources);
    let settled = kustomize::apply(inventory, &kustomizations, &builds, sources);
    chart_artifact::settle(inventory, &kustomizations, sources);
    set_namespaces(inventory, &builds, &settled, sources);
    deployers::mark_rendered(inventory, &kustomizations[..written], sources);
    deployers::doubt_releases(inventory, &kustomizations[..written], &builds, sources);
    mark_generated(&mut inventory.secrets, &builds);
    mark_filled_in(&mut inventory.secrets, &inventory.filled_in);
    secret::follow_mirrors(&mut inventory.secrets);
    for image in &mut inventory.images {
        // Image streams do not replace images in flags and annotations.
        let is_mention = inventory.pods.get(image.pod.0 as usize).is_some_and(|pod| pod.origin == PodOrigin::Mention);
        if is_mention || matches!(image.image, ImageText::Skipped(_)) {
            continue;
        }
        if inventory.image_streams.contains(bare_name(&image.text.value)) {
            image.image = ImageText::Skipped(Skip::SetByImageStream);
        }
    }
    built_image::mark(inventory, &builds, sources);
    chart_config::doubt_overridden(inventory);
    kustomizations.truncate(written);
    inventory.kustomizations = kustomizations;
    image_stream::resolve(inventory);
    release_account::add_secrets(inventory);
    unrendered_chart::separate_templates(inventory, sources);
    chart_artifact::leave_out_templates(inventory);
}

/// Returns an image's name without tag and digest.
fn bare_name(text: &str) -> &str {
    let text = text.split_once('@').map_or(text, |(name, _)| name);
    let path_start = text.rfind('/').map_or(0, |slash| slash + 1);
    text[path_start..].find(':').map_or(text, |colon| &text[..path_start + colon])
}

/// Applies the namespaces that kustomize sets for everything it builds. If several builds, or a build and the object,
/// disagree, any of them is possible.
fn set_namespaces(inventory: &mut Inventory, builds: &[Build<'_>], settled: &BTreeSet<PodId>, sources: &Sources) {
    let namespaces = kustomization::namespaces(builds, sources);
    let set = |namespace: &mut Option<String>, source: SourceId| {
        if let Some(built) = namespaces.get(&source) {
            let own = namespace.take();
            // If a build leaves an object without a namespace, any namespace is possible.
            let given: Option<Vec<String>> = built.iter().map(|built| built.clone().or_else(|| own.clone())).collect();
            *namespace = given.and_then(|given| the_only(given.into_iter()));
        }
    };
    let pods = inventory
        .pods
        .iter_mut()
        .enumerate()
        .filter(|(at, pod)| !pod.chosen.namespace && !settled.contains(&PodId(*at as u32)));
    pods.for_each(|(_, pod)| set(&mut pod.namespace, pod.span.source));
    for secret in &mut inventory.secrets {
        if !matches!(secret.producer, Producer::Generator(_)) && !secret.is_for_many_namespaces() {
            set(&mut secret.namespace, secret.name.span.source);
        }
    }
    for artifact in &mut inventory.chart_artifacts {
        set(&mut artifact.namespace, artifact.span.source);
    }
    for account in &mut inventory.service_accounts {
        let resource = inventory.resources.get(account.resource.0 as usize);
        resource.into_iter().for_each(|resource| set(&mut account.namespace, resource.span.source));
    }
}

/// Sets for each secret generator the sources whose references kustomize rewrites, and the namespace of its Secrets.
fn mark_generated(secrets: &mut [Secret], builds: &[Build<'_>]) {
    for secret in secrets {
        let Producer::Generator(generator) = &mut secret.producer else { continue };
        let part_of = || builds.iter().filter(|build| build.folders.contains(generator.folder.as_str()));
        let outer = part_of().filter_map(|build| build.kustomization.namespace.clone());
        secret.namespace = the_only(outer.chain(secret.namespace.take()));
        generator.build = part_of().flat_map(|build| build.sources.iter().copied()).collect();
    }
}

/// Marks the content of Secrets that something fills in as unknown, if the API server accepts the Secret.
fn mark_filled_in(secrets: &mut [Secret], filled_in: &[Spanned<(Option<String>, String)>]) {
    for filled in filled_in {
        let (namespace, name) = &filled.value;
        let is_meant = |secret: &&mut Secret| {
            let elsewhere = secret.namespace.is_some() && namespace.is_some() && secret.namespace != *namespace;
            secret.name.value == *name && !elsewhere
        };
        for secret in secrets.iter_mut().filter(is_meant) {
            let overwritten = match &secret.content {
                SecretContent::Config(_) => true,
                SecretContent::Malformed(malformed) => malformed.refused_by == RefusedBy::Kubelet,
                SecretContent::Ignored(_) | SecretContent::Opaque => false,
            };
            if overwritten {
                secret.content = SecretContent::Opaque;
            }
        }
    }
}

/// Returns the value if all are the same.
fn the_only(values: impl Iterator<Item = String>) -> Option<String> {
    let mut values: BTreeSet<String> = values.collect();
    values.pop_first().filter(|_| values.is_empty())
}
