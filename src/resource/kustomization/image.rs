//! `images:` in a kustomization: which image values an entry rewrites, and to what.
//!
//! Follows `api/internal/image/image.go`, `api/filters/imagetag/{updater,legacy}.go` and
//! `api/internal/konfig/builtinpluginconsts/images.go` of kustomize 5.8.3.

use super::fields::Fields;
use super::pattern::{self, Pattern};
use crate::text::source::{Span, Spanned};
use crate::text::yaml::Node;

/// An entry in `images:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRule {
    /// Path of the entry: `images[0]`.
    pub path: String,
    /// The value of `name`, which is part of a regular expression.
    pub name: Spanned<String>,
    /// The whole expression; `None` if the name has no special characters except the dot.
    pub pattern: Option<Pattern>,
    /// The value of `newName`.
    pub new_name: Option<Spanned<String>>,
    /// The value of `newTag`.
    pub new_tag: Option<Spanned<String>>,
    /// The value of `tagSuffix`.
    pub tag_suffix: Option<Spanned<String>>,
    /// The value of `digest`.
    pub digest: Option<Spanned<String>>,
    /// Whether a field is not a string: kustomize then refuses the kustomization, and what is deployed is not known.
    pub is_broken: bool,
}

/// The result of applying a rule to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rewritten<'r> {
    /// The rule does not match.
    Unmatched,
    /// The new value, and the key and scalar that decide it.
    To(String, Option<(&'static str, &'r Spanned<String>)>),
    /// The result is not known.
    Unknown,
}

impl ImageRule {
    /// Reads an entry in a list; `None` if it has no name.
    pub(crate) fn read(list: &str, index: usize, entry: Node<'_>) -> Option<Self> {
        Self::of(format!("{list}[{index}]"), entry)
    }

    /// Reads the entry at a path.
    pub(crate) fn of(path: String, entry: Node<'_>) -> Option<Self> {
        let fields = Fields::of(entry);
        let mut is_broken = false;
        let mut string = |key: &str| {
            let node = fields.get(key)?;
            is_broken |= node.as_str().is_none();
            let text = Spanned { value: node.text()?.to_owned(), span: node.span() };
            Some(text).filter(|text| !text.value.is_empty())
        };
        let name = string("name");
        let (new_name, new_tag) = (string("newName"), string("newTag"));
        let (tag_suffix, digest) = (string("tagSuffix"), string("digest"));
        let name = name?;
        let pattern = pattern_of(&name.value);
        Some(Self { path, name, pattern, new_name, new_tag, tag_suffix, digest, is_broken })
    }

    /// The approximate cost of matching the rule against a value.
    pub(crate) fn cost(&self, value: &str) -> usize {
        match &self.pattern {
            Some(pattern) if value.starts_with(self.prefix()) => pattern.cost(value.len()),
            _ => 1,
        }
    }

    /// The text that every match must start with; comparing it is cheap.
    fn prefix(&self) -> &str {
        let name = self.name.value.as_str();
        let end = name.find(|c: char| r"\.+*?()|[]{}^$".contains(c)).unwrap_or(name.len());
        // With alternatives, a match can start with something else; a character that may be omitted is not part of
        // the prefix.
        let is_open = name.contains('|') || name[end..].starts_with(['*', '?', '{']);
        if is_open { "" } else { &name[..end] }
    }

    /// The value after one pass of the transformer.
    pub(crate) fn apply(&self, value: &str) -> Rewritten<'_> {
        match self.is_match(value) {
            Some(false) => return Rewritten::Unmatched,
            Some(true) if !self.is_broken => {}
            _ => return Rewritten::Unknown,
        }
        let (mut name, mut tag, mut digest) = split(value);
        if let Some(new_name) = &self.new_name {
            name = &new_name.value;
        }
        let suffixed;
        match (&self.new_tag, &self.digest, &self.tag_suffix) {
            (Some(new_tag), Some(new_digest), _) => (tag, digest) = (&new_tag.value, &new_digest.value),
            (Some(new_tag), None, _) => (tag, digest) = (&new_tag.value, ""),
            (None, Some(new_digest), _) => (tag, digest) = ("", &new_digest.value),
            (None, None, Some(suffix)) => {
                suffixed = format!("{tag}{}", suffix.value);
                (tag, digest) = (&suffixed, "");
            }
            (None, None, None) => {}
        }
        let mut rewritten = name.to_owned();
        for (mark, part) in [(':', tag), ('@', digest)] {
            if !part.is_empty() {
                rewritten.push(mark);
                rewritten.push_str(part);
            }
        }
        Rewritten::To(rewritten, self.deciding())
    }

    /// The scalar that decides the new value most: with a digest, the kubelet ignores the rest.
    fn deciding(&self) -> Option<(&'static str, &Spanned<String>)> {
        let fields = [
            ("digest", &self.digest),
            ("newTag", &self.new_tag),
            ("tagSuffix", &self.tag_suffix),
            ("newName", &self.new_name),
        ];
        fields.into_iter().find_map(|(key, field)| Some((key, field.as_ref()?)))
    }

    /// Matches `^NAME(:TAG)?(@DIGEST)?$`; `None` if the versions disagree: before 5.8.3, a digest must begin with
    /// `sha256:`.
    fn is_match(&self, value: &str) -> Option<bool> {
        let matched = match &self.pattern {
            Some(Pattern::Compiled(_)) if !value.starts_with(self.prefix()) => false,
            Some(pattern) => pattern.is_match(value)?,
            None => {
                let digest = value.rsplit_once('@').filter(|(_, digest)| is_digest(digest));
                let rest = digest.map_or(value, |(rest, _)| rest);
                let tagged = rest.rsplit_once(':').filter(|(_, tag)| is_tag(tag)).map(|(name, _)| name);
                let mut candidates = [Some(value), Some(rest), tagged].into_iter().flatten();
                candidates.any(|candidate| is_same(&self.name.value, candidate))
            }
        };
        let is_others = value.match_indices('@').any(|(at, _)| !value[at..].starts_with("@sha256:"));
        if matched && is_others { None } else { Some(matched) }
    }
}

/// The expression of a name that has special characters.
pub(crate) fn pattern_of(name: &str) -> Option<Pattern> {
    (!pattern::is_plain(&name.replace('.', ""))).then(|| {
        let tag = "(:[a-zA-Z0-9_.{}-]*)?";
        let digest = "(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{}-]*)?";
        Pattern::new(&format!("^{name}{tag}{digest}$"))
    })
}

/// Whether a text equals a name, in which a dot matches any character.
fn is_same(name: &str, text: &str) -> bool {
    let (mut wanted, mut given) = (name.chars(), text.chars());
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one == '.' && other != '\n' || one == other => {}
            _ => return false,
        }
    }
}

/// Whether a text is an algorithm and a digest in kustomize's syntax.
fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    algorithm.split(['.', '+', '_', '-']).all(is_part) && is_tag(hex)
}

/// Whether kustomize accepts a text as a tag, including Bazel's `{STABLE_TAG}`.
fn is_tag(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.{}-".contains(&b))
}

/// Splits a value into name, tag, and digest like kustomize: after the first slash, whatever is before it.
pub(crate) fn split(value: &str) -> (&str, &str, &str) {
    let path = value.find('/').filter(|slash| *slash > 0).unwrap_or(0);
    let digest_at = value[path..].find('@').map(|at| at + path);
    let tag_at = value[path..].find(':').map(|at| at + path).filter(|at| digest_at.is_none_or(|digest| *at < digest));
    let end = digest_at.unwrap_or(value.len());
    let name = &value[..tag_at.unwrap_or(end)];
    let tag = tag_at.map_or("", |at| &value[at + 1..end]);
    let digest = digest_at.map_or("", |at| &value[at + 1..]);
    (name, tag, digest)
}

/// The number of times that the transformer processes a field: once for each list of containers in any place, and
/// again for those at the paths of the built-in field specs. A suffix is then added twice.
pub(crate) fn passes(path: &str) -> u8 {
    let Some((list, index)) = within_item(path).strip_suffix("].image").and_then(|path| path.rsplit_once('[')) else {
        return 0;
    };
    // A patch appends at index `-`.
    let is_index = index == "-" || index.bytes().all(|b| b.is_ascii_digit());
    let (parent, key) = list.rsplit_once('.').unwrap_or(("", list));
    if !is_index || !matches!(key, "containers" | "initContainers") {
        return 0;
    }
    if matches!(parent, "spec" | "spec.template.spec") { 2 } else { 1 }
}

/// The field's path within its own object as a field spec writes it, without list indices.
pub(crate) fn without_indices(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut is_index = false;
    for c in within_item(path).chars() {
        is_index = c == '[' || is_index && c != ']';
        if !is_index && c != ']' {
            plain.push(c);
        }
    }
    plain
}

/// The field's path within its own object: each item of a List is an object of its own.
pub(crate) fn within_item(path: &str) -> &str {
    let mut path = path;
    while let Some((index, rest)) = path.strip_prefix("items[").and_then(|rest| rest.split_once("].")) {
        if !index.bytes().all(|b| b.is_ascii_digit()) {
            break;
        }
        path = rest;
    }
    path
}

/// Whether the field contains the image of a volume, which kustomize rewrites only since 5.8.
pub(crate) fn is_volume(path: &str) -> bool {
    path.ends_with("].image.reference")
}

/// Path of a rule's field in its kustomization.
pub(crate) fn path_of(rule: &ImageRule, key: &str) -> String {
    format!("{}.{key}", rule.path)
}

/// The place and path of the scalar that decides the result of an image rule.
pub(crate) fn decision(rule: &ImageRule, deciding: Option<(&'static str, &Spanned<String>)>) -> Option<(Span, String)> {
    deciding.map(|(key, field)| (field.span, path_of(rule, key)))
}

/// `spec.template.spec` for the path of a container's field, in either kind of list.
pub(crate) fn containers_parent(path: &str) -> Option<String> {
    let (lists, _) = path.split_once("ontainers[")?;
    lists.rsplit_once('.').map(|(parent, _)| parent.to_owned())
}

/// `spec.containers` for `spec.containers[0].image`.
pub(crate) fn list_of(path: &str) -> Option<&str> {
    path.rsplit_once('[').map(|(list, _)| list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::SourceId;
    use crate::text::yaml::{Piece, read};

    fn rewritten(entry: &str, value: &str) -> Option<String> {
        let mut result = None;
        read(SourceId(0), entry, true, &mut |piece| {
            let Piece::Document(document) = piece else { return };
            let rule = ImageRule::read("images", 0, document.root().expect("a root")).expect("a name");
            result = match rule.apply(value) {
                Rewritten::To(value, _) => Some(value),
                Rewritten::Unmatched => None,
                Rewritten::Unknown => Some("?".to_owned()),
            };
        });
        result
    }

    #[test]
    fn pattern_cost_grows_only_after_its_literal_prefix() {
        read(SourceId(0), "{name: 'ghcr.io/a{1,50}.*x'}", true, &mut |piece| {
            let Piece::Document(document) = piece else { return };
            let rule = ImageRule::read("images", 0, document.root().expect("a root")).expect("a name");
            let long = "a".repeat(4000);
            assert!(rule.cost(&format!("ghcr.io/{long}")) > 100 * rule.cost("ghcr.io/a"));
            assert_eq!(rule.cost(&format!("quay.io/{long}")), 1);
        });
        for (entry, value) in [("{name: 'apps?'}", "app"), ("{name: 'ab{0}c'}", "ac"), ("{name: 'web*'}", "we")] {
            assert_eq!(rewritten(entry, value).as_deref(), Some(value), "{entry}");
        }
        assert_eq!(rewritten("{name: web|api}", "x/api").as_deref(), Some("x/api"));
        assert_eq!(rewritten("{name: 'web(-[a-z]+)?'}", "api"), None);
    }

    #[test]
    fn image_entry_rewrites_as_kustomize_does() {
        for (entry, value, expected) in [
            ("{name: app, newTag: '2'}", "app:1", Some("app:2")),
            ("{name: app, newTag: '2'}", "app@sha256:ab", Some("app:2")),
            ("{name: app, newTag: '2'}", "app:1@sha256:ab", Some("app:2")),
            ("{name: app, digest: 'sha256:cd'}", "app:1", Some("app@sha256:cd")),
            ("{name: app, newTag: '2', digest: 'sha256:cd'}", "app", Some("app:2@sha256:cd")),
            ("{name: app, newName: b/app}", "app:1@sha256:ab", Some("b/app:1@sha256:ab")),
            ("{name: app, newName: ''}", "app:1", Some("app:1")),
            ("{name: app, tagSuffix: -x}", "app:1@sha256:ab", Some("app:1-x")),
            ("{name: 'reg:5000/app', newTag: '2'}", "reg:5000/app:1", Some("reg:5000/app:2")),
            ("{name: reg, newTag: '2'}", "reg:5000/app:1", None),
            ("{name: app, newTag: '2'}", "lib/app", None),
            ("{name: quay.io/app, newTag: '2'}", "quayXio/app", Some("quayXio/app:2")),
            ("{name: app, newTag: '2'}", "app:", Some("app:2")),
            ("{name: app, newTag: '2'}", "app@sha512:ab", Some("?")),
            ("{name: app, newTag: 1.5}", "app", Some("?")),
            ("{name: '(app|web)', newTag: '2'}", "app:1", Some("app:2")),
            ("{name: 'app|web', newTag: '2'}", "application:1", Some("application:2")),
            ("{name: '*', newTag: '2'}", "reg:5000/a/b:1", Some("reg:5000/a/b:2")),
            ("{name: '(app', newTag: '2'}", "app", Some("?")),
            ("{Name: app, NEWTAG: '2'}", "app:1", Some("app:2")),
            ("{name: 'app@sha256:ab', newTag: '2'}", "app@sha256:ab", Some("app:2")),
        ] {
            assert_eq!(rewritten(entry, value).as_deref(), expected, "{entry} {value}");
        }
    }

    #[test]
    fn image_entries_cover_only_container_lists() {
        for (path, expected) in [
            ("spec.containers[0].image", 2),
            ("spec.template.spec.initContainers[12].image", 2),
            ("items[3].spec.containers[0].image", 2),
            ("spec.jobTemplate.spec.template.spec.containers[0].image", 1),
            ("spec.steps[0].containers[1].image", 1),
            ("spec.steps[0].spec.containers[1].image", 1),
            ("spec.ephemeralContainers[0].image", 0),
            ("spec.image", 0),
            ("spec.template.spec.volumes[0].image.reference", 0),
        ] {
            assert_eq!(passes(path), expected, "{path}");
        }
    }
}
