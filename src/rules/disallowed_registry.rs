//! `disallowed-registry`: the image comes from a registry that is not on the operator's list.

use std::str::FromStr;
use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::image::reference::Reference;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule, Settings};
use crate::text::go::glob;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/disallowed-registry.md")));

/// Reports an image that is not from one of the `allowed-registries` of the configuration.
pub(super) struct DisallowedRegistry;

impl Rule for DisallowedRegistry {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let Some(allowed) = Allowed::of(cx.settings) else { return };
        out.extend(cx.images().filter_map(|facts| {
            let image = facts.reference().filter(|image| !allowed.allows(image))?;
            let text = &facts.image.text.value;
            let name = image.name();
            let message = if text.starts_with(name) || text.starts_with(image.registry()) {
                format!("{name} is not from an allowed registry")
            } else {
                format!("{text:?} means {name}, which is not from an allowed registry")
            };
            let finding = Finding::new(META.id, META.severity, message, facts.image.text.span, "not allowed");
            Some(finding.help(allowed.help(image)).subject(facts.subject()))
        }));
    }
}

/// The allowed registries of a run.
pub(crate) struct Allowed {
    written: Vec<String>,
    patterns: Vec<AllowedRegistry>,
}

impl Allowed {
    /// Returns `None` if everything is allowed. An invalid pattern allows nothing.
    pub(crate) fn of(settings: &Settings) -> Option<Self> {
        let written = settings.allowed_registries.clone();
        let patterns = written.iter().filter_map(|pattern| pattern.parse().ok()).collect();
        (!written.is_empty()).then_some(Self { written, patterns })
    }

    pub(crate) fn allows(&self, image: &Reference) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(image))
    }

    /// Suggests the host that is meant, otherwise the list of allowed ones.
    fn help(&self, image: &Reference) -> String {
        let host = image.registry();
        let near = |pattern: &&AllowedRegistry| strsim::osa_distance(&pattern.host, host) == 1;
        match self.patterns.iter().find(near) {
            Some(meant) => format!("did you mean `{}`?", meant.host),
            None => {
                let shown: Vec<String> =
                    self.written.iter().take(SHOWN).map(|pattern| format!("`{pattern}`")).collect();
                let more = if self.written.len() > SHOWN { ", ..." } else { "" };
                format!("copy it to one of {}{more}, or add it to `allowed-registries`", shown.join(", "))
            }
        }
    }
}

/// How many patterns a help text lists.
const SHOWN: usize = 5;

/// One pattern of `allowed-registries`: `HOST[:PORT][/PATH]`.
///
/// The host is matched label by label, as the kubelet matches the keys of pull secrets: `*.example.com` matches
/// `eu.example.com`, but neither `example.com` nor `a.eu.example.com`. The port is the image's own, or there is
/// none. The path, if there is one, is that of a repository or of a folder above it, matched segment by segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedRegistry {
    /// The host in lower case, with its port.
    host: String,
    path: Vec<String>,
}

impl AllowedRegistry {
    /// Whether the pattern allows an image. Docker Hub is `docker.io`, and its official images are in `library`.
    pub fn matches(&self, image: &Reference) -> bool {
        let registry = image.registry().to_ascii_lowercase();
        let (host, port) = split_port(&self.host);
        let (registry, own_port) = split_port(&registry);
        let fits = |pattern: &str, text: &str| glob::matches(pattern.as_bytes(), text.as_bytes()) == Ok(true);
        let (patterns, labels) = (host.split('.'), registry.split('.'));
        let segments = image.repository().split('/');
        port == own_port
            && patterns.clone().count() == labels.clone().count()
            && patterns.zip(labels).all(|(pattern, label)| fits(pattern, label))
            && self.path.len() <= segments.clone().count()
            && self.path.iter().zip(segments).all(|(pattern, segment)| fits(pattern, segment))
    }
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    let split = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    split.map_or((host, None), |(host, port)| (host, Some(port)))
}

impl FromStr for AllowedRegistry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
        if text.contains("://") {
            return Err(format!("`{text}`: remove the scheme: expected HOST[:PORT][/PATH]"));
        }
        let host = host.to_ascii_lowercase();
        if host.is_empty() || text.contains(char::is_whitespace) || glob::matches(text.as_bytes(), b"").is_err() {
            return Err(format!("`{text}` is not a registry pattern: expected HOST[:PORT][/PATH]"));
        }
        if !host.contains(['.', ':']) && host != "localhost" {
            return Err(match host.contains('*') {
                true => format!("`{text}`: a `*` matches one label of a host; write `*.example.com`"),
                false => format!("`{text}`: `{host}` is not a registry host; for Docker Hub write `docker.io/{text}`"),
            });
        }
        if path.is_some_and(|path| path.contains([':', '@'])) {
            return Err(format!("`{text}`: an entry allows all tags of a repository; remove the tag or digest"));
        }
        let host = match host.as_str() {
            "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
            _ => host,
        };
        let path = path.map(|path| path.trim_end_matches('/')).filter(|path| !path.is_empty());
        let path = path.into_iter().flat_map(|path| path.split('/')).map(str::to_owned).collect();
        Ok(Self { host, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, pullable};

    fn allows(pattern: &str, image: &str) -> bool {
        let pattern: AllowedRegistry = pattern.parse().expect("a pattern");
        pattern.matches(&Reference::parse(image).expect("a reference"))
    }

    #[test]
    fn patterns_match_hosts_and_whole_segments() {
        for (pattern, image, expected) in [
            ("ghcr.io", "ghcr.io/acme/api:1", true),
            ("GHCR.io", "ghcr.io/acme/api:1", true),
            ("ghcr.io/", "ghcr.io/acme/api:1", true),
            ("ghcr.io", "ghcr.io.evil.example/acme/api:1", false),
            ("ghcr.io", "evil-ghcr.io/acme/api:1", false),
            ("ghcr.io/acme", "ghcr.io/acme/api:1", true),
            ("ghcr.io/acme/*", "ghcr.io/acme/api:1", true),
            ("ghcr.io/acme/*", "ghcr.io/acme/team/api:1", true),
            ("ghcr.io/acme/*", "ghcr.io/acme:1", false),
            ("ghcr.io/acme", "ghcr.io/acme-evil/api:1", false),
            ("ghcr.io/acme/api", "ghcr.io/acme/api2:1", false),
            ("ghcr.io/*/api", "ghcr.io/a/api:1", true),
            ("ghcr.io/*/api", "ghcr.io/a/b/api:1", false),
            ("ghcr.io/team-*", "ghcr.io/team-a/api:1", true),
            ("*.example.com", "eu.example.com/api:1", true),
            ("*.example.com", "example.com/api:1", false),
            ("*.example.com", "a.eu.example.com/api:1", false),
            ("*.dkr.ecr.*.amazonaws.com", "1.dkr.ecr.eu-west-1.amazonaws.com/api:1", true),
            ("example.com", "example.com:5000/api:1", false),
            ("example.com:5000", "example.com:5000/api:1", true),
            ("localhost", "localhost/api:1", true),
            ("docker.io", "nginx", true),
            ("index.docker.io", "docker.io/acme/api", true),
            ("docker.io/library", "nginx", true),
            ("docker.io/library/nginx", "index.docker.io/library/nginx:1", true),
            ("docker.io/library", "acme/api", false),
            ("docker.io/nginx", "nginx", false),
            ("docker.io/nginx", "nginx/nginx-ingress", true),
        ] {
            assert_eq!(allows(pattern, image), expected, "{pattern} {image}");
        }
    }

    #[test]
    fn invalid_registry_pattern_is_rejected() {
        for (text, words) in [
            ("", "is not a registry pattern"),
            ("https://ghcr.io", "remove the scheme"),
            ("acme/*", "write `docker.io/acme/*`"),
            ("*", "one label"),
            ("ghcr.io/acme/api:1", "remove the tag"),
            ("ghcr.io/acme/api@sha256:00", "remove the tag"),
            ("gh cr.io", "is not a registry pattern"),
            ("ghcr.io/[", "is not a registry pattern"),
        ] {
            let error = text.parse::<AllowedRegistry>().expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn without_a_list_everything_is_allowed() {
        let found = |list: &[&str]| {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Template);
            facts.image(pod, "nginx:1", pullable());
            facts.image(pod, "ghcr.io/acme/api:1", pullable());
            facts.settings.allowed_registries = list.iter().map(|&registry| registry.to_owned()).collect();
            facts.flags(&DisallowedRegistry).into_iter().map(|(_, text)| text.to_owned()).collect::<Vec<_>>()
        };
        assert!(found(&[]).is_empty());
        assert_eq!(found(&["ghcr.io/acme"]), ["nginx:1"]);
        assert_eq!(found(&["docker.io", "ghcr.io"]), [""; 0]);
        // A list without any valid pattern is not the same as no list.
        assert_eq!(found(&["https://"]), ["nginx:1", "ghcr.io/acme/api:1"]);
        assert_eq!(META.severity, Severity::Error);
    }

    #[test]
    fn help_suggests_the_allowed_registry_for_a_typo() {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        facts.image(pod, "registry.acme.exmaple/api:1", pullable());
        facts.settings.allowed_registries = vec!["registry.acme.example".to_owned()];
        let help = facts.check(&DisallowedRegistry).pop().and_then(|finding| finding.help);
        assert_eq!(help.as_deref(), Some("did you mean `registry.acme.example`?"));
    }
}
