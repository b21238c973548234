//! The rules: pure functions over finished facts. No rule knows a client, a clock or a file.

pub mod levels;
pub mod meta;
pub mod page;

mod attribution;
mod held;
mod nearby;
mod nearest_tag;
mod password;
mod speakers;
#[cfg(test)]
mod testing;
mod told;
mod unrendered;

mod access_denied;
mod cached_mutable_tag;
mod committed_credentials;
mod deprecated_registry;
pub mod disallowed_registry;
mod duplicate_key;
mod empty_credentials;
mod expired_credentials;
mod hook_before_secret;
mod image_not_found;
mod ineffective_registry_key;
mod invalid_image_reference;
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
mod retired;
mod shadowed_credentials;
mod short_name;
pub(crate) mod stale_digest;
mod suppressed_service_account_secrets;
mod undefined_pull_secret;
mod undefined_service_account;
mod unlisted_pull_secret;
mod unpinned_image;
mod unreadable_input;
mod unrendered_template;
mod unresolved_placeholder;
mod unsupported_manifest;
mod untrusted_certificate;
mod unused_suppression;
mod unverified_image;
mod whitespace_in_credentials;
mod wrong_secret_type;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::baseline::{Baseline, BaselineUse};
use crate::event::Runtime;
use crate::finding::{Finding, Severity, Subject};
use crate::inventory::Inventory;
use crate::probe::{Manifest, PullAnswer};
use crate::pull::PullContext;
use crate::pull::operator::OperatorFacts;
use crate::reference::Reference;
use crate::rules::levels::Levels;
use crate::rules::meta::Meta;
use crate::rules::speakers::Speakers;
use crate::source::{SourceId, Sources, Span};
use crate::suppression::{self, Silenced, SilencedBy};
use crate::verdict::Verdict;
use crate::workload::{ImageText, ImageUse, Pod, PodOrigin, Resource};

/// One image use with everything that was found out about it.
#[derive(Debug, Clone)]
pub struct JudgedImage {
    /// The credentials that the kubelet would try.
    pub pull: PullContext,
    /// What the registry said; `None` when it was not asked.
    pub answer: Option<std::sync::Arc<PullAnswer>>,
    /// Will it be pulled?
    pub verdict: Verdict,
    /// The manifest that was found, with what was read of it; also where the nodes cannot use it.
    pub manifest: Option<Manifest>,
    /// What `kubectl describe pod` would show, where it fails.
    pub event: Option<String>,
}

/// What the operator says about the run; the same for every rule.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `--closed`: what the inputs lack does not exist.
    pub closed: bool,
    /// `--offline`: no registry is asked.
    pub offline: bool,
    /// `--certs-dir`: how the nodes reach registries is known, so that what it does not allow, plain HTTP, is certain to
    /// fail there.
    pub certs_dir: bool,
    /// `--namespace`: of objects that name none; `None` matches any.
    pub namespace: Option<String>,
    /// Whether a dockerconfigjson was supplied.
    pub supplied: bool,
    /// `--credential-hosts`: globs of hosts that a wildcard key of the supplied configuration may be sent to.
    pub credential_hosts: Vec<String>,
    /// `--runtime`: whose event texts are shown.
    pub runtime: Runtime,
    /// What else the operator says of the cluster.
    pub operator: OperatorFacts,
    /// The time of the run, in seconds since 1970; `None` where it is not to be known: then nothing has expired.
    pub now: Option<u64>,
    /// What the operator wants of the rules.
    pub levels: Levels,
    /// The same of the sources of which something else is wanted: `overrides` of the configuration.
    pub source_levels: BTreeMap<SourceId, Arc<Levels>>,
    /// `--max-image-size`, in bytes, compressed; `None` means [`MAX_IMAGE_SIZE`].
    pub max_image_size: Option<u64>,
    /// `--no-suppressions`: comments and annotations silence nothing.
    pub no_suppressions: bool,
    /// `--baseline`: findings that were there before.
    pub baseline: Option<Baseline>,
    /// `--write-baseline`: what is found is known from now on; `baseline` does not count.
    pub write_baseline: bool,
    /// `allowed-registries`: globs of the registries, and prefixes of their repositories, that images may come from;
    /// empty allows all.
    pub allowed_registries: Vec<String>,
    /// `mutable-tags`: globs of the tags that move, instead of those that move by convention.
    pub mutable_tags: Option<Vec<String>>,
}

impl Settings {
    /// What the operator wants of the rules in a source.
    pub fn levels_of(&self, source: SourceId) -> &Levels {
        self.source_levels.get(&source).map_or(&self.levels, AsRef::as_ref)
    }

    /// Whether a rule runs in a source.
    pub fn runs_in(&self, source: SourceId, meta: &Meta) -> bool {
        self.levels_of(source).runs(meta)
    }

    /// Whether a rule runs in any source.
    pub fn runs(&self, meta: &Meta) -> bool {
        self.levels.runs(meta) || self.source_levels.values().any(|levels| levels.runs(meta))
    }
}

/// `--max-image-size` where it is not given: 2 GiB.
pub const MAX_IMAGE_SIZE: u64 = 2 << 30;

/// The finished facts.
#[derive(Debug)]
pub struct Context<'a> {
    /// The files.
    pub sources: &'a Sources,
    /// What they say.
    pub inventory: &'a Inventory,
    /// One per image of the inventory, in its order.
    pub judged: &'a [JudgedImage],
    /// What the operator says.
    pub settings: &'a Settings,
    /// The readable pull secrets of the inputs, and who pulls with them.
    held: Vec<held::Held<'a>>,
}

/// An image use with all its facts at hand.
#[derive(Debug, Clone, Copy)]
pub struct ImageFacts<'a> {
    /// The use.
    pub image: &'a ImageUse,
    /// Its pod.
    pub pod: &'a Pod,
    /// Its object.
    pub resource: &'a Resource,
    /// What was found out.
    pub judged: &'a JudgedImage,
}

impl<'a> ImageFacts<'a> {
    /// The reference, where the image is one.
    pub fn reference(&self) -> Option<&'a Reference> {
        match &self.image.image {
            ImageText::Reference(reference) => Some(reference),
            ImageText::Invalid(_) | ImageText::Skipped(_) => None,
        }
    }

    /// The severity of a finding that says why the image fails: the rule's own where that is certain, else a warning.
    pub fn severity(&self, meta: &Meta) -> Severity {
        match self.judged.verdict {
            Verdict::Fails(_) => meta.severity,
            _ => meta.severity.min(Severity::Warning),
        }
    }

    /// The same of a rule that is no error by itself, as it is seldom certain: an error where the image fails.
    pub fn raised_severity(&self, meta: &Meta) -> Severity {
        match self.judged.verdict {
            Verdict::Fails(_) => Severity::Error,
            _ => meta.severity,
        }
    }

    /// Where a part of the image stands in its file, the last one of that text; `None` where the scalar writes it in
    /// another way, with escapes, over several lines or by an alias.
    pub fn place_of(&self, sources: &Sources, part: &str) -> Option<Span> {
        let scalar = self.image.text.span;
        let written = sources.slice(scalar);
        let whole = written.find(&self.image.text.value)?;
        let at = whole + self.image.text.value.rfind(part)?;
        let start = scalar.start + at as u32;
        Some(Span::new(scalar.source, start, start + part.len() as u32))
    }

    /// The subject of a finding about this image.
    pub fn subject(&self) -> Subject {
        Subject {
            resource: Some(self.resource.name.clone()),
            container: Some(self.image.container.clone()),
            image: Some(self.image.text.value.clone()),
        }
    }
}

impl<'a> Context<'a> {
    /// From the facts, one `judged` for each image of the inventory, in its order.
    pub fn new(
        sources: &'a Sources,
        inventory: &'a Inventory,
        judged: &'a [JudgedImage],
        settings: &'a Settings,
    ) -> Self {
        let facts = Self { sources, inventory, judged, settings, held: Vec::new() };
        Self { held: held::of_inputs(&facts), ..facts }
    }

    /// Every image use, in order.
    pub fn images(&self) -> impl Iterator<Item = ImageFacts<'a>> + use<'a> {
        let inventory = self.inventory;
        inventory.images.iter().zip(self.judged).map(move |(image, judged)| ImageFacts {
            image,
            pod: inventory.pod(image.pod),
            resource: inventory.resource_of(image),
            judged,
        })
    }

    /// Whether an object of namespace `a` can name one of namespace `b`. Where neither the object nor `--namespace`
    /// says it, any namespace is possible.
    pub fn same_namespace(&self, a: Option<&str>, b: Option<&str>) -> bool {
        let default = self.settings.namespace.as_deref();
        match (a.or(default), b.or(default)) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        }
    }
}

/// One rule.
pub trait Rule: Send + Sync {
    /// Its words, from `rules/<id>.md`.
    fn meta(&self) -> &'static Meta;

    /// Adds what it finds.
    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>);
}

/// All rules, in the order of the catalogue.
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
    &access_denied::AccessDenied,
    &public_image_broken_by_secret::PublicImageBrokenBySecret,
    &platform_mismatch::PlatformMismatch,
    &stale_digest::StaleDigest,
    &unsupported_manifest::UnsupportedManifest,
    &large_image::LargeImage,
    &plain_http_registry::PlainHttpRegistry,
    &untrusted_certificate::UntrustedCertificate,
    &rate_limit_risk::RateLimitRisk,
    &unverified_image::UnverifiedImage,
    &invalid_yaml::InvalidYaml,
    &unreadable_input::UnreadableInput,
    &render_failed::RenderFailed,
    &unrendered_template::UnrenderedTemplate,
    &duplicate_key::DuplicateKey,
    &unused_suppression::UnusedSuppression,
    &invalid_suppression::InvalidSuppression,
];

/// The rule of an id.
pub fn by_id(id: &str) -> Option<&'static dyn Rule> {
    RULES.iter().copied().find(|rule| rule.meta().id == id)
}

/// Runs the rules that are on and sorts what they found by source, place and rule. Here, and nowhere else, findings get
/// the severity that the operator wants.
pub fn run(cx: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mentions = mentions(cx);
    let unrendered = unrendered::Doubt::new(cx);
    for rule in RULES.iter().filter(|rule| cx.settings.runs(rule.meta())) {
        let mut found = Vec::new();
        rule.check(cx, &mut found);
        findings.extend(found.into_iter().filter_map(|finding| {
            let finding = unrendered.doubt(finding)?;
            let levels = cx.settings.levels_of(finding.primary.span.source);
            let certain = if mentions.contains(&finding.primary.span) { Severity::Note } else { finding.severity };
            let severity = levels.severity(rule.meta(), certain.min(finding.severity))?;
            Some(Finding { severity, ..finding })
        }));
    }
    sort(&mut findings);
    findings
}

/// Places of the images that only a flag or an annotation names: what becomes of them is another program's business, and
/// worth a note at most.
fn mentions(cx: &Context<'_>) -> BTreeSet<Span> {
    let mentioned = cx.images().filter(|facts| facts.pod.origin == PodOrigin::Mention);
    mentioned.map(|facts| facts.image.text.span).collect()
}

/// What is left of the findings, and what is not.
#[derive(Debug, Default)]
pub struct Silence {
    /// Those that are reported.
    pub findings: Vec<Finding>,
    /// Those that a suppression or the baseline silences.
    pub silenced: Vec<Silenced>,
    /// What became of the baseline.
    pub baseline: BaselineUse,
}

/// Takes out what the inputs and the baseline silence, and reports suppressions that silence nothing.
pub fn silence(cx: &Context<'_>, findings: Vec<Finding>) -> Silence {
    let mut silence = Silence { findings, ..Silence::default() };
    if !cx.settings.no_suppressions {
        let suppressions = &cx.inventory.suppressions.valid;
        let (reported, silenced, used) = suppression::apply(silence.findings, suppressions, cx.sources);
        silence = Silence { findings: reported, silenced, ..silence };
        unused_suppression::find(cx, &used, &mut silence);
        sort(&mut silence.findings);
    }
    if cx.settings.write_baseline {
        silence.baseline.written = Some(Baseline::of(&silence.findings, cx.sources));
        silence.keep(|_| false);
    } else if let Some(mut baseline) = cx.settings.baseline.clone() {
        silence.keep(|finding| !baseline.take(finding, cx.sources));
        let speakers = Speakers::new(cx);
        silence.baseline.gone = baseline.gone(|rule, file| speakers.spoke_in_file(rule, file));
        silence.baseline.foreign = baseline.is_foreign(cx.sources);
    }
    silence.silenced.sort_by(|a, b| place(&a.finding).cmp(&place(&b.finding)));
    silence
}

impl Silence {
    /// The baseline takes what is not to be kept.
    fn keep(&mut self, mut keep: impl FnMut(&Finding) -> bool) {
        let (kept, known): (Vec<_>, Vec<_>) = std::mem::take(&mut self.findings).into_iter().partition(|it| keep(it));
        self.findings = kept;
        let known = known.into_iter().map(|finding| Silenced { finding, by: SilencedBy::Baseline });
        self.silenced.extend(known);
    }
}

pub(crate) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| place(a).cmp(&place(b)));
}

fn place(finding: &Finding) -> (Span, &'static str, &str) {
    (finding.primary.span, finding.rule, &finding.message)
}

/// The severity that a rule has where nothing else decides.
pub fn default_severity(rule: &dyn Rule) -> Severity {
    rule.meta().severity
}
