//! `kinds` of a configuration: how it is printed, and its part of the schema. It is read where the table of the kinds that
//! are known is.

use std::fmt::{Display, Write as _};

use serde_json::{Value, json};

use crate::options::config::described::{described, text};
use crate::options::config::scalar::scalar;
use crate::resource::workload::custom::kind::{FIELD_KEYS, Kind, Passes, PodFields, PodNamespace};

/// Prints them such that they are read back the same. `place` says where they were set.
pub(super) fn print(out: &mut String, kinds: &[Kind], place: &str) {
    if kinds.is_empty() {
        return out.push_str("# kinds: not set\n");
    }
    let _ = writeln!(out, "kinds: # {place}");
    for kind in kinds {
        let names: Vec<String> = kind.kinds.iter().map(|name| scalar(name)).collect();
        let (group, at) = (scalar(&kind.group), scalar(&kind.at.to_string()));
        let _ = writeln!(out, "  - group: {group}\n    kind: [{}]\n    at: {at}\n    pods:", names.join(", "));
        kind.pods.iter().for_each(|pod| print_pod(out, pod));
    }
}

fn print_pod(out: &mut String, pod: &PodFields) {
    let _ = writeln!(out, "      - each: {}", list(&pod.each));
    if let Some(path) = &pod.pod_spec {
        let _ = writeln!(out, "        pod-spec: {}", scalar(&path.to_string()));
    }
    let lists = [
        ("images", &pod.images),
        ("image-parts", &pod.image_parts),
        ("image-objects", &pod.image_objects),
        ("image-uris", &pod.image_uris),
        ("tag", &pod.tag),
        ("containers", &pod.containers),
        ("init-containers", &pod.init_containers),
        ("volumes", &pod.volumes),
        ("pull-secrets", &pod.pull_secrets),
        ("own-pull-secrets", &pod.own_pull_secrets),
        ("no-pull-secrets", &pod.no_pull_secrets),
        ("service-account", &pod.service_account),
    ];
    for (key, paths) in lists.iter().filter(|(_, paths)| !paths.is_empty()) {
        let _ = writeln!(out, "        {key}: {}", list(paths));
    }
    let words = [
        ("default-service-account", "unknown", pod.makes_service_account),
        ("namespace", "unknown", pod.namespace == PodNamespace::Unknown),
        ("default-registry", "unknown", pod.completes_registry),
        ("pulled-by", "operator", pod.passes == Passes::ByItself),
        ("credentials", "as-written", pod.passes == Passes::AsWritten),
        ("credentials", "and-more", pod.passes == Passes::WithMore),
    ];
    for (key, word, _) in words.iter().filter(|(.., said)| *said) {
        let _ = writeln!(out, "        {key}: {word}");
    }
}

/// A list in one line.
fn list(paths: &[impl Display]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| scalar(&path.to_string())).collect();
    format!("[{}]", paths.join(", "))
}

/// The schema of the list.
pub(super) fn schema() -> Value {
    let one_or_more = || json!({ "anyOf": [text(), { "type": "array", "minItems": 1, "items": text() }] });
    let paths = |words: &str| described(one_or_more(), words.to_owned());
    let path = |words: &str| described(text(), words.to_owned());
    let word = |words: [&str; 2], says: &str| described(json!({ "enum": words }), says.to_owned());
    let pod = json!({
        "each": paths("What there is one pod for; the other paths begin there"),
        "pod-spec": path("A whole pod spec, whose own fields count as those of a pod do"),
        "images": paths("Fields that hold an image; with `/` in front it is one that all of the pods pull"),
        "image-parts": paths("Mappings whose `baseImage` with `sha`, `tag` or `version` is the image"),
        "image-objects": paths(
            "Mappings whose `registry`, `repository` and `image` with `digest`, `tag` or `version` are one image",
        ),
        "image-uris": paths("Fields that may hold an image as `oci://…`"),
        "tag": paths("The tag of images and containers that have none; where there is none, the operator chooses it"),
        "containers": paths("Containers: `name`, `image` and `imagePullPolicy` are read of each"),
        "init-containers": paths("The same of those that run before"),
        "volumes": paths("Volumes, of which `image` counts"),
        "pull-secrets": paths(
            "Names of pull secrets: `imagePullSecrets[].name` is a list of objects, `pullSecrets[]` a list of names, \
             `imagePullSecret` one name",
        ),
        "own-pull-secrets": paths("Names of pull secrets that count in place of those where there are any"),
        "no-pull-secrets": paths("Fields that look as if they named pull secrets, and do not"),
        "service-account": paths("The name of the service account; the first that is there"),
        "default-service-account": word(["default", "unknown"], "The service account where none is named"),
        "namespace": word(["own", "unknown"], "The namespace of the pods: that of the object, or another one"),
        "default-registry": word(["docker.io", "unknown"], "The registry of images that name none"),
        "pulled-by": word(["kubelet", "operator"], "Who pulls it; what no kubelet pulls is not judged"),
        "credentials": word(
            ["as-written", "and-more"],
            "Whether the pods pull with what is written and nothing else, or the operator may add to it",
        ),
    });
    let needed: Vec<Value> = FIELD_KEYS.iter().map(|key| json!({ "required": [key] })).collect();
    let pod = json!({ "type": "object", "additionalProperties": false, "properties": pod, "anyOf": needed });
    let properties = json!({
        "group": { "type": "string", "pattern": "^[^/]*$", "description": "API group, without its version" },
        "kind": described(one_or_more(), "One kind, or several that are built alike".to_owned()),
        "at": path("Where the paths of the pods begin: the object itself where it is left out"),
        "pods": { "type": "array", "minItems": 1, "items": pod, "description": "The pods that are made of an object" },
        "source": path("Where this is written down; for people"),
        "example": path("An object of the kind; for people"),
    });
    let item = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["group", "kind", "pods"],
        "properties": properties,
    });
    json!({ "type": ["array", "null"], "items": item })
}
