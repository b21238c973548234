//! Argo CD Applications.
//!
//! Follows `pkg/apis/application/v1alpha1/types.go` and `util/kustomize/kustomize.go` of Argo CD 3.2: Argo CD edits the
//! folder's kustomization with `kustomize edit` and builds it.

use super::build_environment::{Expanded, expand_variables};
use super::envsubst::Variable;
use super::image_override::{self, OverrideError};
use super::{Deployer, Deployment, Overrides};
use crate::resource::Object;
use crate::resource::kustomization::fields::Fields;
use crate::resource::kustomization::{ImageRule, patch};
use crate::resource::workload::ResourceId;
use crate::resource::workload::value::spanned_string;
use crate::text::source::Spanned;
use crate::text::yaml::Node;

/// Reads the sources of an Application that are folders. Charts from a repository have no path.
pub(super) fn read(object: &Object<'_>, resource: ResourceId) -> Vec<Deployment> {
    let Some(spec) = object.node.get("spec") else { return Vec::new() };
    let sources = spec.get("sources").into_iter().flat_map(Node::items).enumerate();
    let sources = sources.map(|(at, source)| (source, format!("spec.sources[{at}]")));
    // `sources` takes precedence over `source`.
    let has_sources = spec.get("sources").is_some_and(|sources| sources.items().next().is_some());
    let source = spec.get("source").filter(|_| !has_sources).map(|source| (source, "spec.source".to_owned()));
    let namespace = spec.at(&["destination", "namespace"]).and_then(Node::as_str);
    let deployments =
        sources.chain(source).filter_map(|(source, path)| read_source(source, &path, resource, namespace));
    deployments.collect()
}

fn read_source(source: Node<'_>, at: &str, resource: ResourceId, namespace: Option<&str>) -> Option<Deployment> {
    let path = spanned_string(source.get("path")?)?;
    if source.get("helm").is_some() || source.get("plugin").is_some() || source.get("chart").is_some() {
        return None;
    }
    let kustomize = source.get("kustomize").filter(|kustomize| kustomize.is_mapping());
    let text = |key: &str| kustomize?.str(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let components = kustomize.and_then(|kustomize| kustomize.get("components"));
    let list = kustomize.and_then(|kustomize| kustomize.get("images"));
    let images: Option<Vec<ImageRule>> = list
        .into_iter()
        .flat_map(Node::items)
        .enumerate()
        .map(|(index, node)| image(node, format!("{at}.kustomize.images[{index}]")))
        .collect();
    let unfollowed = list.filter(|_| images.is_none()).map(Node::span);
    let overrides = Overrides {
        namespace: text("namespace"),
        default_namespace: namespace.filter(|name| !name.is_empty()).map(str::to_owned),
        name_prefix: text("namePrefix"),
        name_suffix: text("nameSuffix"),
        patches: kustomize.map_or_else(Vec::new, |kustomize| patch::read_list(&Fields::of(kustomize), "patches")),
        components: components.into_iter().flat_map(Node::items).filter_map(spanned_string).collect(),
        images: images.unwrap_or_default(),
        unfollowed,
    };
    let source = source.str("repoURL").map(str::to_owned);
    Some(Deployment { resource, deployer: Deployer::ArgoCd, path, source, overrides, variables: None })
}

/// Reads an override of an image; `None` if it is not known what it does.
fn image(node: Node<'_>, path: String) -> Option<ImageRule> {
    let text = node.as_str()?;
    // The values of the build environment depend on the cluster and the revision.
    let Expanded::Known(text) = expand_variables(text, &|_| Variable::Unknown) else { return None };
    let entry = image_override::parse(&text);
    let entry = entry.map(|entry| entry.map(|value| Spanned { value, span: node.span() }));
    match entry {
        Ok(entry) => Some(image_override::rule(path, entry)),
        Err(OverrideError::Format | OverrideError::Flag) => None,
    }
}
