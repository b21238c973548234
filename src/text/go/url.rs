//! `net/url.Parse`, as far as an `auths` key and the hosts of a `hosts.toml` need it: host and path of an `http` or
//! `https` URL.

/// The two parts of a URL that matter, percent-decoded. They are bytes, because `%ff` decodes to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    /// The host, like `URL.Host` in Go: with port and brackets, case kept, user info dropped.
    pub(crate) host: Vec<u8>,
    /// The path, like `URL.Path` in Go.
    pub(crate) path: Vec<u8>,
}

/// Ports `url.Parse("https://" + rest)`; `None` if Go returns an error. Query, fragment and user info are checked as
/// Go checks them, and dropped.
pub(crate) fn parse(rest: &[u8]) -> Option<Url> {
    let (rest, fragment) = cut(rest, b'#');
    if rest.iter().any(|&byte| byte < b' ' || byte == 0x7f) {
        return None;
    }
    unescape(fragment, Mode::Anything)?;
    let (rest, _query) = cut(rest, b'?');
    let slash = memchr::memchr(b'/', rest).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    Some(Url { host: parse_authority(authority)?, path: unescape(path, Mode::Anything)? })
}

fn cut(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    match memchr::memchr(at, text) {
        Some(found) => (&text[..found], &text[found + 1..]),
        None => (text, &[]),
    }
}

/// Parses like `parseAuthority`: the user info ends at the *last* `@`.
fn parse_authority(authority: &[u8]) -> Option<Vec<u8>> {
    let Some(at) = memchr::memrchr(b'@', authority) else { return parse_host(authority) };
    let user = &authority[..at];
    let valid = user.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte));
    let host = parse_host(&authority[at + 1..])?;
    // User and password are unescaped separately; an escape that is cut by the colon between them is malformed.
    let (name, password) = cut(user, b':');
    if !valid || unescape(name, Mode::Anything).is_none() || unescape(password, Mode::Anything).is_none() {
        return None;
    }
    Some(host)
}

/// Decodes and checks a host, like Go's `parseHost`.
fn parse_host(host: &[u8]) -> Option<Vec<u8>> {
    if host.first() == Some(&b'[') {
        let close = memchr::memrchr(b']', host)?;
        if !valid_optional_port(&host[close + 1..]) {
            return None;
        }
        if let Some(zone) = memchr::memmem::find(&host[..close], b"%25") {
            let mut out = unescape(&host[..zone], Mode::Host)?;
            out.extend(unescape(&host[zone..close], Mode::Zone)?);
            out.extend(unescape(&host[close..], Mode::Host)?);
            return Some(out);
        }
    } else if let Some(colon) = memchr::memrchr(b':', host)
        && !valid_optional_port(&host[colon..])
    {
        return None;
    }
    unescape(host, Mode::Host)
}

/// Whether a port is valid, like `validOptionalPort`: nothing, or a colon and digits, or a colon alone.
fn valid_optional_port(port: &[u8]) -> bool {
    match port.split_first() {
        None => true,
        Some((colon, digits)) => *colon == b':' && digits.iter().all(u8::is_ascii_digit),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Path, fragment, user info: any byte, any escape.
    Anything,
    /// Only bytes that a host may contain, and escapes only of non-ASCII bytes (`%25` is accepted).
    Host,
    /// The zone of an IPv6 address.
    Zone,
}

/// Decodes percent escapes, like Go's `unescape`.
fn unescape(text: &[u8], mode: Mode) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte == b'%' {
            let value = hex(*text.get(at + 1)?)? << 4 | hex(*text.get(at + 2)?)?;
            let percent = &text[at..at + 3] == b"%25";
            match mode {
                Mode::Host if value < 0x80 && !percent => return None,
                Mode::Zone if !percent && value != b' ' && !allowed_in_host(value) => return None,
                _ => out.push(value),
            }
            at += 3;
        } else {
            if mode != Mode::Anything && byte < 0x80 && !allowed_in_host(byte) {
                return None;
            }
            out.push(byte);
            at += 1;
        }
    }
    Some(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Whether a byte needs no escape in a host: `!shouldEscape(byte, encodeHost)`.
fn allowed_in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte)
}

/// Splits like `net.SplitHostPort`, with what `credentialprovider.SplitURL` makes of its errors: the whole host and
/// no port.
pub(crate) fn split_host_port(host: &[u8]) -> (&[u8], &[u8]) {
    try_split_host_port(host).unwrap_or((host, &[]))
}

fn try_split_host_port(host: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memrchr(b':', host)?;
    let (name, opened, closed) = if host.first() == Some(&b'[') {
        let close = memchr::memchr(b']', host)?;
        if close + 1 != colon {
            return None;
        }
        (&host[1..close], 1, close + 1)
    } else {
        let name = &host[..colon];
        if name.contains(&b':') {
            return None;
        }
        (name, 0, 0)
    };
    if host[opened..].contains(&b'[') || host[closed..].contains(&b']') {
        return None;
    }
    Some((name, &host[colon + 1..]))
}
/// Escapes like `url.QueryEscape`: all except letters, digits and `-_.~` as bytes, and a space as `+`.
pub(crate) fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
