//! A server with releases.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use pullcheck_support::Raw;

use super::fs;

/// Files by the path under which they are asked for; `FORBIDDEN` stands for a refusal.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The bytes of a file that the server refuses to give.
pub(super) const FORBIDDEN: &[u8] = b"\0forbidden";

/// A release of `acme/pullcheck` for one target. Its program writes its arguments down, each behind a line `=`, and does
/// what the real one does.
pub(super) fn release(version: &str, target: &str) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let real = env!("CARGO_BIN_EXE_pullcheck");
    let script = format!("#!/bin/sh\nfor it; do printf '=\\n%s\\n' \"$it\"; done >>\"$TOLD\"\nexec '{real}' \"$@\"\n");
    super::executable(&folder.path().join("pullcheck"), &script);
    let archive = |version: &str| format!("pullcheck-{version}-{target}.tar.gz");
    // As the release workflow packs it.
    let mut packing = Command::new(super::root().join(".ci/archive"));
    let packed = packing.args([target, "pullcheck", "."]).current_dir(folder.path()).output().unwrap();
    assert!(packed.status.success(), "{packed:?}");
    let bytes = fs::read(folder.path().join(archive(super::OWN))).unwrap();
    let archive = archive(version);
    let sums = format!("{}  pullcheck-{version}.whl\n{}  {archive}\n", "0".repeat(64), sha256(&bytes));
    let at = |name: &str| format!("/acme/pullcheck/releases/download/v{version}/{name}");
    Files::from([(at("SHA256SUMS"), sums.into_bytes()), (at(&archive), bytes)])
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Serves them, by way of a redirect as GitHub does.
pub(super) fn serve(files: Files) -> Raw {
    Raw::start(move |wire| {
        let Some(head) = wire.head() else { return };
        let path = head.split(' ').nth(1).unwrap_or_default();
        let (status, more, body) = match (path.strip_prefix("/asset"), files.get(path)) {
            (Some(asset), _) => ("200 OK", String::new(), files[asset].as_slice()),
            (None, Some(bytes)) if bytes == FORBIDDEN => ("403 Forbidden", String::new(), &b"no"[..]),
            (None, Some(_)) => ("302 Found", format!("Location: /asset{path}\r\n"), &b""[..]),
            (None, None) => ("404 Not Found", String::new(), &b"Not Found"[..]),
        };
        let length = body.len();
        wire.send(format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n"));
        wire.send(body);
        wire.finish();
    })
}

/// Makes a script that can be run.
pub(super) fn executable(file: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(file, script).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}
