//! Image values that another program replaces before the kubelet sees them.
//!
//! Such a value is skipped and counted, never judged: neither its syntax nor its registry says anything about the image
//! that will run.

/// Why an image use is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// A template expression, a variable, a marker: `{{ }}`, `${X}`, `$(X)`, `<X>`, `ko://`, `REPLACE_ME`.
    Placeholder,
    /// `auto` in a pod that Istio injects.
    Injected,
    /// A kustomization changes it, or may, and it is not known to what.
    RewrittenByKustomize,
    /// A kustomization replaces it in every build: what it is replaced by is an image use of its own.
    ReplacedByKustomize,
    /// An OpenShift trigger or image stream sets it.
    SetByImageStream,
    /// It is not a kubelet that pulls it: Flux, Crossplane, an image build or Istio's agent does.
    PulledByAnother,
}

/// Words that stand for a value to be filled in, wherever they are a whole path component or tag.
const MARKERS: &[&str] = &[
    "CHANGEME",
    "CHANGE_ME",
    "FIXME",
    "IMAGE_NAME",
    "IMAGE_PLACEHOLDER",
    "IMAGE_TAG",
    "IMAGE_VERSION",
    "PLACEHOLDER",
    "REPLACEME",
    "REPLACE_ME",
    "TAG",
    "TAG_PLACEHOLDER",
    "TODO",
    "VERSION",
];

/// Whether a value is a placeholder whatever the grammar says of it.
pub fn is_placeholder(text: &str) -> bool {
    text.contains("{{")
        || text.contains("}}")
        || text.contains("${")
        || text.contains("$(")
        || starts_variable(text)
        || has_angle_marker(text)
        || text.starts_with("ko://")
        // What SOPS encrypted.
        || text.starts_with("ENC[AES256_GCM,")
        || text.starts_with("(( ")
        || components(text).any(|component| MARKERS.contains(&component))
}

/// Whether a value that is no reference looks like one with a part to be filled in: `PROJECT_ID` and its like are never
/// part of a repository, which has no upper case.
pub fn looks_unfilled(text: &str) -> bool {
    // `{IMAGE}`, `@IMAGE@`, `%IMAGE%`: what Bazel, autoconf and others fill in. No reference has these characters there.
    let between = |open: char, close: char| {
        text.split_once(open).and_then(|(_, rest)| rest.split_once(close)).is_some_and(|(name, _)| is_name(name))
    };
    if between('{', '}') || between('%', '%') || text.starts_with('@') && between('@', '@') {
        return true;
    }
    let mut letters = components(text).filter(|component| component.bytes().any(|b| b.is_ascii_alphabetic()));
    letters.any(|component| {
        component.len() > 1
            && component.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
            && component.bytes().any(|b| b.is_ascii_uppercase())
            && !is_digest(component)
    })
}

/// The hexadecimal digits of a digest, which some tools print in capitals.
fn is_digest(text: &str) -> bool {
    text.len() >= 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The name of a variable.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Path components, tag and digest of whatever the text is.
fn components(text: &str) -> impl Iterator<Item = &str> {
    text.split(['/', ':', '@'])
}

/// `$IMAGE_URL`: a shell variable, which envsubst fills in.
fn starts_variable(text: &str) -> bool {
    text.match_indices('$')
        .any(|(at, _)| text[at + 1..].chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_'))
}

/// `<X>` as people write a value to be filled in. `<no value>` is none: a rendered template left it behind, and it will
/// be applied as it stands.
fn has_angle_marker(text: &str) -> bool {
    let Some(open) = text.find('<') else { return false };
    let Some(length) = text[open..].find('>') else { return false };
    length > 1 && &text[open..=open + length] != "<no value>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_recognised() {
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
        ] {
            assert!(is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn references_are_not() {
        for text in ["nginx", "ghcr.io/acme/app:v1.0_rc", "ACME/app:1", "app:LATEST", "<no value>", "image-placeholder"]
        {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn capitals_in_a_path_mean_a_value_to_be_filled_in() {
        assert!(looks_unfilled("REGION-docker.pkg.dev/PROJECT_ID/repo/app:1"));
        assert!(looks_unfilled("gcr.io/PROJECT/app"));
        assert!(looks_unfilled("{IMAGE}") && looks_unfilled("@IMAGE@") && looks_unfilled("%image%:1"));
        assert!(!looks_unfilled("ghcr.io/Acme/app:1"));
        assert!(!looks_unfilled(&format!("nginx@sha256:{}", "0A".repeat(32))));
        assert!(!looks_unfilled("Nginx"));
        assert!(!looks_unfilled("https://ghcr.io/acme/app"));
    }
}
