//! Settings that only a file can contain: the severities of rules, for all files or for some of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::findings::finding::Severity;
use crate::input::load::lexical;
use crate::resource::workload::custom::kind::CustomKind;
use crate::rules::Settings;
use crate::rules::engine::levels::Levels;
use crate::text::source::{STDIN, Source, SourceId, SourceOrigin, Sources};

/// The settings of a configuration file that are not options.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Levels of rules, from the key `rules`.
    pub rules: Levels,
    /// `overrides`, in the order of the file.
    pub overrides: Vec<Override>,
    /// Patterns of tags that move, from the key `mutable-tags`.
    pub mutable_tags: Option<Vec<String>>,
    /// Patterns of registries, from the key `allowed-registries`.
    pub allowed_registries: Vec<String>,
    /// Further kinds with images, from the key `kinds`.
    pub kinds: Vec<CustomKind>,
}

/// Severities of the files that some patterns match.
#[derive(Debug, Clone)]
pub struct Override {
    /// The patterns, as written.
    pub paths: Vec<String>,
    /// The levels of rules in these files.
    pub levels: Levels,
    matcher: Gitignore,
}

impl Override {
    /// Compiles patterns like those of `.gitignore`, relative to `folder`, which is absolute.
    ///
    /// # Errors
    /// The pattern at this place is not valid.
    pub(super) fn new(folder: &Path, paths: Vec<String>, levels: Levels) -> Result<Self, (usize, String)> {
        let mut builder = GitignoreBuilder::new(folder);
        // Git takes `a[` for a name; here it is a typo.
        builder.allow_unclosed_class(false);
        for (at, pattern) in paths.iter().enumerate() {
            let added = builder.add_line(None, pattern);
            added.map_err(|error| (at, without_pattern(error)))?;
        }
        let matcher = builder.build().map_err(|error| (0, without_pattern(error)))?;
        Ok(Self { paths, levels, matcher })
    }

    fn matches(&self, path: &Path) -> bool {
        path.starts_with(self.matcher.path()) && self.matcher.matched_path_or_any_parents(path, false).is_ignore()
    }
}

/// Returns the message for a wrong pattern; the pattern itself is shown already.
fn without_pattern(error: ignore::Error) -> String {
    match error {
        ignore::Error::Glob { err, .. } => err,
        other => other.to_string(),
    }
}

/// The levels of rules in layers, from the lowest to the uppermost: the file's `rules`, its `overrides`, the command
/// line.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    rules: Levels,
    overrides: Vec<Override>,
    command_line: Levels,
    /// Rules that an option turns on, unless a level is set for them.
    turned_on: Vec<&'static str>,
}

impl Layers {
    /// Combines the layers.
    pub fn new(policy: &Policy, command_line: Levels, turned_on: Vec<&'static str>) -> Self {
        Self { rules: policy.rules.clone(), overrides: policy.overrides.clone(), command_line, turned_on }
    }

    /// Returns the levels of rules in files that no override names.
    pub fn base(&self) -> Levels {
        self.flat(&[])
    }

    /// Returns the uppermost layer, the command line.
    pub(super) fn command_line(&self) -> &Levels {
        &self.command_line
    }

    fn flat(&self, overrides: &[usize]) -> Levels {
        let overrides = overrides.iter().filter_map(|&at| self.overrides.get(at));
        let below = overrides.fold(self.rules.clone(), |below, entry| entry.levels.over(&below));
        let mut levels = self.command_line.over(&below);
        self.turned_on.iter().for_each(|rule| levels.turn_on(rule, Severity::Warning));
        levels
    }

    /// Returns the levels of the sources that an override names; `current` is the current folder.
    pub fn of_sources(&self, sources: &Sources, current: &Path) -> BTreeMap<SourceId, Arc<Levels>> {
        let mut known: BTreeMap<Vec<usize>, Arc<Levels>> = BTreeMap::new();
        let mut levels = BTreeMap::new();
        for (id, source) in sources.iter() {
            let matching = self.matching(source, current);
            if !matching.is_empty() {
                let flat = known.entry(matching).or_insert_with_key(|matching| Arc::new(self.flat(matching)));
                levels.insert(id, Arc::clone(flat));
            }
        }
        levels
    }

    fn matching(&self, source: &Source, current: &Path) -> Vec<usize> {
        if self.overrides.is_empty() || source.name() == STDIN {
            return Vec::new();
        }
        // Rendered text is treated as a file of the folder that it was rendered from.
        let path = match source.origin() {
            SourceOrigin::Rendered(rendering) => current.join(&rendering.folder).join(rendering.tool),
            SourceOrigin::File | SourceOrigin::Stdin | SourceOrigin::Operator | SourceOrigin::PassedOver => {
                current.join(source.name())
            }
        };
        let path = lexical(&path);
        let matching = self.overrides.iter().enumerate().filter(|(_, entry)| entry.matches(&path));
        matching.map(|(at, _)| at).collect()
    }

    /// Returns the settings with the levels of each source.
    pub fn settle<'s>(&self, settings: &'s Settings, sources: &Sources, current: &Path) -> Cow<'s, Settings> {
        if self.overrides.is_empty() {
            return Cow::Borrowed(settings);
        }
        Cow::Owned(Settings { source_levels: self.of_sources(sources, current), ..settings.clone() })
    }
}
