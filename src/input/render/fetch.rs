//! `--fetch-charts`: the charts of releases that are not in the inputs, and the dependencies of those that are.
#![expect(clippy::disallowed_methods, reason = "copies charts, to put what was fetched into them")]

use std::fs;
use std::path::{Path, PathBuf};

use futures_util::future::join_all;

use crate::input::render::RenderOptions;
use crate::registry::chart::{ChartError, ChartFetcher, ChartRequest, WantedChart};
use crate::resource::chart::version_range::VersionReading;
use crate::resource::workload::values::{ChartName, ChartPin, Installer};
use crate::text::placeholder::is_placeholder;
use crate::text::source::SourceId;
use crate::text::yaml::{self, Node, Piece};

/// Largest chart that is copied, in bytes and files.
const MAX_BYTES: u64 = 64 << 20;
const MAX_FILES: usize = 10_000;

/// Returns what to ask for; `None` if the chart is not in a registry or repository, or is not named in full.
pub(super) fn request(installer: Installer, chart: &ChartName) -> Option<Result<ChartRequest, ChartError>> {
    let parts = [&chart.chart, &chart.repository, &chart.version];
    if parts.into_iter().flatten().any(|text| is_placeholder(text)) {
        return None;
    }
    let name = chart.chart.as_deref()?;
    let version = chart.version.clone().unwrap_or_default();
    let reading = match installer {
        Installer::Flux => VersionReading::FluxHelmRepository,
        Installer::ArgoCd => VersionReading::ArgoCd,
        _ => VersionReading::Helm,
    };
    match (&chart.repository, chart.pin) {
        (_, Some(pin)) => {
            let wanted = match pin {
                ChartPin::Filtered => return None,
                ChartPin::Digest => WantedChart::Digest(version),
                ChartPin::Semver => WantedChart::Version(version, VersionReading::FluxOciRepository),
                ChartPin::Tag if version.is_empty() => WantedChart::Tag("latest".to_owned()),
                ChartPin::Tag => WantedChart::Tag(version),
            };
            Some(ChartRequest::oci(name, wanted))
        }
        (None, None) if name.starts_with("oci://") => {
            Some(ChartRequest::oci(name, WantedChart::Version(version, reading)))
        }
        (None, None) => None,
        // Argo CD writes the registry of an OCI chart without its scheme.
        (Some(url), None) if installer == Installer::ArgoCd && !url.contains("://") && !url.contains('@') => {
            Some(ChartRequest::in_repository(&format!("oci://{url}"), name, &version, reading))
        }
        (Some(url), None) => Some(ChartRequest::in_repository(url, name, &version, reading)),
    }
}

/// Creates the fetcher; `None` if nothing is to be fetched.
///
/// # Errors
/// The options cannot work.
pub(super) fn fetcher(options: &RenderOptions) -> Result<Option<ChartFetcher>, String> {
    options.fetch.as_ref().map(ChartFetcher::new).transpose().map_err(|error| error.to_string())
}

/// A dependency that a chart lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dependency {
    name: String,
    version: String,
    repository: String,
}

/// Returns the dependencies of a chart that are not in its `charts` folder; `text` is its `Chart.yaml`, `lock` its
/// `Chart.lock`, whose versions `helm dependency build` takes.
pub(super) fn missing(text: &str, lock: Option<&str>, has: impl Fn(&str) -> bool) -> Vec<Dependency> {
    let locked = lock.map(dependencies).unwrap_or_default();
    let exact = |mut own: Dependency| {
        if let Some(locked) = locked.iter().find(|locked| locked.name == own.name) {
            own.version.clone_from(&locked.version);
        }
        own
    };
    let is_elsewhere = |own: &Dependency| own.repository.contains("://") && !own.repository.starts_with("file:");
    let all = dependencies(text).into_iter().filter(|own| is_elsewhere(own) && !has(&own.name));
    all.map(exact).collect()
}

fn dependencies(text: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    yaml::read(SourceId(0), text, true, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        let list = document.root().and_then(|root| root.get("dependencies"));
        found.extend(list.into_iter().flat_map(Node::items).filter_map(|item| {
            Some(Dependency {
                name: item.str("name")?.to_owned(),
                version: item.get("version").and_then(Node::text).unwrap_or_default().to_owned(),
                repository: item.str("repository").unwrap_or_default().to_owned(),
            })
        }));
    });
    found
}

/// Copies a chart to `to` and puts the dependencies into the copy that it lacks; `None` if it lacks none.
///
/// # Errors
/// A dependency could not be fetched, or the chart cannot be copied.
pub(super) async fn complete(chart: &Path, to: &Path, fetcher: &ChartFetcher) -> Result<Option<PathBuf>, String> {
    let Ok(text) = fs::read_to_string(chart.join("Chart.yaml")) else { return Ok(None) };
    let lock = fs::read_to_string(chart.join("Chart.lock")).ok();
    let vendored: Vec<String> = fs::read_dir(chart.join("charts"))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let missing = missing(&text, lock.as_deref(), |name| vendored.iter().any(|file| is_chart_of(file, name)));
    if missing.is_empty() {
        return Ok(None);
    }
    let failed =
        |own: &Dependency, error: &ChartError| format!("its dependency {} cannot be fetched: {error}", own.name);
    let fetch = |own: &Dependency| {
        let own = own.clone();
        async move {
            let request = ChartRequest::in_repository(&own.repository, &own.name, &own.version, VersionReading::Helm);
            let request = request.map_err(|error| failed(&own, &error))?;
            let fetched = fetcher.fetch(&request).await.map_err(|error| failed(&own, &error))?;
            Ok::<_, String>((own.name, fetched.path))
        }
    };
    let archives = join_all(missing.iter().map(fetch)).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let cannot = |error: std::io::Error| format!("it cannot be copied: {error}");
    let mut left = Left { bytes: MAX_BYTES, files: MAX_FILES };
    copy(chart, to, &mut left).map_err(cannot)?;
    let charts = to.join("charts");
    fs::create_dir_all(&charts).map_err(cannot)?;
    for (at, (_, archive)) in archives.iter().enumerate() {
        fs::copy(archive, charts.join(format!("fetched-{at}.tgz"))).map_err(cannot)?;
    }
    Ok(Some(to.to_owned()))
}

/// Whether an entry of a `charts` folder is the chart of that name: its folder, or its archive `NAME-VERSION.tgz`.
fn is_chart_of(file: &str, name: &str) -> bool {
    let is_version = |rest: &str| {
        rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c == 'v' || c.is_ascii_digit()))
    };
    file.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with(".tgz") && is_version(rest))
}

/// What may still be copied.
struct Left {
    bytes: u64,
    files: usize,
}

/// Copies regular files and folders; links are left out.
fn copy(from: &Path, to: &Path, left: &mut Left) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy(&entry.path(), &target, left)?;
        } else if kind.is_file() {
            let size = entry.metadata()?.len();
            match (left.bytes.checked_sub(size), left.files.checked_sub(1)) {
                (Some(bytes), Some(files)) => *left = Left { bytes, files },
                _ => return Err(std::io::Error::other("it is too large")),
            }
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_that_of_the_installer() {
        let chart = |chart: &str, repository: Option<&str>, version: &str, pin: Option<ChartPin>| ChartName {
            chart: Some(chart.to_owned()),
            repository: repository.map(str::to_owned),
            version: Some(version.to_owned()).filter(|version| !version.is_empty()),
            pin,
            source: None,
        };
        let oci = |registry: &str, repository: &str, wanted| {
            Some(Ok(ChartRequest::Oci { registry: registry.to_owned(), repository: repository.to_owned(), wanted }))
        };
        let version = |text: &str, reading| WantedChart::Version(text.to_owned(), reading);
        let cases = [
            (
                Installer::Flux,
                chart("oci://ghcr.io/acme/shop", None, "", Some(ChartPin::Tag)),
                oci("ghcr.io", "acme/shop", WantedChart::Tag("latest".to_owned())),
            ),
            (
                Installer::Flux,
                chart("oci://ghcr.io/acme/shop", None, ">=1.0.0", Some(ChartPin::Semver)),
                oci("ghcr.io", "acme/shop", version(">=1.0.0", VersionReading::FluxOciRepository)),
            ),
            (
                Installer::ArgoCd,
                chart("shop", Some("ghcr.io/acme"), "1.x", None),
                oci("ghcr.io", "acme/shop", version("1.x", VersionReading::ArgoCd)),
            ),
            (
                Installer::HelmController,
                chart("oci://ghcr.io/acme/shop", None, "1.0.0", None),
                oci("ghcr.io", "acme/shop", version("1.0.0", VersionReading::Helm)),
            ),
            (
                Installer::Flux,
                chart("shop", Some("https://charts.example"), "1.0.0", None),
                Some(ChartRequest::in_repository(
                    "https://charts.example",
                    "shop",
                    "1.0.0",
                    VersionReading::FluxHelmRepository,
                )),
            ),
            (Installer::Flux, chart("shop", None, "1.0.0", None), None),
            (Installer::Flux, chart("oci://ghcr.io/acme/shop", None, ">=1.0.0", Some(ChartPin::Filtered)), None),
            (Installer::Flux, chart("shop", Some("https://${DOMAIN}"), "1.0.0", None), None),
        ];
        for (installer, chart, expected) in cases {
            assert_eq!(request(installer, &chart), expected, "{chart:?}");
        }
    }

    #[test]
    fn missing_dependencies_have_the_locked_version() {
        let chart = "name: a\ndependencies:\n- {name: redis, version: 1.x, repository: 'https://c.example'}\n- {name: own, \
                     version: 1.0.0, repository: 'file://../own'}\n- {name: there, version: 1.0.0, repository: 'oci://c.example/a'}\n";
        let lock = "dependencies:\n- {name: redis, version: 1.4.2, repository: 'https://c.example'}\n";
        let found = |lock| missing(chart, lock, |name| name == "there");
        let redis = |version: &str| Dependency {
            name: "redis".to_owned(),
            version: version.to_owned(),
            repository: "https://c.example".to_owned(),
        };
        assert_eq!(found(None), [redis("1.x")]);
        assert_eq!(found(Some(lock)), [redis("1.4.2")]);
    }
}
