//! What a user and a password reveal by themselves: that they are an example's, or have white space at either end.

use crate::credential::pair::Credential;
use crate::text::placeholder::{is_placeholder, looks_unfilled};

/// Passwords in examples, in lower case and without the characters between the letters.
const EXAMPLES: &[&str] = &[
    "",
    "bar",
    "baz",
    "changeit",
    "changeme",
    "default",
    "dummy",
    "empty",
    "example",
    "fake",
    "foo",
    "foobar",
    "hunter2",
    "mypassword",
    "mysecret",
    "mytoken",
    "none",
    "null",
    "pass",
    "passwd",
    "password",
    "placeholder",
    "pw",
    "pwd",
    "redacted",
    "removed",
    "replaceme",
    "sample",
    "secret",
    "test",
    "todo",
    "token",
    "user",
    "username",
];

/// Prefixes of passwords that are meant to be replaced.
const SAYS_SO: &[&str] = &[
    "your",
    "replace",
    "insert",
    "enter",
    "todo",
    "change",
    "example",
    "placeholder",
    "redacted",
    "notareal",
    "notreal",
];

/// Whether a credential is an example's, or one to be filled in later.
pub(crate) fn is_stand_in(credential: &Credential) -> bool {
    let password = credential.password.expose().trim_matches(['\n', '\r', '\0', ' ']);
    let letters: String = password.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let first = letters.chars().next();
    is_placeholder(password)
        || looks_unfilled(password) && !password.bytes().any(|byte| byte.is_ascii_digit())
        || EXAMPLES.contains(&&*letters)
        || letters.chars().all(|letter| Some(letter) == first)
        || SAYS_SO.iter().any(|word| letters.starts_with(word))
}

/// Whether a user is what a shell leaves of a robot account of Harbor: `robot$ci` in double quotes becomes `robot`,
/// and a project's `robot$shop+ci` becomes `robot+ci`.
pub(crate) fn is_cut_robot(credential: &Credential) -> bool {
    let user = credential.username.expose();
    user.ends_with("robot") || user.starts_with("robot+")
}

/// The help for [`white_space`].
pub(crate) const WITHOUT_WHITE_SPACE: &str = "remove it from the user and password: `printf %s user:password | \
                                              base64` creates an `auth`, while `echo` adds a line break; or use \
                                              `kubectl create secret docker-registry`";

/// Returns what is wrong with the white space of a credential: it is sent exactly as written.
pub(crate) fn white_space(credential: &Credential) -> Option<&'static str> {
    let (user, password) = (credential.username.expose(), credential.password.expose());
    let is_blank = |c: char| c.is_whitespace() || c.is_control();
    Some(match password.chars().next_back() {
        Some('\n') => "the password ends in a line break",
        Some('\r') => "the password ends in a carriage return",
        Some('\0') => "the password ends in a NUL byte",
        Some(last) if is_blank(last) => "the password ends in whitespace",
        _ if password.starts_with(is_blank) => "the password begins with whitespace",
        _ if user.starts_with(is_blank) || user.ends_with(is_blank) => "the user name begins or ends with whitespace",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::sensitive::Sensitive;

    fn credential(user: &str, password: &str) -> Credential {
        Credential { username: Sensitive::new(user), password: Sensitive::new(password) }
    }

    #[test]
    fn placeholder_passwords_are_distinguished_from_real_ones() {
        for password in
            ["", "password", "changeme", "xxxxxxxx", "your-token", "<TOKEN>", "${TOKEN}", "hunter2", "PASSWORD"]
        {
            assert!(is_stand_in(&credential("bob", password)), "{password}");
        }
        for password in ["Harbor12345", "dckr_pat_aB3", "s3cr3t!x", "correct-horse", "ghp_0123ab", "GLDT1234"] {
            assert!(!is_stand_in(&credential("bob", password)), "{password}");
        }
    }

    #[test]
    fn truncated_robot_account_is_recognized() {
        for (user, cut) in [("robot", true), ("robot+ci", true), ("robot$ci", false), ("robot$shop+ci", false)] {
            assert_eq!(is_cut_robot(&credential(user, "p")), cut, "{user}");
        }
        assert!(!is_cut_robot(&credential("robots", "p")) && !is_cut_robot(&credential("", "p")));
    }

    #[test]
    fn whitespace_around_credentials_is_reported() {
        assert_eq!(white_space(&credential("bob", "p\n")), Some("the password ends in a line break"));
        assert_eq!(white_space(&credential("bob", "p\0")), Some("the password ends in a NUL byte"));
        assert_eq!(white_space(&credential("bob", " p")), Some("the password begins with whitespace"));
        assert_eq!(white_space(&credential("bob ", "p")), Some("the user name begins or ends with whitespace"));
        assert_eq!(white_space(&credential("bob", "p w")), None);
    }
}
