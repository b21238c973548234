//! Credentials: dockerconfigjson, the keyring that matches keys to images, and how they are kept secret.

pub mod dockerconfig;
pub mod keyring;
pub mod lifetime;
pub mod pair;
pub mod sensitive;
