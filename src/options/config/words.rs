//! Messages about keys that a file may not contain.

use crate::options::config::options::{SettableBy, of_files};
use crate::output::sanitize;

/// Keys of the file that are not options.
pub(super) const OWN_KEYS: [&str; 5] = ["rules", "overrides", "mutable-tags", "allowed-registries", "kinds"];

/// How many characters of a file's own text are shown in a message.
pub(super) const MAX_QUOTED: usize = 100;

/// Returns why a file may not contain this key.
pub(super) fn refusal(key: &str, reach: SettableBy, discovered: bool) -> Option<String> {
    match reach {
        SettableBy::CommandLine => Some(format!("`{key}` can be set only on the command line: pass --{key}")),
        SettableBy::Rules => {
            Some(format!("`{key}` can be set only on the command line; in a file, write `rules: {{RULE: SEVERITY}}`"))
        }
        SettableBy::Operator(why) if discovered => Some(format!(
            "`{key}` cannot be set in a discovered configuration file, because a pull request can change that file: \
             {why}; pass --{key}, or pass a file that you trust with --config"
        )),
        SettableBy::Operator(_) | SettableBy::Repository | SettableBy::Inside => None,
    }
}

pub(super) fn unknown_key(key: &str) -> String {
    let known = of_files().map(|(long, _)| long).chain(OWN_KEYS);
    unknown(
        key,
        known,
        "the keys are the long names of the options (see --help), and rules, overrides, mutable-tags, \
                         allowed-registries, kinds",
    )
}

/// Returns the message for an unknown key, with the closest match.
pub(super) fn unknown<'k>(key: &str, known: impl Iterator<Item = &'k str>, hint: &str) -> String {
    let meant = key.trim_start_matches('-').to_ascii_lowercase().replace('_', "-");
    // A key as long as a file is not a typo, and comparing it would take too much time.
    let near = known.filter(|_| meant.len() <= MAX_QUOTED).map(|known| (strsim::osa_distance(&meant, known), known));
    let near = near.min().filter(|(distance, known)| distance * 3 <= known.len());
    match near {
        Some((_, near)) => format!("unknown key `{}`; did you mean `{near}`?", quoted(key)),
        None => format!("unknown key `{}`; {hint}", quoted(key)),
    }
}

pub(super) fn quoted(text: &str) -> String {
    sanitize::clip(text, MAX_QUOTED).into_owned()
}
