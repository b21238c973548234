//! Snippets, as miette draws them.

use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, ThemeCharacters, ThemeStyles};
use owo_colors::Style as Ansi;

use super::Style;
use super::snippet::Snippet;

/// Draws a snippet: the primary label in the style of its severity, in about so many columns.
pub(super) fn draw(style: &Style, snippet: Snippet, (primary, columns): (Ansi, usize)) -> String {
    let styles = match style.color {
        true => ThemeStyles {
            error: Ansi::new(),
            warning: Ansi::new(),
            advice: Ansi::new(),
            help: Ansi::new(),
            link: Ansi::new().bold(),
            linum: Ansi::new().dimmed(),
            highlights: snippet
                .marks
                .iter()
                .map(|mark| if mark.primary { primary.bold() } else { Ansi::new().blue().bold() })
                .collect(),
        },
        false => ThemeStyles::none(),
    };
    let characters = if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .without_syntax_highlighting()
        .with_links(false)
        .with_width(columns);
    let mut drawn = String::new();
    // Fails only if the snippet does not know its own spans; the finding is reported all the same.
    let _ = handler.render_report(&mut drawn, &Drawing(snippet));
    // The first line is miette's own header, for which it is given no text.
    drawn.lines().skip(1).flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// A snippet in the form that miette takes: labels and source, without text of its own.
#[derive(Debug)]
struct Drawing(Snippet);

impl fmt::Display for Drawing {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Drawing {}

impl Diagnostic for Drawing {
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.0)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.0.marks.iter().map(|mark| {
            let label = Some(mark.message.clone()).filter(|message| !message.is_empty());
            let span = (mark.shown.start, mark.shown.len());
            match mark.primary {
                true => LabeledSpan::new_primary_with_span(label, span),
                false => LabeledSpan::new_with_span(label, span),
            }
        })))
    }
}
