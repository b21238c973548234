//! `WWW-Authenticate`: whatever a registry writes, what we would ask for is for one repository and no other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pullcheck::image::runtime::Runtime;
use pullcheck::registry::challenge::Challenge;

fuzz_target!(|data: &[u8]| {
    // Each line is a header of its own.
    let text = String::from_utf8_lossy(data);
    let read = |runtime| Challenge::parse(data.split(|byte| *byte == b'\n'), runtime);
    assert_eq!(read(Runtime::Crio).is_some(), read(Runtime::Containerd).is_some());
    let challenge = read(Runtime::Containerd);
    let Some(Challenge::Bearer(bearer)) = challenge else { return };
    assert!(text.to_ascii_lowercase().contains("bearer"), "a scheme that nobody wrote");
    // Escapes only make texts shorter.
    let parts = [Some(&bearer.realm), bearer.service.as_ref(), bearer.error.as_ref()];
    assert!(parts.into_iter().flatten().all(|part| part.len() <= text.len()));

    let scopes = bearer.scopes_for("acme/api");
    assert!(scopes.is_sorted(), "{scopes:?}");
    let own = scopes.iter().filter(|scope| scope.starts_with("repository:")).collect::<Vec<_>>();
    assert_eq!(own, ["repository:acme/api:pull"]);
    assert!(scopes.iter().all(|scope| !scope.is_empty() && !scope.contains(char::is_whitespace)), "{scopes:?}");
});
