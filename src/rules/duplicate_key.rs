//! `duplicate-key`: a key that decides what is pulled is written twice, and the last one is used.

use std::sync::LazyLock;

use crate::findings::finding::{Finding, Severity, Subject};
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/duplicate-key.md")));

/// Keys whose value is a scalar, so that duplicates have nothing to join.
const SCALARS: &[&str] = &[
    "kind",
    "type",
    "name",
    "image",
    "imagePullPolicy",
    "serviceAccount",
    "serviceAccountName",
    ".dockerconfigjson",
    ".dockercfg",
];

/// Reports a duplicate key that affects what is pulled, or with which credentials.
pub(super) struct DuplicateKey;

impl Rule for DuplicateKey {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.inventory.duplicate_keys.iter().map(|duplicate| {
            let times = match duplicate.lose.len() {
                1 => "twice".to_owned(),
                others => format!("{} times", others + 1),
            };
            let key = duplicate.key;
            let (severity, message) = if duplicate.same {
                let message = format!("duplicate key `{key}`: it appears {times} in one mapping, with the same value");
                (Severity::Note, message)
            } else {
                let message = format!(
                    "duplicate key `{key}`: it appears {times} in one mapping, and Kubernetes uses only the last one"
                );
                (META.severity, message)
            };
            let help = if duplicate.same || SCALARS.contains(&key) {
                format!("keep only the intended `{key}`")
            } else {
                format!("keep one `{key}` and merge the contents below it")
            };
            let finding = Finding::new(META.id, severity, message, duplicate.wins, "this one is used");
            let finding = duplicate.lose.iter().fold(finding, |finding, at| finding.related(*at, "overwritten"));
            finding.help(help).subject(Subject {
                resource: Some(cx.inventory.resource(duplicate.resource).name.clone()),
                container: duplicate.container.clone(),
                image: None,
            })
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::workload::duplicate;
    use crate::rules::testing::Facts;

    #[test]
    fn finding_points_at_the_last_key_and_shows_the_others() {
        let mut facts = Facts::default();
        let resource = facts.resource("Pod", None, "web");
        let lose = vec![facts.write("image: a"), facts.write("image: b")];
        let wins = facts.write("image: c");
        facts.inventory.duplicate_keys.push(duplicate::DuplicateKey {
            resource,
            container: None,
            key: "image",
            wins,
            lose: lose.clone(),
            same: false,
        });
        let found = facts.check(&DuplicateKey).pop().expect("one finding");
        assert!(found.message.starts_with("duplicate key `image`: it appears 3 times"), "{}", found.message);
        assert_eq!(found.help.as_deref(), Some("keep only the intended `image`"));
        assert_eq!(found.primary.span, wins);
        assert_eq!(found.related.iter().map(|label| label.span).collect::<Vec<_>>(), lose);
    }
}
