//! The destinations of reports: one to standard output, others to files.
//!
//! A file is written next to its place and then moved there, so that a reader never sees half a report. Whether it
//! can be written is tested before anything is checked: nobody should wait two minutes to learn that it cannot.
#![expect(clippy::disallowed_methods, reason = "writes the files that the operator names")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;

use crate::error::UsageError;
use crate::output::{Format, Grouping};

/// Bytes of a step's summary that GitHub shows.
const SUMMARY: u64 = 1 << 20;

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FormatArg {
    /// For people.
    #[default]
    Human,
    /// file:line:column: severity[rule] message.
    Plain,
    /// The stable contract, version 1.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions, and a job summary.
    Github,
    /// Code quality report of GitLab.
    Gitlab,
    /// JUnit XML.
    Junit,
    /// For the comment of a pull request.
    Markdown,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Human => Self::Human,
            FormatArg::Plain => Self::Plain,
            FormatArg::Json => Self::Json,
            FormatArg::Sarif => Self::Sarif,
            FormatArg::Github => Self::Github,
            FormatArg::Gitlab => Self::Gitlab,
            FormatArg::Junit => Self::Junit,
            FormatArg::Markdown => Self::Markdown,
        }
    }
}

/// `--by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GroupingArg {
    /// The registry.
    Registry,
    /// The namespace of the pod.
    Namespace,
    /// The object that deploys the image, such as a HelmRelease.
    Release,
    /// The file.
    File,
}

impl From<GroupingArg> for Grouping {
    fn from(grouping: GroupingArg) -> Self {
        match grouping {
            GroupingArg::Registry => Self::Registry,
            GroupingArg::Namespace => Self::Namespace,
            GroupingArg::Release => Self::Release,
            GroupingArg::File => Self::File,
        }
    }
}

/// One value of `--output`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputArg {
    /// The format of the report.
    pub format: FormatArg,
    /// The file; `-` is standard output.
    pub file: PathBuf,
}

impl FromStr for OutputArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, file) = text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or("write FORMAT=FILE")?;
        let known = || {
            let names = FormatArg::value_variants().iter().map(|variant| Format::from(*variant).as_str());
            format!("unknown format `{format}`; use one of {}", names.collect::<Vec<_>>().join(", "))
        };
        Ok(Self { format: FormatArg::from_str(format, false).map_err(|_| known())?, file: file.into() })
    }
}

/// All requested reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// The format of the report on standard output.
    pub stdout: Format,
    /// The reports to files, with format and path.
    pub files: Vec<(Format, PathBuf)>,
}

impl Outputs {
    /// Combines `--format` and `--output`; `default` is the format of standard output without either.
    ///
    /// # Errors
    /// Two reports go to one place, or a list of images in a format for findings.
    pub fn new(
        format: Option<FormatArg>,
        outputs: Vec<OutputArg>,
        list_images: bool,
        default: Format,
    ) -> Result<Self, UsageError> {
        let mut stdout = format.map(Format::from);
        let mut files: Vec<(Format, PathBuf)> = Vec::new();
        for OutputArg { format, file } in outputs {
            let format = Format::from(format);
            if file == Path::new("-") {
                if let Some(other) = stdout.replace(format) {
                    let (other, new) = (other.as_str(), format.as_str());
                    let hint = "write one of them to a file: --output FORMAT=FILE";
                    return Err(UsageError::new(format!(
                        "only one report can be written to standard output, not both {other} and {new}; {hint}"
                    )));
                }
            } else if files.iter().any(|(_, other)| place_of(other) == place_of(&file)) {
                return Err(UsageError::new(format!("--output: two reports cannot be written to {}", file.display())));
            } else {
                files.push((format, file));
            }
        }
        let all = stdout.iter().chain(files.iter().map(|(format, _)| format));
        if let Some(format) = all.into_iter().find(|format| list_images && !format.lists_images()) {
            let format = format.as_str();
            return Err(UsageError::new(format!("--list-images cannot be written as {format}: use human or json")));
        }
        let default = if list_images && !default.lists_images() { Format::Human } else { default };
        Ok(Self { stdout: stdout.unwrap_or(default), files })
    }

    /// Whether a report is written to this file.
    pub(crate) fn has(&self, file: &Path) -> bool {
        self.files.iter().any(|(_, other)| place_of(other) == place_of(file))
    }

    /// Tests whether every file can be written, and leaves no trace.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn try_files(&self) -> Result<(), UsageError> {
        self.files.iter().try_for_each(|(format, file)| try_file(&option(*format), file))
    }
}

/// Returns the place of a file that exists or will exist, however it is named.
fn place_of(file: &Path) -> PathBuf {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let to_be = || Some(fs::canonicalize(parent).ok()?.join(file.file_name()?));
    fs::canonicalize(file).ok().or_else(to_be).unwrap_or_else(|| file.to_owned())
}

/// Tests whether a file can be written, and leaves no trace. `option` is the text in front of its name in messages.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn try_file(option: &str, file: &Path) -> Result<(), UsageError> {
    let tried = OutputFile::open(file).and_then(OutputFile::discard);
    tried.map_err(|error| cannot_write(option, file, &error))
}

/// Writes a report to its file. `option` is the text in front of the file's name in messages.
///
/// # Errors
/// The file cannot be written; an older one is left unchanged.
pub(crate) fn write_file(
    option: &str,
    file: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), UsageError> {
    let written = OutputFile::open(file).and_then(|target| target.fill(write));
    written.map_err(|error| cannot_write(option, file, &error))
}

/// Returns the option that asks for a report in a file, without the file.
pub(crate) fn option(format: Format) -> String {
    format!("--output {}=", format.as_str())
}

fn cannot_write(option: &str, file: &Path, error: &io::Error) -> UsageError {
    UsageError::new(format!("{option}{}: {error}", file.display()))
}

/// Appends to the summary of a step of GitHub Actions, as far as there is room. `text` is called with the number of
/// bytes it may use.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn append_summary(file: &Path, text: impl FnOnce(usize) -> String) -> io::Result<()> {
    let mut out = OpenOptions::new().append(true).create(true).open(file)?;
    let before = out.metadata()?.len();
    let text = text(usize::try_from(SUMMARY.saturating_sub(before + 1)).unwrap_or_default());
    if !text.is_empty() {
        let lead = if before == 0 { "" } else { "\n" };
        out.write_all(format!("{lead}{text}").as_bytes())?;
    }
    Ok(())
}

/// A file during writing.
struct OutputFile {
    out: File,
    /// The temporary path and the final one; `None` for what is written in place: a pipe, a device.
    moved: Option<(PathBuf, PathBuf)>,
}

impl OutputFile {
    fn open(file: &Path) -> io::Result<Self> {
        // `/dev/stderr` may point to a file that others write too.
        if file.starts_with("/dev") || file.starts_with("/proc") {
            return Ok(Self { out: OpenOptions::new().append(true).open(file)?, moved: None });
        }
        // The file behind a link is replaced, not the link.
        let place = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        match fs::metadata(&place) {
            Ok(meta) if meta.is_dir() => return Err(io::Error::from(io::ErrorKind::IsADirectory)),
            Ok(meta) if !meta.is_file() => {
                return Ok(Self { out: OpenOptions::new().write(true).open(&place)?, moved: None });
            }
            _ => {}
        }
        let name = place.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_string_lossy().into_owned();
        for attempt in 0..16 {
            let meanwhile = place.with_file_name(format!(".{name}.{}-{attempt}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&meanwhile) {
                Ok(out) => return Ok(Self { out, moved: Some((meanwhile, place)) }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    fn discard(self) -> io::Result<()> {
        self.moved.map_or(Ok(()), |(meanwhile, _)| fs::remove_file(meanwhile))
    }

    fn fill(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut out = io::BufWriter::with_capacity(1 << 16, &self.out);
        let written = write(&mut out).and_then(|()| out.flush());
        drop(out);
        match self.moved {
            None => written,
            Some((meanwhile, place)) => {
                let moved = written.and_then(|()| fs::rename(&meanwhile, place));
                if moved.is_err() {
                    let _ = fs::remove_file(meanwhile);
                }
                moved
            }
        }
    }
}
