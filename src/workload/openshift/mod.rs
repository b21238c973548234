//! What OpenShift adds to Kubernetes where images are concerned: templates with parameters, image streams, builds, and
//! triggers that set images.

mod fields;
mod stream;
pub mod template;
mod trigger;

pub(crate) use fields::extract;
pub use stream::{StreamTag, TagName, TagSource};
pub(crate) use stream::{local_stream, resolve, tags};
pub(in crate::workload) use trigger::{Triggered, triggered_containers};
