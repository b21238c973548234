//! Credential helpers of the operator's own docker configuration: `docker-credential-NAME get`.
//!
//! Only that configuration may name one, never a Secret of the inputs, which would run a program that a stranger
//! chose. A helper is asked only for keys of `auths` or `credHelpers` that an image of the inputs needs, once each,
//! and with as much of the environment as it needs. Its output is a password and is never shown, not even when it
//! fails. The protocol is that of docker/docker-credential-helpers, the choice of the helper that of docker/cli
//! (`cli/config/configfile/file.go`).
#![expect(clippy::disallowed_methods, reason = "programs are started with parts of the environment")]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use crate::credential::dockerconfig::DockerConfig;
use crate::credential::keyring::is_wildcard;
use crate::credential::keyring::key_matches;
use crate::credential::pair::Credential;
use crate::credential::sensitive::Sensitive;
use crate::error::UsageError;
use crate::input::find_program;
use crate::inventory::Inventory;
use crate::resource::workload::ImageText;

/// How long to wait for one helper.
const PATIENCE: Duration = Duration::from_secs(10);

/// Largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// The user name that marks an identity token: docker exchanges it for an access token, the kubelet cannot.
const IDENTITY_TOKEN: &str = "<token>";

/// Variables that every helper gets: to find programs, the user's files and the user's key store.
const ENVIRONMENT: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "DOCKER_CONFIG",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME",
    "PASSWORD_STORE_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    // Variables on Windows.
    "SystemRoot",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "TEMP",
];

/// Prefixes of the variables from which the helper of a cloud takes its own credentials.
const OF_CLOUDS: &[(&str, &[&str])] = &[
    ("ecr-login", &["AWS_"]),
    ("gcloud", &["GOOGLE_", "CLOUDSDK_"]),
    ("gcr", &["GOOGLE_", "CLOUDSDK_"]),
    ("acr-env", &["AZURE_"]),
    ("acr-linux", &["AZURE_"]),
];

/// The credential helpers that a docker configuration names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Helpers {
    /// `credHelpers`: key to name.
    by_key: BTreeMap<String, String>,
    /// The helper of `credsStore`, for the keys of `auths` that contain no credential themselves.
    store: Option<String>,
}

impl Helpers {
    /// Reads the helpers from a configuration's JSON. A value of another type is not a helper; the configuration
    /// itself is judged elsewhere.
    pub fn read(content: &[u8]) -> Self {
        let Ok(config) = serde_json::from_slice::<serde_json::Value>(content) else { return Self::default() };
        let text = |value: &serde_json::Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let by_key = config.get("credHelpers").and_then(serde_json::Value::as_object).into_iter().flatten();
        Self {
            by_key: by_key.filter_map(|(key, name)| Some((key.clone(), text(name)?))).collect(),
            store: config.get("credsStore").and_then(text),
        }
    }

    /// Completes the configuration with the credentials that the helpers return for the images of the inputs.
    /// Without `ask` no helper runs, and its credential is then unknown, just as after a failure: that never becomes
    /// an anonymous pull. `notes` gets a line for each helper that failed.
    ///
    /// # Errors
    /// No program can be started at all.
    pub fn complete(
        &self,
        config: &DockerConfig,
        inventory: &Inventory,
        ask: bool,
        notes: &mut Vec<String>,
    ) -> Result<DockerConfig, UsageError> {
        let mut completed = config.clone();
        let needed = self.needed(config, inventory);
        if needed.is_empty() {
            return Ok(completed);
        }
        let answers = if ask { get_all(&needed, PATIENCE)? } else { needed.iter().map(|_| Ok(None)).collect() };
        for ((key, name), answer) in needed.iter().zip(answers) {
            let credential = answer.unwrap_or_else(|failure| {
                notes.push(format!(
                    "the credential helper {name:?} in the supplied configuration returned nothing for {key:?}: \
                     {failure}; its credentials for that registry are unknown"
                ));
                None
            });
            completed.set(key, credential);
        }
        Ok(completed)
    }

    /// Asks one helper for a key; `None` if it returns no credential, whatever the reason.
    pub(crate) async fn ask(name: &str, key: &str) -> Option<Credential> {
        get(name, key, PATIENCE).await.ok().flatten()
    }

    /// Returns the keys that an image needs, with the helper to ask.
    fn needed<'h>(&'h self, config: &'h DockerConfig, inventory: &Inventory) -> Vec<(&'h str, &'h str)> {
        let images: BTreeSet<&str> = inventory
            .images
            .iter()
            .filter_map(|image| match &image.image {
                ImageText::Reference(reference) => Some(reference.name()),
                ImageText::Invalid(_) | ImageText::Skipped(_) => None,
            })
            .collect();
        self.needed_for(config, &images)
    }

    /// Returns the keys that one of these repositories needs, with the helper to ask.
    pub(crate) fn needed_for<'h>(
        &'h self,
        config: &'h DockerConfig,
        images: &BTreeSet<&str>,
    ) -> Vec<(&'h str, &'h str)> {
        // Docker looks a key up literally: one with a wildcard is never asked for.
        let is_needed = |key: &str| !is_wildcard(key) && images.iter().any(|image| key_matches(key, image));
        let by_key = self.by_key.iter().map(|(key, name)| (key.as_str(), name.as_str()));
        let empty = config
            .entries
            .iter()
            .filter(|entry| entry.credential.is_anonymous() && !self.by_key.contains_key(&entry.key));
        let stored =
            self.store.iter().flat_map(|store| empty.clone().map(|entry| (entry.key.as_str(), store.as_str())));
        by_key.chain(stored).filter(|(key, _)| is_needed(key)).collect()
    }
}

/// Why a helper could not be used; its `Display` contains nothing that the helper printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Failure {
    #[error("the name of a helper can contain only letters, digits, `-`, and `_`")]
    Name,
    #[error("no program docker-credential-{0} in the folders of PATH")]
    NotFound(String),
    #[error("it cannot be started: {0}")]
    Start(std::io::ErrorKind),
    #[error("it did not answer within {0:?}")]
    Timeout(Duration),
    #[error("it failed ({0})")]
    Status(std::process::ExitStatus),
    #[error("its output is not that of a credential helper")]
    Answer,
    #[error("it returned an identity token, which the kubelet cannot use")]
    IdentityToken,
}

type Answer = Result<Option<Credential>, Failure>;

/// Asks all helpers at the same time.
fn get_all(needed: &[(&str, &str)], patience: Duration) -> Result<Vec<Answer>, UsageError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| UsageError::new(format!("cannot start: {error}")))?;
    let answers = runtime.block_on(join_all(needed.iter().map(|(key, name)| get(name, key, patience))));
    runtime.shutdown_background();
    Ok(answers)
}

async fn get(name: &str, key: &str, patience: Duration) -> Answer {
    answer_of(start(name)?, key, patience).await
}

/// Returns the answer of a running helper. Dropping the future ends the helper.
async fn answer_of(mut helper: Child, key: &str, patience: Duration) -> Answer {
    let answered = tokio::time::timeout(patience, converse(&mut helper, key)).await;
    answered.unwrap_or(Err(Failure::Timeout(patience)))
}

fn start(name: &str) -> Result<Child, Failure> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return Err(Failure::Name);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let program = find_program::find(&format!("docker-credential-{name}"), &path);
    let program = program.ok_or_else(|| Failure::NotFound(name.to_owned()))?;
    let of_cloud = OF_CLOUDS.iter().find(|(helper, _)| *helper == name).map_or(&[][..], |(_, prefixes)| prefixes);
    let passes =
        |variable: &str| ENVIRONMENT.contains(&variable) || of_cloud.iter().any(|prefix| variable.starts_with(prefix));
    let environment = env::vars_os().filter(|(variable, _)| variable.to_str().is_some_and(passes));
    let started = Command::new(program)
        .arg("get")
        .env_clear()
        .envs(environment)
        // The current folder may be a stranger's, with files that a program reads from its working directory.
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    started.map_err(|error| Failure::Start(error.kind()))
}

/// Writes the key, reads the answer, and waits for the helper to end.
async fn converse(child: &mut Child, key: &str) -> Answer {
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input may still answer.
        _ = stdin.write_all(key.as_bytes()).await;
    }
    let mut answer = Zeroizing::new(Vec::new());
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await;
        read.map_err(|_| Failure::Answer)?;
    }
    let status = child.wait().await.map_err(|error| Failure::Start(error.kind()))?;
    if !status.success() {
        return Err(Failure::Status(status));
    }
    credential(&answer).map(Some)
}

fn credential(answer: &[u8]) -> Result<Credential, Failure> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| Failure::Answer)?;
    let (username, password) = (Sensitive::new(answer.username), Sensitive::new(answer.secret));
    match username.expose() {
        IDENTITY_TOKEN => Err(Failure::IdentityToken),
        "" => Err(Failure::Answer),
        _ => Ok(Credential { username, password }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::dockerconfig::Format;
    use crate::inventory::ReadOptions;
    use crate::text::source::{Encoding, Source, SourceId};

    #[test]
    #[cfg(unix)]
    fn hanging_helper_times_out() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let patience = Duration::from_millis(20);
        let answer = runtime.block_on(async {
            let mut command = Command::new("sleep");
            let helper = command.arg("600").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
            answer_of(helper.spawn().unwrap(), "ghcr.io", patience).await
        });
        assert_eq!(answer, Err(Failure::Timeout(patience)));
    }

    #[test]
    fn helper_name_that_is_a_path_is_rejected() {
        for name in ["", "../x", "a/b", "a b", "a;b", "ä"] {
            assert_eq!(start(name).err(), Some(Failure::Name), "{name}");
        }
        assert_eq!(start("no-such-one").err(), Some(Failure::NotFound("no-such-one".to_owned())));
    }

    #[test]
    fn helper_answer_is_parsed() {
        let user = |text: &str| credential(text.as_bytes()).map(|credential| credential.username.expose().to_owned());
        assert_eq!(user(r#"{"ServerURL":"https://a","Username":"bob","Secret":"p"}"#), Ok("bob".to_owned()));
        assert_eq!(user(r#"{"Username":"<token>","Secret":"p"}"#), Err(Failure::IdentityToken));
        for wrong in ["", "credentials not found in native keychain\n", "{}", r#"{"Username":"","Secret":"p"}"#] {
            assert_eq!(user(wrong), Err(Failure::Answer), "{wrong}");
        }
    }

    #[test]
    fn helpers_are_called_only_for_keys_that_images_need() {
        let config = r#"{"auths": {"ghcr.io": {}, "quay.io": {"auth": "Ym9iOmh1bnRlcjI="}, "https://index.docker.io/v1/": {},
            "*.example.com": {}, "gcr.io": {}}, "credHelpers": {"ghcr.io": "gh", "a.example.com": "a", "b.io": "b"},
            "credsStore": "desktop"}"#;
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: ghcr.io/a/b:1}, {image: \
                   nginx:1}, {image: quay.io/a/b:1}, {image: a.example.com/b:1}, {image: 'gcr.io/{{ x }}'}]}\n";
        let source = Source::new("a.yaml", pod, Encoding::Utf8);
        let inventory = Inventory::of(SourceId(0), &source, ReadOptions::default());
        let helpers = Helpers::read(config.as_bytes());
        let config = DockerConfig::decode(config.as_bytes(), Format::DockerConfigJson).unwrap();
        let expected = [("a.example.com", "a"), ("ghcr.io", "gh"), ("https://index.docker.io/v1/", "desktop")];
        assert_eq!(helpers.needed(&config, &inventory), expected);
    }
}
