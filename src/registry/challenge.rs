//! What a registry asks for: `WWW-Authenticate`, read as containerd does.
//!
//! Follows `core/remotes/docker/auth/parse.go` of containerd: all headers count, Bearer goes before Basic, other
//! schemes are not known.

use http_auth::parser::ChallengeParser;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// How to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// With user and password.
    Basic,
    /// With a token.
    Bearer(Bearer),
}

/// Where a token is to be had.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bearer {
    /// URL of the token endpoint; empty where the registry names none.
    pub realm: String,
    /// What the token is for.
    pub service: Option<String>,
    /// Scopes that the registry asks for.
    pub scopes: Vec<String>,
    /// Why the last token did not do.
    pub error: Option<String>,
}

impl Challenge {
    /// The challenge that is to be answered, if there is one that can be.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()))
    }

    /// The same for the values of all `WWW-Authenticate` headers.
    pub fn parse<'v>(values: impl IntoIterator<Item = &'v str>) -> Option<Self> {
        let mut basic = None;
        for value in values {
            for challenge in ChallengeParser::new(value).map_while(Result::ok) {
                if challenge.scheme.eq_ignore_ascii_case("bearer") {
                    let params = challenge.params.iter().map(|(name, value)| (*name, value.to_unescaped()));
                    return Some(Self::Bearer(Bearer::from_params(params)));
                }
                if challenge.scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                }
            }
        }
        basic
    }

    /// Whether the same answer would do for both: the error does not count.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Basic, Self::Basic) => true,
            (Self::Bearer(a), Self::Bearer(b)) => a.realm == b.realm && a.service == b.service,
            _ => false,
        }
    }
}

impl Bearer {
    fn from_params<'n>(params: impl Iterator<Item = (&'n str, String)>) -> Self {
        let mut bearer = Self::default();
        for (name, value) in params {
            match name.to_ascii_lowercase().as_str() {
                "realm" => bearer.realm = value,
                "service" => bearer.service = Some(value),
                "scope" => bearer.scopes = value.split_whitespace().map(str::to_owned).collect(),
                "error" => bearer.error = Some(value),
                _ => {}
            }
        }
        bearer
    }

    /// The scopes to ask for to pull from `repository`, sorted, each once: containerd's own, and the registry's
    /// (`GetTokenScopes` in `core/remotes/docker/scope.go`). The challenge may have been given for another
    /// repository; its repository scopes are not carried over.
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
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        Challenge::read(&headers)
    }

    fn bearer(values: &[&str]) -> Bearer {
        match read(values) {
            Some(Challenge::Bearer(bearer)) => bearer,
            other => panic!("{values:?} gives {other:?}"),
        }
    }

    #[test]
    fn docker_hub() {
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
    fn a_scope_of_the_registrys_own_is_kept() {
        let ecr = bearer(&[r#"Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws",scope="aws""#]);
        assert_eq!(ecr.scopes_for("nginx/nginx"), ["aws", "repository:nginx/nginx:pull"]);
    }

    #[test]
    fn all_headers_count_and_bearer_goes_first() {
        assert_eq!(bearer(&[r#"Basic realm="x""#, r#"Bearer realm="https://a/t""#]).realm, "https://a/t");
        assert_eq!(bearer(&[r#"Basic realm="x", Bearer realm="https://a/t""#]).realm, "https://a/t");
        assert_eq!(bearer(&[r#"Negotiate"#, r#"bearer Realm="https://a/t""#]).realm, "https://a/t");
        assert_eq!(read(&[r#"BASIC realm="x""#]), Some(Challenge::Basic));
        assert_eq!(read(&[r#"Digest realm="x""#]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn nonsense_is_no_challenge_and_hides_none() {
        assert_eq!(read(&["", ",,,", "Bearer =", "\"", "Bearer realm=\"open"]), None);
        assert_eq!(bearer(&["=", r#"Bearer realm="https://a/t""#]).realm, "https://a/t");
    }
}
