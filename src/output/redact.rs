//! Removes secrets from text: the last line of defense at the edge, for anything that the types did not prevent.
//!
//! A secret is searched for as it is, trimmed, as the sanitizer or JSON would write it, percent-encoded, and inside
//! base64 at any offset, also twice: `base64(user:password)` within the base64 of a whole dockerconfigjson. The
//! search is one pass of an automaton, linear in the text, and finds overlapping secrets.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{AhoCorasick, Anchored, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::sanitize;

/// Secrets shorter than this, in bytes, are not searched for: they would replace ordinary words (`admin`, `1234`,
/// `app`) and so reveal more than they hide. The types of the crate keep them out of messages.
pub const SHORTEST: usize = 6;

/// Secrets shorter than this, in bytes, are not replaced in names: `secret` as a password must not turn the pull
/// secret `shop-secret` into `shop-***`, which would be a false report. Names appear in the manifests in clear
/// anyway.
pub const SHORTEST_IN_NAMES: usize = 12;

/// The replacement for a secret.
pub const MARK: &str = "***";

/// Knows all secrets of a run. The secrets are in its memory, so it lives only as long as the output; its `Debug`
/// shows only their number.
#[derive(Default)]
pub struct Redactor {
    automaton: Option<NFA>,
    forms: Vec<Spelling>,
    names: Option<AhoCorasick>,
}

/// One spelling of a secret.
#[derive(Debug, Clone, Copy, Default)]
struct Spelling {
    /// Whether the base64 character before it contains a few bits of the secret.
    before: bool,
    /// Whether the base64 character after it contains a few bits of the secret.
    after: bool,
    /// The length of the secret itself, in bytes.
    length: usize,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("forms", &self.forms.len()).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Builds a redactor for these secrets.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let mut forms = Forms::default();
        for secret in secrets {
            forms.add_all(secret);
        }
        let automaton = match forms.0.len() {
            0 => None,
            // The builder fails only past 2^31 states: then nothing can be guaranteed, so nothing is shown.
            _ => NFA::builder().match_kind(MatchKind::Standard).build(forms.0.keys()).ok(),
        };
        Self { automaton, forms: forms.0.into_values().collect(), names: None }
    }

    /// Returns a redactor that leaves these names alone if they appear as whole words: paths of files, names of
    /// objects, ids of rules. Names are not secrets, whatever a Secret contains: the password `password` must not
    /// make `1***-connect.yaml` of a path.
    #[must_use]
    pub fn sparing<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Self {
        // Few names contain a secret, so that the search for them usually costs nothing.
        let at_risk: BTreeSet<&str> = match self.forms.is_empty() {
            true => BTreeSet::new(),
            false => names.into_iter().filter(|name| !self.ranges(name).is_empty()).collect(),
        };
        // The builder fails only past 2^31 states: then no name is spared.
        let names = if at_risk.is_empty() { None } else { AhoCorasick::new(at_risk).ok() };
        Self { names, ..self }
    }

    /// Returns the ranges at which spared names appear as whole words: disjoint, in order.
    fn spared(&self, text: &str) -> Vec<Range<usize>> {
        let mut spared = Vec::new();
        let is_within_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        for found in self.names.iter().flat_map(|names| names.find_overlapping_iter(text)) {
            let before = text.get(..found.start()).and_then(|before| before.chars().next_back());
            let after = text.get(found.end()..).and_then(|after| after.chars().next());
            if !is_within_word(before) && !is_within_word(after) {
                merge(&mut spared, found.range());
            }
        }
        spared
    }

    /// Returns the ranges of secrets: disjoint, in order.
    pub fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        self.ranges_of(text, SHORTEST)
    }

    /// Returns the ranges of secrets of at least `shortest` bytes.
    fn ranges_of(&self, text: &str, shortest: usize) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let Some(automaton) = &self.automaton else {
            if !self.forms.is_empty() && !text.is_empty() {
                found.push(0..text.len());
            }
            return found;
        };
        let bytes = text.as_bytes();
        let spared = self.spared(text);
        let is_spared = |range: &Range<usize>| {
            let next = spared.partition_point(|name| name.end < range.end);
            spared.get(next).is_some_and(|name| name.start <= range.start)
        };
        let Ok(mut state) = automaton.start_state(Anchored::No) else { return found };
        for (at, &byte) in bytes.iter().enumerate() {
            state = automaton.next_state(Anchored::No, state, byte);
            if automaton.is_match(state) {
                // The first of a state's patterns is the longest that ends here; the others are inside it.
                let pattern = automaton.match_pattern(state, 0);
                let start = at + 1 - automaton.pattern_len(pattern);
                let Spelling { before, after, length } = self.forms[pattern.as_usize()];
                if length < shortest || is_spared(&(start..at + 1)) {
                    continue;
                }
                let start = start - usize::from(before && start > 0 && is_base64(bytes[start - 1]));
                let end = at + 1 + usize::from(after && bytes.get(at + 1).copied().is_some_and(is_base64));
                merge(&mut found, start..end);
            }
        }
        found
    }

    /// Returns the text with every secret replaced by [`MARK`].
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        replace(text, self.ranges(text))
    }

    /// Redacts a name that appears in the manifests in clear: short secrets are left alone.
    pub fn redact_name<'t>(&self, text: &'t str) -> Cow<'t, str> {
        replace(text, self.ranges_of(text, SHORTEST_IN_NAMES))
    }
}

fn replace(text: &str, found: Vec<Range<usize>>) -> Cow<'_, str> {
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for range in found {
        out.push_str(&text[done..range.start]);
        out.push_str(MARK);
        done = range.end;
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// Adds a range that ends after all others, and merges those that it touches.
fn merge(found: &mut Vec<Range<usize>>, mut range: Range<usize>) {
    while let Some(last) = found.pop_if(|last| last.end >= range.start) {
        range = last.start.min(range.start)..last.end.max(range.end);
    }
    found.push(range);
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// All spellings to search for, with their edges.
#[derive(Default)]
struct Forms(BTreeMap<Vec<u8>, Spelling>);

impl Forms {
    fn add_all(&mut self, secret: &str) {
        self.add_text(secret);
        let trimmed = secret.trim();
        self.add_text(trimmed);
        // A private key or a service account's JSON: a snippet would show it line by line.
        for line in trimmed.lines().map(str::trim).filter(|line| line.len() >= 20) {
            self.add_text(line);
        }
    }

    fn add_text(&mut self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let length = secret.len();
        self.add(secret.as_bytes().to_vec(), length);
        self.add(sanitize::line(secret).into_owned().into_bytes(), length);
        if let Ok(json) = serde_json::to_string(secret) {
            let json = &json[1..json.len() - 1];
            // Go's encoder escapes these for HTML.
            let go = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
            self.add(go.into_bytes(), length);
            self.add(json.as_bytes().to_vec(), length);
        }
        // Characters that are not encoded: by the most careful, by RFC 3986 and Go's QueryEscape, by
        // encodeURIComponent, by Go's PathEscape.
        for kept in [&b""[..], b"-._~", b"-._~!*'()", b"-._~$&+=:@"] {
            for upper in [true, false] {
                let encoded = percent(secret.as_bytes(), kept, upper);
                self.add(encoded.replace("%20", "+").into_bytes(), length);
                self.add(encoded.into_bytes(), length);
            }
        }
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            for (once, (before, after)) in base64_forms(secret.as_bytes(), &engine) {
                for (twice, (before, after)) in base64_forms(&once, &STANDARD_NO_PAD) {
                    self.insert(twice, Spelling { before, after, length });
                }
                self.insert(once, Spelling { before, after, length });
            }
        }
    }

    fn add(&mut self, form: Vec<u8>, length: usize) {
        if form.len() >= SHORTEST {
            self.insert(form, Spelling { length, ..Spelling::default() });
        }
    }

    /// Two secrets can share a spelling: the longer one decides.
    fn insert(&mut self, form: Vec<u8>, found: Spelling) {
        let known = self.0.entry(form).or_insert(found);
        if known.length < found.length {
            *known = found;
        }
    }
}

fn percent(secret: &[u8], kept: &[u8], upper: bool) -> String {
    let mut out = String::with_capacity(secret.len() * 3);
    for &byte in secret {
        match byte {
            _ if byte.is_ascii_alphanumeric() || kept.contains(&byte) => out.push(char::from(byte)),
            _ if upper => out.push_str(&format!("%{byte:02X}")),
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

/// Returns the characters that `bytes` alone decide in a base64 text, for each of the three offsets at which they
/// can begin, and whether the adjacent characters contain the rest of their bits.
fn base64_forms(bytes: &[u8], engine: &GeneralPurpose) -> [(Vec<u8>, (bool, bool)); 3] {
    [0, 1, 2].map(|offset| {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(bytes);
        let bits = shifted.len() * 8;
        let encoded = engine.encode(&shifted).into_bytes();
        let decided = encoded.get((offset * 8).div_ceil(6)..bits / 6).unwrap_or_default().to_vec();
        (decided, (offset != 0, bits % 6 != 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    const CANARY: &str = "c4nary?>&\"pässwörd/+ x";

    fn redactor() -> Redactor {
        Redactor::new([CANARY])
    }

    #[test]
    fn plain_secret_is_redacted() {
        assert_eq!(redactor().redact(&format!("login with {CANARY}!")), "login with ***!");
        assert!(matches!(redactor().redact("nothing here"), Cow::Borrowed("nothing here")));
        assert!(matches!(Redactor::default().redact(CANARY), Cow::Borrowed(_)));
    }

    #[test]
    fn secret_in_json_is_redacted() {
        let json = serde_json::json!({ "password": CANARY }).to_string();
        assert_eq!(redactor().redact(&json), r#"{"password":"***"}"#);
        let go = json.replace('>', "\\u003e").replace('&', "\\u0026");
        assert_eq!(redactor().redact(&go), r#"{"password":"***"}"#);
    }

    #[test]
    fn secret_in_base64_is_redacted_at_every_offset() {
        for before in ["", "u", "us", "use", "user", "a-long-user:"] {
            for after in ["", "1", "12", "123"] {
                let text = format!("{before}{CANARY}{after}");
                for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text), STANDARD_NO_PAD.encode(&text)] {
                    let shown = redactor().redact(&encoded).into_owned();
                    let left = shown.replace(MARK, "").len();
                    assert!(shown.contains(MARK), "{shown}");
                    assert!(left <= (before.len() + after.len()) * 8 / 6 + 3, "{encoded} -> {shown}");
                }
            }
        }
    }

    #[test]
    fn secret_in_an_encoded_docker_config_is_redacted() {
        let auth = STANDARD.encode(format!("robot:{CANARY}"));
        let config = STANDARD.encode(format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}"}}}}}}"#));
        let shown = redactor().redact(&config).into_owned();
        assert!(shown.contains(MARK), "{shown}");
        let decoded = STANDARD_NO_PAD.encode(&auth);
        assert!(!shown.contains(&decoded[12..24]), "{shown}");
    }

    #[test]
    fn secret_in_a_url_is_redacted() {
        for form in ["c4nary%3F%3E%26%22p%C3%A4ssw%C3%B6rd%2F%2B%20x", "c4nary%3f%3e%26%22p%c3%a4ssw%c3%b6rd%2f%2b+x"] {
            assert_eq!(redactor().redact(&format!("https://u:{form}@h/")), "https://u:***@h/");
        }
        assert_eq!(redactor().redact("c4nary%3F%3E&%22p%C3%A4ssw%C3%B6rd%2F+%20x"), "***");
    }

    #[test]
    fn sanitized_secret_is_redacted() {
        let redactor = Redactor::new(["pass\u{1b}word\n"]);
        assert_eq!(redactor.redact(&sanitize::line("<pass\u{1b}word\n>")), "<***>");
        assert_eq!(redactor.redact("<pass\u{1b}word>"), "<***>");
    }

    #[test]
    fn single_line_of_a_key_is_redacted() {
        let key = "-----BEGIN KEY-----\n  MIIEvQIBADANBgkqhkiG9w0BAQ\n-----END-----";
        assert_eq!(Redactor::new([key]).redact("  MIIEvQIBADANBgkqhkiG9w0BAQ"), "  ***");
    }

    #[test]
    fn short_secrets_are_not_redacted() {
        assert_eq!(
            Redactor::new(["admin", "", "abc   \n"]).redact("admin YWRtaW4= abc YWJj"),
            "admin YWRtaW4= abc YWJj"
        );
        assert_eq!(Redactor::new(["admin1"]).redact("admin1"), MARK);
    }

    #[test]
    fn nested_and_overlapping_secrets_are_redacted() {
        let redactor = Redactor::new(["abcdef", "abcdefghij", "defghijkl"]);
        assert_eq!(redactor.redact("-abcdefghijkl-abcdef-"), "-***-***-");
        assert_eq!(redactor.redact("abcdefabcdef"), "***");
    }

    #[test]
    fn many_nested_secrets_are_redacted_in_linear_time() {
        let secrets: Vec<String> = (6..800).map(|n| "a".repeat(n)).collect();
        let redactor = Redactor::new(secrets.iter().map(String::as_str));
        assert_eq!(redactor.redact(&"a".repeat(1_000_000)), MARK);
    }

    #[test]
    fn spared_names_are_not_redacted_as_whole_words() {
        let redactor = Redactor::new(["password", "hunter2hunter2"]);
        let names = ["apps/1password-connect.yaml", "password", "shop"];
        let redactor = redactor.sparing(names);
        for text in ["apps/1password-connect.yaml:3:4", "the pull secret \"password\"", "shop"] {
            assert_eq!(redactor.redact(text), text);
        }
        assert_eq!(redactor.redact("password hunter2hunter2 passwords"), "password *** ***s");
        assert_eq!(redactor.redact("x/1password-connect.yaml"), "x/1***-connect.yaml");
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", Redactor::new(["hunter2hunter2"]));
        assert!(!shown.contains("hunter2") && shown.contains("Redactor"), "{shown}");
    }
}
