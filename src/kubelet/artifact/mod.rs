//! Charts and other artifacts that GitOps tools fetch: with which credentials a registry is asked for them, and what
//! its answer says. They are fetched by a controller, and not by a kubelet, but with pull secrets too.
//!
//! Follows `internal/controller/ocirepository_controller.go` and `internal/helm/repository/oci_chart_repository.go` of
//! Flux's source-controller 1.9, `pkg/registry/client.go` of Helm 3.22, and `util/versions/tags.go` of Argo CD.

use std::sync::Arc;

use crate::credential::dockerconfig::DockerConfig;
use crate::image::reference::Reference;
use crate::image::runtime::Runtime;
use crate::inventory::Inventory;
use crate::kubelet::cluster::ClusterFacts;
use crate::kubelet::probe::{Attempt, Defect, Evidence, Outcome, PullAnswer, TagList, Unknown};
use crate::kubelet::pull::{self, Blind, PullContext, SecretState};
use crate::kubelet::verdict::{self, Cause, Verdict};
use crate::resource::chart::artifact::{Access, ChartArtifact, Wanted, WantedRange};
use crate::resource::chart::version_range::{VersionRange, choose};
use crate::resource::workload::pod::classify;
use crate::resource::workload::{Chosen, Container, ContainerKind, ImageText, ImageUse, Pod, PodId, PodOrigin, Skip};
use crate::text::source::Spanned;

/// An artifact with the credentials of its fetcher.
#[derive(Debug, Clone)]
pub struct ArtifactPull {
    /// The artifact as an image, which is what registries take it for. If a range is wanted, its tag has no meaning.
    image: ImageUse,
    /// The credentials.
    pull: PullContext,
    /// Whether the tags are listed.
    is_range: bool,
}

/// A question about an artifact.
#[derive(Debug, Clone)]
pub enum ArtifactQuestion<'a> {
    /// Whether the manifest exists.
    Manifest(&'a Reference, &'a PullContext),
    /// Which tags there are.
    Tags(Attempt),
}

/// A registry's answer about an artifact.
#[derive(Debug, Clone)]
pub enum ArtifactAnswer {
    /// That about the manifest.
    Manifest(Arc<PullAnswer>),
    /// The tags.
    Tags(TagList),
}

/// What is known about an artifact.
#[derive(Debug, Clone)]
pub struct JudgedArtifact {
    /// The verdict: it fails only if the registry has no such artifact.
    pub verdict: Verdict,
    /// The tag that is fetched, or would be if it existed. `None` if it is not known.
    pub tag: Option<String>,
    /// The registry's answer; `None` if it was not asked.
    pub answer: Option<ArtifactAnswer>,
}

/// Finds the credentials for every artifact in the inputs, in their order.
pub fn resolve(inventory: &Inventory, cluster: &ClusterFacts, supplied: Option<&DockerConfig>) -> Vec<ArtifactPull> {
    let uses: Vec<(Pod, ImageUse)> = inventory.chart_artifacts.iter().map(as_image).collect();
    let pulls = pull::resolve_others(inventory, cluster, supplied, &uses);
    let artifacts = inventory.chart_artifacts.iter().zip(uses).zip(pulls);
    artifacts
        .map(|((artifact, (_, image)), mut pull)| {
            // No node runs it.
            pull.nodes = Arc::default();
            pull.rewritten = false;
            let access = &artifact.access;
            let unread = pull
                .secrets
                .iter()
                .find(|secret| !matches!(secret.state, SecretState::Readable | SecretState::Supplied));
            if let Some(secret) = unread {
                pull.blind.push(Blind::Secret(secret.name.clone()));
            }
            if access.is_elsewhere || access.secret.is_some() && access.service_account.is_some() {
                pull.blind.push(Blind::Secret(String::new()));
            }
            ArtifactPull { image, pull, is_range: matches!(artifact.wanted, Wanted::Range(_)) }
        })
        .collect()
}

/// Returns the artifact as the image of a pod with the same pull secrets.
fn as_image(artifact: &ChartArtifact) -> (Pod, ImageUse) {
    let Access { secret, service_account, .. } = &artifact.access;
    // Without an account of its own, the fetcher has no other pull secrets than the one that is named.
    let own = || Some(secret.iter().cloned().collect());
    let pod = Pod {
        resource: artifact.resource,
        origin: PodOrigin::Pod,
        span: artifact.span,
        namespace: artifact.namespace.clone(),
        service_account: service_account.clone(),
        pull_secrets: if service_account.is_some() && secret.is_none() { None } else { own() },
        demand: Default::default(),
        hidden: Default::default(),
        chosen: Chosen::default(),
        release: None,
    };
    let text = reference_of(artifact);
    let image = match &artifact.wanted {
        _ if artifact.rewritten_by.is_some() => ImageText::Skipped(Skip::RewrittenByKustomize),
        Wanted::Placeholder(_) => ImageText::Skipped(Skip::Placeholder),
        _ => classify(&text, false),
    };
    let image = ImageUse {
        pod: PodId(0),
        container: Container { kind: ContainerKind::Other, name: None },
        path: artifact.path.clone(),
        text: Spanned { value: text, span: artifact.span },
        written: None,
        decided_by: Vec::new(),
        stream_tag: None,
        built_by: None,
        image,
        declared_policy: None,
    };
    (pod, image)
}

/// The artifact as a reference: `ghcr.io/acme/charts/shop:1.9.0`.
pub fn reference_of(artifact: &ChartArtifact) -> String {
    let repository = &artifact.repository;
    match &artifact.wanted {
        Wanted::Tag(tag) | Wanted::Placeholder(tag) => format!("{repository}:{tag}"),
        Wanted::Digest(digest) => format!("{repository}@{digest}"),
        Wanted::Range(_) => repository.clone(),
    }
}

impl ArtifactPull {
    /// Returns what to ask; `None` if the answer would not matter.
    pub fn question(&self) -> Option<ArtifactQuestion<'_>> {
        let reference = verdict::needs_probe(&self.image, &self.pull)?;
        // A name without a dot is that of a host here, and not of a repository on Docker Hub.
        let is_host = self.image.text.value.starts_with(reference.registry());
        if !is_host {
            return None;
        }
        if !self.is_range {
            return Some(ArtifactQuestion::Manifest(reference, &self.pull));
        }
        // The first credential is the one that is sent (`authn.Keychain` of go-containerregistry).
        let first = self.pull.credentials.first().map(|candidate| &candidate.credential);
        Some(ArtifactQuestion::Tags(Attempt::new(reference, first)))
    }

    /// The credentials with which the registry is asked.
    pub fn credentials(&self) -> &PullContext {
        &self.pull
    }

    /// Returns the verdict based on the answer, `None` if the registry was not asked.
    pub fn judge(
        &self,
        artifact: &ChartArtifact,
        answer: Option<ArtifactAnswer>,
        cluster: &ClusterFacts,
    ) -> JudgedArtifact {
        let (verdict, tag) = match (&artifact.wanted, &answer) {
            (Wanted::Range(range), Some(ArtifactAnswer::Tags(tags))) => {
                let (outcome, tag) = in_range(range, tags);
                // The first of the nodes' mirrors was asked, which may list fewer tags than the registry.
                let is_of_mirror = cluster.certs_dir && matches!(outcome, Outcome::Absent(_));
                let unknown = || Outcome::Unknown(Unknown::RegistryError, Evidence::default());
                (self.of_outcome(if is_of_mirror { unknown() } else { outcome }, cluster.runtime), tag)
            }
            (wanted, answer) => {
                let own = match answer {
                    Some(ArtifactAnswer::Manifest(answer)) => Some(answer.as_ref()),
                    _ => None,
                };
                let tag = match wanted {
                    Wanted::Tag(tag) => Some(tag.clone()),
                    Wanted::Digest(_) | Wanted::Range(_) | Wanted::Placeholder(_) => None,
                };
                (self.of_answer(own, cluster), tag)
            }
        };
        JudgedArtifact { verdict, tag, answer }
    }

    fn of_answer(&self, answer: Option<&PullAnswer>, cluster: &ClusterFacts) -> Verdict {
        let origin = PodOrigin::Pod;
        // Whether it is an image does not matter.
        if let Some(manifest) = answer.and_then(verdict::found_by) {
            return match manifest.defect {
                None | Some(Defect::NotAnImage | Defect::TooBig) => Verdict::Pullable(manifest.clone()),
                Some(_) => Verdict::Unverified(Cause::Unknown(Unknown::RegistryError)),
            };
        }
        let verdict = verdict::judge(&self.image, origin, &self.pull, answer, cluster.runtime);
        let verdict = verdict::as_declared(verdict, &self.image, origin, answer, cluster);
        match verdict {
            // Only the registry's own word that there is no such artifact is certain: the fetcher is no kubelet.
            Verdict::Fails(Cause::Absent) => Verdict::Fails(Cause::Absent),
            Verdict::Fails(cause) => Verdict::Unverified(cause),
            verdict => verdict,
        }
    }

    fn of_outcome(&self, outcome: Outcome, runtime: Runtime) -> Verdict {
        let answer = PullAnswer { attempts: vec![(None, outcome)], ..PullAnswer::default() };
        let cluster = ClusterFacts { runtime, ..ClusterFacts::default() };
        self.of_answer(Some(&answer), &cluster)
    }
}

/// Looks for a version in the range among the tags, and returns the tag that is fetched if that is certain.
fn in_range(wanted: &WantedRange, tags: &TagList) -> (Outcome, Option<String>) {
    let absent = || (Outcome::Absent(Evidence::default()), None);
    let unread = || (Outcome::Unknown(Unknown::RegistryError, Evidence::default()), None);
    let is_whole = matches!(tags, TagList::Tags(_));
    let tags = match tags {
        TagList::Tags(tags) | TagList::Incomplete(tags) => tags,
        TagList::NoRepository => return absent(),
        TagList::Unknown => return unread(),
    };
    let mut is_filtered = true;
    let mut fitting = Vec::new();
    for tag in tags.iter().filter(|tag| wanted.has_build_metadata || !tag.contains('_')) {
        match wanted.filter.as_ref().map(|filter| filter.is_match(tag)) {
            None | Some(Some(true)) => fitting.push(tag.as_str()),
            Some(Some(false)) => {}
            Some(None) => {
                is_filtered = false;
                fitting.push(tag.as_str());
            }
        }
    }
    // A text that is no range is taken for a tag, and one that is a tag is preferred.
    let equal = fitting.iter().copied().find(|tag| *tag == wanted.text);
    let chosen = equal.or_else(|| choose(&VersionRange::parse(&wanted.text)?, fitting, wanted.reading));
    match chosen {
        Some(_) if !is_filtered => unread(),
        Some(tag) => (Outcome::Found(Default::default()), is_whole.then(|| tag.to_owned())),
        None if is_whole => absent(),
        None => unread(),
    }
}

#[cfg(test)]
mod tests;
