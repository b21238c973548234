//! Why a key that looks right does not match an image.

use super::{Pattern, fault, index_key_bytes, is_meant_for, key_matches};
use crate::text::go::glob;

/// Why a key that looks right does not match a repository of the registry it names.
pub fn mismatch(written: &str, repository: &str) -> Option<String> {
    if key_matches(written, repository) {
        return None;
    }
    if let Some(fault) = fault(written) {
        return is_meant_for(written, repository).then(|| fault.why(written));
    }
    let key = index_key_bytes(written)?;
    let pattern = Pattern::parse(&key)?;
    let target = Pattern::parse(repository.as_bytes())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let same_host = hosts_match(&pattern.host, &target.host);
    if same_host && pattern.port == target.port {
        let (path, image) = (text(&pattern.path), text(&target.path));
        return Some(if path.strip_suffix('/') == Some(&image) {
            "the trailing slash is part of the prefix, and the repository ends before it".to_owned()
        } else if image.strip_prefix("/library").is_some_and(|rest| rest.starts_with(&path)) {
            format!("the repository is `{}`, with `library/`", image.trim_start_matches('/'))
        } else if image.starts_with(&path.to_ascii_lowercase()) {
            "repositories are lowercase".to_owned()
        } else {
            format!("it is for repositories that begin with `{}`", path.trim_start_matches('/'))
        });
    }
    if same_host {
        return Some(match (pattern.port.is_empty(), target.port.is_empty()) {
            (false, true) => format!("it has the port {}, and the image names none", text(&pattern.port)),
            (true, false) => format!("it has no port, and the image names {}", text(&target.port)),
            _ => format!("it has the port {}, and the image names {}", text(&pattern.port), text(&target.port)),
        });
    }
    if pattern.host.eq_ignore_ascii_case(&target.host) {
        return Some("hosts are compared case-sensitively".to_owned());
    }
    let labels = |host: &[u8]| host.split(|&byte| byte == b'.').count();
    if pattern.wildcard && labels(&pattern.host) < labels(&target.host) {
        let tail: Vec<_> = pattern.host.split(|&byte| byte == b'.').skip(1).collect();
        let tail = [b".".as_slice(), &tail.join(&b'.')].concat();
        if tail.len() > 1 && target.host.ends_with(&tail) || pattern.host == b"*" {
            return Some(format!("`*` matches only one part of a host, and `{}` has more", text(&target.host)));
        }
    }
    None
}

fn hosts_match(pattern: &[u8], host: &[u8]) -> bool {
    let (patterns, labels) = (pattern.split(|&byte| byte == b'.'), host.split(|&byte| byte == b'.'));
    labels.clone().count() == patterns.clone().count()
        && labels.zip(patterns).all(|(label, pattern)| glob::matches(pattern, label) == Ok(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_mismatch_is_explained() {
        let cases = [
            ("ghcr.io:443", "ghcr.io/acme/app", "it has the port 443, and the image names none"),
            ("reg.example", "reg.example:5000/app", "it has no port, and the image names 5000"),
            ("reg.example:1", "reg.example:2/app", "it has the port 1, and the image names 2"),
            ("ghcr.io/acme", "ghcr.io/other/app", "it is for repositories that begin with `acme`"),
            (
                "ghcr.io/acme/app/",
                "ghcr.io/acme/app",
                "the trailing slash is part of the prefix, and the repository ends before it",
            ),
            ("docker.io/nginx", "docker.io/library/nginx", "the repository is `library/nginx`, with `library/`"),
            ("GHCR.IO", "ghcr.io/acme/app", "hosts are compared case-sensitively"),
            (
                "*.example.com",
                "a.b.example.com/app",
                "`*` matches only one part of a host, and `a.b.example.com` has more",
            ),
            ("*", "ghcr.io/acme/app", "`*` matches only one part of a host, and `ghcr.io` has more"),
            (
                "https://index.docker.io/v1",
                "docker.io/library/nginx",
                "without the trailing slash the kubelet keeps `/v1` as a path",
            ),
            (
                "hub.docker.com",
                "docker.io/acme/app",
                "images on Docker Hub are `docker.io/…`, regardless of the host that serves them",
            ),
        ];
        for (key, image, why) in cases {
            assert_eq!(mismatch(key, image).as_deref(), Some(why), "{key} {image}");
        }
        for (key, image) in
            [("ghcr.io", "ghcr.io/acme/app"), ("quay.io", "ghcr.io/acme/app"), ("oci://quay.io", "ghcr.io/x")]
        {
            assert_eq!(mismatch(key, image), None, "{key} {image}");
        }
    }
}
