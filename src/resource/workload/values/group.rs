//! Images that values write in parts, and what a chart makes of the parts.

use super::chart_defaults::{DefaultImage, DefaultTag, DigestUse};
use super::number;
use super::part::PartPlace;
use crate::image::reference::Reference;
use crate::resource::workload::custom::unchecked::{is_picture, is_written_out};
use crate::resource::workload::pod::classify;
use crate::resource::workload::{DecidedBy, ImageText, Skip};
use crate::text::placeholder::is_placeholder;
use crate::text::source::Span;
use crate::text::yaml::Node;

/// A value that is part of an image.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// As written.
    pub(super) written: String,
    /// As a chart prints it; `None` if that depends on the chart.
    printed: Option<String>,
    pub(super) span: Span,
    /// The path of the field.
    pub(super) path: String,
    /// Whether a lower set of values contains it than the one that is read.
    pub(super) is_below: bool,
}

impl Word {
    /// Reads a scalar; `None` if it is empty or null, which charts treat as not set.
    pub(super) fn read(node: Node<'_>, span: Span, path: impl FnOnce() -> String) -> Option<Self> {
        let written = node.text().filter(|text| !text.is_empty() && !node.is_null())?.to_owned();
        Some(Self { written, printed: number::printed(node), span, path: path(), is_below: false })
    }

    pub(super) fn at(node: Node<'_>, place: &PartPlace<'_>, path: impl FnOnce() -> String) -> Option<Self> {
        Self::read(node, place.span(node.span()), path)
    }

    /// Marks the value as one that Helm's `--set` reads, which has no floats: a chart prints it as written.
    pub(super) fn of_parameter(self) -> Self {
        Self { printed: Some(self.written.clone()), ..self }
    }

    /// Marks the value as one of a set below the one that is read.
    pub(super) fn of_lower_set(self) -> Self {
        Self { is_below: true, ..self }
    }

    fn is_name(&self) -> bool {
        is_placeholder(&self.written)
            || !self.written.contains("://")
                && !self.written.ends_with(".git")
                && Reference::parse(&self.written.to_ascii_lowercase()).is_ok()
    }
}

/// The parts of one image.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) registry: Option<Word>,
    pub(super) repository: Option<Word>,
    pub(super) image: Option<Word>,
    pub(super) name: Option<Word>,
    pub(super) tag: Option<Word>,
    pub(super) version: Option<Word>,
    pub(super) digest: Option<Word>,
    pub(super) sha: Option<Word>,
    /// Whether the key of the group, or another of its fields, says that it is an image.
    pub(super) is_image: bool,
}

/// What is known of an image.
#[derive(Debug)]
pub(super) struct Composed {
    /// The field that contains the name, or the last part of it.
    pub(super) main: Word,
    /// The image, or what the values contain of it.
    pub(super) whole: String,
    pub(super) image: ImageText,
    pub(super) decided_by: Vec<DecidedBy>,
    /// Whether the chart decides the rest.
    pub(super) is_incomplete: bool,
}

/// What a chart does with the names in its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// The pod gets the name as written, so that one without a registry is of Docker Hub.
    AsWritten,
    /// A name without a registry may get that of the chart's default values.
    WithDefault,
    /// The values set a registry for all images, and the chart decides where it is added.
    Replaced,
}

impl Group {
    /// Returns the image; `None` if the parts are those of something else.
    pub(super) fn compose(self, naming: Naming) -> Option<Composed> {
        let Self { registry, repository, image, name, tag, version, digest, sha, is_image } = self;
        let tag = tag.or(version.filter(|_| image.is_some()));
        let is_versioned = tag.is_some() || digest.is_some() || sha.is_some();
        let (main, rest, mut is_known) = match (repository, image, name) {
            (Some(repository), image, name) => {
                if !repository.is_name() || !is_versioned && registry.is_none() && image.is_none() && !is_image {
                    return None;
                }
                // Charts use the name in addition to the repository, or instead of it.
                let is_known = name.is_none();
                (repository, image, is_known)
            }
            (None, Some(image), _) if is_versioned || registry.is_some() => (image, None, true),
            (None, None, Some(name)) if is_image && (is_versioned || registry.is_some()) => (name, None, true),
            _ => return None,
        };
        if !main.is_name() {
            return None;
        }
        let mut decided_by = Vec::new();
        let mut decide = |word: &Word, message: &str| {
            decided_by.push(DecidedBy { span: word.span, message: message.to_owned() });
        };
        // A set above that of the name decides what is deployed.
        let parts = [&digest, &sha, &tag, &registry];
        let upper = parts.into_iter().flatten().find(|word| main.is_below && !word.is_below).cloned();
        let mut whole = main.written.clone();
        if let Some(rest) = rest {
            whole = format!("{}/{}", whole.trim_end_matches('/'), rest.written);
            decide(&rest, "the rest of its name is set here");
        }
        match registry {
            Some(registry) => {
                // Charts join the two, whatever the repository contains.
                is_known &= !has_host(&whole) && naming != Naming::Replaced;
                if !has_host(&whole) {
                    whole = format!("{}/{whole}", registry.written.trim_end_matches('/'));
                }
                decide(&registry, "its registry is set here");
            }
            None => is_known &= has_host(&whole) && naming != Naming::Replaced || naming == Naming::AsWritten,
        }
        let is_tagged = has_tag(&whole);
        is_known &= is_tagged != is_versioned;
        if let Some(tag) = &tag {
            is_known &= tag.printed.is_some();
            whole = format!("{whole}:{}", tag.printed.as_ref().unwrap_or(&tag.written));
            decide(tag, "its tag is set here");
        }
        let sha = sha.map(|word| (format!("sha256:{}", word.written.trim_start_matches("sha256:")), word));
        if let Some((digest, word)) = digest.map(|word| (word.written.clone(), word)).or(sha)
            && !whole.contains('@')
        {
            whole = format!("{whole}@{digest}");
            decide(&word, "its digest is set here");
        }
        let main = match upper {
            None => main,
            Some(upper) => {
                decided_by.retain(|decided| decided.span != upper.span);
                decided_by.insert(0, DecidedBy { span: main.span, message: "its name is set here".to_owned() });
                Word { written: main.written, ..upper }
            }
        };
        Some(Composed::new(main, whole, decided_by, is_known))
    }
}

/// What the values say of an image whose chart is known, besides its parts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Beside {
    /// Whether they clear the digest of the chart.
    pub(super) clears_digest: bool,
    /// Whether they set something else that changes the image, such as the registry of all images.
    pub(super) is_changed: bool,
}

impl Group {
    /// Returns the image that a known chart makes of the parts, and of its own defaults; `None` if the values set no
    /// part of it, or the chart does more than the table knows.
    pub(super) fn compose_with(&self, default: &DefaultImage, beside: Beside) -> Option<Composed> {
        let own_name = match default.name_key {
            "image" => self.image.as_ref(),
            _ => self.repository.as_ref(),
        };
        let whole = self.repository.as_ref().filter(|_| default.repository_is_whole);
        let registry = self.registry.as_ref().filter(|_| default.reads_registry);
        let digest = match default.digest_use {
            DigestUse::Unread => None,
            DigestUse::AfterTag | DigestUse::InsteadOfTag => self.digest.as_ref(),
            DigestUse::Sha => self.sha.as_ref(),
        };
        let set = [whole, own_name, digest, self.tag.as_ref(), registry];
        let main = set.into_iter().flatten().next()?.clone();
        if beside.is_changed || self.name.is_some() || own_name.or(whole).is_some_and(|word| !word.is_name()) {
            return None;
        }
        let name = match (whole, own_name) {
            (Some(whole), _) => whole.written.clone(),
            (None, own) => {
                let name = own.map_or(default.repository, |word| &word.written);
                match registry.map(|word| word.written.as_str()).or(default.registry) {
                    Some(registry) => format!("{}/{name}", registry.trim_end_matches('/')),
                    None => name.to_owned(),
                }
            }
        };
        let printed = |word: &Word| word.printed.clone();
        let tag = match (&self.tag, default.tag) {
            (Some(tag), _) => Some(printed(tag)?),
            (None, DefaultTag::Literal(tag)) => Some(tag.to_owned()),
            (None, DefaultTag::AppVersion | DefaultTag::Varying) => None,
        };
        let pinned = digest.map(|word| format!("sha256:{}", word.written.trim_start_matches("sha256:")));
        // Nodes pull by the digest of the chart, whatever the tag says.
        let keeps_digest = default.has_digest && pinned.is_none() && !beside.clears_digest;
        let mut text = name;
        if let Some(tag) = tag.as_ref().filter(|_| pinned.is_none() || default.digest_use != DigestUse::InsteadOfTag) {
            text = format!("{text}:{tag}");
        }
        if let Some(pinned) = &pinned {
            text = format!("{text}@{pinned}");
        }
        let is_known = !keeps_digest && (tag.is_some() || pinned.is_some());
        let decides = |word: &&Word, message: &str| {
            (word.span != main.span).then(|| DecidedBy { span: word.span, message: message.to_owned() })
        };
        let named = [
            (whole.or(own_name), "its name is set here"),
            (registry, "its registry is set here"),
            (self.tag.as_ref(), "its tag is set here"),
            (digest, "its digest is set here"),
        ];
        let decided_by = named.into_iter().filter_map(|(word, message)| decides(&word?, message)).collect();
        Some(Composed::new(main, text, decided_by, is_known))
    }
}

impl Composed {
    fn new(main: Word, whole: String, decided_by: Vec<DecidedBy>, is_known: bool) -> Self {
        let read = classify(&whole, false);
        let is_placeholder = matches!(read, ImageText::Skipped(_));
        let image = if is_known || is_placeholder { read } else { ImageText::Skipped(Skip::ChosenByChart) };
        Self { main, whole, image, decided_by, is_incomplete: !is_known && !is_placeholder }
    }

    /// Returns the image in a single string; `None` if the string is something else. `is_own` is whether the key is
    /// `image`, which is rarely the name of anything else.
    pub(super) fn of_string(word: Word, is_own: bool, naming: Naming) -> Option<Self> {
        let text = word.written.clone();
        let is_whole = is_written_out(&text);
        if is_placeholder(&text) {
            return is_own.then(|| Self::new(word, text, Vec::new(), true));
        }
        if !is_whole && (!is_own || is_picture(&text) || !word.is_name()) {
            return None;
        }
        if naming == Naming::AsWritten {
            return Some(Self::new(word, text, Vec::new(), true));
        }
        // The chart adds a tag of its own to a name without one. Who writes the tag usually writes the whole name.
        let is_known = has_tag(&text) && (naming == Naming::WithDefault || has_host(&text));
        Some(Self::new(word, text, Vec::new(), is_known))
    }
}

/// Whether a reference names its registry, by the rule of containerd and Docker.
fn has_host(text: &str) -> bool {
    text.split_once('/').is_some_and(|(first, _)| first.contains(['.', ':']) || first == "localhost")
}

fn has_tag(text: &str) -> bool {
    text.contains('@') || text.rsplit('/').next().is_some_and(|last| last.contains(':'))
}
