//! How fast manifests are parsed and their facts extracted. Files are read before the clock starts.
//!
//! Documents that are parsed and documents that are skipped (ConfigMaps, CRDs) are measured apart: they differ by an
//! order of magnitude, and their share in a repository decides how long it takes. `PULLCHECK_CORPUS=FOLDER` names the
//! files; without it they are generated.
#![expect(clippy::disallowed_methods, reason = "reads the corpus")]

use std::fmt::Write;
use std::path::Path;
use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::BytesCount;
use ignore::WalkBuilder;
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::text::source::{Encoding, Source, SourceId, Sources};
use pullcheck::text::yaml::split::{json_stream, split};
use pullcheck::text::yaml::{Piece, read};
use rayon::prelude::*;

fn main() {
    divan::main();
}

static CORPUS: LazyLock<Corpus> = LazyLock::new(Corpus::load);

/// File texts, and the same texts taken apart.
struct Corpus {
    whole: Vec<String>,
    parsed: Vec<String>,
    skipped: Vec<String>,
}

impl Corpus {
    fn load() -> Self {
        let whole = match std::env::var_os("PULLCHECK_CORPUS") {
            Some(folder) => files(folder.as_ref()),
            None => generated(),
        };
        let parsed = whole.iter().map(|text| documents(text, false)).filter(|text| !text.is_empty()).collect();
        let skipped = whole.iter().map(|text| documents(text, true)).filter(|text| !text.is_empty()).collect();
        Self { whole, parsed, skipped }
    }
}

/// All manifests of a folder.
fn files(folder: &Path) -> Vec<String> {
    let walk = WalkBuilder::new(folder).standard_filters(false).build();
    let manifests = walk.flatten().filter(|entry| {
        let extension = entry.path().extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("yaml" | "yml" | "json"))
    });
    let texts: Vec<String> = manifests.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).collect();
    assert!(!texts.is_empty(), "{} holds no manifests", folder.display());
    texts
}

/// The documents of one text that are skipped, or those that are not, as one text again.
fn documents(text: &str, skipped: bool) -> String {
    if json_stream(text).is_some_and(|stream| !stream.values.is_empty()) {
        return if skipped { String::new() } else { text.to_owned() };
    }
    let chunks = split(text, false);
    chunks.into_iter().filter(|chunk| chunk.skip == skipped).map(|chunk| &text[chunk.range]).collect()
}

/// Two hundred files of a Deployment, a Service, a ConfigMap and a CRD.
fn generated() -> Vec<String> {
    let file = |number: usize| {
        let mut text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{number}\n  namespace: shop\nspec:\n  \
             replicas: 2\n  template:\n    spec:\n      imagePullSecrets:\n        - name: registry\n      containers:\n"
        );
        for container in 0..20 {
            let _ = write!(
                text,
                "        - name: c{container}\n          image: ghcr.io/acme-shop/app-{container}:1.{number}.0\n          \
                 # what the app listens on\n          ports:\n            - containerPort: 8080\n          env:\n            \
                 - name: LOG_LEVEL\n              value: \"info\"\n",
            );
        }
        let _ = writeln!(text, "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: app-{number}");
        for kind in ["ConfigMap", "CustomResourceDefinition"] {
            let _ = write!(text, "---\napiVersion: v1\nkind: {kind}\nmetadata:\n  name: n{number}\ndata:\n");
            for line in 0..400 {
                let _ = writeln!(text, "  key-{line}: \"a description of some length, as schemas have them\"");
            }
        }
        text
    };
    (0..200).map(file).collect()
}

/// Does the work on this many threads and reports bytes per second.
fn measure(bencher: Bencher<'_, '_>, texts: &[String], threads: usize) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
    let bytes: usize = texts.iter().map(String::len).sum();
    let source = |(at, text): (usize, &String)| Source::new(format!("{at}.yaml"), text.clone(), Encoding::Utf8);
    let sources = Sources::new(texts.iter().enumerate().map(source).collect());
    bencher.counter(BytesCount::new(bytes)).bench_local(|| pool.install(|| gather(&sources)));
}

/// What is measured: from texts to the facts that rules judge.
fn gather(sources: &Sources) -> Inventory {
    let listed: Vec<(SourceId, &Source)> = sources.iter().collect();
    let read = |&(id, source): &(SourceId, &Source)| Inventory::of(id, source, ReadOptions::default());
    let read: Vec<Inventory> = listed.par_iter().map(read).collect();
    let mut all = Inventory::default();
    for inventory in read {
        all.append(inventory);
    }
    pullcheck::rewrite::apply(&mut all, sources);
    all
}

/// Documents that are parsed.
#[divan::bench(args = [1, 2], sample_count = 20, sample_size = 1)]
fn parsed(bencher: Bencher<'_, '_>, threads: usize) {
    measure(bencher, &CORPUS.parsed, threads);
}

/// The same documents through the parser alone, its trees thrown away: what the rest is to be compared with.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn trees(bencher: Bencher<'_, '_>) {
    let texts = &CORPUS.parsed;
    let bytes: usize = texts.iter().map(String::len).sum();
    let count = |text: &String| {
        let mut documents = 0;
        read(SourceId(0), text, true, &mut |piece| documents += usize::from(matches!(piece, Piece::Document(_))));
        documents
    };
    bencher.counter(BytesCount::new(bytes)).bench_local(|| texts.iter().map(count).sum::<usize>());
}

/// Documents that are skipped.
#[divan::bench(args = [1, 2], sample_count = 20, sample_size = 1)]
fn skipped(bencher: Bencher<'_, '_>, threads: usize) {
    measure(bencher, &CORPUS.skipped, threads);
}

/// The files as they are.
#[divan::bench(args = [1, 2], sample_count = 20, sample_size = 1)]
fn whole(bencher: Bencher<'_, '_>, threads: usize) {
    measure(bencher, &CORPUS.whole, threads);
}
