//! What other workloads show about a service account that is not in the inputs.
//!
//! If a workload has to name a matching pull secret itself, its service account provides none. A pod with the same
//! service account and without that secret is then pulled without credentials.

use std::collections::BTreeMap;

use super::pod_pull::PodPull;
use super::ring::Ring;
use super::{Resolver, Via};
use crate::image::reference::Reference;
use crate::resource::workload::Pod;
use crate::text::source::SourceId;

/// The pull secrets that pods name themselves, by service account.
pub(super) struct Siblings<'a> {
    resolver: &'a Resolver<'a>,
    accounts: BTreeMap<Account<'a>, Ring<'a>>,
}

/// A service account that two pods certainly share. If the namespace is not known, only pods of one file share it,
/// because other files may be deployed to other namespaces.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Account<'a> {
    place: AccountScope<'a>,
    name: &'a str,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum AccountScope<'a> {
    Namespace(&'a str),
    File(SourceId),
}

impl<'a> Siblings<'a> {
    pub(super) fn of(resolver: &'a Resolver<'a>, pods: &[PodPull<'a>]) -> Self {
        let mut siblings = Self { resolver, accounts: BTreeMap::new() };
        for (pod, pull) in resolver.inventory.pods.iter().zip(pods) {
            // It is not certain what an unknown kind does with the secrets that it names.
            if pod.origin.is_whole() && pull.context.secrets.iter().any(|secret| secret.via == Via::Pod) {
                let account = siblings.account(pod);
                siblings.accounts.entry(account).or_default().merge(&pull.ring);
            }
        }
        siblings
    }

    /// The secrets with a credential for an image that another pod of the same service account names itself.
    pub(super) fn secrets_for(&self, pod: &'a Pod, image: &Reference) -> Vec<String> {
        let Some(own) = self.accounts.get(&self.account(pod)) else { return Vec::new() };
        let mut matching = own.lookup(image.name());
        let sent = matching.find(|found| self.resolver.may_use(image, found) && !found.entry.credential.is_anonymous());
        sent.map(|found| found.origin.secrets.clone()).unwrap_or_default()
    }

    fn account(&self, pod: &'a Pod) -> Account<'a> {
        Account {
            place: pod
                .namespace_or(self.resolver.cluster.namespace.as_deref())
                .map_or(AccountScope::File(pod.span.source), AccountScope::Namespace),
            name: pod.service_account_name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::credential::dockerconfig::{DockerConfig, Format};
    use crate::inventory::{Inventory, ReadOptions};
    use crate::kubelet::cluster::ClusterFacts;
    use crate::kubelet::pull::{Blind, resolve};
    use crate::text::source::{Encoding, Source, SourceId};

    const GHCR: &str = r#"{"auths": {"ghcr.io/acme": {"auth": "Ym9iOmh1bnRlcjI="}}}"#;

    fn secret(name: &str, namespace: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}{namespace}}}\n\
             type: kubernetes.io/dockerconfigjson\nstringData: {{.dockerconfigjson: '{GHCR}'}}\n"
        )
    }

    /// A pod with pull secrets and other fields of its spec.
    fn pod(metadata: &str, image: &str, secrets: &[&str], rest: &str) -> String {
        let secrets: Vec<_> = secrets.iter().map(|name| format!("{{name: {name}}}")).collect();
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: x{metadata}}}\nspec: {{containers: [{{name: a, image: \
             {image}}}], imagePullSecrets: [{}]{rest}}}\n",
            secrets.join(", ")
        )
    }

    /// For the last image of the files: whether its service account is certain, and what its siblings name.
    fn last(files: &[String], supplied: Option<&str>) -> (bool, Vec<String>) {
        let mut inventory = Inventory::default();
        for (at, text) in files.iter().enumerate() {
            let source = Source::new("a.yaml", text.as_str(), Encoding::Utf8);
            inventory.append(Inventory::of(SourceId(at as u32), &source, ReadOptions::default()));
        }
        let supplied = supplied.map(|text| DockerConfig::decode(text.as_bytes(), Format::DockerConfigJson).unwrap());
        let pull = resolve(&inventory, &ClusterFacts::default(), supplied.as_ref()).pop().unwrap();
        let blind = pull.blind.iter().any(|blind| matches!(blind, Blind::ServiceAccount(_)));
        (!blind, pull.sibling_secrets)
    }

    fn one_file(objects: &[String]) -> Vec<String> {
        vec![objects.join("---\n")]
    }

    const IMAGE: &str = "ghcr.io/acme/api:1";

    #[test]
    fn sibling_with_a_matching_secret_settles_the_service_account() {
        let regcred = || (true, vec!["regcred".to_owned()]);
        let unknown = (false, Vec::new());
        let sibling = |metadata, rest| pod(metadata, "ghcr.io/acme/web:1", &["regcred"], rest);
        let cases = [
            ("the same", sibling("", ""), pod("", IMAGE, &[], ""), regcred()),
            ("any image of the sibling", pod("", "nginx:1", &["regcred"], ""), pod("", IMAGE, &[], ""), regcred()),
            ("another repository", sibling("", ""), pod("", "ghcr.io/other/api:1", &[], ""), unknown.clone()),
            ("another account", sibling("", ", serviceAccountName: ci"), pod("", IMAGE, &[], ""), unknown.clone()),
            ("another namespace", sibling(", namespace: b", ""), pod("", IMAGE, &[], ""), unknown.clone()),
            ("an undefined secret", pod("", IMAGE, &["other"], ""), pod("", IMAGE, &[], ""), unknown),
        ];
        for (what, sibling, pod, expected) in cases {
            assert_eq!(last(&one_file(&[secret("regcred", ""), sibling, pod]), None), expected, "{what}");
        }
    }

    #[test]
    fn siblings_without_a_namespace_must_be_in_the_same_file() {
        let sibling = |metadata: &str| [secret("regcred", metadata), pod(metadata, IMAGE, &["regcred"], "")];
        let files = |metadata: &str| vec![sibling(metadata).join("---\n"), pod(metadata, IMAGE, &[], "")];
        assert!(!last(&files(""), None).0);
        assert!(last(&files(", namespace: shop"), None).0);
    }

    #[test]
    fn secret_from_a_service_account_is_not_sibling_evidence() {
        let account =
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ci}\nimagePullSecrets: [{name: regcred}]\n";
        let sibling = pod("", IMAGE, &[], ", serviceAccountName: ci");
        let other = pod("", IMAGE, &[], "");
        let objects = [secret("regcred", ""), account.to_owned(), sibling, other];
        assert_eq!(last(&one_file(&objects), None), (false, Vec::new()));
    }

    #[test]
    fn unknown_kinds_neither_give_nor_use_sibling_evidence() {
        let custom = |text: String| text.replace("apiVersion: v1\nkind: Pod", "apiVersion: example.com/v1\nkind: App");
        let sibling = pod("", IMAGE, &["regcred"], "");
        let other = pod("", IMAGE, &[], "");
        let objects = [secret("regcred", ""), custom(sibling.clone()), other.clone()];
        assert!(!last(&one_file(&objects), None).0);
        assert!(!last(&one_file(&[secret("regcred", ""), sibling, custom(other)]), None).0);
    }

    #[test]
    fn supplied_config_covers_all_secrets_of_the_sibling() {
        let objects = [pod("", IMAGE, &["a", "b"], ""), pod("", IMAGE, &[], "")];
        assert_eq!(last(&one_file(&objects), Some(GHCR)), (true, vec!["a".to_owned(), "b".to_owned()]));
        let wildcard = GHCR.replace("ghcr.io/acme", "*.io");
        assert_eq!(last(&one_file(&objects), Some(&wildcard)), (false, Vec::new()));
    }
}
