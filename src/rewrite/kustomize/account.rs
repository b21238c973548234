//! Service accounts whose pull secrets a patch changes.

use super::Builder;
use crate::inventory::Inventory;
use crate::resource::ResourceName;
use crate::resource::kustomization::patch::{Body, Change, Patch};
use crate::resource::kustomization::{Build, member_path};
use crate::resource::service_account::ServiceAccount;
use crate::resource::workload::{Resource, ResourceId, SecretReference};
use crate::text::source::Span;

/// A service account after a patch. It is kept along with the original one, because not every build may patch it.
pub(super) struct PatchedAccount {
    account: ServiceAccount,
    name: ResourceName,
    span: Span,
}

impl PatchedAccount {
    pub(super) fn add_to(self, inventory: &mut Inventory) {
        let resource = ResourceId(inventory.resources.len() as u32);
        inventory.resources.push(Resource { name: self.name, span: self.span, template: None });
        inventory.service_accounts.push(ServiceAccount { resource, ..self.account });
    }
}

/// Returns the service accounts whose pull secrets an inline patch, or a JSON 6902 patch, changes.
pub(super) fn accounts(builder: &Builder<'_>, builds: &[Build<'_>]) -> Vec<PatchedAccount> {
    let mut patched = Vec::new();
    for (own, build) in builder.kustomizations.iter().zip(builds) {
        for patch in builder.patches(own) {
            let changes: &[Change] = match &patch.body {
                Body::Inline(changes) => changes,
                Body::File(file) => builder
                    .files
                    .get(&member_path(&own.folder, file))
                    .and_then(|source| builder.patch_files.get(source))
                    .map_or(&[], Vec::as_slice),
                Body::Unknown | Body::Refused(_) => &[],
            };
            for change in changes {
                let Some(secrets) = account_secrets(change, patch, matches!(patch.body, Body::Inline(_))) else {
                    continue;
                };
                for account in &builder.inventory.service_accounts {
                    let resource = builder.inventory.resource(account.resource);
                    let of_build = own.is_component || build.sources.contains(&resource.span.source);
                    if of_build && account_fits(patch, change, &resource.name) {
                        let pull_secrets = secrets.iter().chain(&account.pull_secrets).cloned().collect();
                        patched.push(PatchedAccount {
                            account: ServiceAccount { pull_secrets, ..account.clone() },
                            name: resource.name.clone(),
                            span: patch.span,
                        });
                    }
                }
            }
        }
    }
    patched
}

fn account_secrets(change: &Change, patch: &Patch, is_inline: bool) -> Option<Vec<SecretReference>> {
    match change {
        // A patch in its own file that names its object was already read as that object.
        Change::Merge(merge) if merge.name.kind == "ServiceAccount" && (is_inline || patch.target.is_some()) => {
            merge.pods.first().and_then(|pod| pod.pull_secrets.clone())
        }
        Change::Merge(_) => None,
        Change::Operations(operations) => {
            let mut of_secrets =
                operations.iter().filter(|operation| operation.path.starts_with("imagePullSecrets")).peekable();
            of_secrets.peek()?;
            let unknown = || vec![SecretReference { name: "${PATCHED}".to_owned(), span: patch.span }];
            Some(of_secrets.flat_map(|operation| operation.pull_secrets.clone().unwrap_or_else(unknown)).collect())
        }
    }
}

fn account_fits(patch: &Patch, change: &Change, account: &ResourceName) -> bool {
    let names: Vec<String> = account.name.iter().cloned().collect();
    match (&patch.target, change) {
        (Some(target), _) => target.fits(account, &names, std::slice::from_ref(&account.namespace)) != Some(false),
        (None, Change::Merge(merge)) => merge.name.name == account.name,
        (None, Change::Operations(_)) => false,
    }
}
