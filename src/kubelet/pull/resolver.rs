//! Looks up the objects that a pod names: its service account, and the secrets of the effective list.

use super::lookup::{best, choose};
use super::pod::via;
use super::pod_pull::PodPull;
use super::ring::Ring;
use super::{AccountState, Blind, BreakingSecret, PullContext, PullSecret, SecretState, Via};
use crate::credential::dockerconfig::DockerConfig;
use crate::credential::keyring::{Keyring, is_wildcard, key_matches};
use crate::image::reference::Reference;
use crate::inventory::Inventory;
use crate::kubelet::cluster::ClusterFacts;
use crate::kubelet::operator::{DeclaredServiceAccount, Named, SuppliedSecret};
use crate::resource::secret::{Patcher, Patches, RefusedBy, SecretContent};
use crate::resource::service_account::ServiceAccount;
use crate::resource::workload::{Pod, SecretReference};
use crate::text::placeholder::is_placeholder;

/// Everything that resolution depends on.
pub(super) struct Resolver<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) cluster: &'a ClusterFacts,
    /// The operator's configuration, if one was supplied.
    pub(super) supplied: Option<&'a DockerConfig>,
    /// The operator's configuration as a keyring.
    pub(super) supplied_ring: Keyring,
}

/// A pod's service account.
enum Account<'a> {
    Inputs(usize, &'a ServiceAccount),
    Declared(&'a DeclaredServiceAccount),
    /// Several accounts match, and differ.
    Ambiguous,
    Undefined,
}

/// The content of a referenced secret, as far as it is known.
enum ListedSecret<'a> {
    /// Known credentials, and whether the operator supplied them.
    Config(&'a DockerConfig, bool),
    /// Nothing that the kubelet can use.
    Nothing,
    /// Broken content that fails every pull, with the kubelet's message.
    Breaks(&'a str),
    /// Content that is not visible here.
    Unknown,
}

/// A referenced secret, resolved.
struct Resolved<'a> {
    state: SecretState,
    reason: Option<String>,
    listed: ListedSecret<'a>,
    object: Option<usize>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(inventory: &'a Inventory, cluster: &'a ClusterFacts, supplied: Option<&'a DockerConfig>) -> Self {
        let mut supplied_ring = Keyring::default();
        supplied.into_iter().for_each(|config| supplied_ring.add(0, config));
        Self { inventory, cluster, supplied, supplied_ring }
    }

    /// Whether a credential from the operator may be sent to an image's registry. One under a wildcard key would
    /// otherwise reach any host that an untrusted manifest names.
    pub(super) fn may_send(&self, reference: &Reference, written_key: &str) -> bool {
        let allowed = || self.cluster.credential_hosts.iter().any(|glob| key_matches(glob, reference.registry()));
        !is_wildcard(written_key) || allowed()
    }

    /// The effective pull secrets of a pod, as the service account admission plugin sets them.
    pub(super) fn pod(&self, pod: &'a Pod) -> PodPull<'a> {
        let name = pod.service_account_name();
        let account = self.account(pod, name);
        let of_account = self.references(pod, &account);
        let state = match account {
            Account::Inputs(at, _) => AccountState::Inputs(at),
            Account::Declared(_) => AccountState::Declared,
            Account::Ambiguous => AccountState::Ambiguous,
            Account::Undefined => AccountState::Undefined,
        };
        let context = PullContext {
            service_account: name.to_owned(),
            account: state,
            rewritten: self.is_rewritten(pod),
            nodes: pod.demand.nodes(&self.cluster.operator.platforms).into(),
            ..PullContext::default()
        };
        let mut pull = PodPull { context, ring: Ring::default(), dropped: Ring::default() };
        let undefined = match state {
            AccountState::Undefined => {
                let certain = self.cluster.closed && self.inventory.unrecognisable.is_empty();
                !certain || is_placeholder(name)
            }
            AccountState::Ambiguous => true,
            AccountState::Inputs(_) | AccountState::Declared => false,
        };
        // An operator can give the pods of its own kinds more secrets than the object shows.
        if undefined && pod.pull_secrets.is_none() || !pod.origin.is_whole() {
            pull.context.blind.push(Blind::ServiceAccount(name.to_owned()));
        }
        if let Some(patcher) = self.patcher(pod) {
            pull.context.blind.push(Blind::Patched(patcher.what.clone()));
        }
        // The pod's own list, even `[{}]`, replaces the service account's entirely.
        for reference in
            pod.pull_secrets.as_ref().unwrap_or(&of_account).iter().filter(|secret| !secret.name.is_empty())
        {
            self.add_secret(pod, reference, via(pod), &mut pull);
        }
        if pod.pull_secrets.is_some() {
            for reference in of_account.iter().filter(|secret| !secret.name.is_empty()) {
                if let ListedSecret::Config(config, supplied) =
                    self.resolved(pod, reference, Via::ServiceAccount).listed
                {
                    pull.dropped.add(config, &reference.name, supplied);
                }
            }
        }
        pull
    }

    /// Whether something may write other images into a pod.
    fn is_rewritten(&self, pod: &Pod) -> bool {
        let namespace = pod.namespace_or(self.cluster.namespace.as_deref());
        self.inventory.rewriters.iter().any(|rewriter| rewriter.covers(namespace))
    }

    /// An object that may add pull secrets to a pod, or to its service account if the pod uses that account's
    /// secrets.
    fn patcher(&self, pod: &Pod) -> Option<&'a Patcher> {
        let namespace = pod.namespace_or(self.cluster.namespace.as_deref());
        self.inventory.patchers.iter().find(|patcher| {
            let own = patcher.namespace.as_deref();
            let reaches = own.is_none() || namespace.is_none() || own == namespace;
            let counts = match patcher.patches {
                Patches::Nothing => false,
                Patches::Accounts => pod.pull_secrets.is_none(),
                Patches::Pods => true,
            };
            reaches && counts
        })
    }

    /// The pull secrets of a service account. A declaration by the operator is not in a file, so the pod's own place
    /// is shown for it.
    fn references(&self, pod: &Pod, account: &Account<'a>) -> Vec<SecretReference> {
        match account {
            Account::Inputs(_, account) => account.pull_secrets.clone(),
            Account::Declared(account) => {
                let span = pod.service_account.as_ref().map_or(pod.span, |name| name.span);
                account.pull_secrets.iter().map(|name| SecretReference { name: name.clone(), span }).collect()
            }
            Account::Ambiguous | Account::Undefined => Vec::new(),
        }
    }

    fn add_secret(&self, pod: &Pod, reference: &SecretReference, via: Via, pull: &mut PodPull<'a>) {
        let name = &reference.name;
        let Resolved { state, reason, listed, object } = self.resolved(pod, reference, via);
        match listed {
            ListedSecret::Config(config, supplied) => pull.ring.add(config, name, supplied),
            ListedSecret::Nothing => {}
            ListedSecret::Unknown => pull.context.blind.push(Blind::Secret(name.clone())),
            ListedSecret::Breaks(message) => {
                let breaking = BreakingSecret { name: name.clone(), message: message.to_owned() };
                pull.context.breaking.get_or_insert(breaking);
            }
        }
        pull.context.secrets.push(PullSecret { name: name.clone(), span: reference.span, via, state, reason, object });
    }

    fn resolved(&self, pod: &Pod, reference: &SecretReference, via: Via) -> Resolved<'a> {
        let found = self.secret(pod, reference, via);
        let object = found.filter(|found| !found.ambiguous).map(|found| found.index);
        let content = found.map(|found| &found.secret.content);
        let (state, reason) = found.map(|found| found.state(self.inventory)).unzip();
        let reason = reason.flatten();
        let resolved = |state, reason, listed| Resolved { state, reason, listed, object };
        match (&state, content) {
            // If the kubelet ignores or cannot decode the secret, that does not depend on content from the operator.
            (Some(SecretState::Ignored), _) => return resolved(SecretState::Ignored, reason, ListedSecret::Nothing),
            (Some(SecretState::Malformed), Some(SecretContent::Malformed(malformed))) => {
                // An object that the API server refuses is never created. What the cluster has under that name is not
                // known.
                let listed = match malformed.refused_by {
                    RefusedBy::Kubelet => ListedSecret::Breaks(&malformed.message),
                    RefusedBy::ApiServer => ListedSecret::Unknown,
                };
                return resolved(SecretState::Malformed, reason, listed);
            }
            _ => {}
        }
        match (self.given(pod, &reference.name), state, content) {
            (Some(Ok(given)), ..) => {
                let reason = Some(format!("its content is that of {}", given.file));
                // The pod does not get the object of the inputs.
                Resolved {
                    state: SecretState::Supplied,
                    reason,
                    listed: ListedSecret::Config(&given.config, true),
                    object: None,
                }
            }
            (Some(Err(reason)), ..) => resolved(SecretState::Assumed, Some(reason), ListedSecret::Unknown),
            (None, Some(state @ SecretState::Readable), Some(SecretContent::Config(config))) => {
                resolved(state, reason, ListedSecret::Config(config, false))
            }
            (None, Some(state), _) => resolved(state, reason, ListedSecret::Unknown),
            (None, None, _) => self.absent(pod, &reference.name),
        }
    }

    /// Resolves a secret that the inputs lack and whose content is not given.
    fn absent(&self, pod: &Pod, name: &str) -> Resolved<'a> {
        let namespace = pod.namespace_or(self.cluster.namespace.as_deref());
        let operator = &self.cluster.operator;
        let (state, reason, listed) = if operator.assumed_secrets.iter().any(|assumed| assumed.has(namespace, name)) {
            (SecretState::Assumed, None, ListedSecret::Unknown)
        } else if is_placeholder(name) {
            (SecretState::Opaque, Some("its name is a placeholder".to_owned()), ListedSecret::Unknown)
        } else if let Some(config) = self.supplied {
            let why = self.why_missing(pod, name);
            let reason = format!("{why}; the supplied dockerconfigjson is used instead");
            (SecretState::Supplied, Some(reason), ListedSecret::Config(config, true))
        } else {
            // An object whose name is encrypted, or a placeholder, may be the secret that the pod names.
            let certain = self.cluster.closed && self.inventory.knows_all_secrets();
            let listed = if certain { ListedSecret::Nothing } else { ListedSecret::Unknown };
            (SecretState::Missing, Some(self.why_missing(pod, name)), listed)
        };
        Resolved { state, reason, listed, object: None }
    }

    /// The content that the operator gave for a secret. An error if several match and the choice depends on the pod's
    /// namespace, which is not known.
    fn given(&self, pod: &Pod, name: &str) -> Option<Result<&'a SuppliedSecret, String>> {
        let given = &self.cluster.operator.pull_secrets;
        let ambiguous = format!("several are supplied for {name:?}, and the namespace of the pod is unknown");
        self.of_operator(pod, name, given, |given| &given.named).map(|found| found.ok_or(ambiguous))
    }

    /// Returns the operator's fact for an object that a pod names; `Some(None)` if several match equally well.
    fn of_operator<T>(
        &self,
        pod: &Pod,
        name: &str,
        facts: &'a [T],
        named: impl Fn(&T) -> &Named,
    ) -> Option<Option<&'a T>> {
        let namespace = pod.namespace_or(self.cluster.namespace.as_deref());
        let fitting = facts.iter().filter(|&fact| named(fact).name == name && named(fact).fits(namespace));
        // A fact for this namespace is preferred over one for any namespace.
        let rank = |fact: &T| namespace.is_some() && named(fact).namespace.as_deref() == namespace;
        let fitting: Vec<&T> = fitting.collect();
        let best = fitting.iter().map(|fact| rank(fact)).max()?;
        let mut best = fitting.into_iter().filter(|fact| rank(fact) == best);
        let first = best.next()?;
        Some(best.next().is_none().then_some(first))
    }

    fn account(&self, pod: &Pod, name: &str) -> Account<'a> {
        let declared = &self.cluster.operator.service_accounts;
        match self.of_operator(pod, name, declared, |account| &account.named) {
            Some(Some(account)) => return Account::Declared(account),
            Some(None) => return Account::Ambiguous,
            None => {}
        }
        let source = |account: &ServiceAccount| self.inventory.resource(account.resource).span.source;
        let wanted = pod.namespace_or(self.cluster.namespace.as_deref());
        let accounts = self.inventory.service_accounts.iter().enumerate();
        let fitting = accounts.filter(|(_, account)| account.name == name).filter(|(_, account)| {
            let has = self.namespace(account.namespace.as_deref());
            let is_hidden = pod.hidden.contains(&source(account));
            !is_hidden && (wanted.is_none() || has.is_none() || wanted == has)
        });
        // An account whose namespace is written out is preferred over one that names none. Overlays that define the
        // same name match only within their own file.
        let found = best(fitting, |(_, account)| {
            (wanted == self.namespace(account.namespace.as_deref()), source(account) == pod.span.source)
        });
        let place = |(_, account): &(usize, &'a ServiceAccount)| (account.namespace.as_deref(), source(account));
        match choose(found, place, |(_, one), (_, other)| one.means_the_same(other)) {
            Some((_, true)) => Account::Ambiguous,
            Some(((at, account), false)) => Account::Inputs(at, account),
            None => Account::Undefined,
        }
    }

    /// The namespace of an object, from the object itself or from the operator.
    pub(super) fn namespace<'n>(&'n self, written: Option<&'n str>) -> Option<&'n str> {
        written.or(self.cluster.namespace.as_deref())
    }
}
