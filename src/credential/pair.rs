//! A user and a password.

use std::ops::Range;

use crate::credential::sensitive::Sensitive;

/// A user and password, as they are passed to the runtime.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Credential {
    /// The user name. It can also be a token, so it is treated as a secret.
    pub username: Sensitive,
    /// The password or token.
    pub password: Sensitive,
}

impl Credential {
    /// Whether runtimes send nothing for it, which depends only on the user name.
    pub fn is_anonymous(&self) -> bool {
        self.username.is_empty()
    }
}

/// The byte range of the user info in an `auths` key. An `@` in the path does not mark user info:
/// `ghcr.io/acme/api@sha256:…` is a key that was made from an image.
pub fn user_info(written: &str) -> Option<Range<usize>> {
    let scheme = written.split_once("://").filter(|(scheme, _)| !scheme.contains('@'));
    let host = scheme.map_or(0, |(scheme, _)| scheme.len() + "://".len());
    let rest = &written[host..];
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A password with a slash in it ends the authority early, but the text after the colon is then not a port.
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let is_registry = |host: &str| host.contains('.') || host == "localhost";
    let cut_short = authority.split_once(':').is_some_and(|(host, port)| !is_port(port) || !is_registry(host));
    let end = authority.rfind('@').or_else(|| rest.rfind('@').filter(|_| cut_short));
    end.map(|at| host..host + at)
}
