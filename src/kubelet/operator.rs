//! What the operator declares about the cluster: service accounts, secrets and node identities that the inputs lack.

use std::str::FromStr;
use std::sync::LazyLock;

use crate::credential::dockerconfig::DockerConfig;
use crate::credential::keyring::{Keys, fault, index_key, key_matches};
use crate::image::platform::Platform;
use crate::image::reference::Reference;
use crate::kubelet::cloud;
use crate::text::go::glob;

/// The facts that options declare. If they contradict the inputs, they take precedence.
#[derive(Debug, Clone, Default)]
pub struct OperatorFacts {
    /// `--service-account`: service accounts with all their pull secrets.
    pub service_accounts: Vec<DeclaredServiceAccount>,
    /// `--pull-secret`: secrets of the cluster with their content.
    pub pull_secrets: Vec<SuppliedSecret>,
    /// `--assume-pull-secret`: secrets that exist, with unknown content.
    pub assumed_secrets: Vec<AssumedSecrets>,
    /// `--node-credentials`: registries for which nodes have their own credentials.
    pub node_credentials: NodeCredentials,
    /// `--expect-image`: images that will be pushed later.
    pub expected_images: Vec<ExpectedImages>,
    /// `--always-pull-images`: the admission plugin sets `Always` on every pod.
    pub always_pull_images: bool,
    /// `--platform`: the platforms of the cluster's nodes; empty if not declared.
    pub platforms: Vec<Platform>,
}

/// `[NS/]NAME`. Without a namespace, objects of that name in any namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The namespace; `None` matches any.
    pub namespace: Option<String>,
    /// The name, or the pattern of names.
    pub name: String,
}

impl Named {
    /// Whether this can mean an object in the namespace of a pod. A `namespace` of `None` is unknown, and matches
    /// any.
    pub(super) fn fits(&self, namespace: Option<&str>) -> bool {
        self.namespace.as_deref().zip(namespace).is_none_or(|(mine, theirs)| mine == theirs)
    }
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        if name.is_empty() || name.contains('/') || namespace == Some("") {
            return Err(format!("`{text}` is not a name or NAMESPACE/NAME"));
        }
        Ok(Self { namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }
}

/// A service account of the cluster, with all its pull secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredServiceAccount {
    /// The service account's name.
    pub named: Named,
    /// The account's `imagePullSecrets`, in order; empty if it has none.
    pub pull_secrets: Vec<String>,
}

impl FromStr for DeclaredServiceAccount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hint = "expected [NAMESPACE/]NAME=SECRET[,SECRET...]; write nothing after the = if it has no pull secret";
        let (named, secrets) = text.split_once('=').ok_or(hint)?;
        let secrets: Vec<_> = secrets.split(',').map(str::to_owned).collect();
        let none = secrets == [""];
        if !none && secrets.iter().any(String::is_empty) {
            return Err(format!("an empty secret name; {hint}"));
        }
        Ok(Self { named: named.parse()?, pull_secrets: if none { Vec::new() } else { secrets } })
    }
}

/// A secret of the cluster whose content is known.
#[derive(Debug, Clone)]
pub struct SuppliedSecret {
    /// The secret's name, optionally with a namespace.
    pub named: Named,
    /// The decoded dockerconfigjson of the secret.
    pub config: DockerConfig,
    /// The file with the content, as the user wrote the path.
    pub file: String,
}

/// Secrets that exist in the cluster, with unknown content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedSecrets(Named);

impl AssumedSecrets {
    /// Whether the secret of a pod is among these. The pattern is Go's `filepath.Match`, as everywhere in the
    /// kubelet.
    pub(super) fn has(&self, namespace: Option<&str>, name: &str) -> bool {
        self.0.fits(namespace) && glob::matches(self.0.name.as_bytes(), name.as_bytes()) == Ok(true)
    }
}

impl FromStr for AssumedSecrets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named: Named = text.parse()?;
        match glob::matches(named.name.as_bytes(), b"") {
            Ok(_) => Ok(Self(named)),
            Err(_) => Err(format!("`{text}` is not a pattern")),
        }
    }
}

/// Images that will be pushed before the manifests are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedImages(String);

impl ExpectedImages {
    /// Whether an image is among these. The pattern is matched against the image as written and normalized
    /// (`docker.io/library/nginx`), each with and without its tag or digest. The pattern is Go's `filepath.Match`,
    /// whose `*` does not match a slash.
    pub fn matches(&self, written: &str, image: &Reference) -> bool {
        let matches = |name: &str| glob::matches(self.0.as_bytes(), name.as_bytes()) == Ok(true);
        let bare = written.split_once('@').map_or(written, |(name, _)| name);
        let tag = image.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
        let bare = bare.strip_suffix(&tag).unwrap_or(bare);
        let tagged = format!("{}{tag}", image.name());
        [written, bare, image.name(), &tagged, &image.containerd_ref()].into_iter().any(matches)
    }
}

impl FromStr for ExpectedImages {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let valid = !text.trim().is_empty() && glob::matches(text.as_bytes(), b"").is_ok();
        if valid { Ok(Self(text.to_owned())) } else { Err(format!("`{text}` is not a pattern")) }
    }
}

/// The registries from which nodes pull with an identity of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeCredentials {
    patterns: Vec<String>,
    without_clouds: bool,
}

/// Why nodes are known to have credentials for a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeIdentity {
    /// The registry belongs to a cloud whose nodes have a credential provider for it. No such registry tells a client
    /// without credentials that a private image does not exist.
    Cloud,
    /// The operator declares it.
    Operator,
}

impl NodeCredentials {
    /// The value that, instead of a pattern, removes the clouds' registries.
    pub const NONE: &str = "none";

    /// Builds the set from the option's values: patterns in addition to the clouds' registries.
    ///
    /// # Errors
    /// A value that can match no image.
    pub fn new(values: &[String]) -> Result<Self, String> {
        let mut found = Self::default();
        for value in values {
            if value == Self::NONE {
                found.without_clouds = true;
            } else if index_key(value).is_none_or(|key| key.is_empty()) {
                return Err(format!("`{value}` is not a host or a pattern of hosts"));
            } else if let Some(fault) = fault(value).filter(|fault| fault.is_certain(value)) {
                return Err(format!("`{value}` matches no image: {}", fault.why(value)));
            } else {
                found.patterns.push(value.clone());
            }
        }
        Ok(found)
    }

    /// Whether the nodes authenticate by themselves for an image, according to the match of a credential provider's
    /// `matchImages` (`pkg/credentialprovider/plugin/plugin.go`).
    pub fn identity(&self, image: &Reference) -> Option<NodeIdentity> {
        static CLOUDS: LazyLock<Keys> = LazyLock::new(|| Keys::new(cloud::NODE_CREDENTIALS.iter().copied()));
        if !self.without_clouds && CLOUDS.matches(image.name()) {
            return Some(NodeIdentity::Cloud);
        }
        let matches = |pattern: &String| key_matches(pattern, image.name());
        self.patterns.iter().any(matches).then_some(NodeIdentity::Operator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_account_and_secret_options_are_parsed() {
        let account = |text: &str| text.parse::<DeclaredServiceAccount>();
        let ci = account("shop/ci=a,b").unwrap();
        assert_eq!((ci.named.namespace.as_deref(), ci.named.name.as_str()), (Some("shop"), "ci"));
        assert_eq!(ci.pull_secrets, ["a", "b"]);
        assert!(account("ci=").unwrap().pull_secrets.is_empty());
        for wrong in ["ci", "=a", "ci=a,,b", "/ci=a", "a/b/c=d"] {
            assert!(account(wrong).is_err(), "{wrong}");
        }
        assert!("".parse::<AssumedSecrets>().is_err() && "[".parse::<AssumedSecrets>().is_err());
    }

    #[test]
    fn assumed_secrets_match_an_unknown_namespace() {
        let assumed = |text: &str, namespace, name| text.parse::<AssumedSecrets>().unwrap().has(namespace, name);
        assert!(assumed("reg*", None, "regcred") && assumed("reg*", Some("shop"), "regcred"));
        assert!(assumed("shop/regcred", None, "regcred") && assumed("shop/regcred", Some("shop"), "regcred"));
        assert!(!assumed("shop/regcred", Some("other"), "regcred") && !assumed("reg", None, "regcred"));
    }

    #[test]
    fn expected_image_patterns_match_any_form_of_reference() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let pinned = format!("ghcr.io/acme/api:1.9@{digest}");
        let cases: &[(&str, &str, bool)] = &[
            ("ghcr.io/acme/api:1.9", "ghcr.io/acme/api:1.9", true),
            ("ghcr.io/acme/api", "ghcr.io/acme/api:1.9", true),
            ("ghcr.io/acme/*", "ghcr.io/acme/api:1.9", true),
            ("ghcr.io/*", "ghcr.io/acme/api:1.9", false),
            ("ghcr.io/acme/api:1.8", "ghcr.io/acme/api:1.9", false),
            ("ghcr.io/acme/api:2.*", "ghcr.io/acme/api:2.4", true),
            ("ghcr.io/acme/api", "ghcr.io/acme/apiary:1", false),
            ("shop-api", "shop-api:1", true),
            ("docker.io/library/shop-*", "shop-api:1", true),
            ("docker.io/library/shop-api:latest", "shop-api", true),
            ("ghcr.io/acme/api:1.9", &pinned, true),
            ("ghcr.io/acme/api@sha256:*", &pinned, true),
            ("ghcr.io/acme/api", &pinned, true),
        ];
        for (glob, image, expected) in cases {
            let glob: ExpectedImages = glob.parse().unwrap();
            assert_eq!(glob.matches(image, &Reference::parse(image).unwrap()), *expected, "{glob:?} {image}");
        }
        assert!("".parse::<ExpectedImages>().is_err() && "[".parse::<ExpectedImages>().is_err());
    }

    #[test]
    fn node_credentials_cover_cloud_and_declared_registries() {
        let identity = |values: &[&str], image: &str| {
            let values: Vec<_> = values.iter().map(|&value| value.to_owned()).collect();
            NodeCredentials::new(&values).unwrap().identity(&Reference::parse(image).unwrap())
        };
        let (ecr, own) = ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1", "registry.corp.example:5000/a:1");
        for image in [ecr, "acme.azurecr.io/a", "gcr.io/p/a", "europe-docker.pkg.dev/p/r/a", "public.ecr.aws/x/a"] {
            assert_eq!(identity(&[], image), Some(NodeIdentity::Cloud), "{image}");
        }
        for image in ["nginx", "ghcr.io/a/b", "a.b.azurecr.io/c", own] {
            assert_eq!(identity(&[], image), None, "{image}");
        }
        assert_eq!(identity(&["*.corp.example:5000"], own), Some(NodeIdentity::Operator));
        assert_eq!(identity(&["*.corp.example"], own), None);
        assert_eq!(identity(&["*.corp.example:5000"], ecr), Some(NodeIdentity::Cloud));
        assert_eq!(identity(&["none"], ecr), None);
        let refused = |value: &str| NodeCredentials::new(&[value.to_owned()]).expect_err(value);
        assert_eq!(refused("a b"), "`a b` is not a host or a pattern of hosts");
        assert_eq!(
            refused("registry.corp.example/shop:1"),
            "`registry.corp.example/shop:1` matches no image: keys are compared with repositories, without tag and \
             digest"
        );
    }
}
