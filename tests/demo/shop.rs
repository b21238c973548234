//! The registries that the shop's images come from, and what must be found wrong with the shop.

use std::error::Error;
use std::path::Path;

use clap::Parser;
use pullcheck::check;
use pullcheck::input::{gather, load};
use pullcheck::inventory::ReadOptions;
use pullcheck::options::Args;
use pullcheck::options::Options;
use pullcheck::registry::{Client, Concurrency, Progress};
use pullcheck::report::Report;
use pullcheck::text::source::Sources;
use pullcheck_support::{Access, Bearer, Refusal, Registry, Script};

/// Where the manifests are, seen from the project's root.
pub(crate) const FOLDER: &str = "testdata/shop";

/// The registries by the names that the manifests use.
pub(crate) const REGISTRIES: [&str; 3] = ["docker.io", "ghcr.io", "registry.acme-shop.example"];

/// Every fault, in the order of the report: rule, file, line.
pub(crate) const FAULTS: [(&str, &str, u32); 9] = [
    ("mutable-tag", "cart.yaml", 23),
    ("missing-pull-secret", "catalog.yaml", 18),
    ("misplaced-pull-secrets", "checkout.yaml", 19),
    ("image-not-found", "frontend.yaml", 30),
    ("invalid-image-reference", "jobs.yaml", 15),
    ("unresolved-placeholder", "jobs.yaml", 31),
    ("undefined-pull-secret", "recommendations.yaml", 60),
    ("wrong-secret-type", "secrets.yaml", 25),
    ("access-denied", "warehouse.yaml", 20),
];

/// Image uses by verdict.
pub(crate) const VERDICTS: [(&str, usize); 4] = [("pullable", 7), ("fails", 6), ("unverified", 1), ("skipped", 1)];

/// Starts the three registries, on one loopback port, with a certificate of an authority of their own.
pub(crate) fn registries() -> Registry {
    Registry::start_tls(|script| {
        docker_hub(script);
        ghcr(script);
        acme(script);
    })
}

/// Public images, each with a token; what does not exist is refused in the words of what is private.
fn docker_hub(script: &mut Script) {
    script.host("docker.io").unknown(Access::Bearer(Bearer::private("nobody", "knows")));
    let images = [
        ("library/redis", "latest"),
        ("library/busybox", "1.36.1"),
        ("library/postgres", "16.4"),
        ("fluent/fluent-bit", "3.1.9"),
    ];
    for (repository, tag) in images {
        let repository = script.repository(&format!("docker.io/{repository}"));
        repository.access(Access::Bearer(Bearer::public())).index(tag, &["linux/amd64", "linux/arm64"]);
    }
}

/// The shop's public images. Without permission there is not even a token.
fn ghcr(script: &mut Script) {
    let nobody = Bearer::private("nobody", "knows").refusing(Refusal::TokenForbidden);
    script.host("ghcr.io").unknown(Access::Bearer(nobody));
    let images: [(&str, &[&str]); 4] = [
        ("frontend", &["2.12.3", "2.13.0", "2.14.1", "latest"]),
        ("cart", &["3.1.0", "3.2.0"]),
        ("reports", &["5.0.1"]),
        ("migrations", &["2.13.0", "2.14.1"]),
    ];
    for (repository, tags) in images {
        let repository = script.repository(&format!("ghcr.io/acme-shop/{repository}"));
        repository.access(Access::Bearer(Bearer::public()));
        for tag in tags {
            repository.index(tag, &["linux/amd64", "linux/arm64"]);
        }
    }
}

/// The shop's own registry: private as a whole.
fn acme(script: &mut Script) {
    let private = Access::Bearer(Bearer::private("robot-deploy", "not-a-real-password"));
    script.host("registry.acme-shop.example").unknown(private.clone());
    let images = [
        ("catalog", "1.9.3"),
        ("checkout", "4.0.0"),
        ("payments", "6.1.0"),
        ("invoices", "1.0.4"),
        ("refunds", "1.3.0"),
        ("recommendations", "0.8.1"),
        ("warehouse", "2.0.5"),
    ];
    for (repository, tag) in images {
        script.repository(&format!("registry.acme-shop.example/shop/{repository}")).access(private.clone()).image(tag);
    }
}

/// The command line that an operator would write for such registries: the manifests name the real hosts, and only
/// their addresses and their certificate authority differ.
pub(crate) fn options(registries: &Registry, authority: &Path) -> Result<Options, Box<dyn Error>> {
    let mut arguments = vec!["pullcheck".to_owned(), FOLDER.to_owned(), format!("--ca-cert={}", authority.display())];
    arguments.extend(REGISTRIES.map(|name| format!("--connect-to={name}={}", registries.address())));
    Ok(Options::try_from(Args::try_parse_from(arguments)?)?)
}

/// What the command finds, as facts: the same steps, short of printing.
pub(crate) fn report(options: &Options) -> Result<(Sources, Report), Box<dyn Error>> {
    let (inputs, errors) = load::inputs(&options.paths, &options.walk)?;
    let gathered =
        gather::gather(&inputs, errors, ReadOptions { parse_all: options.parse_all, ..ReadOptions::default() });
    let client = Client::new(options.client.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let concurrency = Concurrency { all: 64, per_registry: options.client.concurrency };
    let prober = Some((&client, concurrency));
    Ok(runtime.block_on(check::check(gathered, &options.settings, None, prober, &Progress::default())))
}

/// What a report lacks, and what it has too much.
pub(crate) fn differences(sources: &Sources, report: &Report) -> Vec<String> {
    let mut differences = Vec::new();
    let found: Vec<(&str, String, u32)> = report
        .findings
        .iter()
        .map(|finding| {
            let at = finding.primary.span;
            let line = sources.locate(at).map_or(0, |location| location.start.line);
            (finding.rule, sources.get(at.source).name().to_owned(), line)
        })
        .collect();
    let expected = FAULTS.map(|(rule, file, line)| (rule, format!("{FOLDER}/{file}"), line));
    for (rule, file, line) in expected.iter().filter(|fault| !found.contains(fault)) {
        differences.push(format!("missing: {rule} at {file}:{line}"));
    }
    for (rule, file, line) in found.iter().filter(|fault| !expected.contains(fault)) {
        differences.push(format!("unexpected: {rule} at {file}:{line}"));
    }
    for (verdict, expected) in VERDICTS {
        let found = report.images.iter().filter(|image| image.verdict == Some(verdict)).count();
        if found != expected {
            differences.push(format!("{found} images are {verdict}, not {expected}"));
        }
    }
    differences
}
