//! Argo CD Applications.
//!
//! Follows `pkg/apis/application/v1alpha1/types.go` and `util/kustomize/kustomize.go` of Argo CD 3.2: Argo CD edits the
//! folder's kustomization with `kustomize edit` and builds it.

use super::application_set::UNKNOWN;
use super::build_environment::{Expanded, expand_variables};
use super::envsubst::Variable;
use super::image_override::{self, OverrideError};
use super::{Deployer, Deployment, Directory, Overrides};
use crate::resource::Object;
use crate::resource::kustomization::fields::Fields;
use crate::resource::kustomization::{DeployerDoubt, ImageRule, patch};
use crate::resource::workload::ResourceId;
use crate::resource::workload::value::spanned_string;
use crate::text::placeholder::is_placeholder;
use crate::text::source::{Span, Spanned};
use crate::text::yaml::Node;
use crate::text::yaml::scalar::Scalar;

/// Reads the sources of an Application that are folders. Charts from a repository have no path.
pub(super) fn read(object: &Object<'_>, resource: ResourceId) -> Vec<Deployment> {
    let Some(spec) = object.node.get("spec") else { return Vec::new() };
    let sources = spec.get("sources").into_iter().flat_map(Node::items).enumerate();
    let sources = sources.map(|(at, source)| (source, Some(at)));
    // `sources` takes precedence over `source`.
    let has_sources = spec.get("sources").is_some_and(|sources| sources.items().next().is_some());
    let source = spec.get("source").filter(|_| !has_sources).map(|source| (source, None));
    let namespace = spec.at(&["destination", "namespace"]).and_then(Node::as_str);
    let namespace = namespace.filter(|name| !name.is_empty() && !name.contains(UNKNOWN) && !is_placeholder(name));
    let name = object.name.name.clone().unwrap_or_default();
    let deployments = sources.chain(source).filter_map(|(source, at)| {
        let mut own = read_source(source, at, resource)?;
        own.application = Some((name.clone(), at));
        own.overrides.default_namespace = namespace.map(str::to_owned);
        Some(own)
    });
    deployments.collect()
}

fn read_source(source: Node<'_>, at: Option<usize>, resource: ResourceId) -> Option<Deployment> {
    let path = spanned_string(source.get("path")?)?;
    if source.get("helm").is_some() || source.get("plugin").is_some() || source.get("chart").is_some() {
        return None;
    }
    let given = source.get("kustomize").filter(|kustomize| !kustomize.is_null());
    let kustomize = given.filter(|kustomize| kustomize.is_mapping());
    let text = |key: &str| kustomize?.str(key).filter(|text| !text.is_empty()).map(known);
    let components = kustomize.and_then(|kustomize| kustomize.get("components"));
    let list = kustomize.and_then(|kustomize| kustomize.get("images"));
    let prefix = at.map_or_else(|| "spec.source".to_owned(), |at| format!("spec.sources[{at}]"));
    let images: Option<Vec<ImageRule>> = list
        .into_iter()
        .flat_map(Node::items)
        .enumerate()
        .map(|(index, node)| image(node, format!("{prefix}.kustomize.images[{index}]")))
        .collect();
    let unfollowed = list.filter(|_| images.is_none()).map(|list| (list.span(), DeployerDoubt::Field));
    let directory = source.get("directory").filter(|directory| !directory.is_null());
    let both = given.and(directory).map(|directory| (directory.span(), DeployerDoubt::Failing));
    let filled_in = [given.filter(|given| !given.is_mapping()), list, components, source.get("repoURL"), directory];
    let filled_in = filled_in.into_iter().chain([kustomize.and_then(|own| own.get("patches"))]).flatten();
    let unknown = filled_in.chain(source.get("path")).find_map(unknown_part);
    let unknown = unknown.map(|span| (span, DeployerDoubt::Parameter));
    let overrides = Overrides {
        namespace: text("namespace"),
        default_namespace: None,
        name_prefix: text("namePrefix"),
        name_suffix: text("nameSuffix"),
        patches: kustomize.map_or_else(Vec::new, |kustomize| patch::read_list(&Fields::of(kustomize), "patches")),
        components: components.into_iter().flat_map(Node::items).filter_map(spanned_string).collect(),
        images: images.unwrap_or_default(),
        doubt: unknown.or(both).or(unfollowed),
    };
    Some(Deployment {
        resource,
        deployer: Deployer::ArgoCd,
        path,
        source: source.str("repoURL").map(str::to_owned),
        application: None,
        generated_from: Vec::new(),
        directory: directory.map(|directory| Directory {
            recurse: directory.get("recurse").and_then(Node::scalar) == Some(Scalar::Bool(true)),
            include: directory.str("include").unwrap_or_default().to_owned(),
            exclude: directory.str("exclude").unwrap_or_default().to_owned(),
        }),
        is_kustomization: given.is_some(),
        overrides,
        variables: None,
    })
}

/// A text that is a placeholder if parts of it are not known.
fn known(text: &str) -> String {
    if text.contains(UNKNOWN) { "{{unknown}}".to_owned() } else { text.to_owned() }
}

/// The first text in a node of which a part is not known.
fn unknown_part(node: Node<'_>) -> Option<Span> {
    if node.is_mapping() {
        return node.entries().find_map(|entry| unknown_part(entry.key).or_else(|| unknown_part(entry.value)));
    }
    if node.is_sequence() {
        return node.items().find_map(unknown_part);
    }
    node.text().filter(|text| text.contains(UNKNOWN)).map(|_| node.span())
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
