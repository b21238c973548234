//! The lifetime of a registry credential, if the credential itself contains it. Signatures are not checked: the
//! result is only used as a hint.

use crate::credential::dockerconfig::base64::{self, Padding};
use crate::credential::pair::Credential;

/// The kinds of token with a short lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShortLived {
    /// User `AWS`: what `aws ecr get-login-password` prints.
    Ecr,
    /// User `oauth2accesstoken`, or a token that begins with `ya29.`.
    GoogleAccessToken,
    /// User of all zeros: a token of `az acr login`.
    Acr,
    /// `ghs_…`: a token of a GitHub App's installation, or the `GITHUB_TOKEN` of a workflow.
    GitHubInstallation,
    /// User `gitlab-ci-token`: the token of a CI job.
    GitLabJob,
}

impl ShortLived {
    /// The description of the token, with its lifetime.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ecr => "an Amazon ECR token, which expires after 12 hours",
            Self::GoogleAccessToken => "a Google access token, which expires after an hour",
            Self::Acr => "an Azure Container Registry token, which expires after a few hours",
            Self::GitHubInstallation => "a GitHub installation token, which expires after an hour",
            Self::GitLabJob => "a GitLab job token, which expires when its job ends",
        }
    }

    /// The recommended replacement for the token.
    pub const fn instead(self) -> &'static str {
        match self {
            Self::Ecr => {
                "let the nodes authenticate by themselves (an instance role and the ECR credential provider), or have a \
                 controller renew the secret"
            }
            Self::GoogleAccessToken => {
                "let the nodes' service account read the registry, or use the user `_json_key` with a key file"
            }
            Self::Acr => "attach the registry to the cluster, or use a service principal or a repository-scoped token",
            Self::GitHubInstallation => "use a personal access token with the scope `read:packages`",
            Self::GitLabJob => "use a deploy token with the scope `read_registry`",
        }
    }
}

/// The kind of short-lived token, recognized by the credential's user or the token's prefix.
pub fn short_lived(credential: &Credential) -> Option<ShortLived> {
    let password = credential.password.expose();
    match credential.username.expose() {
        "AWS" => Some(ShortLived::Ecr),
        "oauth2accesstoken" => Some(ShortLived::GoogleAccessToken),
        "00000000-0000-0000-0000-000000000000" => Some(ShortLived::Acr),
        "gitlab-ci-token" => Some(ShortLived::GitLabJob),
        _ if password.starts_with("ghs_") => Some(ShortLived::GitHubInstallation),
        _ if password.starts_with("ya29.") => Some(ShortLived::GoogleAccessToken),
        _ => None,
    }
}

/// The expiry of a password, in seconds since 1970: the `exp` of a JWT, or the `expiration` of an ECR token. `None`
/// if it contains neither.
pub fn expiry(password: &str) -> Option<u64> {
    jwt_expiry(password).or_else(|| ecr_expiry(password))
}

fn jwt_expiry(token: &str) -> Option<u64> {
    let [header, claims, _] = token.split('.').collect::<Vec<_>>()[..] else { return None };
    json(header)?.get("alg")?;
    let seconds = json(claims)?.get("exp")?.as_f64()?;
    (seconds >= 1.0).then_some(seconds as u64)
}

fn ecr_expiry(token: &str) -> Option<u64> {
    let token = json(token)?;
    token.get("payload").and(token.get("expiration"))?.as_u64().filter(|&seconds| seconds > 0)
}

/// Parses a JSON object in base64 of either alphabet, padded or not.
fn json(text: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    let standard: String = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let bytes = base64::decode(zeroize::Zeroizing::new(standard).as_bytes(), Padding::Forbidden).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Formats the day of a time as `2025-12-31`. The civil calendar from days follows Howard Hinnant's
/// `civil_from_days`.
pub fn day(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    format!("{:04}-{month:02}-{day:02}", year_of_era + era * 400 + u64::from(month <= 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::sensitive::Sensitive;

    /// `{"alg":"RS256"}` . `{"exp":1735689600}`.
    const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MzU2ODk2MDB9.c2ln";

    #[test]
    fn token_expiry_is_read_from_its_payload() {
        assert_eq!(expiry(JWT), Some(1_735_689_600));
        // {"payload":"x","version":"2","type":"DATA_KEY","expiration":1735689600}
        let ecr = "eyJwYXlsb2FkIjoieCIsInZlcnNpb24iOiIyIiwidHlwZSI6IkRBVEFfS0VZIiwiZXhwaXJhdGlvbiI6MTczNTY4OTYwMH0=";
        assert_eq!(expiry(ecr), Some(1_735_689_600));
        for other in ["", "hunter2", "a.b.c", "dckr_pat_abc", "e30=", "e30.e30.", "eyJhbGciOiJSUzI1NiJ9.e30.x"] {
            assert_eq!(expiry(other), None, "{other}");
        }
    }

    #[test]
    fn short_lived_credentials_are_recognized() {
        let of = |user: &str, password: &str| {
            short_lived(&Credential { username: Sensitive::new(user), password: Sensitive::new(password) })
        };
        assert_eq!(of("AWS", "x"), Some(ShortLived::Ecr));
        assert_eq!(of("00000000-0000-0000-0000-000000000000", "x"), Some(ShortLived::Acr));
        assert_eq!(of("bob", "ghs_abc"), Some(ShortLived::GitHubInstallation));
        assert_eq!(of("oauth2accesstoken", "x"), Some(ShortLived::GoogleAccessToken));
        assert_eq!(of("gitlab-ci-token", "x"), Some(ShortLived::GitLabJob));
        assert_eq!((of("bob", "ghp_abc"), of("_json_key", "{}"), of("aws", "x")), (None, None, None));
    }

    #[test]
    fn unix_time_is_formatted_as_a_calendar_date() {
        let cases = [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (1_735_689_599, "2024-12-31"),
            (1_735_689_600, "2025-01-01"),
            (4_107_542_400, "2100-03-01"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(day(seconds), expected);
        }
    }
}
