//! Which variables a Flux Kustomization sets: `spec.postBuild.substituteFrom` and `substitute`.
//!
//! Follows `LoadVariables` and `SubstituteVariables` in `kustomize/kustomize_varsub.go` of github.com/fluxcd/pkg 1.39.0:
//! a later source overrides an earlier one, and `substitute` all.

use std::collections::BTreeMap;

use super::envsubst::{Variable, is_variable_name, value_of};

/// The keys of a ConfigMap, a Secret, or `substitute`, with their values as they are there; a value that is encrypted
/// or otherwise not known is `None`.
pub(crate) type VariableData = BTreeMap<String, Option<String>>;

/// A ConfigMap or Secret that `substituteFrom` names, in the Kustomization's namespace.
pub(crate) enum VariableSource {
    /// It is in the inputs: `data` of a ConfigMap, `data` (decoded) and `stringData` of a Secret.
    Data(VariableData),
    /// It is not. Whether or not it is optional, the cluster may have it, with any keys.
    Unseen,
}

/// The name of a variable that no variable can have: Flux fails, whether or not it is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'")]
pub(crate) struct InvalidVariableName(pub(crate) String);

/// All variables of a Kustomization. It has no `Debug`, because values may come from a Secret.
pub(crate) struct Variables {
    data: VariableData,
    has_unseen: bool,
}

impl Variables {
    /// Merges the sources, in order.
    ///
    /// # Errors
    ///
    /// A name is not valid. The names of a source that is not in the inputs are not known; those are taken for valid.
    pub(crate) fn new(
        substitute_from: Vec<VariableSource>,
        substitute: VariableData,
    ) -> Result<Self, InvalidVariableName> {
        let last_unseen = substitute_from.iter().rposition(|source| matches!(source, VariableSource::Unseen));
        let mut data = VariableData::new();
        for (at, source) in substitute_from.into_iter().enumerate() {
            let VariableSource::Data(source) = source else { continue };
            // What comes before a source that is not known may be overridden by it.
            let is_final = last_unseen.is_none_or(|unseen| at > unseen);
            data.extend(source.into_iter().map(|(name, value)| (name, value.filter(|_| is_final))));
        }
        data.extend(substitute);
        if let Some(name) = data.keys().find(|name| !is_variable_name(name)) {
            return Err(InvalidVariableName(name.clone()));
        }
        Ok(Self { data, has_unseen: last_unseen.is_some() })
    }

    /// Whether there is certainly no variable: Flux then leaves the text as it is, unless `substituteStrategy` is
    /// `Always`.
    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty() && !self.has_unseen
    }

    /// What is known about a variable.
    pub(crate) fn get(&self, name: &str) -> Variable {
        match self.data.get(name) {
            Some(Some(value)) => Variable::Value(value_of(value)),
            Some(None) => Variable::Unknown,
            // No source can set what is not a name.
            None if self.has_unseen && is_variable_name(name) => Variable::Unknown,
            None => Variable::Unset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pairs: &[(&str, &str)]) -> VariableData {
        let known = |value: &str| Some(value.to_owned()).filter(|value| value != "?");
        pairs.iter().map(|(name, value)| ((*name).to_owned(), known(value))).collect()
    }

    fn shown(variables: &Variables, name: &str) -> String {
        match variables.get(name) {
            Variable::Value(value) => format!("={value}"),
            Variable::Unset => "unset".to_owned(),
            Variable::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn later_source_overrides_and_unseen_one_makes_the_earlier_unknown() {
        use VariableSource::{Data, Unseen};
        let first = || Data(data(&[("A", "1"), ("B", "1"), ("C", "1\n\n"), ("D", "?")]));
        let second = || Data(data(&[("B", "2"), ("D", "2")]));
        let inline = || data(&[("C", "3\n"), ("E", "?")]);
        for (sources, expected) in [
            (vec![], ["unset", "unset", "=3", "unset", "unknown", "unset"]),
            (vec![first(), second()], ["=1", "=2", "=3", "=2", "unknown", "unset"]),
            (vec![second(), first()], ["=1", "=1", "=3", "unknown", "unknown", "unset"]),
            (vec![first(), Unseen, second()], ["unknown", "=2", "=3", "=2", "unknown", "unknown"]),
            (vec![first(), second(), Unseen], ["unknown", "unknown", "=3", "unknown", "unknown", "unknown"]),
        ] {
            let variables = Variables::new(sources, inline()).expect("valid names");
            assert_eq!(["A", "B", "C", "D", "E", "F"].map(|name| shown(&variables, name)), expected);
            assert_eq!(shown(&variables, "1"), "unset");
        }
    }

    #[test]
    fn no_variable_and_a_bad_name_are_told() {
        let of = |sources, inline: &[(&str, &str)]| Variables::new(sources, data(inline));
        assert!(of(vec![], &[]).is_ok_and(|variables| variables.is_empty()));
        assert!(of(vec![VariableSource::Unseen], &[]).is_ok_and(|variables| !variables.is_empty()));
        assert!(of(vec![], &[("A", "")]).is_ok_and(|variables| !variables.is_empty()));
        let error = of(vec![VariableSource::Data(data(&[("a.b", "")]))], &[("A", "")]).err().expect("a bad name");
        assert_eq!(error.to_string(), "'a.b' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'");
    }
}
