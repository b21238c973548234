//! Basic authentication.

use crate::credential::pair::Credential;
use crate::credential::sensitive::Sensitive;

/// The value of a Basic header, without the scheme.
pub(crate) fn basic_value(credential: &Credential) -> Sensitive {
    use base64::Engine as _;
    let pair = zeroize::Zeroizing::new(format!("{}:{}", credential.username.expose(), credential.password.expose()));
    Sensitive::new(base64::prelude::BASE64_STANDARD.encode(pair.as_bytes()))
}
