//! A registry's challenge: `WWW-Authenticate`, read as the runtimes read it.
//!
//! Follows `core/remotes/docker/auth/parse.go` of containerd 2.4, which is laxer than RFC 9110 in spaces and stricter
//! in quotes. It knows one scheme in a header line, and ignores everything after the parameters of the first.
//! `docker/wwwauthenticate.go` of containers/image 5.42 (CRI-O) reads a line the same way, but takes the first scheme
//! that it knows, while containerd takes Bearer before Basic.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use crate::image::runtime::Runtime;

/// The authentication that a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// With user and password.
    Basic,
    /// With a token from a token endpoint.
    Bearer(Bearer),
}

/// The token endpoint, and what to request there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bearer {
    /// URL of the token endpoint; empty if the registry names none that can be read.
    pub realm: String,
    /// The service that the token is for.
    pub service: Option<String>,
    /// Scopes that the registry asks for.
    pub scopes: Vec<String>,
    /// The error code for the last token.
    pub error: Option<String>,
    /// The error description, for people.
    pub description: Option<String>,
}

impl Challenge {
    /// The challenge that a runtime answers, if it can answer any.
    pub(crate) fn read(headers: &HeaderMap, runtime: Runtime) -> Option<Self> {
        Self::parse(headers.get_all(WWW_AUTHENTICATE).iter().map(|value| value.as_bytes()), runtime)
    }

    /// Parses the challenge from the values of all `WWW-Authenticate` headers.
    pub fn parse<'v>(values: impl IntoIterator<Item = &'v [u8]>, runtime: Runtime) -> Option<Self> {
        let mut known = values.into_iter().filter_map(Self::of_line);
        if runtime == Runtime::Crio {
            return known.next();
        }
        let mut first = None;
        for challenge in known {
            match challenge {
                Self::Bearer(_) => return Some(challenge),
                Self::Basic => first = first.or(Some(challenge)),
            }
        }
        first
    }

    fn of_line(line: &[u8]) -> Option<Self> {
        let (scheme, rest) = token(line);
        if scheme.eq_ignore_ascii_case(b"bearer") {
            Some(Self::Bearer(Bearer::from_params(parameters(rest))))
        } else {
            scheme.eq_ignore_ascii_case(b"basic").then_some(Self::Basic)
        }
    }

    /// Whether the same credentials answer both challenges. The error is ignored.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Basic, Self::Basic) => true,
            (Self::Bearer(a), Self::Bearer(b)) => a.realm == b.realm && a.service == b.service,
            _ => false,
        }
    }
}

/// `parseValueAndParams`, after the scheme: names and values, up to the first character that does not fit.
fn parameters(mut rest: &[u8]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    loop {
        let (name, behind) = token(skip_space(rest));
        let Some(behind) = behind.strip_prefix(b"=").filter(|_| !name.is_empty()) else { return found };
        let (value, behind) = token_or_quoted(behind);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        found.push((text(name).to_ascii_lowercase(), text(&value)));
        match skip_space(behind).strip_prefix(b",") {
            Some(next) => rest = next,
            None => return found,
        }
    }
}

fn skip_space(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
    text.split_at(spaces).1
}

/// `expectToken`: an RFC 2616 token, which may be empty, and the rest of the text.
fn token(text: &[u8]) -> (&[u8], &[u8]) {
    let is_token = |byte: &u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[]\\{}".contains(byte);
    text.split_at(text.iter().take_while(|byte| is_token(byte)).count())
}

/// `expectTokenOrQuoted`: an unterminated quote has no value, and nothing follows it.
fn token_or_quoted(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let (value, rest) = token(text);
        return (value.to_vec(), rest);
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return (value, quoted.split_at(at + 1).1),
            b'\\' => value.extend(bytes.next().map(|(_, byte)| *byte)),
            byte => value.push(*byte),
        }
    }
    (Vec::new(), &[])
}

impl Bearer {
    /// Builds the challenge. If a name occurs twice, the last one applies.
    fn from_params(params: Vec<(String, String)>) -> Self {
        let mut bearer = Self::default();
        for (name, value) in params {
            match name.as_str() {
                "realm" => bearer.realm = value,
                "service" => bearer.service = Some(value).filter(|service| !service.is_empty()),
                "scope" => {
                    bearer.scopes = value.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
                }
                "error_description" => bearer.description = Some(value).filter(|words| !words.is_empty()),
                "error" => bearer.error = Some(value).filter(|error| !error.is_empty()),
                _ => {}
            }
        }
        bearer
    }

    /// The scopes to request in order to pull from `repository`, sorted, each once: containerd's own, and the
    /// registry's (`GetTokenScopes` in `core/remotes/docker/scope.go`). The challenge may have been given for another
    /// repository, so its repository scopes are not carried over.
    pub fn scopes_for(&self, repository: &str) -> Vec<String> {
        let others = self.scopes.iter().filter(|scope| !scope.starts_with("repository:")).cloned();
        let mut scopes: Vec<String> = others.chain([format!("repository:{repository}:pull")]).collect();
        scopes.sort();
        scopes.dedup();
        scopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn read(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Challenge::read(&headers, Runtime::Containerd)
    }

    fn bearer(values: &[&str]) -> Bearer {
        match read(values) {
            Some(Challenge::Bearer(bearer)) => bearer,
            other => panic!("{values:?} gives {other:?}"),
        }
    }

    #[test]
    fn docker_hub_challenge_is_parsed() {
        let hub = bearer(&[
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull",error="insufficient_scope""#,
        ]);
        assert_eq!(hub.realm, "https://auth.docker.io/token");
        assert_eq!(hub.service.as_deref(), Some("registry.docker.io"));
        assert_eq!(hub.error.as_deref(), Some("insufficient_scope"));
        assert_eq!(hub.scopes_for("library/nginx"), ["repository:library/nginx:pull"]);
        assert_eq!(hub.scopes_for("library/redis"), ["repository:library/redis:pull"]);
    }

    #[test]
    fn registry_specific_scope_is_kept() {
        let ecr = bearer(&[r#"Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws",scope="aws""#]);
        assert_eq!(ecr.scopes_for("nginx/nginx"), ["aws", "repository:nginx/nginx:pull"]);
    }

    #[test]
    fn containerd_prefers_bearer_among_all_challenge_headers() {
        assert_eq!(bearer(&[r#"Basic realm="x""#, r#"Bearer realm="https://a/t""#]).realm, "https://a/t");
        assert_eq!(bearer(&["Negotiate", r#"bearer Realm="https://a/t""#]).realm, "https://a/t");
        assert_eq!(read(&[r#"BASIC realm="x""#]), Some(Challenge::Basic));
        assert_eq!(read(&[r#"Digest realm="x""#]), None);
        assert_eq!(read(&[]), None);
        let lines = [&br#"Basic realm="x""#[..], br#"Bearer realm="https://a/t""#];
        assert_eq!(Challenge::parse(lines, Runtime::Crio), Some(Challenge::Basic), "CRI-O takes the first");
    }

    #[test]
    fn challenge_header_has_only_one_scheme() {
        assert_eq!(read(&[r#"Basic realm="x", Bearer realm="https://a/t""#]), Some(Challenge::Basic));
        assert_eq!(read(&[r#"Negotiate, Basic realm="x""#]), None);
        assert_eq!(read(&[r#"Digest realm="x", Basic realm="x""#]), None);
        assert_eq!(read(&[r#",Basic realm="x""#]), None);
    }

    #[test]
    fn challenge_separators_are_parsed_as_in_containerd() {
        for line in ["Bearer  realm=\"https://a/t\",service=\"s\"", "Bearer\trealm=\"https://a/t\" ,\tservice=\"s\""] {
            let read = bearer(&[line]);
            assert_eq!((&*read.realm, read.service.as_deref()), ("https://a/t", Some("s")), "{line}");
        }
        // Anything other than a comma ends the parameters.
        for line in [r#"Bearer realm="https://a/t";service="s""#, r#"Bearer realm="https://a/t" service="s""#] {
            let read = bearer(&[line]);
            assert_eq!((&*read.realm, read.service), ("https://a/t", None), "{line}");
        }
        assert_eq!(bearer(&[r#"Bearer realm = "https://a/t""#]).realm, "", "no space before the sign");
    }

    #[test]
    fn unquoted_values_end_at_the_first_separator() {
        for (line, realm) in [
            ("Bearer realm=/", ""),
            ("Bearer realm=https://reg/", "https"),
            ("Bearer realm=Registry Realm", "Registry"),
            (r#"Bearer realm="",service="s""#, ""),
            (r#"Bearer realm="a\"b\\c""#, r#"a"b\c"#),
            (r#"Bearer realm="open"#, ""),
            (r#"Bearer realm="a",realm="b""#, "b"),
            ("Bearer realm=\"https://a/tokén\"", "https://a/tokén"),
            ("Bearer", ""),
            ("Bearer =", ""),
        ] {
            assert_eq!(bearer(&[line]).realm, realm, "{line}");
        }
        assert_eq!(
            bearer(&[r#"Bearer realm="r",error="",service="""#]),
            Bearer { realm: "r".to_owned(), ..Bearer::default() }
        );
    }

    #[test]
    fn malformed_challenge_does_not_hide_a_valid_one() {
        assert_eq!(read(&["", ",,,", "\"", "=", "Bearerrealm=x"]), None);
        assert_eq!(bearer(&["=", r#"Bearer realm="https://a/t""#]).realm, "https://a/t");
    }
}
