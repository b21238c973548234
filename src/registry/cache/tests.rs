//! Tests of the cache around a prober that counts requests, in a separate folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::folder::Room;
use super::*;
use crate::credential::pair::Credential;
use crate::credential::sensitive::Sensitive;
use crate::kubelet::probe::{Defect, Denial, Evidence, RateLimit, TagOrDigest, Unknown};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const INDEX: &[u8] = br#"{"manifests":[]}"#;
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Answers by tag, and counts the requests.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Counting {
    fn asked(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Prober for Counting {
    async fn probe(&self, attempt: &Attempt) -> Outcome {
        self.0.fetch_add(1, Ordering::Relaxed);
        let evidence = Evidence::default();
        let rate = Some(RateLimit { limit: None, remaining: 5, window: None });
        let good =
            Manifest { digest: Some(DIGEST.to_owned()), media_type: Some("m".to_owned()), rate, ..Manifest::default() };
        match attempt.target.as_str() {
            "absent" => Outcome::Absent(evidence),
            "denied" => Outcome::Denied(Denial::Denied, evidence),
            "unknown" => Outcome::Unknown(Unknown::Timeout, evidence),
            "broken" => Outcome::Found(Manifest { defect: Some(Defect::Schema1), ..good }),
            _ => Outcome::Found(good),
        }
    }

    async fn tags(&self, _: &Attempt) -> TagList {
        self.0.fetch_add(1, Ordering::Relaxed);
        TagList::NoRepository
    }

    async fn explain(&self, attempt: &Attempt) -> Outcome {
        self.probe(attempt).await
    }

    async fn content(&self, _: &Attempt) -> Result<Arc<ManifestBody>, Unread> {
        unreachable!("the cache wants the bytes")
    }

    async fn config(&self, _: &Attempt) -> Result<Config, Unread> {
        unreachable!("the cache wants the bytes")
    }

    async fn layer(&self, _: &Attempt) -> Result<(), Unread> {
        Ok(())
    }
}

impl Reader for Counting {
    async fn read(&self, _: &Attempt, place: ContentKind) -> Result<Vec<u8>, Unread> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(match place {
            ContentKind::Manifest => INDEX.to_vec(),
            ContentKind::Blob => br#"{"os":"linux","architecture":"arm64"}"#.to_vec(),
        })
    }
}

fn image(tag: &str) -> Attempt {
    let target = if tag.contains(':') { TagOrDigest::Digest(tag.to_owned()) } else { TagOrDigest::Tag(tag.to_owned()) };
    Attempt { registry: "ghcr.io".to_owned(), repository: "acme/api".to_owned(), target, credential: None }
}

fn by(attempt: &Attempt, user: &str, password: &str) -> Attempt {
    attempt.with(Some(&Credential { username: Sensitive::new(user), password: Sensitive::new(password) }))
}

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn store(home: &TempDir) -> Store {
    Store::open_in(&home.path().join("cache")).unwrap()
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A separate run on the contents of `home`; returns how often the registry was asked.
fn run(home: &TempDir, time_to_live: Duration, attempts: &[Attempt]) -> (Vec<Outcome>, usize) {
    let counting = Counting::default();
    let cached = Cached::new(&counting, Some(store(home)), time_to_live, |_| false);
    let outcomes = attempts.iter().map(|attempt| block_on(cached.probe(attempt))).collect();
    (outcomes, counting.asked())
}

fn asked(home: &TempDir, attempts: &[Attempt]) -> usize {
    run(home, TEN_MINUTES, attempts).1
}

/// All entries of the store.
fn entries(home: &TempDir) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![home.path().join("cache/pullcheck/v1")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false if entry.file_name() != "key" => found.push(entry.path()),
                false => {}
            }
        }
    }
    found
}

#[test]
fn found_image_is_not_requested_again() {
    let home = home();
    let (first, asked) = run(&home, TEN_MINUTES, &[image("1")]);
    assert_eq!(asked, 1);
    let (second, asked) = run(&home, TEN_MINUTES, &[image("1")]);
    assert_eq!(asked, 0);
    let (Outcome::Found(first), Outcome::Found(second)) = (&first[0], &second[0]) else { panic!("{second:?}") };
    assert_eq!(second.rate, None, "how many pulls are left was true then");
    assert_eq!(*second, Manifest { rate: None, remembered: true, ..first.clone() });
}

#[test]
fn cache_entry_answers_only_the_identical_request() {
    let home = home();
    let asked_first = by(&image("1"), "bob", "s3cret");
    assert_eq!(asked(&home, std::slice::from_ref(&asked_first)), 1);
    let others = [
        image("1"),
        by(&image("1"), "bob", "other"),
        by(&image("1"), "bobs", "3cret"),
        by(&image("2"), "bob", "s3cret"),
        Attempt { registry: "quay.io".to_owned(), ..asked_first.clone() },
        Attempt { repository: "acme/ap".to_owned(), ..asked_first.clone() },
        Attempt { target: TagOrDigest::Digest("1".to_owned()), ..asked_first.clone() },
    ];
    assert_eq!(asked(&home, &others), others.len());
    assert_eq!(asked(&home, &[asked_first]), 0);
}

#[test]
fn failures_are_not_cached() {
    for tag in ["absent", "denied", "unknown", "broken"] {
        let home = home();
        let (first, _) = run(&home, TEN_MINUTES, &[image(tag)]);
        assert_eq!(run(&home, TEN_MINUTES, &[image(tag)]), (first, 1), "{tag}");
        assert_eq!(entries(&home), Vec::<PathBuf>::new(), "{tag}");
    }
}

#[test]
fn cache_entry_expires_after_its_time_to_live() {
    let home = home();
    let (store, manifest) = (store(&home), Manifest { remembered: true, ..Manifest::default() });
    let made = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let found = |after: Duration| {
        store.keep_found(&image("1"), &manifest, made);
        store.found(&image("1"), made + after, TEN_MINUTES)
    };
    assert_eq!(found(Duration::ZERO), Some(manifest.clone()));
    assert_eq!(found(TEN_MINUTES - Duration::from_secs(1)), Some(manifest.clone()));
    assert_eq!(found(TEN_MINUTES), None);
    assert_eq!(entries(&home), Vec::<PathBuf>::new(), "an entry that is over is removed");

    store.keep_found(&image("1"), &manifest, made);
    assert_eq!(store.found(&image("1"), made - Duration::from_secs(1), TEN_MINUTES), None, "the clock was set back");
}

#[test]
fn zero_ttl_or_overridden_registry_disables_the_cache() {
    let home = home();
    assert_eq!(run(&home, Duration::ZERO, &[image("1")]).1, 1);
    assert_eq!(entries(&home), Vec::<PathBuf>::new());
    assert_eq!(asked(&home, &[image("1")]), 1);
    assert_eq!(entries(&home).len(), 1);
    assert_eq!(run(&home, Duration::ZERO, &[image("1")]).1, 1);

    let counting = Counting::default();
    let overridden = Cached::new(&counting, Some(store(&home)), TEN_MINUTES, |registry| registry == "ghcr.io");
    block_on(overridden.probe(&image("1")));
    block_on(overridden.probe(&image("2")));
    block_on(overridden.content(&image(DIGEST))).unwrap();
    assert_eq!(counting.asked(), 3);
    assert_eq!(entries(&home).len(), 1);
}

/// The digest of [`INDEX`].
fn index_digest() -> String {
    crate::registry::digest::digest_of(INDEX)
}

#[test]
fn cached_content_requires_proven_access_in_this_run() {
    let home = home();
    let bob = |target: &str| by(&image(target), "bob", "s3cret");
    let counting = Counting::default();
    let cached = |time_to_live| Cached::new(&counting, Some(store(&home)), time_to_live, |_| false);
    let look = |run: &Cached<'_, Counting>, attempt: &Attempt| {
        let before = counting.asked();
        let content = block_on(run.content(attempt)).unwrap();
        assert_eq!(*content, ManifestBody::Index(Vec::new()));
        counting.asked() - before
    };
    let first = cached(TEN_MINUTES);
    block_on(first.probe(&bob("1")));
    assert_eq!(look(&first, &bob(&index_digest())), 1);

    let second = cached(TEN_MINUTES);
    assert_eq!(look(&second, &bob(&index_digest())), 1, "this run has not learned that it is open");
    block_on(second.probe(&bob("1")));
    assert_eq!(look(&second, &bob(&index_digest())), 0);
    assert_eq!(look(&second, &image(&index_digest())), 1, "open to bob says nothing of all others");
    let elsewhere = Attempt { repository: "acme/copy".to_owned(), ..bob(&index_digest()) };
    assert_eq!(look(&second, &elsewhere), 1);

    // Found again after its time to live, the content need not be read again.
    let late = cached(Duration::from_nanos(1));
    block_on(late.probe(&bob("1")));
    assert_eq!(look(&late, &bob(&index_digest())), 0);
}

#[test]
fn cached_content_must_match_its_digest() {
    let home = home();
    let store = store(&home);
    store.keep_content(&image(DIGEST), INDEX);
    assert_eq!(entries(&home), Vec::<PathBuf>::new(), "bytes with another digest");
    let unprovable = image(&format!("sha512:{}", "a".repeat(128)));
    store.keep_content(&unprovable, INDEX);
    assert_eq!(entries(&home), Vec::<PathBuf>::new(), "a digest that is not checked");
    store.keep_content(&image(&index_digest()), INDEX);
    assert_eq!(store.content(&image(&index_digest())).as_deref(), Some(INDEX));
    assert_eq!(store.content(&image(DIGEST)), None);
}

#[test]
fn cache_files_reveal_no_names_or_secrets() {
    let home = home();
    let attempt = by(&image("1.27-alpine"), "bob", "s3cret-word");
    assert_eq!(asked(&home, &[attempt]), 1);
    for path in entries(&home) {
        let mut seen = path.strip_prefix(home.path()).unwrap().to_string_lossy().into_owned().into_bytes();
        seen.extend(fs::read(&path).unwrap());
        for word in ["ghcr", "acme", "alpine", "bob", "s3cret", "sha256", "e3b0c442"] {
            assert!(!seen.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
        }
    }
}

#[test]
fn an_entry_that_was_tampered_with_is_ignored() {
    let home = home();
    asked(&home, &[image("1")]);
    let [entry] = &entries(&home)[..] else { panic!("one entry") };
    let whole = fs::read(entry).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        plant(entry, &changed);
        assert_eq!(store(&home).found(&image("1"), now(), TEN_MINUTES), None, "byte {at}");
        assert!(!entry.exists());
    }
    for length in [0, 1, 12, 28, whole.len() - 1] {
        plant(entry, &whole[..length]);
        assert_eq!(asked(&home, &[image("1")]), 1, "cut to {length}");
    }
    plant(entry, &[0; 1 << 20]);
    assert_eq!(asked(&home, &[image("1")]), 1, "too large");
    assert_eq!(asked(&home, &[image("1")]), 0);
}

#[test]
fn entry_for_another_request_or_key_is_ignored() {
    let (home, other) = (home(), home());
    asked(&home, &[image("1")]);
    let first = entries(&home);
    asked(&home, &[image("2")]);
    let second = entries(&home).into_iter().find(|path| !first.contains(path)).unwrap();
    fs::copy(&first[0], &second).unwrap();
    assert_eq!(asked(&home, &[image("2")]), 1);
    assert_eq!(asked(&home, &[image("1"), image("2")]), 0);

    asked(&other, &[image("1")]);
    fs::copy(key(&other), key(&home)).unwrap();
    assert_eq!(asked(&home, &[image("1"), image("2")]), 2);
}

/// Writes a file as the cache itself would.
fn plant(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

fn key(home: &TempDir) -> PathBuf {
    home.path().join("cache/pullcheck/v1/key")
}

#[test]
fn broken_cache_key_is_replaced() {
    for broken in ["", "short", "far too long to be a key of thirty-two bytes"] {
        let home = home();
        asked(&home, &[image("1")]);
        plant(&key(&home), broken.as_bytes());
        assert_eq!(asked(&home, &[image("1")]), 1);
        assert_eq!(asked(&home, &[image("1")]), 0);
    }
}

#[test]
fn concurrent_first_runs_share_one_key() {
    let home = home();
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for tag in 0..8 {
            let (home, barrier) = (&home, &barrier);
            scope.spawn(move || {
                barrier.wait();
                store(home).keep_found(&image(&tag.to_string()), &Manifest::default(), now());
            });
        }
    });
    let all: Vec<_> = (0..8).map(|tag| image(&tag.to_string())).collect();
    assert_eq!(asked(&home, &all), 0);
    let left: Vec<_> =
        fs::read_dir(key(&home).parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.len() == 1 || name == "key"), "{left:?}");
}

#[test]
fn cache_folder_stays_within_its_file_limit() {
    let home = home();
    let mut store = store(&home);
    store.folder.room = Room { files: 32, bytes: u64::MAX, look_every: 8 };
    for tag in 0..1_000 {
        store.keep_found(&image(&tag.to_string()), &Manifest::default(), now());
    }
    let left = entries(&home).len();
    assert!((16 * 16..=16 * (32 + 8)).contains(&left), "{left}");
    assert!(store.found(&image("999"), now(), TEN_MINUTES).is_some(), "the newest stay");
}

#[test]
fn cache_folder_stays_within_its_size_limit() {
    let home = home();
    let mut store = store(&home);
    store.folder.room = Room { files: usize::MAX, bytes: 40_000, look_every: 4 };
    for number in 0..400 {
        let bytes = format!("{number:5000}").into_bytes();
        store.keep_content(&image(&crate::registry::digest::digest_of(&bytes)), &bytes);
    }
    let bytes: u64 = entries(&home).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!((16 * 20_000..=16 * 65_000).contains(&bytes), "{bytes}");
}

#[test]
fn unwritable_entry_is_requested_each_time() {
    let home = home();
    asked(&home, &[]);
    // Files where the parts of the folder should be.
    for part in 0..16 {
        fs::write(key(&home).with_file_name(format!("{part:x}")), "").unwrap();
    }
    assert_eq!(asked(&home, &[image("1"), image("2")]), 2);
    assert_eq!(asked(&home, &[image("1"), image("2")]), 2);
}

#[test]
fn store_requires_a_usable_folder() {
    let home = home();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(Store::open_in(&file).is_err());
    assert!(Store::open_in(&file.join("below")).is_err());
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[track_caller]
    fn refused(cache: &Path) {
        assert!(matches!(Store::open_in(cache), Err(NoStore::Unsafe(..))));
    }

    #[test]
    fn cache_files_are_private_to_the_user() {
        let home = home();
        asked(&home, &[image("1")]);
        for path in entries(&home).iter().chain([&key(&home)]) {
            assert_eq!(mode(path), 0o600);
            for folder in path.ancestors().skip(1).take_while(|folder| !folder.ends_with("cache")) {
                assert_eq!(mode(folder), 0o700, "{}", folder.display());
            }
        }
    }

    #[test]
    fn folder_accessible_to_others_is_not_used() {
        let home = home();
        asked(&home, &[image("1")]);
        let cache = home.path().join("cache");
        for folder in ["pullcheck", "pullcheck/v1"].map(|name| cache.join(name)) {
            set_mode(&folder, 0o770);
            refused(&cache);
            set_mode(&folder, 0o700);
        }
        set_mode(&cache, 0o777);
        refused(&cache);
        set_mode(&cache, 0o1777);
        assert!(Store::open_in(&cache).is_ok(), "as /tmp is");
    }

    #[test]
    fn symlink_in_place_of_the_cache_folder_is_not_followed() {
        let (home, elsewhere) = (home(), home());
        let cache = home.path().join("cache");
        fs::create_dir(&cache).unwrap();
        symlink(elsewhere.path(), cache.join("pullcheck")).unwrap();
        refused(&cache);
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
        // The cache folder itself can be a link: its owner has moved it to another disk.
        let linked = home.path().join("linked");
        symlink(elsewhere.path(), &linked).unwrap();
        assert!(Store::open_in(&linked).is_ok());
    }

    #[test]
    fn world_writable_entry_and_symlinked_key_are_ignored() {
        let home = home();
        asked(&home, &[image("1")]);
        let [entry] = &entries(&home)[..] else { panic!("one entry") };
        set_mode(entry, 0o666);
        assert_eq!(asked(&home, &[image("1")]), 1);
        assert_eq!(asked(&home, &[image("1")]), 0);

        let planted = home.path().join("planted");
        fs::write(&planted, [7; 32]).unwrap();
        fs::remove_file(key(&home)).unwrap();
        symlink(&planted, key(&home)).unwrap();
        assert_eq!(asked(&home, &[image("1")]), 1);
        assert!(fs::symlink_metadata(key(&home)).unwrap().is_file());
        assert_ne!(fs::read(key(&home)).unwrap(), [7; 32]);
    }

    /// Only the superuser can give files away; others cannot show this.
    #[test]
    fn folder_owned_by_another_user_is_not_used() {
        let home = home();
        asked(&home, &[image("1")]);
        let cache = home.path().join("cache");
        for folder in [cache.join("pullcheck/v1"), cache.join("pullcheck"), cache.clone()] {
            if std::os::unix::fs::chown(&folder, Some(12_345), None).is_err() {
                return;
            }
            refused(&cache);
            std::os::unix::fs::chown(&folder, Some(0), None).unwrap();
        }
    }
}
