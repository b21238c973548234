//! `time.ParseDuration`, without negative times, and the strict form of RFC 3339 that `Time.UnmarshalJSON` accepts.

use std::time::Duration;

/// Parses a duration such as `300ms`, `1.5h`, `2h45m`; `None` if Go returns an error, or if it is below zero.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0)?;
        let (number, tail) = rest.split_at(digits);
        let units = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(units);
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// Whether a text is a time that `parseStrictRFC3339` of Go 1.26 accepts: `2026-11-29T08:00:00.5+01:00`.
pub(crate) fn is_rfc3339(text: &[u8]) -> bool {
    let number = |from: usize, to: usize, least: u32, most: u32| {
        let digits = text.get(from..to).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
        let value = digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        (least..=most).contains(&value).then_some(value)
    };
    let sign = |at: usize, sign: u8| (text.get(at) == Some(&sign)).then_some(());
    let read = || {
        let (year, month) = (number(0, 4, 0, 9999)?, number(5, 7, 1, 12)?);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        number(8, 10, 1, days)?;
        number(11, 13, 0, 23)?;
        number(14, 16, 0, 59)?;
        number(17, 19, 0, 59)?;
        [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')]
            .into_iter()
            .try_for_each(|(at, byte)| sign(at, byte))?;
        let digits = match text.get(19) {
            Some(b'.') => text.iter().skip(20).take_while(|byte| byte.is_ascii_digit()).count(),
            _ => 0,
        };
        let zone = if digits > 0 { 20 + digits } else { 19 };
        match text.get(zone..)? {
            b"Z" => Some(()),
            [b'+' | b'-', _, _, b':', _, _] => {
                number(zone + 1, zone + 3, 0, 23).and(number(zone + 4, zone + 6, 0, 59)).map(drop)
            }
            _ => None,
        }
    };
    read().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_as_in_go() {
        let table = [
            ("3s", Some(3_000)),
            ("1h", Some(3_600_000)),
            ("1.5m", Some(90_000)),
            ("1m30s500ms", Some(90_500)),
            ("0", Some(0)),
            ("+2s", Some(2_000)),
            ("", None),
            ("+", None),
            ("3", None),
            ("3d", None),
            ("-3s", None),
            ("1e3s", None),
            (".s", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_duration(text), expected.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn json_times_must_be_strict_rfc3339() {
        for good in [
            "2026-11-29T08:00:00Z",
            "2026-11-29T08:00:00.123456789Z",
            "2024-02-29T23:59:59+01:00",
            "0000-01-01T00:00:00-23:59",
        ] {
            assert!(is_rfc3339(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "2026-11-29",
            "2026-11-29 08:00:00Z",
            "2026-11-29t08:00:00z",
            "2026-11-29T8:00:00Z",
            "2026-11-29T08:00:00",
            "2026-11-29T08:00:00,5Z",
            "2026-11-29T08:00:00.Z",
            "2026-11-29T08:00:60Z",
            "2026-11-29T24:00:00Z",
            "2025-02-29T08:00:00Z",
            "2026-13-01T08:00:00Z",
            "2026-11-29T08:00:00+0100",
            "2026-11-29T08:00:00+24:00",
            "Sun, 29 Nov 2026 08:00:00 GMT",
        ] {
            assert!(!is_rfc3339(bad.as_bytes()), "{bad}");
        }
    }
}
