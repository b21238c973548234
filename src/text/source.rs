//! The input files, and the only place where byte offsets become lines and columns.
//!
//! Everything else in the crate uses [`Span`]s: half-open byte ranges into the text of one [`Source`].

use std::ops::Range;
use std::sync::OnceLock;

use memchr::memchr2_iter;

/// The index of a [`Source`] in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A half-open byte range into the text of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The source that contains the range.
    pub source: SourceId,
    /// Byte offset of the first byte.
    pub start: u32,
    /// Byte offset after the last byte.
    pub end: u32,
}

impl Span {
    /// Creates a span from byte offsets into the text of `source`.
    pub const fn new(source: SourceId, start: u32, end: u32) -> Self {
        Self { source, start, end }
    }

    /// Returns the range, for slicing the source's text.
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value with its place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value at that place.
    pub value: T,
    /// The place of the value; for a scalar, quotes included.
    pub span: Span,
}

impl AsRef<str> for Spanned<String> {
    fn as_ref(&self) -> &str {
        &self.value
    }
}

/// A place for people and editors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line number, 1-based.
    pub line: u32,
    /// 1-based column, in Unicode scalar values (`columnKind: unicodeCodePoints` of SARIF). A byte order mark
    /// is not a column.
    pub column: u32,
}

/// How the file's bytes were turned into text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The text is the file, byte for byte (a byte order mark included).
    Utf8,
    /// The file is not valid UTF-8: in the text, U+FFFD replaces each byte that is not part of a character, as
    /// kubectl reads it. The file itself contains none.
    Utf8Replaced,
    /// Little-endian UTF-16 with a byte order mark; the text leaves the mark out.
    Utf16Le,
    /// Big-endian UTF-16 with a byte order mark; the text leaves the mark out.
    Utf16Be,
}

/// The name of standard input, unless the user gives another.
pub const STDIN: &str = "<stdin>";

/// The origin of a source's text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SourceOrigin {
    /// A file of that name.
    #[default]
    File,
    /// Standard input.
    Stdin,
    /// The output of a tool.
    Rendered(Rendering),
    /// A file that an option names, and that is not an input.
    Operator,
    /// An entry of a folder that is not followed: only its name is known.
    PassedOver,
}

/// The input of a rendering, and the tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendering {
    /// The tool, as a user would call it: `helm template`, `kubectl kustomize`, `kustomize build`.
    pub tool: &'static str,
    /// The folder of the chart or kustomization, written like the names of sources; `.` for the current one. For a
    /// chart that is not in the inputs, the folder of the file that describes its release.
    pub folder: String,
    /// The release that a chart was rendered for; `None` if it was rendered by itself.
    pub release: Option<RenderedRelease>,
}

/// The release that a chart was rendered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedRelease {
    /// The object that describes the release: `HelmRelease web/shop`.
    pub name: String,
    /// The place of the release in the inputs.
    pub span: Span,
    /// The name that Helm gets for the release; several releases may have one place.
    pub release_name: Option<String>,
    /// Whether the chart is not in the inputs.
    pub is_remote: bool,
    /// The namespace of the release, which is that of all objects that name none; `None` if it is unknown.
    pub namespace: Option<String>,
    /// The path of a field whose values were not available: the objects may be others.
    pub unread: Option<String>,
    /// Whether something may change the images of the rendered objects.
    pub is_post_rendered: bool,
}

impl Rendering {
    /// Whether the rendered chart is not in the inputs.
    pub fn is_remote(&self) -> bool {
        self.release.as_ref().is_some_and(|release| release.is_remote)
    }
}

/// One input file, standard input, or the output that a tool made of input files.
#[derive(Debug)]
pub struct Source {
    name: String,
    origin: SourceOrigin,
    text: Option<String>,
    encoding: Encoding,
    line_starts: OnceLock<Vec<u32>>,
    marks: OnceLock<Vec<Counts>>,
}

/// The length of the text before an offset, in two units.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    chars: u32,
    utf16_units: u32,
}

impl Counts {
    /// Adds bytes. Every byte that does not continue a character begins one; a four-byte character is two units of
    /// UTF-16.
    fn add(self, bytes: &[u8]) -> Self {
        let begun = bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u32;
        let pairs = bytes.iter().filter(|&&byte| byte >= 0xf0).count() as u32;
        Self { chars: self.chars + begun, utf16_units: self.utf16_units + begun + pairs }
    }
}

/// Bytes between two marks: thousands of places in one line of a megabyte must not each measure that line again.
const MARK: usize = 4096;

impl Source {
    /// Creates a source that was read: `name` is the path as shown to the user, with `/` as separator.
    pub fn new(name: impl Into<String>, text: impl Into<String>, encoding: Encoding) -> Self {
        Self {
            name: name.into(),
            origin: SourceOrigin::File,
            text: Some(text.into()),
            encoding,
            line_starts: OnceLock::new(),
            marks: OnceLock::new(),
        }
    }

    /// Creates a source without text: it could not be read, or is not text.
    pub fn unreadable(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            origin: SourceOrigin::File,
            text: None,
            encoding: Encoding::Utf8,
            line_starts: OnceLock::new(),
            marks: OnceLock::new(),
        }
    }

    /// Creates a source from a tool's output. Its name states what was rendered and how, so that nobody takes it for
    /// a file. Baselines contain the name: it is the same whichever program builds a kustomization here.
    pub fn rendered(rendering: Rendering, text: impl Into<String>) -> Self {
        let how = if rendering.tool == "kubectl kustomize" { "kustomize build" } else { rendering.tool };
        let name = match &rendering.release {
            Some(release) => format!("{}: {} ({how})", rendering.folder, release.name),
            None => format!("{} ({how})", rendering.folder),
        };
        Self { origin: SourceOrigin::Rendered(rendering), ..Self::new(name, text, Encoding::Utf8) }
    }

    /// Returns the same source with another origin than a file.
    #[must_use]
    pub fn from_origin(self, origin: SourceOrigin) -> Self {
        Self { origin, ..self }
    }

    /// Returns the origin of the text.
    pub fn origin(&self) -> &SourceOrigin {
        &self.origin
    }

    /// Returns the path as shown to the user.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the text, empty if the source could not be read.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// Whether the source has text to point into.
    pub fn is_readable(&self) -> bool {
        self.text.is_some()
    }

    /// Whether U+FFFD replaces bytes in the text that are not part of a character.
    pub fn is_replaced(&self) -> bool {
        self.encoding == Encoding::Utf8Replaced
    }

    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let bytes = self.text().as_bytes();
            let mut starts = vec![0];
            for at in memchr2_iter(b'\n', b'\r', bytes) {
                if bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n') {
                    continue;
                }
                starts.push(at as u32 + 1);
            }
            starts
        })
    }

    fn counts(&self, offset: usize) -> Counts {
        let bytes = self.text().as_bytes();
        let marks = self.marks.get_or_init(|| {
            let mut marks = vec![Counts::default()];
            for (at, chunk) in bytes.chunks_exact(MARK).enumerate() {
                marks.push(marks[at].add(chunk));
            }
            marks
        });
        let offset = offset.min(bytes.len());
        marks[offset / MARK].add(&bytes[offset / MARK * MARK..offset])
    }

    /// Returns the characters from one byte offset to a later one. Nearly all lines are short, so counting them
    /// takes less time than counting from the marks.
    fn chars_between(&self, start: usize, end: usize) -> u32 {
        match self.text().as_bytes().get(start..end) {
            Some(bytes) if bytes.len() < MARK => Counts::default().add(bytes).chars,
            _ => self.counts(end).chars - self.counts(start).chars,
        }
    }

    /// Returns the position of a byte offset into the text.
    fn position(&self, offset: u32) -> Position {
        let starts = self.line_starts();
        let line = starts.partition_point(|&start| start <= offset).max(1) - 1;
        let before = self.chars_between(starts[line] as usize, offset as usize);
        let mark = u32::from(line == 0 && offset >= 3 && self.text().starts_with('\u{feff}'));
        Position { line: line as u32 + 1, column: before - mark + 1 }
    }

    /// Returns the 1-based line of a byte offset into the text.
    pub fn line_of(&self, offset: u32) -> u32 {
        self.line_starts().partition_point(|&start| start <= offset).max(1) as u32
    }

    /// Returns the number of lines, which is at least one.
    pub fn line_count(&self) -> u32 {
        self.line_starts().len() as u32
    }

    /// Returns the bytes of a 1-based line, without its line break, or the empty range at the end if there is no
    /// such line.
    pub fn line_range(&self, line: u32) -> Range<usize> {
        let starts = self.line_starts();
        let len = self.text().len();
        let Some(&start) = starts.get((line as usize).wrapping_sub(1)) else { return len..len };
        let end = starts.get(line as usize).map_or(len, |&next| next as usize);
        let start = start as usize;
        start..start + self.text()[start..end].trim_end_matches(['\r', '\n']).len()
    }

    /// Returns the text of a 1-based line, without its line break; empty past the end.
    pub fn line(&self, line: u32) -> &str {
        &self.text()[self.line_range(line)]
    }

    /// Returns the file's bytes for a range of the text: the same range, unless the file is UTF-16 or not valid
    /// UTF-8.
    fn file_bytes(&self, offset: u32) -> u64 {
        match self.encoding {
            Encoding::Utf8 => u64::from(offset),
            Encoding::Utf8Replaced => {
                let before = self.text().get(..offset as usize).unwrap_or_default();
                u64::from(offset) - 2 * before.matches(char::REPLACEMENT_CHARACTER).count() as u64
            }
            Encoding::Utf16Le | Encoding::Utf16Be => 2 + 2 * u64::from(self.counts(offset as usize).utf16_units),
        }
    }
}

/// The place of a span in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Position of the first character.
    pub start: Position,
    /// Position after the last character.
    pub end: Position,
    /// 0-based offset of the first byte in the file on disk.
    pub byte_start: u64,
    /// 0-based offset after the last byte.
    pub byte_end: u64,
}

/// All sources of a run, in the order in which they are reported.
#[derive(Debug, Default)]
pub struct Sources {
    all: Vec<Source>,
    /// The number of sources that were read in addition to the inputs.
    beside: usize,
}

impl Sources {
    /// Takes the sources in their order of report.
    pub fn new(sources: Vec<Source>) -> Self {
        Self { all: sources, beside: 0 }
    }

    /// Adds a source at the end.
    pub fn push(&mut self, source: Source) -> SourceId {
        self.all.push(source);
        SourceId(self.all.len() as u32 - 1)
    }

    /// Adds a source that is not an input: findings can point at it, and it is not checked.
    pub fn push_beside(&mut self, source: Source) -> SourceId {
        self.beside += 1;
        self.push(source)
    }

    /// Returns the number of inputs.
    pub fn inputs(&self) -> usize {
        let passed_over = self.all.iter().filter(|source| source.origin == SourceOrigin::PassedOver).count();
        self.all.len() - self.beside - passed_over
    }

    /// Returns the source with an id that this collection assigned.
    pub fn get(&self, id: SourceId) -> &Source {
        &self.all[id.0 as usize]
    }

    /// Returns every source with its id.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.all.iter().enumerate().map(|(at, source)| (SourceId(at as u32), source))
    }

    /// Returns the number of sources, inputs and others.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether the collection is empty.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns lines, columns and file bytes of a span: the only such conversion. The result is `None` if the source
    /// has no text.
    pub fn locate(&self, span: Span) -> Option<Location> {
        let source = self.get(span.source);
        source.is_readable().then(|| Location {
            start: source.position(span.start),
            end: source.position(span.end),
            byte_start: source.file_bytes(span.start),
            byte_end: source.file_bytes(span.end),
        })
    }

    /// Returns the source text of a span.
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.source).text().get(span.range()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str, offset: usize) -> (u32, u32) {
        let sources = Sources::new(vec![Source::new("a.yaml", text, Encoding::Utf8)]);
        let span = Span::new(SourceId(0), offset as u32, offset as u32);
        let at = sources.locate(span).expect("readable").start;
        (at.line, at.column)
    }

    #[test]
    fn lines_end_at_lf_crlf_and_lone_cr() {
        let text = "a\r\nb\nc\rd";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, text.find('b').expect("b")), (2, 1));
        assert_eq!(position(text, text.find('c').expect("c")), (3, 1));
        assert_eq!(position(text, text.find('d').expect("d")), (4, 1));
    }

    #[test]
    fn columns_count_characters_and_not_the_byte_order_mark() {
        assert_eq!(position("é: x", "é: ".len()), (1, 4));
        assert_eq!(position("\u{feff}a: x", "\u{feff}a: ".len()), (1, 4));
    }

    #[test]
    fn utf16_offsets_are_mapped_back_to_the_file() {
        let sources = Sources::new(vec![Source::new("a.yaml", "é𝄞x", Encoding::Utf16Le)]);
        let at = "é𝄞".len() as u32;
        let found = sources.locate(Span::new(SourceId(0), at, at + 1)).expect("readable");
        assert_eq!((found.byte_start, found.byte_end), (2 + 2 + 4, 2 + 2 + 4 + 2));
        assert_eq!(found.start.column, 3);
    }

    #[test]
    fn positions_are_correct_across_index_marks() {
        let text = "é𝄞x".repeat(MARK);
        let at = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
        for n in [0, 1, MARK / 2, MARK - 1, MARK, MARK + 1, 2 * MARK + 2, 3 * MARK] {
            assert_eq!(position(&text, at(n)), (1, n as u32 + 1));
        }
        let sources = Sources::new(vec![Source::new("a.yaml", text.as_str(), Encoding::Utf16Le)]);
        let end = text.len() as u32;
        let found = sources.locate(Span::new(SourceId(0), end, end)).expect("readable");
        assert_eq!(found.byte_start, 2 + 2 * text.encode_utf16().count() as u64);
    }

    #[test]
    fn line_range_excludes_the_line_break() {
        let source = Source::new("a.yaml", "a\r\nbc\n\nd", Encoding::Utf8);
        assert_eq!([1, 2, 3, 4, 5].map(|line| source.line_range(line)), [0..1, 3..5, 6..6, 7..8, 8..8]);
        assert_eq!([0, 2, 9].map(|line| source.line(line)), ["", "bc", ""]);
    }

    #[test]
    fn unreadable_source_has_no_location() {
        let sources = Sources::new(vec![Source::unreadable("b.yaml")]);
        assert_eq!(sources.locate(Span::new(SourceId(0), 0, 0)), None);
    }
}
