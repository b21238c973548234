//! The nodes that a pod may run on, as far as this affects its image: operating system and architecture.
//!
//! Follows `component-helpers/nodeaffinity` of Kubernetes 1.37: the terms of the required node affinity are
//! alternatives, the requirements of a term are all required, and `nodeSelector` is required as well. Every node has
//! the labels `kubernetes.io/os` and `kubernetes.io/arch`, with Go's names as values, and their old `beta` forms
//! (`pkg/controller/nodelifecycle/node_lifecycle_controller.go`).

use std::collections::BTreeSet;
use std::fmt;

use crate::image::choose::choose;
use crate::image::manifest::Entry;
use crate::image::platform;
use crate::image::platform::ARCHITECTURES;
use crate::image::platform::Platform;
use crate::image::platform::SYSTEMS;
use crate::image::runtime::Runtime;
use crate::text::source::Span;

/// The values allowed for a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// One of these values.
    OneOf(BTreeSet<String>),
    /// Any value except these.
    NoneOf(BTreeSet<String>),
}

impl Default for Values {
    fn default() -> Self {
        Self::NoneOf(BTreeSet::new())
    }
}

impl Values {
    /// Allows exactly this value.
    pub fn only(value: &str) -> Self {
        Self::OneOf(BTreeSet::from([value.to_owned()]))
    }

    /// Whether a value is allowed.
    pub fn has(&self, value: &str) -> bool {
        match self {
            Self::OneOf(values) => values.contains(value),
            Self::NoneOf(values) => !values.contains(value),
        }
    }

    /// Whether any value is allowed.
    fn is_any(&self) -> bool {
        matches!(self, Self::NoneOf(values) if values.is_empty())
    }

    /// The values that both allow.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::OneOf(mut values), other) => {
                values.retain(|value| other.has(value));
                Self::OneOf(values)
            }
            (mine @ Self::NoneOf(_), Self::OneOf(values)) => {
                Self::OneOf(values.iter().filter(|value| mine.has(value)).cloned().collect())
            }
            (Self::NoneOf(mut values), Self::NoneOf(others)) => {
                values.extend(others.iter().cloned());
                Self::NoneOf(values)
            }
        }
    }
}

/// Requirements that must all be met.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Term {
    /// The values allowed for `kubernetes.io/os`.
    pub os: Values,
    /// The values allowed for `kubernetes.io/arch`.
    pub architecture: Values,
}

impl Term {
    /// Whether a node of an operating system and architecture is allowed.
    pub fn allows(&self, os: &str, architecture: &str) -> bool {
        self.os.has(os) && self.architecture.has(architecture)
    }

    /// The term that requires both.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self { os: self.os.and(&other.os), architecture: self.architecture.and(&other.architecture) }
    }
}

/// A pod's requirements for nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demand {
    /// Alternatives. If there are none, no node is allowed. A value that a template fills in later requires nothing.
    pub terms: Vec<Term>,
    /// The places of the requirements; empty if the pod names neither operating system nor architecture.
    pub spans: Vec<Span>,
}

/// Nodes of one kind. The image has to fit one of their platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nodes {
    /// The known properties of the nodes: `linux/arm64`, `linux`, `not arm64`.
    name: String,
    /// The possible platforms of the nodes: one, or several if not everything is known.
    platforms: Vec<Platform>,
}

/// Whether an image fits a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The image fits the node.
    Yes,
    /// The known facts do not show whether it fits.
    Maybe,
    /// The image does not fit the node.
    No,
}

impl fmt::Display for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Nodes {
    /// Nodes of one platform.
    pub fn of(platform: &Platform) -> Self {
        Self { name: platform.to_string(), platforms: vec![platform.clone()] }
    }

    /// Nodes of an operating system and architecture, either of which can be open.
    fn declared(os: &Values, architecture: &Values) -> impl Iterator<Item = Self> {
        let systems = choices(os, &SYSTEMS);
        let architectures = choices(architecture, &ARCHITECTURES);
        systems.into_iter().flat_map(move |(os_name, systems)| {
            let architectures = architectures.clone();
            architectures.into_iter().map(move |(architecture_name, architectures)| {
                let platforms = systems
                    .iter()
                    .flat_map(|os| architectures.iter().map(move |architecture| Platform::new(os, architecture, "")));
                let name = match (&os_name, &architecture_name) {
                    (Some(os), Some(architecture)) => format!("{os}/{architecture}"),
                    (Some(one), None) | (None, Some(one)) => one.clone(),
                    (None, None) => "any other".to_owned(),
                };
                Self { name, platforms: platforms.collect() }
            })
        })
    }

    /// The only platform of the nodes; `None` if not everything about it is known.
    pub fn platform(&self) -> Option<&Platform> {
        match self.platforms.as_slice() {
            [platform] => Some(platform),
            _ => None,
        }
    }

    /// The platform that represents all of the nodes: `usual` if they can have it.
    pub fn typical(&self, usual: &Platform) -> Option<&Platform> {
        self.platforms.iter().find(|platform| *platform == usual).or_else(|| self.platforms.first())
    }

    /// Whether a runtime on the nodes finds an entry to pull in an index.
    pub fn fit_index(&self, runtime: Runtime, entries: &[Entry]) -> Fit {
        self.any(|node| fit_index(runtime, node, entries))
    }

    /// Whether the single image of a manifest can run on the nodes. No runtime checks that before it pulls.
    pub fn fit_image(&self, image: &Platform) -> Fit {
        self.any(|node| if platform::runs(node, image) { Fit::Yes } else { Fit::No })
    }

    fn any(&self, fit: impl Fn(&Platform) -> Fit) -> Fit {
        let mut best = Fit::No;
        for platform in &self.platforms {
            match fit(platform) {
                Fit::Yes => return Fit::Yes,
                Fit::Maybe => best = Fit::Maybe,
                Fit::No => {}
            }
        }
        best
    }
}

/// Whether a node finds an entry in an index. An entry without platform is a candidate, but containerd checks its
/// configuration before it takes it, and it may not run. The version of a 32-bit ARM node is not known either unless
/// it is declared.
fn fit_index(runtime: Runtime, node: &Platform, entries: &[Entry]) -> Fit {
    let chosen = |node: &Platform| choose(runtime, node, entries);
    match chosen(node) {
        Some(Entry { platform: Some(_), .. }) => Fit::Yes,
        Some(Entry { platform: None, .. }) => Fit::Maybe,
        None if node.architecture == "arm" && node.variant.is_empty() => {
            let versions = ["v5", "v6", "v8"].map(|variant| Platform { variant: variant.to_owned(), ..node.clone() });
            if versions.iter().any(|node| chosen(node).is_some()) { Fit::Maybe } else { Fit::No }
        }
        None => Fit::No,
    }
}

/// The values to distinguish, each with its name: values listed one by one, and open values together, without a name
/// if nothing is declared.
fn choices(values: &Values, known: &[&'static str]) -> Vec<(Option<String>, Vec<&'static str>)> {
    let among: Vec<&'static str> = known.iter().copied().filter(|value| values.has(value)).collect();
    match values {
        Values::OneOf(_) => among.into_iter().map(|value| (Some(value.to_owned()), vec![value])).collect(),
        Values::NoneOf(_) if among.is_empty() => Vec::new(),
        Values::NoneOf(but) => {
            let but: Vec<&str> = but.iter().map(String::as_str).collect();
            let name = (!but.is_empty()).then(|| format!("not {}", but.join(", ")));
            vec![(name, among)]
        }
    }
}

impl Demand {
    /// Whether the pod names neither operating system nor architecture.
    fn is_silent(&self) -> bool {
        self.spans.is_empty() || self.terms.iter().all(|term| term.os.is_any() && term.architecture.is_any())
    }

    /// The nodes that matter for the pod: those of the cluster (`--platform`) that it may run on, else those that it
    /// requires. Empty if nothing is known about them, or if there can be none.
    pub fn nodes(&self, cluster: &[Platform]) -> Vec<Nodes> {
        let mut nodes: Vec<Nodes> = Vec::new();
        let allowed = |platform: &&Platform| {
            self.spans.is_empty() || self.terms.iter().any(|term| term.allows(&platform.os, &platform.architecture))
        };
        nodes.extend(cluster.iter().filter(allowed).map(Nodes::of));
        if nodes.is_empty() && !self.is_silent() {
            nodes.extend(self.terms.iter().flat_map(|term| Nodes::declared(&term.os, &term.architecture)));
        }
        let mut seen = BTreeSet::new();
        nodes.retain(|nodes| seen.insert(nodes.name.clone()));
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::SourceId;

    fn one_of(values: &[&str]) -> Values {
        Values::OneOf(values.iter().map(|&value| value.to_owned()).collect())
    }

    fn none_of(values: &[&str]) -> Values {
        Values::NoneOf(values.iter().map(|&value| value.to_owned()).collect())
    }

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/');
        let mut next = || parts.next().unwrap_or_default();
        Platform::new(next(), next(), next())
    }

    fn demand(terms: Vec<(Values, Values)>) -> Demand {
        let terms = terms.into_iter().map(|(os, architecture)| Term { os, architecture }).collect();
        Demand { terms, spans: vec![Span::new(SourceId(0), 0, 1)] }
    }

    fn names(demand: &Demand, cluster: &[&str]) -> Vec<String> {
        let cluster: Vec<_> = cluster.iter().map(|text| platform(text)).collect();
        demand.nodes(&cluster).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn node_requirements_are_intersected() {
        let cases = [
            (one_of(&["a", "b"]), one_of(&["b", "c"]), one_of(&["b"])),
            (one_of(&["a", "b"]), none_of(&["a"]), one_of(&["b"])),
            (none_of(&["a"]), one_of(&["a", "b"]), one_of(&["b"])),
            (none_of(&["a"]), none_of(&["b"]), none_of(&["a", "b"])),
            (Values::default(), one_of(&["a"]), one_of(&["a"])),
        ];
        for (a, b, both) in cases {
            assert_eq!(a.clone().and(&b), both);
            assert_eq!(b.and(&a), both);
        }
    }

    #[test]
    fn matching_cluster_platforms_take_precedence_over_demand() {
        let silent = Demand { terms: vec![Term::default()], spans: vec![] };
        assert_eq!(names(&silent, &[]), Vec::<String>::new());
        assert_eq!(names(&silent, &["linux/amd64", "linux/arm64"]), ["linux/amd64", "linux/arm64"]);
        let arm = demand(vec![(Values::default(), one_of(&["arm64"]))]);
        assert_eq!(names(&arm, &["linux/amd64", "linux/arm64/v8"]), ["linux/arm64/v8"]);
        assert_eq!(names(&arm, &["linux/amd64"]), ["arm64"]);
        let linux = demand(vec![(one_of(&["linux"]), Values::default())]);
        assert_eq!(names(&linux, &[]), ["linux"]);
        assert_eq!(names(&linux, &["windows/amd64", "linux/amd64"]), ["linux/amd64"]);
        let either =
            demand(vec![(one_of(&["linux"]), one_of(&["amd64"])), (one_of(&["linux"]), one_of(&["arm64", "amd64"]))]);
        assert_eq!(names(&either, &[]), ["linux/amd64", "linux/arm64"]);
    }

    #[test]
    fn unsatisfiable_demand_is_ignored() {
        assert_eq!(names(&demand(vec![]), &[]), Vec::<String>::new());
        assert_eq!(names(&demand(vec![(one_of(&[]), Values::default())]), &[]), Vec::<String>::new());
        let misspelled = demand(vec![(Values::default(), one_of(&["x86_64"]))]);
        assert_eq!(names(&misspelled, &[]), Vec::<String>::new());
    }

    #[test]
    fn one_platform_is_enough_if_any_architecture_is_allowed() {
        let entry = |text: &str| Entry { digest: None, platform: Some(platform(text)), ..Entry::default() };
        let index = [entry("linux/s390x"), entry("windows/amd64")];
        let fit = |demand: Demand, index: &[Entry]| {
            demand.nodes(&[]).iter().map(|nodes| nodes.fit_index(Runtime::Containerd, index)).collect::<Vec<_>>()
        };
        let linux = || demand(vec![(one_of(&["linux"]), Values::default())]);
        assert_eq!(fit(linux(), &index), [Fit::Yes]);
        assert_eq!(fit(linux(), &index[1..]), [Fit::No]);
        let but = demand(vec![(one_of(&["linux"]), none_of(&["s390x"]))]);
        assert_eq!(fit(but, &index), [Fit::No]);
        let unknown = Entry { digest: None, platform: None, ..Entry::default() };
        assert_eq!(fit(linux(), &[unknown]), [Fit::Maybe]);
        assert_eq!(fit(linux(), &[entry("unknown/unknown")]), [Fit::No]);
        assert_eq!(fit(linux(), &[]), [Fit::No]);
    }

    #[test]
    fn arm_node_without_variant_fits_v7_and_maybe_v6() {
        let entry = |text: &str| [Entry { digest: None, platform: Some(platform(text)), ..Entry::default() }];
        let arm = Nodes::of(&platform("linux/arm"));
        for (index, expected) in [("linux/arm/v7", Fit::Yes), ("linux/arm/v6", Fit::Maybe), ("linux/arm64", Fit::No)] {
            assert_eq!(arm.fit_index(Runtime::Containerd, &entry(index)), expected, "{index}");
        }
        let v7 = Nodes::of(&platform("linux/arm/v7"));
        assert_eq!(v7.fit_index(Runtime::Containerd, &entry("linux/arm/v6")), Fit::No);
        assert_eq!(v7.fit_index(Runtime::ContainerdOne, &entry("linux/arm/v6")), Fit::Yes);
    }

    #[test]
    fn single_platform_image_runs_on_compatible_nodes() {
        let runs = |node: &str, image: &str| Nodes::of(&platform(node)).fit_image(&platform(image));
        for (node, image, expected) in [
            ("linux/amd64", "linux/amd64", Fit::Yes),
            ("linux/amd64", "linux/386", Fit::Yes),
            ("linux/amd64", "linux/amd64/v3", Fit::Yes),
            ("linux/arm64", "linux/arm/v7", Fit::Yes),
            ("linux/arm64", "linux/arm64/v8", Fit::Yes),
            ("linux/amd64", "linux/arm64", Fit::No),
            ("linux/arm64", "linux/amd64", Fit::No),
            ("linux/amd64", "windows/amd64", Fit::No),
        ] {
            assert_eq!(runs(node, image), expected, "{image} on {node}");
        }
    }
}
