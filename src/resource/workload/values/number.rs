//! Numbers as Helm prints them.

use crate::text::yaml::Node;
use crate::text::yaml::scalar::Scalar;

/// Returns the text that a chart gets when it prints a scalar; `None` if that depends on the chart.
///
/// Values go through JSON, so that each number is a `float64`: `1.10` is printed as `1.1`, and `20240101` as
/// `2.0240101e+07` unless the chart converts it (`chartutil.ReadValues` of Helm v3, `fmt` of Go).
pub(super) fn printed(node: Node<'_>) -> Option<String> {
    let text = node.text()?;
    match node.scalar()? {
        Scalar::String(text) => Some(text.to_owned()),
        Scalar::Number => {
            let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            // A zero before other digits makes an octal number.
            let is_octal = text.len() > 1 && text.starts_with('0') && !text.starts_with("0.");
            let number = text.parse::<f64>().ok().filter(|_| is_decimal && !is_octal)?;
            (number == 0.0 || (1e-4..1e6).contains(&number)).then(|| number.to_string())
        }
        _ => None,
    }
}
