//! The finished facts that rules work on: what the inputs contain, what is known about each image, and the
//! operator's settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::levels::Levels;
use super::meta::Meta;
use crate::findings::baseline::Baseline;
use crate::findings::finding::{Severity, Subject};
use crate::image::reference::Reference;
use crate::inventory::Inventory;
use crate::kubelet::artifact::JudgedArtifact;
use crate::kubelet::cluster::ClusterFacts;
use crate::kubelet::probe::plan::Depth;
use crate::kubelet::probe::{Manifest, PullAnswer};
use crate::kubelet::pull::PullContext;
use crate::kubelet::verdict::Verdict;
use crate::resource::workload::{ImageText, ImageUse, Pod, Resource, Skip};
use crate::rules::engine::readable_secrets;
use crate::text::source::{SourceId, Sources, Span};

/// One image use with everything that is known about it.
#[derive(Debug, Clone)]
pub struct JudgedImage {
    /// The credentials that the kubelet would try.
    pub pull: PullContext,
    /// The registry's answer; `None` if it was not asked.
    pub answer: Option<Arc<PullAnswer>>,
    /// Whether the image can be pulled.
    pub verdict: Verdict,
    /// The manifest that was found, with what was read of it; also present if the nodes cannot use it.
    pub manifest: Option<Manifest>,
    /// What `kubectl describe pod` would show if the image fails.
    pub event: Option<String>,
}

/// The operator's settings for the run, the same for every rule.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The known facts about the cluster.
    pub cluster: ClusterFacts,
    /// `--offline`: no registry is asked.
    pub offline: bool,
    /// Whether a dockerconfigjson was supplied.
    pub supplied: bool,
    /// `--depth`: how closely images are examined.
    pub depth: Depth,
    /// The time of the run, in seconds since 1970; `None` if it must not be known, and then nothing has expired.
    pub now: Option<u64>,
    /// The configured level of each rule.
    pub levels: Levels,
    /// The levels for sources that have levels of their own: `overrides` of the configuration.
    pub source_levels: BTreeMap<SourceId, Arc<Levels>>,
    /// `--max-image-size`, in bytes, compressed; `None` means [`MAX_IMAGE_SIZE`].
    pub max_image_size: Option<u64>,
    /// `--no-suppressions`: comments and annotations are ignored.
    pub no_suppressions: bool,
    /// `--baseline`: findings that are known already.
    pub baseline: Option<Baseline>,
    /// `--write-baseline`: every finding of this run becomes known, and `baseline` is not used.
    pub write_baseline: bool,
    /// `allowed-registries`: globs of the registries, and prefixes of their repositories, that images may come from;
    /// empty allows all.
    pub allowed_registries: Vec<String>,
    /// `mutable-tags`: globs of the tags that move, instead of those that move by convention.
    pub mutable_tags: Option<Vec<String>>,
}

impl Settings {
    /// Returns the levels that apply to findings in a source.
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

/// The default of `--max-image-size`, in bytes: 2 GiB.
pub const MAX_IMAGE_SIZE: u64 = 2 << 30;

/// All facts of a run, as passed to each rule.
#[derive(Debug)]
pub struct Context<'a> {
    /// The input files, to look up text and places.
    pub sources: &'a Sources,
    /// The objects, pods and images that the inputs contain.
    pub inventory: &'a Inventory,
    /// The verdicts, one per image of the inventory and in its order.
    pub judged: &'a [JudgedImage],
    /// The verdicts on charts and other artifacts, one per artifact of the inventory and in its order; empty if none
    /// was judged.
    pub artifacts: &'a [JudgedArtifact],
    /// The operator's settings for the run.
    pub settings: &'a Settings,
    /// The readable pull secrets of the inputs, with the pods that use them.
    pub(in crate::rules) readable_secrets: Vec<readable_secrets::ReadableSecret<'a>>,
}

/// An image use with all its facts.
#[derive(Debug, Clone, Copy)]
pub struct ImageFacts<'a> {
    /// The image use itself.
    pub image: &'a ImageUse,
    /// The pod that uses the image.
    pub pod: &'a Pod,
    /// The object that contains the pod.
    pub resource: &'a Resource,
    /// The verdict on the image and the evidence for it.
    pub judged: &'a JudgedImage,
}

impl<'a> ImageFacts<'a> {
    /// Returns the parsed reference if the image is valid.
    pub fn reference(&self) -> Option<&'a Reference> {
        match &self.image.image {
            ImageText::Reference(reference) => Some(reference),
            ImageText::Invalid(_) | ImageText::Skipped(_) => None,
        }
    }

    /// Returns the severity of a finding that explains why the image fails: the rule's own if that is certain,
    /// otherwise a warning.
    pub fn severity(&self, meta: &Meta) -> Severity {
        match self.judged.verdict {
            Verdict::Fails(_) => meta.severity,
            _ => meta.severity.min(Severity::Warning),
        }
    }

    /// Returns the severity for a rule that is not an error by default, because it is seldom certain: an error if
    /// the image fails.
    pub fn raised_severity(&self, meta: &Meta) -> Severity {
        match self.judged.verdict {
            Verdict::Fails(_) => Severity::Error,
            _ => meta.severity,
        }
    }

    /// Returns the place of a part of the image in its file, the last occurrence of that text. The result is `None`
    /// if the scalar is written in another way (with escapes, over several lines or by an alias), or if another
    /// value is pulled.
    pub fn place_of(&self, sources: &Sources, part: &str) -> Option<Span> {
        if self.image.written.is_some() {
            return None;
        }
        let scalar = self.image.text.span;
        let written = sources.slice(scalar);
        let whole = written.find(&self.image.text.value)?;
        let at = whole + self.image.text.value.rfind(part)?;
        let start = scalar.start + at as u32;
        Some(Span::new(scalar.source, start, start + part.len() as u32))
    }

    /// Returns the subject of a finding about this image.
    pub fn subject(&self) -> Subject {
        Subject {
            resource: Some(self.resource.name.clone()),
            container: Some(self.image.container.clone()),
            image: Some(self.image.text.value.clone()),
        }
    }
}

impl<'a> Context<'a> {
    /// Combines the facts, with one item of `judged` for each image of the inventory, in its order.
    pub fn new(
        sources: &'a Sources,
        inventory: &'a Inventory,
        judged: &'a [JudgedImage],
        settings: &'a Settings,
    ) -> Self {
        let facts = Self { sources, inventory, judged, artifacts: &[], settings, readable_secrets: Vec::new() };
        Self { readable_secrets: readable_secrets::of_inputs(&facts), ..facts }
    }

    /// Adds the verdicts on the artifacts of the inventory, in its order.
    #[must_use]
    pub fn with_artifacts(self, artifacts: &'a [JudgedArtifact]) -> Self {
        Self { artifacts, ..self }
    }

    /// Returns every image use, in order.
    pub fn images(&self) -> impl Iterator<Item = ImageFacts<'a>> + use<'a> {
        let inventory = self.inventory;
        inventory.images.iter().zip(self.judged).map(move |(image, judged)| ImageFacts {
            image,
            pod: inventory.pod(image.pod),
            resource: inventory.resource_of(image),
            judged,
        })
    }

    /// Returns the images without those that another program pulls, or that nobody pulls any more: what a kubelet
    /// makes of pull secrets does not apply to them.
    pub fn images_of_kubelets(&self) -> impl Iterator<Item = ImageFacts<'a>> + use<'a> {
        let is_left_alone =
            |image: &ImageText| matches!(image, ImageText::Skipped(Skip::PulledByAnother | Skip::Finished));
        self.images().filter(move |facts| !is_left_alone(&facts.image.image))
    }

    /// Whether an object in namespace `a` can name one in namespace `b`. If neither the object nor `--namespace`
    /// sets it, any namespace is possible.
    pub fn same_namespace(&self, a: Option<&str>, b: Option<&str>) -> bool {
        let default = self.settings.cluster.namespace.as_deref();
        match (a.or(default), b.or(default)) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        }
    }
}
