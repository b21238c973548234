//! Reads a pod spec's constraints on its nodes: `nodeSelector`, the required node affinity, and `os.name`.
//!
//! Follows `staging/src/k8s.io/api/core/v1/types.go` of Kubernetes 1.37 and the validation in
//! `pkg/apis/core/validation/validation.go`. A spec that the validation rejects has no constraints here, because no
//! pod is ever created from it.

use std::collections::BTreeSet;

use crate::image::node::{Demand, Term, Values};
use crate::resource::workload::value::is_to_be_written;
use crate::text::source::Span;
use crate::text::yaml::Node;

/// Path to the terms of the required node affinity. The preferred one does not exclude any nodes.
const TERMS: &[&str] =
    &["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];

/// The node labels, including their old names.
const LABELS: [(&str, Label); 4] = [
    ("kubernetes.io/os", Label::System),
    ("kubernetes.io/arch", Label::Architecture),
    ("beta.kubernetes.io/os", Label::System),
    ("beta.kubernetes.io/arch", Label::Architecture),
];

/// The property of a node that a label describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    System,
    Architecture,
}

impl Label {
    fn of(key: &str) -> Option<Self> {
        LABELS.iter().find(|(name, _)| *name == key).map(|(_, label)| *label)
    }

    fn term(self, values: Values) -> Term {
        match self {
            Self::System => Term { os: values, ..Term::default() },
            Self::Architecture => Term { architecture: values, ..Term::default() },
        }
    }
}

/// Returns the constraints of a pod spec on its nodes.
pub(super) fn of_pod_spec(spec: Node<'_>) -> Demand {
    let mut spans = Vec::new();
    let mut base = Term::default();
    for (key, label) in LABELS {
        let Some(entry) = spec.get("nodeSelector").and_then(|selector| selector.entry(key)) else { continue };
        let Some(value) = known(entry.value) else { continue };
        base = base.and(&label.term(Values::only(value)));
        let (key, value) = (entry.key.span(), entry.value.span());
        spans.push(Span::new(key.source, key.start, value.end.max(key.end)));
    }
    // The field does not affect the scheduler, but the kubelet on another operating system rejects the pod.
    if let Some(name) = spec.at(&["os", "name"])
        && let Some(system) = known(name)
    {
        base = base.and(&Label::System.term(Values::only(system)));
        spans.push(name.span());
    }
    let terms: Vec<Node<'_>> = spec.at(TERMS).into_iter().flat_map(Node::items).collect();
    if terms.is_empty() {
        return Demand { terms: vec![base], spans };
    }
    let terms = terms.into_iter().filter_map(|term| affinity_term(term, &mut spans));
    let terms = terms.map(|term| term.and(&base)).collect();
    Demand { terms, spans }
}

/// Returns one alternative of the affinity; `None` if it is empty, and matches no node.
fn affinity_term(term: Node<'_>, spans: &mut Vec<Span>) -> Option<Term> {
    let expressions: Vec<Node<'_>> = term.get("matchExpressions").into_iter().flat_map(Node::items).collect();
    let has_fields = term.get("matchFields").is_some_and(|fields| fields.items().next().is_some());
    if expressions.is_empty() && !has_fields && !is_template(term) {
        return None;
    }
    let mut all = Term::default();
    for expression in expressions {
        let Some(label) = expression.str("key").and_then(Label::of) else { continue };
        if let Some(values) = requirement(expression) {
            all = all.and(&label.term(values));
            spans.push(expression.span());
        }
    }
    Some(all)
}

/// Whether a term, or its expressions, are something other than mappings, such as a template expression.
fn is_template(term: Node<'_>) -> bool {
    let expressions = term.get("matchExpressions");
    is_to_be_written(term) || expressions.is_some_and(|node| node.is_mapping() || node.as_str().is_some())
}

/// Returns the values that an expression allows; `None` if they are not known, or it is not a constraint.
fn requirement(expression: Node<'_>) -> Option<Values> {
    let listed = || {
        let list = expression.get("values").filter(|list| list.is_sequence())?;
        let values: Option<_> = list.items().map(|value| known(value).map(str::to_owned)).collect();
        values.filter(|values: &BTreeSet<String>| !values.is_empty())
    };
    match expression.str("operator")? {
        "In" => listed().map(Values::OneOf),
        "NotIn" => listed().map(Values::NoneOf),
        // Every node has both labels.
        "DoesNotExist" => Some(Values::OneOf(BTreeSet::new())),
        _ => None,
    }
}

/// Returns a value, unless another program has yet to fill it in.
fn known(value: Node<'_>) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty() && !is_to_be_written(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::SourceId;
    use crate::text::yaml;

    /// The nodes that a spec allows, and the text of its constraints.
    fn asked(spec: &str) -> (Vec<String>, Vec<String>) {
        let (mut nodes, mut said) = (Vec::new(), Vec::new());
        yaml::read(SourceId(0), spec, false, &mut |piece| {
            if let yaml::Piece::Document(document) = piece {
                let demand = of_pod_spec(document.root().expect("a spec"));
                nodes = demand.nodes(&[]).iter().map(ToString::to_string).collect();
                said = demand.spans.iter().map(|span| spec[span.range()].to_owned()).collect();
            }
        });
        (nodes, said)
    }

    fn nodes(spec: &str) -> Vec<String> {
        asked(spec).0
    }

    fn affinity(terms: &str) -> Vec<String> {
        nodes(&format!(
            "affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: {terms}}}}}}}"
        ))
    }

    #[test]
    fn node_selector_sets_os_and_architecture() {
        let (nodes, said) =
            asked("nodeSelector:\n  disk: ssd\n  kubernetes.io/os: linux\n  kubernetes.io/arch: arm64\n");
        assert_eq!(nodes, ["linux/arm64"]);
        assert_eq!(said, ["kubernetes.io/os: linux", "kubernetes.io/arch: arm64"]);
        assert_eq!(self::nodes("nodeSelector: {beta.kubernetes.io/arch: \"amd64\"}"), ["amd64"]);
        assert_eq!(self::nodes("os: {name: windows}"), ["windows"]);
        assert_eq!(self::nodes("os: {name: windows}\nnodeSelector: {kubernetes.io/os: linux}"), Vec::<String>::new());
    }

    #[test]
    fn unknown_selector_demands_nothing() {
        for spec in [
            "containers: []",
            "nodeSelector: {disk: ssd}",
            "nodeSelector: null",
            "nodeSelector: {kubernetes.io/arch: \"{{ .Values.arch }}\"}",
            "nodeSelector: {kubernetes.io/arch: {{ .Values.arch }}}",
            "nodeSelector: {kubernetes.io/arch: $ARCH}",
            "nodeSelector: {kubernetes.io/arch: 386}",
            "nodeSelector: [kubernetes.io/arch]",
            "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: null}}",
            "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: \
             {matchExpressions: [{key: kubernetes.io/arch, operator: In, values: [arm64]}]}}]}}",
        ] {
            assert_eq!(asked(spec), (vec![], vec![]), "{spec}");
        }
    }

    #[test]
    fn affinity_terms_are_ored_and_expressions_are_anded() {
        let expression = |operator: &str, values: &str| {
            format!("{{key: kubernetes.io/arch, operator: {operator}, values: [{values}]}}")
        };
        let (amd, arm) = (expression("In", "amd64, arm64"), expression("In", "arm64"));
        let not = expression("NotIn", "arm64");
        let os = "{key: kubernetes.io/os, operator: In, values: [linux]}";
        let cases = [
            (format!("[{{matchExpressions: [{amd}]}}]"), vec!["amd64", "arm64"]),
            (format!("[{{matchExpressions: [{amd}, {not}]}}]"), vec!["amd64"]),
            (format!("[{{matchExpressions: [{arm}, {os}]}}]"), vec!["linux/arm64"]),
            (format!("[{{matchExpressions: [{os}]}}, {{matchExpressions: [{arm}]}}]"), vec!["linux", "arm64"]),
            (format!("[{{matchExpressions: [{arm}]}}, {{}}]"), vec!["arm64"]),
            (format!("[{{matchExpressions: [{not}]}}]"), vec!["not arm64"]),
            (
                format!(
                    "[{{matchExpressions: [{arm}]}}, {{matchFields: [{{key: metadata.name, operator: In, values: [a]}}]}}]"
                ),
                vec!["arm64", "any other"],
            ),
            ("[{matchExpressions: [{key: kubernetes.io/arch, operator: Exists}]}]".to_owned(), vec![]),
            ("[{matchExpressions: [{key: kubernetes.io/arch, operator: DoesNotExist}]}]".to_owned(), vec![]),
            (format!("[{{matchExpressions: [{}]}}]", expression("In", "\"{{ .arch }}\"")), vec![]),
            (format!("[{{matchExpressions: [{}]}}]", expression("Gt", "1")), vec![]),
        ];
        for (terms, expected) in cases {
            assert_eq!(affinity(&terms), expected, "{terms}");
        }
    }

    #[test]
    fn node_selector_and_affinity_are_combined() {
        let spec = "nodeSelector: {kubernetes.io/os: linux}\naffinity: {nodeAffinity: \
                    {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: \
                    [{key: kubernetes.io/arch, operator: In, values: [arm64, s390x]}]}]}}}";
        assert_eq!(nodes(spec), ["linux/arm64", "linux/s390x"]);
    }
}
