//! Operator kinds whose objects create one or more Secrets with names that the object specifies.

use super::SecretFacts;
use crate::resource::Object;
use crate::resource::secret::copies::{Copier, Copies, CopyTarget};
use crate::resource::secret::producer::{Keys, SecretType};
use crate::resource::secret::{Producer, Secret, SecretContent, kubernetes};
use crate::resource::workload::ResourceId;
use crate::resource::workload::value::spanned_string;
use crate::text::source::Spanned;
use crate::text::yaml::Node;

/// A kind that creates Secrets, with field paths from its operator's types.
#[derive(Debug, PartialEq, Eq)]
pub struct Maker {
    group: &'static str,
    kind: &'static str,
    /// Path of the description of one Secret, or of a list of them; if empty, the object itself.
    each: &'static [&'static str],
    /// Path of the Secret's name from there; if empty, the object's own name.
    name: &'static [&'static str],
    /// Path of the Secret's namespace from there; if empty, the object's own namespace.
    namespace: &'static [&'static str],
    /// Path of the Secret's type from there; if empty, the type is not known.
    secret_type: &'static [&'static str],
    /// The type of the Secret if it is omitted.
    untyped: Untyped,
    /// Path of the type in the object.
    pub(super) type_path: &'static str,
    /// Whether one object creates Secrets in many namespaces.
    pub(super) is_for_many: bool,
}

/// The type of a Secret for which none is specified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Untyped {
    /// The type is `Opaque`.
    Opaque,
    /// The type is not known from the inputs.
    Unknown,
}

const fn maker(
    (group, kind): (&'static str, &'static str),
    each: &'static [&'static str],
    name: &'static [&'static str],
    namespace: &'static [&'static str],
    (secret_type, untyped, type_path): (&'static [&'static str], Untyped, &'static str),
) -> Maker {
    Maker { group, kind, each, name, namespace, secret_type, untyped, type_path, is_for_many: false }
}

const OPAQUE: Untyped = Untyped::Opaque;
const UNKNOWN: Untyped = Untyped::Unknown;

/// The known kinds, each preceded by the upstream source of its paths.
#[rustfmt::skip]
static MAKERS: &[Maker] = &[
    // SparebankenVest/azure-key-vault-to-kubernetes pkg/k8s/apis/azurekeyvault/v2beta1/types.go
    maker(("spv.no", "AzureKeyVaultSecret"), &["spec", "output", "secret"], &["name"], &[],
        (&["type"], OPAQUE, "spec.output.secret.type")),
    // 1Password/onepassword-operator api/v1/onepassworditem_types.go
    maker(("onepassword.com", "OnePasswordItem"), &[], &[], &[], (&["type"], OPAQUE, "type")),
    // DopplerHQ/kubernetes-operator api/v1alpha1/dopplersecret_types.go
    maker(("secrets.doppler.com", "DopplerSecret"), &["spec", "managedSecret"], &["name"], &["namespace"],
        (&["type"], OPAQUE, "spec.managedSecret.type")),
    // isindir/sops-secrets-operator api/v1alpha3/sopssecret_types.go
    maker(("isindir.github.com", "SopsSecret"), &["spec", "secretTemplates"], &["name"], &[],
        (&["type"], OPAQUE, "spec.secretTemplates[].type")),
    // Infisical/kubernetes-operator v0.11.5 api/v1alpha1/common.go (ManagedKubeSecretConfig)
    maker(("secrets.infisical.com", "InfisicalSecret"), &["spec", "managedSecretReference"], &["secretName"],
        &["secretNamespace"], (&["secretType"], OPAQUE, "spec.managedSecretReference.secretType")),
    maker(("secrets.infisical.com", "InfisicalSecret"), &["spec", "managedKubeSecretReferences"], &["secretName"],
        &["secretNamespace"], (&["secretType"], OPAQUE, "spec.managedKubeSecretReferences[].secretType")),
    maker(("secrets.infisical.com", "InfisicalDynamicSecret"), &["spec", "managedSecretReference"], &["secretName"],
        &["secretNamespace"], (&["secretType"], OPAQUE, "spec.managedSecretReference.secretType")),
    // Infisical/kubernetes-operator v0.11.5 api/v1beta1/infisicalstaticsecret_types.go (SecretTarget)
    maker(("secrets.infisical.com", "InfisicalStaticSecret"), &["spec", "targets"], &["name"], &["namespace"],
        (&["secretType"], OPAQUE, "spec.targets[].secretType")),
    // bitwarden/sm-kubernetes v2.0.0 internal/controller/bitwardensecret_controller.go (`CreateK8sSecret`): a new
    // Secret is `Opaque`, an existing one keeps its type
    maker(("k8s.bitwarden.com", "BitwardenSecret"), &["spec"], &["secretName"], &[], (&[], UNKNOWN, "type")),
    // carvel-dev/secretgen-controller pkg/apis/secretgen2/v1alpha1: an import has the type of what it imports
    maker(("secretgen.carvel.dev", "SecretImport"), &[], &[], &[], (&[], UNKNOWN, "type")),
    // carvel-dev/secretgen-controller v0.16.1 pkg/generator/secret_template_reconciler.go
    maker(("secretgen.carvel.dev", "SecretTemplate"), &[], &[], &[],
        (&["spec", "template", "type"], OPAQUE, "spec.template.type")),
    // external-secrets/kubernetes-external-secrets 8.5.5 lib/poller.js: `spec.type` applies if the template has no type
    maker(("kubernetes-client.io", "ExternalSecret"), &[], &[], &[],
        (&["spec", "template", "type"], UNKNOWN, "spec.template.type")),
    // ricoberger/vault-secrets-operator api/v1alpha1/vaultsecret_types.go
    maker(("ricoberger.de", "VaultSecret"), &[], &[], &[], (&["spec", "type"], UNKNOWN, "spec.type")),
    // redhat-cop/vault-config-operator api/v1alpha1/vaultsecret_types.go
    maker(("redhatcop.redhat.io", "VaultSecret"), &["spec", "output"], &["name"], &[],
        (&["type"], UNKNOWN, "spec.output.type")),
    // kubernetes-sigs/secrets-store-sync-controller api/secretsync/v1alpha1/secretsync_types.go
    maker(("secret-sync.x-k8s.io", "SecretSync"), &[], &[], &[],
        (&["spec", "secretObject", "type"], UNKNOWN, "spec.secretObject.type")),
];

/// zakkg3/ClusterSecret src/kubernetes_utils.py (`sync_secret`).
static CLUSTER_SECRET: Maker = Maker {
    is_for_many: true,
    ..maker(("clustersecret.io", "ClusterSecret"), &[], &[], &[], (&["type"], OPAQUE, "type"))
};

/// alexellis/registry-creds controllers/secret_reconciler.go (`createSecret`): since 0.3.1 the Secret has the name of
/// the object; before, with the suffix `-registrycreds`.
static CLUSTER_PULL_SECRET: Maker = Maker {
    is_for_many: true,
    ..maker(("ops.alexellis.io", "ClusterPullSecret"), &[], &[], &[], (&[], UNKNOWN, "type"))
};

/// kyverno/kyverno api/kyverno/v1/rule_types.go (`Generation`).
pub(super) static KYVERNO: Maker =
    Maker { is_for_many: true, ..maker(("kyverno.io", "ClusterPolicy"), &[], &[], &[], (&[], UNKNOWN, "type")) };

/// Reads the Secrets that an object of such a kind creates.
pub(super) fn extract(object: &Object<'_>, resource: ResourceId, found: &mut SecretFacts) {
    let (group, kind) = (object.name.group(), object.name.kind.as_str());
    let own_name = || object.node.at(&["metadata", "name"]).and_then(spanned_string);
    let of_many = |maker: &'static Maker, name, declared_type, content, to, by| Secret {
        namespace: None,
        name,
        resource,
        declared_type,
        content,
        producer: Producer::Operator(maker),
        copies: vec![Copies { by, to }],
        lent: Vec::new(),
    };
    if (group, kind) == (CLUSTER_SECRET.group, CLUSTER_SECRET.kind) {
        kubernetes::mask_values(object.node, found);
        let Some(name) = own_name() else { return };
        let secret_type = SecretType::of(object.node.get("type"));
        let is_copied = object.node.at(&["data", "valueFrom"]).is_some();
        let content = match is_copied {
            true => secret_type.content(&Keys::AtLeast(Vec::new())),
            false => kubernetes::content(object.node, &secret_type),
        };
        let to = of_cluster_secret(object.node);
        let secret = of_many(&CLUSTER_SECRET, name, secret_type.written(), content, to, Copier::ClusterSecret);
        found.secrets.push(secret);
        return;
    }
    if (group, kind) == (CLUSTER_PULL_SECRET.group, CLUSTER_PULL_SECRET.kind) {
        let Some(name) = own_name() else { return };
        let former = Spanned { value: format!("{}-registrycreds", name.value), span: name.span };
        for name in [name, former] {
            // An annotation can exclude a namespace; it is not read.
            let to = vec![CopyTarget::Unknown];
            let secret = of_many(&CLUSTER_PULL_SECRET, name, None, SecretContent::Opaque, to, Copier::RegistryCreds);
            found.secrets.push(secret);
        }
        return;
    }
    for maker in MAKERS.iter().filter(|maker| (maker.group, maker.kind) == (group, kind)) {
        let Some(each) = object.node.at(maker.each) else { continue };
        let parts: Vec<Node<'_>> = if each.is_sequence() { each.items().collect() } else { vec![each] };
        // A target in Infisical may be a ConfigMap.
        for part in parts.into_iter().filter(|part| part.str("kind") != Some("ConfigMap")) {
            let name = if maker.name.is_empty() { own_name() } else { part.at(maker.name).and_then(spanned_string) };
            let Some(name) = name.filter(|name| !name.value.is_empty()) else { continue };
            let namespace = Some(maker.namespace).filter(|path| !path.is_empty());
            let namespace = namespace.and_then(|path| part.at(path)).and_then(Node::as_str).map(str::to_owned);
            let declared = Some(maker.secret_type).filter(|path| !path.is_empty()).and_then(|path| part.at(path));
            let secret_type = SecretType::of(declared);
            let is_unknown = maker.untyped == Untyped::Unknown && matches!(secret_type, SecretType::Unset);
            let content =
                if is_unknown { SecretContent::Opaque } else { secret_type.content(&Keys::AtLeast(Vec::new())) };
            found.secrets.push(Secret {
                namespace: namespace.or_else(|| object.name.namespace.clone()),
                name,
                resource,
                declared_type: secret_type.written(),
                content,
                producer: Producer::Operator(maker),
                copies: Vec::new(),
                lent: Vec::new(),
            });
        }
    }
}

/// The namespaces where a ClusterSecret creates its Secrets: those whose beginning matches any of `matchNamespace`
/// (`re.match`), or all if there is none. Exclusions by `avoidNamespaces` are not evaluated.
fn of_cluster_secret(object: Node<'_>) -> Vec<CopyTarget> {
    let avoids = object.get("avoidNamespaces").is_some_and(|list| list.items().next().is_some());
    let Some(list) = object.get("matchNamespace").filter(|list| !list.is_null()) else {
        return vec![if avoids { CopyTarget::Unknown } else { CopyTarget::Everywhere }];
    };
    let pattern = |item: Node<'_>| match item.as_str() {
        Some(pattern) if !avoids => CopyTarget::of_pattern(&format!("{pattern}.*")),
        _ => CopyTarget::Unknown,
    };
    if list.is_sequence() { list.items().map(pattern).collect() } else { vec![CopyTarget::Unknown] }
}
