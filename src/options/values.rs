//! The syntax of the values of options.

use std::path::PathBuf;
use std::time::Duration;

use globset::Glob;

use crate::kubelet::operator::Named;
use crate::kubelet::operator::NodeCredentials;

/// The value of one `--pull-secret`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSecretFile {
    /// The namespace and name of the pull secret.
    pub named: Named,
    /// The file that contains its dockerconfigjson.
    pub file: PathBuf,
}

pub(crate) fn pull_secret(text: &str) -> Result<PullSecretFile, String> {
    let hint = "write [NAMESPACE/]NAME=FILE";
    let (named, file) = text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or(hint)?;
    Ok(PullSecretFile { named: named.parse()?, file: file.into() })
}

/// A pattern of paths, as it is written.
pub(crate) fn glob(text: &str) -> Result<String, String> {
    Glob::new(text).map(|_| text.to_owned()).map_err(|error| error.kind().to_string())
}

/// A pattern of hosts, as it is written.
pub(crate) fn node_credentials(text: &str) -> Result<String, String> {
    let text = text.to_owned();
    NodeCredentials::new(std::slice::from_ref(&text)).map(|_| text)
}

/// `15s`, `500ms`, `2m`, `1h`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{unit}` is not a unit of time; use ms, s, m, or h")),
    };
    let number: f64 = number.parse().map_err(|_| "expected a number and a unit, for example 15s".to_owned())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())
}

/// `2GiB`, `500MB`, `1.5G`; a bare number is bytes. `K`, `M`, `G` and `T` alone are binary, as in `docker` options.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "k" | "ki" | "kib" => 1024.0,
        "m" | "mi" | "mib" => 1024.0 * 1024.0,
        "g" | "gi" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "t" | "ti" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(format!("`{unit}` is not a unit of size; use KiB, MiB, GiB, or KB, MB, GB")),
    };
    let number: f64 = number.parse().map_err(|_| "expected a number and a unit, for example 2GiB".to_owned())?;
    let bytes = number * unit;
    if bytes < 1.0 { Err("at least one byte".to_owned()) } else { Ok(bytes as u64) }
}

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_with_units() {
        assert_eq!(duration("15s"), Ok(Duration::from_secs(15)));
        assert_eq!(duration("0.5s"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("3"), Ok(Duration::from_secs(3)));
        assert!(duration("3d").is_err() && duration("s").is_err() && duration("-1s").is_err());
    }

    #[test]
    fn sizes_are_parsed_with_units() {
        assert_eq!(size("2GiB"), Ok(2 << 30));
        assert_eq!(size("1.5g"), Ok(3 << 29));
        assert_eq!((size("500MB"), size("7")), (Ok(500_000_000), Ok(7)));
        for text in ["", "GiB", "2 parsecs", "-1GiB", "0", "1.2.3MB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
