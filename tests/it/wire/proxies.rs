//! Proxies of the environment, with the built binary: what a company's network looks like.

use pullcheck_support::{Output, Proxy, Registry, Run};

const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: ghcr.io/acme/api:1}]}\n";

fn run(server: &Registry, proxy: &Proxy, pod: &str, more: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, server.ca_pem()).unwrap();
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck"))
        .args(["--format", "json", "--retries", "0", "--connect-timeout", "3s", "-"])
        .env("HTTPS_PROXY", proxy.url())
        .env("SSL_CERT_FILE", &ca)
        .stdin(pod);
    more.iter().fold(run, |run, (name, value)| run.env(name, value)).output()
}

fn verdict(output: &Output) -> (String, String) {
    let report: serde_json::Value = serde_json::from_str(&output.stdout).expect(&output.stdout);
    let image = &report["images"][0];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    (text(&image["verdict"]), text(&image["cause"]))
}

fn ghcr() -> Registry {
    Registry::start_tls(|r| {
        r.image("ghcr.io/acme/api", "1");
    })
}

#[test]
fn a_registry_is_reached_through_the_proxy() {
    let server = ghcr();
    let proxy = Proxy::start(server.address());
    let output = run(&server, &proxy, POD, &[]).assert_status(0);
    assert_eq!(verdict(&output), ("pullable".to_owned(), String::new()));
    assert_eq!(proxy.hosts(), ["ghcr.io:443"]);
    assert_eq!(server.requests()[0].host, "ghcr.io");
}
