//! `--list-images` for people: one image use per line, aligned, and nothing else, so that it can be searched and
//! cut.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::edge::Edge;
use super::sanitize;
use crate::report::ImageReport;
use crate::resource::workload::ContainerKind;

const HEAD: [&str; 6] = ["IMAGE", "WHERE", "OBJECT", "CONTAINER", "POLICY", "PULL SECRETS"];

/// No column is wider than this; a longer cell moves the following ones in its own line only.
const WIDEST: usize = 72;

pub(super) fn render(edge: &Edge<'_>) -> String {
    let report = edge.report;
    if report.images.is_empty() {
        return format!("no images in {} files\n", report.summary.files);
    }
    let rows: Vec<[String; 6]> = report.images.iter().map(|image| row(edge, image)).collect();
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width().min(WIDEST));
        }
    }
    let mut out = String::new();
    push(&mut out, &HEAD.map(str::to_owned), &widths);
    for row in &rows {
        push(&mut out, row, &widths);
    }
    out
}

fn push(out: &mut String, row: &[String; 6], widths: &[usize; 6]) {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        let _ = write!(line, "{cell}{:pad$}  ", "", pad = width.saturating_sub(cell.width()));
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

fn row(edge: &Edge<'_>, image: &ImageReport) -> [String; 6] {
    let kind = match image.container.kind {
        ContainerKind::Container => String::new(),
        other => format!(" ({})", other.as_str()),
    };
    let secrets: Vec<&str> = image.pull_secrets.iter().map(|secret| secret.name.as_str()).collect();
    let cells = [
        image.resolved.as_ref().unwrap_or(&image.value).clone(),
        edge.place(image.span),
        image.resource.to_string(),
        format!("{}{kind}", image.container.name.as_deref().unwrap_or("-")),
        image.pull_policy.unwrap_or("-").to_owned(),
        secrets.join(","),
    ];
    cells.map(|cell| match cell.is_empty() {
        true => "-".to_owned(),
        false => sanitize::clip(&edge.line(&cell), 512).into_owned(),
    })
}
