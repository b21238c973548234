//! State that a pod's images share.

use super::PullContext;
use super::ring::Ring;

/// A pod's pull secrets, as a keyring.
#[derive(Debug)]
pub(super) struct PodPull<'a> {
    /// The part of the context that does not depend on the image.
    pub(super) context: PullContext,
    /// The pull secrets of the effective list.
    pub(super) ring: Ring<'a>,
    /// The pull secrets of the service account, if the pod's own list drops them.
    pub(super) dropped: Ring<'a>,
}
