//! Everything that is read out of a manifest: no panic, no hang, and every place lies in the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::text::source::{Encoding, Source, SourceId, Sources};

fuzz_target!(|text: &str| {
    for parse_all in [false, true] {
        let source = Source::new("fuzz.yaml", text, Encoding::Utf8);
        let inventory =
            Inventory::of(SourceId(0), &source, ReadOptions { parse_all, named: true, ..ReadOptions::default() });
        let sources = Sources::new(vec![source]);
        let images = inventory.images.iter().map(|image| image.text.span);
        let problems = inventory.problems.iter().map(|problem| problem.span);
        let resources = inventory.resources.iter().map(|resource| resource.span);
        for span in images.chain(problems).chain(resources).chain(inventory.masked.iter().copied()) {
            assert!(text.get(span.range()).is_some(), "{span:?}");
            assert!(sources.locate(span).is_some(), "{span:?}");
        }
    }
});
