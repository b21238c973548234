//! Secrets in the inputs, whatever creates them, and how the kubelet reads them as pull secrets.
//!
//! A Secret object shows its content. Other Secrets are created in the cluster, or at build time, by something in the
//! inputs: the name, the namespaces, the type, and often the keys are known, but the content is not.

mod copies;
mod external;
mod kubernetes;
pub(crate) mod kustomize;
mod maker;
mod mirror;
pub(crate) mod patcher;
mod producer;
mod provider_class;
mod sealed;
pub(crate) mod sops;
mod vault;

use crate::credential::dockerconfig::{DockerConfig, Format};
use crate::credential::sensitive::Sensitive;
use crate::resource::Object;
use crate::resource::workload::ResourceId;
use crate::resource::workload::duplicate::DuplicateKey;
use crate::text::source::{Span, Spanned};

pub use copies::{Copier, Copies, CopyTarget, Presence};
pub use kustomize::{NamedFrom, SecretGenerator};
pub use maker::Maker;
pub(crate) use mirror::follow as follow_mirrors;
pub use patcher::{Patcher, Patches};

/// A Secret, or an object that produces one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The Secret's namespace, if it names one. A producer that creates Secrets in other namespaces has none.
    pub namespace: Option<String>,
    /// The Secret's name. For a kustomize generator, this is the name without prefix, suffix, and hash.
    pub name: Spanned<String>,
    /// The object that is or produces the Secret.
    pub resource: ResourceId,
    /// The value of `type` with its place; `None` if it is omitted (the API server then sets `Opaque`).
    pub declared_type: Option<Spanned<String>>,
    /// The content, as far as it is known.
    pub content: SecretContent,
    /// The producer of the Secret.
    pub producer: Producer,
    /// Other namespaces that have, or may have, a Secret of the same name and content.
    pub copies: Vec<Copies>,
    /// Namespaces whose Secrets may be filled with this content, under any name.
    pub lent: Vec<Copies>,
}

/// The object or program that creates a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Producer {
    /// Nothing: the object is a Secret itself.
    Itself,
    /// A Secret object whose values are encrypted with SOPS.
    Sops,
    /// A Secret object that a controller fills with the content of another: `namespace/name`.
    Mirror(Copier, String),
    /// A SealedSecret of Bitnami's sealed-secrets.
    SealedSecret,
    /// An ExternalSecret or ClusterExternalSecret of the External Secrets Operator.
    ExternalSecret {
        /// Whether it creates Secrets in many namespaces instead of its own.
        cluster: bool,
    },
    /// A kind of another operator.
    Operator(&'static Maker),
    /// A kind of the Vault Secrets Operator.
    Vault,
    /// A SecretProviderClass of the Secrets Store CSI driver.
    SecretProviderClass,
    /// An entry in `secretGenerator` of a kustomization.
    Generator(SecretGenerator),
}

impl Producer {
    /// Explains why the Secret's content is not visible; the text follows the producer's name in messages.
    pub const fn hides(&self) -> &'static str {
        match self {
            Self::Itself => "its content is filled in later",
            Self::Sops | Self::SealedSecret => "its content is encrypted",
            Self::Mirror(..) => "its content is copied from another Secret",
            Self::ExternalSecret { .. } => "its content is fetched from a secret store",
            Self::Operator(_) => "whose operator writes its content",
            Self::Vault => "its content is fetched from Vault",
            Self::SecretProviderClass => {
                "its content is fetched from a secret store, and it exists only while a running pod mounts the volume"
            }
            Self::Generator(_) => "its content is generated when kustomize builds",
        }
    }

    /// Path of the field that sets the Secret's type.
    pub const fn type_path(&self) -> &'static str {
        match self {
            Self::Itself | Self::Sops | Self::Mirror(..) => "type",
            Self::SealedSecret => "spec.template.type",
            Self::ExternalSecret { cluster: false } => "spec.target.template.type",
            Self::ExternalSecret { cluster: true } => "spec.externalSecretSpec.target.template.type",
            Self::Operator(maker) => maker.type_path,
            Self::Vault => "spec.destination.type",
            Self::SecretProviderClass => "spec.secretObjects[].type",
            Self::Generator(_) => "secretGenerator[].type",
        }
    }

    /// Whether the Secret object itself is in the inputs.
    pub const fn is_object(&self) -> bool {
        matches!(self, Self::Itself | Self::Sops | Self::Mirror(..))
    }
}

/// The content of a Secret, as the kubelet sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretContent {
    /// Credentials, by registry key.
    Config(DockerConfig),
    /// Silently ignored, because of its type or because type and key do not match.
    Ignored(IgnoredBecause),
    /// The content cannot be decoded.
    Malformed(Malformed),
    /// Not visible in the inputs: encrypted, or filled in later.
    Opaque,
}

impl SecretContent {
    /// Whether the kubelet treats both the same, regardless of where they are written.
    pub fn means_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Config(config), Self::Config(other)) => {
                let entries = |config: &DockerConfig| {
                    let mut entries: Vec<_> =
                        config.entries.iter().map(|entry| (entry.key.clone(), entry.credential.clone())).collect();
                    entries.sort_by(|one, other| one.0.cmp(&other.0));
                    entries
                };
                entries(config) == entries(other)
            }
            (Self::Malformed(malformed), Self::Malformed(other)) => {
                (&malformed.message, malformed.refused_by) == (&other.message, other.refused_by)
            }
            (Self::Ignored(_), Self::Ignored(_)) | (Self::Opaque, Self::Opaque) => true,
            _ => false,
        }
    }
}

/// Why the kubelet ignores a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IgnoredBecause {
    /// The type is neither `kubernetes.io/dockerconfigjson` nor `kubernetes.io/dockercfg`.
    WrongType {
        /// Whether it has the data key of a pull secret, so that the type is the only fault.
        has_docker_config: bool,
    },
    /// The type is right, but the matching data key is missing: the API server rejects it.
    MissingKey,
}

/// Why a Secret cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The error message of the API server or the kubelet.
    pub message: String,
    /// The offending place in the value, as precisely as it is known; otherwise the whole value.
    pub span: Span,
    /// The component that rejects it.
    pub refused_by: RefusedBy,
}

/// When a malformed Secret is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusedBy {
    /// When it is applied.
    ApiServer,
    /// When an image is pulled, for every image of the pod.
    Kubelet,
}

const FORMATS: [Format; 2] = [Format::DockerConfigJson, Format::DockerCfg];

impl Secret {
    /// Whether a reference at the given place names this Secret.
    pub fn is_named(&self, reference: &str, from: NamedFrom<'_>) -> bool {
        match &self.producer {
            Producer::Generator(generator) => generator.is_named(&self.name.value, reference, from),
            _ => self.name.value == reference,
        }
    }

    /// Whether its producer is not in any namespace.
    pub fn is_for_many_namespaces(&self) -> bool {
        match self.producer {
            Producer::ExternalSecret { cluster } => cluster,
            Producer::Operator(maker) => maker.is_for_many,
            _ => false,
        }
    }

    /// Whether a namespace has the Secret, as far as is known; `None` if it does not. `default` is the namespace of
    /// objects that do not name one.
    pub fn presence(&self, namespace: Option<&str>, default: Option<&str>) -> Option<Presence> {
        self.presence_in(namespace.or(default), default)
    }

    /// Like [`Self::presence`], but `default` does not replace an unknown `wanted` namespace.
    pub fn presence_in(&self, wanted: Option<&str>, default: Option<&str>) -> Option<Presence> {
        let own = self.namespace.as_deref().or(default);
        let made = match (wanted, own) {
            _ if self.is_for_many_namespaces() => None,
            (Some(wanted), Some(own)) => (wanted == own).then_some(Presence::Made),
            (None, None) => Some(Presence::Made),
            _ => Some(Presence::Possible),
        };
        made.into_iter().chain(self.copies.iter().filter_map(|copies| copies.presence(wanted))).max()
    }

    /// Whether it is meant as a pull secret: it has the type of one, or everything but the type.
    pub fn is_meant_for_pulls(&self) -> bool {
        match &self.content {
            SecretContent::Config(_) | SecretContent::Malformed(_) => true,
            SecretContent::Ignored(IgnoredBecause::MissingKey) => true,
            SecretContent::Ignored(IgnoredBecause::WrongType { has_docker_config }) => *has_docker_config,
            SecretContent::Opaque => {
                let written = self.declared_type.as_ref().map(|declared| declared.value.as_str());
                FORMATS.iter().any(|format| Some(format.secret_type()) == written)
            }
        }
    }
}

/// Everything that objects contain about Secrets, or create.
#[derive(Debug, Default)]
pub(crate) struct SecretFacts {
    /// Secrets, and objects that produce one.
    pub(crate) secrets: Vec<Secret>,
    /// Namespaces and names of Secrets that something fills but does not create.
    pub(crate) filled_in: Vec<Spanned<(Option<String>, String)>>,
    /// Objects that may add pull secrets to pods, or create Secrets with unknown names.
    pub(crate) patchers: Vec<Patcher>,
    /// Duplicate keys, for keys that affect pulls.
    pub(crate) duplicate_keys: Vec<DuplicateKey>,
    /// Spans whose text is secret.
    pub(crate) masked: Vec<Span>,
    /// The registry credentials in the masked spans, for the redactor.
    pub(crate) secret_texts: Vec<Sensitive>,
}

/// Reads a Secret, or an object that produces Secrets.
pub(crate) fn extract(object: &Object<'_>, resource: ResourceId) -> SecretFacts {
    let mut inner = SecretFacts::default();
    let found = &mut inner;
    patcher::extract(object, resource, found);
    match (object.name.group(), object.name.kind.as_str()) {
        (_, "Secret") => kubernetes::extract(object, resource, found),
        ("bitnami.com", "SealedSecret") => sealed::extract(object, resource, found),
        ("external-secrets.io", "ExternalSecret" | "ClusterExternalSecret") => {
            external::extract(object, resource, found);
        }
        ("secrets.hashicorp.com", kind) if vault::KINDS.contains(&kind) => vault::extract(object, resource, found),
        ("secrets-store.csi.x-k8s.io", "SecretProviderClass") => provider_class::extract(object, resource, found),
        _ => maker::extract(object, resource, found),
    }
    inner
}

/// Whether a text that could not be parsed may contain values of a Secret: it names the kind, in any spelling of the
/// key, or one of the fields that contain values. `secretKeyRef` and `imagePullSecrets` do not name a Secret in this
/// sense.
pub(crate) fn may_hold_a_secret(text: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let names_kind = text.match_indices("Secret").any(|(at, word)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        !is_word(before.chars().next_back()) && !is_word(after.chars().next())
    });
    names_kind || ["stringData", ".dockerc", "secretGenerator", "literals"].iter().any(|field| text.contains(field))
}
