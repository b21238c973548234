//! How entries are named and sealed.
//!
//! The name is a keyed hash of the question, so that a leaked folder reveals no registry and no user, and so that it
//! does not help anyone to guess a password. The content is sealed with the same local key and bound to its name: an
//! entry that was planted, changed or copied under another name does not open.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::folder::{Folder, KEY_BYTES, NoStore};
use crate::image::manifest::is_digest;
use crate::kubelet::probe::{Attempt, Manifest, TagOrDigest};
use crate::registry::digest::digest_of;

/// The entries in a folder that belongs to this user.
#[derive(Debug)]
pub struct Store {
    pub(super) folder: Folder,
    names: hmac::Key,
    seal: LessSafeKey,
    random: SystemRandom,
}

/// A registry's repository with one credential, hashed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CacheScope([u8; 32]);

/// The name of an entry.
type Name = [u8; 32];

/// Records that a manifest exists and may be read. No rate limit is kept, since it changes with every pull.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// Time of creation, in microseconds since 1970.
    made: u64,
    digest: Option<String>,
    media_type: Option<String>,
}

impl Store {
    /// Opens the store in the platform's cache folder, and creates it if missing.
    ///
    /// # Errors
    /// The folder does not exist, cannot be used, or others can write in it. The run continues without a cache.
    pub fn open() -> Result<Self, NoStore> {
        Self::open_in(&super::folder::platform_folder()?)
    }

    /// Opens the store in a cache folder that several programs share.
    ///
    /// # Errors
    /// Same as [`Store::open`].
    pub fn open_in(cache: &Path) -> Result<Self, NoStore> {
        let random = SystemRandom::new();
        let (folder, key) = Folder::open(cache, &random)?;
        let derived = |purpose: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key[..]), purpose);
        let names = hmac::Key::new(hmac::HMAC_SHA256, derived(b"names").as_ref());
        let seal = UnboundKey::new(&aead::CHACHA20_POLY1305, derived(b"seal").as_ref()).map_err(|_| NoStore::Key)?;
        Ok(Self { folder, names, seal: LessSafeKey::new(seal), random })
    }

    /// The manifest found for this question, if not older than `time_to_live`.
    pub(super) fn found(&self, attempt: &Attempt, now: SystemTime, time_to_live: Duration) -> Option<Manifest> {
        let name = self.name_of_question(attempt);
        let entry: Option<Entry> = serde_json::from_slice(&self.read(&name)?).ok();
        let entry = entry.filter(|entry| entry.is_in_force(now, time_to_live));
        let Some(entry) = entry else {
            self.folder.remove(&name);
            return None;
        };
        let (digest, media_type) = (entry.digest, entry.media_type);
        Some(Manifest { digest, media_type, remembered: true, ..Manifest::default() })
    }

    /// Removes the manifest found for this question.
    pub(super) fn forget(&self, attempt: &Attempt) {
        self.folder.remove(&self.name_of_question(attempt));
    }

    /// Stores that the manifest was found.
    pub(super) fn keep_found(&self, attempt: &Attempt, manifest: &Manifest, now: SystemTime) {
        let entry =
            Entry { made: micros(now), digest: manifest.digest.clone(), media_type: manifest.media_type.clone() };
        if let Ok(bytes) = serde_json::to_vec(&entry) {
            self.write(&self.name_of_question(attempt), bytes);
        }
    }

    /// The bytes with the attempt's digest.
    pub(super) fn content(&self, attempt: &Attempt) -> Option<Vec<u8>> {
        let name = self.name_of_content(attempt)?;
        let bytes = self.read(&name)?;
        if digest_of(&bytes) != attempt.target.as_str() {
            self.folder.remove(&name);
            return None;
        }
        Some(bytes)
    }

    /// Stores bytes that have the attempt's digest.
    pub(super) fn keep_content(&self, attempt: &Attempt, bytes: &[u8]) {
        let name = self.name_of_content(attempt).filter(|_| digest_of(bytes) == attempt.target.as_str());
        if let Some(name) = name {
            self.write(&name, bytes.to_vec());
        }
    }

    /// The scope that a credential opens.
    pub(super) fn scope(&self, attempt: &Attempt) -> CacheScope {
        let [user, password] = credential(attempt);
        CacheScope(self.hash("scope", &[Some(&attempt.registry), Some(&attempt.repository), user, password]))
    }

    fn name_of_question(&self, attempt: &Attempt) -> Name {
        let kind = match attempt.target {
            TagOrDigest::Tag(_) => "tag",
            TagOrDigest::Digest(_) => "digest",
        };
        let [user, password] = credential(attempt);
        let target = attempt.target.as_str();
        self.hash(kind, &[Some(&attempt.registry), Some(&attempt.repository), Some(target), user, password])
    }

    /// The name of content, by repository too: that one repository has a manifest does not show that another has it.
    /// Only `sha256` can be checked.
    fn name_of_content(&self, attempt: &Attempt) -> Option<Name> {
        let digest = attempt.target.as_str();
        let checkable = digest.starts_with("sha256:") && is_digest(digest);
        checkable.then(|| self.hash("content", &[Some(&attempt.registry), Some(&attempt.repository), Some(digest)]))
    }

    /// Hashes each part with its length, so that no two lists have the same input.
    fn hash(&self, kind: &str, parts: &[Option<&str>]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.names);
        for part in [Some(kind)].iter().chain(parts) {
            match part {
                Some(text) => {
                    context.update(&(text.len() as u64).to_be_bytes());
                    context.update(text.as_bytes());
                }
                None => context.update(&u64::MAX.to_be_bytes()),
            }
        }
        let mut name = [0; 32];
        name.copy_from_slice(context.sign().as_ref());
        name
    }

    fn read(&self, name: &Name) -> Option<Vec<u8>> {
        let mut sealed = self.folder.read(name)?;
        let opened = sealed.split_at_mut_checked(aead::NONCE_LEN).and_then(|(nonce, sealed)| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            self.seal.open_in_place(nonce, Aad::from(name), sealed).ok().map(|bytes| bytes.to_vec())
        });
        if opened.is_none() {
            self.folder.remove(name);
        }
        opened
    }

    fn write(&self, name: &Name, mut bytes: Vec<u8>) {
        let mut nonce = [0; aead::NONCE_LEN];
        if self.random.fill(&mut nonce).is_err() {
            return;
        }
        let sealed =
            self.seal.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(name), &mut bytes);
        if sealed.is_ok() {
            self.folder.write(name, &[&nonce[..], &bytes].concat());
        }
    }
}

impl Entry {
    /// Whether the entry is still valid. An entry from the future was made before the clock was set back, so its age
    /// is unknown.
    fn is_in_force(&self, now: SystemTime, time_to_live: Duration) -> bool {
        let age = micros(now).checked_sub(self.made);
        age.is_some_and(|age| Duration::from_micros(age) < time_to_live) && self.digest.as_deref().is_none_or(is_digest)
    }
}

fn credential(attempt: &Attempt) -> [Option<&str>; 2] {
    let credential = attempt.credential.as_ref();
    [credential.map(|login| login.username.expose()), credential.map(|login| login.password.expose())]
}

fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

const _: () = assert!(KEY_BYTES == 32, "the length of a SHA-256, which HMAC recommends");
