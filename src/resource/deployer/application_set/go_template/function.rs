//! The functions of templates: Go's own, and those of `github.com/Masterminds/sprig` 3.3 that are followed.

use super::super::data::{Data, UNKNOWN, Value};
use super::super::{Failed, sanitized};
use super::{MAX_LENGTH, MAX_NODES};

/// Calls a function. One that is not followed gives an unknown value.
pub(super) fn call(name: &str, arguments: &[Data]) -> Result<Data, Failed> {
    // Parts that are not known could decide anything.
    if arguments.iter().any(Data::has_unknown) && !matches!(name, "default" | "index" | "get") {
        return Ok(Value::Unknown.into());
    }
    let span = arguments.iter().rev().find_map(|argument| argument.span);
    let value = match (name, arguments) {
        ("index", [own, keys @ ..]) => return index(own, keys),
        ("get", [own, key]) => return get(own, key),
        ("default", [default]) => return Ok(default.clone()),
        ("default", [default, given]) => return Ok(choose(default, given)),
        ("coalesce", _) => {
            let found = arguments.iter().find(|argument| argument.is_empty() == Some(false));
            return Ok(found.cloned().unwrap_or_else(|| Value::Null.into()));
        }
        ("ternary", [yes, no, Data { value: Value::Bool(truth), .. }]) => {
            return Ok(if *truth { yes } else { no }.clone());
        }
        ("not", [own]) => own.is_empty().map_or(Value::Unknown, Value::Bool),
        ("empty", [own]) => own.is_empty().map_or(Value::Unknown, Value::Bool),
        ("eq", [first, others @ ..]) if !others.is_empty() => equal(first, others)?,
        ("ne", [first, other]) => match equal(first, std::slice::from_ref(other))? {
            Value::Bool(truth) => Value::Bool(!truth),
            other => other,
        },
        ("hasKey", [Data { value: Value::Map(map), .. }, key]) => Value::Bool(map.contains_key(text(key)?)),
        ("contains", [part, own]) => Value::Bool(text(own)?.contains(text(part)?)),
        ("hasPrefix", [part, own]) => Value::Bool(text(own)?.starts_with(text(part)?)),
        ("hasSuffix", [part, own]) => Value::Bool(text(own)?.ends_with(text(part)?)),
        ("lower", [own]) => ascii(text(own)?, str::to_ascii_lowercase),
        ("upper", [own]) => ascii(text(own)?, str::to_ascii_uppercase),
        ("trim", [own]) => ascii(text(own)?, |own| own.trim().to_owned()),
        ("trimPrefix", [part, own]) => stripped(text(own)?, |own| own.strip_prefix(text(part).unwrap_or_default())),
        ("trimSuffix", [part, own]) => stripped(text(own)?, |own| own.strip_suffix(text(part).unwrap_or_default())),
        ("replace", [old, new, own]) => {
            let (old, new, own) = (text(old)?, text(new)?, text(own)?);
            let grows_to = own.matches(old).count().saturating_mul(new.len()).saturating_add(own.len());
            if old.is_empty() || grows_to > MAX_LENGTH { Value::Unknown } else { Value::Text(own.replace(old, new)) }
        }
        ("trunc", [Data { value: Value::Integer(length), .. }, own]) => truncated(*length, text(own)?),
        ("splitList", [separator, own]) => match text(separator)? {
            "" => Value::Unknown,
            separator if text(own)?.matches(separator).count() > MAX_NODES => Value::Unknown,
            separator => Value::List(text(own)?.split(separator).map(Data::text).collect()),
        },
        ("join", [separator, Data { value: Value::List(items), .. }]) => {
            let items: Option<Vec<String>> = items
                .iter()
                .map(|item| if let Value::Text(text) = &item.value { Some(text.clone()) } else { None })
                .collect();
            let separator = text(separator)?;
            let length = |items: &[String]| items.iter().map(|item| item.len() + separator.len()).sum::<usize>();
            let items = items.filter(|items| length(items) <= MAX_LENGTH);
            items.map_or(Value::Unknown, |items| Value::Text(items.join(separator)))
        }
        ("first", [Data { value: Value::List(items), .. }]) => return Ok(item(items.first())),
        ("last", [Data { value: Value::List(items), .. }]) => return Ok(item(items.last())),
        ("normalize", [own]) => Value::Text(sanitized(text(own)?)),
        ("toString", [own @ Data { value: Value::Text(_), .. }]) => return Ok(own.clone()),
        ("print", [own @ Data { value: Value::Text(_), .. }]) => return Ok(own.clone()),
        ("printf", [format, values @ ..]) => formatted(text(format)?, values),
        ("lower" | "upper" | "trim" | "trimPrefix" | "trimSuffix" | "replace" | "contains", _) => return Err(Failed),
        _ => Value::Unknown,
    };
    let is_scalar = matches!(value, Value::Text(_));
    Ok(Data { value, span: span.filter(|_| is_scalar) })
}

/// A parameter of the type string.
fn text(data: &Data) -> Result<&str, Failed> {
    match &data.value {
        Value::Text(text) => Ok(text),
        _ => Err(Failed),
    }
}

fn ascii(text: &str, change: impl Fn(&str) -> String) -> Value {
    if text.is_ascii() { Value::Text(change(text)) } else { Value::Unknown }
}

fn stripped<'t>(text: &'t str, strip: impl Fn(&'t str) -> Option<&'t str>) -> Value {
    Value::Text(strip(text).unwrap_or(text).to_owned())
}

fn item(item: Option<&Data>) -> Data {
    item.cloned().unwrap_or_else(|| Value::Null.into())
}

fn choose(default: &Data, given: &Data) -> Data {
    match given.is_empty() {
        Some(true) => default.clone(),
        Some(false) => given.clone(),
        None => Value::Unknown.into(),
    }
}

fn truncated(length: i64, own: &str) -> Value {
    let all = own.len();
    let wanted = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX).min(all);
    let cut = if length >= 0 { own.get(..wanted) } else { own.get(all - wanted..) };
    cut.map_or(Value::Unknown, |cut| Value::Text(cut.to_owned()))
}

fn index(own: &Data, keys: &[Data]) -> Result<Data, Failed> {
    let mut own = own.clone();
    for key in keys {
        own = match (own.value, &key.value) {
            (Value::Unknown, _) | (_, Value::Unknown) => return Ok(Value::Unknown.into()),
            (_, Value::Text(key)) if key.contains(UNKNOWN) => return Ok(Value::Unknown.into()),
            (Value::Map(mut map), Value::Text(key)) => map.remove(key).unwrap_or_else(|| Value::Null.into()),
            (Value::List(items), Value::Integer(at)) => {
                let at = usize::try_from(*at).map_err(|_| Failed)?;
                items.get(at).cloned().ok_or(Failed)?
            }
            // The bytes of a text.
            (Value::Text(_), _) => return Ok(Value::Unknown.into()),
            _ => return Err(Failed),
        };
    }
    Ok(own)
}

fn get(own: &Data, key: &Data) -> Result<Data, Failed> {
    match (&own.value, &key.value) {
        (Value::Unknown, _) | (_, Value::Unknown) => Ok(Value::Unknown.into()),
        (_, Value::Text(key)) if key.contains(UNKNOWN) => Ok(Value::Unknown.into()),
        (Value::Map(map), Value::Text(key)) => Ok(map.get(key).cloned().unwrap_or_else(|| Data::text(""))),
        _ => Err(Failed),
    }
}

/// `eq`: whether the first value is equal to any other.
fn equal(first: &Data, others: &[Data]) -> Result<Value, Failed> {
    let mut is_equal = false;
    for other in others {
        is_equal |= match (&first.value, &other.value) {
            (Value::Text(one), Value::Text(other)) => one == other,
            (Value::Bool(one), Value::Bool(other)) => one == other,
            (Value::Integer(one), Value::Integer(other)) => one == other,
            (
                Value::Text(_) | Value::Bool(_) | Value::Integer(_),
                Value::Text(_) | Value::Bool(_) | Value::Integer(_),
            ) => {
                return Err(Failed);
            }
            _ => return Ok(Value::Unknown),
        };
    }
    Ok(Value::Bool(is_equal))
}

/// `printf` with `%s`, `%v`, and `%d`.
fn formatted(format: &str, values: &[Data]) -> Value {
    let mut text = String::new();
    let mut values = values.iter();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let written = match chars.next() {
            Some('%') => Some("%".to_owned()),
            Some('s') => values
                .next()
                .and_then(|data| if let Value::Text(text) = &data.value { Some(text.clone()) } else { None }),
            Some('d') => values
                .next()
                .and_then(|data| if let Value::Integer(at) = data.value { Some(at.to_string()) } else { None }),
            Some('v') => values.next().and_then(Data::printed),
            _ => None,
        };
        match written {
            Some(written) if text.len() + written.len() <= MAX_LENGTH => text.push_str(&written),
            _ => return Value::Unknown,
        }
    }
    if values.next().is_some() { Value::Unknown } else { Value::Text(text) }
}
