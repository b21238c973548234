//! `--fetch-charts`: what it needs of the other options.

use std::sync::Arc;
use std::time::Duration;

use crate::credential::dockerconfig::DockerConfig;
use crate::input::chart_credentials::OperatorCredentials;
use crate::input::credential_helper::Helpers;
use crate::registry::ClientOptions;
use crate::registry::chart::{ChartCache, ChartCredentials, ChartHost, FetchOptions};

/// The error for two options that contradict each other.
pub(super) const OFFLINE: &str = "--fetch-charts cannot be used with --offline: charts are fetched over the network; \
    leave out one of the two, or vendor the charts to render them offline";

/// Returns the settings. `access` is the operator's docker configuration, the only source of credentials.
pub(super) fn options(
    client: &ClientOptions,
    access: Option<(&DockerConfig, &Helpers)>,
    (chart_hosts, credential_hosts): (&[ChartHost], &[String]),
    cache_time_to_live: Duration,
) -> FetchOptions {
    let credentials = access.map(|(config, helpers)| {
        let hosts = credential_hosts.to_vec();
        Arc::new(OperatorCredentials::new(config.clone(), helpers.clone(), hosts)) as Arc<dyn ChartCredentials>
    });
    FetchOptions {
        client: client.clone(),
        hosts: chart_hosts.to_vec(),
        credentials,
        cache: if cache_time_to_live.is_zero() { ChartCache::Nowhere } else { ChartCache::Platform },
    }
}
