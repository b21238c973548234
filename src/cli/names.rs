//! Parts of the inputs that appear in clear in every report: they are not secrets, though a Secret may contain the
//! same word.

use crate::inventory::Inventory;
use crate::resource::ResourceName;
use crate::rules::RULES;
use crate::text::source::Sources;

/// Words of every report: a summary must not print `3 ***`.
const WORDS: &[&str] = &[
    "baseline",
    "errors",
    "failing",
    "images",
    "kubectl",
    "offline",
    "pullable",
    "pullcheck",
    "registry",
    "skipped",
    "suppressed",
    "unverified",
    "warning",
    "warnings",
];

/// Collects paths of files and their folders, names of objects, containers, service accounts and pull secrets, and
/// ids of rules. Images are not included: a password may have got into one.
pub(super) fn in_clear<'n>(sources: &'n Sources, inventory: &'n Inventory) -> impl Iterator<Item = &'n str> {
    let paths = sources.iter().flat_map(|(_, source)| with_folders(source.name()));
    let templates =
        inventory.resources.iter().filter_map(|resource| resource.template.as_deref()).flat_map(with_folders);
    let objects = inventory.resources.iter().flat_map(|resource| of_resource(&resource.name));
    let accounts = inventory.pods.iter().filter_map(|pod| pod.service_account.as_ref()).map(|name| name.value.as_str());
    let pull_secrets = inventory.pods.iter().flat_map(|pod| pod.pull_secrets.iter().flatten());
    let pull_secrets = pull_secrets.map(|secret| secret.name.as_str());
    let secrets = inventory.secrets.iter().map(|secret| secret.name.value.as_str());
    let containers = inventory.images.iter().filter_map(|image| image.container.name.as_deref());
    let rules = RULES.iter().map(|rule| rule.meta().id);
    let objects = objects.chain(accounts).chain(pull_secrets).chain(secrets).chain(containers);
    paths.chain(templates).chain(objects).chain(rules).chain(WORDS.iter().copied())
}

fn of_resource(name: &ResourceName) -> impl Iterator<Item = &str> {
    let ResourceName { namespace, name, kind, api_version, .. } = name;
    [Some(api_version.as_str()), Some(kind.as_str()), namespace.as_deref(), name.as_deref()].into_iter().flatten()
}

/// Returns a path, and every folder on the way to it.
fn with_folders(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(folder, _)| folder))
}
