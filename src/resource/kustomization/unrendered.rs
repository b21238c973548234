//! The parts of a kustomization that only its rendered form shows.

use super::Kustomization;
use super::fields::Fields;
use crate::text::source::Span;

/// A part of a kustomization that is not followed, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfollowed {
    /// The kind of the part.
    pub reason: UnfollowedReason,
    /// The place of the entry, or of the kustomization's first key.
    pub span: Span,
}

/// Why part of a kustomization is not followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnfollowedReason {
    /// A file or folder from the network.
    Remote(String),
    /// A file or folder that is not among the inputs.
    Missing(String),
    /// A patch that may change what is pulled.
    Patch,
    /// `replacements` that may set an image, so that it is not known what is pulled.
    Replacements,
    /// `replacements` that may set the credentials that an image is pulled with: names of Secrets, service accounts,
    /// or namespaces.
    CredentialReplacements,
    /// `transformers`; the unknown kind, or the unknown file or folder.
    Transformers(String),
    /// `generators`, which may produce any objects.
    Generators,
    /// Helm charts that kustomize inflates.
    Charts,
    /// A GitOps object that may build something else from the folder.
    Deployer(DeployerDoubt),
    /// kustomize refuses a kustomization in the build, so that it produces nothing.
    Refused,
}

impl UnfollowedReason {
    /// The description of all reasons of this kind.
    const fn words(&self) -> &'static str {
        match self {
            Self::Remote(_) => "remote resources",
            Self::Missing(_) => "resources that are not among the inputs",
            Self::Patch => "patches that are not followed",
            Self::Replacements | Self::CredentialReplacements => "`replacements`",
            Self::Transformers(_) => "`transformers`",
            Self::Generators => "`generators`",
            Self::Charts => "`helmCharts`",
            Self::Deployer(doubt) => doubt.part(),
            Self::Refused => "kustomizations that kustomize refuses",
        }
    }

    /// The name in the kustomization, if it adds information.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Remote(member) | Self::Missing(member) => Some(member),
            Self::Transformers(name) => Some(name).filter(|name| !name.is_empty()).map(String::as_str),
            _ => None,
        }
    }
}

/// Why it is not known what a GitOps object builds from a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeployerDoubt {
    /// Several folders have the path that the object names.
    AmbiguousPath,
    /// The object names another repository than most do.
    OtherRepository,
    /// A field of the object is not followed.
    Field,
    /// An ApplicationSet fills a template in with something that is not in the inputs.
    Parameter,
    /// Argo CD may fail to generate the Application, or generate another one.
    Generation,
    /// A file beside the manifests changes the Application, and is not followed.
    SourceFile,
    /// Argo CD fails to build the folder.
    Failing,
    /// Flux fails to replace the variables in a text.
    Substitution,
    /// Following all objects would take too long.
    TooMany,
}

impl DeployerDoubt {
    /// The reason why an image is not known.
    pub const fn words(self) -> &'static str {
        match self {
            Self::AmbiguousPath => "several folders in the inputs have this path",
            Self::OtherRepository => "this may be a folder in another repository",
            Self::Field => "this may change what is deployed, and is not followed",
            Self::Parameter => "the ApplicationSet fills this in with a value that is not in the inputs",
            Self::Generation => "it is not known whether the ApplicationSet generates this Application",
            Self::SourceFile => "a `.argocd-source` file changes this Application, and is not followed",
            Self::Failing => "Argo CD fails to build this folder",
            Self::Substitution => "Flux fails to replace the variables in this, and deploys nothing of the build",
            Self::TooMany => "too many objects deploy folders in the inputs for pullcheck to follow",
        }
    }

    /// The description among the parts that are not followed.
    const fn part(self) -> &'static str {
        match self {
            Self::AmbiguousPath => "the object that deploys it, because several folders in the inputs have its path",
            Self::OtherRepository => "the object that deploys it, because it may deploy a folder in another repository",
            Self::Field => "a field of the object that deploys it",
            Self::Parameter => {
                "the ApplicationSet that deploys it, because a value for its template is not in the inputs"
            }
            Self::Generation => {
                "the ApplicationSet that deploys it, because it is not known which Applications it generates"
            }
            Self::SourceFile => "the `.argocd-source` file beside it",
            Self::Substitution => {
                "the Flux Kustomization that deploys it, because it fails to replace variables in a text"
            }
            Self::Failing => "the Application that deploys it, because Argo CD fails to build it",
            Self::TooMany => "the objects that deploy it, because there are too many",
        }
    }
}

/// A build that is only partly followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialBuild {
    /// The place in the kustomization's file to show.
    pub span: Span,
    /// The folder of the kustomization; `.` for the current folder.
    pub folder: String,
    /// Descriptions of the parts that are not followed, each once.
    pub parts: Vec<String>,
    /// Whether these include charts, which kustomize inflates only if it is configured to.
    pub has_charts: bool,
    /// Whether a GitOps object builds the folder with changes of its own.
    pub is_deployed: bool,
}

impl PartialBuild {
    pub(crate) fn new(root: &Kustomization, reasons: &[Unfollowed]) -> Self {
        let own = reasons.iter().find(|unfollowed| unfollowed.span.source == root.span.source);
        let mut sorted: Vec<&UnfollowedReason> = reasons.iter().map(|unfollowed| &unfollowed.reason).collect();
        sorted.sort();
        sorted.dedup();
        Self {
            span: own.map_or(root.span, |unfollowed| unfollowed.span),
            folder: if root.folder.is_empty() { ".".to_owned() } else { root.folder.clone() },
            parts: parts(&sorted),
            is_deployed: root.deployed_by.is_some(),
            has_charts: sorted.contains(&&UnfollowedReason::Charts),
        }
    }
}

/// Describes each kind of reason, with the first few names.
fn parts(reasons: &[&UnfollowedReason]) -> Vec<String> {
    const SHOWN: usize = 3;
    let alike = reasons.chunk_by(|one, other| one.words() == other.words());
    let part = |alike: &[&UnfollowedReason]| {
        let names: Vec<String> =
            alike.iter().filter_map(|reason| reason.name()).map(|name| format!("`{name}`")).collect();
        let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        let words = alike.first().map_or("", |reason| reason.words());
        match (names.len(), names.len().saturating_sub(SHOWN)) {
            (0, _) => words.to_owned(),
            (_, 0) => format!("{words} ({shown})"),
            (_, more) => format!("{words} ({shown} and {more} more)"),
        }
    };
    alike.map(part).collect()
}

/// Reads the parts of a kustomization that are not followed, from its own keys.
pub(crate) fn read(fields: &Fields<'_>) -> Vec<Unfollowed> {
    let mut found = Vec::new();
    let mut note = |reason, key: &str| {
        let entry = fields.entry(key).filter(|_| fields.has(key));
        found.extend(entry.map(|entry| Unfollowed { reason, span: entry.key.span() }));
    };
    for key in ["helmCharts", "helmChartInflationGenerator"] {
        note(UnfollowedReason::Charts, key);
    }
    note(UnfollowedReason::Generators, "generators");
    found
}

/// Whether a field path may lead to an image, or to something that contains one: `spec.template.spec.containers`,
/// `spec.containers.[name=web].image`, `spec.containers.*`.
pub(crate) fn is_of_images(path: &str) -> bool {
    const HOLDERS: [&str; 7] = ["spec", "template", "jobTemplate", "volumes", "reference", "repository", "version"];
    let is_item = |part: &&str| {
        matches!(*part, "*" | "-")
            || part.ends_with(']')
            || !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
    };
    let last = path.split('.').rfind(|part| !is_item(part)).unwrap_or_default();
    let lower = last.to_ascii_lowercase();
    !path.contains('.')
        || HOLDERS.contains(&last)
        || ["image", "containers", "tag", "sha"].iter().any(|end| lower.ends_with(end))
}

pub(crate) fn is_of_credentials(path: &str) -> bool {
    ["imagePullSecrets", "serviceAccount", "metadata.namespace"].iter().any(|part| path.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_paths_of_images_and_credentials_are_recognized() {
        for path in [
            "spec.template.spec.containers.[name=web].image",
            "spec.template.spec.containers.[image=a.b].image",
            "spec.template.spec.containers.0.image",
            "spec.template.spec.containers",
            "spec.template.spec.initContainers.*",
            "spec.template.spec",
            "spec.sidecarImage",
            "spec.image.tag",
            "spec",
        ] {
            assert!(is_of_images(path), "{path}");
        }
        for path in ["metadata.name", "metadata.annotations.a", "spec.template.spec.containers.0.env.0.value", "data.x"]
        {
            assert!(!is_of_images(path), "{path}");
        }
        assert!(is_of_credentials("spec.template.spec.imagePullSecrets.0.name"));
        assert!(is_of_credentials("metadata.namespace"));
        assert!(!is_of_credentials("metadata.name"));
    }
}
