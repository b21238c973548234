//! Evidence that several rules derive from the facts.

pub(crate) mod candidate_secrets;
pub(crate) mod image_automation;
pub(crate) mod nearest_tag;
pub(crate) mod password;
pub(crate) mod registry_message;
pub(crate) mod retired;
