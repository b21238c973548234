//! Images in fields of OpenShift's own kinds other than pod specs (openshift/api `image/v1`, `build/v1`, `apps/v1`).

use crate::resource::Object;
use crate::resource::workload::openshift::stream;
use crate::resource::workload::path::join;
use crate::resource::workload::pod::ImageField;
use crate::resource::workload::value::string_or_template;
use crate::resource::workload::{
    Container, ContainerKind, ImageText, Pod, PodId, PodOrigin, ResourceId, SecretReference, Skip, WorkloadFacts,
};
use crate::text::yaml::{Entry, Node};

/// A field that contains an image.
struct Field<'a> {
    entry: Entry<'a>,
    /// Path of the field in the object.
    path: String,
    /// The `name` of the secret with the credentials to pull, or push, the image.
    secret: Option<Node<'a>>,
    /// Whether a kubelet pulls the image.
    by_kubelet: bool,
}

/// Reads the images of an OpenShift object. Streams import their images, and builds pull and push theirs, without a
/// kubelet.
pub(crate) fn extract<'d>(object: &Object<'d>, resource: ResourceId, found: &mut WorkloadFacts<'d>) {
    for field in fields(object) {
        let secret = field.secret.and_then(string_or_template).filter(|name| !name.value.is_empty());
        let pod = PodId(found.pods.len() as u32);
        let container = Container { kind: ContainerKind::Other, name: None };
        let place = ImageField { pod, container, path: join(&object.path, &field.path) };
        let Some(mut image) = place.image(Some(field.entry), None, false, false) else { continue };
        if !field.by_kubelet {
            image.image = ImageText::Skipped(Skip::PulledByAnother);
        }
        found.pods.push(Pod {
            resource,
            origin: PodOrigin::Operator,
            span: field.entry.value.span(),
            namespace: object.name.namespace.clone(),
            service_account: None,
            pull_secrets: secret.map(|name| vec![SecretReference { name: name.value, span: name.span }]),
            demand: Default::default(),
            chosen: Default::default(),
            hidden: Default::default(),
            release: None,
        });
        found.images.push(image);
    }
}

fn fields<'a>(object: &Object<'a>) -> Vec<Field<'a>> {
    let Some(spec) = object.node.get("spec") else { return Vec::new() };
    match (object.name.group(), object.name.kind.as_str()) {
        _ if stream::is_stream(object) => of_stream(spec),
        ("" | "build.openshift.io", "BuildConfig" | "Build") => of_build(spec),
        ("" | "apps.openshift.io", "DeploymentConfig") => {
            let image = spec.at(&["strategy", "customParams"]).and_then(|params| params.entry("image"));
            let path = "spec.strategy.customParams.image".to_owned();
            image.map(|entry| Field { entry, path, secret: None, by_kubelet: true }).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn of_stream(spec: Node<'_>) -> Vec<Field<'_>> {
    let repository =
        spec.entry("dockerImageRepository").filter(|entry| entry.value.as_str().is_some_and(|text| !text.is_empty()));
    let path = "spec.dockerImageRepository".to_owned();
    let repository = repository.map(|entry| Field { entry, path, secret: None, by_kubelet: false });
    let tags = spec.get("tags").into_iter().flat_map(Node::items).enumerate();
    let images = tags.filter_map(|(at, tag)| docker_image(tag, "from", None, &format!("spec.tags[{at}]")));
    repository.into_iter().chain(images).collect()
}

fn of_build(spec: Node<'_>) -> Vec<Field<'_>> {
    const STRATEGIES: [&str; 3] = ["dockerStrategy", "sourceStrategy", "customStrategy"];
    let strategies = STRATEGIES.into_iter().filter_map(|key| {
        let strategy = spec.at(&["strategy", key])?;
        docker_image(strategy, "from", Some("pullSecret"), &format!("spec.strategy.{key}"))
    });
    let sources = spec.at(&["source", "images"]).into_iter().flat_map(Node::items).enumerate();
    let sources = sources.filter_map(|(at, source)| {
        docker_image(source, "from", Some("pullSecret"), &format!("spec.source.images[{at}]"))
    });
    let output = spec.get("output").and_then(|output| docker_image(output, "to", Some("pushSecret"), "spec.output"));
    strategies.chain(sources).chain(output).collect()
}

/// Returns the image in an object reference, if it names an image and not an image stream's tag.
fn docker_image<'a>(holder: Node<'a>, key: &str, secret: Option<&str>, path: &str) -> Option<Field<'a>> {
    let reference = holder.get(key).filter(|reference| reference.str("kind") == Some("DockerImage"))?;
    let secret = secret.and_then(|secret| holder.at(&[secret, "name"]));
    Some(Field { entry: reference.entry("name")?, path: format!("{path}.{key}.name"), secret, by_kubelet: false })
}
