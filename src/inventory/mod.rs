//! The facts that rules check, gathered from all documents in the inputs.

pub(crate) mod broken;
mod kinds_without_images;
mod template_sign;

use std::collections::{BTreeMap, BTreeSet};

pub use kinds_without_images::kinds_without_images;

use crate::credential::sensitive::Sensitive;
use crate::findings::suppression::{self, Suppressions};
use crate::resource::build_config::{self, BuildConfig};
use crate::resource::chart::artifact::{self, ChartArtifact, ChartReference, HelmRepository};
use crate::resource::chart::{self, comment};
use crate::resource::deployer::{self, Deployment};
use crate::resource::hook::Hook;
use crate::resource::kustomization::{self, Aside, Kustomization, PartialBuild, PatchFiles, Refusal};
use crate::resource::secret::{self, Patcher, Secret, patcher};
use crate::resource::service_account::{self, ServiceAccount};
use crate::resource::workload::custom::kind::CustomKind;
use crate::resource::workload::custom::unchecked::Unchecked;
use crate::resource::workload::duplicate::DuplicateKey;
use crate::resource::workload::misplaced::MisplacedPullSecrets;
use crate::resource::workload::openshift::{StreamTag, template};
use crate::resource::workload::rewriter::Rewriter;
use crate::resource::workload::value::is_unquoted_template;
use crate::resource::workload::values::{self, ChartSource, Release, ReleaseId};
use crate::resource::workload::{self, ImageUse, Pod, PodId, Resource, ResourceId};
use crate::resource::{self, ResourceName};
use crate::text::placeholder::is_placeholder;
use crate::text::source::{Source, SourceId, SourceOrigin, Span, Spanned};
use crate::text::yaml::{self, Document, MergeRule, Node, Piece};

/// The facts of all inputs. Each list is in the order of source and place.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The number of YAML documents, including skipped ones.
    pub documents: usize,
    /// Kubernetes objects.
    pub resources: Vec<Resource>,
    /// Pods and pod templates.
    pub pods: Vec<Pod>,
    /// Image uses of all pods.
    pub images: Vec<ImageUse>,
    /// Secrets, and objects that produce one.
    pub secrets: Vec<Secret>,
    /// Namespaces and names of Secrets that something in the inputs fills but does not create: the content of an
    /// object with that name is overwritten.
    pub filled_in: Vec<Spanned<(Option<String>, String)>>,
    /// Objects whose kind or name is encrypted, and Secrets and service accounts whose name is a placeholder. Any of
    /// them may be the one that is missing.
    pub unrecognisable: Vec<Span>,
    /// Objects that may add pull secrets to pods, or create Secrets with unknown names.
    pub patchers: Vec<Patcher>,
    /// Objects that may replace the images in pods.
    pub rewriters: Vec<Rewriter>,
    /// The objects that are Helm hooks.
    pub hooks: BTreeMap<ResourceId, Hook>,
    /// Service accounts, in source order.
    pub service_accounts: Vec<ServiceAccount>,
    /// Duplicate keys, for keys that affect pulls.
    pub duplicate_keys: Vec<DuplicateKey>,
    /// `imagePullSecrets` at places where no pod ever sees them.
    pub misplaced: Vec<MisplacedPullSecrets>,
    /// Fields of unknown kinds that look like an image: the first of each object.
    pub unchecked: Vec<Unchecked>,
    /// Releases of charts: their values were read, and nothing else of them.
    pub releases: Vec<Release>,
    /// Flux objects that say where charts are.
    pub chart_sources: Vec<ChartSource>,
    /// The artifacts that objects fetch from registries, charts above all.
    pub chart_artifacts: Vec<ChartArtifact>,
    /// The same, as the objects name them.
    pub chart_references: Vec<ChartReference>,
    /// The HelmRepositories that they may name.
    pub helm_repositories: Vec<HelmRepository>,
    /// Kustomizations, with what they change.
    pub kustomizations: Vec<Kustomization>,
    /// Folders that GitOps objects deploy.
    pub deployments: Vec<Deployment>,
    /// The paths of folders that GitOps objects deploy, and of which no file is in the inputs.
    pub missing_folders: Vec<Span>,
    /// What build tools build and deploy: `skaffold.yaml` and the like.
    pub build_configs: Vec<BuildConfig>,
    /// JSON 6902 patches, which do not name an object.
    pub patch_files: PatchFiles,
    /// Other documents that kustomizations read, by file.
    pub asides: BTreeMap<SourceId, Vec<Aside>>,
    /// Kustomizations that kustomize refuses to build.
    pub refusals: Vec<Refusal>,
    /// Folders of kustomizations whose rendered form is in the inputs.
    pub rendered: BTreeSet<String>,
    /// Builds that are only partly followed because their rendered form is not in the inputs.
    pub unrendered: Vec<PartialBuild>,
    /// Names of OpenShift image streams that pods may use as images (`lookupPolicy.local`).
    pub image_streams: BTreeSet<String>,
    /// Tags defined by image streams.
    pub stream_tags: Vec<StreamTag>,
    /// Inputs that could not be read or parsed.
    pub problems: Vec<Problem>,
    /// Spans whose text is secret.
    pub masked: Vec<Span>,
    /// The registry credentials in the masked spans, for the redactor.
    pub secret_texts: Vec<Sensitive>,
    /// Findings suppressed by comments and annotations.
    pub suppressions: Suppressions,
    /// Charts that are not rendered.
    pub charts: chart::UnrenderedCharts,
    /// Whether a document has merge keys, which kubectl and kustomize read differently. Set only for a single source.
    pub merges: bool,
}

/// Everything except the text that affects how a source is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions<'k> {
    /// Also parse ConfigMaps and CustomResourceDefinitions.
    pub parse_all: bool,
    /// Whether the user named the file directly, rather than a folder that contains it.
    pub named: bool,
    /// Kinds from the configuration; they take precedence over the built-in table.
    pub kinds: &'k [CustomKind],
    /// The tool whose rule for merge keys applies.
    pub merge_rule: MergeRule,
    /// Folders that are read as a whole, as the user named them.
    pub folders: &'k [String],
    /// Globs of files to leave out of the folders.
    pub exclude: &'k [String],
}

impl Inventory {
    /// Reads all documents of one source.
    pub fn of(id: SourceId, source: &Source, options: ReadOptions) -> Self {
        let mut inventory = Self::default();
        let (mut comments, mut broken) = (Vec::new(), Vec::new());
        let silences = suppression::may_have(source);
        yaml::read_as(id, source.text(), options.parse_all, options.merge_rule, &mut |piece| match piece {
            Piece::Document(document) => {
                comments.extend(document.comments().filter(|_| silences));
                inventory.add_document(source, document, options.kinds);
            }
            Piece::Skipped => inventory.documents += 1,
            Piece::Broken(error) => {
                broken.push(error.document);
                inventory.add_broken(source, error, options);
            }
            Piece::Refused(error) => inventory.add_refused(source, error, options),
            Piece::Unread(error) => inventory.add_unread(source, error, options),
        });
        if source.is_replaced()
            && let Some(at) = source.text().find(char::REPLACEMENT_CHARACTER)
        {
            let end = at + char::REPLACEMENT_CHARACTER.len_utf8();
            let span = Span::new(id, at as u32, end as u32);
            inventory.problems.push(Problem { kind: ProblemKind::Replaced, span, message: String::new() });
        }
        if silences {
            inventory.suppressions.append(suppression::read(id, source, &comments, &broken));
        }
        inventory.suppressions.sort();
        let is_empty = inventory.documents == 0 && inventory.kustomizations.is_empty() && source.is_readable();
        if is_empty && kustomization::is_file_name(source.name()) {
            inventory.kustomizations.push(kustomization::read_empty(source.name(), Span::new(id, 0, 0)));
        }
        inventory
    }

    fn add_document(&mut self, source: &Source, document: &Document<'_>, kinds: &[CustomKind]) {
        let Some(root) = document.root() else { return };
        self.documents += 1;
        self.add_ytt(source, document);
        self.check_root(document, root);
        self.merges |= document.has_merges();
        template::fill(document, &mut self.masked);
        let is_kustomization = kustomization::is_kustomization(source.name(), root);
        // kustomize reads only the first of several documents.
        if is_kustomization
            && !self.kustomizations.iter().any(|kustomization| kustomization.span.source == root.span().source)
        {
            self.kustomizations.push(kustomization::read(source.name(), root));
        }
        self.build_configs.extend(build_config::read(source.name(), root));
        self.chart_sources.extend(values::repositories(source.name(), root));
        self.masked.extend(values::passwords(source.name(), root));
        if let Some(span) = values::template(source.name(), root) {
            self.problems.push(Problem { kind: ProblemKind::Template, span, message: String::new() });
        }
        if let Some(aside) = Aside::read(root).filter(|_| !is_kustomization) {
            self.asides.entry(root.span().source).or_default().push(aside);
        }
        if let Some(operations) = kustomization::operations(root) {
            self.patch_files.entry(root.span().source).or_default().push(operations);
        }
        let mut objects = Vec::new();
        if !resource::objects(root, &mut objects) {
            self.add_incomplete(root, "Lists are nested too deeply; the contents of the innermost ones were not read");
        }
        let rendered = matches!(source.origin(), SourceOrigin::Rendered(_));
        // Only this document is searched: there may be thousands before it.
        let at = root.span().start - document.base();
        let template = comment::template_at(document.text(), at, rendered).map(str::to_owned);
        let first = ResourceId(self.resources.len() as u32);
        for object in objects {
            if secret::sops::is_unrecognisable(object.node) {
                self.unrecognisable.push(object.node.span());
                continue;
            }
            let id = ResourceId(self.resources.len() as u32);
            let span = object.node.span();
            self.check_names(object.node);
            self.resources.push(Resource { name: object.name.clone(), span, template: template.clone() });
            self.hooks.extend(Hook::of(object.node).map(|hook| (id, hook)));
            self.deployments.extend(deployer::extract(&object, id));
            let artifacts = artifact::extract(&object, id);
            self.chart_references.extend(artifacts.references);
            self.helm_repositories.extend(artifacts.repositories);
            let images = self.images.len();
            self.add_workload(workload::extract(&object, id, kinds));
            let patcher = patcher::of_images(self.images.get(images..).unwrap_or_default(), &object);
            self.patchers.extend(patcher);
            self.suppressions.add_annotation(object.node.span(), object.node.get("metadata"));
            let (secrets, accounts) = (self.secrets.len(), self.service_accounts.len());
            self.add_secrets(secret::extract(&object, id));
            self.add_account(service_account::extract(&object, id));
            let secrets = self.secrets.iter().skip(secrets).map(|secret| secret.name.value.as_str());
            let accounts = self.service_accounts.iter().skip(accounts).map(|account| account.name.as_str());
            let unnamed = object.node.at(&["metadata", "name"]).is_some_and(is_unquoted_template)
                && (object.name.kind.ends_with("Secret") || object.name.kind == "ServiceAccount");
            if unnamed || secrets.chain(accounts).any(is_placeholder) {
                self.unrecognisable.push(object.node.span());
            }
        }
        // A kustomization may already be an object.
        let of_root = if is_kustomization && self.resources.len() > first.0 as usize {
            first
        } else {
            ResourceId(self.resources.len() as u32)
        };
        if let Some((object, facts)) =
            values::of_file(source.name(), root, is_kustomization, of_root, &values::NoLookup)
        {
            if of_root.0 as usize == self.resources.len() {
                self.resources.push(object);
            }
            self.add_workload(facts);
        }
        let fetched = artifact::of_file(source.name(), root, is_kustomization, of_root);
        if !fetched.is_empty() && of_root.0 as usize == self.resources.len() {
            let kind = if is_kustomization { "Kustomization" } else { "fleet.yaml" };
            let name = ResourceName { kind: kind.to_owned(), ..ResourceName::default() };
            self.resources.push(Resource { name, span: root.span(), template: template.clone() });
        }
        self.chart_references.extend(fetched);
        if is_kustomization && kustomization::field(root, "secretGenerator").is_some() {
            // A kustomization may leave out what it is.
            if self.resources.len() == first.0 as usize {
                let name = ResourceName { kind: "Kustomization".to_owned(), ..ResourceName::default() };
                self.resources.push(Resource { name, span: root.span(), template: template.clone() });
            }
            self.add_secrets(secret::kustomize::extract(kustomization::folder(source.name()), root, first));
        }
        if document.is_alias_bomb() {
            self.add_incomplete(root, "it contains too many aliases; the repeated content was not read");
        }
    }

    fn add_workload(&mut self, found: workload::WorkloadFacts<'_>) {
        let pods = self.pods.len() as u32;
        let releases = self.releases.len() as u32;
        self.pods.extend(found.pods.into_iter().map(|pod| of_later_release(pod, releases)));
        self.releases.extend(found.releases);
        self.chart_sources.extend(found.chart_sources);
        self.images.extend(found.images.into_iter().map(|image| ImageUse { pod: PodId(image.pod.0 + pods), ..image }));
        for (template, metadata) in found.templates {
            self.suppressions.add_annotation(template, metadata);
        }
        self.duplicate_keys.extend(found.duplicate_keys);
        self.misplaced.extend(found.misplaced);
        self.unchecked.extend(found.unchecked);
        self.rewriters.extend(found.rewriters);
        self.image_streams.extend(found.image_streams);
        self.stream_tags.extend(found.stream_tags);
    }

    fn add_secrets(&mut self, found: secret::SecretFacts) {
        self.secrets.extend(found.secrets);
        self.filled_in.extend(found.filled_in);
        self.patchers.extend(found.patchers);
        self.duplicate_keys.extend(found.duplicate_keys);
        self.masked.extend(found.masked);
        self.secret_texts.extend(found.secret_texts);
    }

    fn add_account(&mut self, found: service_account::AccountFacts) {
        self.service_accounts.extend(found.account);
        self.misplaced.extend(found.misplaced);
        self.duplicate_keys.extend(found.duplicate_keys);
    }

    /// Reports that an object could not be read completely: the unread part could contain an image.
    fn add_incomplete(&mut self, root: Node<'_>, message: &str) {
        let kind = ProblemKind::InvalidYaml { certain: true };
        self.problems.push(Problem { kind, span: root.span(), message: message.into() });
    }

    /// Appends the facts of another source.
    pub fn append(&mut self, other: Self) {
        let resources = self.resources.len() as u32;
        let pods = self.pods.len() as u32;
        let releases = self.releases.len() as u32;
        let resource = |id: ResourceId| ResourceId(id.0 + resources);
        let shifted = |mut pod: Pod| {
            pod.resource = resource(pod.resource);
            of_later_release(pod, releases)
        };
        let later = other.releases.into_iter();
        self.releases.extend(later.map(|release| Release { resource: resource(release.resource), ..release }));
        self.chart_sources.extend(other.chart_sources);
        let references = other.chart_references.into_iter();
        self.chart_references.extend(references.map(|reference| reference.with_resource(resource)));
        self.helm_repositories.extend(other.helm_repositories);
        self.documents += other.documents;
        self.resources.extend(other.resources);
        self.pods.extend(other.pods.into_iter().map(shifted));
        self.images.extend(other.images.into_iter().map(|image| ImageUse { pod: PodId(image.pod.0 + pods), ..image }));
        let secrets = other.secrets.into_iter().map(|secret| Secret { resource: resource(secret.resource), ..secret });
        self.secrets.extend(secrets);
        self.filled_in.extend(other.filled_in);
        self.unrecognisable.extend(other.unrecognisable);
        self.patchers.extend(other.patchers);
        self.rewriters.extend(other.rewriters);
        self.hooks.extend(other.hooks.into_iter().map(|(id, hook)| (resource(id), hook)));
        let accounts = other.service_accounts.into_iter();
        self.service_accounts
            .extend(accounts.map(|account| ServiceAccount { resource: resource(account.resource), ..account }));
        let duplicates = other.duplicate_keys.into_iter();
        self.duplicate_keys.extend(duplicates.map(|key| DuplicateKey { resource: resource(key.resource), ..key }));
        let misplaced = other.misplaced.into_iter();
        self.misplaced
            .extend(misplaced.map(|secrets| MisplacedPullSecrets { resource: resource(secrets.resource), ..secrets }));
        let unchecked = other.unchecked.into_iter();
        self.unchecked.extend(unchecked.map(|field| Unchecked { resource: resource(field.resource), ..field }));
        self.kustomizations.extend(other.kustomizations);
        let deployments = other.deployments.into_iter();
        self.deployments.extend(deployments.map(|own| Deployment { resource: resource(own.resource), ..own }));
        self.missing_folders.extend(other.missing_folders);
        self.build_configs.extend(other.build_configs);
        self.patch_files.extend(other.patch_files);
        self.asides.extend(other.asides);
        self.refusals.extend(other.refusals);
        self.rendered.extend(other.rendered);
        self.unrendered.extend(other.unrendered);
        self.image_streams.extend(other.image_streams);
        self.stream_tags.extend(other.stream_tags);
        self.problems.extend(other.problems);
        self.masked.extend(other.masked);
        self.secret_texts.extend(other.secret_texts);
        self.suppressions.append(other.suppressions);
    }

    /// Returns only the secret parts of a source whose objects are read from a tool's output instead: its text may
    /// still be shown.
    #[must_use]
    pub fn only_secrets(self) -> Self {
        Self { masked: self.masked, secret_texts: self.secret_texts, ..Self::default() }
    }

    /// Whether the name of every Secret that the inputs create is known.
    pub fn knows_all_secrets(&self) -> bool {
        self.unrecognisable.is_empty() && !self.patchers.iter().any(|patcher| patcher.makes_secrets)
    }

    /// Returns the pod with an id.
    pub fn pod(&self, id: PodId) -> &Pod {
        &self.pods[id.0 as usize]
    }

    /// Returns the object with an id.
    pub fn resource(&self, id: ResourceId) -> &Resource {
        &self.resources[id.0 as usize]
    }

    /// Returns the object that contains an image use.
    pub fn resource_of(&self, image: &ImageUse) -> &Resource {
        self.resource(self.pod(image.pod).resource)
    }
}

/// Returns a pod whose release has moved behind others.
fn of_later_release(pod: Pod, others: u32) -> Pod {
    Pod { release: pod.release.map(|id| ReleaseId(id.0 + others)), ..pod }
}

/// An input that could not be read or parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The kind of problem.
    pub kind: ProblemKind,
    /// The place; for an unreadable file, the empty span at its start.
    pub span: Span,
    /// The reader's or parser's message.
    pub message: String,
}

/// What kind of problem an input has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The file cannot be read, is not text, or exceeds the size limit.
    Unreadable,
    /// A link or other folder entry that is not a regular file; it is not followed.
    PassedOver,
    /// Bytes that are not valid UTF-8, which kubectl reads as U+FFFD.
    Replaced,
    /// A document that cannot be parsed. `certain` is true if the file was named by the user, or the document has an
    /// `apiVersion:` and a `kind:` at column 0, so it is meant as a manifest.
    InvalidYaml {
        /// Whether it is meant as a manifest.
        certain: bool,
    },
    /// A document whose content kubectl rejects. pullcheck read it anyway.
    RefusedYaml {
        /// Whether it is meant as a manifest.
        certain: bool,
    },
    /// A part of the input that kubectl silently ignores; the message says what ends the document before it.
    UnreadYaml {
        /// Whether it is meant as a manifest.
        certain: bool,
    },
    /// A template that is not rendered, so that it cannot be checked.
    Template,
    /// A chart or kustomization that could not be rendered; the message is from the tool.
    RenderFailed {
        /// The tool's name as a user would type it: `helm template`.
        tool: &'static str,
    },
    /// A `hosts.toml` supplied by the user that containerd ignores; the message names its registry folder and the
    /// fault.
    IgnoredHostsToml,
}
