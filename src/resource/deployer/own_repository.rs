//! Which of the Git repositories that GitOps objects name is the one that is checked.

use std::collections::BTreeMap;

use super::Deployer;

/// For each tool, the repository that most of its objects name: it is this one.
#[derive(Debug, Default)]
pub(crate) struct OwnRepositories<'n>(BTreeMap<Deployer, Option<&'n str>>);

impl<'n> OwnRepositories<'n> {
    /// Counts the repositories of objects with a path that is in the inputs.
    pub(crate) fn new(named: impl Iterator<Item = (Deployer, &'n str)>) -> Self {
        let mut counts: BTreeMap<(Deployer, &str), usize> = BTreeMap::new();
        for key in named {
            *counts.entry(key).or_default() += 1;
        }
        let mut most: BTreeMap<Deployer, (usize, Option<&str>)> = BTreeMap::new();
        for ((deployer, name), count) in counts {
            let common = most.entry(deployer).or_default();
            if count > common.0 {
                *common = (count, Some(name));
            } else if count == common.0 {
                // Two are named as often.
                common.1 = None;
            }
        }
        Self(most.into_iter().map(|(deployer, (_, name))| (deployer, name)).collect())
    }

    /// Whether a repository is the one that is checked.
    pub(crate) fn contains(&self, deployer: Deployer, name: &str) -> bool {
        self.0.get(&deployer) == Some(&Some(name))
    }
}

/// The URL of a repository without the end that makes no difference (`NormalizeGitURL` in `util/git/git.go` of
/// Argo CD).
pub(crate) fn without_end(url: &str) -> &str {
    url.strip_suffix(".git").unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_common_repository_of_each_tool_is_this_one() {
        let named = [
            (Deployer::Flux, "GitRepository/a"),
            (Deployer::Flux, "GitRepository/b"),
            (Deployer::Flux, "GitRepository/a"),
            (Deployer::ArgoCd, "https://git.example/a"),
            (Deployer::ArgoCd, "https://git.example/b"),
        ];
        let own = OwnRepositories::new(named.into_iter());
        assert!(own.contains(Deployer::Flux, "GitRepository/a") && !own.contains(Deployer::Flux, "GitRepository/b"));
        // Neither is certain.
        assert!(named[3..].iter().all(|(deployer, name)| !own.contains(*deployer, name)));
    }
}
