//! Words in capitals that replace a value.

/// Words that mark a value to be filled in, if they are a whole path component or tag.
const MARKERS: &[&str] = &[
    "CHANGE-ME",
    "CHANGEME",
    "CHANGE_ME",
    "FIXME",
    "IMAGE_NAME",
    "IMAGE_PLACEHOLDER",
    "IMAGE_TAG",
    "IMAGE_VERSION",
    "PLACEHOLDER",
    "REPLACE-ME",
    "REPLACEME",
    "REPLACE_ME",
    "TAG",
    "TAG_PLACEHOLDER",
    "TODO",
    "VERSION",
];

/// Names for the parts of an image, and words that people write around them.
#[rustfmt::skip]
const PARTS: &[&str] = &[
    "ACCOUNT", "ACCOUNTID", "APP", "APPLICATION", "APPNAME", "AWS", "BAR", "BAZ", "BRANCH", "BUCKET", "BUILD", "CHANGEME",
    "CLIENT", "CLUSTER", "COMMIT", "COMPANY", "CUSTOMER", "DIGEST", "DOCKERHUB", "DOMAIN", "ENV", "ENVIRONMENT", "EXAMPLE",
    "FOO", "GCP", "GIT", "GROUP", "HASH", "HERE", "HOST", "HOSTNAME", "ID", "IMAGE", "IMAGENAME", "LOCATION", "ME", "MY",
    "NAME", "NAMESPACE", "NUMBER", "ORG", "ORGANISATION", "ORGANIZATION", "OWNER", "PATH", "PLACEHOLDER", "PROJECT",
    "PROJECTID", "REGION", "REGISTRY", "RELEASE", "REPLACE", "REPLACEME", "REPO", "REPOSITORY", "SERVICE", "SHA", "STAGE",
    "TAG", "TEAM", "TENANT", "THE", "TODO", "URL", "USER", "USERNAME", "VERSION", "YOUR", "ZONE",
];

/// Whether a component, or a tag, is by itself a marker to be filled in.
pub(super) fn is_marker(component: &str) -> bool {
    let mut words = component.split('_');
    MARKERS.contains(&component) || component.contains('_') && words.all(|word| PARTS.contains(&word))
}

/// Whether a component is in capitals and names what belongs there: `PROJECT`, `PROJECT-ID`, `MYORG`, and anything
/// written like a variable.
pub(super) fn is_part(component: &str) -> bool {
    let is_known = |word: &str| {
        let bare = word.strip_prefix("MY").or_else(|| word.strip_prefix("YOUR")).filter(|rest| !rest.is_empty());
        PARTS.contains(&word) || bare.is_some_and(|bare| PARTS.contains(&bare)) || word.len() > 2 && is_all_x(word)
    };
    is_capital(component) && (component.contains('_') || component.split('-').all(is_known))
}

fn is_all_x(word: &str) -> bool {
    word.bytes().all(|b| b == b'X')
}

/// Whether a component is in capitals, at least two of them.
pub(super) fn is_capital(component: &str) -> bool {
    component.len() > 1
        && component.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
        && component.bytes().any(|b| b.is_ascii_uppercase())
}

/// Whether a value is written like a variable, of letters alone: generated passwords have digits in them.
pub(super) fn is_underscored(value: &str) -> bool {
    let is_word = |word: &str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase());
    value.contains('_') && value.split('_').all(is_word)
}

/// Whether a value is the name of a part of a login.
pub(super) fn is_part_of_login(value: &str) -> bool {
    ["AUTH", "CREDENTIALS", "LOGIN", "PASS", "PASSWD", "PASSWORD", "SECRET", "TOKEN", "USER", "USERNAME"]
        .contains(&value)
}

/// Whether a value is a sentence in capitals: `FILLED BY THE OPERATOR`.
pub(super) fn are_capital(value: &str) -> bool {
    let letters =
        |word: &str| word.bytes().any(|b| b.is_ascii_uppercase()) && !word.bytes().any(|b| b.is_ascii_lowercase());
    let is_word =
        |word: &str| word.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'-' | b'.' | b',' | b'!'));
    let mut words = value.split_ascii_whitespace();
    value.contains(' ')
        && value.trim() == value
        && words.clone().count() > 1
        && words.all(|word| letters(word) && is_word(word))
}
