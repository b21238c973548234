//! `kinds` of a configuration: printing, and its part of the schema. The table of known kinds has the code that
//! reads it.

use std::fmt::{Display, Write as _};

use serde_json::{Value, json};

use crate::options::config::described::{described, text};
use crate::options::config::scalar::scalar;
use crate::resource::workload::custom::kind::{CustomKind, FIELD_KEYS, Passes, PodFields, PodNamespace};

/// Prints kinds so that reading them returns the same. `place` is where they were set.
pub(super) fn print(out: &mut String, kinds: &[CustomKind], place: &str) {
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

/// Prints a list in one line.
fn list(paths: &[impl Display]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| scalar(&path.to_string())).collect();
    format!("[{}]", paths.join(", "))
}

/// Returns the schema of the list.
pub(super) fn schema() -> Value {
    let one_or_more = || json!({ "anyOf": [text(), { "type": "array", "minItems": 1, "items": text() }] });
    let paths = |words: &str| described(one_or_more(), words.to_owned());
    let path = |words: &str| described(text(), words.to_owned());
    let word = |words: [&str; 2], says: &str| described(json!({ "enum": words }), says.to_owned());
    let pod = json!({
        "each": paths("Values for each of which there is one pod; the other paths start at them"),
        "pod-spec": path("A whole pod spec, whose fields are read like those of a pod"),
        "images": paths(
            "Fields that contain an image; a path with a leading `/` starts at the object, and all pods pull that image",
        ),
        "image-parts": paths("Mappings whose `baseImage` and `sha`, `tag`, or `version` form one image"),
        "image-objects": paths(
            "Mappings whose `registry`, `repository`, and `image` and `digest`, `tag`, or `version` form one image",
        ),
        "image-uris": paths("Fields that can contain an image as `oci://…`"),
        "tag": paths("The tag of images and containers without one; by default the operator chooses it"),
        "containers": paths("Containers; the `name`, `image`, and `imagePullPolicy` of each are read"),
        "init-containers": paths("Containers that run before those, read in the same way"),
        "volumes": paths("Volumes; the `image` of each is read"),
        "pull-secrets": paths(
            "Names of pull secrets: `imagePullSecrets[].name` is a list of objects, `pullSecrets[]` a list of names, \
             `imagePullSecret` one name",
        ),
        "own-pull-secrets": paths("Names of pull secrets that replace `pull-secrets`, if there are any"),
        "no-pull-secrets": paths("Fields that look like names of pull secrets but are not"),
        "service-account": paths("The name of the service account; the first path that exists is used"),
        "default-service-account": word(["default", "unknown"], "The service account if none is named"),
        "namespace": word(["own", "unknown"], "The namespace of the pods: the namespace of the object, or unknown"),
        "default-registry": word(["docker.io", "unknown"], "The registry of images without one"),
        "pulled-by": word(["kubelet", "operator"], "Who pulls the images; only those of the kubelet are checked"),
        "credentials": word(
            ["as-written", "and-more"],
            "Whether the pods use exactly the pull secrets in the object, or the operator can add others",
        ),
    });
    let needed: Vec<Value> = FIELD_KEYS.iter().map(|key| json!({ "required": [key] })).collect();
    let pod = json!({ "type": "object", "additionalProperties": false, "properties": pod, "anyOf": needed });
    let properties = json!({
        "group": { "type": "string", "pattern": "^[^/]*$", "description": "API group, without its version" },
        "kind": described(one_or_more(), "One kind, or several with the same structure".to_owned()),
        "at": path("Where the paths of the pods start; by default at the object itself"),
        "pods": { "type": "array", "minItems": 1, "items": pod, "description": "The pods of an object" },
        "source": path("Where this structure is documented, for people"),
        "example": path("An example object, for people"),
    });
    let item = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["group", "kind", "pods"],
        "properties": properties,
    });
    json!({ "type": ["array", "null"], "items": item })
}
