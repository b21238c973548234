//! What OpenShift adds to Kubernetes where images are concerned: templates with parameters, image streams, builds, and
//! triggers that set images.

mod fields;
mod stream;
pub mod template;

pub(crate) use fields::extract;
pub use stream::{StreamTag, TagSource};
pub(crate) use stream::{local_stream, tags};
