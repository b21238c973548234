//! Scalars as Kubernetes resolves them: YAML 1.1, by the rules of `resolve.go` of go.yaml.in/yaml/v2 (v2.4.3), which
//! sigs.k8s.io/yaml uses.

use std::borrow::Cow;

/// A scalar with its resolved type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// Empty, `~`, `null`, `Null`, `NULL`.
    Null,
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// An integer or a float in any of YAML's notations.
    Number,
    /// Everything else, as text.
    String(&'a str),
}

/// The value of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// An integer that fits in 64 bits with a sign.
    Signed(i64),
    /// An integer that fits in 64 bits only without a sign.
    Unsigned(u64),
    /// A float, and an integer in decimal that is too large for 64 bits.
    Float(f64),
}

/// Resolves a plain, untagged scalar.
pub fn resolve(text: &str) -> Scalar<'_> {
    let Some(&first) = text.as_bytes().first() else { return Scalar::Null };
    match first {
        b'~' | b'n' | b'N' if matches!(text, "~" | "null" | "Null" | "NULL") => Scalar::Null,
        b'y' | b'Y' | b't' | b'T' | b'o' | b'O' | b'n' | b'N' | b'f' | b'F' => {
            boolean(text).map_or(Scalar::String(text), Scalar::Bool)
        }
        b'0'..=b'9' | b'+' | b'-' | b'.' if number(text).is_some() => Scalar::Number,
        _ => Scalar::String(text),
    }
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Whether a text is a boolean in YAML 1.1, and a string in 1.2.
pub(crate) fn is_word(text: &str) -> bool {
    boolean(text).is_some() && !matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
}

/// Returns Go's name for a number that JSON cannot represent.
pub(super) fn not_finite(text: &str) -> Option<&'static str> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some("+Inf"),
        "-.inf" | "-.Inf" | "-.INF" => Some("-Inf"),
        ".nan" | ".NaN" | ".NAN" => Some("NaN"),
        _ => None,
    }
}

/// Returns the value of a scalar that is a number.
pub fn number(text: &str) -> Option<Number> {
    match not_finite(text) {
        Some("+Inf") => return Some(Number::Float(f64::INFINITY)),
        Some("-Inf") => return Some(Number::Float(f64::NEG_INFINITY)),
        Some(_) => return Some(Number::Float(f64::NAN)),
        None => {}
    }
    // A longer text is rarely a number, and would take long to check.
    if !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'_' | b'a'..=b'f' | b'A'..=b'F' | b'x' | b'X' | b'o' | b'O')) {
        return None;
    }
    if text.starts_with('.') {
        return underscores_separate(text).then(|| float(&without_underscores(text))).flatten();
    }
    // The decoder's check of the first character excludes these from all types.
    if !text.starts_with(|first: char| first.is_ascii_digit() || first == '+' || first == '-') {
        return None;
    }
    let digits = without_underscores(text);
    integer(&digits).or_else(|| float(&digits))
}

fn without_underscores(text: &str) -> Cow<'_, str> {
    if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) }
}

/// Whether each underscore is between two digits: `strconv.ParseFloat` accepts no others.
fn underscores_separate(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len()).filter(|&at| bytes[at] == b'_').all(|at| at > 0 && is_digit(at - 1) && is_digit(at + 1))
}

/// `strconv.ParseInt(text, 0, 64)`, then `strconv.ParseUint`.
fn integer(text: &str) -> Option<Number> {
    let (negative, unsigned, signed) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..], true),
        b'+' => (false, &text[1..], true),
        _ => (false, text, false),
    };
    let (digits, radix) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (&unsigned[2..], 16),
        [b'0', b'b' | b'B', _, ..] => (&unsigned[2..], 2),
        [b'0', b'o' | b'O', _, ..] => (&unsigned[2..], 8),
        [b'0'] => return Some(Number::Signed(0)),
        [b'0', ..] => (&unsigned[1..], 8),
        _ => (unsigned, 10),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(value).map(Number::Signed);
    }
    match i64::try_from(value) {
        Ok(value) => Some(Number::Signed(value)),
        Err(_) => (!signed).then_some(Number::Unsigned(value)),
    }
}

/// Parses go-yaml's `yamlStyleFloat`: `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`, if a `float64` can
/// represent it.
fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let exponent_holds = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    let mantissa_holds = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let value = (exponent_holds && mantissa_holds).then(|| text.parse::<f64>().ok()).flatten()?;
    value.is_finite().then_some(Number::Float(value))
}

pub(super) fn is_integer(text: &str) -> bool {
    matches!(number(text), Some(Number::Signed(_) | Number::Unsigned(_)))
}

/// Whether a number is an integer that needs all 64 bits for its value.
pub(super) fn is_beyond_signed(text: &str) -> bool {
    matches!(number(text), Some(Number::Unsigned(_)))
}

/// Returns the key that a plain scalar becomes: JSON has strings only.
pub(super) fn key(text: &str) -> Cow<'_, str> {
    match resolve(text) {
        Scalar::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        Scalar::Number => match number(text) {
            Some(Number::Signed(value)) => Cow::Owned(value.to_string()),
            Some(Number::Float(value)) => Cow::Owned(float_key(value)),
            _ => Cow::Borrowed(text),
        },
        Scalar::Null | Scalar::String(_) => Cow::Borrowed(text),
    }
}

/// `strconv.FormatFloat(value, 'g', -1, 32)`, as sigs.k8s.io/yaml writes a key.
fn float_key(value: f64) -> String {
    let value = value as f32;
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    format!("{value}")
}

/// Whether a text has one of the four forms of `allowedTimestampFormats`, roughly: impossible dates are not
/// excluded.
pub(super) fn is_timestamp(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(day)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let is_number = |part: &str, most: usize| {
        !part.is_empty() && part.len() <= most && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let day = day.split(['T', 't', ' ']).next().unwrap_or_default();
    year.len() == 4 && is_number(year, 4) && is_number(month, 2) && is_number(day, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_resolved_as_in_yaml_1_1() {
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve(text), Scalar::Null, "{text:?}");
        }
        for text in ["y", "Yes", "on", "TRUE", "n", "No", "off", "FALSE"] {
            assert!(matches!(resolve(text), Scalar::Bool(_)), "{text:?}");
        }
        for text in
            ["0", "12", "-3", "+4", "0644", "0x1F", "0b101", "0o17", "1_000", "1.", "1.5", ".5", "1e3", "-.inf", ".NaN"]
        {
            assert_eq!(resolve(text), Scalar::Number, "{text:?}");
        }
        for text in ["nginx", "1.2.3", "nUlL", "yEs", "08", "0x", "-", ".", "1e", "v1", "nginx:1", "1:2", "null/x"] {
            let expected = if text == "08" { Scalar::Number } else { Scalar::String(text) };
            assert_eq!(resolve(text), expected, "{text:?}");
        }
    }
}
