//! OpenShift's additions to Kubernetes that concern images: templates with parameters, image streams, builds, and
//! triggers that set images.

mod fields;
mod stream;
pub mod template;

pub(crate) use fields::extract;
pub use stream::{StreamTag, TagSource};
pub(crate) use stream::{local_stream, tags};
