//! A base, an overlay and a patch: no panic, no hang, and every place of the report lies in its text.
#![no_main]

mod offline;

use libfuzzer_sys::fuzz_target;
use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::ReadOptions;
use pullcheck::text::source::{Encoding, Source};

const NAMES: &[&str] = &[
    "base/kustomization.yaml",
    "base/pod.yaml",
    "prod/kustomization.yaml",
    "prod/patch.yaml",
    "dev/kustomization.yml",
];

fuzz_target!(|text: &str| {
    let files = NAMES.iter().zip(text.split("\n====\n"));
    let sources = files.map(|(name, text)| Source::new(*name, text, Encoding::Utf8)).collect();
    offline::judge(gather_sources(sources, ReadOptions::default()));
});
