//! Mirrors and `hosts.toml`: who is asked for the images of a registry, in which order, and what is made of it.
#![expect(clippy::disallowed_methods, reason = "a test writes its files")]

use std::path::Path;
use std::time::Duration;

use pullcheck::image::runtime::Runtime;
use pullcheck::kubelet::probe::{Outcome, Prober, TagList, Unknown};
use pullcheck::registry::{CertsDir, Client, ClientOptions};
use pullcheck_support::{Access, Answer, Bearer, ClientCertificate, Registry};
use tempfile::TempDir;

use super::{ask, block_on, found, image, list, quick, shown, unknown, with};

/// A registry with one image, and one without.
fn pair() -> (Registry, Registry) {
    let full = Registry::start(|r| {
        r.image("acme/api", "1");
    });
    (full, Registry::start(|_| {}))
}

/// `--mirror reg.example=…` for each, and the registry itself at `origin`.
fn mirrored(origin: &Registry, mirrors: &[&Registry]) -> ClientOptions {
    let mirrors = mirrors.iter().map(|mirror| format!("reg.example=http://{}", mirror.host()).parse().unwrap());
    ClientOptions {
        mirrors: mirrors.collect(),
        plain_http: vec!["reg.example".parse().unwrap()],
        connect_to: vec![format!("reg.example={}", origin.address()).parse().unwrap()],
        ..quick()
    }
}

#[test]
fn mirror_is_asked_first_with_the_registry_name() {
    let (full, origin) = pair();
    found(ask(mirrored(&origin, &[&full]), &image("reg.example", "acme/api:1")));
    assert_eq!((full.count(), origin.count()), (1, 0));
    assert_eq!(full.requests()[0].query, "ns=reg.example");
}

#[test]
fn mirrors_are_asked_in_order_and_the_registry_last() {
    let (full, origin) = pair();
    let empty = Registry::start(|_| {});
    found(ask(mirrored(&origin, &[&empty, &full]), &image("reg.example", "acme/api:1")));
    assert_eq!((empty.count(), full.count(), origin.count()), (1, 1, 0));

    let (full, empty) = pair();
    found(ask(mirrored(&full, &[&empty]), &image("reg.example", "acme/api:1")));
    assert_eq!((empty.count(), full.count()), (1, 1));
    assert_eq!(full.requests()[0].query, "", "the registry itself is not told who it is");
}

#[test]
fn other_statuses_take_precedence_over_404() {
    let refusing = Registry::start(|r| {
        r.answer("*", "/v2/acme/api/manifests/1", [Answer::error(403, "DENIED", "not for you")]);
    });
    let empty = Registry::start(|_| {});
    // Another status goes before a 404, whoever gives it.
    for (first, second) in [(&refusing, &empty), (&empty, &refusing)] {
        let outcome = ask(mirrored(second, &[first]), &image("reg.example", "acme/api:1"));
        assert!(matches!(&outcome, Outcome::Denied(_, evidence) if evidence.status == Some(403)), "{outcome:?}");
    }
    let outcome = ask(mirrored(&empty, &[&empty]), &image("reg.example", "acme/api:1"));
    assert!(matches!(outcome, Outcome::Absent(_)), "{outcome:?}");
}

/// The nodes may reach a mirror that we do not.
#[test]
fn unreachable_mirror_leaves_a_missing_image_unknown() {
    let gone = Registry::start(|_| {}).host();
    let origin = Registry::start(|_| {});
    let options = ClientOptions {
        mirrors: vec![format!("reg.example=http://{gone}").parse().unwrap()],
        retries: 0,
        ..mirrored(&origin, &[])
    };
    let (cause, evidence) = unknown(ask(options, &image("reg.example", "acme/api:1")));
    assert_eq!(cause, Unknown::Network);
    assert_eq!(evidence.url, Some(format!("http://{gone}/v2/acme/api/manifests/1")));
    assert_eq!(origin.count(), 1);
}

/// containerd shows the same credential to every host that is asked.
#[test]
fn credential_is_sent_to_the_mirror() {
    let mirror = Registry::start(|r| {
        r.image("acme/api", "1").access(Access::Basic(vec![("bob".to_owned(), "s3cret".to_owned())]));
    });
    let origin = Registry::start(|_| {});
    found(ask(mirrored(&origin, &[&mirror]), &with(image("reg.example", "acme/api:1"), "bob", "s3cret")));
    assert_eq!(mirror.requests()[1].user.as_deref(), Some("bob"));
    assert_eq!(origin.count(), 0);
}

#[test]
fn tags_and_contents_come_from_any_host_that_has_them() {
    let (full, empty) = pair();
    let attempt = image("reg.example", "acme/api:1");
    assert_eq!(list(mirrored(&full, &[&empty]), &attempt), TagList::Tags(vec!["1".to_owned()]));
    let digest = found(ask(mirrored(&full, &[&empty]), &attempt)).digest.unwrap();
    let by_digest = image("reg.example", &format!("acme/api@{digest}"));
    block_on(async {
        let client = Client::new(mirrored(&full, &[&empty])).unwrap();
        client.content(&by_digest).await.unwrap();
        let missing = image("reg.example", &format!("acme/api@sha256:{}", "0".repeat(64)));
        assert!(client.content(&missing).await.is_err());
    });
}

/// A `--certs-dir` with one `hosts.toml`.
fn certs_dir(folder: &str, text: &str) -> (TempDir, ClientOptions) {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), folder, text);
    let options = ClientOptions { certs_dir: read(root.path()), ..quick() };
    (root, options)
}

fn read(root: &Path) -> CertsDir {
    CertsDir::read(&[root.to_owned()], Runtime::Containerd).unwrap()
}

fn write(root: &Path, folder: &str, text: &str) {
    std::fs::create_dir_all(root.join(folder)).unwrap();
    std::fs::write(root.join(folder).join("hosts.toml"), text).unwrap();
}

/// Leads names to servers on loopback, as `hosts.toml` may not name it.
fn leading(options: ClientOptions, names: &[(&str, &Registry)]) -> ClientOptions {
    let connect_to = names.iter().map(|(name, server)| format!("{name}={}", server.address()).parse().unwrap());
    ClientOptions { connect_to: connect_to.collect(), ..options }
}

#[test]
fn capabilities_decide_which_host_is_asked() {
    let (full, other) = pair();
    let digest = found(ask(super::plain(&full), &image(&full.host(), "acme/api:1"))).digest.unwrap();
    full.forget();
    let text = "server = 'http://origin.example'\n[host.'http://mirror.example']\ncapabilities = ['pull']";
    let (_root, options) = certs_dir("reg.example", text);
    let options = leading(options, &[("mirror.example", &other), ("origin.example", &full)]);
    found(ask(options.clone(), &image("reg.example", "acme/api:1")));
    assert_eq!((other.count(), full.count()), (0, 1), "a tag is for whoever may resolve it");
    assert_eq!(full.requests()[0].query, "ns=reg.example", "the server is not the registry either");
    found(ask(options, &image("reg.example", &format!("acme/api@{digest}"))));
    assert_eq!((other.count(), full.count()), (1, 2), "a digest is for both");

    let (_root, options) = certs_dir("reg.example", "server = 'http://origin.example'\ncapabilities = ['push']");
    let (cause, _) = unknown(ask(leading(options, &[("origin.example", &full)]), &image("reg.example", "acme/api:1")));
    assert_eq!((cause, full.count()), (Unknown::RegistryError, 2), "nobody may");
}

#[test]
fn paths_and_headers_in_hosts_toml_are_used() {
    let harbor = Registry::start(|r| {
        let manifest = || {
            let body = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}"#;
            Answer::status(200).header("Content-Type", "application/vnd.oci.image.manifest.v1+json").body(body)
        };
        r.answer("*", "/v2/hub/acme/api/manifests/1", [manifest()]);
        r.answer("*", "/eu/v2/acme/api/manifests/1", [manifest()]);
    });
    let text = "[host.'http://harbor.example/v2/hub']\noverride_path = true\n[host.'http://harbor.example/v2/hub'.header]\nx-team = ['a', 'b']\nauthorization = 'Bearer t'";
    let (_root, options) = certs_dir("_default", text);
    found(ask(leading(options, &[("harbor.example", &harbor)]), &image("reg.example", "acme/api:1")));
    let request = &harbor.requests()[0];
    assert_eq!(request.header("x-team"), Some("a"));
    assert_eq!(request.authorization.as_deref(), Some("Bearer t"));
    let (_root, options) = certs_dir("_default", "server = 'http://harbor.example/eu/'");
    found(ask(leading(options, &[("harbor.example", &harbor)]), &image("reg.example", "acme/api:1")));
}

/// A header may be a key to the mirror.
#[test]
fn headers_do_not_follow_a_redirect_to_another_host() {
    let (full, _) = pair();
    let mirror = Registry::start(|r| {
        let there = "http://blobs.example/v2/acme/api/manifests/1";
        r.answer("*", "/v2/acme/api/manifests/1", [Answer::status(307).header("Location", there)]);
    });
    let text = "[host.'http://mirror.example']\n[host.'http://mirror.example'.header]\nx-key = 's3cret'";
    let (_root, options) = certs_dir("reg.example", text);
    let options = leading(options, &[("mirror.example", &mirror), ("blobs.example", &full)]);
    found(ask(options, &image("reg.example", "acme/api:1")));
    assert_eq!(mirror.requests()[0].header("x-key"), Some("s3cret"));
    assert_eq!(full.requests()[0].header("x-key"), None);
}

#[test]
fn folders_are_looked_up_as_containerd_does() {
    let table = [
        (&["reg.example_5000_", "reg.example:5000", "reg.example", "_default"][..], "reg.example:5000", 0),
        (&["reg.example:5000", "reg.example", "_default"], "reg.example:5000", 0),
        (&["reg.example", "_default"], "reg.example:5000", 1),
        (&["reg.example", "_default"], "reg.example", 0),
        (&["other.example", "_default"], "reg.example", 1),
    ];
    for (folders, registry, expected) in table {
        let servers: Vec<Registry> = folders.iter().map(|_| pair().0).collect();
        let root = tempfile::tempdir().unwrap();
        let mut names = Vec::new();
        for (at, folder) in folders.iter().enumerate() {
            write(root.path(), folder, &format!("server = 'http://server{at}.example'"));
            names.push(format!("server{at}.example"));
        }
        std::fs::write(root.path().join("README"), "not a folder").unwrap();
        let options = ClientOptions { certs_dir: read(root.path()), ..quick() };
        let names: Vec<_> = names.iter().map(String::as_str).zip(&servers).collect();
        found(ask(leading(options, &names), &image(registry, "acme/api:1")));
        let counts: Vec<usize> = servers.iter().map(Registry::count).collect();
        let asked = counts.iter().position(|count| *count == 1);
        assert_eq!(asked, Some(expected), "{folders:?} {registry}");
    }
}

#[test]
fn certificates_are_read_from_hosts_toml_or_docker_layout() {
    let client = ClientCertificate::new();
    let server = Registry::start_tls(|r| {
        r.demand_client(&client.authority).image("reg.example/acme/api", "1");
    });
    let files = |folder: &Path| {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("ca.crt"), server.ca_pem()).unwrap();
        std::fs::write(folder.join("node.cert"), &client.certificate).unwrap();
        std::fs::write(folder.join("node.key"), &client.key).unwrap();
    };
    for text in [None, Some(""), Some("ca = 'ca.crt'\nclient = [['node.cert', 'node.key']]")] {
        let root = tempfile::tempdir().unwrap();
        files(&root.path().join("reg.example"));
        if let Some(text) = text {
            write(root.path(), "reg.example", text);
        }
        let options = ClientOptions { certs_dir: read(root.path()), ..quick() };
        found(ask(leading(options, &[("reg.example", &server)]), &image("reg.example", "acme/api:1")));
    }
    for text in ["skip_verify = true", "ca = 'ca.crt'", "client = [['node.cert', 'node.key']]"] {
        let root = tempfile::tempdir().unwrap();
        files(&root.path().join("reg.example"));
        write(root.path(), "reg.example", text);
        let options = ClientOptions { certs_dir: read(root.path()), ..quick() };
        let options = leading(options, &[("reg.example", &server)]);
        let (cause, _) = unknown(ask(options, &image("reg.example", "acme/api:1")));
        assert!(matches!(cause, Unknown::Tls(_)), "{text}: {cause:?}");
    }
}

/// containerd tries TLS where the file speaks of it, and goes back.
#[test]
fn http_server_with_tls_options_is_tried_over_tls_first() {
    let (full, _) = pair();
    let (_root, options) = certs_dir("reg.example", "server = 'http://origin.example:5000'\nskip_verify = true");
    found(ask(leading(options, &[("origin.example", &full)]), &image("reg.example", "acme/api:1")));
    let secure = Registry::start_tls(|r| {
        r.image("origin.example:5000/acme/api", "1");
    });
    let (_root, options) = certs_dir("reg.example", "server = 'http://origin.example:5000'\nskip_verify = true");
    found(ask(leading(options, &[("origin.example", &secure)]), &image("reg.example", "acme/api:1")));
    let (_root, options) = certs_dir("reg.example", "server = 'https://origin.example:5000'\nskip_verify = true");
    let outcome = ask(leading(options, &[("origin.example", &full)]), &image("reg.example", "acme/api:1"));
    assert_eq!(unknown(outcome).0, Unknown::PlainHttp);
}

/// What stands there is the node's loopback.
#[test]
fn hosts_toml_does_not_allow_loopback() {
    let (full, origin) = pair();
    let text = format!("[host.'http://{}']\n[host.'http://localhost:{}']", full.host(), full.address().port());
    let (_root, options) = certs_dir("reg.example", &text);
    let options = ClientOptions { plain_http: vec!["reg.example".parse().unwrap()], ..options };
    let (cause, _) = unknown(ask(leading(options, &[("reg.example", &origin)]), &image("reg.example", "acme/api:1")));
    assert_eq!((cause, full.count(), origin.count()), (Unknown::NodeLocal, 0, 1));
}

#[test]
fn mirror_tls_and_headers_apply_to_its_token_requests() {
    let mirror = Registry::start_tls(|r| {
        r.image("mirror.example/acme/api", "1").access(Access::Bearer(Bearer::private("bob", "s3cret")));
        r.host("mirror.example").realm("https://mirror.example/token");
    });
    let text = "[host.'https://mirror.example']\nskip_verify = true\nheader = { x-key = 'k' }";
    let (_root, options) = certs_dir("reg.example", text);
    let attempt = with(image("reg.example", "acme/api:1"), "bob", "s3cret");
    found(ask(leading(options, &[("mirror.example", &mirror)]), &attempt));
    assert_eq!(mirror.lines()[1], "POST /token");
    assert!(mirror.requests().iter().all(|request| request.header("x-key") == Some("k")));
}

/// A proxy project of Harbor: its tokens are for the name that it gives the repository.
#[test]
fn mirror_path_adds_its_own_token_scope() {
    let harbor = Registry::start(|r| {
        r.image("hub/acme/api", "1").access(Access::Bearer(Bearer::private("bob", "s3cret")));
    });
    let text = "[host.'http://harbor.example/v2/hub']\noverride_path = true";
    let (_root, options) = certs_dir("reg.example", text);
    let attempt = with(image("reg.example", "acme/api:1"), "bob", "s3cret");
    found(ask(leading(options, &[("harbor.example", &harbor)]), &attempt));
    let form = &harbor.requests()[1].body;
    let scopes = "&scope=repository%3Aacme%2Fapi%3Apull+repository%3Ahub%2Facme%2Fapi%3Apull";
    assert!(form.ends_with(scopes), "{form}");
}

/// The words are those of `ConfigureHosts` of containerd 2.4.2 with the same files.
#[test]
fn fatal_hosts_toml_errors_fail_pulls_as_in_containerd() {
    let client = ClientCertificate::new();
    let other = ClientCertificate::new();
    let server = Registry::start_tls(|r| {
        r.image("reg.example/acme/api", "1");
    });
    let pair = "failed to load X509 key pair: tls: ";
    let table = [
        (
            "ca = '/nowhere/ca.pem'",
            "unable to read CA cert \"/nowhere/ca.pem\": open /nowhere/ca.pem: no such file or directory",
        ),
        (
            "ca = 'gone.pem'",
            "unable to read CA cert \"…/reg.example/gone.pem\": open …/reg.example/gone.pem: no such file or directory",
        ),
        ("ca = ''", "unable to read CA cert \"…/reg.example\": read …/reg.example: is a directory"),
        ("ca = 'hosts.toml'", "unable to load CA cert \"…/reg.example/hosts.toml\""),
        (
            "[host.'https://mirror.example']\nclient = 'gone.pem'",
            "unable to read CERT file \"…/reg.example/gone.pem\": open …/reg.example/gone.pem: no such file or directory",
        ),
        ("client = 'hosts.toml'", &format!("{pair}failed to find any PEM data in certificate input")),
        (
            "client = 'node.cert'",
            &format!("{pair}found a certificate rather than a key in the PEM for the private key"),
        ),
        ("client = [['node.cert', 'hosts.toml']]", &format!("{pair}failed to find any PEM data in key input")),
        ("client = [['node.cert', 'other.key']]", &format!("{pair}private key does not match public key")),
        (
            "client = [['node.key', 'node.cert']]",
            &format!(
                "{pair}failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"
            ),
        ),
        ("header = { 'a b' = 'c' }", "net/http: invalid header field name \"a b\""),
        ("[header]\nx = \"a\\nb\"", "net/http: invalid header field value for \"x\""),
    ];
    for (text, expected) in table {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "reg.example", text);
        let files = [("node.cert", &client.certificate), ("node.key", &client.key), ("other.key", &other.key)];
        for (name, content) in files {
            std::fs::write(root.path().join("reg.example").join(name), content).unwrap();
        }
        let options = ClientOptions { certs_dir: read(root.path()), ..quick() };
        let options = leading(options, &[("reg.example", &server)]);
        let (cause, evidence) = unknown(ask(options, &image("reg.example", "acme/api:1")));
        assert_eq!((cause, evidence.message.as_deref()), (Unknown::NodeConfig, Some(expected)), "{text}");
    }
    assert_eq!(server.count(), 0);
}

/// Then Docker's layout counts, as if the file were not there.
#[test]
fn hosts_toml_that_containerd_ignores_is_reported() {
    let server = Registry::start_tls(|r| {
        r.image("reg.example/acme/api", "1");
    });
    let table = [
        ("[host", 1, ""),
        ("ca = 1", 1, "`ca`: must be a file name or a list of them"),
        (
            "\n[host.'https://m']\ncapabilities = ['fly']",
            3,
            "`host.\"https://m\".capabilities`: unknown capability \"fly\"",
        ),
    ];
    for (text, line, words) in table {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "reg.example", text);
        std::fs::write(root.path().join("reg.example/ca.crt"), server.ca_pem()).unwrap();
        let certs_dir = read(root.path());
        let [ignored] = certs_dir.ignored() else { panic!("{text}: {:?}", certs_dir.ignored()) };
        assert_eq!((ignored.line, ignored.folder.as_str()), (line, "reg.example"), "{text}");
        assert!(ignored.words.starts_with(words), "{text}: {}", ignored.words);
        let options = leading(ClientOptions { certs_dir, ..quick() }, &[("reg.example", &server)]);
        found(ask(options, &image("reg.example", "acme/api:1")));
    }
}

#[test]
fn unreadable_certs_dir_is_an_error() {
    let error = CertsDir::read(&["/nowhere/at/all".into()], Runtime::Containerd).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/at/all: "), "{error}");
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "reg.example", "ca = 'bad.pem'");
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(root.path().join("reg.example/bad.pem"), bad).unwrap();
    let error = CertsDir::read(&[root.path().to_owned()], Runtime::Containerd).unwrap_err().to_string();
    assert!(error.ends_with("/reg.example/bad.pem: contains no usable certificate"), "Go may take it: {error}");
}

#[test]
fn evidence_names_the_host_that_was_asked() {
    let mirror = Registry::start(|r| {
        r.answer("*", "/v2/acme/api/manifests/1", [Answer::status(503)]);
    });
    let origin = Registry::start(|_| {});
    let options = ClientOptions { retries: 0, ..mirrored(&origin, &[&mirror]) };
    let (_, evidence) = unknown(ask(options, &image("reg.example", "acme/api:1")));
    assert_eq!(shown(&evidence), format!("HEAD http://{}/v2/acme/api/manifests/1 503", mirror.host()));
}

/// containerd goes on to the next host, whatever the one before it cost.
#[test]
fn hanging_mirrors_leave_time_for_the_registry() {
    let hangs: Vec<Registry> =
        (0..3).map(|_| Registry::start(|r| _ = r.answer("*", "/v2/acme/api/manifests/1", [Answer::hang()]))).collect();
    let origin = Registry::start(|r| {
        r.answer("HEAD", "/v2/acme/api/manifests/1", [Answer::status(404).after(Duration::from_millis(20))]);
    });
    let mirrors: Vec<&Registry> = hangs.iter().collect();
    let options = ClientOptions { timeout: Duration::from_secs(1), ..mirrored(&origin, &mirrors) };
    let attempt = image("reg.example", "acme/api:1");
    let (asked, stopped) = block_on(async {
        let client = Client::new(options).unwrap();
        for _ in 0..4 {
            client.probe(&attempt).await;
        }
        (client.requests(), client.traffic().iter().filter(|host| host.stopped.is_some()).count())
    });
    assert_eq!(origin.count(), 4, "each time");
    assert_eq!((asked, stopped), (3 * 3 + 4, 3), "the mirrors are given up after three times");
}
