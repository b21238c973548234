//! Manifests, indexes and configurations: digests that lead into URLs are digests, sizes do not run over, and what a
//! second reader understands is understood alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pullcheck::image::manifest::{ManifestBody, is_digest, parse, parse_config};
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let content = parse(body);
    assert_eq!(content, parse(body), "the same twice");
    match &content {
        None | Some(ManifestBody::Malformed(_)) => {}
        Some(ManifestBody::Index(entries)) => {
            assert!(entries.len() <= body.len());
            entries.iter().filter_map(|entry| entry.digest.as_deref()).for_each(must_be_digest);
        }
        Some(ManifestBody::Image(image)) => image.config_digest.as_deref().into_iter().for_each(must_be_digest),
    }
    if let Some(config) = parse_config(body) {
        assert!(config.diff_ids <= body.len());
    }
    if let (Some(content), Ok(tree)) = (&content, serde_json::from_slice::<Value>(body)) {
        agrees(content, &tree);
    }
});

#[track_caller]
fn must_be_digest(digest: &str) {
    assert!(is_digest(digest));
    let (algorithm, hex) = digest.split_once(':').expect("a digest has two parts");
    assert!(["sha256", "sha384", "sha512"].contains(&algorithm), "{digest}");
    assert!(hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{digest}");
}

fn agrees(content: &ManifestBody, tree: &Value) {
    match content {
        ManifestBody::Index(entries) => {
            let manifests = tree["manifests"].as_array().expect("an index lists manifests");
            assert_eq!(entries.len(), manifests.len());
            for (entry, written) in entries.iter().zip(manifests) {
                if let Some(digest) = &entry.digest {
                    assert_eq!(written["digest"], Value::from(digest.as_str()));
                }
            }
        }
        // What is wrong with it depends on the runtime's decoder, not on this one.
        ManifestBody::Malformed(_) => {}
        ManifestBody::Image(image) => {
            assert!(!tree["config"].is_null());
            let layers = tree["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
            let sizes = layers.iter().chain([&tree["config"]]).filter_map(|blob| blob["size"].as_u64());
            assert!(image.size <= sizes.fold(0, u64::saturating_add), "{} bytes out of nowhere", image.size);
        }
    }
}
