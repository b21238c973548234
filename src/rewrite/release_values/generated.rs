//! Releases of the Applications that ApplicationSets generate.

use crate::resource::deployer::application_set::{self, Application, Budget, Repository};
use crate::resource::workload::values::{self, RenderInput, render_inputs_of};
use crate::resource::workload::{ImageText, ResourceId, Skip, WorkloadFacts};
use crate::resource::{self, Object};
use crate::rewrite::release_values::InputLookup;
use crate::text::source::{SourceId, Sources, Span};
use crate::text::yaml::{self, Piece};

/// The kind whose template is filled in.
pub(super) const KIND: &str = "ApplicationSet";

/// Maximum number of Applications whose releases are read.
const MAX_APPLICATIONS: usize = 10_000;

/// The text for a part that a generator leaves unknown: a placeholder.
const UNKNOWN_TEXT: &str = "{{unknown}}";

/// Fills in ApplicationSets.
pub(super) struct Sets<'s> {
    repository: Option<Repository<'s>>,
    sources: &'s Sources,
    budget: Budget,
    left: usize,
}

impl<'s> Sets<'s> {
    pub(super) fn new(sources: &'s Sources) -> Self {
        Self { repository: None, sources, budget: Budget::default(), left: MAX_APPLICATIONS }
    }

    fn generate(&mut self, object: &Object<'_>, file: &str) -> Vec<Application> {
        let repository = self.repository.get_or_insert_with(|| Repository::new(self.sources));
        let mut all = application_set::generate(object.node, file, repository, &mut self.budget);
        all.truncate(self.left);
        self.left -= all.len();
        all
    }

    /// Reads the releases of the Applications that an ApplicationSet generates.
    pub(super) fn extract(
        &mut self,
        object: &Object<'_>,
        file: &str,
        resource: ResourceId,
        lookup: &InputLookup<'_>,
        facts: &mut WorkloadFacts<'_>,
    ) {
        for application in self.generate(object, file) {
            let (releases, images) = (facts.releases.len(), facts.images.len());
            with_object(&application, object.node.span(), &mut |application| {
                let mut own = WorkloadFacts {
                    pods: std::mem::take(&mut facts.pods),
                    images: std::mem::take(&mut facts.images),
                    releases: std::mem::take(&mut facts.releases),
                    ..WorkloadFacts::default()
                };
                values::extract_with(application, resource, lookup, &mut own);
                (facts.pods, facts.images, facts.releases) = (own.pods, own.images, own.releases);
            });
            if application.is_uncertain() {
                // It is not known whether Argo CD generates the Application like this.
                for image in facts.images.iter_mut().skip(images) {
                    image.image = ImageText::Skipped(Skip::ChosenByChart);
                }
                for release in facts.releases.iter_mut().skip(releases) {
                    release.unread = Some("spec.generators".to_owned());
                }
            }
        }
    }
}

/// Passes a generated Application on as an object, whose nodes have the places that they come from.
fn with_object(application: &Application, around: Span, sink: &mut dyn FnMut(&Object<'_>)) {
    let (json, places) = application.json(around);
    let json = json.replace("\\u0000", UNKNOWN_TEXT);
    let mut places = Some(places);
    yaml::read(around.source, &json, true, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        document.place_nodes(places.take().unwrap_or_default());
        let mut objects = Vec::new();
        if let Some(root) = document.root() {
            resource::objects(root, &mut objects);
        }
        for Object { name, node, .. } in objects {
            sink(&Object { name, node, path: "spec.template".to_owned() });
        }
    });
}

/// Returns the releases of the Applications that the ApplicationSets in a source certainly generate, for rendering.
pub fn render_inputs_of_sets(source: SourceId, sources: &Sources) -> Vec<RenderInput> {
    let mut found = Vec::new();
    let mut sets = Sets::new(sources);
    let own = sources.get(source);
    if !own.text().contains(KIND) {
        return found;
    }
    yaml::read(source, own.text(), false, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        let mut objects = Vec::new();
        if let Some(root) = document.root() {
            resource::objects(root, &mut objects);
        }
        for object in objects.iter().filter(|object| object.name.kind == KIND) {
            for application in sets.generate(object, own.name()) {
                if !application.is_uncertain() {
                    let span = object.node.span();
                    with_object(&application, span, &mut |application| found.extend(render_inputs_of(application)));
                }
            }
        }
    });
    found
}
