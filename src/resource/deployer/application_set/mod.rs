//! ApplicationSets of Argo CD: the Applications that they generate.
//!
//! Follows `applicationset/` of Argo CD 3.2: generators make sets of parameters, and the template is filled in with
//! each set. What only the cluster or a server knows is unknown, part by part.

mod application;
mod data;
mod fast_template;
mod generator;
mod go_template;
mod repository;
mod selector;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use application::Application;
use application::merge_patch;
pub(crate) use data::UNKNOWN;
use data::{Data, Value};
pub(crate) use repository::{Repository, fits, is_match};

use crate::text::source::Span;
use crate::text::yaml::Node;

/// Maximum number of values in the templates of all Applications: a limit on work and memory.
const MAX_VALUES: usize = 2_000_000;

/// Maximum number of Applications of one ApplicationSet.
const MAX_APPLICATIONS: usize = 5_000;

/// Argo CD fails, and generates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failed;

/// A text after its template was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Filled {
    text: String,
    /// The place of the last parameter in it that has one.
    span: Option<Span>,
}

/// A set of parameters, for one Application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Parameters {
    values: BTreeMap<String, Data>,
    /// Whether there are more parameters than these, with unknown values.
    is_open: bool,
    /// Whether it is unknown if the set exists.
    is_uncertain: bool,
    /// The repositories in which the parameters were found.
    repositories: BTreeSet<String>,
}

impl Parameters {
    /// A set of which nothing is known.
    fn unknown() -> Self {
        Self { is_open: true, ..Self::default() }
    }
}

/// Limits the work for all ApplicationSets.
#[derive(Debug)]
pub(crate) struct Budget {
    /// The number of values that may still be made.
    pub(crate) values: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { values: MAX_VALUES }
    }
}

/// What all parts of an ApplicationSet have in common.
struct Set<'r> {
    repository: &'r Repository<'r>,
    /// The file of the ApplicationSet.
    file: &'r str,
    is_go: bool,
    /// Whether a missing key is an error.
    is_strict: bool,
    /// The number of values that may still be made.
    left: usize,
    /// Whether something was left out.
    is_cut: bool,
    /// Whether Argo CD fails to fill in a template.
    has_failed: bool,
}

/// Generates the Applications of an ApplicationSet in a file.
pub(crate) fn generate(
    object: Node<'_>,
    file: &str,
    repository: &Repository<'_>,
    budget: &mut Budget,
) -> Vec<Application> {
    let Some(spec) = object.get("spec").filter(|spec| spec.is_mapping()) else { return Vec::new() };
    let spec = Data::read(spec, &mut budget.values);
    let options = spec.get("goTemplateOptions").map_or(&[][..], Data::items);
    let is_strict = options.iter().any(|option| option.value == Value::Text("missingkey=error".to_owned()));
    let is_go = spec.is_true("goTemplate");
    let mut set = Set { repository, file, is_go, is_strict, left: budget.values, is_cut: false, has_failed: false };
    let template = spec.get("template").cloned().unwrap_or_else(|| Value::Map(BTreeMap::new()).into());
    let mut applications = Vec::new();
    for item in spec.get("generators").map_or(&[][..], Data::items) {
        let made = set.transform(item, None, 0).unwrap_or_else(|Failed| {
            set.has_failed = true;
            vec![(vec![Parameters::unknown()], None)]
        });
        for (all, own) in made {
            let mut merged = own.unwrap_or_else(|| Value::Map(BTreeMap::new()).into());
            merged.complete_with(&template);
            for parameters in all {
                if applications.len() >= MAX_APPLICATIONS {
                    set.is_cut = true;
                    break;
                }
                let application = set.application(&merged, spec.get("templatePatch"), &parameters);
                applications.push((application, parameters));
            }
        }
    }
    budget.values = set.left;
    // If one Application fails, none is changed: they are as they were before.
    let is_uncertain = set.has_failed || set.is_cut;
    let generated = applications.into_iter().map(|(data, parameters)| Application {
        data,
        is_uncertain: is_uncertain || parameters.is_uncertain,
        repositories: parameters.repositories,
    });
    generated.collect()
}

impl Set<'_> {
    /// Fills in a text.
    fn fill(&self, text: &str, parameters: &Parameters) -> Result<Filled, Failed> {
        match self.is_go {
            true => go_template::fill(text, parameters, self.is_strict),
            false => fast_template::fill(text, parameters),
        }
    }

    /// Fills in all texts of a value, its keys included.
    fn fill_all(&mut self, data: &Data, parameters: &Parameters) -> Result<Data, Failed> {
        // Without parameters, Argo CD does not look at the template.
        if parameters.values.is_empty() && !parameters.is_open {
            return Ok(data.clone());
        }
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                self.is_cut = true;
                return Ok(Value::Unknown.into());
            }
        }
        let mut span = data.span;
        let value = match &data.value {
            Value::Text(text) => {
                let filled = self.fill(text, parameters)?;
                let actions = text.matches("{{").count() + text.matches('|').count();
                self.left = self.left.saturating_sub(filled.text.len() / 64 + actions);
                span = filled.span.or(span);
                Value::Text(filled.text)
            }
            Value::List(items) => {
                let items: Result<Vec<Data>, Failed> =
                    items.iter().map(|item| self.fill_all(item, parameters)).collect();
                Value::List(items?)
            }
            Value::Map(map) => {
                let mut filled = BTreeMap::new();
                for (key, value) in map {
                    let value = self.fill_all(value, parameters)?;
                    filled.insert(self.fill(key, parameters)?.text, value);
                }
                Value::Map(filled)
            }
            other => other.clone(),
        };
        Ok(Data { value, span })
    }

    /// The Application of a set of parameters.
    fn application(&mut self, template: &Data, patch: Option<&Data>, parameters: &Parameters) -> Data {
        let filled = self.fill_template(template, parameters);
        let part = |key: &str| filled.get(key).cloned().unwrap_or_else(|| Value::Map(BTreeMap::new()).into());
        let fields = [
            ("apiVersion", Data::text("argoproj.io/v1alpha1")),
            ("kind", Data::text("Application")),
            ("metadata", part("metadata")),
            ("spec", part("spec")),
        ];
        let mut application: Data =
            Value::Map(fields.into_iter().map(|(key, data)| (key.to_owned(), data)).collect()).into();
        if let Some(Data { value: Value::Text(text), span }) = patch {
            let filled = self.fill(text, parameters);
            self.has_failed |= filled.is_err();
            let place = filled.as_ref().ok().and_then(|filled| filled.span).or(*span);
            let text = filled.map_or_else(|Failed| UNKNOWN.to_string(), |filled| filled.text);
            match self.repository.parse(&text, place, &mut self.left) {
                // Lists of an Application are replaced as a whole.
                Some(patch) if !patch.has_unknown() && !text.contains("$patch") => {
                    merge_patch(&mut application, &patch)
                }
                _ => doubt(&mut application, *span),
            }
        }
        application
    }

    /// Fills in a template field by field: one that fails is not known.
    fn fill_template(&mut self, template: &Data, parameters: &Parameters) -> Data {
        match &template.value {
            Value::Map(map) => {
                let fields = map.iter().map(|(key, data)| (key.clone(), self.fill_template(data, parameters)));
                let map = fields.collect();
                Data { value: Value::Map(map), span: template.span }
            }
            _ => self.fill_all(template, parameters).unwrap_or_else(|Failed| {
                self.has_failed = true;
                Data { value: Value::Unknown, span: template.span }
            }),
        }
    }
}

/// Changes a source of an Application as the `.argocd-source` files of its folder do, in this order. The result is
/// `None` if one of them cannot be read.
pub(crate) fn with_source_files(
    application: &Application,
    at: Option<usize>,
    files: &[String],
    repository: &Repository<'_>,
    budget: &mut Budget,
) -> Option<Application> {
    let mut changed = application.clone();
    for file in files {
        let change = repository.read("", file, &mut budget.values)?;
        if !matches!(change.value, Value::Map(_)) || budget.values == 0 {
            return None;
        }
        changed.merge(at, &change);
    }
    Some(changed)
}

/// Leaves the sources of an Application unknown, except for their paths.
fn doubt(application: &mut Data, span: Option<Span>) {
    let Value::Map(fields) = &mut application.value else { return };
    let Some(Value::Map(spec)) = fields.get_mut("spec").map(|spec| &mut spec.value) else { return };
    let unknown = || Data { value: Value::Unknown, span };
    for key in ["source", "sources"] {
        match spec.get_mut(key).map(|source| &mut source.value) {
            Some(Value::Map(source)) => drop(source.insert("kustomize".to_owned(), unknown())),
            Some(Value::List(sources)) => sources.iter_mut().for_each(|source| {
                if let Value::Map(source) = &mut source.value {
                    source.insert("kustomize".to_owned(), unknown());
                }
            }),
            _ => {}
        }
    }
}

/// A name after `SanitizeName` of `applicationset/utils/template_functions.go`.
fn sanitized(name: &str) -> String {
    let name = name.to_lowercase();
    let is_kept = |c: char| matches!(c, '-' | '.' | UNKNOWN) || c.is_ascii_lowercase() || c.is_ascii_digit();
    let name: String = name.chars().map(|c| if is_kept(c) { c } else { '-' }).take(253).collect();
    name.trim_matches(['-', '.']).to_owned()
}
