//! Index keys, URL match and lookup order: the credentials the kubelet would try.

use crate::sensitive::Sensitive;

/// A user and password, as the runtime is given them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Credential {
    /// User; a token may stand here too, so it is treated as a secret.
    pub username: Sensitive,
    /// Password.
    pub password: Sensitive,
}

impl Credential {
    /// Whether runtimes send nothing for it: they look at the user name alone.
    pub fn is_anonymous(&self) -> bool {
        self.username.is_empty()
    }
}
