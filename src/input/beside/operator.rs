//! Files that options name and that are not inputs: findings may point at them.

use crate::input::gather::Gathered;
use crate::input::load::display;
use crate::inventory::{Problem, ProblemKind};
use crate::registry::IgnoredFile;
use crate::text::source::{Encoding, Source, SourceOrigin, Span};

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
