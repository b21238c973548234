//! The build environment of Argo CD: `$ARGOCD_APP_NAME` and the like in an Application.
//!
//! Follows `Env.Envsubst` in `pkg/apis/application/v1alpha1/types.go` and `newEnv` in
//! `reposerver/repository/repository.go` of Argo CD 3.5. Argo CD expands the texts of `kustomize.images`,
//! `kustomize.commonLabels`, and, with `commonAnnotationsEnvsubst`, `kustomize.commonAnnotations`; of
//! `helm.valueFiles`, of the values in `helm.parameters`, and of the paths in `helm.fileParameters`; not those of
//! `helm.values`, `valuesObject`, `patches`, or `namespace`.
//!
//! The variables are `ARGOCD_APP_NAME` (with the namespace and `_` before it, if the Application is not in Argo CD's
//! own namespace), `ARGOCD_APP_NAMESPACE` (that of the destination), `ARGOCD_APP_PROJECT_NAME`, `ARGOCD_APP_REVISION`,
//! `ARGOCD_APP_REVISION_SHORT` (7 characters), `ARGOCD_APP_REVISION_SHORT_8`, `ARGOCD_APP_SOURCE_REPO_URL`,
//! `ARGOCD_APP_SOURCE_PATH`, and `ARGOCD_APP_SOURCE_TARGET_REVISION`. All others are empty.

use super::envsubst::Variable;
use crate::text::go::expand;

/// The longest text that results, in bytes: an image or a path is far shorter.
const MAX_LENGTH: usize = 1 << 16;

/// A text after its variables were filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expanded {
    /// The text.
    Known(String),
    /// The first variable that is not known.
    Unknown(String),
    /// The text becomes longer than 64 KiB.
    TooLong,
}

/// Fills in all variables of a text; one that is unset is empty, and `$$` is a `$`.
pub(crate) fn expand_variables(text: &str, lookup: &dyn Fn(&str) -> Variable) -> Expanded {
    let expanded = expand::expand(text, |name, expanded| {
        match lookup(name) {
            _ if name == "$" => expanded.push('$'),
            Variable::Value(value) => expanded.push_str(&value),
            Variable::Unset => {}
            Variable::Unknown => return Err(Expanded::Unknown(name.to_owned())),
        }
        if expanded.len() > MAX_LENGTH { Err(Expanded::TooLong) } else { Ok(()) }
    });
    expanded.map_or_else(|stop| stop, Expanded::Known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_an_application_are_filled_in() {
        let lookup = |name: &str| match name {
            "ARGOCD_APP_NAME" => Variable::Value("web".to_owned()),
            "LONG" => Variable::Value("a".repeat(1000)),
            "ARGOCD_APP_REVISION" | "$" => Variable::Unknown,
            _ => Variable::Unset,
        };
        let of = |text: &str| expand_variables(text, &lookup);
        let known = |text: &str| Expanded::Known(text.to_owned());
        assert_eq!(of("app=reg.example.com/${ARGOCD_APP_NAME}:1"), known("app=reg.example.com/web:1"));
        assert_eq!(of("$ARGOCD_APP_NAME:$UNSET$$x"), known("web:$x"));
        assert_eq!(of("app:$ARGOCD_APP_REVISION"), Expanded::Unknown("ARGOCD_APP_REVISION".to_owned()));
        assert_eq!(of(&"$LONG".repeat(66)), Expanded::TooLong);
        assert_eq!(of("${ARGOCD_APP_NAME:-x}"), known(""), "it has no defaults");
    }
}
