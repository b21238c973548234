//! Go's standard library, as far as the kubelet's answers hang on it.
//!
//! The kubelet does not say which registry keys, credentials or texts it takes: it hands them to `net/url`,
//! `path/filepath`, `encoding/json`, `encoding/base64` and `strconv`, and their corners decide. These are ports of the
//! functions it calls, of Go 1.19; newer releases differ only in refusing a few more malformed hosts, which then could
//! not match an image anyway.

pub mod base64;
pub(crate) mod glob;
pub(crate) mod json;
pub mod quote;
pub(crate) mod url;
pub(crate) mod utf8;
