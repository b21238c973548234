//! The folder on disk: `<cache>/pullcheck/v1/<one hex digit>/<the other 63>`, and the key beside them.
//!
//! The folder belongs to this user and is closed to others. If it is not, it is not used at all, because on a shared
//! machine others could plant a key, and with it any content. Concurrent runs do not harm each other: a file appears
//! whole or not at all. Errors here are silent: a run without a cache is only slower.
#![expect(clippy::disallowed_methods, reason = "the cache is where earlier runs left it")]

use std::fs::{self, DirBuilder, DirEntry, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use etcetera::BaseStrategy;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::registry::digest::hex;

/// Bytes of the local key.
pub(super) const KEY_BYTES: usize = 32;

/// Largest file that is kept, in bytes. Few manifests are a tenth of that size.
const MAX_ENTRY: usize = 256 * 1024;
/// Number of parts of the folder.
const PARTS: usize = 16;
/// Limits of one part. If it exceeds them, the oldest files are removed, down to half.
#[derive(Debug, Clone, Copy)]
pub(in crate::registry) struct Room {
    pub(in crate::registry) files: usize,
    pub(in crate::registry) bytes: u64,
    /// Number of files of this run after which a part is checked again.
    pub(in crate::registry) look_every: usize,
}

const ROOM: Room = Room { files: 1024, bytes: 4 << 20, look_every: 256 };

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
pub enum NoStore {
    /// The platform names no cache folder.
    #[error("there is no cache folder: neither XDG_CACHE_HOME nor a home folder is set")]
    NoFolder,
    /// The folder cannot be created or read.
    #[error("the cache folder {0} cannot be used: {1}")]
    Unusable(PathBuf, io::Error),
    /// Another user owns the folder or can write in it, or it is a link.
    #[error("the cache folder {0} is not used: {1}")]
    Unsafe(PathBuf, &'static str),
    /// The local key cannot be created or read.
    #[error("the cache has no usable key")]
    Key,
}

/// The folder of this version's entries.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    pub(super) room: Room,
    /// Unique to this process: part of the names of files that are being written.
    mark: u64,
    written: [AtomicUsize; PARTS],
    /// Set once nothing can be written: a full or read-only disk is tried once.
    closed: AtomicBool,
}

/// The platform's folder for caches; `XDG_CACHE_HOME` takes precedence on every platform.
pub(in crate::registry) fn platform_folder() -> Result<PathBuf, NoStore> {
    if let Some(path) = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()) {
        return Ok(path);
    }
    // Without the variable, the library looks the home up in the user database. A user who cleared the environment
    // does not expect files there.
    if cfg!(unix) && std::env::var_os("HOME").is_none_or(|home| home.is_empty()) {
        return Err(NoStore::NoFolder);
    }
    let native = etcetera::base_strategy::choose_native_strategy().map_err(|_| NoStore::NoFolder)?;
    Some(native.cache_dir()).filter(|path| path.is_absolute()).ok_or(NoStore::NoFolder)
}

/// Opens or creates a folder below that of this program: it belongs to this user and is closed to others.
pub(in crate::registry) fn own_folder(cache: &Path, name: &str) -> Result<PathBuf, NoStore> {
    let unusable = |path: &Path| {
        let path = path.to_owned();
        move |error| NoStore::Unusable(path, error)
    };
    private_folder(true).create(cache).map_err(unusable(cache))?;
    let mut root = fs::canonicalize(cache).map_err(unusable(cache))?;
    for above in root.ancestors() {
        let metadata = fs::metadata(above).map_err(unusable(above))?;
        permissions::check_above(&metadata).map_err(|why| NoStore::Unsafe(above.to_owned(), why))?;
    }
    for name in ["pullcheck", name] {
        root.push(name);
        match private_folder(false).create(&root) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(&root)(error)),
            _ => {}
        }
        let metadata = fs::symlink_metadata(&root).map_err(unusable(&root))?;
        let checked = if metadata.is_dir() { permissions::check_own(&metadata) } else { Err("it is not a folder") };
        checked.map_err(|why| NoStore::Unsafe(root.clone(), why))?;
    }
    Ok(root)
}

impl Folder {
    /// Opens or creates the folder, with its key.
    pub(super) fn open(cache: &Path, random: &SystemRandom) -> Result<(Self, Zeroizing<[u8; KEY_BYTES]>), NoStore> {
        let root = own_folder(cache, "v1")?;
        let mut mark = [0; 8];
        random.fill(&mut mark).map_err(|_| NoStore::Key)?;
        let folder = Self {
            root,
            room: ROOM,
            mark: u64::from_ne_bytes(mark),
            written: Default::default(),
            closed: AtomicBool::new(false),
        };
        let key = folder.key(random).ok_or(NoStore::Key)?;
        Ok((folder, key))
    }

    /// The key that all runs share, created by the first. A file that is not a key, or is accessible to others, is
    /// replaced. The entries that were sealed with it are lost.
    fn key(&self, random: &SystemRandom) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
        let path = self.root.join("key");
        for _ in 0..2 {
            match read_own(&path, KEY_BYTES).map(Zeroizing::new) {
                Ok(bytes) if bytes.len() == KEY_BYTES => return to_key(&bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                _ => fs::remove_file(&path).ok()?,
            }
            let mut key = Zeroizing::new([0; KEY_BYTES]);
            random.fill(&mut key[..]).ok()?;
            let temporary = self.temporary(&self.root, 0);
            // A link never replaces a file: of several first runs one wins, and all read the key that it wrote.
            let linked = write_new(&temporary, &key[..]).and_then(|()| fs::hard_link(&temporary, &path));
            let _ = fs::remove_file(&temporary);
            match linked {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return None,
                _ => {}
            }
        }
        to_key(&Zeroizing::new(read_own(&path, KEY_BYTES).ok()?))
    }

    /// Reads the entry of a name.
    pub(super) fn read(&self, name: &[u8; 32]) -> Option<Vec<u8>> {
        read_own(&self.path(name), MAX_ENTRY).ok()
    }

    /// Removes an entry that is no longer of use.
    pub(super) fn remove(&self, name: &[u8; 32]) {
        let _ = fs::remove_file(self.path(name));
    }

    /// Writes an entry, replacing an existing one.
    pub(super) fn write(&self, name: &[u8; 32], bytes: &[u8]) {
        if bytes.len() > MAX_ENTRY || self.closed.load(Ordering::Relaxed) {
            return;
        }
        let path = self.path(name);
        let Some(part) = path.parent() else { return };
        let count = self.written[part_of(name)].fetch_add(1, Ordering::Relaxed);
        if count.is_multiple_of(self.room.look_every) {
            make_room(part, self.room);
        }
        let temporary = self.temporary(part, count);
        let mut written = write_new(&temporary, bytes);
        if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            let _ = private_folder(false).create(part);
            written = write_new(&temporary, bytes);
        }
        if written.and_then(|()| fs::rename(&temporary, &path)).is_err() {
            let _ = fs::remove_file(&temporary);
            self.closed.store(true, Ordering::Relaxed);
        }
    }

    fn path(&self, name: &[u8; 32]) -> PathBuf {
        let hex = hex(name);
        let (part, rest) = hex.split_at(1);
        self.root.join(part).join(rest)
    }

    fn temporary(&self, folder: &Path, number: usize) -> PathBuf {
        folder.join(format!(".{:016x}-{number}", self.mark))
    }
}

fn to_key(bytes: &[u8]) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    bytes.try_into().ok().map(Zeroizing::new)
}

fn part_of(name: &[u8; 32]) -> usize {
    usize::from(name[0] >> 4) % PARTS
}

/// Removes the oldest files of a part that is over its limit, and with them any files left behind by a killed run.
pub(in crate::registry) fn make_room(part: &Path, room: Room) {
    let Ok(entries) = fs::read_dir(part) else { return };
    let measured = |entry: DirEntry| {
        let metadata = entry.metadata().ok()?;
        Some((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), entry.path()))
    };
    let mut files: Vec<_> = entries.filter_map(Result::ok).filter_map(measured).collect();
    let mut bytes: u64 = files.iter().map(|(_, length, _)| length).sum();
    if files.len() < room.files && bytes < room.bytes {
        return;
    }
    files.sort_unstable();
    let mut left = files.len();
    for (_, length, path) in files {
        if left <= room.files / 2 && bytes <= room.bytes / 2 {
            break;
        }
        if fs::remove_file(path).is_ok() {
            left -= 1;
            bytes -= length;
        }
    }
}

/// Reads a file of this user's alone, of at most so many bytes; never through a link.
pub(in crate::registry) fn read_own(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true);
    permissions::no_surprises(&mut options);
    let file: File = options.open(path)?;
    let metadata = file.metadata()?;
    let own = metadata.is_file() && permissions::check_own(&metadata).is_ok();
    if !own || metadata.len() > most as u64 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file for this user alone, which must not exist yet.
pub(in crate::registry) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    permissions::private(&mut options);
    options.open(path)?.write_all(bytes)
}

fn private_folder(recursive: bool) -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(recursive);
    permissions::private_folder(&mut builder);
    builder
}

#[cfg(unix)]
mod permissions {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

    use rustix::fs::OFlags;

    use super::{DirBuilder, Metadata, OpenOptions};

    /// Checks the parent folders: a user who can rename their contents can replace our folder.
    pub(super) fn check_above(metadata: &Metadata) -> Result<(), &'static str> {
        let sticky = metadata.mode() & 0o1000 != 0;
        match metadata.uid() {
            0 => {}
            uid if uid == own_uid() => {}
            _ => return Err("it belongs to another user"),
        }
        if metadata.mode() & 0o002 != 0 && !sticky { Err("everyone can write to it") } else { Ok(()) }
    }

    pub(super) fn check_own(metadata: &Metadata) -> Result<(), &'static str> {
        if metadata.uid() != own_uid() {
            return Err("it belongs to another user");
        }
        if metadata.mode() & 0o077 != 0 { Err("other users can access it: change its mode to 0700") } else { Ok(()) }
    }

    pub(super) fn private(options: &mut OpenOptions) {
        options.mode(0o600);
    }

    pub(super) fn private_folder(builder: &mut DirBuilder) {
        builder.mode(0o700);
    }

    /// Sets options so that opening neither follows a link nor waits for the other end of a pipe.
    pub(super) fn no_surprises(options: &mut OpenOptions) {
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
    }

    fn own_uid() -> u32 {
        rustix::process::geteuid().as_raw()
    }
}

/// Access to a user's profile is closed to others by inherited permissions.
#[cfg(not(unix))]
mod permissions {
    use super::{DirBuilder, Metadata, OpenOptions};

    pub(super) fn check_above(_: &Metadata) -> Result<(), &'static str> {
        Ok(())
    }

    pub(super) fn check_own(_: &Metadata) -> Result<(), &'static str> {
        Ok(())
    }

    pub(super) fn private(_: &mut OpenOptions) {}

    pub(super) fn private_folder(_: &mut DirBuilder) {}

    pub(super) fn no_surprises(_: &mut OpenOptions) {}
}
