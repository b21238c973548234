//! HelmChartConfigs of k3s and RKE2, whose values replace those of the HelmChart with the same name.

use std::collections::BTreeSet;

use crate::inventory::Inventory;
use crate::resource::workload::values::{Release, ReleaseId};
use crate::resource::workload::{ImageText, Skip};

/// Marks the images in the values of HelmCharts that a HelmChartConfig in the inputs may replace.
pub(super) fn doubt_overridden(inventory: &mut Inventory) {
    let name_of = |release: &Release, kind: &str| {
        let name = &inventory.resource(release.resource).name;
        name.name.clone().filter(|_| name.kind == kind && name.group() == "helm.cattle.io")
    };
    let configs = inventory.releases.iter().filter_map(|release| name_of(release, "HelmChartConfig"));
    let configs: BTreeSet<String> = configs.collect();
    let is_overridden = |release: &Release| name_of(release, "HelmChart").is_some_and(|name| configs.contains(&name));
    let overridden = inventory.releases.iter().enumerate().filter(|(_, release)| is_overridden(release));
    let overridden: BTreeSet<ReleaseId> = overridden.map(|(at, _)| ReleaseId(at as u32)).collect();
    for image in &mut inventory.images {
        let release = inventory.pods.get(image.pod.0 as usize).and_then(|pod| pod.release);
        let is_known = !matches!(image.image, ImageText::Skipped(_));
        if is_known && release.is_some_and(|release| overridden.contains(&release)) {
            image.image = ImageText::Skipped(Skip::ChosenByChart);
        }
    }
}
