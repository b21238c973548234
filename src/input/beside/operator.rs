//! Files that options name and that are not inputs: findings may point at them.
#![expect(clippy::disallowed_methods, reason = "reads the files of values that the operator names")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::input::gather::Gathered;
use crate::input::load::{decode, display, read_capped};
use crate::inventory::{Problem, ProblemKind};
use crate::registry::IgnoredFile;
use crate::text::source::{Encoding, Source, SourceId, SourceOrigin, Span};

/// Adds the `hosts.toml` files that containerd skips.
pub fn beside(gathered: &mut Gathered, ignored: &[IgnoredFile]) {
    for file in ignored {
        let source = Source::new(display(&file.path), file.text.as_str(), Encoding::Utf8);
        let line = source.line_range(file.line as u32);
        let indent = file.text.get(line.clone()).map_or(0, |text| text.len() - text.trim_start().len());
        let id = gathered.sources.push_beside(source.from_origin(SourceOrigin::Operator));
        let written = file.text.get(line.clone()).map_or(0, |text| text.trim_end().len()).max(indent);
        let span = Span::new(id, (line.start + indent) as u32, (line.start + written) as u32);
        let message = format!("line {}: {}", file.line, file.words);
        gathered.inventory.problems.push(Problem { kind: ProblemKind::IgnoredHostsToml, span, message });
    }
}

/// Adds the files of values that every chart was rendered with. One that is an input already is not read again.
pub fn add_values(gathered: &mut Gathered, files: &[PathBuf]) {
    if files.is_empty() {
        return;
    }
    let known: BTreeMap<String, SourceId> =
        gathered.sources.iter().map(|(id, source)| (source.name().to_owned(), id)).collect();
    for file in files {
        let name = display(file);
        let id = known.get(&name).copied().or_else(|| {
            // Helm has read the file: a pipe is empty now.
            let is_regular = fs::metadata(file).is_ok_and(|file| file.is_file());
            let (text, encoding) = decode(read_capped(is_regular.then(|| fs::File::open(file).ok())??).ok()?).ok()?;
            let source = Source::new(name, text, encoding).from_origin(SourceOrigin::Operator);
            Some(gathered.sources.push_beside(source))
        });
        gathered.values.extend(id);
    }
}
