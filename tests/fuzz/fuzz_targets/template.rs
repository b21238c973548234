//! A template and the values of its chart, beside what was rendered from them: no panic, no hang, and every place that
//! an image is traced to lies in its text.
#![no_main]

mod offline;

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::ReadOptions;
use pullcheck::text::source::{Encoding, Rendering, Source, SourceId};

/// The form of a chart's output whose template writes the usual things.
const OUTPUT: &str = "---\n# Source: c/templates/a.yaml\napiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  \
    containers:\n    - name: b\n      image: \"r.io/i:1\"\n    - name: c\n      image: r.io/i\n";

fuzz_target!(|text: &str| {
    let mut parts = text.split("\n====\n");
    let mut next = || parts.next().filter(|part| !part.is_empty());
    let (template, values, output) = (next().unwrap_or_default(), next().unwrap_or_default(), next().unwrap_or(OUTPUT));
    for rendered in [false, true] {
        let source = if rendered {
            Source::rendered(Rendering { tool: "helm template", folder: "c".to_owned(), release: None }, output)
        } else {
            Source::new("out.yaml", output, Encoding::Utf8)
        };
        let options = ReadOptions { named: true, ..ReadOptions::default() };
        let mut gathered = gather_sources(vec![source], options);
        let chart = "apiVersion: v2\nname: c\nversion: 1.0.0\nappVersion: \"1\"\n";
        for (name, text) in [("c/Chart.yaml", chart), ("c/values.yaml", values), ("c/templates/a.yaml", template)] {
            gathered.sources.push_beside(Source::new(name, text, Encoding::Utf8));
        }
        gathered.charts = BTreeMap::from([((SourceId(0), "c".to_owned()), "c".to_owned())]);
        offline::judge(gathered);
    }
});
