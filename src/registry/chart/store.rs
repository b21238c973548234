//! Archives on disk: those of this run, in a folder of its own, and those that later runs may use.
//!
//! Helm reads only files in the run's folder. What comes from the cache is hashed again, and the very bytes that were
//! hashed are written to the run's folder, so that nothing can change in between. The cache needs no secrecy and no
//! seal: an archive is used only if a server that this run asked has just named its digest.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::chart_error::ChartError;
use crate::registry::cache::{self, NoStore, Room};
use crate::registry::digest::{digest_of, hex};

/// Limits of the cache. If it exceeds them, the oldest archives are removed, down to half.
const ROOM: Room = Room { files: 500, bytes: 200 << 20, look_every: 1 };

/// Where archives are kept for later runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChartCache {
    /// In the platform's cache folder.
    Platform,
    /// Below this cache folder.
    Folder(PathBuf),
    /// Nowhere: `--no-cache`.
    Nowhere,
}

/// The archives of a run.
#[derive(Debug)]
pub(super) struct ArchiveStore {
    /// Removed when dropped.
    run: TempDir,
    cache: Option<PathBuf>,
    written: AtomicU64,
}

impl ArchiveStore {
    /// Opens the store, and tells why there is no cache if there should be one.
    pub(super) fn open(cache: &ChartCache) -> Result<(Self, Option<NoStore>), ChartError> {
        let run = tempfile::Builder::new().prefix("pullcheck-charts-").tempdir();
        let run = run.map_err(|error| ChartError::Storage(error.to_string()))?;
        let folder = match cache {
            ChartCache::Platform => Some(cache::platform_folder()),
            ChartCache::Folder(folder) => Some(Ok(folder.clone())),
            ChartCache::Nowhere => None,
        };
        let folder = folder.map(|folder| cache::own_folder(&folder?, "charts")).transpose();
        let (cache, why) = folder.map_or_else(|why| (None, Some(why)), |folder| (folder, None));
        Ok((Self { run, cache, written: AtomicU64::new(0) }, why))
    }

    /// The archive with this `sha256` digest, written to the run's folder; `None` if the cache does not have it.
    pub(super) fn cached(&self, digest: &str, most: usize) -> Option<Result<PathBuf, ChartError>> {
        let path = self.cached_path(digest)?;
        let bytes = cache::read_own(&path, most).ok()?;
        if digest_of(&bytes) != digest {
            // Damaged, or planted: of no use to any run.
            let _ = std::fs::remove_file(&path);
            return None;
        }
        Some(self.write(digest, &bytes))
    }

    /// Stores an archive for this run, and for later ones if its digest is named by a server, not only by itself.
    pub(super) fn store(&self, digest: &str, bytes: &[u8], keeps: bool) -> Result<PathBuf, ChartError> {
        if keeps && let Some((path, folder)) = self.cached_path(digest).zip(self.cache.as_deref()) {
            self.keep(&path, folder, bytes);
        }
        self.write(digest, bytes)
    }

    /// Writes a file that only this run reads, and returns its path.
    pub(super) fn write(&self, digest: &str, bytes: &[u8]) -> Result<PathBuf, ChartError> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
        let path = self.run.path().join(format!("{number}-{digest}.tgz"));
        cache::write_new(&path, bytes).map_err(|error| ChartError::Storage(error.to_string()))?;
        Ok(path)
    }

    /// A file appears whole or not at all. Without a cache, the next run is only slower.
    fn keep(&self, path: &Path, folder: &Path, bytes: &[u8]) {
        cache::make_room(folder, ROOM);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let mut mark = [0; 8];
        if ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut mark).is_err() {
            return;
        }
        let temporary = folder.join(format!(".{}-{number}", hex(&mark)));
        if cache::write_new(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path)).is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
    }

    fn cached_path(&self, digest: &str) -> Option<PathBuf> {
        let hex = digest.strip_prefix("sha256:").filter(|hex| is_hex(hex))?;
        Some(self.cache.as_ref()?.join(format!("{hex}.tgz")))
    }
}

/// Whether a text is a `sha256` in lower-case hex.
pub(super) fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests look at files")]
mod tests {
    use super::*;

    #[test]
    fn cached_archive_is_hashed_before_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = ChartCache::Folder(folder.path().to_owned());
        let digest = digest_of(b"chart");
        let first = ArchiveStore::open(&cache).unwrap().0;
        assert!(first.cached(&digest, 100).is_none());
        let stored = first.store(&digest, b"chart", true).unwrap();
        assert_eq!(std::fs::read(&stored).unwrap(), b"chart");
        drop(first);
        assert!(!stored.exists(), "the run's folder goes with the run");

        let second = ArchiveStore::open(&cache).unwrap().0;
        let found = second.cached(&digest, 100).unwrap().unwrap();
        assert_eq!(std::fs::read(found).unwrap(), b"chart");
        let kept = folder.path().join("pullcheck/charts").join(format!("{}.tgz", &digest["sha256:".len()..]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&kept, b"other").unwrap();
        assert!(second.cached(&digest, 100).is_none() && !kept.exists(), "a damaged file is removed");
        assert!(second.cached("sha256:../../x", 100).is_none());
    }

    #[test]
    fn nothing_is_kept_without_a_cache() {
        let (store, why) = ArchiveStore::open(&ChartCache::Nowhere).unwrap();
        assert!(why.is_none());
        let digest = digest_of(b"chart");
        assert!(store.store(&digest, b"chart", true).unwrap().exists());
        assert!(store.cached(&digest, 100).is_none());
    }
}
