//! `index.yaml` of a Helm repository: the versions of one chart.
//!
//! Follows `loadIndex` and `Get` in `pkg/repo/index.go`, and `ResolveReferenceURL` in `pkg/repo/chartrepo.go`, of Helm
//! 3.22. An index may have tens of megabytes and tens of thousands of versions, of which one chart is wanted: its lines
//! are cut out first, and only these are parsed.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use reqwest::Url;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::chart_error::nearest;
use crate::resource::chart::version::Version;
use crate::resource::chart::version_range::{VersionRange, VersionReading, highest};
use crate::text::source::SourceId;
use crate::text::yaml::{self, Node, Piece};

/// Largest index that is parsed whole, because its lines cannot be told apart, in bytes. Such a one is written by
/// hand, and small.
const MAX_WHOLE: usize = 4 << 20;

/// Most lines of one chart that are parsed, in bytes: ten times those of the longest real one.
const MAX_LINES: usize = 16 << 20;

/// One version of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct IndexEntry {
    pub(super) version: String,
    /// The first of `urls`, as written.
    pub(super) url: Option<String>,
    /// The `sha256` of the archive, in hex, as written.
    pub(super) digest: Option<String>,
}

/// Why an index has no versions of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoEntries {
    /// It is not an index, or is written in a way that is not read here.
    Unreadable(&'static str),
    /// It has no such chart; perhaps this one is meant.
    NoChart(Option<String>),
}

/// The versions of a chart, in the order of the file. Entries whose version Helm refuses are left out, as there.
pub(super) fn entries_of(index: &[u8], chart: &str) -> Result<Vec<IndexEntry>, NoEntries> {
    let text = std::str::from_utf8(index).map_err(|_| NoEntries::Unreadable("it is not UTF-8"))?;
    let entries = if text.trim_start().starts_with('{') { of_json(text, chart)? } else { of_yaml(text, chart)? };
    Ok(entries.into_iter().filter(|entry| Version::parse(&entry.version).is_some()).collect())
}

/// Chooses a version; an empty text means the latest that is stable. `None` if there is none.
pub(super) fn choose<'e>(entries: &'e [IndexEntry], wanted: &str, reading: VersionReading) -> Option<&'e IndexEntry> {
    let range = VersionRange::parse(if wanted.is_empty() { "*" } else { wanted });
    // Helm refuses a text that is no range before it compares it with the versions; Flux does not.
    if range.is_none() && !matches!(reading, VersionReading::FluxHelmRepository) {
        return None;
    }
    if let Some(exact) = entries.iter().find(|entry| entry.version == wanted) {
        return Some(exact);
    }
    let range = range?;
    let versions = entries.iter().filter_map(|entry| Some((reading.of_entry(&entry.version)?, entry)));
    highest(versions.filter(|(version, _)| range.matches(version)))
}

/// The version that may be meant: the nearest by name, else the highest.
pub(super) fn near_version(entries: &[IndexEntry], wanted: &str) -> Option<String> {
    let near = || nearest(wanted, entries.iter().map(|entry| entry.version.as_str()));
    let highest = || {
        let versions = entries.iter().filter_map(|entry| Some((Version::parse(&entry.version)?, &entry.version)));
        highest(versions).cloned()
    };
    near().or_else(highest)
}

/// The URL of a file of the repository: relative to the repository's, whose query it keeps.
pub(super) fn resolve(repository: &Url, reference: &str) -> Option<Url> {
    if let Ok(absolute) = Url::parse(reference) {
        return Some(absolute);
    }
    let mut base = repository.clone();
    base.set_path(&format!("{}/", repository.path().strip_suffix('/').unwrap_or(repository.path())));
    let mut resolved = base.join(reference).ok()?;
    resolved.set_query(repository.query());
    Some(resolved)
}

fn of_json(text: &str, chart: &str) -> Result<Vec<IndexEntry>, NoEntries> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let wanted = Wanted { chart, names: BTreeSet::new(), found: None };
    let found = serde::de::DeserializeSeed::deserialize(IndexSeed(wanted), &mut deserializer);
    let found = found.map_err(|_| NoEntries::Unreadable("it is not a valid index"))?;
    let entries = found.found.ok_or_else(|| not_found(chart, found.names.iter().map(String::as_str)))?;
    Ok(entries.into_iter().flatten().map(JsonEntry::entry).collect())
}

fn not_found<'n>(chart: &str, names: impl IntoIterator<Item = &'n str>) -> NoEntries {
    NoEntries::NoChart(nearest(chart, names))
}

/// The chart that is looked for in JSON, and what was found.
struct Wanted<'c> {
    chart: &'c str,
    names: BTreeSet<String>,
    found: Option<Vec<Option<JsonEntry>>>,
}

#[derive(Deserialize)]
struct JsonEntry {
    #[serde(default)]
    version: String,
    #[serde(default)]
    urls: Option<Vec<String>>,
    #[serde(default)]
    digest: Option<String>,
}

impl JsonEntry {
    fn entry(self) -> IndexEntry {
        IndexEntry {
            version: self.version,
            url: self.urls.into_iter().flatten().next(),
            digest: self.digest.filter(|digest| !digest.is_empty()),
        }
    }
}

/// Reads the top of an index, and skips everything but `entries`.
struct IndexSeed<'c>(Wanted<'c>);

impl<'de, 'c> serde::de::DeserializeSeed<'de> for IndexSeed<'c> {
    type Value = Wanted<'c>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, 'c> Visitor<'de> for IndexSeed<'c> {
    type Value = Wanted<'c>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut wanted = self.0;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "entries" => wanted = map.next_value_seed(EntriesSeed(wanted))?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(wanted)
    }
}

/// Reads the charts of an index, and skips the versions of all but one.
struct EntriesSeed<'c>(Wanted<'c>);

impl<'de, 'c> serde::de::DeserializeSeed<'de> for EntriesSeed<'c> {
    type Value = Wanted<'c>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, 'c> Visitor<'de> for EntriesSeed<'c> {
    type Value = Wanted<'c>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the charts of an index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut wanted = self.0;
        while let Some(name) = map.next_key::<String>()? {
            if name == wanted.chart {
                wanted.found = map.next_value()?;
            } else {
                _ = map.next_value::<IgnoredAny>()?;
                wanted.names.insert(name);
            }
        }
        Ok(wanted)
    }
}

fn of_yaml(text: &str, chart: &str) -> Result<Vec<IndexEntry>, NoEntries> {
    match lines_of(text, chart) {
        Some(Ok(lines)) if lines.len() > MAX_LINES => {
            return Err(NoEntries::Unreadable("it has more versions of the chart than are read"));
        }
        Some(Ok(lines)) => {
            if let Some(entries) = parsed(&text[lines], |root| root.get(chart)) {
                return Ok(entries);
            }
        }
        Some(Err(not_found)) => return Err(not_found),
        None => {}
    }
    if text.len() > MAX_WHOLE {
        return Err(NoEntries::Unreadable("its lines are not those that helm repo index writes"));
    }
    let mut names = Vec::new();
    let entries = parsed(text, |root| {
        let charts = root.get("entries")?;
        names = charts.entries().filter_map(|entry| entry.key.key().map(|key| key.into_owned())).collect();
        charts.get(chart)
    });
    let not_an_index = || NoEntries::Unreadable("it is not a valid index");
    match entries {
        Some(entries) => Ok(entries),
        None if names.is_empty() => Err(not_an_index()),
        None if names.iter().any(|name| name == chart) => Err(not_an_index()),
        None => Err(not_found(chart, names.iter().map(String::as_str))),
    }
}

/// The entries in the only document of a text; `None` if it is not one, or lacks them.
fn parsed(text: &str, find: impl FnOnce(Node<'_>) -> Option<Node<'_>>) -> Option<Vec<IndexEntry>> {
    let (mut find, mut entries, mut documents) = (Some(find), None, 0);
    yaml::read(SourceId(0), text, true, &mut |piece| {
        documents += 1;
        let Piece::Document(document) = piece else {
            documents += 1;
            return;
        };
        let (Some(root), Some(find)) = (document.root(), find.take()) else { return };
        let found = find(root).filter(|node| node.is_sequence());
        entries = found.map(|list| list.items().filter_map(entry).collect()).filter(|_| !document.is_alias_bomb());
    });
    entries.filter(|_| documents == 1)
}

fn entry(node: Node<'_>) -> Option<IndexEntry> {
    let text = |key: &str| node.str(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let urls = node.get("urls").into_iter().flat_map(Node::items);
    let url = urls.map(|url| url.as_str().map(str::to_owned)).next().flatten();
    Some(IndexEntry { version: text("version")?, url, digest: text("digest") })
}

/// The lines of a chart in an index in block style: its key, and everything that is indented further, and lists at
/// the same indentation. `None` if the text is written otherwise.
fn lines_of(text: &str, chart: &str) -> Option<Result<Range<usize>, NoEntries>> {
    let mut lines = Lines { text, at: 0 };
    lines.by_ref().find(|line| line.text.split('#').next().unwrap_or_default().trim_end() == "entries:")?;
    let (mut found, mut end, mut indent) = (None, text.len(), None);
    let mut names = Vec::new();
    for line in lines {
        let content = line.text.trim_start_matches(' ');
        if content.trim_end().is_empty() || content.starts_with('#') {
            continue;
        }
        let depth = line.text.len() - content.len();
        if depth == 0 {
            end = line.start;
            break;
        }
        let own = *indent.get_or_insert(depth);
        if depth < own {
            return None;
        }
        if depth > own || content.starts_with("- ") || content.trim_end() == "-" {
            continue;
        }
        let name = key_of(content)?;
        match found {
            // A key that is written twice is one that Helm refuses.
            Some(_) if name == chart => return None,
            None if name == chart => found = Some((line.start, None)),
            Some((start, None)) => found = Some((start, Some(line.start))),
            _ => {}
        }
        names.push(name);
    }
    Some(match found {
        Some((start, stop)) => Ok(start..stop.unwrap_or(end)),
        None => Err(not_found(chart, names)),
    })
}

/// The key of `key:` or `key: value`, plain or in quotes; `None` for anything else.
fn key_of(line: &str) -> Option<&str> {
    let line = line.split(" #").next().unwrap_or_default().trim_end();
    let key = line.strip_suffix(':').or_else(|| line.split_once(": ").map(|(key, _)| key))?;
    let quoted = ['"', '\''].iter().find_map(|quote| key.strip_prefix(*quote)?.strip_suffix(*quote));
    let key = quoted.unwrap_or(key);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    (!key.is_empty() && key.chars().all(is_name)).then_some(key)
}

/// The lines of a text, with their offsets.
struct Lines<'t> {
    text: &'t str,
    at: usize,
}

struct Line<'t> {
    start: usize,
    text: &'t str,
}

impl<'t> Iterator for Lines<'t> {
    type Item = Line<'t>;

    fn next(&mut self) -> Option<Line<'t>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |end| end + 1);
        let line = Line { start: self.at, text: &rest[..length] };
        self.at += length;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `helm repo index` writes it, in block style with lists at the indentation of their keys.
    const WRITTEN: &str = "\
apiVersion: v1
entries:
  api:
  - apiVersion: v2
    annotations:
      artifacthub.io/changes: |
        - fixed
        entries:
        shop:
    created: \"2024-05-01T10:00:00Z\"
    description: >-
      An API.
    digest: a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1
    name: api
    urls:
    - charts/api-2.0.0.tgz
    - https://mirror.example/api-2.0.0.tgz
    version: 2.0.0
  - name: api
    version: 1.10.0
    urls: [api-1.10.0.tgz]
  - name: api
    version: 2.1.0-rc.1
    urls: [api-2.1.0-rc.1.tgz]
  - name: api
    version: not-a-version
    urls: [x.tgz]
  - name: api
    version: 1.9.0
    urls: []
  empty: []
  # the shop
  \"shop\":
    - name: shop
      version: v1.0
      urls:
        - oci://registry.example/charts/shop:1.0.0
generated: \"2024-05-01T10:00:00Z\"
";

    fn versions(index: &str, chart: &str) -> Result<Vec<String>, NoEntries> {
        Ok(entries_of(index.as_bytes(), chart)?.into_iter().map(|entry| entry.version).collect())
    }

    #[test]
    fn versions_of_one_chart_are_cut_out_of_the_index() {
        assert_eq!(versions(WRITTEN, "api").unwrap(), ["2.0.0", "1.10.0", "2.1.0-rc.1", "1.9.0"]);
        assert_eq!(versions(WRITTEN, "shop").unwrap(), ["v1.0"]);
        assert_eq!(versions(WRITTEN, "empty").unwrap(), [""; 0]);
        let first = entries_of(WRITTEN.as_bytes(), "api").unwrap().remove(0);
        assert_eq!(first.url.as_deref(), Some("charts/api-2.0.0.tgz"));
        assert_eq!(first.digest.as_deref(), Some("a1".repeat(32).as_str()));
        assert_eq!(versions(WRITTEN, "appi"), Err(NoEntries::NoChart(Some("api".to_owned()))));
        assert_eq!(versions(WRITTEN, "entirely-different"), Err(NoEntries::NoChart(None)));
    }

    #[test]
    fn index_in_other_styles_is_read_the_same() {
        let json = r#"{"apiVersion":"v1","entries":{"web":[],
            "api":[{"name":"api","version":"1.0.0","urls":["a.tgz"],"digest":""},null]}}"#;
        let flow = "apiVersion: v1\nentries: {web: [], api: [{name: api, version: 1.0.0, urls: [a.tgz]}]}\n";
        let anchors = "apiVersion: v1\nx: &u [a.tgz]\nentries:\n  api:\n  - {name: api, version: 1.0.0, urls: *u}\n";
        let expected = IndexEntry { version: "1.0.0".to_owned(), url: Some("a.tgz".to_owned()), digest: None };
        for index in [json, flow, anchors] {
            assert_eq!(entries_of(index.as_bytes(), "api"), Ok(vec![expected.clone()]), "{index}");
            let missing = entries_of(index.as_bytes(), "wev");
            assert!(matches!(missing, Err(NoEntries::NoChart(_))), "{missing:?}");
        }
        for wrong in ["", "<html>", "[]", "{", "a: b: c", "entries: 1\n", "\u{0}"] {
            assert!(matches!(entries_of(wrong.as_bytes(), "api"), Err(NoEntries::Unreadable(_))), "{wrong:?}");
        }
        assert!(matches!(entries_of(b"\xff", "api"), Err(NoEntries::Unreadable(_))));
    }

    #[test]
    fn version_is_chosen_as_helm_chooses_it() {
        let entries = entries_of(WRITTEN.as_bytes(), "api").unwrap();
        let chosen = |wanted: &str| choose(&entries, wanted, VersionReading::Helm).map(|entry| entry.version.as_str());
        assert_eq!(chosen(""), Some("2.0.0"));
        assert_eq!(chosen("*"), Some("2.0.0"));
        assert_eq!(chosen("^1"), Some("1.10.0"));
        assert_eq!(chosen("1.9.0"), Some("1.9.0"));
        assert_eq!(chosen("v1.9"), Some("1.9.0"));
        assert_eq!(chosen("2.1.0-rc.1"), Some("2.1.0-rc.1"));
        assert_eq!(chosen(">=2-0"), Some("2.1.0-rc.1"));
        assert_eq!(chosen("3.x"), None);
        assert_eq!(chosen("latest"), None);
        let shop = entries_of(WRITTEN.as_bytes(), "shop").unwrap();
        assert!(choose(&shop, "", VersionReading::Helm).is_some());
        assert_eq!(choose(&shop, "", VersionReading::FluxHelmRepository), None, "Flux takes complete versions only");
        assert!(choose(&shop, "v1.0", VersionReading::FluxHelmRepository).is_some());
        assert_eq!(near_version(&entries, "2.0.1"), Some("2.0.0".to_owned()));
        assert_eq!(near_version(&entries, "2024.11.30"), Some("2.1.0-rc.1".to_owned()));
    }

    #[test]
    fn url_is_relative_to_the_repository() {
        let resolved = |base: &str, reference: &str| resolve(&Url::parse(base).unwrap(), reference).map(String::from);
        let expected = |text: &str| Some(text.to_owned());
        assert_eq!(resolved("https://a.example/charts", "b.tgz"), expected("https://a.example/charts/b.tgz"));
        assert_eq!(resolved("https://a.example/charts/", "b.tgz"), expected("https://a.example/charts/b.tgz"));
        assert_eq!(resolved("https://a.example/charts", "/b.tgz"), expected("https://a.example/b.tgz"));
        assert_eq!(resolved("https://a.example/c?t=1", "d/b.tgz"), expected("https://a.example/c/d/b.tgz?t=1"));
        assert_eq!(resolved("https://a.example/c", "https://b.example/b.tgz"), expected("https://b.example/b.tgz"));
        assert_eq!(resolved("https://a.example/c", "oci://b.example/c:1"), expected("oci://b.example/c:1"));
        assert_eq!(resolved("https://a.example", "index.yaml"), expected("https://a.example/index.yaml"));
    }
}
