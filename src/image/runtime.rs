//! The container runtimes whose behavior is modeled.

/// The container runtime of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Runtime {
    /// containerd 2.4, with its transfer service.
    #[default]
    Containerd,
    /// containerd 2.3, with its transfer service.
    Containerd2_3,
    /// containerd 2.1 and 2.2, with their transfer service.
    Containerd2_1,
    /// containerd 1.7 and 2.0, and later ones whose configuration sets `use_local_image_pull`.
    ContainerdOne,
    /// CRI-O 1.36, which pulls with containers/image.
    Crio,
}

impl Runtime {
    /// Whether it is containerd with its transfer service, which pulls since 2.1.
    pub const fn has_transfer_service(self) -> bool {
        matches!(self, Self::Containerd | Self::Containerd2_3 | Self::Containerd2_1)
    }

    /// Whether it is containerd of any version.
    pub const fn is_containerd(self) -> bool {
        !matches!(self, Self::Crio)
    }
}
