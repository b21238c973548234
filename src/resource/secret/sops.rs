//! Values that are encrypted with SOPS.
//!
//! Follows `aes/cipher.go` of sops: every value becomes `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`, keys stay as they are.
//! Without an `encrypted_regex` that spares them, `apiVersion`, `kind` and `metadata` are values like any other.

use crate::text::yaml::Node;

/// Whether a value is encrypted with SOPS.
pub(crate) fn is_encrypted(text: &str) -> bool {
    text.starts_with("ENC[AES256_GCM,")
}

/// Whether an object cannot be identified because its kind or name is encrypted.
pub(crate) fn is_unrecognisable(object: Node<'_>) -> bool {
    let identity = [object.get("apiVersion"), object.get("kind"), object.at(&["metadata", "name"])];
    identity.into_iter().flatten().filter_map(Node::text).any(is_encrypted)
}
