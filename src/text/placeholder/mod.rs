//! Values that another program replaces before the kubelet sees them: images, names, namespaces, registry keys and
//! credentials.
//!
//! Such a value is skipped and reported as skipped, never judged: neither its syntax nor its registry reveals
//! anything about the image that will run. A placeholder for a credential is never sent.

mod token;
mod words;

/// Whether the value of an image, a name, a namespace or a registry key is a placeholder, whatever its grammar
/// allows. None of these has the characters that the tokens begin with, so part of one is enough.
pub fn is_placeholder(text: &str) -> bool {
    ["{{", "}}", "${", "$("].into_iter().any(|open| text.contains(open))
        || starts_variable(text)
        || has_angle_marker(text)
        || text.starts_with("ko://")
        || token::is_in(text)
        || token::is_whole(text)
        || components(text).any(|component| token::is_name_between(component, "__", "__"))
        || components(text).any(words::is_marker)
        || has_unfilled_host(text)
}

/// Whether a value that is not a reference looks like one with a part to be filled in: words such as `PROJECT_ID`
/// are never part of a repository, which has no upper case.
///
/// Capitals alone are not enough: if the host and the tag are written out, `ghcr.io/NVIDIA/x:1` is what
/// `ghcr.io/${{ github.repository }}` became, and no runtime accepts it. There, only a word that reads as a name for
/// a part is taken for one.
pub fn looks_unfilled(text: &str) -> bool {
    // `{IMAGE}`, `@IMAGE@`, `%IMAGE%`: filled in by Bazel, autoconf and others. A reference cannot have these
    // characters there.
    let between = |open: char, close: char| {
        let inner = text.split_once(open).and_then(|(_, rest)| rest.split_once(close));
        inner.is_some_and(|(name, _)| token::is_name(name))
    };
    if between('{', '}') || between('%', '%') || text.starts_with('@') && between('@', '@') || words::are_capital(text)
    {
        return true;
    }
    if components(text).any(words::is_part) {
        return true;
    }
    let unknown = components(text).filter(|component| words::is_capital(component) && !is_digest(component)).count();
    unknown > 0 && !is_written_out(text)
}

/// Whether a user, a password, an `auth` or a whole configuration is one that another program has yet to write.
///
/// A password may contain any character, so a token is recognized only if it is the whole value: `pa%ss%word`,
/// `__abc__x`, `a<b>c`, `$ecret` and `x[[y` are passwords. A value that could be either is taken for a placeholder:
/// then the pull is not verified, while the opposite choice would send it.
pub fn is_unfilled_secret(text: &str) -> bool {
    let text = text.trim();
    token::is_in(text) || token::is_whole(text)
}

/// Whether everything except the capitals is written out: a repository after its host, and a tag or a digest.
fn is_written_out(text: &str) -> bool {
    let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
    let Some((first, rest)) = name.split_once('/') else { return false };
    let tag = rest.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
    let is_plain = |tag: &str| !tag.is_empty() && (!words::is_capital(tag) || tag == "LATEST");
    let pinned = digest.is_some_and(|digest| !words::is_capital(digest));
    !components(first).any(words::is_capital) && (pinned || tag.is_some_and(is_plain))
}

/// `REGION-docker.pkg.dev`, `ACCOUNT_ID.dkr.ecr.REGION.amazonaws.com`: host names have no case, and nobody writes
/// these in capitals.
fn has_unfilled_host(text: &str) -> bool {
    let Some((host, _)) = text.split_once('/').filter(|(host, _)| host.contains('.')) else { return false };
    host.split(['.', '-', ':']).any(words::is_part)
}

/// Whether a text is the hexadecimal digits of a digest, which some tools print in capitals.
fn is_digest(text: &str) -> bool {
    text.len() >= 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Returns path components, tag and digest of any text.
fn components(text: &str) -> impl Iterator<Item = &str> {
    text.split(['/', ':', '@'])
}

/// Whether a text contains a shell variable such as `$IMAGE_URL`, which envsubst fills in.
fn starts_variable(text: &str) -> bool {
    text.match_indices('$')
        .any(|(at, _)| text[at + 1..].chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_'))
}

/// Whether a text contains `<X>` as people write a value to be filled in. `<no value>` is not one: a rendered
/// template left it behind, and it will be applied unchanged.
fn has_angle_marker(text: &str) -> bool {
    let Some(open) = text.find('<') else { return false };
    let Some(length) = text[open..].find('>') else { return false };
    length > 1 && &text[open..=open + length] != "<no value>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_recognized() {
        for text in [
            "{{ .Values.image }}",
            "{{inputs.parameters.image}}",
            "${IMAGE}",
            "${X:-host/app:main}",
            "$(params.image)",
            "$IMAGE_URL",
            "<DOCKER_REPO>/chatbot:1.0",
            "ko://knative.dev/serving/cmd/queue",
            "gcr.io/acme/app:REPLACE_ME",
            "IMAGE_PLACEHOLDER",
            "ghcr.io/acme/app:TAG",
            "ghcr.io/acme/app:#{Build.BuildId}#",
            "__REGISTRY__/app:1",
            "ghcr.io/acme/app:__TAG__",
            "@@IMAGE@@",
            "[[ image ]]",
            "ghcr.io/acme/app:((version))",
            "vault:secret/data/images#api",
            "ref+vault://secret/images#/api",
            "REGION-docker.pkg.dev/acme/shop/app:1",
            "AWS_ACCOUNT_ID.dkr.ecr.eu-west-1.amazonaws.com/app:1",
            "FILLED BY THE OPERATOR",
            "ghcr.io/acme/app:BUILD_NUMBER",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn ordinary_references_are_not_placeholders() {
        for text in [
            "nginx",
            "ghcr.io/acme/app:v1.0_rc",
            "ACME/app:1",
            "app:LATEST",
            "<no value>",
            "image-placeholder",
            "ghcr.io/acme/a__b:1__2",
            "ghcr.io/acme/app:RELEASE_1_2",
            "quay.io/minio/minio:RELEASE.2024-01-01T00-00-00Z",
            "reg.example:5000/app",
            "vault:1.15",
            "hashicorp/vault:1",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn uppercase_path_parts_look_unfilled() {
        for text in [
            "REGION-docker.pkg.dev/PROJECT_ID/repo/app:1",
            "gcr.io/PROJECT/app",
            "gcr.io/PROJECT-ID/app:1",
            "ghcr.io/OWNER/REPO:1.0",
            "ghcr.io/YOUR-ORG/app:1.0",
            "ghcr.io/MYORG/app:1.0",
            "gcr.io/ACME/app",
            "ACME/app:1",
            "ghcr.io/ACME/app:BUILD",
            "{IMAGE}",
            "@IMAGE@",
            "%image%:1",
            "FILLED BY THE OPERATOR",
        ] {
            assert!(looks_unfilled(text), "{text}");
        }
        assert!(!looks_unfilled("ghcr.io/Acme/app:1"));
        assert!(!looks_unfilled(&format!("nginx@sha256:{}", "0A".repeat(32))));
        assert!(!looks_unfilled("Nginx"));
        assert!(!looks_unfilled("https://ghcr.io/acme/app"));
    }

    #[test]
    fn uppercase_path_between_host_and_tag_is_not_a_placeholder() {
        for text in [
            "ghcr.io/NVIDIA/x:1",
            "reg/team/API:1.4.2",
            "ghcr.io/ACME-CORP/app:latest",
            "ghcr.io/MYSQL/app:8",
            "ghcr.io/ACME/API:LATEST",
            "reg.example:5000/ACME/app:v1",
        ] {
            assert!(!is_placeholder(text) && !looks_unfilled(text), "{text}");
        }
        assert!(!looks_unfilled(&format!("ghcr.io/ACME/app@sha256:{}", "0a".repeat(32))));
    }

    #[test]
    fn credential_placeholders_are_distinguished_from_secrets() {
        for text in [
            "<path:kv/data/registry#token>",
            "user-<path:kv/data/registry#name | base64encode>",
            "<path:kv/data/r#user>:<path:kv/data/r#pass>",
            "vault:secret/data/registry#PASS",
            ">>vault:secret/data/registry#PASS",
            "vault:kv/r#USER:vault:kv/r#PASS",
            "ref+vault://kv/registry#/token",
            "ref+awssecrets://registry/token",
            "#{registryToken}#",
            "__REGISTRY_TOKEN__",
            "__registry-token__",
            "%REGISTRY_TOKEN%",
            "@@TOKEN@@",
            "@docker.password@",
            "[[ token ]]",
            "((registry/token))",
            "(( grab secrets.token ))",
            "$(TOKEN)",
            "${TOKEN}",
            "${TOKEN:-none}",
            "${vault:kv/data/r#token}",
            "${{ secrets.TOKEN }}",
            "$REGISTRY_TOKEN",
            "{{ .Values.token }}",
            "{% raw token %}",
            "{TOKEN}",
            "{token}",
            "<TOKEN>",
            "<<TOKEN>>",
            "<your token>",
            "REPLACE_ME",
            "REPLACE-ME",
            "CHANGEME",
            "DOCKER_PASSWORD",
            "TOKEN",
            "vault:path#KEY",
            "FILLED BY CI",
            "op://vault/registry/token",
            "ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]",
            "ENC[PKCS7,MIIB]",
        ] {
            assert!(is_unfilled_secret(text), "{text}");
        }
        for text in [
            "",
            "pa%ss%word",
            "%ab",
            "50%off%",
            "__abc__x",
            "__",
            "____",
            "a<b>c",
            "<>",
            "<<>>",
            "{}",
            "{a b}",
            "<b",
            "$ecret",
            "pa$word",
            "$$",
            "$(",
            "a$(b",
            "${",
            "x[[y",
            "x[[y]",
            "[[]]",
            "((((",
            "((a)",
            "a@@b",
            "@@@@",
            "#{",
            "#{}",
            "a{b}c",
            "{{",
            "a}}b{{",
            "vault:hunter2",
            "changeme",
            "Password1",
            "HELLO",
            "Token",
            "AB12_CD34",
            "ghp_0123456789abcdefABCDEF",
            "dckr_pat_AbC-dEf",
            "ENC[",
            "<no value>",
            "{\"type\": \"service_account\"}",
        ] {
            assert!(!is_unfilled_secret(text), "{text}");
        }
    }

    #[test]
    fn hostile_values_take_linear_time() {
        for part in ["((a", "[[a", "${a", "#{a", "@@a", "<path:", "ref+", "{{", "$", "<", "A_", "A "] {
            let text = part.repeat(200_000);
            _ = (is_unfilled_secret(&text), is_placeholder(&text), looks_unfilled(&text));
        }
    }
}
