//! Looks up programs on the operator's machine.
#![expect(clippy::disallowed_methods, reason = "looks into folders")]

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the path of a program in these folders, which are written as in `PATH`. A relative folder is skipped: it
/// would be a folder of the repository that is checked.
pub(crate) fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    let program = format!("{name}{}", env::consts::EXE_SUFFIX);
    absolute_folders(path).map(|folder| folder.join(&program)).find(|program| is_executable(program))
}

/// Returns the folders of a `PATH` that do not depend on the current one.
pub(crate) fn absolute_folders(path: &OsStr) -> impl Iterator<Item = PathBuf> {
    env::split_paths(path).filter(|folder| folder.is_absolute())
}

#[cfg(unix)]
fn is_executable(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(program).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(program: &Path) -> bool {
    program.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_in_relative_folders_are_not_found() {
        let here = std::path::absolute(".").unwrap();
        let relative = env::join_paths(["", ".", "bin"]).unwrap();
        assert_eq!(find("sh", &relative), None);
        assert_eq!(absolute_folders(&env::join_paths([Path::new("bin"), &here]).unwrap()).collect::<Vec<_>>(), [here]);
    }
}
