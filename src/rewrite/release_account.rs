//! The service accounts that the values of releases name: their pull secrets are those of the pods.

use crate::inventory::Inventory;
use crate::resource::service_account::ServiceAccount;
use crate::resource::workload::{PodOrigin, SecretReference};

/// Gives the pull secrets of an account in the inputs to the images in values that have none of their own. Nothing is
/// concluded from an account that is not there: the chart may give the images another one.
pub(super) fn add_secrets(inventory: &mut Inventory) {
    for pod in inventory.pods.iter_mut().filter(|pod| pod.origin == PodOrigin::Values && pod.pull_secrets.is_none()) {
        let release = pod.release.and_then(|id| inventory.releases.get(id.0 as usize));
        let Some(name) = release.and_then(|release| release.service_account.as_ref()) else { continue };
        let is_meant = |account: &&ServiceAccount| {
            account.name == name.value && account.namespace.is_some() && account.namespace == pod.namespace
        };
        let mut meant = inventory.service_accounts.iter().filter(is_meant);
        let (Some(account), None) = (meant.next(), meant.next()) else { continue };
        let secrets = account.pull_secrets.iter();
        // The place is that in the values: what is said of it is about the release.
        let secrets: Vec<_> =
            secrets.map(|secret| SecretReference { name: secret.name.clone(), span: name.span }).collect();
        pod.pull_secrets = Some(secrets).filter(|secrets| !secrets.is_empty());
    }
}
