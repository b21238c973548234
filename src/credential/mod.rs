//! Credentials: dockerconfigjson, the keyring that matches keys to images, and secret strings.

pub mod dockerconfig;
pub mod keyring;
pub mod lifetime;
pub mod pair;
pub mod sensitive;
