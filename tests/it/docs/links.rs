//! Every link between the project's documents leads somewhere, on GitHub and in the built book.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::{book, documents, prose_and_blocks, read, root};

const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// Where GitHub serves the book.
fn book_address() -> String {
    let path = REPOSITORY.strip_prefix("https://github.com/").expect("the repository is on GitHub");
    let (owner, name) = path.split_once('/').expect("an owner and a name");
    format!("https://{owner}.github.io/{name}/")
}

/// The documents that people read, the pages of the rules included.
fn linking() -> Vec<String> {
    let mut all = documents();
    all.extend(["docs/src/SUMMARY.md", ".packaging/README.md", "tests/node/README.md"].map(str::to_owned));
    all.extend(pullcheck::rules::RULES.iter().map(|rule| format!("rules/{}.md", rule.meta().id)));
    all
}

/// What mdBook includes into other pages, at another place than its own.
fn is_included(document: &str) -> bool {
    document.starts_with("rules/") || document == "CHANGELOG.md"
}

/// Targets of links and pictures in the prose of a document, and addresses of this project anywhere in it.
fn targets(text: &str) -> Vec<String> {
    let (prose, _) = prose_and_blocks(text);
    let prose = prose.join("\n");
    let links = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let pictures = ["src=\"", "srcset=\""].into_iter().flat_map(|attribute| prose.split(attribute).skip(1));
    let pictures = pictures.filter_map(|rest| rest.split('"').next());
    let own = [REPOSITORY.to_owned(), book_address()];
    let addresses = own.iter().flat_map(|own| text.match_indices(own.as_str()).map(|(at, _)| &text[at..]));
    let addresses = addresses.filter_map(|rest| rest.split([')', '"', '\'', '>', '`', ']', ' ', '\n']).next());
    let addresses = addresses.map(|address| address.trim_end_matches(['.', ',']));
    links.chain(pictures).chain(addresses).map(str::to_owned).collect()
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// The file in this repository that a target names, seen from the root. `None` is an address of somebody else, or a
/// place of the repository that is not a file: issues, releases.
fn file_of(document: &str, target: &str) -> Result<Option<PathBuf>, String> {
    if let Some(page) = target.strip_prefix(&book_address()) {
        let page = match page {
            "" => "introduction.md".to_owned(),
            folder if folder.ends_with('/') => format!("{folder}index.md"),
            page => page.strip_suffix(".html").map_or_else(|| page.to_owned(), |page| format!("{page}.md")),
        };
        return Ok(Some(Path::new("docs/src").join(page)));
    }
    if let Some(place) = target.strip_prefix(REPOSITORY) {
        let file = ["/blob/main/", "/tree/main/"].into_iter().find_map(|kind| place.strip_prefix(kind));
        return Ok(if place.is_empty() { Some("README.md".into()) } else { file.map(PathBuf::from) });
    }
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(None);
    }
    if is_included(document) {
        return Err("a relative link, which leads elsewhere once the book includes it".to_owned());
    }
    let file = match target {
        "" => PathBuf::from(document),
        target => plain(&Path::new(document).parent().unwrap_or(Path::new("")).join(target)),
    };
    if document.starts_with("docs/") && !file.starts_with("docs/src") {
        return Err("not in the book: link to the file on GitHub".to_owned());
    }
    Ok(Some(file))
}

/// The text of a document with what mdBook includes in it.
fn with_includes(document: &str) -> String {
    let text = read(document);
    let lines = text.lines().map(|line| {
        let Some(include) = line.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}")) else {
            return line.to_owned();
        };
        let (file, from) = include.split_once(':').unwrap_or((include, "1:"));
        let from: usize = from.trim_end_matches(':').parse().expect("a line");
        let file = plain(&Path::new(document).parent().unwrap_or(Path::new("")).join(file));
        let included = read(file.to_str().expect("a plain path"));
        included.lines().skip(from - 1).collect::<Vec<_>>().join("\n")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The anchors of a document's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> Vec<String> {
    let (prose, _) = prose_and_blocks(text);
    let headings = prose.iter().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches(['#', ' ']));
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    headings
        .map(|heading| {
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
            let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect();
            let count = seen.entry(anchor.clone()).or_default();
            *count += 1;
            if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
        })
        .collect()
}

fn check(document: &str, target: &str) -> Result<bool, String> {
    let (place, anchor) = target.split_once('#').map_or((target, None), |(place, anchor)| (place, Some(anchor)));
    let Some(file) = file_of(document, place)? else { return Ok(false) };
    if !root().join(&file).exists() {
        return Err(format!("there is no {}", file.display()));
    }
    if let Some(anchor) = anchor.filter(|_| file.extension().is_some_and(|extension| extension == "md"))
        && !anchors(&with_includes(file.to_str().expect("a plain path"))).iter().any(|known| known == anchor)
        // GitHub adds it to the front page of a repository.
        && !(file == Path::new("README.md") && anchor == "readme")
    {
        return Err(format!("{} has no heading #{anchor}", file.display()));
    }
    Ok(true)
}

#[test]
fn every_link_target_exists() {
    book::generate();
    let (mut links, mut faults) = (0, Vec::new());
    for document in linking() {
        for target in targets(&read(&document)) {
            match check(&document, &target) {
                Ok(followed) => links += usize::from(followed),
                Err(fault) => faults.push(format!("{document}: {target}: {fault}")),
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(links > 200, "are the links still read?");
}

#[test]
fn broken_links_are_detected() {
    let page = "docs/src/usage.md";
    for wrong in [
        "nowhere.md",
        "#nowhere",
        "mirrors.md#nowhere",
        "../../README.md",
        &format!("{REPOSITORY}/blob/main/nowhere.md"),
        &format!("{}rules/nowhere.html", book_address()),
        &format!("{}usage.html#nowhere", book_address()),
    ] {
        assert!(check(page, wrong).is_err(), "{wrong}");
    }
    for right in ["#exit-codes", "mirrors.md#proxies", &format!("{}usage.html#exit-codes", book_address())] {
        assert_eq!(check(page, right), Ok(true), "{right}");
    }
    assert!(check("CHANGELOG.md", "README.md").is_err(), "a relative link in an included document");
    assert!(book::pages().iter().any(|known| known == page));
}

#[test]
fn links_are_read_from_prose_and_project_urls_from_all_text() {
    let text = format!("[a](b.md#c) <img src=\"d.svg\">\n```\n[x](y.md) {REPOSITORY}/blob/main/e.\n```\n");
    assert_eq!(targets(&text), ["b.md#c", "d.svg", &format!("{REPOSITORY}/blob/main/e")]);
    assert_eq!(anchors("# A b\n## `x`: y, z\n# A b\n"), ["a-b", "x-y-z", "a-b-1"]);
}
