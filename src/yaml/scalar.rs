//! Plain scalars as Kubernetes resolves them: YAML 1.1, by the rules of go-yaml v2 `resolve.go`, which sigs.k8s.io/yaml
//! uses.

/// A resolved scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// Empty, `~`, `null`, `Null`, `NULL`.
    Null,
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// An integer or a float in any of YAML's notations.
    Number,
    /// Everything else.
    String(&'a str),
}

/// Resolves a plain, untagged scalar.
pub fn resolve(text: &str) -> Scalar<'_> {
    let Some(&first) = text.as_bytes().first() else { return Scalar::Null };
    match first {
        b'~' | b'n' | b'N' if matches!(text, "~" | "null" | "Null" | "NULL") => Scalar::Null,
        b'y' | b'Y' | b't' | b'T' | b'o' | b'O' | b'n' | b'N' | b'f' | b'F' => {
            boolean(text).map_or(Scalar::String(text), Scalar::Bool)
        }
        b'0'..=b'9' | b'+' | b'-' | b'.' if is_number(text) => Scalar::Number,
        _ => Scalar::String(text),
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn is_number(text: &str) -> bool {
    if matches!(text, ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF") {
        return true;
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let digits: String = text.chars().filter(|&c| c != '_').collect();
    is_integer(&digits) || is_float(&digits)
}

/// `strconv.ParseInt(text, 0, 64)` and the `0b` and `0o` forms of go-yaml; too large for 64 bits is then a float.
fn is_integer(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, radix) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&unsigned[2..], 16),
        [b'0', b'b' | b'B', ..] => (&unsigned[2..], 2),
        [b'0', b'o' | b'O', ..] => (&unsigned[2..], 8),
        [b'0', _, ..] => (&unsigned[1..], 8),
        _ => (unsigned, 10),
    };
    !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix))
}

/// go-yaml's `yamlStyleFloat`: `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`.
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
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
    exponent_holds && mantissa_holds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_of_yaml_1_1() {
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
