//! The keyring against a second one that follows Kubernetes and Go line by line, without an index: the same
//! credentials, in the same order, for every repository.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pullcheck::credential::dockerconfig::{DockerConfig, Entry, Hints};
use pullcheck::credential::pair::Credential;
use pullcheck::credential::keyring::Keyring;
use pullcheck::credential::keyring::index_key;
use pullcheck::credential::keyring::key_matches;
use pullcheck::credential::sensitive::Sensitive;

// A repository and keys, with NUL between them.
fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.split('\0');
    let repository = parts.next().unwrap_or_default();
    let mut keys: Vec<&str> = Vec::new();
    for key in parts.take(16) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let entries = keys.iter().map(|key| Entry {
        key: (*key).to_owned(),
        key_range: 0..0,
        credential: Credential { username: Sensitive::new("u"), password: Sensitive::new("p") },
        hints: Hints::default(),
    });
    let mut ring = Keyring::default();
    ring.add(0, &DockerConfig { entries: entries.collect(), ..DockerConfig::default() });
    let mine: Vec<&str> = ring.lookup(repository).iter().map(|found| found.written_key).collect();
    for key in &mine {
        assert!(index_key(key).is_some() && key_matches(key, repository), "{key:?} {repository:?}");
    }
    // Brackets are IPv6 addresses and classes of characters at once; a table of tests holds their few cases.
    if !text.contains(['[', ']']) {
        assert_eq!(mine, naive(&keys, repository), "{repository:?} {keys:?}");
    }
});

fn naive<'k>(keys: &[&'k str], repository: &str) -> Vec<&'k str> {
    let mut indexed: Vec<(Vec<u8>, &str)> = keys.iter().filter_map(|key| Some((index(key)?, *key))).collect();
    indexed.sort_by(|a, b| b.0.cmp(&a.0));
    let matching = indexed.iter().filter(|(key, _)| urls_match(key, repository.as_bytes()).unwrap_or(false));
    let found: Vec<&str> = matching.map(|(_, key)| *key).collect();
    if !found.is_empty() || !is_default_registry(repository) {
        return found;
    }
    indexed.iter().filter(|(key, _)| key == b"index.docker.io").map(|(_, key)| *key).collect()
}

/// `isDefaultRegistryMatch`.
fn is_default_registry(image: &str) -> bool {
    let parts: Vec<&str> = image.splitn(2, '/').collect();
    match parts[..] {
        [""] | ["", _] => false,
        [_] => true,
        [host, ..] => matches!(host, "docker.io" | "index.docker.io") || !host.contains(['.', ':']),
        [] => false,
    }
}

/// `BasicDockerKeyring.Add`.
fn index(key: &str) -> Option<Vec<u8>> {
    let value = if key.starts_with("https://") || key.starts_with("http://") {
        key.to_owned()
    } else {
        format!("https://{key}")
    };
    let (_, rest) = value.split_once("://")?;
    let (host, mut path) = parse(rest.as_bytes())?;
    if path.starts_with(b"/v1/") || path.starts_with(b"/v2/") {
        path.drain(..3);
    }
    Some(if path.is_empty() || path == b"/" { host } else { [host, path].concat() })
}

/// `URLsMatchStr`; `None` is an error.
fn urls_match(glob: &[u8], target: &[u8]) -> Option<bool> {
    let (glob_host, glob_path) = parse(glob)?;
    let (target_host, target_path) = parse(target)?;
    let (glob_parts, glob_port) = split_url(&glob_host);
    let (target_parts, target_port) = split_url(&target_host);
    Some(
        glob_port == target_port
            && glob_parts.len() == target_parts.len()
            && target_path.starts_with(&glob_path)
            && glob_parts.iter().zip(&target_parts).all(|(glob, target)| star(glob, target)),
    )
}

fn split_url(host: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let colons = host.iter().filter(|&&byte| byte == b':').count();
    let (host, port) = match host.iter().position(|&byte| byte == b':').filter(|_| colons == 1) {
        Some(colon) => (&host[..colon], &host[colon + 1..]),
        None => (host, &[][..]),
    };
    (host.split(|&byte| byte == b'.').collect(), port)
}

/// `filepath.Match`, where only stars are left to mean something; row by row of a table, so that it ends soon.
fn star(pattern: &[u8], text: &[u8]) -> bool {
    let mut row: Vec<bool> = (0..=text.len()).map(|at| at == 0).collect();
    for &byte in pattern {
        let mut next = vec![byte == b'*' && row[0]];
        for (at, &other) in text.iter().enumerate() {
            next.push(if byte == b'*' { row[at + 1] || next[at] } else { row[at] && byte == other });
        }
        row = next;
    }
    row[text.len()]
}

/// `url.Parse` of `https://` and the rest: host and path.
fn parse(rest: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (rest, fragment) = cut(rest, b'#');
    if rest.iter().any(|&byte| byte < b' ' || byte == 0x7f) {
        return None;
    }
    unescape(fragment, Mode::Anything)?;
    let (rest, _) = cut(rest, b'?');
    let slash = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let host = match authority.iter().rposition(|&byte| byte == b'@') {
        None => authority,
        Some(at) => {
            let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
            if !authority[..at].iter().all(allowed) {
                return None;
            }
            unescape(&authority[..at], Mode::Anything)?;
            &authority[at + 1..]
        }
    };
    if let Some(colon) = host.iter().rposition(|&byte| byte == b':')
        && !host[colon + 1..].iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    Some((unescape(host, Mode::Host)?, unescape(path, Mode::Anything)?))
}

fn cut(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|&byte| byte == at) {
        Some(found) => (&text[..found], &text[found + 1..]),
        None => (text, &[]),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Host,
    Anything,
}

fn unescape(text: &[u8], mode: Mode) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        if byte == b'%' {
            let hex = |at: usize| char::from(*text.get(at)?).to_digit(16);
            let (high, low) = (hex(at + 1)?, hex(at + 2)?);
            if mode == Mode::Host && high < 8 && (high, low) != (2, 5) {
                return None;
            }
            out.push((high * 16 + low) as u8);
            at += 3;
            continue;
        }
        let plain = byte >= 0x80 || byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:<>\"".contains(&byte);
        if mode == Mode::Host && !plain {
            return None;
        }
        out.push(byte);
        at += 1;
    }
    Some(out)
}
