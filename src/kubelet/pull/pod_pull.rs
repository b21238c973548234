//! What the images of one pod share.

use super::PullContext;
use super::ring::Ring;

/// A pod's pull secrets, as a keyring.
#[derive(Debug)]
pub(super) struct PodPull<'a> {
    /// What does not depend on the image.
    pub(super) context: PullContext,
    /// The pull secrets of the effective list.
    pub(super) ring: Ring<'a>,
    /// Those of the service account, where the pod's own list drops them.
    pub(super) dropped: Ring<'a>,
}
