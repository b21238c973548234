//! Overlays of one base are alternatives: the objects that one of them adds do not exist in the others.

use std::collections::{BTreeMap, BTreeSet};

use super::emit::BuiltRoot;
use crate::inventory::Inventory;
use crate::resource::kustomization::{Build, Kustomization};
use crate::text::source::SourceId;

/// Hides from each pod the Secrets and service accounts that only other builds of the same object have.
pub(super) fn hide(
    inventory: &Inventory,
    kustomizations: &[Kustomization],
    builds: &[Build<'_>],
    outcomes: &mut [BuiltRoot],
) {
    let files: Vec<BTreeSet<SourceId>> =
        outcomes.iter().map(|outcome| files_of(&builds[outcome.root], kustomizations)).collect();
    let mut roots_of: BTreeMap<SourceId, Vec<usize>> = BTreeMap::new();
    for (at, files) in files.iter().enumerate() {
        files.iter().for_each(|file| roots_of.entry(*file).or_default().push(at));
    }
    // The sources that define a Secret or service account, by name: few files do.
    let mut defining: BTreeMap<&str, BTreeSet<SourceId>> = BTreeMap::new();
    for secret in &inventory.secrets {
        defining.entry(&secret.name.value).or_default().insert(secret.name.span.source);
    }
    let mut accounts: BTreeMap<&str, (BTreeSet<SourceId>, BTreeSet<&str>)> = BTreeMap::new();
    for account in &inventory.service_accounts {
        let (sources, secrets) = accounts.entry(&account.name).or_default();
        sources.insert(inventory.resource(account.resource).span.source);
        secrets.extend(account.pull_secrets.iter().map(|named| named.name.as_str()));
    }
    for (at, outcome) in outcomes.iter_mut().enumerate() {
        for pod in &mut outcome.pods {
            // Objects with different names can exist at the same time.
            let source = inventory.pod(pod.pod).span.source;
            let Some(roots) = roots_of.get(&source).filter(|roots| roots.len() > 1 && pod.names.len() == 1) else {
                continue;
            };
            let account = pod.facts.service_account.as_ref().map_or("default", |name| &name.value);
            let account = accounts.get(account);
            let own = pod.facts.pull_secrets.iter().flatten().map(|named| named.name.as_str());
            let names = own.chain(account.into_iter().flat_map(|(_, secrets)| secrets.iter().copied()));
            let mut named: BTreeSet<SourceId> =
                names.filter_map(|name| defining.get(name)).flatten().copied().collect();
            named.extend(account.into_iter().flat_map(|(sources, _)| sources));
            let elsewhere = |source: &SourceId| {
                !files[at].contains(source)
                    && roots_of.get(source).is_some_and(|of| of.iter().all(|root| roots.contains(root)))
            };
            pod.facts.hidden = named.into_iter().filter(elsewhere).collect();
        }
    }
}

/// The files of a build, including those of its kustomizations.
fn files_of(build: &Build<'_>, kustomizations: &[Kustomization]) -> BTreeSet<SourceId> {
    let own = kustomizations.iter().filter(|kustomization| build.folders.contains(kustomization.folder.as_str()));
    build.sources.iter().copied().chain(own.map(|kustomization| kustomization.span.source)).collect()
}
