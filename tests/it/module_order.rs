//! The modules of the library stand in an order, and none imports a later one: the order is in `src/lib.rs`.
//!
//! Parents and their children know each other; two children of one parent may not import each other, directly or
//! through further ones.
#![expect(clippy::disallowed_methods, reason = "reads the sources of the library")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module's path, `["text", "yaml"]`, and what it imports by `crate::` or `super::`.
type Imports = BTreeMap<Vec<String>, Vec<Vec<String>>>;

fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

fn read_all(folder: &Path, within: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{within}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            read_all(&entry.path(), &format!("{name}/"), files);
        } else if name.ends_with(".rs") && !matches!(name.as_str(), "lib.rs" | "main.rs") {
            files.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// A text without comments and without its tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The paths of a `use` tree.
fn expand(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((lead, inner)) = tree.split_once('{') else {
        return vec![tree.split_whitespace().next().unwrap_or_default().to_owned()];
    };
    let inner = inner.trim_end().trim_end_matches('}');
    let (mut parts, mut depth, mut part) = (Vec::new(), 0, String::new());
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    parts.push(part);
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| expand(part)).map(|path| format!("{lead}{path}")).collect()
}

/// The paths from `crate::` or `super::` in a module's code, from the root.
fn imports(module: &[String], code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (at, lead) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let line = code[..at].rfind(['\n', ';']).map_or(0, |end| end + 1);
        let is_use = code[line..at].trim_start().trim_start_matches("pub").trim_start().ends_with("use ")
            || code[line..at].trim().ends_with("use");
        let end = match is_use {
            true => code[at..].find(';'),
            false => code[at + lead.len()..]
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
                .map(|end| end + lead.len()),
        };
        let tree = &code[at..end.map_or(code.len(), |end| at + end)];
        paths.extend(if is_use { expand(tree) } else { vec![tree.to_owned()] });
    }
    let absolute = |path: String| {
        let steps: Vec<&str> = path.split("::").map(str::trim).collect();
        let up = steps.iter().take_while(|step| **step == "super").count();
        let base = if steps[0] == "crate" { &[][..] } else { &module[..module.len().saturating_sub(up)] };
        let rest = &steps[up.max(1)..];
        base.iter().cloned().chain(rest.iter().map(|step| (*step).to_owned())).collect()
    };
    paths.into_iter().map(absolute).collect()
}

fn all_imports(files: &BTreeMap<String, String>) -> Imports {
    let one = |(file, text): (&String, &String)| {
        let module = module_of(file);
        let found = imports(&module, &code(text));
        (module, found)
    };
    files.iter().map(one).collect()
}

/// Imports that climb against the order of the top modules, which has each of them once.
fn climbs(order: &[&str], all: &Imports) -> Vec<String> {
    let place = |module: &str| order.iter().position(|name| *name == module);
    let mut faults: Vec<String> = all
        .keys()
        .filter(|module| place(&module[0]).is_none())
        .map(|module| format!("{} is not in the order", module[0]))
        .collect();
    for (module, imported) in all {
        for path in imported.iter().filter(|path| place(&path[0]) > place(&module[0])) {
            faults.push(format!("{} imports {}", module.join("::"), path.join("::")));
        }
    }
    faults.dedup();
    faults
}

/// Children of one parent that import each other, each with what its circle has.
fn circles(all: &Imports) -> Vec<String> {
    let mut children: BTreeMap<&[String], BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for (module, imported) in all {
        for path in imported {
            let same = module.iter().zip(path).take_while(|(own, other)| own == other).count();
            let (Some(own), Some(other)) = (module.get(same), path.get(same)) else { continue };
            if all.keys().any(|known| known.starts_with(&path[..=same])) {
                children.entry(&module[..same]).or_default().entry(own).or_default().insert(other);
            }
        }
    }
    let mut faults = Vec::new();
    for (parent, edges) in &children {
        for start in edges.keys() {
            let (mut seen, mut open) = (BTreeSet::new(), vec![*start]);
            while let Some(module) = open.pop() {
                for next in edges.get(module).into_iter().flatten().filter(|next| seen.insert(**next)) {
                    open.push(next);
                }
            }
            if seen.contains(start) {
                faults.push(format!("{}: {start} imports itself through {seen:?}", parent.join("::")));
            }
        }
    }
    faults
}

/// The order that `src/lib.rs` states, lowest first.
fn order(library: &str) -> Vec<&str> {
    let lines = library.lines().filter_map(|line| line.strip_prefix("//! "));
    let lines = lines.skip_while(|line| !line.starts_with("error < ")).take_while(|line| line.contains('<'));
    lines.flat_map(|line| line.split('<')).map(str::trim).filter(|module| !module.is_empty()).collect()
}

fn sources() -> (String, BTreeMap<String, String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    read_all(&root, "", &mut files);
    (fs::read_to_string(root.join("lib.rs")).unwrap(), files)
}

#[test]
fn no_module_imports_a_later_one() {
    let (library, files) = sources();
    let order = order(&library);
    let folders: BTreeSet<String> = files.keys().map(|file| module_of(file).remove(0)).collect();
    assert_eq!(order.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), folders, "the tour of src/lib.rs");
    let all = all_imports(&files);
    assert!(all.values().map(Vec::len).sum::<usize>() > 1500, "are imports still found?");
    let faults = climbs(&order, &all);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_siblings_import_each_other() {
    let faults = circles(&all_imports(&sources().1));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn import_cycles_and_upward_imports_are_detected() {
    let files = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
        list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    let planted = files(&[
        ("low/mod.rs", "pub mod a;\npub mod b;\npub mod c;\nuse a::One;\n"),
        ("low/a.rs", "use super::b::{self, Two};\n// use crate::high::Other;\n"),
        ("low/b.rs", "fn three() { crate::low::c::three() }\n"),
        ("low/c/mod.rs", "mod d;\n"),
        ("low/c/d.rs", "use super::super::a::One;\nuse super::Own;\n#[cfg(test)]\nmod tests { use crate::high::X; }\n"),
        ("high.rs", "use crate::low::{a::One, b};\n"),
    ]);
    let all = all_imports(&planted);
    assert_eq!(climbs(&["low", "high"], &all), [""; 0]);
    assert_eq!(climbs(&["high", "low"], &all), ["high imports low::a::One", "high imports low::b"]);
    let found = circles(&all);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("low: a imports itself through"), "{found:?}");
}
