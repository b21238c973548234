//! Secret objects, and how the kubelet reads them as pull secrets.
//!
//! Follows `pkg/credentialprovider/secrets/secrets.go` (what the kubelet accepts), `pkg/apis/core/validation`
//! (`ValidateSecret`: what the API server rejects) and `pkg/apis/core/v1/conversion.go` (`stringData` over `data`) of
//! Kubernetes 1.37.

use super::SecretFacts;
use crate::credential::dockerconfig::{self, DecodeError, DecodeErrorKind, DockerConfig, Format};
use crate::credential::sensitive::Sensitive;
use crate::resource::Object;
use crate::resource::secret::copies::{self, Copies};
use crate::resource::secret::producer::SecretType;
use crate::resource::secret::sops::is_encrypted;
use crate::resource::secret::{FORMATS, IgnoredBecause, Malformed, Producer, RefusedBy, Secret, SecretContent};
use crate::resource::workload::ResourceId;
use crate::resource::workload::duplicate;
use crate::resource::workload::value::{is_to_be_written, is_unquoted_template, spanned_string};
use crate::text::go::base64;
use crate::text::placeholder::is_unfilled_secret;
use crate::text::yaml::{Entry, Node, Place};

/// Reads a Secret object. Its values are masked in any case.
pub(super) fn extract(object: &Object<'_>, resource: ResourceId, found: &mut SecretFacts) {
    let is_secret = object.name.kind == "Secret" && object.name.api_version == "v1";
    if object.name.kind == "Secret" {
        mask_values(object.node, found);
    }
    let Some(name) = object.node.at(&["metadata", "name"]).and_then(spanned_string) else { return };
    if !is_secret {
        return;
    }
    let duplicates = &mut found.duplicate_keys;
    duplicate::find(object.node, &["metadata", "type", "data", "stringData"], resource, None, duplicates);
    for map in ["data", "stringData"].into_iter().filter_map(|key| object.node.get(key)) {
        duplicate::find(map, &[".dockerconfigjson", ".dockercfg"], resource, None, duplicates);
    }
    let annotations = object.node.at(&["metadata", "annotations"]);
    let secret_type = SecretType::of(object.node.get("type"));
    let mirrored = copies::mirrored(annotations);
    // secretgen-controller fills it with all secrets that are exported to the namespace
    // (`pkg/sharing/placeholder_secret.go`).
    let is_placeholder = annotations.is_some_and(|node| node.get("secretgen.carvel.dev/image-pull-secret").is_some());
    let content = content(object.node, &secret_type);
    // Content that a controller overwrites is irrelevant, as long as the API server accepts it.
    let overwritten = (mirrored.is_some() || is_placeholder)
        && match &content {
            SecretContent::Config(_) => true,
            SecretContent::Malformed(malformed) => malformed.refused_by == RefusedBy::Kubelet,
            SecretContent::Ignored(_) | SecretContent::Opaque => false,
        };
    found.secrets.push(Secret {
        namespace: object.name.namespace.clone(),
        name,
        resource,
        declared_type: secret_type.written(),
        content: if overwritten { SecretContent::Opaque } else { content },
        producer: match mirrored {
            Some((by, source)) => Producer::Mirror(by, source.to_owned()),
            None if object.node.get("sops").is_some_and(Node::is_mapping) => Producer::Sops,
            None => Producer::Itself,
        },
        copies: Copies::of_annotations(annotations),
        lent: Copies::lent(annotations),
    });
}

/// Masks everything below `data` and `stringData`, and the copy that `kubectl apply` leaves in an annotation. The
/// redactor also learns every docker configuration, even if the Secret has other faults.
pub(super) fn mask_values(secret: Node<'_>, found: &mut SecretFacts) {
    const LAST_APPLIED: &[&str] = &["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"];
    let maps = ["data", "stringData"].into_iter().filter_map(|key| secret.get(key));
    let values = maps.flat_map(Node::entries).map(|entry| entry.value).chain(secret.at(LAST_APPLIED));
    found.masked.extend(values.map(Node::span));
    for format in FORMATS {
        if let Some((entry, encoding)) = value(secret, format.data_key()) {
            let text = entry.value.text().unwrap_or_default();
            found.secret_texts.extend(known_secrets(text, encoding));
        }
    }
}

/// Returns the configuration itself, and every credential that either format contains.
pub(super) fn known_secrets(text: &str, encoding: DataEncoding) -> Vec<Sensitive> {
    let mut secrets = vec![Sensitive::new(text)];
    let decoded = match encoding {
        DataEncoding::Plain => Ok(text.as_bytes().to_vec()),
        DataEncoding::Base64 => base64::decode(text.as_bytes(), base64::Padding::Required).map(|bytes| bytes.to_vec()),
    };
    let configs = decoded.iter().flat_map(|content| FORMATS.map(|format| DockerConfig::decode(content, format)));
    secrets.extend(configs.flatten().flat_map(|config| config.secrets()));
    secrets
}

pub(super) fn content(secret: Node<'_>, secret_type: &SecretType) -> SecretContent {
    let written = match secret_type {
        SecretType::Unknown => return SecretContent::Opaque,
        SecretType::Unset => "",
        SecretType::Written(text) => text.value.as_str(),
    };
    let Some(format) = FORMATS.into_iter().find(|format| format.secret_type() == written) else {
        let has_docker_config = FORMATS.iter().any(|format| value(secret, format.data_key()).is_some());
        return SecretContent::Ignored(IgnoredBecause::WrongType { has_docker_config });
    };
    let Some((entry, encoding)) = value(secret, format.data_key()) else {
        if ["data", "stringData"].into_iter().filter_map(|key| secret.get(key)).any(is_to_be_written) {
            return SecretContent::Opaque;
        }
        return SecretContent::Ignored(IgnoredBecause::MissingKey);
    };
    let text = content_text(entry.value);
    if is_filled_in_later(entry.value) || is_encrypted(text) {
        return SecretContent::Opaque;
    }
    if let Some(malformed) = not_base64(secret) {
        return SecretContent::Malformed(malformed);
    }
    match decode(text, encoding, format) {
        Ok(config) => SecretContent::Config(DockerConfig { place: Some(place(entry.value, encoding)), ..config }),
        Err(Refusal { unfilled: true, .. }) => SecretContent::Opaque,
        Err(Refusal { refused_by, message, range, .. }) => {
            let place = place(entry.value, encoding);
            let span = range.map_or(place.scalar(), |range| place.where_is(&range));
            SecretContent::Malformed(Malformed { message, span, refused_by })
        }
    }
}

/// The text of a value: `null` is the empty string to the API server.
fn content_text(value: Node<'_>) -> &str {
    value.text().filter(|_| !value.is_null()).unwrap_or_default()
}

/// The first value under `data` that is not base64. The API server rejects the whole object for it, even if
/// `stringData` overwrites the value, because it decodes first.
fn not_base64(secret: Node<'_>) -> Option<Malformed> {
    secret.get("data")?.entries().find_map(|Entry { value, .. }| {
        let text = content_text(value);
        if is_filled_in_later(value) || is_encrypted(text) {
            return None;
        }
        let error = base64::decode(text.as_bytes(), base64::Padding::Required).err()?;
        Some(Malformed { message: error.to_string(), span: value.span(), refused_by: RefusedBy::ApiServer })
    })
}

/// The place of the decoded text; a base64 value is pointed at as a whole.
fn place(value: Node<'_>, encoding: DataEncoding) -> Place {
    match encoding {
        DataEncoding::Plain => value.place(),
        DataEncoding::Base64 => Place::whole(value.span()),
    }
}

/// How a value is encoded.
#[derive(Clone, Copy)]
pub(super) enum DataEncoding {
    Base64,
    Plain,
}

/// Returns the value of a data key: `stringData` overrides `data`.
fn value<'a>(secret: Node<'a>, key: &str) -> Option<(Entry<'a>, DataEncoding)> {
    let plain = secret.get("stringData").and_then(|data| data.entry(key)).map(|entry| (entry, DataEncoding::Plain));
    plain.or_else(|| secret.get("data").and_then(|data| data.entry(key)).map(|entry| (entry, DataEncoding::Base64)))
}

/// Why a value cannot be decoded.
struct Refusal {
    refused_by: RefusedBy,
    message: String,
    /// The range in the decoded text; `None` if the value is not base64.
    range: Option<std::ops::Range<usize>>,
    /// Whether another program has yet to fill in the value.
    unfilled: bool,
}

/// Decodes the base64 like the API server's JSON decoder, then applies its validation, then the kubelet's decoder.
fn decode(text: &str, encoding: DataEncoding, format: Format) -> Result<DockerConfig, Refusal> {
    let decoded;
    let content = match encoding {
        DataEncoding::Plain => text.as_bytes(),
        DataEncoding::Base64 => {
            decoded = base64::decode(text.as_bytes(), base64::Padding::Required).map_err(|error| Refusal {
                refused_by: RefusedBy::ApiServer,
                message: error.to_string(),
                range: None,
                unfilled: false,
            })?;
            &decoded
        }
    };
    let refusal = |refused_by: RefusedBy| {
        move |DecodeError { message, range, kind }: DecodeError| {
            let is_whole = !std::str::from_utf8(content).is_ok_and(is_json);
            let is_open = kind == DecodeErrorKind::Syntax || kind == DecodeErrorKind::Type && is_whole;
            let unfilled = is_open && is_template(content);
            Refusal { refused_by, message, range: Some(range), unfilled }
        }
    };
    dockerconfig::api_server_accepts(content).map_err(refusal(RefusedBy::ApiServer))?;
    DockerConfig::decode(content, format).map_err(refusal(RefusedBy::Kubelet))
}

/// Whether another program has yet to write the whole value. A configuration is decoded, and its entries are checked
/// instead.
fn is_filled_in_later(value: Node<'_>) -> bool {
    let text = value.text().filter(|_| !value.is_unquoted_token());
    text.map_or_else(|| is_unquoted_template(value), |text| !is_json(text) && is_unfilled(text))
}

/// Whether a text begins like a JSON object; `{token}` and `{{ config }}` do not.
fn is_json(text: &str) -> bool {
    let inner = text.trim_start_matches('\u{feff}').trim_start().strip_prefix('{');
    inner.is_some_and(|inner| inner.trim_start().starts_with(['"', '}']))
}

/// Whether a text is, or contains, a placeholder. Unlike a password, a configuration never looks like a shell
/// variable by chance.
fn is_unfilled(text: &str) -> bool {
    let variable = text.trim().strip_prefix('$');
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    // Matches `BASE64_OF_CONFIG`, which is neither base64 nor JSON.
    let is_of_word = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let is_word = |text: &str| {
        text.contains('_') && text.bytes().all(is_of_word) && text.starts_with(|c: char| c.is_ascii_uppercase())
    };
    is_unfilled_secret(text) || is_word(text.trim()) || variable.is_some_and(|name| !name.is_empty() && is_name(name))
}

/// Whether a text that cannot be decoded is yet to be filled in: `{"auths": ${AUTHS}}`, or `<path:kv/r#config>` in
/// base64.
fn is_template(content: &[u8]) -> bool {
    std::str::from_utf8(content).is_ok_and(is_unfilled)
}
