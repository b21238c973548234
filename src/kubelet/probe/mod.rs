//! What is asked of a registry, and every answer it can give: the one type between the network and the rules.
//!
//! `plan` is what is to be asked about one image, `order` in which order that is done, one question after the other.
//! Nothing here does I/O; [`Prober`] is implemented by `registry` on the wire and by a table in tests.

pub mod order;
pub mod plan;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::credential::pair::Credential;
use crate::image::manifest::{Config, Content};
use crate::image::platform::Platform;
use crate::image::reference::Reference;
use crate::kubelet::probe::plan::Depth;

/// What a manifest is asked for by. With tag and digest the digest is what is pulled (containerd's
/// `ParseDockerRef` drops the tag).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A tag, `latest` filled in where the kubelet does.
    Tag(String),
    /// A digest, `algorithm:hex`.
    Digest(String),
}

impl Target {
    /// As it stands in the manifest URL.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(text) | Self::Digest(text) => text,
        }
    }
}

/// One question to a registry: one manifest with one credential. It is its own key for deduplication.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// Registry as the normalised reference names it: `docker.io`, `ghcr.io`, `reg.local:5000`.
    pub registry: String,
    /// Repository path, `library/` filled in for Docker Hub.
    pub repository: String,
    /// Tag or digest.
    pub target: Target,
    /// What the kubelet would send; `None` is an anonymous pull.
    pub credential: Option<Credential>,
}

impl Attempt {
    /// The question for `image` with one credential. An empty username is an anonymous pull in containerd and
    /// CRI-O alike (containerd `internal/cri/server/images/image_pull.go`, `ParseAuth`).
    pub fn new(image: &Reference, credential: Option<&Credential>) -> Self {
        let target = match image.digest() {
            Some(digest) => Target::Digest(digest.to_owned()),
            None => Target::Tag(image.tag().unwrap_or("latest").to_owned()),
        };
        Self {
            registry: image.registry().to_owned(),
            repository: image.repository().to_owned(),
            target,
            credential: None,
        }
        .with(credential)
    }

    /// The same question with another credential.
    #[must_use]
    pub fn with(&self, credential: Option<&Credential>) -> Self {
        Self { credential: credential.filter(|credential| !credential.is_anonymous()).cloned(), ..self.clone() }
    }
}

/// What the registry said of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There is such a manifest and this credential may read it.
    Found(Manifest),
    /// The registry knows no such tag, digest or repository.
    Absent(Evidence),
    /// The registry refuses this credential, or asks for one.
    Denied(Denial, Evidence),
    /// It could not be told: never a pass, never "absent".
    Unknown(Unknown, Evidence),
}

/// A manifest that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// `Docker-Content-Digest`, validated.
    pub digest: Option<String>,
    /// `Content-Type`, without parameters.
    pub media_type: Option<String>,
    /// Compressed size in bytes of config and layers, where it was asked for.
    pub size: Option<u64>,
    /// The platforms that it is for, where they were read: those of an index without attestations, or that of one
    /// image.
    pub platforms: Option<Vec<Platform>>,
    /// What makes the runtime refuse it although it is there.
    pub defect: Option<Defect>,
    /// Its own length in bytes, where that is the defect and is known.
    pub length: Option<u64>,
    /// Whether the runtime has to fetch it to learn its digest, where it is of schema 1.
    pub fetched_for_digest: bool,
    /// `Docker-Content-Digest` as it was sent, where that is the defect.
    pub digest_header: Option<String>,
    /// What it holds, where the registry made us fetch it to learn that it is there.
    pub content: Option<Arc<Content>>,
    /// What the registry says of its rate limit.
    pub rate: Option<RateLimit>,
    /// Whether an earlier run was told so, and the registry was not asked: a tag may have moved since.
    pub remembered: bool,
}

/// `ratelimit-limit` and `ratelimit-remaining` of Docker Hub: pulls, of all that come from one address or account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// Pulls per window.
    pub limit: Option<u64>,
    /// Pulls that are left.
    pub remaining: u64,
    /// Length of the window in seconds.
    pub window: Option<u64>,
}

/// Why a manifest that is there cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    /// Docker schema 1, or `text/plain`.
    Schema1,
    /// Its configuration is not an image's: a Helm chart, an artifact.
    NotAnImage,
    /// Over containerd's 4,393,216 bytes.
    TooBig,
    /// A digest but no content: `Content-Length: 0`.
    BrokenProxy,
    /// A `Docker-Content-Digest` that is none.
    BrokenRegistry,
    /// The digest is that of a blob: a configuration or a layer.
    Blob,
    /// Something that the manifest names is not there: a manifest of an index, the configuration, a layer.
    ContentMissing,
    /// The bytes at a digest have another digest.
    ContentMismatch,
    /// What it holds is not what its media type says, or is not enough for a pull.
    BadManifest,
    /// The index says another platform of an image than the image's own configuration.
    IndexLies,
}

/// How a registry refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denial {
    /// The token endpoint or the registry does not know this user and password.
    BadCredentials,
    /// Missing **or** no access: Docker Hub, ghcr.io, quay.io, Artifact Registry and GitLab do not tell.
    DeniedOrAbsent,
    /// 401 again after a token was given.
    Auth,
    /// A credential is asked for and none was sent.
    AuthRequired,
    /// 403 on the manifest.
    Denied,
    /// 401 without a challenge that the runtime can answer: no credential is ever sent.
    NoChallenge,
    /// The token endpoint takes no `POST`, by which containerd sends a credential first, or answers it with what holds no
    /// token for containerd.
    TokenRefused,
}

/// Why nothing could be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// 429 at manifest or token.
    RateLimited,
    /// 5xx, or a status that no registry should send.
    RegistryError,
    /// The token endpoint fails, or hands out no token.
    AuthServer,
    /// The credential was refused for other repositories of the host, and was not sent for this one.
    CredentialWithheld,
    /// The registry's certificate is not to be trusted, or TLS fails otherwise.
    Tls(TlsFault),
    /// The name does not resolve, or its name servers do not tell.
    Dns,
    /// There is no such name: NXDOMAIN.
    NoSuchHost,
    /// Refused, reset, unreachable, not HTTP.
    Network,
    /// No answer in time.
    Timeout,
    /// An HTTP answer on the TLS port.
    PlainHttp,
    /// The host had failed too often; this reference was not asked for.
    HostStopped,
    /// The run's time was over; this reference was not asked for.
    Deadline,
    /// The run was interrupted; this reference was not asked for.
    Interrupted,
    /// `--offline`.
    Offline,
    /// Loopback or in-cluster host, or an address that must not be contacted: this machine cannot see what the
    /// node sees.
    NodeLocal,
    /// The nodes' own configuration of the registry keeps the runtime from asking anybody.
    NodeConfig,
}

/// What is wrong with a TLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsFault {
    /// Its authority is not known here; the nodes may know it.
    UnknownAuthority,
    /// Its time is over, or has not come: for the nodes as well.
    Expired,
    /// It is for another name.
    WrongName,
    /// Anything else: no common version, an alert, a client certificate that is wanted.
    Other,
}

/// What was seen, for the message: never a header or body that could hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// HTTP status of the deciding answer.
    pub status: Option<u16>,
    /// `HEAD`, `GET` or `POST` of the deciding request.
    pub method: Option<&'static str>,
    /// Its URL without query and user info.
    pub url: Option<String>,
    /// First error code of the registry's JSON body (`MANIFEST_UNKNOWN`).
    pub code: Option<String>,
    /// Its message, or the transport's; at most 300 characters, as received.
    pub message: Option<String>,
    /// What the registry says of its rate limit.
    pub rate: Option<RateLimit>,
    /// `Retry-After` of a 429 or 503, in seconds from the answer.
    pub retry_after: Option<u64>,
    /// What a token was asked for, where the deciding request was one for a token.
    pub token: Option<Box<TokenRequest>>,
    /// What the body of a failure says; `None` where none was read: `HEAD` has none, and one that repeats a secret is
    /// left alone.
    pub body: Option<Box<ErrorBody>>,
    /// What few answers have.
    pub details: Option<Box<Details>>,
    /// Whether the request carried no credential and no token, as nobody had asked for one.
    pub bare: bool,
    /// What the runtime would report, where several hosts were asked and another one than the one that decides: what is
    /// known least of decides, and what came furthest is reported.
    pub reported: Option<Box<Outcome>>,
}

/// What few answers have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// The reason phrase behind the status, where the server has one of its own.
    pub reason: Option<String>,
    /// `error=` of the challenge of a 401 (`insufficient_scope`).
    pub challenge_error: Option<String>,
    /// `error_description=` of the same.
    pub challenge_description: Option<String>,
    /// `ns=` of the URL: a mirror was asked for the images of this registry.
    pub namespace: Option<String>,
}

impl Details {
    /// In a box, where there is any.
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

/// A request for a token: what a runtime puts into its URL or form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenRequest {
    /// `service` of the challenge.
    pub service: Option<String>,
    /// The scopes, sorted.
    pub scopes: Vec<String>,
    /// Whether the URL of the challenge has a query of its own, which is not kept: it may hold a secret.
    pub has_query: bool,
}

/// The body of a failure, as the libraries of the runtimes decode it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorBody {
    /// `errors`, in order; empty where Go finds no such list.
    pub errors: Vec<RegistryError>,
    /// `details`, which some token endpoints send in place of a list.
    pub details: Option<String>,
    /// Its first 50 bytes, and three dots where there is more; `None` where these are not UTF-8.
    pub start: Option<String>,
}

/// One of the errors that a registry names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistryError {
    /// `code`, as it is written; empty where there is none.
    pub code: String,
    /// `message`.
    pub message: String,
    /// Whether it has a `detail`.
    pub detail: bool,
}

/// What could not be read although something that is there names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// What certainly makes a pull fail: it is missing, or it is something else.
    pub defect: Option<Defect>,
    /// Why.
    pub unknown: Unknown,
    /// What was seen.
    pub evidence: Evidence,
}

/// Tags of a repository, for "did you mean".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagList {
    /// The tags there are (cut at 10,000).
    Tags(Vec<String>),
    /// The repository itself is missing.
    NoRepository,
    /// It could not be told.
    Unknown,
}

/// Everything that was asked for one image use, in the order in which the kubelet would ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PullAnswer {
    /// The kubelet's own attempts; they end at the first success. The number is the index of the credential in
    /// [`crate::kubelet::pull::PullContext::credentials`], `None` for the one anonymous pull.
    pub attempts: Vec<(Option<usize>, Outcome)>,
    /// Diagnosis, never a pass: an anonymous attempt after a credential was refused.
    pub anonymous: Option<Outcome>,
    /// Diagnosis, never a pass: the operator's configuration, where the pod has no credential.
    pub supplied: Option<Outcome>,
    /// The repository's tags, after an absent tag.
    pub tags: Option<TagList>,
    /// Diagnosis, never a pass: the answer to `GET` where that to `HEAD`, which has no body, was 403 or 404. containerd
    /// does not ask so. CRI-O asks no other way: for it that answer stands among the attempts.
    pub explained: Option<Outcome>,
    /// What the tag beside a digest leads to, where that was wanted.
    pub tag: Option<Outcome>,
    /// What the manifest holds, where it was wanted.
    pub content: Option<Result<Arc<Content>, Unread>>,
    /// The configuration of a single image, where it was wanted.
    pub config: Option<Result<Config, Unread>>,
    /// The manifests of single platforms of an index, by digest, where sizes or their contents were wanted.
    pub parts: Vec<(String, Result<Arc<Content>, Unread>)>,
    /// What `HEAD` says of such manifests, by digest, where nothing more was wanted.
    pub children: Vec<(String, Outcome)>,
    /// The configurations of the images among `parts`, by their digest.
    pub configs: Vec<(String, Result<Config, Unread>)>,
    /// Whether the registry has the layers, by digest, where that was wanted.
    pub layers: Vec<(String, Result<(), Unread>)>,
    /// How far it was looked.
    pub depth: Depth,
}

impl PullAnswer {
    /// What was read of a manifest within an index.
    pub fn part(&self, digest: &str) -> Option<&Result<Arc<Content>, Unread>> {
        by_digest(&self.parts, digest)
    }

    /// What `HEAD` said of a manifest within an index.
    pub fn child(&self, digest: &str) -> Option<&Outcome> {
        by_digest(&self.children, digest)
    }

    /// A configuration that was read: that of a single image, or of one within an index.
    pub fn config_at(&self, digest: &str) -> Option<&Result<Config, Unread>> {
        let own = matches!(self.content.as_ref(), Some(Ok(content)) if matches!(&**content, Content::Image(_)));
        by_digest(&self.configs, digest).or(self.config.as_ref().filter(|_| own))
    }

    /// What is known of a layer.
    pub fn layer(&self, digest: &str) -> Option<&Result<(), Unread>> {
        by_digest(&self.layers, digest)
    }
}

fn by_digest<'a, V>(known: &'a [(String, V)], digest: &str) -> Option<&'a V> {
    known.iter().find(|(of, _)| of == digest).map(|(_, value)| value)
}

/// The one door to registries. Implementations deduplicate nothing: the stage does.
pub trait Prober: Sync {
    /// Asks for one manifest. Never fails: what goes wrong is an [`Outcome::Unknown`].
    fn probe(&self, attempt: &Attempt) -> impl Future<Output = Outcome> + Send;

    /// Lists the tags of the attempt's repository with the attempt's credential.
    fn tags(&self, attempt: &Attempt) -> impl Future<Output = TagList> + Send;

    /// Asks once more by `GET`, for the body that an answer to `HEAD` has not.
    fn explain(&self, attempt: &Attempt) -> impl Future<Output = Outcome> + Send;

    /// Reads a manifest that was found. The attempt's target is its digest.
    fn content(&self, attempt: &Attempt) -> impl Future<Output = Result<Arc<Content>, Unread>> + Send;

    /// Asks the registry itself the next time, whatever is remembered of earlier runs.
    fn forget(&self, _attempt: &Attempt) {}

    /// Reads the configuration of an image. The attempt's target is the configuration's digest.
    fn config(&self, attempt: &Attempt) -> impl Future<Output = Result<Config, Unread>> + Send;

    /// Asks whether a layer is there, without reading it. The attempt's target is the layer's digest.
    fn layer(&self, attempt: &Attempt) -> impl Future<Output = Result<(), Unread>> + Send;
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
