//! The `kinds` of a configuration, and documents read with them: no panic, no hang, every fault and every place of the
//! report lies in its text.
#![no_main]

mod offline;

use libfuzzer_sys::fuzz_target;
use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::ReadOptions;
use pullcheck::text::source::{Encoding, Source, SourceId};
use pullcheck::resource::workload::custom::kind;
use pullcheck::text::yaml::{self, Piece};

fuzz_target!(|text: &str| {
    let (list, documents) = text.split_once("\n====\n").unwrap_or((text, ""));
    let (mut kinds, mut faults) = (Vec::new(), Vec::new());
    yaml::read(SourceId(0), list, true, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        kinds.extend(document.root().map(|root| kind::read(root, &mut faults)).unwrap_or_default());
    });
    for (span, message) in faults {
        assert!(list.get(span.range()).is_some(), "{span:?} {message}");
    }
    let source = Source::new("fuzz.yaml", documents, Encoding::Utf8);
    offline::judge(gather_sources(vec![source], ReadOptions { kinds: &kinds, ..ReadOptions::default() }));
});
