//! Helm hooks: objects that Helm creates before or after all others, in the order of their weights.
//!
//! Follows `pkg/release/util/manifest_sorter.go` and `pkg/action/hooks.go` (`hookByWeight`) of Helm: lower weights
//! first, then by name.

use crate::text::yaml::Node;
use crate::text::yaml::scalar::Scalar;

/// The `helm.sh/hook` annotations of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Whether it is created before the ordinary objects of an installation.
    pub before_install: bool,
    /// The value of `helm.sh/hook-weight`; 0 if there is none.
    pub weight: i64,
}

impl Hook {
    /// Reads the annotations of an object; `None` if it is not a hook.
    pub(crate) fn of(object: Node<'_>) -> Option<Self> {
        let annotations = object.at(&["metadata", "annotations"])?;
        let mut events = annotations.str("helm.sh/hook")?.split(',').map(str::trim);
        let before_install = events.any(|event| event.eq_ignore_ascii_case("pre-install"));
        let weight = annotations.get("helm.sh/hook-weight");
        let written = weight.filter(|weight| !matches!(weight.scalar(), Some(Scalar::Null))).and_then(Node::text);
        let weight = written.and_then(|text| text.trim_start_matches('+').parse().ok()).unwrap_or_default();
        Some(Self { before_install, weight })
    }
}
