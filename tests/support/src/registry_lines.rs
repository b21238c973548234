//! Registries in one line per image, as the examples of the rules write them:
//!
//! ```text
//! # a comment, an empty line
//! ghcr.io/acme/api:1.9 = 404 MANIFEST_UNKNOWN        any status, with the registry's error code
//! ghcr.io/acme/api:1.9 = 429                         … or without
//! ghcr.io/acme/api:1.9 = 401 Bearer                  refused to all: a token is given, the manifest answers
//!                                                    401 insufficient_scope; a password is not known (token 401)
//! ghcr.io/acme/api:1.9 = 401 Basic                   refused to all by a Basic challenge
//! ghcr.io/acme/api:1.9 = 200                         a single image for linux/amd64, open to all
//! ghcr.io/acme/api:1.9 = 200 image linux/arm64       a single image for another platform
//! ghcr.io/acme/api:1.9 = 200 index linux/amd64,linux/arm64
//!                                                    several; - is an entry without platform
//! ghcr.io/acme/api:1.9 = 200 index linux/amd64 size 3GiB
//!                                                    the layers of every image in it, or of the one; MiB or GiB
//! ghcr.io/acme/api:1.9 = 200 at sha256:…             the tag leads to this digest, which answers too
//! ghcr.io/acme/api:1.9 = 200 manifest application/vnd.docker.distribution.manifest.v1+prettyjws
//! ghcr.io/acme/api:1.9 = 200 artifact                a Helm chart
//! ghcr.io/acme/api:1.9 = 200 private USER:PASSWORD   only this user, by token; others as under 401 Bearer
//! ghcr.io/acme/api:1.9 = 200 basic USER:PASSWORD     only this user, by a Basic challenge
//! ghcr.io/acme/api:1.9 = 200 public                  everyone without a password, by token; no password is known
//! ghcr.io/acme/api:1.9 = 200 3 pulls left            … with Docker Hub's rate limit headers
//! reg.example/acme/api:1.9 = plain http              an HTTP answer on the port of TLS
//! reg.example/acme/api:1.9 = unknown authority       a certificate of an authority that nobody knows; likewise
//!                                                    `wrong name` and `expired certificate`
//! gchr.io/acme/api:1.9 = no such host                there is no such name; a server has nothing to say then
//! ghcr.io/acme/api tags: 1.8, 1.8.2, 1.10            what tags/list shows; else the tags that answer 200
//! ```
//!
//! `private`, `basic` and `public` hold for the whole repository and may follow everything else behind `200`; on a
//! `404` line they say that the tag is missing in a guarded repository. A name without registry is Docker Hub's. An
//! image that no line names answers 404: `MANIFEST_UNKNOWN` where the repository is known, else `NAME_UNKNOWN`.
//!
//! The lines are plain data ([`Line`]), for a fake prober; [`apply`] puts them into a [`Script`] for the wire.

use crate::access::{Access, Bearer};
use crate::answer::Answer;
use crate::name::Name;
use crate::repository::RepositoryScript;
use crate::script::Script;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// What an image answers.
    Image {
        /// The image.
        name: Name,
        /// What it answers to those that may read it.
        reply: Reply,
        /// Who may read its repository.
        access: Guard,
    },
    /// What `tags/list` shows.
    Tags {
        /// The repository; the target means nothing.
        name: Name,
        /// The tags.
        tags: Vec<String>,
    },
}

/// What an image answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A single-platform image.
    Image,
    /// An index with these platforms.
    Index(Vec<String>),
    /// A single image for this platform.
    ImageFor(String),
    /// The image or index, whose layers have this size in bytes.
    Sized(Box<Self>, u64),
    /// A single image at this digest.
    At(String),
    /// A manifest of this media type.
    Manifest(String),
    /// A Helm chart.
    Artifact,
    /// Another status, with the registry's error code.
    Status(u16, Option<String>),
    /// 401 to everyone, after a token.
    Bearer,
    /// 401 to everyone, by a Basic challenge.
    Basic,
    /// A single-platform image, and how many pulls are left.
    PullsLeft(u64),
    /// Nothing comes of the connection, for this reason.
    Unreachable(Fault),
}

/// Why nothing comes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The registry's name does not exist.
    NoSuchHost,
    /// An HTTP answer on the port of TLS.
    PlainHttp,
    /// A certificate of an authority that nobody knows.
    UnknownAuthority,
    /// A certificate for another name.
    WrongName,
    /// A certificate that is out of date.
    Expired,
}

impl Fault {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "no such host" => Self::NoSuchHost,
            "plain http" => Self::PlainHttp,
            "unknown authority" => Self::UnknownAuthority,
            "wrong name" => Self::WrongName,
            "expired certificate" => Self::Expired,
            _ => return None,
        })
    }
}

/// Who may read a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Guard {
    /// Everyone.
    #[default]
    Open,
    /// Everyone without a password, by token; no password is known.
    Public,
    /// This user and password, by token.
    Private(String, String),
    /// This user and password, by a Basic challenge.
    Basic(String, String),
}

/// Reads a script. The error names the line that is not understood.
pub fn parse(text: &str) -> Result<Vec<Line>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| parse_line(line).ok_or_else(|| format!("not a registry line: {line}"))).collect()
}

fn parse_line(line: &str) -> Option<Line> {
    if let Some((name, tags)) = line.split_once(" tags:") {
        let tags = tags.split(',').map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect();
        return Some(Line::Tags { name: Name::parse(name.trim()), tags });
    }
    let (name, answer) = line.split_once(" = ")?;
    if let Some(fault) = Fault::parse(answer) {
        let reply = Reply::Unreachable(fault);
        return Some(Line::Image { name: Name::parse(name.trim()), reply, access: Guard::Open });
    }
    let left = answer.strip_prefix("200 ").and_then(|rest| rest.strip_suffix(" left")?.split_once(' '));
    if let Some((count, "pull" | "pulls")) = left {
        let reply = Reply::PullsLeft(count.parse().ok()?);
        return Some(Line::Image { name: Name::parse(name.trim()), reply, access: Guard::Open });
    }
    let mut words = answer.split_whitespace().peekable();
    let status: u16 = words.next()?.parse().ok()?;
    let reply = match (status, words.peek().copied()) {
        (200, Some("index")) => {
            words.next();
            Reply::Index(words.next()?.split(',').map(str::to_owned).collect())
        }
        (200, Some("manifest")) => {
            words.next();
            Reply::Manifest(words.next()?.to_owned())
        }
        (200, Some("image")) => {
            words.next();
            Reply::ImageFor(words.next()?.to_owned())
        }
        (200, Some("at")) => {
            words.next();
            Reply::At(words.next()?.to_owned())
        }
        (200, Some("artifact")) => words.next().map(|_| Reply::Artifact)?,
        (200, _) => Reply::Image,
        (401, Some("Bearer")) => words.next().map(|_| Reply::Bearer)?,
        (401, Some("Basic")) => words.next().map(|_| Reply::Basic)?,
        (status, _) => Reply::Status(
            status,
            words.next_if(|word| !matches!(*word, "private" | "basic" | "public")).map(str::to_owned),
        ),
    };
    let reply = match words.next_if(|word| *word == "size") {
        Some(_) => Reply::Sized(Box::new(reply), bytes(words.next()?)?),
        None => reply,
    };
    let access = match words.next() {
        None => Guard::Open,
        Some("public") => Guard::Public,
        Some(kind) => {
            let (user, password) = words.next()?.split_once(':')?;
            match kind {
                "private" => Guard::Private(user.to_owned(), password.to_owned()),
                "basic" => Guard::Basic(user.to_owned(), password.to_owned()),
                _ => return None,
            }
        }
    };
    words.next().is_none().then(|| Line::Image { name: Name::parse(name.trim()), reply, access })
}

/// `500MiB`, `3GiB`.
fn bytes(text: &str) -> Option<u64> {
    let (number, shift) = match text.split_at_checked(text.len().checked_sub(3)?)? {
        (number, "MiB") => (number, 20),
        (number, "GiB") => (number, 30),
        _ => return None,
    };
    Some(number.parse::<u64>().ok()? << shift)
}

/// Puts the lines into a server's script, each under its registry's name.
pub fn apply(lines: &[Line], script: &mut Script) {
    for line in lines {
        match line {
            Line::Tags { name, tags } => {
                let held = script.host(&name.registry).repositories.entry(name.repository.clone()).or_default();
                held.tags(tags.iter().map(String::as_str));
            }
            Line::Image { reply: Reply::Unreachable(_), .. } => {}
            Line::Image { name, reply, access } => apply_image(script, name, reply, access),
        }
    }
}

fn apply_image(script: &mut Script, name: &Name, reply: &Reply, access: &Guard) {
    let repository = script.host(&name.registry).repositories.entry(name.repository.clone()).or_default();
    let target = name.target.as_str();
    match access {
        Guard::Open => {}
        Guard::Public => {
            repository.access(Access::Bearer(Bearer::public()));
        }
        Guard::Private(user, password) => {
            repository.access(Access::Bearer(Bearer::private(user, password)));
        }
        Guard::Basic(user, password) => {
            repository.access(Access::Basic(vec![(user.clone(), password.clone())]));
        }
    }
    apply_reply(repository, target, reply, None);
}

fn apply_reply(repository: &mut RepositoryScript, target: &str, reply: &Reply, size: Option<u64>) {
    let size = size.unwrap_or(4_000_000);
    match reply {
        Reply::Image => repository.image_for(target, "linux/amd64", size),
        Reply::ImageFor(platform) => repository.image_for(target, platform, size),
        Reply::Index(platforms) => {
            repository.index_of(target, &platforms.iter().map(String::as_str).collect::<Vec<_>>(), size)
        }
        Reply::Sized(reply, size) => return apply_reply(repository, target, reply, Some(*size)),
        Reply::At(digest) => repository.at(target, digest),
        Reply::Manifest(media_type) => repository.manifest(target, media_type, r#"{"schemaVersion":2}"#),
        Reply::Artifact => repository.artifact(target),
        Reply::Status(status, code) => repository.answer(
            target,
            match code {
                Some(code) => Answer::error(*status, code, &code.to_lowercase().replace('_', " ")),
                None => Answer::status(*status),
            },
        ),
        Reply::Bearer => {
            let nobody = Bearer { anonymous: None, ..Bearer::public() };
            repository.challenge(target, Access::Bearer(nobody))
        }
        Reply::Basic => repository.challenge(target, Access::Basic(Vec::new())),
        Reply::PullsLeft(count) => repository.image(target).header("ratelimit-remaining", &format!("{count};w=21600")),
        Reply::Unreachable(_) => repository,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_line_is_read() {
        let lines = parse(
            "# shop\n\
             ghcr.io/acme/api:1.9 = 404 MANIFEST_UNKNOWN\n\
             nginx = 200 index linux/amd64,linux/arm64\n\
             reg.example:5000/a/b:1 = 200 private bob:s3:cret\n\
             quay.io/x/y:2 = 401 Bearer\n\
             quay.io/x/z:2 = 200 public\n\
             quay.oi/x/y:2 = no such host\n\
             quay.io/x/y:3 = 200 image linux/arm64 public\n\
             quay.io/x/y:4 = 200 index linux/arm64,- size 3GiB\n\
             quay.io/x/y:5 = 200 at sha256:ab\n\
             redis:7 = 200 1 pull left\n\
             quay.io/x/y tags: 1, 2.0\n",
        )
        .unwrap();
        let name = |registry: &str, repository: &str, target: &str| Name {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            target: target.to_owned(),
        };
        let image = |name, reply, access| Line::Image { name, reply, access };
        assert_eq!(
            lines,
            [
                image(
                    name("ghcr.io", "acme/api", "1.9"),
                    Reply::Status(404, Some("MANIFEST_UNKNOWN".to_owned())),
                    Guard::Open
                ),
                image(
                    name("docker.io", "library/nginx", "latest"),
                    Reply::Index(vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()]),
                    Guard::Open
                ),
                image(
                    name("reg.example:5000", "a/b", "1"),
                    Reply::Image,
                    Guard::Private("bob".to_owned(), "s3:cret".to_owned())
                ),
                image(name("quay.io", "x/y", "2"), Reply::Bearer, Guard::Open),
                image(name("quay.io", "x/z", "2"), Reply::Image, Guard::Public),
                image(name("quay.oi", "x/y", "2"), Reply::Unreachable(Fault::NoSuchHost), Guard::Open),
                image(name("quay.io", "x/y", "3"), Reply::ImageFor("linux/arm64".to_owned()), Guard::Public),
                image(
                    name("quay.io", "x/y", "4"),
                    Reply::Sized(Box::new(Reply::Index(vec!["linux/arm64".to_owned(), "-".to_owned()])), 3 << 30),
                    Guard::Open
                ),
                image(name("quay.io", "x/y", "5"), Reply::At("sha256:ab".to_owned()), Guard::Open),
                image(name("docker.io", "library/redis", "7"), Reply::PullsLeft(1), Guard::Open),
                Line::Tags { name: name("quay.io", "x/y", "latest"), tags: vec!["1".to_owned(), "2.0".to_owned()] },
            ]
        );
    }

    #[test]
    fn unknown_line_is_quoted_in_the_error() {
        assert_eq!(parse("a/b:1 = 200 nonsense"), Err("not a registry line: a/b:1 = 200 nonsense".to_owned()));
        assert_eq!(parse("a/b:1"), Err("not a registry line: a/b:1".to_owned()));
    }
}
