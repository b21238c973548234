//! Image references, exactly as the kubelet parses them.
//!
//! Follows `ParseImageName` (`pkg/util/parsers/parsers.go`) and `applyDefaultImageTag`
//! (`pkg/kubelet/images/image_manager.go`) of Kubernetes 1.37, and `ParseNormalizedNamed` of
//! github.com/distribution/reference v0.6.0, whose regular expressions are a hand-written scan here.

mod diagnose;
mod grammar;

pub use diagnose::Diagnosis;

use std::fmt;

use crate::text::go::quote::quote;
use grammar::Parts;

/// `RepositoryNameTotalLengthMax`: bytes of the path, `library/` included.
const MAX_PATH: usize = 255;

/// A parsed and normalized reference.
///
/// Two spellings of one image (`nginx`, `docker.io/library/nginx:latest`) are *not* equal, because they differ in
/// [`Reference::tag_is_written`] and [`Reference::is_short_name`]. To compare images, use [`Reference::name`], tag
/// and digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The normalized text: `domain/path[:tag][@digest]`.
    text: String,
    /// Byte offset of the slash after the registry.
    slash: usize,
    /// Byte offset after the end of the name.
    name_end: usize,
    /// Byte offset of the digest, after its `@`.
    digest_start: Option<usize>,
    tag_is_written: bool,
    short_name: bool,
}

impl Reference {
    /// Parses as `ParseImageName` does.
    ///
    /// # Errors
    /// The kubelet fails with `InvalidImageName`.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let parts = grammar::parse(text)?;
        let Parts { domain, path, tag, digest } = parts;
        let default_tag = if tag.is_none() && digest.is_none() { Some("latest") } else { None };
        let mut whole = String::with_capacity(text.len() + "docker.io/library/:latest".len());
        // A host with an underscore is not a domain in the grammar. It is then the start of the path, but the runtime
        // still takes it for the host.
        let prefix = domain.map_or("", |domain| domain.name);
        whole.push_str(prefix);
        if domain.is_some() {
            whole.push('/');
        }
        whole.push_str(if domain.is_some_and(|domain| domain.library) { "library/" } else { "" });
        whole.push_str(path);
        let name_end = whole.len();
        if let Some(tag) = tag.or(default_tag) {
            whole.push(':');
            whole.push_str(tag);
        }
        let digest_start = digest.map(|digest| {
            whole.push('@');
            whole.push_str(digest);
            whole.len() - digest.len()
        });
        let slash = whole.find('/').unwrap_or(0);
        let tag_is_written = tag.is_some();
        Ok(Self {
            text: whole,
            slash,
            name_end,
            digest_start,
            tag_is_written,
            short_name: grammar::is_short_name(text),
        })
    }

    /// The registry: `docker.io`, `ghcr.io`, `reg.local:5000`.
    pub fn registry(&self) -> &str {
        &self.text[..self.slash]
    }

    /// The repository path, `library/` filled in for Docker Hub.
    pub fn repository(&self) -> &str {
        &self.text[self.slash + 1..self.name_end]
    }

    /// Registry and repository, `docker.io/library/nginx`: the name for the kubelet's credential lookup.
    pub fn name(&self) -> &str {
        &self.text[..self.name_end]
    }

    /// The tag; `latest` if neither tag nor digest is written; `None` if only a digest is.
    pub fn tag(&self) -> Option<&str> {
        let end = self.digest_start.map_or(self.text.len(), |start| start - 1);
        self.text.get(self.name_end + 1..end)
    }

    /// Whether the tag is written out, and not the `latest` that the kubelet fills in.
    pub const fn tag_is_written(&self) -> bool {
        self.tag_is_written
    }

    /// The digest in the form `algorithm:hex`, if written.
    pub fn digest(&self) -> Option<&str> {
        self.digest_start.map(|start| &self.text[start..])
    }

    /// Whether the text names no registry, so that CRI-O looks for one itself (`IsShortName` in containers/image
    /// `pkg/shortnames`). The kubelet passes such a name on unchanged.
    pub const fn is_short_name(&self) -> bool {
        self.short_name
    }

    /// The reference that containerd pulls (`ParseDockerRef`) and names in its errors: normalized, and only the
    /// digest if there are both tag and digest.
    pub fn containerd_ref(&self) -> String {
        match self.digest() {
            Some(digest) => format!("{}@{digest}", self.name()),
            None => self.text.clone(),
        }
    }

    /// The reference that the kubelet sends to the runtime, if it was written as `text` (`applyDefaultImageTag`): the
    /// name is not normalized, only a missing tag is added.
    pub fn cri_image(&self, text: &str) -> String {
        match self.tag() {
            Some(tag) if self.digest().is_none() && !text.strip_suffix(tag).is_some_and(|t| t.ends_with(':')) => {
                format!("{text}:{tag}")
            }
            _ => text.to_owned(),
        }
    }
}

/// The whole reference, with the tag filled in and the digest kept.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a reference cannot be parsed; its `Display` is the text of distribution/reference and go-digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ReferenceError {
    /// A violation of the grammar.
    #[error("invalid reference format")]
    Format,
    /// Upper case in the repository, which is given as it was checked: up to the first colon, `library/` filled in.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    /// The text would be valid in lower case: a registry like `My_Reg`, or a letter like the Kelvin sign.
    #[error("repository name must be lowercase")]
    LowercaseOnly,
    /// The path has more than 255 bytes.
    #[error("repository name must not be more than 255 characters")]
    TooLong,
    /// 64 hexadecimal digits and nothing else: an image id.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    Identifier(String),
    /// A digest with another algorithm than sha256, sha384 or sha512.
    #[error("unsupported digest algorithm")]
    DigestAlgorithm,
    /// The digest does not have the number of digits of its algorithm.
    #[error("invalid checksum digest length")]
    DigestLength,
    /// Upper case in a digest.
    #[error("invalid checksum digest format")]
    DigestFormat,
}

impl ReferenceError {
    /// The kubelet's message for the image written as `text`.
    pub fn kubelet_text(&self, text: &str) -> String {
        format!("couldn't parse image name {}: {self}", quote(text))
    }

    /// The part of `text`, for which this error was returned, that is at fault, and a possible correction.
    pub fn diagnose(&self, text: &str) -> Diagnosis {
        diagnose::diagnose(self, text)
    }
}
