//! Finds the charts that rendered inputs come from, and reads the files of them that are not among the inputs.
//!
//! A chart is searched for at a few obvious places next to its rendered form, never elsewhere. Only regular files
//! are read, no symbolic link is followed, and nothing outside the current folder and the folder of the input.
#![expect(clippy::disallowed_methods, reason = "reads charts that are next to their rendered form")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::input::gather::Gathered;
use crate::input::load::{decode, display, read_capped};
use crate::resource::chart::{self, CHART_FILE, comment};
use crate::text::source::{Source, SourceId, SourceOrigin};

/// How many files of one chart are read.
const MAX_FILES: usize = 2_000;

/// Largest file that is read of a chart, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The folders within a chart that are searched.
const MAX_DEPTH: u8 = 8;

/// Adds the charts next to the inputs, as files that findings can point at and that are not checked.
pub fn beside(gathered: &mut Gathered) {
    let mut names: BTreeSet<(SourceId, String)> = BTreeSet::new();
    for resource in &gathered.inventory.resources {
        let root = resource.template.as_deref().and_then(|template| template.split('/').next());
        names.extend(root.map(|root| (resource.span.source, root.to_owned())));
    }
    let problems = gathered.inventory.problems.iter().map(|problem| problem.span);
    for span in problems.collect::<Vec<_>>() {
        let source = gathered.sources.get(span.source);
        let rendered = matches!(source.origin(), SourceOrigin::Rendered(_));
        let template = comment::template_at(source.text(), span.start, rendered);
        names.extend(template.and_then(|path| path.split('/').next()).map(|root| (span.source, root.to_owned())));
    }
    let mut known: BTreeMap<String, SourceId> =
        gathered.sources.iter().map(|(id, source)| (source.name().to_owned(), id)).collect();
    let mut read: BTreeSet<String> = BTreeSet::new();
    for (id, name) in names {
        let Some(folder) = folder_of(gathered, id, &name) else { continue };
        let shown = display(&folder);
        let shown = if shown.is_empty() { ".".to_owned() } else { shown };
        if read.insert(shown.clone()) {
            add(gathered, &mut known, &folder);
        }
        gathered.charts.insert((id, name), shown);
    }
}

/// Returns the folder of the chart that a rendered input names.
fn folder_of(gathered: &Gathered, id: SourceId, name: &str) -> Option<PathBuf> {
    let source = gathered.sources.get(id);
    let input = Path::new(source.name());
    let here = PathBuf::from(".");
    let (places, roots) = match source.origin() {
        SourceOrigin::Rendered(rendering) if rendering.is_remote() => return None,
        SourceOrigin::Rendered(rendering) => {
            (vec![PathBuf::from(&rendering.folder)], vec![PathBuf::from(&rendering.folder), here])
        }
        SourceOrigin::Stdin => (candidates(&here, name), vec![here]),
        SourceOrigin::Operator | SourceOrigin::PassedOver => return None,
        SourceOrigin::File => {
            let folder =
                input.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
            let mut places = candidates(&folder, name);
            places.extend(candidates(&here, name));
            (places, vec![folder, here])
        }
    };
    let roots: Vec<PathBuf> = roots.iter().filter_map(|root| fs::canonicalize(root).ok()).collect();
    places.into_iter().find(|place| {
        let file = place.join(CHART_FILE);
        let inside = fs::canonicalize(place).is_ok_and(|place| roots.iter().any(|root| place.starts_with(root)));
        inside
            && read_text(&file).and_then(|text| chart::read(SourceId(0), &text)).is_some_and(|chart| chart.name == name)
    })
}

/// Returns the paths at which a chart may be, relative to a folder.
fn candidates(folder: &Path, name: &str) -> Vec<PathBuf> {
    let plain = !name.is_empty() && name != ".." && !name.contains(['/', '\\']);
    let named = plain.then(|| [folder.join(name), folder.join("charts").join(name)]).into_iter().flatten();
    [folder.to_owned(), folder.join("chart")].into_iter().chain(named).collect()
}

/// Reads the files of a chart that may show where rendered text comes from.
fn add(gathered: &mut Gathered, known: &mut BTreeMap<String, SourceId>, folder: &Path) {
    let mut files = Vec::new();
    collect(folder, "", MAX_DEPTH, &mut files);
    for file in files {
        let name = display(&file);
        if known.contains_key(&name) {
            continue;
        }
        if let Some(source) = read_text(&file) {
            let id = gathered.sources.push_beside(source);
            known.insert(name, id);
        }
    }
}

/// Returns the files of a folder of a chart, in order; `inside` is the folder's path in its chart or subchart.
fn collect(folder: &Path, inside: &str, depth: u8, files: &mut Vec<PathBuf>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (Ok(kind), Some(name)) = (entry.file_type(), entry.file_name().to_str().map(str::to_owned)) else {
            continue;
        };
        if files.len() >= MAX_FILES {
            return;
        }
        let in_templates = inside.starts_with("templates");
        if kind.is_dir() {
            match (inside, name.as_str()) {
                ("charts", _) => collect(&entry.path(), "", depth, files),
                ("", "templates" | "charts") => collect(&entry.path(), &name, depth, files),
                _ if in_templates => collect(&entry.path(), inside, depth, files),
                _ => {}
            }
        } else if kind.is_file()
            && (in_templates || inside.is_empty() && matches!(name.as_str(), CHART_FILE | "values.yaml"))
        {
            files.push(entry.path());
        }
    }
}

/// Reads a regular file of modest size that is text.
fn read_text(path: &Path) -> Option<Source> {
    let metadata = fs::symlink_metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return None;
    }
    let bytes = read_capped(fs::File::open(path).ok()?).ok()?;
    let (text, encoding) = decode(bytes).ok()?;
    Some(Source::new(display(path), text, encoding))
}
