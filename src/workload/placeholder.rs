//! Image values that another program replaces before the kubelet sees them.

/// Why an image use is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// A template expression, a variable, a marker: `{{ }}`, `${X}`, `$(X)`, `<X>`, `ko://`, `REPLACE_ME`.
    Placeholder,
    /// `auto` in a pod that Istio injects.
    Injected,
    /// A kustomization's `images:` rewrites this name.
    RewrittenByKustomize,
    /// An OpenShift trigger or image stream sets it.
    SetByImageStream,
}
