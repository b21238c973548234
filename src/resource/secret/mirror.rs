//! Secrets that a controller fills with the content of another one in the inputs.
//!
//! Follows kubernetes-replicator (`replicate/secret/secrets.go`: only the data is copied, if the source allows it)
//! and kubernetes-reflector (`Mirroring/SecretMirror.cs`: likewise). The copy keeps its own type, because the type of
//! a Secret cannot be changed.

use crate::resource::secret::copies::Presence;
use crate::resource::secret::{Producer, RefusedBy, Secret, SecretContent};

/// Maximum length of a chain of copies.
const MAX_CHAIN: usize = 4;

/// Sets the content of copies to that of their source, if it is in the inputs and may be copied.
pub(crate) fn follow(secrets: &mut [Secret]) {
    for _ in 0..MAX_CHAIN {
        let found: Vec<(usize, SecretContent)> = secrets
            .iter()
            .enumerate()
            .filter(|(_, secret)| secret.content == SecretContent::Opaque)
            .filter_map(|(at, secret)| Some((at, content(secret, secrets)?)))
            .collect();
        if found.is_empty() {
            return;
        }
        for (at, content) in found {
            if let Some(secret) = secrets.get_mut(at) {
                secret.content = content;
            }
        }
    }
}

fn content(copy: &Secret, secrets: &[Secret]) -> Option<SecretContent> {
    let Producer::Mirror(by, named) = &copy.producer else { return None };
    let (namespace, name) = named.split_once('/')?;
    let declared = |secret: &Secret| secret.declared_type.as_ref().map(|declared| declared.value.clone());
    let is_lent = |source: &Secret| {
        let to = copy.namespace.as_deref();
        to.is_some() && source.lent.iter().any(|lent| lent.presence(to) == Some(Presence::Copied(*by)))
    };
    let mut sources =
        secrets.iter().filter(|secret| secret.name.value == name && secret.namespace.as_deref() == Some(namespace));
    // With several sources, it is not known which one is in the cluster.
    let (source, None) = (sources.next()?, sources.next()) else { return None };
    let usable = match &source.content {
        SecretContent::Config(_) => true,
        SecretContent::Malformed(malformed) => malformed.refused_by == RefusedBy::Kubelet,
        SecretContent::Ignored(_) | SecretContent::Opaque => false,
    };
    (usable && is_lent(source) && declared(copy) == declared(source)).then(|| source.content.clone())
}
