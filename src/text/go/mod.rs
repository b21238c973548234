//! Go's standard library, as far as the kubelet's behavior depends on it.
//!
//! The kubelet itself does not decide which registry keys, credentials or texts are valid: it hands them to
//! `net/url`, `path/filepath`, `encoding/json`, `encoding/base64` and `strconv`, and their corner cases decide.
//! These are ports of the functions it calls, as of Go 1.19, with the type errors of Go 1.26, the version of
//! Kubernetes 1.37. Go 1.26 behaves the same with one exception: it refuses more malformed hosts (more than one
//! colon, brackets around anything but an IPv6 address), of which none but a key like `[A-Z]` could match an image.
//!
//! `path` and `time` are for containerd's `hosts.toml`, as are its URLs; `expand` is for Argo CD.

pub mod base64;
pub(crate) mod digest;
pub(crate) mod expand;
pub(crate) mod glob;
pub(crate) mod json;
#[cfg(feature = "cli")]
pub(crate) mod path;
pub mod quote;
#[cfg(feature = "cli")]
pub(crate) mod time;
pub(crate) mod url;
pub(crate) mod utf8;
