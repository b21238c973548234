//! What `kubectl describe pod` shows.

/// The container runtime of the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Runtime {
    /// containerd 2.1 and later.
    #[default]
    Containerd,
    /// containerd up to 2.0.
    ContainerdOne,
    /// CRI-O 1.34 and later.
    Crio,
}
