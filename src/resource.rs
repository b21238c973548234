//! Kubernetes objects by their names.

/// What identifies a Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourceName {
    /// `apps/v1`; empty when the object has none.
    pub api_version: String,
    /// `Deployment`; empty when the object has none.
    pub kind: String,
    /// `metadata.namespace`; `None` when the object names none.
    pub namespace: Option<String>,
    /// `metadata.name`, or `metadata.generateName` followed by `*`.
    pub name: Option<String>,
}

impl ResourceName {
    /// The API group: what stands before the `/` of the apiVersion, empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.rsplit_once('/').map_or("", |(group, _)| group)
    }
}

impl std::fmt::Display for ResourceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.kind.is_empty() { "object" } else { &self.kind })?;
        match (&self.namespace, &self.name) {
            (Some(namespace), Some(name)) => write!(f, " {namespace}/{name}"),
            (None, Some(name)) => write!(f, " {name}"),
            _ => Ok(()),
        }
    }
}
