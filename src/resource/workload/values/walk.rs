//! Finds the images in values.

use std::collections::{BTreeMap, BTreeSet};

use super::chart_defaults::ChartDefaults;
use super::group::{Beside, Composed, Group, Naming, Word};
use super::part::PartPlace;
use super::{Parameter, ValueText, secrets_of, spanned};
use crate::resource::workload::custom::walk::{Step, render};
use crate::resource::workload::{DecidedBy, ImageText, SecretReference, Skip};
use crate::text::source::Spanned;
use crate::text::yaml::Node;

/// What the values of a release contain.
#[derive(Default)]
pub(super) struct FoundValues {
    pub(super) images: Vec<FoundImage>,
    /// How many mappings set a part of an image, and not its name.
    pub(super) nameless: usize,
    /// The path of the first of these.
    pub(super) first_nameless: Option<String>,
}

/// An image in values.
pub(super) struct FoundImage {
    pub(super) path: String,
    pub(super) text: Spanned<String>,
    pub(super) written: Option<String>,
    pub(super) image: ImageText,
    pub(super) decided_by: Vec<DecidedBy>,
    pub(super) policy: Option<Spanned<String>>,
    /// The pull secrets of this image alone.
    pub(super) secrets: Vec<SecretReference>,
    pub(super) is_incomplete: bool,
}

impl FoundImage {
    /// Marks the image as one that something else may replace.
    pub(super) fn doubt(&mut self) {
        if !matches!(self.image, ImageText::Skipped(_)) {
            self.image = ImageText::Skipped(Skip::ChosenByChart);
            self.is_incomplete = true;
        }
    }
}

impl From<Composed> for FoundImage {
    fn from(composed: Composed) -> Self {
        let Composed { main, whole, image, decided_by, is_incomplete } = composed;
        Self {
            path: main.path,
            written: (whole != main.written).then_some(main.written),
            text: Spanned { value: whole, span: main.span },
            image,
            decided_by,
            policy: None,
            secrets: Vec::new(),
            is_incomplete,
        }
    }
}

/// Single values that take precedence over those in the sets, such as Helm's `--set`.
#[derive(Default)]
pub(super) struct Overrides {
    words: BTreeMap<String, Word>,
    used: BTreeSet<String>,
}

impl Overrides {
    pub(super) fn new(parameters: &[Parameter<'_>]) -> Self {
        let word = |Parameter { name, value, path, .. }: &Parameter<'_>| {
            Some((name.clone(), Word::read(*value, value.span(), || path.clone())?.of_parameter()))
        };
        Self { words: parameters.iter().filter_map(word).collect(), used: BTreeSet::new() }
    }

    fn take(&mut self, path: impl FnOnce() -> String) -> Option<Word> {
        if self.words.is_empty() {
            return None;
        }
        let path = path();
        let word = self.words.get(&path)?.clone();
        self.used.insert(path);
        Some(word)
    }

    /// Adds the images that are given by these values alone.
    pub(super) fn rest(self, images: &mut Vec<FoundImage>) {
        let Self { words, used } = self;
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for (path, word) in words.into_iter().filter(|(path, _)| !used.contains(path)) {
            let (holder, key) = path.rsplit_once('.').unwrap_or(("", &path));
            let group = groups.entry(holder.to_owned()).or_default();
            group.is_image = is_image_key(holder.rsplit('.').next().unwrap_or_default());
            match key {
                "registry" => group.registry = Some(word),
                "repository" => group.repository = Some(word),
                "name" => group.name = Some(word),
                "tag" => group.tag = Some(word),
                "digest" => group.digest = Some(word),
                "image" => group.image = Some(word),
                _ if is_image_key(key) => {
                    images.extend(Composed::of_string(word, false, Naming::WithDefault).map(FoundImage::from));
                }
                _ => {}
            }
        }
        for group in groups.into_values() {
            let single = group.image.clone().filter(|_| {
                group.repository.is_none() && group.registry.is_none() && group.tag.is_none() && group.digest.is_none()
            });
            let composed = match single {
                Some(word) => Composed::of_string(word, true, Naming::WithDefault),
                None => group.compose(Naming::WithDefault),
            };
            images.extend(composed.map(FoundImage::from));
        }
    }
}

/// The sets of values below and above the one that is read: those above take precedence.
#[derive(Default)]
pub(super) struct Layers {
    /// The parts of images in each set, the lowest first.
    words: Vec<Words>,
    /// The index of the set that is read.
    at: usize,
    /// The paths of the images in the sets above it.
    above: BTreeSet<String>,
    /// The paths that a set above it clears.
    cleared: BTreeSet<String>,
}

/// The scalars of a set by path; `None` for one that is null or empty, which takes the place of a value below it.
type Words = BTreeMap<String, Option<Word>>;

/// The most parts of images that are remembered of all sets of a release.
const MAX_WORDS: usize = 20_000;

impl Layers {
    /// Adds the next higher set.
    pub(super) fn add(&mut self, words: Words) {
        self.words.push(words);
    }

    /// Turns to a set: those that were turned to before are above it.
    pub(super) fn turn_to(&mut self, at: usize) {
        if let Some(above) = self.words.get(at + 1) {
            let cleared = above.iter().filter(|(_, word)| word.is_none());
            self.cleared.extend(cleared.map(|(path, _)| path.clone()));
        }
        self.at = at;
    }

    fn below(&self, path: &str) -> Option<&Word> {
        let below = self.words.get(..self.at)?;
        below.iter().rev().find_map(|words| words.get(path))?.as_ref()
    }

    fn has_others(&self) -> bool {
        self.words.len() > 1
    }
}

/// Adds the scalars of a set, whatever they mean, with their keys.
pub(super) fn scalars(tree: Node<'_>, place: &PartPlace<'_>, depth: usize, found: &mut Vec<ValueText>) {
    if depth >= MAX_STEPS {
        return;
    }
    let mut add = |key: &str, value: Node<'_>| {
        if let Some(text) = value.text() {
            let is_short = text.len() <= MAX_TEXT && found.len() < MAX_WORDS;
            if is_short && !text.is_empty() {
                let span = place.span(value.span());
                found.push(ValueText { key: key.to_owned(), text: text.to_owned(), span });
            }
        } else if !value.is_alias() {
            scalars(value, place, depth + 1, found);
        }
    };
    tree.entries().for_each(|entry| add(entry.key.text().unwrap_or_default(), entry.value));
    tree.items().for_each(|item| add("", item));
}

/// The longest text that can be an image.
const MAX_TEXT: usize = 512;

/// Returns the scalars of a set that may be parts of images, and those that clear a value of any kind.
pub(super) fn words(tree: Node<'_>, place: &PartPlace<'_>) -> Words {
    let mut found = BTreeMap::new();
    collect(tree, place, &mut Vec::new(), &mut found);
    found
}

fn collect<'a>(node: Node<'a>, place: &PartPlace<'_>, steps: &mut Vec<Step<'a>>, found: &mut Words) {
    if node.is_alias() && !steps.is_empty() || steps.len() >= MAX_STEPS {
        return;
    }
    for entry in node.entries() {
        let Some(key) = entry.key.text().filter(|key| key.len() <= MAX_KEY) else { continue };
        steps.push(Step::Key(key));
        if entry.value.text().is_none() {
            collect(entry.value, place, steps, found);
        } else if found.len() < MAX_WORDS {
            let word = Word::at(entry.value, place, || place.path(steps));
            if word.is_none() || PARTS.contains(&key) || is_image_key(key) {
                found.insert(render(steps), word);
            }
        }
        steps.pop();
    }
}

/// How deep values are read, and the length of the keys on the way: each image has a path of its own.
const MAX_STEPS: usize = 64;
const MAX_KEY: usize = 256;

/// Adds the images in a set of values. Returns whether all of it was read.
pub(super) fn images(
    tree: Node<'_>,
    place: &PartPlace<'_>,
    overrides: &mut Overrides,
    layers: &mut Layers,
    defaults: Option<ChartDefaults>,
    found: &mut FoundValues,
) -> bool {
    let is_set = |path: &&[&str]| tree.at(path).is_some_and(|node| node.as_str().is_some_and(|text| !text.is_empty()));
    let registries: [&[&str]; 4] =
        [&["global", "imageRegistry"], &["global", "registry"], &["global", "image", "registry"], &["imageRegistry"]];
    let naming = if registries.iter().any(is_set) { Naming::Replaced } else { Naming::WithDefault };
    let mut walk = Walk {
        place,
        overrides,
        layers,
        defaults,
        root: tree,
        naming,
        steps: Vec::new(),
        found,
        pod_secrets: None,
        is_whole: true,
    };
    walk.below(tree, "");
    walk.is_whole
}

struct Walk<'w, 'p, 'a> {
    place: &'w PartPlace<'p>,
    overrides: &'w mut Overrides,
    layers: &'w mut Layers,
    /// What the chart uses by default.
    defaults: Option<ChartDefaults>,
    root: Node<'a>,
    naming: Naming,
    steps: Vec<Step<'a>>,
    found: &'w mut FoundValues,
    /// The pull secrets of the pod spec that is read.
    pod_secrets: Option<Node<'a>>,
    is_whole: bool,
}

/// The keys of a group's parts.
const PARTS: &[&str] = &["registry", "repository", "image", "name", "tag", "version", "digest", "sha"];

impl<'a> Walk<'_, '_, 'a> {
    /// Reads what is below a key. Aliases are not followed: their target is visited in its own place.
    fn below(&mut self, node: Node<'a>, key: &str) {
        if node.is_alias() && !self.steps.is_empty() {
            return;
        }
        let is_collection = node.is_mapping() || node.is_sequence();
        if is_collection && (self.steps.len() >= MAX_STEPS || key.len() > MAX_KEY) {
            self.is_whole = false;
            return;
        }
        if node.is_mapping() {
            self.mapping(node, key);
        }
        for (at, item) in node.items().enumerate() {
            self.steps.push(Step::Index(at));
            match key {
                "images" if item.as_str().is_some() => self.string(item, false, Naming::WithDefault),
                _ => self.below(item, key),
            }
            self.steps.pop();
        }
    }

    fn mapping(&mut self, node: Node<'a>, key: &str) {
        let is_part = |entry: &crate::text::yaml::Entry<'_>| {
            entry.key.is_merge() || entry.key.text().is_some_and(|key| PARTS.contains(&key))
        };
        let is_group = node.entries().any(|entry| is_part(&entry)) && self.group(node, key);
        let tag_of = |key: &str| key.ends_with("Tag") || key == "tag";
        let tags: BTreeMap<&str, Node<'a>> = node
            .entries()
            .filter_map(|entry| Some((entry.key.text().filter(|key| tag_of(key))?, entry.value)))
            .collect();
        let is_container = self.is_container(node, key);
        let has_containers =
            || node.entries().any(|entry| entry.key.text().is_some_and(|key| key.ends_with("ontainers")));
        let outer = self.pod_secrets;
        if let Some(secrets) = node.get("imagePullSecrets").filter(|_| has_containers()) {
            self.pod_secrets = Some(secrets);
        }
        for entry in node.entries() {
            let Some(name) = entry.key.text() else { continue };
            if entry.key.is_merge() || is_group && PARTS.contains(&name) && entry.value.text().is_some() {
                continue;
            }
            self.steps.push(Step::Key(name));
            if self.is_cleared() {
                // Nothing of it is left.
            } else if entry.value.text().is_none() {
                self.below(entry.value, name);
            } else if name == "image" || key == "images" || is_image_key(name) {
                let naming = if is_container { Naming::AsWritten } else { self.naming };
                match self.tag_beside(name, &tags) {
                    Some(tag) => self.tagged(entry.value, tag),
                    None => self.string(entry.value, name == "image", naming),
                }
            }
            self.steps.pop();
        }
        self.pod_secrets = outer;
    }

    /// The value of `fooTag` or `fooImageTag` for `fooImage`, and of `imageTag` for `image`.
    fn tag_beside(&self, name: &str, tags: &BTreeMap<&str, Node<'a>>) -> Option<Node<'a>> {
        if tags.is_empty() {
            return None;
        }
        let stem = name.strip_suffix("Image").unwrap_or(name);
        [format!("{name}Tag"), format!("{stem}Tag")].iter().find_map(|key| tags.get(key.as_str())).copied()
    }

    fn tagged(&mut self, image: Node<'a>, tag: Node<'a>) {
        let word = |node: Node<'a>| Word::at(node, self.place, || self.place.path(&self.steps));
        let group = Group { image: word(image), tag: word(tag), is_image: true, ..Group::default() };
        self.found.images.extend(group.compose(self.naming).map(FoundImage::from));
    }

    fn string(&mut self, node: Node<'a>, is_own: bool, naming: Naming) {
        if node.as_str().is_none() {
            return;
        }
        if self.is_replaced() {
            return;
        }
        let given = self.overrides.take(|| render(&self.steps));
        let own = || Word::at(node, self.place, || self.place.path(&self.steps));
        let composed = given.or_else(own).and_then(|word| Composed::of_string(word, is_own, naming));
        let Some(mut found) = composed.map(FoundImage::from) else { return };
        if let Some(list) = self.pod_secrets.filter(|_| naming == Naming::AsWritten) {
            found.secrets = secrets_of(list, self.place);
        }
        self.found.images.push(found);
    }

    /// Whether a set above this one contains the image. Otherwise sets below are told of it.
    fn is_replaced(&mut self) -> bool {
        self.layers.has_others() && !self.layers.above.insert(render(&self.steps))
    }

    /// Whether a set above this one clears the value.
    fn is_cleared(&self) -> bool {
        !self.layers.cleared.is_empty() && self.layers.cleared.contains(&render(&self.steps))
    }

    /// Reads the parts of an image in a mapping. Returns whether there are any.
    fn group(&mut self, node: Node<'a>, key: &str) -> bool {
        let mut word = |part: &'static str| {
            self.steps.push(Step::Key(part));
            let given = self.overrides.take(|| render(&self.steps));
            let word = given.or_else(|| match node.get(part) {
                // A value that is null or empty takes the place of the one below it, too.
                Some(value) => Word::at(value, self.place, || self.place.path(&self.steps)),
                None => self.layers.below(&render(&self.steps)).cloned().map(Word::of_lower_set),
            });
            self.steps.pop();
            word
        };
        let mut group = Group {
            registry: word("registry"),
            repository: word("repository"),
            image: word("image"),
            name: word("name"),
            tag: word("tag"),
            version: word("version"),
            digest: word("digest"),
            sha: word("sha"),
            is_image: false,
        };
        let field = |keys: [&str; 2]| keys.into_iter().find_map(|key| node.get(key));
        let policy = field(["pullPolicy", "imagePullPolicy"]);
        let secrets = field(["pullSecrets", "imagePullSecrets"]);
        group.is_image = is_image_key(key) || policy.is_some();
        let naming = if self.is_app_template() { Naming::AsWritten } else { self.naming };
        let by_default = self.defaults.and_then(|defaults| defaults.at(&render(&self.steps)));
        let by_default = by_default.and_then(|image| {
            let is_set = |node: Node<'_>| node.text().is_some_and(|text| !text.is_empty());
            let is_changed = |path: &str| {
                let path: Vec<&str> = path.split('.').collect();
                self.root.at(&path).is_some_and(is_set)
            };
            let beside = Beside {
                clears_digest: ["digest", "sha"].iter().any(|key| node.get(key).is_some_and(|value| !is_set(value))),
                is_changed: image.changed_by().any(is_changed),
            };
            group.compose_with(&image, beside)
        });
        let is_nameless = is_image_key(key)
            && [&group.registry, &group.tag, &group.digest, &group.sha].iter().any(|word| word.is_some());
        let Some(composed) = by_default.or_else(|| group.compose(naming)) else {
            if is_nameless {
                self.found.nameless += 1;
                self.found.first_nameless.get_or_insert_with(|| self.place.path(&self.steps));
            }
            return false;
        };
        if self.is_replaced() {
            return true;
        }
        let mut found = FoundImage::from(composed);
        found.policy = policy.and_then(|policy| {
            Some(spanned(policy.as_str().filter(|text| !text.is_empty())?.to_owned(), policy, self.place))
        });
        found.secrets = secrets.map(|list| secrets_of(list, self.place)).unwrap_or_default();
        self.found.images.push(found);
        true
    }

    /// Whether the pod gets the container as it is written: an item of a list of containers.
    fn is_container(&self, node: Node<'a>, key: &str) -> bool {
        let is_list = matches!(self.steps.last(), Some(Step::Index(_)));
        is_list && (key.ends_with("ontainers") || key == "sidecars") && node.get("name").is_some()
            || self.is_app_template()
    }

    /// Whether the group is `controllers.*.containers.*.image`, which bjw-s' common library joins as written
    /// (`templates/lib/container/fields/_image.tpl`).
    fn is_app_template(&self) -> bool {
        let lists = ["containers", "initContainers"];
        let is_of = |steps: &[Step<'_>]| matches!(steps, [.., Step::Key("controllers"), Step::Key(_), Step::Key(list), Step::Key(_)] if lists.contains(list));
        match self.steps.as_slice() {
            [holder @ .., Step::Key("image")] => is_of(holder),
            steps => is_of(steps),
        }
    }
}

fn is_image_key(key: &str) -> bool {
    key == "image" || key.ends_with("Image")
}
