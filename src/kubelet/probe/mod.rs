//! The questions to a registry, and every answer it can give: the one type between the network and the rules.
//!
//! `plan` contains the questions about one image. `order` determines their order, one after the other. Nothing here
//! does I/O; [`Prober`] is implemented by `registry` over the network and by a table in tests.

pub mod order;
pub mod plan;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::credential::pair::Credential;
use crate::image::manifest::{Config, ManifestBody};
use crate::image::platform::Platform;
use crate::image::reference::Reference;
use crate::kubelet::probe::plan::Depth;

/// The tag or digest by which a manifest is requested. If a reference has both, the digest is pulled (containerd's
/// `ParseDockerRef` drops the tag).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TagOrDigest {
    /// A tag; `latest` is filled in if the kubelet does so.
    Tag(String),
    /// A digest in the form `algorithm:hex`.
    Digest(String),
}

impl TagOrDigest {
    /// The text as used in the manifest URL.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(text) | Self::Digest(text) => text,
        }
    }
}

/// One question to a registry: one manifest with one credential. Used as the key for deduplication.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The registry as the normalized reference names it: `docker.io`, `ghcr.io`, `reg.local:5000`.
    pub registry: String,
    /// The repository path, with `library/` filled in for Docker Hub.
    pub repository: String,
    /// The requested tag or digest.
    pub target: TagOrDigest,
    /// The credential that the kubelet would send; `None` is an anonymous pull.
    pub credential: Option<Credential>,
}

impl Attempt {
    /// The question for `image` with one credential. An empty username is an anonymous pull in containerd and
    /// CRI-O alike (containerd `internal/cri/server/images/image_pull.go`, `ParseAuth`).
    pub fn new(image: &Reference, credential: Option<&Credential>) -> Self {
        let target = match image.digest() {
            Some(digest) => TagOrDigest::Digest(digest.to_owned()),
            None => TagOrDigest::Tag(image.tag().unwrap_or("latest").to_owned()),
        };
        Self {
            registry: image.registry().to_owned(),
            repository: image.repository().to_owned(),
            target,
            credential: None,
        }
        .with(credential)
    }

    /// Returns this question with another credential.
    #[must_use]
    pub fn with(&self, credential: Option<&Credential>) -> Self {
        Self { credential: credential.filter(|credential| !credential.is_anonymous()).cloned(), ..self.clone() }
    }
}

/// A registry's answer to one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The manifest exists and this credential may read it.
    Found(Manifest),
    /// The registry knows no such tag, digest or repository.
    Absent(Evidence),
    /// The registry refuses this credential, or asks for one.
    Denied(Denial, Evidence),
    /// Not determined: never a pass, never "absent".
    Unknown(Unknown, Evidence),
}

/// A manifest that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// `Docker-Content-Digest`, if it is a valid digest.
    pub digest: Option<String>,
    /// Media type from `Content-Type`, without parameters.
    pub media_type: Option<String>,
    /// Compressed size in bytes of config and layers, if requested.
    pub size: Option<u64>,
    /// The manifest's platforms, if they were read: those of an index without attestations, or that of a single
    /// image.
    pub platforms: Option<Vec<Platform>>,
    /// Why the runtime refuses the manifest although it exists.
    pub defect: Option<Defect>,
    /// The manifest's own length in bytes, if that is the defect and is known.
    pub length: Option<u64>,
    /// Whether the runtime has to fetch the manifest to learn its digest, if it is schema 1.
    pub fetched_for_digest: bool,
    /// `Docker-Content-Digest` as it was sent, if that is the defect.
    pub digest_header: Option<String>,
    /// The manifest's content, if the registry could confirm its existence only by `GET`.
    pub content: Option<Arc<ManifestBody>>,
    /// The registry's rate limit, if it sends one.
    pub rate: Option<RateLimit>,
    /// Whether the answer comes from an earlier run and the registry was not asked. A tag can have moved since.
    pub remembered: bool,
}

/// `ratelimit-limit` and `ratelimit-remaining` of Docker Hub: pulls by all clients of one address or account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// Pulls per window, if sent.
    pub limit: Option<u64>,
    /// Pulls that are left in the window.
    pub remaining: u64,
    /// Length of the window in seconds.
    pub window: Option<u64>,
}

/// Why an existing manifest cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    /// Docker schema 1, or `text/plain`.
    Schema1,
    /// The configuration is not an image's: a Helm chart, an artifact.
    NotAnImage,
    /// Over containerd's 4,393,216 bytes.
    TooBig,
    /// A digest but no content: `Content-Length: 0`.
    BrokenProxy,
    /// A `Docker-Content-Digest` that is not a digest.
    BrokenRegistry,
    /// The digest is that of a blob: a configuration or a layer.
    Blob,
    /// Content that the manifest names is missing: a manifest of an index, the configuration, a layer.
    ContentMissing,
    /// The bytes at a digest have another digest.
    ContentMismatch,
    /// The content does not match its media type, or is not enough for a pull.
    BadManifest,
    /// The index gives another platform for an image than the image's own configuration.
    IndexLies,
}

/// The way in which a registry refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denial {
    /// The token endpoint or the registry does not know this user and password.
    BadCredentials,
    /// Missing **or** no access: Docker Hub, ghcr.io, quay.io, Artifact Registry and GitLab do not distinguish these.
    DeniedOrAbsent,
    /// 401 again after a token was given.
    Auth,
    /// A credential is required and none was sent.
    AuthRequired,
    /// 403 on the manifest.
    Denied,
    /// 401 without a challenge that the runtime can answer: no credential is ever sent.
    NoChallenge,
    /// The token endpoint does not accept `POST`, by which containerd sends a credential first, or answers it without
    /// a token that containerd accepts.
    TokenRefused,
}

/// Why no answer could be determined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// A 429 for a manifest or token.
    RateLimited,
    /// 5xx, or a status that no registry should send.
    RegistryError,
    /// The token endpoint fails, or hands out no token.
    AuthServer,
    /// The credential was refused for other repositories of the host, and was not sent for this one.
    CredentialWithheld,
    /// The registry's certificate is not trusted, or TLS fails otherwise.
    Tls(TlsFault),
    /// The name does not resolve, or its name servers give no answer.
    Dns,
    /// The name does not exist: NXDOMAIN.
    NoSuchHost,
    /// Refused, reset, unreachable, not HTTP.
    Network,
    /// No answer in time.
    Timeout,
    /// An HTTP answer on the TLS port.
    PlainHttp,
    /// The host had failed too often; this reference was not asked for.
    HostStopped,
    /// The run's time was up; this reference was not asked for.
    Deadline,
    /// The run was interrupted; this reference was not asked for.
    Interrupted,
    /// `--offline`: no registry is asked.
    Offline,
    /// Loopback or in-cluster host, or an address that must not be contacted: this machine cannot see what the
    /// node sees.
    NodeLocal,
    /// The nodes' own configuration of the registry keeps the runtime from asking any host.
    NodeConfig,
}

/// The fault of a TLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsFault {
    /// The certificate's authority is not known here, but may be known to the nodes.
    UnknownAuthority,
    /// The certificate has expired or is not yet valid: for the nodes as well.
    Expired,
    /// The certificate is for another name.
    WrongName,
    /// Anything else: no common version, an alert, a client certificate that is required.
    Other,
}

/// The observed answer, for the message: never a header or body that could contain a secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// HTTP status of the deciding answer.
    pub status: Option<u16>,
    /// `HEAD`, `GET` or `POST` of the deciding request.
    pub method: Option<&'static str>,
    /// The request's URL without query and user info.
    pub url: Option<String>,
    /// First error code of the registry's JSON body (`MANIFEST_UNKNOWN`).
    pub code: Option<String>,
    /// The error's message, or the transport's; at most 300 characters, as received.
    pub message: Option<String>,
    /// The registry's rate limit, if it sends one.
    pub rate: Option<RateLimit>,
    /// `Retry-After` of a 429 or 503, in seconds from the answer.
    pub retry_after: Option<u64>,
    /// The token request, if that was the deciding request.
    pub token: Option<Box<TokenRequest>>,
    /// The body of a failure. `None` if none was read: `HEAD` has none, and a body that repeats a secret is not kept.
    pub body: Option<Box<ErrorBody>>,
    /// Details that few answers have.
    pub details: Option<Box<Details>>,
    /// Whether the request carried no credential and no token, because no host had asked for one.
    pub bare: bool,
    /// The outcome that the runtime would report, if several hosts were asked and this is not the deciding one. The
    /// least certain outcome decides, while the host that got furthest is reported.
    pub reported: Option<Box<Outcome>>,
}

/// Details that few answers have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// The reason phrase after the status, if the server has its own.
    pub reason: Option<String>,
    /// `error=` of the challenge of a 401 (`insufficient_scope`).
    pub challenge_error: Option<String>,
    /// `error_description=` of the same challenge.
    pub challenge_description: Option<String>,
    /// `ns=` of the URL: the registry whose images a mirror was asked for.
    pub namespace: Option<String>,
}

impl Details {
    /// Returns the details in a box, or `None` if all are empty.
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

/// A token request: what a runtime puts into its URL or form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenRequest {
    /// `service` of the challenge.
    pub service: Option<String>,
    /// The requested scopes, sorted.
    pub scopes: Vec<String>,
    /// Whether the URL of the challenge has a query of its own. The query is not kept because it can contain a
    /// secret.
    pub has_query: bool,
}

/// The body of a failure, as the libraries of the runtimes decode it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorBody {
    /// `errors`, in order; empty if Go finds no such list.
    pub errors: Vec<RegistryError>,
    /// `details`, which some token endpoints send instead of a list.
    pub details: Option<String>,
    /// The first 50 bytes, with three dots if there is more; `None` if these are not UTF-8.
    pub start: Option<String>,
}

/// One of the errors in a registry's answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistryError {
    /// `code`, as written; empty if missing.
    pub code: String,
    /// `message`, as written; empty if missing.
    pub message: String,
    /// Whether the error has a `detail`.
    pub detail: bool,
}

/// Content that could not be read although an existing manifest names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The defect that certainly makes a pull fail: the content is missing, or differs.
    pub defect: Option<Defect>,
    /// Why the content could not be read.
    pub unknown: Unknown,
    /// The observed answer, for the message.
    pub evidence: Evidence,
}

/// Tags of a repository, for "did you mean".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagList {
    /// All existing tags.
    Tags(Vec<String>),
    /// Some of the existing tags: there are more than 10,000, or the rest could not be read.
    Incomplete(Vec<String>),
    /// The repository itself is missing.
    NoRepository,
    /// The tags could not be determined.
    Unknown,
}

impl TagList {
    /// The tags that are known to exist, if the repository does.
    pub fn known(&self) -> Option<&[String]> {
        match self {
            Self::Tags(tags) | Self::Incomplete(tags) => Some(tags),
            Self::NoRepository | Self::Unknown => None,
        }
    }
}

/// Everything that was asked for one image use, in the order in which the kubelet would ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PullAnswer {
    /// The kubelet's own attempts, which end at the first success. The number is the index of the credential in
    /// [`crate::kubelet::pull::PullContext::credentials`], `None` for the one anonymous pull.
    pub attempts: Vec<(Option<usize>, Outcome)>,
    /// Diagnosis, never a pass: an anonymous attempt after a credential was refused.
    pub anonymous: Option<Outcome>,
    /// Diagnosis, never a pass: an attempt with the operator's configuration, if the pod has no credential.
    pub supplied: Option<Outcome>,
    /// The repository's tags, after an absent tag.
    pub tags: Option<TagList>,
    /// Diagnosis, never a pass: the answer to `GET` if the one to `HEAD`, which has no body, was 403 or 404.
    /// containerd does not make this request. CRI-O makes no other, so for CRI-O the answer is among the attempts.
    pub explained: Option<Outcome>,
    /// The target of the tag beside a digest, if requested.
    pub tag: Option<Outcome>,
    /// The manifest's content, if requested.
    pub content: Option<Result<Arc<ManifestBody>, Unread>>,
    /// The configuration of a single image, if requested.
    pub config: Option<Result<Config, Unread>>,
    /// The manifests of single platforms of an index, by digest, if sizes or their contents were requested.
    pub parts: Vec<(String, Result<Arc<ManifestBody>, Unread>)>,
    /// The `HEAD` answers for such manifests, by digest, if nothing more was requested.
    pub children: Vec<(String, Outcome)>,
    /// The configurations of the images among `parts`, by their digest.
    pub configs: Vec<(String, Result<Config, Unread>)>,
    /// Whether the registry has the layers, by digest, if requested.
    pub layers: Vec<(String, Result<(), Unread>)>,
    /// How deeply the image was checked.
    pub depth: Depth,
}

impl PullAnswer {
    /// Returns the content of a manifest within an index, if it was read.
    pub fn part(&self, digest: &str) -> Option<&Result<Arc<ManifestBody>, Unread>> {
        by_digest(&self.parts, digest)
    }

    /// Returns the `HEAD` answer for a manifest within an index.
    pub fn child(&self, digest: &str) -> Option<&Outcome> {
        by_digest(&self.children, digest)
    }

    /// Returns a configuration that was read: that of a single image, or of one within an index.
    pub fn config_at(&self, digest: &str) -> Option<&Result<Config, Unread>> {
        let own = matches!(self.content.as_ref(), Some(Ok(content)) if matches!(&**content, ManifestBody::Image(_)));
        by_digest(&self.configs, digest).or(self.config.as_ref().filter(|_| own))
    }

    /// Returns whether a layer exists, if it was requested.
    pub fn layer(&self, digest: &str) -> Option<&Result<(), Unread>> {
        by_digest(&self.layers, digest)
    }
}

fn by_digest<'a, V>(known: &'a [(String, V)], digest: &str) -> Option<&'a V> {
    known.iter().find(|(of, _)| of == digest).map(|(_, value)| value)
}

/// The only access to registries. Implementations do not deduplicate; the stage does.
pub trait Prober: Sync {
    /// Asks for one manifest. Never fails: errors are an [`Outcome::Unknown`].
    fn probe(&self, attempt: &Attempt) -> impl Future<Output = Outcome> + Send;

    /// Lists the tags of the attempt's repository with the attempt's credential.
    fn tags(&self, attempt: &Attempt) -> impl Future<Output = TagList> + Send;

    /// Repeats the request by `GET`, for the body that an answer to `HEAD` does not have.
    fn explain(&self, attempt: &Attempt) -> impl Future<Output = Outcome> + Send;

    /// Reads a manifest that was found. The attempt's target is the manifest's digest.
    fn content(&self, attempt: &Attempt) -> impl Future<Output = Result<Arc<ManifestBody>, Unread>> + Send;

    /// Makes the next request for this attempt go to the registry, even if an earlier run's answer is cached.
    fn forget(&self, _attempt: &Attempt) {}

    /// Reads the configuration of an image. The attempt's target is the configuration's digest.
    fn config(&self, attempt: &Attempt) -> impl Future<Output = Result<Config, Unread>> + Send;

    /// Checks that a layer exists, without reading it. The attempt's target is the layer's digest.
    fn layer(&self, attempt: &Attempt) -> impl Future<Output = Result<(), Unread>> + Send;
}

impl fmt::Display for TagOrDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
