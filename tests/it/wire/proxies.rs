//! Proxies of the environment, with the built binary: what a company's network looks like.
#![expect(clippy::disallowed_methods, reason = "a test writes its files")]

use pullcheck_support::{Access, Bearer, Output, Proxy, Raw, Registry, Run};

const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: 'ghcr.io/acme/api:1'}]}\n";

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

fn pod(image: &str) -> String {
    POD.replace("ghcr.io/acme/api:1", image)
}

/// An address of this machine that is not loopback, so that nothing leaves it; where there is none, there is no way out
/// either.
fn own_address() -> String {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    // Sends nothing: it asks for the way.
    let local = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    local.map_or("192.0.2.1".to_owned(), |address| address.ip().to_string())
}

#[test]
fn no_proxy_hosts_bypass_the_proxy() {
    let server = ghcr();
    let proxy = Proxy::start(server.address());
    let host = own_address();
    // Port 1 is nobody's.
    let pod = pod(&format!("{host}:1/acme/api:1"));
    let output = run(&server, &proxy, &pod, &[("NO_PROXY", &host)]);
    assert_eq!(verdict(&output), ("unverified".to_owned(), "network".to_owned()));
    assert_eq!(proxy.hosts(), [""; 0]);
    run(&server, &proxy, &pod, &[]);
    assert_eq!(proxy.hosts(), [format!("{host}:1")]);
}

#[test]
fn loopback_registry_bypasses_the_proxy() {
    let server = Registry::start(|r| {
        r.image("acme/api", "1");
    });
    let proxy = Proxy::refusing();
    for host in [server.host(), format!("localhost:{}", server.address().port())] {
        let text = pod(&format!("{host}/acme/api:1"));
        let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).args(["--format", "json", "--plain-http", &host, "-"]);
        let run = run.env("HTTP_PROXY", proxy.url()).env("ALL_PROXY", proxy.url()).stdin(text);
        assert_eq!(verdict(&run.output().assert_status(0)).0, "pullable", "{host}");
    }
    assert_eq!(proxy.hosts(), [""; 0]);
}

#[test]
fn plain_http_registry_is_reached_through_the_proxy() {
    let server = ghcr();
    let proxy = Proxy::refusing();
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).args(["--retries", "0", "--plain-http", "reg.example", "-"]);
    run.env("HTTP_PROXY", proxy.url()).stdin(pod("reg.example/acme/api:1")).output();
    assert_eq!(proxy.hosts()[0], "HEAD http://reg.example/v2/acme/api/manifests/1 HTTP/1.1");
    assert_eq!(server.count(), 0);
}

/// A proxy in a cloud would find them.
#[test]
fn metadata_hosts_are_not_contacted_through_a_proxy() {
    let server = ghcr();
    let proxy = Proxy::start(server.address());
    let hosts = [
        "169.254.169.254",
        "169.254.169.254:80",
        "[fd00:ec2::254]:443",
        "100.100.100.200",
        "metadata.google.internal",
        "metadata.google.internal:80",
        "instance-data.ec2.internal",
    ];
    for host in hosts {
        let output = run(&server, &proxy, &pod(&format!("{host}/latest/meta-data:1")), &[("HTTP_PROXY", &proxy.url())]);
        assert_eq!(verdict(&output), ("unverified".to_owned(), "node-local".to_owned()), "{host}");
    }
    assert_eq!(proxy.hosts(), [""; 0]);
}

/// Nor for the sake of a registry on the internet, which the proxy resolves and we do not.
#[test]
fn private_realm_is_not_contacted_through_a_proxy() {
    for realm in ["https://169.254.169.254/token", "https://10.0.0.1/token", "https://metadata.google.internal/token"] {
        let server = Registry::start_tls(|r| {
            r.image("ghcr.io/acme/api", "1").access(Access::Bearer(Bearer::private("bob", "s3cret")));
            r.host("ghcr.io").realm(realm);
        });
        let proxy = Proxy::start(server.address());
        let output = run(&server, &proxy, POD, &[]);
        assert_eq!(verdict(&output).0, "unverified", "{realm}");
        assert_eq!(proxy.hosts(), ["ghcr.io:443"], "{realm}");
    }
}

#[test]
fn refusing_proxy_is_reported() {
    let server = ghcr();
    let proxy = Proxy::refusing();
    let output = run(&server, &proxy, POD, &[]);
    assert_eq!(verdict(&output), ("unverified".to_owned(), "network".to_owned()));
    assert!(output.stdout.contains("proxyconnect tcp: the proxy refuses to connect to this host"), "{output}");
    assert_eq!(server.count(), 0);
}

#[test]
fn unreachable_proxy_is_reported() {
    let server = ghcr();
    let proxy = Proxy::start(server.address());
    let gone = Proxy::refusing().url();
    let output = run(&server, &proxy, POD, &[("HTTPS_PROXY", &gone)]);
    assert!(output.stdout.contains("proxyconnect tcp: dial tcp: connect: connection refused"), "{output}");
    assert_eq!(proxy.hosts(), [""; 0]);
}

/// Whatever is wrong with it: the nodes have another.
#[test]
fn https_proxy_without_tls_leaves_the_image_unverified() {
    let server = ghcr();
    let proxy = Raw::start(|wire| {
        wire.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        wire.finish();
    });
    let url = format!("https://{}", proxy.host());
    let output = run(&server, &Proxy::refusing(), POD, &[("HTTPS_PROXY", &url)]);
    assert_eq!(verdict(&output), ("unverified".to_owned(), "network".to_owned()), "{output}");
    assert!(output.stdout.contains("proxyconnect tcp: "), "{output}");
}
