//! The registries that the shop's images come from, and what must be found wrong with the shop.

use pullcheck_support::{Access, Bearer, Refusal, Registry, Script};

/// Where the manifests are, seen from the project's root.
pub const FOLDER: &str = "testdata/shop";

/// The registries by the names that the manifests use.
pub const REGISTRIES: [&str; 3] = ["docker.io", "ghcr.io", "registry.acme-shop.example"];

/// Every fault, in the order of the report: rule, file, line.
pub const FAULTS: [(&str, &str, u32); 9] = [
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
pub const VERDICTS: [(&str, usize); 4] = [("pullable", 6), ("fails", 6), ("unverified", 1), ("skipped", 1)];

/// Starts the three registries, on one loopback port, with a certificate of an authority of their own.
pub fn registries() -> Registry {
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
        ("frontend", &["2.13.0", "2.13.1", "2.14.0", "2.14.1", "latest"]),
        ("cart", &["3.1.0", "3.2.0"]),
        ("reports", &["5.0.1"]),
        ("migrations", &["2.14.0", "2.14.1"]),
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
        ("refunds", "1.3.0"),
        ("recommendations", "0.8.1"),
        ("warehouse", "2.0.5"),
    ];
    for (repository, tag) in images {
        script.repository(&format!("registry.acme-shop.example/shop/{repository}")).access(private.clone()).image(tag);
    }
}

/// The options that an operator would give for such registries: the manifests name them as ever, and only the
/// addresses and the certificate authority are others.
pub fn options(registries: &Registry, authority: &std::path::Path) -> Vec<String> {
    let mut options = vec!["--ca-cert".to_owned(), authority.display().to_string()];
    for name in REGISTRIES {
        options.extend(["--connect-to".to_owned(), format!("{name}={}", registries.address())]);
    }
    options
}
