//! The cases of containerd's tests, and the files that it does not read.

use super::*;

fn url(tls: bool, authority: &str, path: &str) -> Option<HostUrl> {
    Some(HostUrl { tls, authority: authority.to_owned(), path: path.to_owned() })
}

fn pull_only(url: Option<HostUrl>) -> HostConfig {
    HostConfig { capabilities: Capabilities { pull: true, resolve: false, push: false }, ..HostConfig::plain(url) }
}

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

/// The cases of `TestParseHostFile` in `core/remotes/docker/config/hosts_test.go` of containerd, rewritten.
#[test]
fn every_hosts_toml_key_is_read_and_host_order_is_kept() {
    let text = r#"
server = "https://default.example"
ca = "/ca/default"
[header]
  x-one = "custom header"

[host."https://mirror.example"]
  capabilities = ["pull"]
  ca = "certs/mirror.pem"
  skip_verify = false
  [host."https://mirror.example".header]
    x-two = ["value1", "value2"]

[host."https://backup.example/us"]
  capabilities = ["pull"]
  skip_verify = true

[host."http://mirror.example"]
  capabilities = ["PULL"]

[host."https://one.example"]
  capabilities = ["pull", "resolve", "push"]
  ca = ["/ca/one.pem", "special.pem"]
  client = [["/c/client.cert", "client.key"], ["client.pem", "/c/client.pem"]]

[host."https://two.example"]
  client = "client.pem"

[host."https://three.example"]
  client = ["one.pem", "/c/two.pem"]

[host."https://harbor.example/v2/hub"]
  capabilities = ["pull"]
  override_path = true

[host."https://bare.example"]
  override_path = true

[host."https://header.example".header]
  x-one = "justaheader"

[host."slow.example:8443"]
  dial_timeout = "1m2.5s"
"#;
    let header = |name: &str, values: &[&str]| {
        vec![(name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())]
    };
    let expected = vec![
        HostConfig {
            ca: Some(paths(&["/base/certs/mirror.pem"])),
            skip_verify: Some(false),
            header: header("x-two", &["value1", "value2"]),
            ..pull_only(url(true, "mirror.example", "/v2"))
        },
        HostConfig { skip_verify: Some(true), ..pull_only(url(true, "backup.example", "/us/v2")) },
        pull_only(url(false, "mirror.example", "/v2")),
        HostConfig {
            ca: Some(paths(&["/ca/one.pem", "/base/special.pem"])),
            client: vec![
                ("/c/client.cert".into(), Some("/base/client.key".into())),
                ("/base/client.pem".into(), Some("/c/client.pem".into())),
            ],
            ..HostConfig::plain(url(true, "one.example", "/v2"))
        },
        HostConfig {
            client: vec![("/base/client.pem".into(), None)],
            ..HostConfig::plain(url(true, "two.example", "/v2"))
        },
        HostConfig {
            client: vec![("/base/one.pem".into(), None), ("/c/two.pem".into(), None)],
            ..HostConfig::plain(url(true, "three.example", "/v2"))
        },
        pull_only(url(true, "harbor.example", "/v2/hub")),
        HostConfig::plain(url(true, "bare.example", "")),
        HostConfig {
            header: header("x-one", &["justaheader"]),
            ..HostConfig::plain(url(true, "header.example", "/v2"))
        },
        HostConfig {
            dial_timeout: Some(Duration::from_millis(62_500)),
            ..HostConfig::plain(url(true, "slow.example:8443", "/v2"))
        },
        HostConfig {
            ca: Some(paths(&["/ca/default"])),
            header: header("x-one", &["custom header"]),
            ..HostConfig::plain(url(true, "default.example", "/v2"))
        },
    ];
    let found = parse(Path::new("/base"), text, Runtime::Containerd).unwrap();
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "host {at}");
    }
    assert_eq!(found.len(), expected.len());
}

fn authorities(text: &str) -> Vec<String> {
    authorities_of(text, Runtime::Containerd)
}

fn authorities_of(text: &str, runtime: Runtime) -> Vec<String> {
    let hosts = parse(Path::new("/"), text, runtime).unwrap();
    hosts.into_iter().map(|host| host.url.map_or("-".to_owned(), |url| url.authority)).collect()
}

#[test]
fn registry_is_the_last_host_without_a_server_key() {
    let two = "[host.\"https://b.example\"]\n[host.\"https://a.example\"]";
    assert_eq!(authorities(two), ["b.example", "a.example", "-"]);
    assert_eq!(authorities("server = \"\""), ["-"]);
    assert_eq!(authorities("# nothing"), ["-"]);
    assert_eq!(authorities("SERVER = \"https://s.example\"\nunknown = 1"), ["s.example"]);
}

/// `getSortedHosts` looks at the headers of tables.
#[test]
fn host_without_its_own_table_header_is_ignored() {
    assert_eq!(authorities("host.\"https://a.example\" = {}"), ["-"]);
    assert_eq!(authorities("host = { \"https://a.example\" = { capabilities = [\"pull\"] } }"), ["-"]);
    assert_eq!(authorities("[host]\n\"https://a.example\" = {}"), ["-"]);
    assert_eq!(authorities("  [ host . \"https://a.example\" ]"), ["a.example", "-"]);
}

/// The results of `ConfigureHosts` of containerd 2.4.2 and 1.7.35 for the same files.
#[test]
fn containerd_versions_parse_hosts_toml_differently() {
    let of = |text: &str| [Runtime::Containerd, Runtime::ContainerdOne].map(|runtime| authorities_of(text, runtime));
    assert_eq!(of("host.'https://a.example' = {}"), [vec!["-"], vec!["a.example", "-"]]);
    assert_eq!(of("[host]\n'https://a.example' = {}"), [vec!["-"], vec!["a.example", "-"]]);
    let reads = |text: &str, runtime| parse(Path::new("/"), text, runtime).is_ok();
    use Runtime::{Containerd, Containerd2_1, Containerd2_3, ContainerdOne};
    let versions =
        |text: &str| [ContainerdOne, Containerd2_1, Containerd2_3, Containerd].map(|runtime| reads(text, runtime));
    assert_eq!(versions("[host.'https://a']\ncapabilities = ['pull', 'referrers']"), [false, false, true, true]);
    assert_eq!(versions("dial_timeout = 'soon'"), [true, false, false, false], "1.7 does not know the key");
    assert_eq!(versions("\u{feff}server = 'https://a'"), [true, false, false, false]);
}

/// Go parses more than can be requested.
#[test]
fn unusable_host_url_is_not_a_parse_error() {
    assert_eq!(authorities("server = 'https://'"), ["-"], "the registry itself");
    assert_eq!(authorities("server = 'http'"), ["-"]);
    assert_eq!(authorities("server = 'httpx://a'"), [" "]);
    assert_eq!(authorities("[host.'https://']"), [" ", "-"]);
}

#[test]
fn shown_line_omits_possible_secrets() {
    let text = "server = 'https://bob:s3cret@é'\n[host.'https://a']\ncapabilities = 'pull'\n[host.'https://a'.header]\nca = 's3cret'\n[host.'https://bob:s3cret@b']\nx-key = s3cret\ns3cret";
    let line = |line: usize| {
        let shown = shown(text, line);
        assert_eq!(shown.len(), text.len());
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.iter().enumerate().all(|(at, other)| at + 1 == line || other.trim().is_empty()), "{shown}");
        lines[line - 1].trim_end().to_owned()
    };
    let expected = ["server =", "[host.'https://a']", "capabilities = 'pull'", "[host.'https://a'.header]", "ca ="];
    for (at, expected) in expected.into_iter().chain(["", "x-key =", ""]).enumerate() {
        assert_eq!(line(at + 1), expected);
    }
}

#[test]
fn hosts_toml_errors_name_line_and_key() {
    let table = [
        ("server = ", "line 1: string values must be quoted"),
        ("server = 5", "line 1: `server`: must be a string"),
        ("\nserver = 'https://a b'", "line 2: `server`: not the URL of a host"),
        ("host = 5", "line 1: `host`: must be a table of hosts"),
        ("[host]\n'https://a' = 5", "line 2: `https://a`: must be a table"),
        ("[host.'https://a']\ncapabilities = 'pull'", "line 2: `host.\"https://a\".capabilities`: must be a list of"),
        (
            "[host.'https://a']\ncapabilities = ['fly']",
            "line 2: `host.\"https://a\".capabilities`: unknown capability \"fly\"",
        ),
        ("[host.'https://a']\ncapabilities = [1]", "line 2: `host.\"https://a\".capabilities`: must be a list of"),
        ("ca = 1", "line 1: `ca`: must be a file name or a list of them"),
        ("ca = ['a', 1]", "line 1: `ca`: must be a file name or a list of them"),
        ("client = {}", "line 1: `client`: must be a file name, a list of them, or a list of pairs"),
        ("client = [['a']]", "line 1: `client`: must be a file name, a list of them, or a list of pairs"),
        ("client = [['a', 'b', 'c']]", "line 1: `client`: must be"),
        ("client = [['a', 1]]", "line 1: `client`: must be"),
        ("skip_verify = 'true'", "line 1: `skip_verify`: must be true or false"),
        ("override_path = 1", "line 1: `override_path`: must be true or false"),
        ("header = 1", "line 1: `header`: must be a table"),
        ("[header]\nx = 1", "line 1: `header.x`: must be a string or a list"),
        ("dial_timeout = 3", "line 1: `dial_timeout`: must be a string such as \"3s\""),
        ("dial_timeout = '3'", "line 1: `dial_timeout`: must be a time such as"),
        ("dial_timeout = 's'", "line 1: `dial_timeout`: must be a time such as"),
        ("[host.'https://a b']", "line 1: `host.\"https://a b\"`: not the URL of a host"),
        ("\u{feff}server = 'https://a'", "line 1: it begins with a byte order mark"),
        ("[host.'https://bob:s3cret@a']\nca = 1", "line 2: `host.\"https://***@a\".ca`: must be a file name"),
    ];
    for (text, expected) in table {
        let error = parse(Path::new("/"), text, Runtime::Containerd).map(drop).unwrap_err().to_string();
        assert!(
            error.starts_with(expected),
            "{text}
{error}"
        );
    }
}
