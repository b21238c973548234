//! The rules: pure functions over finished facts. No rule uses a client, a clock or a file.

#[cfg(test)]
mod testing;

pub mod engine;
mod evidence;
mod selection;

mod access_denied;
mod cached_mutable_tag;
mod chart_not_found;
mod committed_credentials;
mod deprecated_registry;
pub mod disallowed_registry;
mod duplicate_key;
mod empty_credentials;
mod expired_credentials;
mod hook_before_secret;
mod image_not_found;
mod ineffective_registry_key;
mod invalid_hosts_toml;
mod invalid_image_reference;
mod invalid_kustomization;
mod invalid_pull_policy;
mod invalid_suppression;
mod invalid_yaml;
mod large_image;
mod legacy_dockercfg;
mod malformed_pull_secret;
mod misplaced_pull_secrets;
mod missing_pull_secret;
mod mutable_tag;
mod never_pulled;
mod no_credentials_for_registry;
mod node_local_registry;
mod plain_http_registry;
mod platform_mismatch;
mod public_image_broken_by_secret;
mod pull_secret_in_other_namespace;
mod rate_limit_risk;
mod registry_typo;
mod render_failed;
mod shadowed_credentials;
mod short_name;
pub(crate) mod stale_digest;
mod suppressed_service_account_secrets;
mod unchecked_folder;
mod unchecked_kind;
mod undefined_pull_secret;
mod undefined_service_account;
mod unlisted_pull_secret;
mod unpinned_image;
mod unreadable_input;
mod unrendered_kustomization;
mod unrendered_release;
mod unrendered_template;
mod unresolved_placeholder;
mod unsupported_manifest;
mod untrusted_certificate;
mod unused_suppression;
mod unverified_image;
mod whitespace_in_credentials;
mod wrong_secret_type;

use crate::findings::finding::{Finding, Severity};
use crate::text::source::Span;

pub use engine::context::Context;
pub use engine::context::ImageFacts;
pub use engine::context::JudgedImage;
pub use engine::context::MAX_IMAGE_SIZE;
pub use engine::context::Settings;
use engine::decisions::Decisions;
use engine::meta::Meta;
pub use selection::suppress::Filtered;
pub use selection::suppress::suppress;

/// A check that reports one kind of fault.
pub trait Rule: Send + Sync {
    /// Returns the rule's texts, from `rules/<id>.md`.
    fn meta(&self) -> &'static Meta;

    /// Adds the findings of the rule.
    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>);
}

/// All rules, in the order of the catalog.
pub static RULES: &[&dyn Rule] = &[
    &invalid_image_reference::InvalidImageReference,
    &mutable_tag::MutableTag,
    &unpinned_image::UnpinnedImage,
    &registry_typo::RegistryTypo,
    &deprecated_registry::DeprecatedRegistry,
    &disallowed_registry::DisallowedRegistry,
    &short_name::ShortName,
    &unresolved_placeholder::UnresolvedPlaceholder,
    &node_local_registry::NodeLocalRegistry,
    &invalid_pull_policy::InvalidPullPolicy,
    &never_pulled::NeverPulled,
    &cached_mutable_tag::CachedMutableTag,
    &missing_pull_secret::MissingPullSecret,
    &misplaced_pull_secrets::MisplacedPullSecrets,
    &undefined_pull_secret::UndefinedPullSecret,
    &undefined_service_account::UndefinedServiceAccount,
    &unlisted_pull_secret::UnlistedPullSecret,
    &pull_secret_in_other_namespace::PullSecretInOtherNamespace,
    &wrong_secret_type::WrongSecretType,
    &malformed_pull_secret::MalformedPullSecret,
    &no_credentials_for_registry::NoCredentialsForRegistry,
    &ineffective_registry_key::IneffectiveRegistryKey,
    &empty_credentials::EmptyCredentials,
    &whitespace_in_credentials::WhitespaceInCredentials,
    &shadowed_credentials::ShadowedCredentials,
    &expired_credentials::ExpiredCredentials,
    &suppressed_service_account_secrets::SuppressedServiceAccountSecrets,
    &legacy_dockercfg::LegacyDockercfg,
    &committed_credentials::CommittedCredentials,
    &hook_before_secret::HookBeforeSecret,
    &image_not_found::ImageNotFound,
    &chart_not_found::ChartNotFound,
    &access_denied::AccessDenied,
    &public_image_broken_by_secret::PublicImageBrokenBySecret,
    &platform_mismatch::PlatformMismatch,
    &stale_digest::StaleDigest,
    &unsupported_manifest::UnsupportedManifest,
    &large_image::LargeImage,
    &plain_http_registry::PlainHttpRegistry,
    &invalid_hosts_toml::InvalidHostsToml,
    &untrusted_certificate::UntrustedCertificate,
    &rate_limit_risk::RateLimitRisk,
    &unverified_image::UnverifiedImage,
    &invalid_yaml::InvalidYaml,
    &unreadable_input::UnreadableInput,
    &render_failed::RenderFailed,
    &unrendered_template::UnrenderedTemplate,
    &invalid_kustomization::InvalidKustomization,
    &unrendered_kustomization::UnrenderedKustomization,
    &unrendered_release::UnrenderedRelease,
    &unchecked_folder::UncheckedFolder,
    &unchecked_kind::UncheckedKind,
    &duplicate_key::DuplicateKey,
    &unused_suppression::UnusedSuppression,
    &invalid_suppression::InvalidSuppression,
];

/// Returns the rule with an id.
pub fn by_id(id: &str) -> Option<&'static dyn Rule> {
    RULES.iter().copied().find(|rule| rule.meta().id == id)
}

/// Runs the rules that are on and sorts their findings by source, place and rule. Findings get the severity that the
/// operator configured here, and nowhere else.
pub fn run(cx: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let unrendered = engine::unrendered::Doubt::new(cx);
    let decisions = Decisions::new(cx);
    for rule in RULES.iter().filter(|rule| cx.settings.runs(rule.meta())) {
        let mut found = Vec::new();
        rule.check(cx, &mut found);
        findings.extend(found.into_iter().filter_map(|finding| {
            let finding = unrendered.doubt(finding)?;
            let levels = cx.settings.levels_of(finding.primary.span.source);
            let certain = finding.severity.min(decisions.most(&finding));
            let severity = levels.severity(rule.meta(), certain)?;
            Some(decisions.add_to(Finding { severity, ..finding }))
        }));
    }
    sort(&mut findings);
    // A place that several overlays deploy in the same way is one fault.
    findings.dedup_by(|other, one| {
        let words =
            |finding: &Finding| (finding.rule, finding.severity, finding.primary.clone(), finding.related.clone());
        words(other) == words(one) && other.message == one.message && other.help == one.help && is_same(one, other)
    });
    findings
}

/// Whether two findings are about one container of one object, in any namespace.
fn is_same(one: &Finding, other: &Finding) -> bool {
    one.subject.container == other.subject.container && one.subject.resource == other.subject.resource
}

pub(crate) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| place(a).cmp(&place(b)));
}

fn place(finding: &Finding) -> (Span, &'static str, &str) {
    (finding.primary.span, finding.rule, &finding.message)
}

/// Returns the severity of a rule if nothing else decides.
pub fn default_severity(rule: &dyn Rule) -> Severity {
    rule.meta().severity
}
