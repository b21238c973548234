//! Turns the text of a configuration file into settings, and reports all faults at once, each with its place.
//!
//! A key is an option's name, and its value becomes words of a command line. Whether it is a valid value is for clap
//! to decide, so what an option means is defined only once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use clap::{Arg, ArgAction, Command};

use crate::error::UsageError;
use crate::findings::finding::Severity;
use crate::input::load::lexical;
use crate::options::config::discover::ConfigFile;
use crate::options::config::options::{Names, SettableBy, option};
use crate::options::config::policy::{Override, Policy};
use crate::options::config::value;
use crate::options::config::words::{MAX_QUOTED, OWN_KEYS, quoted, refusal, unknown, unknown_key};
use crate::output::sanitize;
use crate::resource::workload::custom::kind;
use crate::rules::engine::levels::{Level, Levels};
use crate::text::source::{SourceId, Span};
use crate::text::yaml::scalar::Scalar;
use crate::text::yaml::{self, Entry, Node, Piece};

/// How many faults of one file are reported, so that a file of another kind does not fill the screen.
const MAX_FAULTS: usize = 20;

/// Limit of items of a list and of keys of a mapping: no team has as many, and a stranger's file must not take all
/// day.
const MAX_ITEMS: usize = 2000;

/// Limit of items and keys of the whole file, as often as its aliases repeat them.
const MAX_NODES: usize = 20_000;

/// The settings of a file.
#[derive(Debug, Default)]
pub(super) struct FileSettings {
    /// The options of the file, in its order.
    pub(super) options: Vec<SetOption>,
    /// The settings that are not options.
    pub(super) policy: Policy,
    /// The places of the keys of the policy: `rules`, `rules.mutable-tag`, `overrides`.
    pub(super) places: BTreeMap<String, String>,
}

/// An option that a file sets.
#[derive(Debug)]
pub(super) struct SetOption {
    /// The option's id in clap.
    pub(super) id: String,
    /// The equivalent words of a command line; none for a flag that is `false`.
    pub(super) words: Vec<OsString>,
    /// `file:line:column` of the key.
    pub(super) place: String,
}

/// Reads a file. `current` is the current folder.
///
/// # Errors
/// All faults of the file.
pub(super) fn read(file: &ConfigFile, command: &Command, current: &Path) -> Result<FileSettings, UsageError> {
    let mut reader = Reader {
        file,
        command,
        folder: lexical(&current.join(&file.folder)),
        faults: Vec::new(),
        nodes: 0,
        out: FileSettings::default(),
    };
    let text = file.sources.iter().next().map_or("", |(_, source)| source.text());
    let mut documents = 0;
    yaml::read(SourceId(0), text, true, &mut |piece| match piece {
        Piece::Document(document) => {
            let Some(root) = document.root() else { return };
            documents += 1;
            match documents {
                1 => reader.root(root),
                2 => reader.fault(root.span(), "a configuration must be a single document"),
                _ => {}
            }
            if document.is_alias_bomb() {
                reader.fault(root.span(), "too many aliases");
            }
        }
        Piece::Broken(error) | Piece::Refused(error) => {
            reader.fault(error.at, format!("invalid YAML: {}", error.message));
        }
        Piece::Unread(error) => reader.fault(error.at, format!("unexpected text: {}", error.message)),
        Piece::Skipped => {}
    });
    reader.finish()
}

struct Reader<'a> {
    file: &'a ConfigFile,
    command: &'a Command,
    /// The file's folder, absolute.
    folder: PathBuf,
    faults: Vec<(Span, String)>,
    /// The number of items and keys that were read.
    nodes: usize,
    out: FileSettings,
}

impl Reader<'_> {
    fn fault(&mut self, at: Span, message: impl Into<String>) {
        self.faults.push((at, message.into()));
    }

    fn place(&self, span: Span) -> String {
        let at = self.file.sources.locate(span).map(|at| at.start);
        at.map_or_else(String::new, |at| format!("{}:{}:{}", self.file.name(), at.line, at.column))
    }

    fn finish(mut self) -> Result<FileSettings, UsageError> {
        self.faults.sort_by_key(|(span, _)| *span);
        let more = self.faults.len().saturating_sub(MAX_FAULTS);
        let mut lines: Vec<String> = self.faults.iter().take(MAX_FAULTS).map(|fault| self.line(fault)).collect();
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        if lines.is_empty() { Ok(self.out) } else { Err(UsageError::new(lines.join("\n"))) }
    }

    /// Returns a message as one line, whatever the words of the file contain.
    fn line(&self, (span, message): &(Span, String)) -> String {
        let line = format!("{}: {message}", self.place(*span));
        sanitize::line(&sanitize::clip(&line, sanitize::MESSAGE)).into_owned()
    }

    fn root(&mut self, root: Node<'_>) {
        for (key, entry) in self.entries(root, "a configuration", "names of options with their values") {
            match key.as_str() {
                "rules" => self.out.policy.rules = self.rules(entry.value, Some("rules")),
                "overrides" => self.out.policy.overrides = self.overrides(entry.value),
                "mutable-tags" => self.out.policy.mutable_tags = Some(self.texts(&key, entry.value)),
                "allowed-registries" => self.out.policy.allowed_registries = self.texts(&key, entry.value),
                "kinds" => self.kinds(entry.value),
                _ => self.option(&key, entry),
            }
            if OWN_KEYS.contains(&key.as_str()) {
                let place = self.place(entry.key.span());
                self.out.places.insert(key, place);
            }
        }
    }

    /// Returns the entries of a mapping, each key once.
    fn entries<'n>(&mut self, node: Node<'n>, what: &str, of: &str) -> Vec<(String, Entry<'n>)> {
        if !node.is_mapping() && !node.is_null() {
            self.fault(node.span(), format!("{what} must be a mapping of {of}"));
        }
        if node.entries().count() > MAX_ITEMS {
            self.fault(node.span(), format!("{what} has more than {MAX_ITEMS} keys"));
        }
        let mut entries: Vec<(String, Entry<'n>)> = Vec::new();
        if !self.has_room(node, node.entries().count()) {
            return entries;
        }
        for entry in node.entries().take(MAX_ITEMS) {
            match entry.key.text() {
                None => self.fault(entry.key.span(), "a key must be a name"),
                Some(key) if entries.iter().any(|(known, _)| known == key) => {
                    self.fault(entry.key.span(), format!("`{}` is set twice; remove one of them", quoted(key)));
                }
                Some(key) => entries.push((key.to_owned(), entry)),
            }
        }
        entries
    }

    fn option(&mut self, key: &str, entry: Entry<'_>) {
        let arg = self.command.get_arguments().find(|arg| arg.get_long() == Some(key));
        let (reach, names) = option(key);
        let Some(arg) = arg else { return self.fault(entry.key.span(), unknown_key(key)) };
        if let Some(why) = refusal(key, reach, self.file.discovered) {
            return self.fault(entry.key.span(), why);
        }
        let long = format!("--{key}");
        let words = match arg.get_action() {
            ArgAction::SetTrue => match entry.value.scalar() {
                Some(Scalar::Bool(set)) => set.then(|| long.into()).into_iter().collect(),
                _ => return self.fault(entry.value.span(), format!("{key}: expected `true` or `false`")),
            },
            action => {
                let repeated = matches!(action, ArgAction::Append);
                let values = self.values(key, entry.value, repeated);
                let of_file = |(value, span)| self.word(arg, (reach, names), value, span);
                values.into_iter().filter_map(of_file).collect()
            }
        };
        let place = self.place(entry.key.span());
        self.out.options.push(SetOption { id: arg.get_id().to_string(), words, place });
    }

    /// Returns the scalars of an option's value.
    fn values(&mut self, key: &str, node: Node<'_>, repeated: bool) -> Vec<(String, Span)> {
        let nodes = if node.is_sequence() && repeated { self.items(key, node) } else { vec![node] };
        let mut values = Vec::new();
        for node in nodes {
            match node.text().filter(|_| !node.is_null()) {
                Some(text) => values.push((text.to_owned(), node.span())),
                None if node.is_null() => self.fault(node.span(), format!("{key}: the value is missing")),
                None if repeated => self.fault(node.span(), format!("{key}: expected a value or a list of values")),
                None => self.fault(node.span(), format!("{key}: expected a single value")),
            }
        }
        values
    }

    fn items<'n>(&mut self, key: &str, node: Node<'n>) -> Vec<Node<'n>> {
        if node.items().count() > MAX_ITEMS {
            self.fault(node.span(), format!("{key}: the list has more than {MAX_ITEMS} items"));
        }
        let has_room = self.has_room(node, node.items().count());
        node.items().take(if has_room { MAX_ITEMS } else { 0 }).collect()
    }

    /// Adds to the number of items to read. Past the limit nothing more is read, and that is reported once.
    fn has_room(&mut self, node: Node<'_>, count: usize) -> bool {
        let had_room = self.nodes <= MAX_NODES;
        self.nodes = self.nodes.saturating_add(count);
        let has_room = self.nodes <= MAX_NODES;
        if had_room && !has_room {
            self.fault(node.span(), format!("the file has more than {MAX_NODES} keys and items, aliases counted"));
        }
        has_room
    }

    /// Returns `--key=value`, if clap accepts it.
    fn word(&mut self, arg: &Arg, of: (SettableBy, Names), value: String, span: Span) -> Option<OsString> {
        let key = arg.get_long().unwrap_or_default();
        let value = match self.as_seen_from_folder(of, value) {
            Ok(value) => value,
            Err(why) => {
                self.fault(span, format!("{key}: {why}"));
                return None;
            }
        };
        let mut word = OsString::from(format!("--{key}="));
        word.push(&value);
        match value::try_word(arg, &word) {
            Ok(()) => Some(word),
            Err(why) => {
                self.fault(span, format!("{key}: {why}"));
                None
            }
        }
    }

    /// Resolves a file name in a value relative to the configuration's folder.
    fn as_seen_from_folder(&self, (reach, names): (SettableBy, Names), value: String) -> Result<OsString, String> {
        let (before, file) = match names {
            Names::Nothing => return Ok(value.into()),
            Names::File => ("", value.as_str()),
            Names::FileBehindEquals => match value.split_once('=') {
                Some((before, file)) => (&value[..=before.len()], file),
                None => return Ok(value.into()),
            },
        };
        if file.is_empty() || file == "-" && reach != SettableBy::Inside {
            return Ok(value.into());
        }
        if reach == SettableBy::Inside && self.file.discovered {
            self.lies_inside(Path::new(file))?;
        }
        let mut whole = OsString::from(before);
        whole.push(self.file.folder.join(file));
        Ok(whole)
    }

    #[expect(clippy::disallowed_methods, reason = "follows the links that a pull request could make")]
    fn lies_inside(&self, file: &Path) -> Result<(), String> {
        let below = file.components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| lexical(path));
        if below && real(&self.folder.join(file)).starts_with(real(&self.folder)) {
            return Ok(());
        }
        Err("a discovered configuration file can name only files in its own folder and below".to_owned())
    }

    /// Reads a mapping of rules to levels. `places` is the prefix under which their places are stored.
    fn rules(&mut self, node: Node<'_>, places: Option<&str>) -> Levels {
        let mut levels = Levels::default();
        for (rule, entry) in self.entries(node, "`rules`", "rules with their severities") {
            let level = match entry.value.text() {
                Some("error") => Level::At(Severity::Error),
                Some("warning") => Level::At(Severity::Warning),
                Some("note") => Level::At(Severity::Note),
                Some("off") => Level::Off,
                _ => {
                    self.fault(entry.value.span(), "expected a severity: `error`, `warning`, `note`, or `off`");
                    continue;
                }
            };
            if rule.len() > MAX_QUOTED {
                self.fault(entry.key.span(), format!("unknown rule `{}`", quoted(&rule)));
            } else if let Err(error) = levels.set(&rule, level) {
                self.fault(entry.key.span(), error.to_string());
            } else if let Some(prefix) = places {
                let place = self.place(entry.key.span());
                self.out.places.insert(format!("{prefix}.{rule}"), place);
            }
        }
        levels
    }

    fn overrides(&mut self, node: Node<'_>) -> Vec<Override> {
        if !node.is_sequence() && !node.is_null() {
            self.fault(node.span(), "`overrides` must be a list; each item has `paths` and `rules`");
        }
        let items = self.items("overrides", node);
        items.into_iter().filter_map(|item| self.one_override(item)).collect()
    }

    fn one_override(&mut self, item: Node<'_>) -> Option<Override> {
        let (mut paths, mut levels) = (None, None);
        for (key, entry) in self.entries(item, "an override", "`paths` and `rules`") {
            match key.as_str() {
                "paths" => paths = Some((self.texts("paths", entry.value), entry.value)),
                "rules" => levels = Some(self.rules(entry.value, None)),
                _ => self.fault(
                    entry.key.span(),
                    unknown(&key, ["paths", "rules"].into_iter(), "an override has `paths` and `rules`"),
                ),
            }
        }
        let (Some((paths, node)), Some(levels)) = (paths, levels) else {
            self.fault(item.span(), "an override needs `paths` and `rules`");
            return None;
        };
        match Override::new(&self.folder, paths, levels) {
            Ok(read) => Some(read),
            Err((at, why)) => {
                let span = node.items().nth(at).unwrap_or(node).span();
                self.fault(span, format!("paths: invalid pattern: {why}"));
                None
            }
        }
    }

    /// Reads kinds of the team's own, in the form of the table of known kinds.
    fn kinds(&mut self, node: Node<'_>) {
        if self.has_room(node, nodes_below(node)) {
            self.out.policy.kinds = kind::read(node, &mut self.faults);
        }
    }

    /// Reads a list of texts that are not empty.
    fn texts(&mut self, key: &str, node: Node<'_>) -> Vec<String> {
        let values = self.values(key, node, true);
        let empty: Vec<Span> =
            values.iter().filter(|(text, _)| text.trim().is_empty()).map(|(_, span)| *span).collect();
        empty.into_iter().for_each(|span| self.fault(span, format!("{key}: the value is empty")));
        values.into_iter().map(|(text, _)| text).collect()
    }
}

/// Returns the number of keys and items below a node, as often as aliases repeat them, up to the number that may be
/// read.
fn nodes_below(node: Node<'_>) -> usize {
    let (mut open, mut count) = (vec![node], 0);
    while let Some(node) = open.pop() {
        let before = open.len();
        open.extend(node.items().chain(node.entries().map(|entry| entry.value)).take(MAX_NODES + 1));
        count += open.len() - before;
        if count > MAX_NODES {
            break;
        }
    }
    count
}
