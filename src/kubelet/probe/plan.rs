//! What is to be asked about one image: the kubelet's own attempts, the diagnoses, and what a pod or a rule wants to
//! know of a manifest that is there.

use crate::credential::pair::Credential;
use crate::image::platform::Platform;
use crate::image::reference::Reference;
use crate::image::runtime::Runtime;
use crate::kubelet::probe::{Attempt, Target};

/// Everything to be asked about one image with the credentials of one pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Plan {
    /// The image, as an anonymous question.
    pub image: Attempt,
    /// What the kubelet tries, in its order; empty means one anonymous pull.
    pub credentials: Vec<Credential>,
    /// Diagnosis: whether it would be pullable without the credentials that were refused.
    pub try_anonymous: bool,
    /// Diagnosis: the operator's own credentials for it, to tell whether they would open what is refused.
    pub supplied: Vec<Credential>,
    /// Whether an absent tag shall be explained by the tag list.
    pub want_tags: bool,
    /// What has to be read of a manifest that is there.
    pub look: Look,
}

/// How far an image is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Depth {
    /// As far as the runtime resolves a name: one `HEAD` of the manifest, and of the image for each platform of the
    /// nodes where one is known.
    #[default]
    Head,
    /// Manifest, the image for each platform, and its configuration are read.
    Manifest,
    /// Each layer is requested too.
    Layers,
}

/// What has to be read of a manifest that is there. By default nothing: on Docker Hub each reading counts as a pull.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Look {
    /// The platforms that it is for: those of an index, or that in the configuration of a single image.
    pub platforms: bool,
    /// Whether it is an image or another artifact.
    pub kind: bool,
    /// The sizes of what nodes of these platforms pull.
    pub sizes: Vec<Platform>,
    /// The platforms whose images are looked at within an index.
    pub nodes: Vec<Platform>,
    /// How far they are looked at.
    pub depth: Depth,
    /// How the entry for a node is chosen.
    pub runtime: Runtime,
    /// The tag beside a digest, to see whether it still leads there.
    pub tag: Option<String>,
}

impl Plan {
    /// A plan with all diagnoses but the operator's credentials.
    pub fn new(image: &Reference, credentials: Vec<Credential>) -> Self {
        Self {
            image: Attempt::new(image, None),
            credentials,
            try_anonymous: true,
            supplied: Vec::new(),
            want_tags: true,
            look: Look::default(),
        }
    }

    /// What the kubelet itself would ask, with each credential, and the tag beside a digest.
    pub fn first_questions(&self) -> impl Iterator<Item = Attempt> {
        let none = self.credentials.is_empty().then_some(None);
        let credentials = self.credentials.iter().map(Some).chain(none);
        credentials.flat_map(|credential| {
            let pull = self.image.with(credential);
            let tag = self.look.tag.clone().map(|tag| Attempt { target: Target::Tag(tag), ..pull.clone() });
            [Some(pull), tag].into_iter().flatten()
        })
    }
}
