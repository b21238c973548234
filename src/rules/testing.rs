//! Hand-made facts for the unit tests of rules. The examples of `rules/*.md` run the whole way from YAML.

use std::sync::Arc;

use crate::credential::dockerconfig::DockerConfig;
use crate::credential::pair::Credential;
use crate::credential::sensitive::Sensitive;
use crate::findings::finding::{Finding, Severity};
use crate::image::node::Demand;
use crate::image::pull_policy::default_pull_policy;
use crate::image::reference::Reference;
use crate::inventory::{Inventory, Problem, ProblemKind};
use crate::kubelet::probe::{Evidence, Manifest, PullAnswer};
use crate::kubelet::pull::{CandidateCredential, PullContext, PullSecret, SecretState, Via};
use crate::kubelet::verdict::Verdict;
use crate::resource::ResourceName;
use crate::resource::secret::{Producer, Secret, SecretContent};
use crate::resource::service_account::ServiceAccount;
use crate::resource::workload::{
    Chosen, Container, ContainerKind, ImageText, ImageUse, Pod, PodId, PodOrigin, Resource, ResourceId, SecretReference,
};
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::{Context, JudgedImage, Rule, Settings};
use crate::text::source::{Encoding, Source, SourceId, Sources, Span, Spanned};

/// Facts under construction. Every added text becomes a line of one source, so that spans point at it.
#[derive(Default)]
pub(super) struct Facts {
    text: String,
    pub(super) inventory: Inventory,
    pub(super) judged: Vec<JudgedImage>,
    pub(super) settings: Settings,
}

impl Facts {
    pub(super) fn write(&mut self, text: &str) -> Span {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        self.text.push('\n');
        Span::new(SourceId(0), start, start + text.len() as u32)
    }

    pub(super) fn spanned(&mut self, text: &str) -> Spanned<String> {
        Spanned { value: text.to_owned(), span: self.write(text) }
    }

    pub(super) fn resource(&mut self, kind: &str, namespace: Option<&str>, name: &str) -> ResourceId {
        let span = self.write(&format!("{kind} {name}"));
        self.inventory.resources.push(Resource {
            name: ResourceName {
                api_version: "v1".to_owned(),
                kind: kind.to_owned(),
                namespace: namespace.map(str::to_owned),
                name: Some(name.to_owned()),
            },
            span,
            template: None,
        });
        ResourceId(self.inventory.resources.len() as u32 - 1)
    }

    pub(super) fn pod(&mut self, origin: PodOrigin) -> PodId {
        self.pod_in(origin, None)
    }

    pub(super) fn pod_in(&mut self, origin: PodOrigin, namespace: Option<&str>) -> PodId {
        let resource = self.resource("Pod", namespace, "web");
        let span = self.write("spec");
        self.inventory.pods.push(Pod {
            resource,
            origin,
            span,
            namespace: namespace.map(str::to_owned),
            service_account: None,
            pull_secrets: None,
            demand: Demand::default(),
            chosen: Chosen::default(),
            hidden: Default::default(),
            release: None,
        });
        PodId(self.inventory.pods.len() as u32 - 1)
    }

    /// Adds an image that is a reference.
    pub(super) fn image(&mut self, pod: PodId, text: &str, verdict: Verdict) -> &mut JudgedImage {
        let reference = Reference::parse(text).expect("a reference");
        self.image_as(pod, text, ImageText::Reference(reference), verdict)
    }

    pub(super) fn image_as(&mut self, pod: PodId, text: &str, image: ImageText, verdict: Verdict) -> &mut JudgedImage {
        let text = self.spanned(text);
        self.inventory.images.push(ImageUse {
            pod,
            container: Container { kind: ContainerKind::Container, name: Some("app".to_owned()) },
            path: "spec.containers[0].image".to_owned(),
            text,
            image,
            written: None,
            decided_by: Vec::new(),
            stream_tag: None,
            built_by: None,
            declared_policy: None,
        });
        let pull_policy = Some(default_pull_policy(&self.inventory.images[self.judged.len()].text.value));
        let pull = PullContext { service_account: "default".to_owned(), pull_policy, ..PullContext::default() };
        let manifest = match &verdict {
            Verdict::Pullable(manifest) => Some(manifest.clone()),
            _ => None,
        };
        self.judged.push(JudgedImage { pull, answer: None, verdict, manifest, event: None });
        self.judged.last_mut().expect("just added")
    }

    /// Adds a Secret of the inputs and returns its index.
    pub(super) fn secret(
        &mut self,
        namespace: Option<&str>,
        name: &str,
        kind: Option<&str>,
        content: SecretContent,
    ) -> usize {
        let resource = self.resource("Secret", namespace, name);
        let name = self.spanned(name);
        let declared_type = kind.map(|kind| self.spanned(kind));
        let namespace = namespace.map(str::to_owned);
        let producer = Producer::Itself;
        self.inventory.secrets.push(Secret {
            namespace,
            name,
            resource,
            declared_type,
            content,
            producer,
            copies: Vec::new(),
            lent: Vec::new(),
        });
        self.inventory.secrets.len() - 1
    }

    /// Names a pull secret in a pod, as its images then see it.
    pub(super) fn name_secret(&mut self, pod: PodId, name: &str, state: SecretState, object: Option<usize>) -> Span {
        let span = self.write(name);
        let reference = SecretReference { name: name.to_owned(), span };
        self.inventory.pods[pod.0 as usize].pull_secrets.get_or_insert_default().push(reference);
        let secret = PullSecret { name: name.to_owned(), span, via: Via::Pod, state, reason: None, object };
        for (image, judged) in self.inventory.images.iter().zip(&mut self.judged) {
            if image.pod == pod {
                judged.pull.secrets.push(secret.clone());
            }
        }
        span
    }

    pub(super) fn service_account(&mut self, namespace: Option<&str>, name: &str, secrets: &[&str]) {
        let resource = self.resource("ServiceAccount", namespace, name);
        let pull_secrets = secrets
            .iter()
            .map(|&secret| SecretReference { name: secret.to_owned(), span: self.write(secret) })
            .collect();
        let namespace = namespace.map(str::to_owned);
        self.inventory.service_accounts.push(ServiceAccount {
            namespace,
            name: name.to_owned(),
            pull_secrets,
            mountable: Vec::new(),
            enforces_mountable_secrets: false,
            resource,
        });
    }

    pub(super) fn problem(&mut self, kind: ProblemKind, text: &str, message: &str) {
        let span = self.write(text);
        self.inventory.problems.push(Problem { kind, span, message: message.to_owned() });
    }

    /// Returns the rule that reports each image.
    pub(super) fn attributions(&self) -> Vec<Option<Attribution>> {
        let sources = Sources::default();
        let context = Context::new(&sources, &self.inventory, &self.judged, &self.settings);
        context.images().map(|facts| attribute(&context, &facts)).collect()
    }

    /// Returns the findings of one rule.
    pub(super) fn check(&self, rule: &dyn Rule) -> Vec<Finding> {
        let sources = Sources::new(vec![Source::new("a.yaml", self.text.as_str(), Encoding::Utf8)]);
        let context = Context::new(&sources, &self.inventory, &self.judged, &self.settings);
        let mut findings = Vec::new();
        rule.check(&context, &mut findings);
        findings
    }

    /// Returns the findings of one rule, as severity and flagged text.
    pub(super) fn flags(&self, rule: &dyn Rule) -> Vec<(Severity, &str)> {
        let at = |finding: &Finding| &self.text[finding.primary.span.range()];
        self.check(rule).iter().map(|finding| (finding.severity, at(finding))).collect()
    }
}

pub(super) fn pullable() -> Verdict {
    Verdict::Pullable(Manifest::default())
}

pub(super) fn config() -> SecretContent {
    SecretContent::Config(DockerConfig::default())
}

/// Returns a credential of a secret, as the kubelet would try it.
pub(super) fn candidate(secret: Option<&str>, key: &str, user: &str) -> CandidateCredential {
    CandidateCredential {
        secret: secret.map(str::to_owned),
        index_key: key.to_owned(),
        written_key: key.to_owned(),
        credential: Credential { username: Sensitive::new(user), password: Sensitive::new("p") },
    }
}

pub(super) fn evidence(status: u16) -> Evidence {
    Evidence { status: Some(status), ..Evidence::default() }
}

/// Shares an answer, as the probe stage does.
pub(super) fn answer(answer: PullAnswer) -> Option<Arc<PullAnswer>> {
    Some(Arc::new(answer))
}
