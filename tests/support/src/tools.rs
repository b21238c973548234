//! Programs of others that some tests run.

use std::env;
use std::path::PathBuf;

/// The first of these programs that is installed: its name and its folder. `None` where none is, and the test is to be
/// skipped, unless this variable is set: it then fails.
pub fn installed<'n>(names: &[&'n str], required: &str) -> Option<(&'n str, PathBuf)> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    let found = names.iter().find_map(|name| {
        let program = format!("{name}{}", env::consts::EXE_SUFFIX);
        let folder = folders.iter().find(|folder| folder.join(&program).is_file())?;
        Some((*name, folder.clone()))
    });
    if found.is_none() {
        assert!(env::var_os(required).is_none(), "there is none of {names:?} in PATH");
        #[expect(clippy::print_stderr, reason = "a test that does nothing says so")]
        {
            eprintln!("skipped: there is none of {names:?} in PATH");
        }
    }
    found
}

/// The same of what renders charts and kustomizations; `PULLCHECK_REQUIRE_RENDERERS` requires it.
pub fn renderer<'n>(names: &[&'n str]) -> Option<(&'n str, PathBuf)> {
    installed(names, "PULLCHECK_REQUIRE_RENDERERS")
}
