//! Digests as `github.com/opencontainers/go-digest` v1.0.0 checks them.

/// Returns why `Digest.Validate` refuses a text; `None` if it does not.
pub(crate) fn fault(text: &str) -> Option<&'static str> {
    const FORMAT: Option<&str> = Some("invalid checksum digest format");
    let Some((algorithm, encoded)) =
        text.split_once(':').filter(|(algorithm, encoded)| !algorithm.is_empty() && !encoded.is_empty())
    else {
        return FORMAT;
    };
    let digits = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ if is_digest_like(algorithm, encoded) => return Some("unsupported digest algorithm"),
        _ => return FORMAT,
    };
    if encoded.len() != digits {
        return Some("invalid checksum digest length");
    }
    if encoded.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) { None } else { FORMAT }
}

/// Whether a digest matches `DigestRegexp`: `[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+`.
fn is_digest_like(algorithm: &str, encoded: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'));
    algorithm.split(['.', '+', '_', '-']).all(part)
        && encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_digest_errors_match_go() {
        let (format, length, algorithm) = (
            Some("invalid checksum digest format"),
            Some("invalid checksum digest length"),
            Some("unsupported digest algorithm"),
        );
        let sha256 = "a".repeat(64);
        for (text, expected) in [
            (format!("sha256:{sha256}"), None),
            (format!("sha256:{}", sha256.to_uppercase()), format),
            (format!("sha256:{sha256}a"), length),
            ("sha256:ab".to_owned(), length),
            ("md5:55555555555555555555555555555555".to_owned(), algorithm),
            ("a+b.c:=".to_owned(), algorithm),
            ("MD5:55".to_owned(), format),
            ("a++b:1".to_owned(), format),
            ("md5:a:b".to_owned(), format),
            ("sha256:".to_owned(), format),
            (":a".to_owned(), format),
            ("\"quoted\"".to_owned(), format),
            (String::new(), format),
        ] {
            assert_eq!(fault(&text), expected, "{text}");
        }
    }
}
