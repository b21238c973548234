//! What Flux and Argo CD change of the kustomizations that they deploy: the variables they substitute and the images
//! they override.

pub(crate) mod build_environment;
pub(crate) mod envsubst;
pub(crate) mod image_override;
pub(crate) mod variables;
