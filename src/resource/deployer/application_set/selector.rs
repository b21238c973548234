//! Label selectors on generators, which are compared with the parameters.

use std::collections::BTreeMap;

use super::Failed;
use super::data::{Data, Value};

/// The parameters as one level: `a.b` and `a.0` (`flatten.Flatten` of `github.com/jeremywohl/flatten` with `DotStyle`).
/// A value that is not known is `None`.
pub(super) fn flatten<'d>(values: impl IntoIterator<Item = (&'d String, &'d Data)>) -> BTreeMap<String, Option<Data>> {
    let mut flat = BTreeMap::new();
    values.into_iter().for_each(|(key, data)| add(key.clone(), data, &mut flat));
    flat
}

fn add(key: String, data: &Data, flat: &mut BTreeMap<String, Option<Data>>) {
    match &data.value {
        Value::Map(map) => map.iter().for_each(|(name, data)| add(format!("{key}.{name}"), data, flat)),
        Value::List(items) => {
            items.iter().enumerate().for_each(|(at, data)| add(format!("{key}.{at}"), data, flat));
        }
        Value::Null => drop(flat.insert(key, Some(Data { value: Value::Text("<nil>".to_owned()), span: data.span }))),
        _ => {
            let text = data.printed().filter(|_| !data.has_unknown());
            flat.insert(key, text.map(|text| Data { value: Value::Text(text), span: data.span }));
        }
    }
}

/// Whether a selector accepts the parameters; `None` if that is not known.
pub(super) fn accepts(
    selector: &Data,
    flat: &BTreeMap<String, Option<Data>>,
    is_open: bool,
) -> Result<Option<bool>, Failed> {
    if selector.has_unknown() {
        return Ok(None);
    }
    // `None` is not known, `Some(None)` does not exist.
    let value = |key: &str| match flat.get(key) {
        Some(Some(Data { value: Value::Text(text), .. })) => Some(Some(text.as_str())),
        Some(_) => None,
        None if is_open => None,
        None => Some(None),
    };
    let mut is_unknown = false;
    let mut requirements: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for (key, wanted) in selector.get("matchLabels").into_iter().flat_map(Data::entries) {
        let Value::Text(wanted) = &wanted.value else { return Err(Failed) };
        requirements.push((key, "In", vec![wanted]));
    }
    for requirement in selector.get("matchExpressions").map_or(&[][..], Data::items) {
        let values = requirement.get("values").map_or(&[][..], Data::items).iter();
        let values =
            values.filter_map(|value| if let Value::Text(text) = &value.value { Some(text.as_str()) } else { None });
        let (Some(key), Some(operator)) = (requirement.str("key"), requirement.str("operator")) else {
            return Err(Failed);
        };
        requirements.push((key, operator, values.collect()));
    }
    for (key, operator, wanted) in requirements {
        let Some(value) = value(key) else {
            is_unknown = true;
            continue;
        };
        let is_wanted = value.is_some_and(|value| wanted.contains(&value));
        let is_met = match operator {
            "In" => is_wanted,
            "NotIn" => !is_wanted,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => return Err(Failed),
        };
        if !is_met {
            return Ok(Some(false));
        }
    }
    Ok(if is_unknown { None } else { Some(true) })
}
