//! How Argo CD and Flux change the `images:` of a kustomization before they build it.
//!
//! Neither adds rules behind the kustomization's own: both change that list, and kustomize applies what results. Both
//! know an entry by its literal `name`, although kustomize takes that for a regular expression.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::resource::kustomization::ImageRule;
use crate::resource::kustomization::image::{pattern_of, split};
use crate::text::source::Spanned;

/// The part of an override that keeps what the kustomization says.
const KEEP: &str = "*";

/// An entry of `images:`. The type of the texts is the caller's, so that each can carry its place; a text that is
/// empty is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageEntry<T> {
    /// The value of `name`.
    pub(crate) name: T,
    /// The value of `newName`.
    pub(crate) new_name: Option<T>,
    /// The value of `newTag`.
    pub(crate) new_tag: Option<T>,
    /// The value of `tagSuffix`; no override has one.
    pub(crate) tag_suffix: Option<T>,
    /// The value of `digest`.
    pub(crate) digest: Option<T>,
}

impl<T> ImageEntry<T> {
    /// The same entry with other texts, for example with their places.
    pub(crate) fn map<U>(self, mut text: impl FnMut(T) -> U) -> ImageEntry<U> {
        ImageEntry {
            name: text(self.name),
            new_name: self.new_name.map(&mut text),
            new_tag: self.new_tag.map(&mut text),
            tag_suffix: self.tag_suffix.map(&mut text),
            digest: self.digest.map(&mut text),
        }
    }
}

/// An image that an Application overrides; `*` as the new name, the tag or the digest keeps the kustomization's.
pub(crate) type ImageOverride = ImageEntry<String>;

/// The entry of a rule.
pub(crate) fn entry(rule: &ImageRule) -> ImageEntry<Spanned<String>> {
    ImageEntry {
        name: rule.name.clone(),
        new_name: rule.new_name.clone(),
        new_tag: rule.new_tag.clone(),
        tag_suffix: rule.tag_suffix.clone(),
        digest: rule.digest.clone(),
    }
}

/// The rule of an entry at a path.
pub(crate) fn rule(path: String, entry: ImageEntry<Spanned<String>>) -> ImageRule {
    let ImageEntry { name, new_name, new_tag, tag_suffix, digest } = entry;
    let pattern = pattern_of(&name.value);
    ImageRule { path, name, pattern, new_name, new_tag, tag_suffix, digest, is_broken: false }
}

/// Why kustomize does not take an override. Argo CD then builds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OverrideError {
    /// It has neither a new name nor a tag nor a digest.
    #[error("invalid format of image: it must be NAME=NEWNAME[:TAG][@DIGEST], NAME:TAG[@DIGEST] or NAME@DIGEST")]
    Format,
    /// It begins with `-`, and kustomize takes it for a flag. Most fail; after `--help` it changes nothing at all,
    /// and `--` is passed over: what becomes of the other overrides is not known.
    #[error("kustomize takes it for a flag")]
    Flag,
}

/// Parses a string of `spec.source.kustomize.images`. Argo CD passes it to `kustomize edit set image` as it is, except
/// that it fills in `$ARGOCD_APP_NAME` and the like before: a text with a `$` is not the override yet.
///
/// Follows `parse` in `kustomize/commands/edit/set/setimage.go` of kustomize 5.8.1, which Argo CD 3.4 and 3.5 install
/// (`hack/tool-versions.sh`); the file is the same from 5.4.3 (Argo CD 2.14) to 5.8.3.
///
/// # Errors
///
/// `kustomize edit set image` fails, for all overrides together.
pub(crate) fn parse(text: &str) -> Result<ImageOverride, OverrideError> {
    if text.starts_with('-') && text != "-" {
        return Err(OverrideError::Flag);
    }
    let (key, value) = text.split_once('=').unwrap_or(("", text));
    let (name, tag, digest) = split(value);
    if name == text {
        return Err(OverrideError::Format);
    }
    let (name, new_name) = if key.is_empty() { (name, "") } else { (key, name) };
    let set = |part: &str| Some(part.to_owned()).filter(|part| !part.is_empty());
    let name = name.to_owned();
    Ok(ImageEntry { name, new_name: set(new_name), new_tag: set(tag), tag_suffix: None, digest: set(digest) })
}

/// The list that `kustomize edit set image` writes: `RunSetImage` in the same file.
///
/// `existing` are the kustomization's entries, those of the old `imageTags` after those of `images`. The overrides are
/// those of one Application, in order: Argo CD passes all to one command. It merges them with others of the same name
/// only in its command line (`MergeImage`), not when it syncs; but `.argocd-source.yaml` and `.argocd-source-APP.yaml`
/// in the kustomization's folder, which its image updater writes, replace the whole list before.
///
/// An override replaces the whole entry of its name: `app:2` drops the entry's `newName`, and `app=new` its tag. Of
/// several overrides with a name the last counts, of several entries the first. The list is sorted by name then, and
/// because kustomize applies the entries in order, that can change what they do.
pub(crate) fn set_images<T: Clone + AsRef<str>>(
    existing: &[ImageEntry<T>],
    overrides: &[ImageEntry<T>],
) -> Vec<ImageEntry<T>> {
    let mut images: BTreeMap<&str, ImageEntry<T>> = BTreeMap::new();
    for image in overrides {
        images.insert(image.name.as_ref(), image.clone());
    }
    for image in existing {
        images
            .entry(image.name.as_ref())
            .and_modify(|set| {
                // A kept field is taken from the kustomization.
                replace_kept(set, image);
            })
            .or_insert_with(|| image.clone());
    }
    let nothing =
        |name: &T| ImageEntry { name: name.clone(), new_name: None, new_tag: None, tag_suffix: None, digest: None };
    let mut images: Vec<_> = images.into_values().collect();
    for image in &mut images {
        // What there is nothing to keep for is not set; that includes a `*` in the kustomization itself.
        let nothing = nothing(&image.name);
        replace_kept(image, &nothing);
    }
    images
}

/// Replaces the fields that are `*`. Upstream makes a new entry for that, and forgets the `tagSuffix`.
fn replace_kept<T: Clone + AsRef<str>>(image: &mut ImageEntry<T>, kept: &ImageEntry<T>) {
    let fields =
        [(&mut image.new_name, &kept.new_name), (&mut image.new_tag, &kept.new_tag), (&mut image.digest, &kept.digest)];
    let mut is_replaced = false;
    for (field, kept) in fields {
        if field.as_ref().is_some_and(|text| text.as_ref() == KEEP) {
            field.clone_from(kept);
            is_replaced = true;
        }
    }
    if is_replaced {
        image.tag_suffix = None;
    }
}

/// How Flux puts an entry of `spec.images` into an entry of the kustomization with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FluxMerge {
    /// It changes what it sets; tag and digest are one thing, so that a new tag drops the old digest. Since
    /// github.com/fluxcd/pkg/kustomize 1.39.0, backported as 1.35.4: kustomize-controller 1.9.4, Flux 2.9.3
    /// (July 2026).
    Fields,
    /// It replaces the entry: all versions before. With `newName` alone, the kustomization's tag is lost.
    Entry,
}

/// The `images:` of the kustomization that Flux writes before it builds: `generateKustomization` in
/// `kustomize/kustomize_generator.go` of github.com/fluxcd/pkg.
///
/// `existing` are the entries of `images` only: those of the old `imageTags` stay where they are, and are applied
/// after this list. Of several with the name, the first is changed. New entries are put at the end.
pub(crate) fn merge_images<T: Clone + AsRef<str>>(
    existing: &[ImageEntry<T>],
    spec: &[ImageEntry<T>],
    merge: FluxMerge,
) -> Vec<ImageEntry<T>> {
    let mut images = existing.to_vec();
    let mut places = BTreeMap::new();
    for (at, image) in existing.iter().enumerate() {
        places.entry(image.name.as_ref()).or_insert(at);
    }
    for image in spec {
        let next = images.len();
        let at = *places.entry(image.name.as_ref()).or_insert(next);
        // A Kustomization has no `tagSuffix`: its API does not know the field.
        let image = ImageEntry { tag_suffix: None, ..image.clone() };
        let Some(merged) = images.get_mut(at) else {
            images.push(image);
            continue;
        };
        if merge == FluxMerge::Entry {
            *merged = image;
            continue;
        }
        if image.new_name.is_some() {
            merged.new_name = image.new_name;
        }
        if image.new_tag.is_some() || image.digest.is_some() {
            (merged.new_tag, merged.digest) = (image.new_tag, image.digest);
        }
    }
    images
}
