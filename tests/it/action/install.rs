//! Where the action gets pullcheck from.

use std::collections::BTreeSet;

use pullcheck_support::Raw;
use tempfile::TempDir;

use super::release::{FORBIDDEN, Files, release, serve};
use super::runner::{Job, can_download, root};
use super::{OWN, TARGET, cargo, fs, job, pod, told, with_server};

#[test]
fn archive_with_a_wrong_checksum_is_not_run() {
    if !can_download() {
        return;
    }
    let mut files = release(OWN, TARGET);
    let archive = files.keys().find(|name| name.ends_with(".tar.gz")).unwrap().clone();
    let other = release("9.9.9", TARGET).into_iter().find(|(name, _)| name.ends_with(".tar.gz")).unwrap().1;
    files.insert(archive, [other.as_slice(), b"x"].concat());
    let (_server, job) = with_server(serve(files), &[("pod.yaml", &pod("nginx"))]);
    let job = cargo(job);
    let done = job.run().assert_status(2).assert_log_has("is not what SHA256SUMS of its release says");
    assert_eq!(done.ran, ["install"]);
    assert_eq!(done.all(["exit-status", "sarif-file"]), ["", ""]);
    assert!(told(&job).is_empty() && !job.outside("cargo").exists(), "something was run or built");
}

#[test]
fn refused_download_does_not_fall_back_to_a_build() {
    if !can_download() {
        return;
    }
    let files = release(OWN, TARGET).into_keys().map(|name| (name, FORBIDDEN.to_vec())).collect();
    let (_server, job) = with_server(serve(files), &[("pod.yaml", &pod("nginx"))]);
    let job = cargo(job);
    job.run().assert_status(2).assert_log_has("was answered with the status 403");
    assert!(!job.outside("cargo").exists());
}

/// What a case does to its job.
type Change = fn(Job) -> Job;

/// Without a release of the version, for the runner, or of a repository; or because it is asked for.
#[test]
fn missing_release_is_built_from_the_action_source() {
    if !can_download() {
        return;
    }
    let empty = || serve(Files::new());
    let full = || serve(release(OWN, TARGET));
    let without_sum = || {
        let mut files = release(OWN, TARGET);
        files.iter_mut().filter(|(name, _)| name.ends_with("SUMS")).for_each(|(_, text)| text.clear());
        serve(files)
    };
    let cases: [(Raw, Change); 6] = [
        (empty(), |job| job),
        (without_sum(), |job| job),
        (full(), |job| job.runner("Linux", "ARM")),
        (full(), |job| job.repository("")),
        (full(), |job| job.repository("../../acme/pullcheck")),
        (full(), |job| job.input("version", "source")),
    ];
    for (server, change) in cases {
        // A toolchain of the repository would be a program of its author.
        let toolchain = ("rust-toolchain.toml", "[toolchain]\npath = 'x'\n");
        let (server, job) = with_server(server, &[("pod.yaml", &pod("ghcr.io/acme/api:1.2.3")), toolchain]);
        let job = change(cargo(job));
        let done = job.run().assert_status(0);
        assert_eq!(done.outputs["images"], "1", "{:?}", server.heads());
        let asked = fs::read_to_string(job.outside("cargo")).unwrap();
        assert!(asked.starts_with("install\n--locked\n--path\n.\n--root\n"), "{asked}");
        assert!(asked.contains(&format!("\nin {}\n", root().display())), "{asked}");
    }
}

#[test]
fn other_version_is_downloaded_and_never_built() {
    if !can_download() {
        return;
    }
    let mut files = release("99.1.0-rc.1", TARGET);
    files.extend(release(OWN, TARGET));
    let (server, job) = with_server(serve(files), &[("pod.yaml", &pod("ghcr.io/acme/api:1.2.3"))]);
    let job = cargo(job).input("version", "v99.1.0-rc.1");
    job.run().assert_status(0).assert_log_has("pullcheck 99.1.0-rc.1 for");
    let job = job.input("version", "98.0.0");
    job.run().assert_status(2).assert_log_has("there is no release 98.0.0");
    let asked = server.heads().len();
    for version in ["latest", "1.0.0/../../../evil", "1.0", "1.0.0 x", "1.0.0\n2.0.0", "--help"] {
        let job = Job::new(&[]).input("version", version);
        job.run().assert_status(2).assert_log_has("::error title=pullcheck::version: write a number");
    }
    assert_eq!(server.heads().len(), asked);
    assert!(!job.outside("cargo").exists());
}

#[test]
fn each_runner_gets_its_own_archive() {
    if !can_download() {
        return;
    }
    let targets = [
        ("Linux", "X64", "x86_64-unknown-linux-musl"),
        ("Linux", "ARM64", "aarch64-unknown-linux-musl"),
        ("macOS", "X64", "x86_64-apple-darwin"),
        ("macOS", "ARM64", "aarch64-apple-darwin"),
    ];
    for (os, arch, target) in targets {
        let (_server, job) = with_server(serve(release(OWN, target)), &[("pod.yaml", &pod("ghcr.io/acme/api:1.2.3"))]);
        job.runner(os, arch).run().assert_status(0).assert_log_has(&format!("pullcheck {OWN} for {target}"));
    }
    let workflow = fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap();
    for (_, _, target) in targets {
        assert!(workflow.contains(&format!("target: {target}\n")), "no release is made for {target}");
    }
    let (_server, job) = job(&[]);
    job.runner("Windows", "X64").run().assert_status(2).assert_log_has("runs on Linux and macOS");
}

/// A folder with these programs of this machine; `None` where one is missing.
fn programs(names: &[&str]) -> Option<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for name in names {
        let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())?;
        std::os::unix::fs::symlink(found, folder.path().join(name)).unwrap();
    }
    Some(folder)
}

/// Linux has `sha256sum`, macOS has `shasum`. No `jq`, no Python.
#[test]
fn install_needs_only_programs_that_every_runner_has() {
    const BASICS: [&str; 9] = ["bash", "env", "head", "mkdir", "mktemp", "od", "sed", "tar", "tr"];
    for (sum, curl) in [("sha256sum", "curl"), ("shasum", "curl"), ("tr", "tr")] {
        let names: BTreeSet<&str> = BASICS.into_iter().chain(["gzip", sum, curl]).collect();
        let Some(folder) = programs(&names.into_iter().collect::<Vec<_>>()) else { continue };
        let (_server, job) = job(&[("pod.yaml", &pod("ghcr.io/acme/api:1.2.3"))]);
        let done = job.env("PATH", folder.path().to_str().unwrap()).run();
        if curl == "curl" {
            done.assert_status(0).assert_log_has("checksum verified");
        } else {
            done.assert_status(2).assert_log_has("curl is needed");
        }
    }
}
