//! Secrets of the inputs, whatever makes them, and what the kubelet makes of them as pull secrets.
//!
//! A Secret object shows what it holds. The others are made in the cluster, or at the build, by
//! something that the inputs hold: the name, the namespaces, the type and often the keys are known, the content is not.

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

pub use copies::{Copier, Copies, Presence, Target};
pub use kustomize::{Generator, NamedFrom};
pub use maker::Maker;
pub(crate) use mirror::follow as follow_mirrors;
pub use patcher::{Patcher, Patches};

/// A Secret, or an object that produces one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its namespace, when it names one. A producer that makes Secrets in other namespaces than its own has none.
    pub namespace: Option<String>,
    /// The Secret's name. That of a kustomize generator is the one in front of prefix, suffix and hash.
    pub name: Spanned<String>,
    /// The object.
    pub resource: ResourceId,
    /// `type` with its place; `None` where it is left out (the API server fills in `Opaque`).
    pub declared_type: Option<Spanned<String>>,
    /// What it holds.
    pub content: Content,
    /// What makes it.
    pub producer: Producer,
    /// Other namespaces that have, or may have, one of the same name and content.
    pub copies: Vec<Copies>,
    /// Namespaces whose Secrets may be filled with its content, whatever they are called.
    pub lent: Vec<Copies>,
}

/// What makes a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Producer {
    /// Nothing: it is a Secret object.
    Itself,
    /// A Secret object whose values SOPS encrypted.
    Sops,
    /// A Secret object that a controller fills with the content of another: `namespace/name`.
    Mirror(Copier, String),
    /// SealedSecret of Bitnami's sealed-secrets.
    SealedSecret,
    /// ExternalSecret or ClusterExternalSecret of the External Secrets Operator.
    ExternalSecret {
        /// It makes one in many namespaces, and none in its own.
        cluster: bool,
    },
    /// A kind of another operator.
    Operator(&'static Maker),
    /// A kind of the Vault Secrets Operator.
    Vault,
    /// SecretProviderClass of the Secrets Store CSI driver.
    SecretProviderClass,
    /// `secretGenerator` of a kustomization.
    Generator(Generator),
}

impl Producer {
    /// Why what the Secret holds is not to be seen, to follow the producer's name.
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

    /// Path of the field that decides the Secret's type.
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

    /// Whether the Secret itself stands in the inputs.
    pub const fn is_object(&self) -> bool {
        matches!(self, Self::Itself | Self::Sops | Self::Mirror(..))
    }
}

/// What the kubelet finds in a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Credentials, by registry key.
    Config(DockerConfig),
    /// Ignored without a word, because of its type or because type and key do not go together.
    Ignored(IgnoredBecause),
    /// It cannot be decoded.
    Malformed(Malformed),
    /// Not to be seen from here: encrypted, or filled in later.
    Opaque,
}

impl Content {
    /// Whether the kubelet does the same with another, wherever the two are written.
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

/// Why the kubelet ignores a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IgnoredBecause {
    /// Its type is neither `kubernetes.io/dockerconfigjson` nor `kubernetes.io/dockercfg`.
    WrongType {
        /// Whether it has the key of a pull secret, so that the type is the only fault.
        has_docker_config: bool,
    },
    /// The type is right, but the data key that goes with it is missing: the API server refuses it.
    MissingKey,
}

/// Why a secret cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The words of the API server or the kubelet.
    pub message: String,
    /// The offending place in the value, as exactly as it can be told; else the value.
    pub span: Span,
    /// Who refuses it.
    pub refused_by: RefusedBy,
}

/// When a malformed secret shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusedBy {
    /// At apply.
    ApiServer,
    /// At the pull, for every image of the pod.
    Kubelet,
}

const FORMATS: [Format; 2] = [Format::DockerConfigJson, Format::DockerCfg];

impl Secret {
    /// Whether a reference that stands there names it.
    pub fn is_named(&self, reference: &str, from: NamedFrom<'_>) -> bool {
        match &self.producer {
            Producer::Generator(generator) => generator.is_named(&self.name.value, reference, from),
            _ => self.name.value == reference,
        }
    }

    /// Whether its producer stands in no namespace.
    pub fn is_for_many_namespaces(&self) -> bool {
        match self.producer {
            Producer::ExternalSecret { cluster } => cluster,
            Producer::Operator(maker) => maker.is_for_many,
            _ => false,
        }
    }

    /// Whether a namespace has it, as far as can be told; `None` where it has not. `default` is the namespace of objects
    /// that name none.
    pub fn presence(&self, namespace: Option<&str>, default: Option<&str>) -> Option<Presence> {
        self.presence_in(namespace.or(default), default)
    }

    /// The same of a namespace that `default` does not stand in for where it is not known.
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

    /// Whether it is meant as a pull secret: it has the type of one, or all of one but the type.
    pub fn is_meant_for_pulls(&self) -> bool {
        match &self.content {
            Content::Config(_) | Content::Malformed(_) => true,
            Content::Ignored(IgnoredBecause::MissingKey) => true,
            Content::Ignored(IgnoredBecause::WrongType { has_docker_config }) => *has_docker_config,
            Content::Opaque => {
                let written = self.declared_type.as_ref().map(|declared| declared.value.as_str());
                FORMATS.iter().any(|format| Some(format.secret_type()) == written)
            }
        }
    }
}

/// What objects hold, or make, of Secrets.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Secrets, and what produces one.
    pub(crate) secrets: Vec<Secret>,
    /// Namespaces and names of Secrets that something fills, but does not make.
    pub(crate) filled_in: Vec<Spanned<(Option<String>, String)>>,
    /// What may add pull secrets to pods, or make Secrets whose names are unknown.
    pub(crate) patchers: Vec<Patcher>,
    /// Keys that are written twice, where they matter.
    pub(crate) duplicate_keys: Vec<DuplicateKey>,
    /// Spans whose text is secret.
    pub(crate) masked: Vec<Span>,
    /// The registry credentials among them, for the redactor.
    pub(crate) secret_texts: Vec<Sensitive>,
}

/// Reads a Secret, or whatever produces Secrets.
pub(crate) fn extract(object: &Object<'_>, resource: ResourceId) -> Found {
    let mut inner = Found::default();
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

/// Whether a text that is no tree may hold values of a Secret: it names the kind, however the key is written, or one of
/// the fields that hold them. `secretKeyRef` and `imagePullSecrets` name none.
pub(crate) fn may_hold_a_secret(text: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let names_kind = text.match_indices("Secret").any(|(at, word)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        !is_word(before.chars().next_back()) && !is_word(after.chars().next())
    });
    names_kind || ["stringData", ".dockerc", "secretGenerator", "literals"].iter().any(|field| text.contains(field))
}
