//! Generators: each makes sets of parameters (`applicationset/generators/`).

use std::collections::BTreeMap;

use super::data::{Data, UNKNOWN, Value};
use super::repository::{Repository, lists};
use super::selector::{accepts, flatten};
use super::{Failed, Filled, MAX_APPLICATIONS, Parameters, Set, sanitized};
use crate::text::go::glob;

/// The sets of parameters of one generator, and its own template.
type Made = (Vec<Parameters>, Option<Data>);

impl Set<'_> {
    /// Makes the parameters of an entry in `generators` (`Transform` in `generator_spec_processor.go`). Parameters
    /// that are given fill the entry in first.
    pub(super) fn transform(
        &mut self,
        item: &Data,
        given: Option<&Parameters>,
        depth: u8,
    ) -> Result<Vec<Made>, Failed> {
        let filled = given.map(|given| self.fill_all(item, given)).transpose()?;
        let own = filled.as_ref().unwrap_or(item);
        if !matches!(own.value, Value::Map(_)) {
            return Ok(vec![(vec![Parameters::unknown()], None)]);
        }
        // It is compared as written.
        let selector = item.get("selector");
        let mut made = Vec::new();
        for (kind, spec) in own.entries().filter(|(kind, spec)| *kind != "selector" && spec.value != Value::Null) {
            let all = match kind.as_str() {
                "list" => self.list(spec)?,
                "git" => self.git(spec)?,
                "matrix" | "merge" if depth > 1 => return Err(Failed),
                "matrix" => self.matrix(spec, depth)?,
                "merge" => self.merge(spec, depth)?,
                _ => self.unknown(spec, kind)?,
            };
            let mut kept = Vec::new();
            for mut parameters in all {
                if let Some(selector) = selector {
                    match accepts(selector, &flatten(&parameters.values), parameters.is_open)? {
                        Some(true) => {}
                        Some(false) => continue,
                        None => parameters.is_uncertain = true,
                    }
                }
                kept.push(parameters);
            }
            made.push((kept, spec.get("template").cloned()));
        }
        Ok(made)
    }

    /// Makes the parameters of a generator in another one, which is of one kind.
    fn inner(&mut self, item: &Data, given: Option<&Parameters>, depth: u8) -> Result<Vec<Parameters>, Failed> {
        let mut made = self.transform(item, given, depth + 1)?;
        match (made.pop(), made.is_empty()) {
            (Some((all, _)), true) => Ok(all),
            _ => Err(Failed),
        }
    }

    fn list(&mut self, spec: &Data) -> Result<Vec<Parameters>, Failed> {
        let mut all = Vec::new();
        for element in spec.get("elements").map_or(&[][..], Data::items) {
            let mut values = BTreeMap::new();
            for (key, data) in element.entries() {
                match (&data.value, key.as_str()) {
                    _ if self.is_go => drop(values.insert(key.clone(), data.clone())),
                    (Value::Map(map), "values") => {
                        for (name, data) in map {
                            if !matches!(data.value, Value::Text(_)) {
                                return Err(Failed);
                            }
                            values.insert(format!("values.{name}"), data.clone());
                        }
                    }
                    (Value::Text(_), key) if key != "values" => drop(values.insert(key.to_owned(), data.clone())),
                    _ => return Err(Failed),
                }
            }
            let is_open = element.value == Value::Unknown;
            all.push(Parameters { values, is_open, ..Parameters::default() });
        }
        match spec.get("elementsYaml") {
            Some(Data { value: Value::Text(text), span }) if !text.is_empty() => {
                if text.contains(UNKNOWN) {
                    all.push(Parameters::unknown());
                    return Ok(all);
                }
                let parsed = self.repository.parse(text, *span, &mut self.left).ok_or(Failed)?;
                if !matches!(parsed.value, Value::List(_) | Value::Null) {
                    return Err(Failed);
                }
                for element in parsed.items() {
                    let Value::Map(map) = &element.value else { return Err(Failed) };
                    all.push(Parameters { values: map.clone(), ..Parameters::default() });
                }
            }
            Some(Data { value: Value::Unknown, .. }) => all.push(Parameters::unknown()),
            _ => {}
        }
        Ok(all)
    }

    fn git(&mut self, spec: &Data) -> Result<Vec<Parameters>, Failed> {
        let directories = spec.get("directories").map_or(&[][..], Data::items);
        let files = spec.get("files").map_or(&[][..], Data::items);
        if directories.is_empty() && files.is_empty() {
            return Err(Failed);
        }
        let is_known = !spec.get("directories").into_iter().chain(spec.get("files")).any(Data::has_unknown);
        let mut roots = Vec::new();
        for root in Repository::roots(self.file).into_iter().filter(|_| is_known) {
            let found = match directories.is_empty() {
                false => self.directories(directories, spec, &root)?,
                true => self.files(files, spec, &root)?,
            };
            match found {
                Some(found) if !found.is_empty() => roots.push(found),
                Some(_) => {}
                None => return Ok(vec![Parameters::unknown()]),
            }
        }
        // The inputs may be only a part of the repository, or another one.
        if roots.is_empty() {
            return Ok(vec![Parameters::unknown()]);
        }
        let is_uncertain = roots.len() > 1;
        let mut all: Vec<Parameters> = roots.into_iter().flatten().collect();
        for parameters in &mut all {
            parameters.is_uncertain |= is_uncertain;
            match spec.get("repoURL") {
                Some(Data { value: Value::Text(url), .. }) if !url.contains(UNKNOWN) => {
                    parameters.repositories.insert(url.clone());
                }
                _ => parameters.is_uncertain = true,
            }
        }
        Ok(all)
    }

    fn directories(&mut self, patterns: &[Data], spec: &Data, root: &str) -> Result<Option<Vec<Parameters>>, Failed> {
        let patterns: Vec<(&str, bool)> =
            patterns.iter().map(|own| (own.str("path").unwrap_or_default(), own.is_true("exclude"))).collect();
        let repository = self.repository;
        let mut all = Vec::new();
        for path in repository.folders(root) {
            let is_match =
                |(pattern, _): &&(&str, bool)| glob::matches(pattern.as_bytes(), path.as_bytes()) == Ok(true);
            let mut matching = patterns.iter().filter(is_match).peekable();
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                self.is_cut = true;
                break;
            }
            if matching.peek().is_none() || matching.any(|(_, excludes)| *excludes) {
                continue;
            }
            let mut values = BTreeMap::new();
            self.add_path(path, None, spec, &mut values);
            all.push(self.with_values(spec, Parameters { values, ..Parameters::default() })?);
            if all.len() >= MAX_APPLICATIONS {
                self.is_cut = true;
                break;
            }
        }
        Ok(Some(all))
    }

    fn files(&mut self, patterns: &[Data], spec: &Data, root: &str) -> Result<Option<Vec<Parameters>>, Failed> {
        let patterns: Vec<(&str, bool)> =
            patterns.iter().map(|own| (own.str("path").unwrap_or_default(), own.is_true("exclude"))).collect();
        let repository = self.repository;
        let mut all = Vec::new();
        for file in repository.files(root) {
            self.left = self.left.saturating_sub(patterns.len());
            if self.left == 0 {
                self.is_cut = true;
                break;
            }
            let (mut is_included, mut is_excluded) = (false, false);
            for (pattern, excludes) in &patterns {
                match lists(pattern, file) {
                    Some(true) if *excludes => is_excluded = true,
                    Some(true) => is_included = true,
                    Some(false) => {}
                    None => return Ok(None),
                }
            }
            if !is_included || is_excluded {
                continue;
            }
            // An empty file has no keys.
            let read = repository.read(root, file, &mut self.left);
            let read = read.unwrap_or_else(|| Value::Map(BTreeMap::new()).into());
            let objects = match &read.value {
                Value::List(items) => items.clone(),
                _ => vec![read],
            };
            for object in objects {
                let map = match object.value {
                    Value::Map(map) => map,
                    Value::Null => BTreeMap::new(),
                    _ => return Err(Failed),
                };
                let mut values = map;
                if !self.is_go {
                    let flat = flatten(&values).into_iter();
                    values = flat.map(|(key, data)| (key, data.unwrap_or_else(|| Value::Unknown.into()))).collect();
                }
                let (folder, name) = file.rsplit_once('/').unwrap_or((".", file));
                self.add_path(folder, Some(name), spec, &mut values);
                all.push(self.with_values(spec, Parameters { values, ..Parameters::default() })?);
            }
            if all.len() >= MAX_APPLICATIONS {
                self.is_cut = true;
                break;
            }
        }
        Ok(Some(all))
    }

    /// Adds the parameters of a path.
    fn add_path(&self, path: &str, file: Option<&str>, spec: &Data, values: &mut BTreeMap<String, Data>) {
        let prefix = spec.str("pathParamPrefix").filter(|prefix| !prefix.is_empty());
        let basename = path.rsplit('/').next().unwrap_or(path);
        let mut names = vec![("basename", basename.to_owned()), ("basenameNormalized", sanitized(basename))];
        if let Some(file) = file {
            names.extend([("filename", file.to_owned()), ("filenameNormalized", sanitized(file))]);
        }
        if self.is_go {
            let segments = Value::List(path.split('/').map(Data::text).collect());
            let mut map: BTreeMap<String, Data> =
                names.into_iter().map(|(name, text)| (name.to_owned(), Data::text(text))).collect();
            map.insert("path".to_owned(), Data::text(path));
            map.insert("segments".to_owned(), segments.into());
            let map: Data = Value::Map(map).into();
            match prefix {
                Some(prefix) => {
                    let inner = Value::Map(BTreeMap::from([("path".to_owned(), map)]));
                    values.insert(prefix.to_owned(), inner.into());
                }
                None => drop(values.insert("path".to_owned(), map)),
            }
            return;
        }
        let own = prefix.map_or_else(|| "path".to_owned(), |prefix| format!("{prefix}.path"));
        values.extend(names.into_iter().map(|(name, text)| (format!("{own}.{name}"), Data::text(text))));
        let segments = path.split('/').enumerate();
        values.extend(segments.map(|(at, segment)| (format!("{own}[{at}]"), Data::text(segment))));
        values.insert(own, Data::text(path));
    }

    /// Adds the `values` of a generator, which may contain its parameters.
    fn with_values(&mut self, spec: &Data, mut parameters: Parameters) -> Result<Parameters, Failed> {
        let Some(own) = spec.get("values") else { return Ok(parameters) };
        let mut filled = BTreeMap::new();
        for (key, data) in own.entries() {
            let Value::Text(text) = &data.value else {
                filled.insert(key.clone(), Value::Unknown.into());
                continue;
            };
            let Filled { text, span } = self.fill(text, &parameters)?;
            filled.insert(key.clone(), Data { value: Value::Text(text), span: span.or(data.span) });
        }
        match self.is_go {
            _ if filled.is_empty() => {}
            true => drop(parameters.values.insert("values".to_owned(), Value::Map(filled).into())),
            false => parameters.values.extend(filled.into_iter().map(|(key, data)| (format!("values.{key}"), data))),
        }
        Ok(parameters)
    }

    /// A generator that asks a cluster or a server: one set stands for all.
    fn unknown(&mut self, spec: &Data, kind: &str) -> Result<Vec<Parameters>, Failed> {
        let mut parameters = Parameters::unknown();
        if matches!(kind, "clusters" | "scmProvider" | "pullRequest" | "plugin" | "clusterDecisionResource") {
            parameters = self.with_values(spec, parameters)?;
        }
        Ok(vec![parameters])
    }

    /// Every set of the first generator with every set of the second one that it makes.
    fn matrix(&mut self, spec: &Data, depth: u8) -> Result<Vec<Parameters>, Failed> {
        let [first, second] = spec.get("generators").map_or(&[][..], Data::items) else { return Err(Failed) };
        let mut all = Vec::new();
        for one in self.inner(first, None, depth)? {
            for other in self.inner(second, Some(&one), depth)? {
                if all.len() >= MAX_APPLICATIONS || self.left == 0 {
                    self.is_cut = true;
                    return Ok(all);
                }
                all.push(self.combined(&one, other)?);
            }
        }
        Ok(all)
    }

    fn combined(&mut self, one: &Parameters, other: Parameters) -> Result<Parameters, Failed> {
        let mut both = other;
        self.left = self.left.saturating_sub(one.values.len() + both.values.len());
        for (key, data) in &one.values {
            match both.values.get_mut(key) {
                Some(there) if self.is_go => there.override_with(data),
                Some(there) if there.has_unknown() || data.has_unknown() => *there = Value::Unknown.into(),
                Some(there) if as_text(there) != as_text(data) => return Err(Failed),
                Some(_) => {}
                None => drop(both.values.insert(key.clone(), data.clone())),
            }
        }
        if !self.is_go {
            for data in both.values.values_mut().filter(|data| !matches!(data.value, Value::Text(_) | Value::Unknown)) {
                data.value = as_text(data).map_or(Value::Unknown, Value::Text);
            }
        }
        both.is_open |= one.is_open;
        both.is_uncertain |= one.is_uncertain;
        both.repositories.extend(one.repositories.iter().cloned());
        Ok(both)
    }

    /// The sets of the first generator, with the values of sets of the others that have the same `mergeKeys`.
    fn merge(&mut self, spec: &Data, depth: u8) -> Result<Vec<Parameters>, Failed> {
        let items = spec.get("generators").map_or(&[][..], Data::items);
        let keys = spec.get("mergeKeys").map_or(&[][..], Data::items).iter();
        let keys: Vec<&str> = keys
            .filter_map(|key| if let Value::Text(text) = &key.value { Some(text.as_str()) } else { None })
            .collect();
        let [first, others @ ..] = items else { return Err(Failed) };
        if others.is_empty() || keys.is_empty() {
            return Err(Failed);
        }
        let mut base = by_keys(&keys, self.inner(first, None, depth)?)?;
        for other in others {
            let other = by_keys(&keys, self.inner(other, None, depth)?)?;
            let is_open = [&base, &other].iter().any(|sets| sets.iter().any(|(key, _)| key.is_none()));
            let known: BTreeMap<&str, &Parameters> =
                other.iter().filter_map(|(key, parameters)| Some((key.as_deref()?, parameters))).collect();
            for (key, own) in &mut base {
                let Some(change) = key.as_deref().and_then(|key| known.get(key)) else {
                    if is_open {
                        unknown_values(own);
                    }
                    continue;
                };
                for (name, data) in &change.values {
                    match own.values.get_mut(name) {
                        Some(there) if self.is_go => there.override_with(data),
                        _ => drop(own.values.insert(name.clone(), data.clone())),
                    }
                }
                own.is_open |= change.is_open;
                own.is_uncertain |= change.is_uncertain;
                own.repositories.extend(change.repositories.iter().cloned());
            }
        }
        Ok(base.into_iter().map(|(_, parameters)| parameters).collect())
    }
}

/// Leaves all values unknown.
fn unknown_values(parameters: &mut Parameters) {
    parameters.is_open = true;
    parameters.values.values_mut().for_each(|data| data.value = Value::Unknown);
}

/// The sets with the values of their keys; `None` if those are not known.
fn by_keys(keys: &[&str], all: Vec<Parameters>) -> Result<Vec<(Option<String>, Parameters)>, Failed> {
    let mut seen = std::collections::BTreeSet::new();
    let mut sets = Vec::new();
    for parameters in all {
        let own = |key: &&str| match parameters.values.get(*key) {
            Some(data) if data.has_unknown() => None,
            Some(data) => Some(format!("{:?}", plain(data))),
            None if parameters.is_open => None,
            None => Some("null".to_owned()),
        };
        let own: Option<Vec<String>> = keys.iter().map(own).collect();
        let own = own.map(|own| own.join("\n"));
        if own.as_ref().is_some_and(|own| !seen.insert(own.clone())) {
            return Err(Failed);
        }
        sets.push((own, parameters));
    }
    Ok(sets)
}

/// A value without its places, for a comparison.
fn plain(data: &Data) -> Data {
    let value = match &data.value {
        Value::List(items) => Value::List(items.iter().map(plain).collect()),
        Value::Map(map) => Value::Map(map.iter().map(|(key, data)| (key.clone(), plain(data))).collect()),
        other => other.clone(),
    };
    value.into()
}

/// The text of a value as `CombineStringMaps` of `applicationset/utils/map.go` makes it.
fn as_text(data: &Data) -> Option<String> {
    match &data.value {
        Value::Null => Some("<nil>".to_owned()),
        _ => data.printed(),
    }
}
