//! containerd's `hosts.toml`: what is read is read alike twice, and hosts are hosts.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use pullcheck::image::runtime::Runtime;
use pullcheck::registry::hosts_toml::{parse, shown};

fuzz_target!(|text: &str| {
    let folder = Path::new("/etc/containerd/certs.d/docker.io");
    let parse = || parse(folder, text, Runtime::Containerd);
    match (parse(), parse()) {
        (Ok(hosts), again) => {
            assert_eq!(Ok(&hosts), again.as_ref());
            for host in hosts {
                // One blank stands for a host that no request can be sent to.
                if let Some(url) = host.url.as_ref().filter(|url| url.authority != " ") {
                    assert!(!url.authority.contains(['/', '\\', '?', '#', '@', ' ']), "{url:?}");
                    assert!(!url.authority.contains(char::is_control), "{url:?}");
                    assert!(url.path.is_empty() || url.path.starts_with('/'), "{url:?}");
                }
                let files = host.client.iter().flat_map(|(cert, key)| [Some(cert), key.as_ref()]).flatten();
                for file in files.chain(host.ca.iter().flatten()) {
                    assert!(file.is_absolute(), "{}", file.display());
                }
            }
        }
        (Err(error), again) => {
            assert_eq!(Err(&error), again.as_ref());
            assert!(!error.to_string().is_empty());
            assert_eq!(shown(text, error.line()).len(), text.len());
        }
    }
});
