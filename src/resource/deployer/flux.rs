//! Flux Kustomizations (`kustomize.toolkit.fluxcd.io`).
//!
//! Follows `api/v1/kustomization_types.go` of kustomize-controller 1.9.4 and `kustomize/kustomize_generator.go` of
//! fluxcd/pkg.

use super::{Deployer, Deployment, Overrides, VariableSource, Variables};
use crate::resource::Object;
use crate::resource::kustomization::fields::Fields;
use crate::resource::kustomization::{DeployerDoubt, ImageRule, patch};
use crate::resource::workload::ResourceId;
use crate::resource::workload::value::spanned_string;
use crate::text::source::Spanned;
use crate::text::yaml::Node;

/// Reads a Flux Kustomization; `None` if it has no spec.
pub(super) fn read(object: &Object<'_>, resource: ResourceId) -> Option<Deployment> {
    let spec = object.node.get("spec").filter(|spec| spec.is_mapping())?;
    // Without a path, the root of the repository is deployed.
    let path = spec.get("path").and_then(spanned_string);
    let path = path.unwrap_or_else(|| Spanned { value: String::new(), span: spec.span() });
    let reference = spec.get("sourceRef");
    let source = reference.and_then(|reference| Some(format!("{}/{}", reference.str("kind")?, reference.str("name")?)));
    let text = |key: &str| spec.str(key).map(str::to_owned);
    let images = spec.get("images").into_iter().flat_map(Node::items).enumerate();
    // Fields of v1beta1 and v1beta2.
    let older = ["patchesStrategicMerge", "patchesJson6902"].into_iter().find_map(|key| spec.get(key));
    // A kubeconfig leads to another cluster; the manifests are the same.
    let overrides = Overrides {
        namespace: text("targetNamespace"),
        default_namespace: None,
        name_prefix: text("namePrefix"),
        name_suffix: text("nameSuffix"),
        patches: spec.get("patches").map_or_else(Vec::new, |_| patch::read_list(&Fields::of(spec), "patches")),
        components: spec.get("components").into_iter().flat_map(Node::items).filter_map(spanned_string).collect(),
        images: images.filter_map(|(at, entry)| ImageRule::of(format!("spec.images[{at}]"), entry)).collect(),
        doubt: older.map(|field| (field.span(), DeployerDoubt::Field)),
    };
    let variables = spec
        .get("postBuild")
        .filter(|build| build.is_mapping())
        .and_then(|build| variables(build, object.name.namespace.clone()));
    Some(Deployment {
        resource,
        deployer: Deployer::Flux,
        path,
        source,
        application: None,
        generated_from: Vec::new(),
        directory: None,
        is_kustomization: false,
        overrides,
        variables,
    })
}

/// Reads `postBuild`; `None` if there are no variables, because nothing is then replaced.
fn variables(build: Node<'_>, namespace: Option<String>) -> Option<Variables> {
    let is_always = build.str("substituteStrategy") == Some("Always");
    let own = build.get("substitute").into_iter().flat_map(Node::entries).filter_map(|entry| {
        // Flux removes line breaks (`SubstituteVariables` of `kustomize/kustomize_varsub.go`).
        let value = entry.value.text()?.replace('\n', "");
        Some((entry.key.text()?.to_owned(), Spanned { value, span: entry.value.span() }))
    });
    let from = build.get("substituteFrom").into_iter().flat_map(Node::items).filter_map(|source| {
        Some(VariableSource { kind: source.str("kind")?.to_owned(), name: source.str("name")?.to_owned() })
    });
    let variables = Variables { own: own.collect(), from: from.collect(), namespace };
    (is_always || !variables.own.is_empty() || !variables.from.is_empty()).then_some(variables)
}
