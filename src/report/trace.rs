//! Traces rendered text back: the template that wrote it, the line of the template, and the values that filled it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::findings::finding::{Finding, Label};
use crate::inventory::{Inventory, ReadOptions};
use crate::report::template::tree::{self, Tree};
use crate::report::template::{Program, Supplier, Traced, WantedImage};
use crate::report::{ImageReport, ReferenceReport, Report};
use crate::resource::chart::{self, CHART_FILE, ChartFile, comment};
use crate::resource::kustomization::{self, Build, Kustomization};
use crate::resource::workload::{ImageUse, Resource};
use crate::rules::{self, Filtered};
use crate::text::source::{SourceId, SourceOrigin, Sources, Span};

/// Sets the template of every finding in a renderer's output.
pub fn name_templates(filtered: &mut Filtered, inventory: &Inventory, sources: &Sources) {
    let mut templates = Templates::new(inventory, sources);
    for finding in all(filtered) {
        finding.template = templates.at(finding.primary.span);
    }
}

/// Returns every finding, silenced ones included.
fn all(filtered: &mut Filtered) -> impl Iterator<Item = &mut Finding> {
    filtered.reported.iter_mut().chain(filtered.suppressed.iter_mut().map(|silenced| &mut silenced.finding))
}

/// The templates of all places.
struct Templates<'a> {
    inventory: &'a Inventory,
    sources: &'a Sources,
    /// How many of the objects are in the order of their places: those that a rewrite adds are behind them.
    in_order: usize,
    /// Whether a source has comments that name templates.
    named: BTreeMap<SourceId, bool>,
}

impl<'a> Templates<'a> {
    fn new(inventory: &'a Inventory, sources: &'a Sources) -> Self {
        let key = |resource: &Resource| (resource.span.source, resource.span.start);
        let resources = inventory.resources.iter().zip(inventory.resources.iter().skip(1));
        let in_order = 1 + resources.take_while(|(one, next)| key(one) <= key(next)).count();
        Self { inventory, sources, in_order: in_order.min(inventory.resources.len()), named: BTreeMap::new() }
    }

    /// Returns the template that wrote a place. If no object contains the place, as in a document that cannot be
    /// parsed, the text is searched instead.
    fn at(&mut self, span: Span) -> Option<String> {
        let source = self.sources.get(span.source);
        let named = *self.named.entry(span.source).or_insert_with(|| comment::may_have(source.text()));
        if !named {
            return None;
        }
        let key = |span: Span| (span.source, span.start);
        let resources = self.inventory.resources.get(..self.in_order).unwrap_or_default();
        let after = resources.partition_point(|resource| key(resource.span) <= key(span));
        let holder = after.checked_sub(1).and_then(|at| resources.get(at));
        if let Some(holder) =
            holder.filter(|resource| resource.span.source == span.source && span.end <= resource.span.end)
        {
            return holder.template.clone();
        }
        let rendered = matches!(source.origin(), SourceOrigin::Rendered(_));
        comment::template_at(source.text(), span.start, rendered).map(str::to_owned)
    }
}

/// Moves findings from rendered text to templates and values, as far as that is certain: the last step before a
/// report is printed. `charts` are the folders of the charts, by the source and the name that its comments give
/// them; `values` are the files of values that every chart was rendered with.
///
/// A tool's output is not a file, so every place in it becomes a place in a template, otherwise in the chart or
/// kustomization. In a rendered file that a user keeps, places stay, and templates and values become related places.
pub fn to_templates(
    report: &mut Report,
    inventory: &Inventory,
    sources: &Sources,
    charts: &BTreeMap<(SourceId, String), String>,
    values: &[SourceId],
) {
    mask_values(report, inventory, sources);
    let is_rendered = |id: SourceId| matches!(sources.get(id).origin(), SourceOrigin::Rendered(_));
    if charts.is_empty() && !sources.iter().any(|(id, _)| is_rendered(id)) {
        return;
    }
    let house = House::new(sources, charts, values);
    let origins = image_origins(report, &house);
    let mut templates = Templates::new(inventory, sources);
    let mut place = |span: Span| match origin_at(&origins, span).and_then(|origin| origin.line) {
        Some(line) => line,
        None => {
            let span = house.visible(span);
            house.place(span, templates.at(span).as_deref())
        }
    };
    let silenced = report.silenced.iter_mut().map(|silenced| &mut silenced.finding);
    for finding in report.findings.iter_mut().chain(silenced) {
        let span = finding.primary.span;
        let origin = origin_at(&origins, span);
        if is_rendered(span.source) {
            finding.primary.span = place(span);
            if finding.subject.image.is_some() && (origin.is_some() || house.visible(span) != span) {
                renders_as(finding);
            }
            finding.fixes.retain(|fix| !fix.edits.iter().any(|edit| is_rendered(edit.span.source)));
        } else if let Some(line) = origin.and_then(|origin| origin.line) {
            let message = "this line of the template writes it".to_owned();
            finding.related.insert(0, Label { span: line, message });
        }
        for label in finding.related.iter_mut().filter(|label| is_rendered(label.span.source)) {
            label.span = place(label.span);
        }
        let at = finding.primary.span;
        finding.related.retain(|label| label.span != at);
        if let Some(origin) = origin {
            let labels = origin.labels(finding.rule);
            finding.related.splice(0..0, labels);
        }
    }
    for image in report.images.iter_mut().filter(|image| is_rendered(image.span.source)) {
        image.span = place(image.span);
    }
    let used: BTreeSet<SourceId> =
        origins.values().flat_map(|origin| &origin.suppliers).map(|(supplier, _)| supplier.span.source).collect();
    let shown: BTreeSet<Span> =
        origins.values().flat_map(|origin| &origin.suppliers).map(|(supplier, _)| supplier.span).collect();
    // Chart.yaml contains no secret, and the literals of a kustomization are masked when it is read.
    let is_public = |name: &str| name.ends_with(CHART_FILE) || kustomization::is_file_name(name);
    for id in used.into_iter().filter(|&id| !is_public(sources.get(id).name())) {
        if let Some(tree) = tree::read(id, sources.get(id)) {
            mask(&tree, &shown, &mut report.masked);
        }
    }
    rules::sort(&mut report.findings);
    report.images.sort_by_key(|image| image.span);
}

/// Adds what the template's line was rendered as.
fn renders_as(finding: &mut Finding) {
    let Some(image) = &finding.subject.image else { return };
    let message = &mut finding.primary.message;
    let lead = if message.is_empty() { String::new() } else { format!("{message}; ") };
    *message = format!("{lead}renders as {image}");
}

/// Keys of values files that contain no secret. The lines around a value are shown with it.
const PUBLIC: &[&str] = &[
    "digest",
    "enabled",
    "hub",
    "image",
    "name",
    "port",
    "pullPolicy",
    "imagePullPolicy",
    "registry",
    "replicaCount",
    "replicas",
    "repository",
    "tag",
    "type",
    "version",
];

/// Masks what may be secret around the images in the values of charts that are read as they stand.
fn mask_values(report: &mut Report, inventory: &Inventory, sources: &Sources) {
    let settings = &inventory.charts.settings;
    let mut shown: BTreeMap<SourceId, BTreeSet<Span>> = BTreeMap::new();
    for image in &inventory.images {
        let places = std::iter::once(image.text.span).chain(image.decided_by.iter().map(|other| other.span));
        for span in places.filter(|span| settings.contains(&span.source)) {
            shown.entry(span.source).or_default().insert(span);
        }
    }
    for (id, shown) in shown {
        if let Some(tree) = tree::read(id, sources.get(id)) {
            mask(&tree, &shown, &mut report.masked);
        }
    }
}

fn mask(tree: &Tree, shown: &BTreeSet<Span>, masked: &mut Vec<Span>) {
    match tree {
        Tree::Null => {}
        Tree::Scalar(leaf) => {
            let key = leaf.path.rsplit('.').next().unwrap_or_default();
            let is_flag = matches!(leaf.text.as_str(), "true" | "false");
            if !shown.contains(&leaf.span) && !PUBLIC.contains(&key) && !is_flag {
                masked.push(leaf.span);
            }
        }
        Tree::List(items) => items.iter().for_each(|item| mask(item, shown, masked)),
        Tree::Map(map) => map.values().for_each(|value| mask(value, shown, masked)),
    }
}

/// The template and values that an image comes from.
#[derive(Debug, Default)]
struct ImageOrigin {
    /// The expression in the template.
    line: Option<Span>,
    /// The values, each with the part of the image that it supplied.
    suppliers: Vec<(Supplier, &'static str)>,
}

/// Rules about what a tag points to.
const OF_TAGS: &[&str] = &["image-not-found", "mutable-tag", "unpinned-image", "stale-digest", "cached-mutable-tag"];

impl ImageOrigin {
    fn labels(&self, rule: &str) -> Vec<Label> {
        let mut suppliers: Vec<_> = self.suppliers.iter().collect();
        let of_tag = |part: &str| matches!(part, "tag" | "digest");
        suppliers.sort_by_key(|(_, part)| OF_TAGS.contains(&rule) && !of_tag(part));
        let label = |(supplier, part): &(Supplier, &str)| Label {
            span: supplier.span,
            message: format!("the {part} comes from here: {}", supplier.path),
        };
        suppliers.into_iter().map(label).collect()
    }
}

/// Returns the origin of the image that contains a place.
fn origin_at(origins: &BTreeMap<Span, ImageOrigin>, span: Span) -> Option<&ImageOrigin> {
    let until = Span { end: u32::MAX, ..span };
    let (image, origin) = origins.range(..=until).next_back()?;
    (image.source == span.source && span.end <= image.end).then_some(origin)
}

/// Names the part of an image that a value is.
fn part_of(image: &ImageReport, path: &str, text: &str) -> &'static str {
    let reference = image.reference.as_ref();
    if reference.is_none() && text != image.value {
        // An image that cannot be parsed has no parts: the key shows what was meant.
        let key = path.rsplit('.').next().unwrap_or_default();
        return ["registry", "repository", "tag", "digest"].into_iter().find(|part| *part == key).unwrap_or("value");
    }
    let is = |part: fn(&ReferenceReport) -> Option<&str>| reference.and_then(part) == Some(text);
    match text {
        _ if text == image.value => "image",
        _ if is(|reference| reference.tag.as_deref()) => "tag",
        _ if is(|reference| reference.digest.as_deref()) => "digest",
        _ if is(|reference| Some(&reference.registry)) => "registry",
        _ if text.contains('@') || text.contains(':') && !text.contains('/') => "last part",
        _ => "repository",
    }
}

fn image_origins(report: &Report, house: &House<'_>) -> BTreeMap<Span, ImageOrigin> {
    let mut found = BTreeMap::new();
    let mut bases = BTreeMap::new();
    let kustomizations = house.kustomizations();
    let builds = kustomization::builds(&kustomizations, house.sources);
    type Run<'p> = Option<(Located, Option<Traced<'p>>)>;
    let mut traced: BTreeMap<(SourceId, &str), Run<'_>> = BTreeMap::new();
    let key = |image: &ImageReport| {
        (image.span.source, image.template.clone(), image.resource.to_string(), image.value.clone())
    };
    let mut uses: BTreeMap<_, u32> = BTreeMap::new();
    for image in report.images.iter().filter(|image| image.template.is_some()) {
        *uses.entry(key(image)).or_default() += 1;
    }
    for image in &report.images {
        let Some(template) = image.template.as_deref() else { continue };
        let located = traced.entry((image.span.source, template)).or_insert_with(|| {
            let located = house.locate(image.span.source, template)?;
            let traced = house.trace(&located);
            Some((located, traced))
        });
        let Some((_, Some(traced))) = located else {
            if let Some((line, written)) = house.line_of_base(image, template, &mut bases) {
                let suppliers = house.setting(image, &written, &builds).into_iter().collect();
                found.insert(image.span, ImageOrigin { line: Some(line), suppliers });
            }
            continue;
        };
        let last = image.path.rsplit('.').next().unwrap_or_default();
        let wanted = WantedImage {
            key: last.split('[').next().unwrap_or_default(),
            value: image.value.trim(),
            container: image.container.name.as_deref(),
            kind: &image.resource.kind,
            name: image.resource.name.as_deref(),
            sole: uses.get(&key(image)) == Some(&1),
        };
        if let Some(line) = traced.find(wanted) {
            let suppliers = line
                .suppliers
                .into_iter()
                .map(|(supplier, text)| {
                    let part = part_of(image, &supplier.path, &text);
                    (supplier, part)
                })
                .collect();
            found.insert(image.span, ImageOrigin { line: Some(line.span), suppliers });
        }
    }
    found
}

/// A template on disk.
#[derive(Debug)]
struct Located {
    source: SourceId,
    /// The folder of the outermost chart.
    root: String,
    /// The chart that contains it.
    owner: ChartFile,
    values: Option<Rc<Tree>>,
}

/// All charts, and the files by name.
struct House<'a> {
    sources: &'a Sources,
    folders: &'a BTreeMap<(SourceId, String), String>,
    files: BTreeMap<&'a str, SourceId>,
    programs: BTreeMap<&'a str, Program>,
    /// The values that every chart was rendered with in addition to its own.
    given: Vec<Rc<Tree>>,
}

impl<'a> House<'a> {
    fn new(sources: &'a Sources, folders: &'a BTreeMap<(SourceId, String), String>, values: &[SourceId]) -> Self {
        let readable = sources.iter().filter(|(_, source)| *source.origin() == SourceOrigin::File);
        let files: BTreeMap<_, _> = readable.map(|(id, source)| (source.name(), id)).collect();
        let budget = Rc::default();
        let program = |folder: &'a String| {
            let inside = files.iter().filter(|(name, _)| chart::within(name, folder).is_some_and(chart::is_template));
            (folder.as_str(), Program::new(inside.map(|(_, &id)| (id, sources.get(id).text())), &budget))
        };
        let programs = folders.values().collect::<BTreeSet<_>>().into_iter().map(program).collect();
        let given = values.iter().filter_map(|&id| tree::read(id, sources.get(id))).collect();
        Self { sources, folders, files, programs, given }
    }

    fn file(&self, folder: &str, path: &str) -> Option<SourceId> {
        self.files.get(join(folder, path).as_str()).copied()
    }

    fn chart(&self, folder: &str) -> Option<ChartFile> {
        let id = self.file(folder, CHART_FILE)?;
        chart::read(id, self.sources.get(id))
    }

    fn values(&self, folder: &str) -> Rc<Tree> {
        let id = self.file(folder, "values.yaml");
        let tree = id.and_then(|id| tree::read(id, self.sources.get(id)));
        tree.unwrap_or_else(|| Rc::new(Tree::Map(BTreeMap::new())))
    }

    /// Returns the file of a template, with the values that its chart is rendered with.
    fn locate(&self, source: SourceId, template: &str) -> Option<Located> {
        let (name, path) = template.split_once('/')?;
        let root = self.folders.get(&(source, name.to_owned()))?;
        let mut folder = root.clone();
        let mut owner = self.chart(&folder)?;
        let mut values = self.values(&folder);
        // The operator's values are not those of a release.
        if matches!(self.sources.get(source).origin(), SourceOrigin::Rendered(own) if own.release.is_none()) {
            values = self.given.iter().fold(values, |below, given| tree::coalesce(given, &below));
        }
        let mut path = path;
        while let Some(rest) = path.strip_prefix("charts/") {
            let (key, rest) = rest.split_once('/')?;
            let named = |name: &str| self.chart(&join(&folder, &format!("charts/{name}")));
            // The comment gives the alias if there is one; the folder has the chart's own name.
            let alias = owner.aliases.get(key).map(String::as_str);
            let mut sub = alias.and_then(named).or_else(|| named(key))?;
            // An alias is the chart's name from then on (`pkg/chartutil/dependencies.go`).
            sub.name = key.to_owned();
            values = tree::for_subchart(&values, key, &self.values(&sub.folder));
            (folder, owner, path) = (sub.folder.clone(), sub, rest);
        }
        let source = self.file(&folder, path)?;
        Some(Located { source, root: root.clone(), owner, values: Some(values) })
    }

    /// Returns the image of the same container in the file that a kustomization took an object from, with its text
    /// there: the rendered image may differ, because `images:` and patches change it.
    fn line_of_base(
        &self,
        image: &ImageReport,
        file: &str,
        bases: &mut BTreeMap<SourceId, Inventory>,
    ) -> Option<(Span, String)> {
        let SourceOrigin::Rendered(_) = self.sources.get(image.span.source).origin() else { return None };
        let id = *self.files.get(file)?;
        let read = || Inventory::of(id, self.sources.get(id), ReadOptions::default());
        let base = bases.entry(id).or_insert_with(read);
        let same = |candidate: &&ImageUse| {
            let resource = &base.resource_of(candidate).name;
            // A kustomization may put a prefix and a suffix on a name.
            let named = match (&resource.name, &image.resource.name) {
                (Some(own), Some(rendered)) => rendered.contains(own.as_str()),
                _ => false,
            };
            resource.kind == image.resource.kind
                && named
                && candidate.path == image.path
                && candidate.container == image.container
        };
        let mut found = base.images.iter().filter(same);
        let one = found.next()?;
        found.next().is_none().then(|| (one.text.span, one.text.value.clone()))
    }

    /// Returns the kustomizations whose rendered form is among the sources, and all that they may be built from.
    fn kustomizations(&self) -> Vec<Kustomization> {
        if !self.sources.iter().any(|(_, source)| matches!(source.origin(), SourceOrigin::Rendered(_))) {
            return Vec::new();
        }
        let names = self.files.iter().filter(|(name, _)| kustomization::is_file_name(name));
        let read = names.map(|(_, &id)| Inventory::of(id, self.sources.get(id), ReadOptions::default()));
        read.flat_map(|read| read.kustomizations).collect()
    }

    /// Finds the setting of a kustomization that changed an image from the one in its base.
    fn setting(&self, image: &ImageReport, written: &str, builds: &[Build<'_>]) -> Option<(Supplier, &'static str)> {
        let SourceOrigin::Rendered(rendering) = self.sources.get(image.span.source).origin() else { return None };
        let (span, path, part) = kustomization::setting(builds, &rendering.folder, written, &image.value)?;
        Some((Supplier { span, path }, part))
    }

    fn trace(&self, located: &Located) -> Option<Traced<'_>> {
        self.programs.get(located.root.as_str())?.run(located.source, &located.owner, located.values.as_ref())
    }

    /// Returns the place of the release for a place in the output of a chart that is not in the inputs.
    fn visible(&self, span: Span) -> Span {
        match self.sources.get(span.source).origin() {
            SourceOrigin::Rendered(rendering) if rendering.is_remote() => {
                rendering.release.as_ref().map_or(span, |release| release.span)
            }
            _ => span,
        }
    }

    /// Returns a place in a file for one in a tool's output: the beginning of the template, otherwise of the chart
    /// or kustomization.
    fn place(&self, span: Span, template: Option<&str>) -> Span {
        let SourceOrigin::Rendered(rendering) = self.sources.get(span.source).origin() else { return span };
        let folder = rendering.folder.as_str();
        let in_chart = template.and_then(|template| self.locate(span.source, template)).map(|located| located.source);
        let as_written = || template.and_then(|path| self.files.get(path).copied().or_else(|| self.file(folder, path)));
        let whole = || {
            let names = [CHART_FILE, "kustomization.yaml", "kustomization.yml", "Kustomization"];
            names.iter().find_map(|name| self.file(folder, name))
        };
        let Some(id) = in_chart.or_else(as_written).or_else(whole) else { return span };
        Span::new(id, 0, self.sources.get(id).line_range(1).end as u32)
    }
}

/// Returns a path in a folder, written like the names of sources.
fn join(folder: &str, path: &str) -> String {
    if folder == "." { path.to_owned() } else { format!("{folder}/{path}") }
}
