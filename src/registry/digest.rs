//! Digests of bytes.

use sha2::{Digest, Sha256};

/// `sha256:` and the hash in lower-case hex.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Encodes bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.map(|half| char::from_digit(half.into(), 16).unwrap_or('0')).collect()
}
