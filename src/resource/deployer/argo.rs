//! Argo CD Applications.
//!
//! Follows `pkg/apis/application/v1alpha1/types.go` and `util/kustomize/kustomize.go` of Argo CD 3.2: Argo CD edits the
//! folder's kustomization with `kustomize edit` and builds it.

use super::{Deployer, Deployment, Overrides};
use crate::resource::Object;
use crate::resource::kustomization::fields::Fields;
use crate::resource::kustomization::patch;
use crate::resource::workload::ResourceId;
use crate::resource::workload::value::spanned_string;
use crate::text::yaml::Node;

/// Reads the sources of an Application that are folders. Charts from a repository have no path.
pub(super) fn read(object: &Object<'_>, resource: ResourceId) -> Vec<Deployment> {
    let Some(spec) = object.node.get("spec") else { return Vec::new() };
    let sources = spec.get("sources").into_iter().flat_map(Node::items);
    // `sources` takes precedence over `source`.
    let has_sources = spec.get("sources").is_some_and(|sources| sources.items().next().is_some());
    let source = spec.get("source").filter(|_| !has_sources);
    let namespace = spec.at(&["destination", "namespace"]).and_then(Node::as_str);
    let deployments = sources.chain(source).filter_map(|source| read_source(source, resource, namespace));
    deployments.collect()
}

fn read_source(source: Node<'_>, resource: ResourceId, namespace: Option<&str>) -> Option<Deployment> {
    let path = spanned_string(source.get("path")?)?;
    if source.get("helm").is_some() || source.get("plugin").is_some() || source.get("chart").is_some() {
        return None;
    }
    let kustomize = source.get("kustomize").filter(|kustomize| kustomize.is_mapping());
    let text = |key: &str| kustomize?.str(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let components = kustomize.and_then(|kustomize| kustomize.get("components"));
    let overrides = Overrides {
        namespace: text("namespace"),
        default_namespace: namespace.filter(|name| !name.is_empty()).map(str::to_owned),
        name_prefix: text("namePrefix"),
        name_suffix: text("nameSuffix"),
        patches: kustomize.map_or_else(Vec::new, |kustomize| patch::read_list(&Fields::of(kustomize), "patches")),
        components: components.into_iter().flat_map(Node::items).filter_map(spanned_string).collect(),
        images: Vec::new(),
        unfollowed: kustomize.and_then(|kustomize| kustomize.get("images")).map(Node::span),
    };
    let source = source.str("repoURL").map(str::to_owned);
    Some(Deployment { resource, deployer: Deployer::ArgoCd, path, source, overrides, variables: None })
}
