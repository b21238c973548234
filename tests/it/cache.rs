//! The cache as a user meets it: the built command, a second time, through a proxy that leads `ghcr.io` to a scripted
//! registry. A registry on loopback needs an option that keeps it out of the cache.
#![expect(clippy::disallowed_methods, reason = "tests lay out files")]

use std::fs;
use std::path::PathBuf;

use pullcheck_support::{Output, Proxy, Registry, Run};
use serde_json::{Value, json};
use tempfile::TempDir;

const PASSWORD: &str = "s3cret-word";

/// A registry behind a proxy, a folder of manifests, and a cache folder that outlives each run.
struct Shop {
    folder: TempDir,
    registry: Registry,
    proxy: Proxy,
}

impl Shop {
    fn new() -> Self {
        let registry = Registry::start_tls(|r| {
            r.image("ghcr.io/acme/api", "1").image("2");
            r.private("ghcr.io/acme/secret", "bob", PASSWORD).image("1");
        });
        let proxy = Proxy::start(registry.address());
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), registry.ca_pem()).unwrap();
        let shop = Self { folder, registry, proxy };
        shop.images(&["ghcr.io/acme/api:1", "ghcr.io/acme/api:2", "ghcr.io/acme/secret:1"]);
        shop.credential("bob", PASSWORD);
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn images(&self, images: &[&str]) {
        let containers: Vec<Value> = images.iter().map(|image| json!({"name": "c", "image": image})).collect();
        let spec = json!({"containers": containers, "imagePullSecrets": [{"name": "pull"}]});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop"}, "spec": spec});
        fs::write(self.path("pod.json"), pod.to_string()).unwrap();
    }

    /// What the pull secret `pull` holds.
    fn credential(&self, user: &str, password: &str) {
        let config = json!({"auths": {"ghcr.io": {"username": user, "password": password}}});
        fs::write(self.path("pull.config"), config.to_string()).unwrap();
    }

    fn run(&self) -> Run {
        let ca = self.path("ca.pem");
        Run::new(env!("CARGO_BIN_EXE_pullcheck"))
            .within(self.folder.path())
            .env("HTTPS_PROXY", self.proxy.url())
            .env("SSL_CERT_FILE", ca)
            .env("XDG_CACHE_HOME", self.path("cache"))
            .args(["--format", "json", "--dockerconfigjson", "pull.config", "pod.json"])
    }

    /// Makes a run; how many requests it says it made, which the registry must have seen.
    #[track_caller]
    fn requests(&self, options: &[&str]) -> u64 {
        self.requests_of(self.run().args(options))
    }

    #[track_caller]
    fn requests_of(&self, run: Run) -> u64 {
        self.registry.forget();
        let output = run.output();
        let said = report(&output)["summary"]["requests"].as_u64().unwrap();
        assert_eq!(said, self.registry.count() as u64, "{:?}\n{output}", self.registry.lines());
        said
    }

    /// Everything in the cache folder but the key.
    fn entries(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.path("cache")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false if entry.file_name() == "key" => {}
                    false => files.push(entry.path()),
                }
            }
        }
        files
    }
}

fn report(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

/// Verdict and digest of every image.
fn verdicts(output: &Output) -> Vec<(Value, Value)> {
    let report = report(output);
    let images = report["images"].as_array().unwrap();
    images.iter().map(|image| (image["verdict"].clone(), image["digest"].clone())).collect()
}

#[test]
fn second_run_sends_no_requests_and_reports_the_same() {
    let shop = Shop::new();
    let first = shop.run().output().assert_status(0);
    assert!(verdicts(&first).iter().all(|(verdict, _)| verdict == "pullable"), "{first}");
    let tunnels = shop.proxy.hosts().len();
    assert_eq!(shop.requests(&[]), 0);
    assert_eq!(shop.proxy.hosts().len(), tunnels, "not even a connection");
    assert_eq!(verdicts(&shop.run().output()), verdicts(&first));
    assert_eq!(shop.entries().len(), 3);
}

#[test]
fn cached_result_is_not_reused_for_another_credential() {
    let shop = Shop::new();
    assert_eq!(shop.requests(&[]), 3 + 1 + 1);
    shop.credential("bob", "wrong");
    let output = shop.run().output().assert_status(1);
    assert_eq!(verdicts(&output)[2].0, "fails", "{output}");
    shop.credential("bob", PASSWORD);
    assert_eq!(shop.requests(&[]), 0);
}

#[test]
fn failed_checks_are_not_cached() {
    let shop = Shop::new();
    shop.images(&["ghcr.io/acme/api:3"]);
    shop.run().output().assert_status(1);
    assert_eq!(shop.entries(), Vec::<PathBuf>::new());
    shop.registry.change(|r| {
        r.image("ghcr.io/acme/api", "3");
    });
    shop.run().output().assert_status(0);
    assert_eq!(shop.requests(&[]), 0);
}

/// Somebody adds the platform that was missing, under the same tag, and runs again at once.
#[test]
fn tag_without_the_platform_is_requested_again() {
    let shop = Shop::new();
    let platforms = |platforms: &[&str]| {
        shop.registry.change(|r| {
            r.index("ghcr.io/acme/many", "1", platforms);
        });
    };
    shop.images(&["ghcr.io/acme/many:1"]);
    platforms(&["linux/amd64"]);
    let arm = ["--platform", "linux/arm64"];
    for _ in 0..2 {
        assert_eq!(verdicts(&shop.run().args(arm).output().assert_status(1))[0].0, "fails");
    }
    assert_eq!(shop.requests(&arm), 1, "the index is known by its digest");
    platforms(&["linux/amd64", "linux/arm64"]);
    assert_eq!(verdicts(&shop.run().args(arm).output().assert_status(0))[0].0, "pullable");
    assert_eq!(shop.requests(&arm), 0);
}

/// Somebody pushes, pins what was pushed, and runs again at once.
#[test]
fn newly_pinned_digest_is_not_reported_as_stale() {
    let shop = Shop::new();
    let pin = |platform: &str| {
        let mut pinned = String::new();
        shop.registry.change(|r| {
            let repository = r.index("ghcr.io/acme/many", "1", &[platform]);
            pinned = format!("ghcr.io/acme/many:1@{}", repository.digest("1").unwrap());
        });
        shop.images(&[&pinned]);
    };
    let options = ["--warn", "stale-digest"];
    for platform in ["linux/amd64", "linux/arm64"] {
        pin(platform);
        let output = shop.run().args(options).output().assert_status(0);
        assert!(!output.stdout.contains("stale-digest"), "{output}");
        assert_eq!(shop.requests(&options), 0);
    }
}

#[test]
fn expired_entries_are_requested_again() {
    let shop = Shop::new();
    let all = shop.requests(&[]);
    assert_eq!(shop.requests(&["--cache-ttl", "0.001ms"]), all);
    assert_eq!(shop.requests(&[]), 0);
    for fresh in [["--cache-ttl", "0"], ["--cache-ttl", "0s"]] {
        assert_eq!(shop.requests(&fresh), all);
    }
}

#[test]
fn no_cache_neither_reads_nor_writes_entries() {
    let shop = Shop::new();
    let all = shop.requests(&["--no-cache"]);
    assert!(!shop.path("cache").exists());
    shop.requests(&[]);
    assert_eq!(shop.requests(&["--no-cache"]), all);
}

#[test]
fn offline_reads_no_cache() {
    let shop = Shop::new();
    shop.requests(&[]);
    let output = shop.run().arg("--offline").output();
    assert!(verdicts(&output).iter().all(|(verdict, _)| verdict == "unverified"), "{output}");
    let fresh = Shop::new();
    fresh.run().arg("--offline").output();
    assert!(!fresh.path("cache").exists());
}

#[test]
fn custom_connection_options_bypass_the_cache() {
    let shop = Shop::new();
    let address = format!("ghcr.io={}", shop.registry.address());
    let detour = ["--connect-to", address.as_str()];
    let all = shop.requests(&detour);
    let own_authority = ["--ca-cert", "ca.pem"];
    assert_eq!(shop.requests(&own_authority), all);
    assert_eq!(shop.entries(), Vec::<PathBuf>::new());
    shop.requests(&[]);
    assert_eq!(shop.requests(&detour), all);
    assert_eq!(shop.requests(&own_authority), all);
}

#[test]
fn corrupted_cache_entries_are_ignored() {
    let shop = Shop::new();
    let all = shop.requests(&[]);
    for entry in shop.entries() {
        let mut bytes = fs::read(&entry).unwrap();
        bytes[20] ^= 1;
        fs::write(&entry, bytes).unwrap();
    }
    assert_eq!(shop.requests(&[]), all);
    let entries = shop.entries();
    let copied = fs::read(&entries[0]).unwrap();
    for other in &entries[1..] {
        fs::write(other, &copied).unwrap();
    }
    assert!(shop.requests(&[]) >= 2);
    assert_eq!(shop.requests(&[]), 0);
}

#[test]
fn cache_files_contain_no_secrets_or_image_names() {
    let shop = Shop::new();
    shop.requests(&[]);
    for path in shop.entries() {
        let mut seen = path.to_string_lossy().into_owned().into_bytes();
        seen.extend(fs::read(&path).unwrap());
        for word in ["ghcr.io", "acme", "bob", PASSWORD] {
            assert!(!seen.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
        }
    }
}

#[test]
fn concurrent_runs_share_the_cache_and_agree() {
    let shop = Shop::new();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| shop.run().output().assert_status(0))).collect();
        let outputs: Vec<Output> = runs.into_iter().map(|run| run.join().unwrap()).collect();
        assert!(outputs.iter().all(|output| verdicts(output) == verdicts(&outputs[0])));
    });
    assert_eq!(shop.requests(&[]), 0);
    assert_eq!(shop.entries().len(), 3, "no file is left half-written");
}

#[test]
fn unusable_cache_folder_does_not_affect_the_run() {
    let shop = Shop::new();
    let all = shop.requests(&["--no-cache"]);
    fs::write(shop.path("cache"), "a file").unwrap();
    for _ in 0..2 {
        assert_eq!(shop.requests(&[]), all);
    }
    for (name, value) in [("HOME", ""), ("HOME", "/dev/null/nowhere"), ("XDG_CACHE_HOME", "relative")] {
        let output = shop.run().env("XDG_CACHE_HOME", "").env(name, value).output().assert_status(0);
        assert_eq!(output.stderr, "", "{name}={value}");
    }
    assert!(!shop.path("relative").exists());
}

#[test]
fn cache_is_in_the_home_folder_by_default() {
    let shop = Shop::new();
    let all = shop.requests_of(shop.run().env("XDG_CACHE_HOME", "").env("HOME", shop.folder.path()));
    assert_ne!(all, 0);
    let native = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    assert!(shop.path(native).join("pullcheck/v1/key").exists() || cfg!(windows));
    assert_eq!(shop.requests_of(shop.run().env("XDG_CACHE_HOME", "").env("HOME", shop.folder.path())), 0);
}
