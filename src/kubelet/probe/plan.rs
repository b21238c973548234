//! The questions about one image: the kubelet's own attempts, the diagnoses, and what a pod or a rule needs to know
//! about an existing manifest.

use crate::credential::pair::Credential;
use crate::image::platform::Platform;
use crate::image::reference::Reference;
use crate::image::runtime::Runtime;
use crate::kubelet::probe::{Attempt, TagOrDigest};

/// All questions about one image with the credentials of one pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Plan {
    /// The image, as an anonymous question.
    pub image: Attempt,
    /// The credentials that the kubelet tries, in its order; empty means one anonymous pull.
    pub credentials: Vec<Credential>,
    /// Diagnosis: whether the image can be pulled without the refused credentials.
    pub try_anonymous: bool,
    /// Diagnosis: the operator's own credentials for the image, to find out whether they have access.
    pub supplied: Vec<Credential>,
    /// Whether an absent tag is explained with the tag list.
    pub want_tags: bool,
    /// What to read of an existing manifest.
    pub look: ReadPlan,
}

/// How deeply an image is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Depth {
    /// Name resolution as the runtime does it: one `HEAD` of the manifest, and of the image for each platform of the
    /// nodes if any is known.
    #[default]
    Head,
    /// Manifest, the image for each platform, and its configuration are read.
    Manifest,
    /// Each layer is requested too.
    Layers,
}

/// What to read of an existing manifest. Nothing by default: on Docker Hub each read counts as a pull.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ReadPlan {
    /// Whether to read the manifest's platforms: those of an index, or that in the configuration of a single image.
    pub platforms: bool,
    /// Whether to determine if the manifest is an image or another artifact.
    pub kind: bool,
    /// The platforms of nodes whose pull sizes are needed.
    pub sizes: Vec<Platform>,
    /// The platforms whose images are checked within an index.
    pub nodes: Vec<Platform>,
    /// How deeply those images are checked.
    pub depth: Depth,
    /// The runtime, which decides how the entry for a node is chosen.
    pub runtime: Runtime,
    /// The tag beside a digest, to check whether it still leads there.
    pub tag: Option<String>,
}

impl Plan {
    /// A plan with all diagnoses except the operator's credentials.
    pub fn new(image: &Reference, credentials: Vec<Credential>) -> Self {
        Self {
            image: Attempt::new(image, None),
            credentials,
            try_anonymous: true,
            supplied: Vec::new(),
            want_tags: true,
            look: ReadPlan::default(),
        }
    }

    /// The kubelet's own questions, with each credential, and the tag beside a digest.
    pub fn first_questions(&self) -> impl Iterator<Item = Attempt> {
        let none = self.credentials.is_empty().then_some(None);
        let credentials = self.credentials.iter().map(Some).chain(none);
        credentials.flat_map(|credential| {
            let pull = self.image.with(credential);
            let tag = self.look.tag.clone().map(|tag| Attempt { target: TagOrDigest::Tag(tag), ..pull.clone() });
            [Some(pull), tag].into_iter().flatten()
        })
    }
}
