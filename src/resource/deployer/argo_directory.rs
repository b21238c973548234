//! The files of a folder that Argo CD deploys as they are.
//!
//! Follows `getPotentiallyValidManifestFile` in `reposerver/repository/repository.go` of Argo CD 3.2, and
//! `github.com/gobwas/glob` 0.2 without separators: a `*` matches slashes too.

use super::Directory;

/// Argo CD does not read a file with this text.
pub(crate) const SKIPPED: &str = "+argocd:skip-file-rendering";

/// Maximum number of patterns that the braces of one stand for.
const MAX_CHOICES: usize = 256;

/// Why it is not known which files are deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnknownPattern;

/// The patterns of a folder.
#[derive(Debug)]
pub(crate) struct Filter {
    recurse: bool,
    include: Vec<String>,
    exclude: Vec<String>,
    has_include: bool,
}

impl Filter {
    /// Reads the patterns; without any, all files of the folder itself are deployed.
    pub(crate) fn new(directory: Option<&Directory>) -> Result<Self, UnknownPattern> {
        let Some(own) = directory else {
            return Ok(Self { recurse: false, include: Vec::new(), exclude: Vec::new(), has_include: false });
        };
        Ok(Self {
            recurse: own.recurse,
            include: choices(&own.include)?,
            exclude: choices(&own.exclude)?,
            has_include: !own.include.is_empty(),
        })
    }

    /// Whether Argo CD deploys a file, by its path in the folder.
    pub(crate) fn deploys(&self, path: &str) -> bool {
        let is_manifest = [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end));
        let fits = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, path));
        is_manifest
            && (self.recurse || !path.contains('/'))
            && !fits(&self.exclude)
            && (!self.has_include || fits(&self.include))
    }
}

/// The patterns that a pattern with braces stands for.
fn choices(pattern: &str) -> Result<Vec<String>, UnknownPattern> {
    if pattern.is_empty() {
        return Ok(Vec::new());
    }
    if pattern.contains(['[', ']', '\\']) {
        return Err(UnknownPattern);
    }
    let mut open = vec![pattern.to_owned()];
    let mut all = Vec::new();
    while let Some(pattern) = open.pop() {
        let Some((before, rest)) = pattern.split_once('{') else {
            if pattern.contains('}') {
                return Err(UnknownPattern);
            }
            all.push(pattern);
            continue;
        };
        let (inner, after) = rest.split_once('}').ok_or(UnknownPattern)?;
        if inner.contains('{') || before.contains('}') || all.len() + open.len() > MAX_CHOICES {
            return Err(UnknownPattern);
        }
        open.extend(inner.split(',').map(|choice| format!("{before}{choice}{after}")));
    }
    Ok(all)
}

fn matches(pattern: &str, path: &str) -> bool {
    super::application_set::is_match(pattern.as_bytes(), path.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `github.com/gobwas/glob` 0.2.3 matches.
    const TABLE: &[(&str, &str)] = &[
        ("*.yaml", "a.yaml a/b.yaml b.yaml a/c/b.yaml aXb.yaml x,y.yaml"),
        ("*", "a.yaml a/b.yaml b.yaml a/c/b.yaml aXb.yaml b.json x,y.yaml b/x.yml"),
        ("**/*.yaml", "a/b.yaml a/c/b.yaml"),
        ("a/*", "a/b.yaml a/c/b.yaml"),
        ("{a,b}/*", "a/b.yaml a/c/b.yaml b/x.yml"),
        ("*.{yaml,json}", "a.yaml a/b.yaml b.yaml a/c/b.yaml aXb.yaml b.json x,y.yaml"),
        ("?.yaml", "a.yaml b.yaml"),
        ("a?b.yaml", "a/b.yaml aXb.yaml"),
        ("{,a/}b.yaml", "a/b.yaml b.yaml"),
        ("x,y.yaml", "x,y.yaml"),
        ("{*.json,b/*}", "b.json b/x.yml"),
    ];

    #[test]
    fn patterns_match_what_argo_cd_matches() {
        let paths =
            ["a.yaml", "a/b.yaml", "b.yaml", "a/c/b.yaml", "aXb.yaml", "b.json", "x,y.yaml", "b/x.yml", "a.jsonnet"];
        for (pattern, expected) in TABLE {
            let own = Directory { recurse: true, include: (*pattern).to_owned(), exclude: String::new() };
            let filter = Filter::new(Some(&own)).unwrap();
            let found: Vec<&str> = paths.into_iter().filter(|path| filter.deploys(path)).collect();
            assert_eq!(found.join(" "), *expected, "{pattern}");
        }
        for pattern in ["[ab].yaml", "{a,{b,c}}.yaml", "{a", "a}", r"\*.yaml"] {
            let own = Directory { exclude: pattern.to_owned(), ..Directory::default() };
            assert_eq!(Filter::new(Some(&own)).err(), Some(UnknownPattern), "{pattern}");
        }
    }

    #[test]
    fn files_below_are_deployed_only_with_recurse() {
        let filter = Filter::new(None).unwrap();
        assert!(filter.deploys("a.yml") && !filter.deploys("a/b.yml") && !filter.deploys("a.txt"));
    }
}
