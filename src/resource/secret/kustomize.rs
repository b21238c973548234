//! `secretGenerator` in a kustomization: a Secret whose name gets a hash of its content, and the references that
//! kustomize rewrites to that name.
//!
//! Follows `api/hasher`, `api/types/secretargs.go` and `api/internal/konfig/builtinpluginconsts/namereference.go` of
//! kustomize.

use std::collections::BTreeSet;

use super::{SecretFacts, may_hold_a_secret};
use crate::resource::kustomization::field;
use crate::resource::secret::kubernetes::{DataEncoding, known_secrets};
use crate::resource::secret::producer::{Keys, SecretType};
use crate::resource::secret::{FORMATS, Producer, Secret, SecretContent};
use crate::resource::workload::ResourceId;
use crate::resource::workload::value::spanned_string;
use crate::text::placeholder::is_placeholder;
use crate::text::source::SourceId;
use crate::text::yaml::Node;
use crate::text::yaml::scalar::Scalar;

/// The names of a generator's Secrets, and which references may use the plain name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretGenerator {
    /// The folder of the kustomization.
    pub folder: String,
    /// The name with prefix and suffix, without hash.
    pub full_name: String,
    /// Whether `-` and a hash of ten characters follow the name.
    pub hashed: bool,
    /// Whether the kustomization itself defines which fields name Secrets.
    pub custom_references: bool,
    /// The sources of every build that includes the generator: kustomize rewrites their references.
    pub build: BTreeSet<SourceId>,
}

/// The place of a reference to a Secret, and the kind of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedFrom<'a> {
    /// The source that contains the reference.
    pub source: SourceId,
    /// The kind of the object that contains the reference.
    pub kind: &'a str,
    /// Whether the kind is built into Kubernetes.
    pub builtin: bool,
}

impl SecretGenerator {
    /// Whether a reference names the Secret: by its plain name if kustomize rewrites it, otherwise by its final name.
    pub(super) fn is_named(&self, plain: &str, reference: &str, from: NamedFrom<'_>) -> bool {
        let rewritten = self.build.contains(&from.source)
            && (self.custom_references || from.builtin && from.kind != "ReplicationController");
        rewritten && reference == plain || self.is_rendered_name(reference)
    }

    /// The folder of the kustomization; `.` for the current folder.
    pub fn kustomization(&self) -> &str {
        if self.folder.is_empty() { "." } else { &self.folder }
    }

    /// Whether a name is the final name of the Secret, as far as can be determined without the hash.
    pub fn is_rendered_name(&self, reference: &str) -> bool {
        let Some(rest) = reference.strip_prefix(self.full_name.as_str()) else { return false };
        match (self.hashed, rest.strip_prefix('-')) {
            (true, Some(hash)) => hash.len() == HASH_LENGTH && hash.bytes().all(|b| HASH_ALPHABET.contains(&b)),
            (true, None) => false,
            (false, _) => rest.is_empty(),
        }
    }
}

const HASH_LENGTH: usize = 10;

/// Hexadecimal digits, with those replaced that could form words (`api/hasher`, `encode`).
const HASH_ALPHABET: &[u8] = b"2456789bcdfghkmt";

/// Reads the secret generators in a kustomization.
pub(crate) fn extract(folder: &str, root: Node<'_>, resource: ResourceId) -> SecretFacts {
    let mut inner = SecretFacts::default();
    let found = &mut inner;
    let options = field(root, "generatorOptions");
    let affix = |key: &str| root.str(key).unwrap_or_default();
    let certain = !may_be_patched(root);
    mask_patches(root, found);
    for generator in field(root, "secretGenerator").into_iter().flat_map(Node::items) {
        mask(generator, found);
        let Some(name) = generator.get("name").and_then(spanned_string) else { continue };
        let disabled = [generator.get("options"), options].into_iter().flatten().any(is_hash_disabled);
        let secret_type = SecretType::of(generator.get("type"));
        let creates = matches!(generator.str("behavior"), None | Some("" | "unspecified" | "create"));
        let content = if certain && creates { secret_type.content(&keys(generator)) } else { SecretContent::Opaque };
        let namespace = generator.str("namespace").or_else(|| root.str("namespace"));
        found.secrets.push(Secret {
            namespace: namespace.filter(|namespace| !namespace.is_empty()).map(str::to_owned),
            producer: Producer::Generator(SecretGenerator {
                folder: folder.to_owned(),
                full_name: format!("{}{}{}", affix("namePrefix"), name.value, affix("nameSuffix")),
                hashed: !disabled,
                custom_references: root.get("configurations").is_some(),
                build: BTreeSet::new(),
            }),
            name,
            resource,
            declared_type: secret_type.written(),
            content,
            copies: Vec::new(),
            lent: Vec::new(),
        });
    }
    inner
}

fn is_hash_disabled(options: Node<'_>) -> bool {
    options.get("disableNameSuffixHash").and_then(Node::scalar) == Some(Scalar::Bool(true))
}

/// Whether patches or transformers may give the generated Secret another type.
fn may_be_patched(root: Node<'_>) -> bool {
    let patches = ["patches", "patchesStrategicMerge", "patchesJson6902"].into_iter().filter_map(|key| root.get(key));
    let concerns_secrets = |patch: Node<'_>| {
        let text = patch.text().or_else(|| patch.get("patch").and_then(Node::text)).unwrap_or_default();
        let target = patch.get("target");
        let file = patch.get("path").is_some() || !text.contains('\n') && !text.is_empty();
        match target.and_then(|target| target.str("kind")) {
            Some(kind) => kind.contains("Secret") || kind.contains('*'),
            None => target.is_some() || file || text.contains("Secret"),
        }
    };
    root.get("transformers").is_some() || patches.flat_map(Node::items).any(concerns_secrets)
}

/// Reads `files: [key=path]` or `[path]`, and `literals: [key=value]`. The keys of `envs` are in other files.
fn keys<'a>(generator: Node<'a>) -> Keys<'a> {
    let mut keys = Vec::new();
    let mut complete = generator.get("envs").is_none() && generator.get("env").is_none();
    for (list, is_file) in [("files", true), ("literals", false)] {
        let Some(list) = generator.get(list).filter(|list| !list.is_null()) else { continue };
        complete &= list.is_sequence();
        for item in list.items() {
            let key = item.as_str().and_then(|text| match text.split_once('=') {
                Some((key, _)) => Some(key),
                None => is_file.then(|| text.rsplit('/').next().unwrap_or(text)),
            });
            match key.filter(|key| !is_placeholder(key)) {
                Some(key) => keys.push(key),
                None => complete = false,
            }
        }
    }
    if complete { Keys::Known(keys) } else { Keys::AtLeast(keys) }
}

/// Masks patches of a Secret, which contain its values.
fn mask_patches(root: Node<'_>, found: &mut SecretFacts) {
    for list in ["patches", "patchesStrategicMerge", "patchesJson6902"].into_iter().filter_map(|key| field(root, key)) {
        let patches = list.items().filter_map(|item| item.get("patch").or(Some(item)));
        let texts = patches.filter(|patch| patch.text().is_some_and(may_hold_a_secret));
        found.masked.extend(texts.map(Node::span));
    }
}

/// Masks the literals, which are secret.
fn mask(generator: Node<'_>, found: &mut SecretFacts) {
    // A value that is not a list is masked, too.
    let literals = generator.get("literals").filter(|literals| !literals.is_sequence());
    found.masked.extend(literals.map(Node::span));
    for literal in generator.get("literals").into_iter().flat_map(Node::items) {
        found.masked.push(literal.span());
        let Some((key, value)) = literal.text().and_then(|text| text.split_once('=')) else { continue };
        if FORMATS.iter().any(|format| format.data_key() == key) {
            found.secret_texts.extend(known_secrets(value.trim_matches(['\'', '"']), DataEncoding::Plain));
        }
    }
}
