//! What each depth finds, and what it costs.

use pullcheck::image::runtime::Runtime;
use pullcheck::kubelet::probe::plan::Depth;
use pullcheck::rules::Settings;
use pullcheck_support::{Registry, RepositoryScript};
use serde_json::{Value, json};

use super::contents::{cluster, pod, run, said, verdicts};

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// What an image is made of, whole where nothing is changed.
struct Parts {
    config: Value,
    config_type: &'static str,
    layer_types: Vec<&'static str>,
    has_config: bool,
    has_layers: bool,
}

fn whole() -> Parts {
    let rootfs = json!({"type": "layers", "diff_ids": ["sha256:a", "sha256:b"]});
    Parts {
        config: json!({"architecture": "amd64", "os": "linux", "rootfs": rootfs}),
        config_type: OCI_CONFIG,
        layer_types: vec![OCI_LAYER, OCI_LAYER],
        has_config: true,
        has_layers: true,
    }
}

impl Parts {
    /// The manifest, with what it names put into the repository unless that is to be missing.
    fn manifest(&self, held: &mut RepositoryScript) -> String {
        let mut other = RepositoryScript::default();
        let config = self.config.to_string();
        let size = config.len();
        let digest = if self.has_config { held.hold(config) } else { other.hold(config) };
        let layers = self.layer_types.iter().enumerate().map(|(at, layer_type)| {
            let layer = format!("layer {at}");
            let size = layer.len();
            let digest = if self.has_layers { held.hold(layer) } else { other.hold(layer) };
            json!({"mediaType": layer_type, "digest": digest, "size": size})
        });
        let layers: Vec<Value> = layers.collect();
        let config = json!({"mediaType": self.config_type, "digest": digest, "size": size});
        json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers}).to_string()
    }

    fn single(&self, held: &mut RepositoryScript) {
        let manifest = self.manifest(held);
        held.manifest("1", OCI_MANIFEST, manifest);
    }

    /// An index of it for linux/amd64.
    fn index(&self, held: &mut RepositoryScript) {
        let manifest = self.manifest(held);
        held.manifest("child", OCI_MANIFEST, manifest.clone());
        let digest = held.digest("child").unwrap().to_owned();
        let entry = json!({
            "mediaType": OCI_MANIFEST, "digest": digest, "size": manifest.len(),
            "platform": {"os": "linux", "architecture": "amd64"},
        });
        held.manifest("1", OCI_INDEX, json!({"schemaVersion": 2, "manifests": [entry]}).to_string());
    }
}

fn at(depth: Depth, runtime: Runtime, platforms: &[&str]) -> Settings {
    let mut settings = Settings { depth, ..cluster(platforms) };
    settings.cluster.runtime = runtime;
    settings
}

/// Verdict and cause, the event, and the requests.
fn checked(script: impl Fn(&mut RepositoryScript), settings: &Settings) -> (String, Option<String>, Vec<String>) {
    let server = Registry::start(|r| script(r.repository("acme/api")));
    let (report, _) = run(&server, settings, &[pod("", &[format!("{}/acme/api:1", server.host())])]);
    let (verdict, cause) = verdicts(&report)[0];
    let event = said(&report, "unsupported-manifest").first().and_then(|finding| finding.event.clone());
    let lines = server.lines();
    let requests = lines.iter().map(|line| {
        let (method, path) = line.split_once(' ').unwrap();
        let kind = path.rsplit('/').nth(1).unwrap_or_default();
        format!("{method} {kind}")
    });
    (format!("{verdict} {}", cause.unwrap_or_default()).trim().to_owned(), event, requests.collect())
}

#[test]
fn each_depth_sends_its_expected_requests() {
    let (head, get) = ("HEAD manifests", "GET manifests");
    let (config, layer) = ("GET blobs", "HEAD blobs");
    let index: &dyn Fn(&mut RepositoryScript) = &|held| whole().index(held);
    let single: &dyn Fn(&mut RepositoryScript) = &|held| whole().single(held);
    type Row<'r> = (&'r dyn Fn(&mut RepositoryScript), Depth, &'r [&'r str], &'r [&'r str]);
    let rows: [Row<'_>; 8] = [
        (index, Depth::Head, &[], &[head]),
        (index, Depth::Head, &["linux/amd64"], &[head, get, head]),
        (index, Depth::Manifest, &[], &[head, get, get, config]),
        (index, Depth::Manifest, &["linux/amd64"], &[head, get, get, config]),
        (index, Depth::Layers, &["linux/amd64"], &[head, get, get, config, layer, layer]),
        (single, Depth::Head, &[], &[head]),
        (single, Depth::Manifest, &[], &[head, get, config]),
        (single, Depth::Layers, &[], &[head, get, config, layer, layer]),
    ];
    for (script, depth, platforms, expected) in rows {
        let (verdict, _, requests) = checked(script, &at(depth, Runtime::Containerd, platforms));
        assert_eq!((verdict.as_str(), requests), ("pullable", strings(expected)), "{depth:?} {platforms:?}");
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The least depth at which a fault is found, and what is made of it there.
#[test]
fn deeper_checks_find_faults_that_head_hides() {
    use Depth::{Head, Layers, Manifest};
    let amd64: &[&str] = &["linux/amd64"];
    let lost = "failed to copy: httpReadSeeker: failed open: content at ";
    let no_blob = "failed to copy: httpReadSeeker: failed open: could not fetch content descriptor sha256:";
    let no_config = "unable to fetch descriptor () which reports content size of zero: invalid argument";
    type Make = Box<dyn Fn(&mut RepositoryScript)>;
    let parts = |change: fn(&mut Parts), index: bool| -> Make {
        Box::new(move |held| {
            let mut parts = whole();
            change(&mut parts);
            if index { parts.index(held) } else { parts.single(held) }
        })
    };
    let raw = |media_type: &'static str, body: Value| -> Make {
        Box::new(move |held| {
            held.manifest("1", media_type, body.to_string());
        })
    };
    let childless: Make = Box::new(|held| {
        let mut other = RepositoryScript::default();
        whole().index(&mut other);
        let (media_type, _, bytes) = other.content("1").unwrap();
        held.manifest("1", media_type, bytes);
    });
    let empty_index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []});
    let rows: [(Make, &[&str], Depth, &str, &str); 11] = [
        (childless, amd64, Head, "fails content-missing", lost),
        (parts(|parts| parts.has_config = false, true), amd64, Manifest, "fails content-missing", no_blob),
        (parts(|parts| parts.has_config = false, false), &[], Manifest, "fails content-missing", no_blob),
        (parts(|parts| parts.has_layers = false, true), amd64, Layers, "fails content-missing", no_blob),
        (parts(|parts| parts.has_layers = false, false), &[], Layers, "fails content-missing", no_blob),
        // Another node may have another image.
        (parts(|parts| parts.has_layers = false, true), &[], Layers, "unverified content-missing", ""),
        (parts(|parts| parts.config["architecture"] = "arm64".into(), true), amd64, Manifest, "fails index-lies", ""),
        (
            parts(|parts| parts.config["rootfs"] = json!({}), false),
            &[],
            Manifest,
            "fails bad-manifest",
            "number of layers and diffIDs don't match: 2 != 0",
        ),
        (raw(OCI_MANIFEST, json!({})), &[], Manifest, "fails bad-manifest", no_config),
        (
            raw(OCI_MANIFEST, empty_index.clone()),
            &[],
            Manifest,
            "fails bad-manifest",
            "media-type: expected manifest but found index (application/vnd.oci.image.manifest.v1+json)",
        ),
        (raw(OCI_INDEX, empty_index), &[], Manifest, "fails platform", ""),
    ];
    for (at_row, (script, platforms, least, verdict, event)) in rows.into_iter().enumerate() {
        for depth in [Head, Manifest, Layers] {
            let (said, words, _) = checked(&script, &at(depth, Runtime::Containerd, platforms));
            if depth < least {
                assert_eq!(said, "pullable", "row {at_row} at {depth:?}");
            } else {
                assert_eq!(said, verdict, "row {at_row} at {depth:?}");
                assert!(words.unwrap_or_default().contains(event), "row {at_row} at {depth:?}");
            }
        }
    }
}

#[test]
fn accepted_manifests_depend_on_the_runtime() {
    let nested = |held: &mut RepositoryScript| {
        whole().index(held);
        let inner = held.digest("1").unwrap().to_owned();
        let platform = json!({"os": "linux", "architecture": "amd64"});
        let entry = json!({"mediaType": OCI_INDEX, "digest": inner, "size": 7, "platform": platform});
        held.manifest("1", OCI_INDEX, json!({"schemaVersion": 2, "manifests": [entry]}).to_string());
    };
    let mixed = |held: &mut RepositoryScript| Parts { config_type: DOCKER_CONFIG, ..whole() }.single(held);
    let odd_layer = |held: &mut RepositoryScript| {
        Parts { layer_types: vec![OCI_LAYER, "application/vnd.acme.layer"], ..whole() }.single(held);
    };
    let verdict = |script: &dyn Fn(&mut RepositoryScript), runtime| {
        checked(script, &at(Depth::Manifest, runtime, &["linux/amd64"])).0
    };
    let of =
        |script| [Runtime::Containerd, Runtime::ContainerdOne, Runtime::Crio].map(|runtime| verdict(script, runtime));
    assert_eq!(of(&nested), ["pullable", "pullable", "fails bad-manifest"]);
    assert_eq!(of(&mixed), ["pullable", "pullable", "fails bad-manifest"]);
    assert_eq!(of(&odd_layer), ["pullable", "fails bad-manifest", "pullable"]);
    let head = checked(nested, &at(Depth::Head, Runtime::Crio, &["linux/amd64"])).0;
    assert_eq!(head, "fails bad-manifest", "the index says so");
}
