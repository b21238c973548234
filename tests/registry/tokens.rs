//! A token server, as registries have one beside them: it checks users and signs what `docker-registry` verifies.
//!
//! Follows the token specification of distribution (`docs/spec/auth/jwt.md`): ES256, the certificate in `x5c`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair};
use reqwest::Url;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use crate::server::{PASSWORD, USER};

/// Who signs, as the registry is told.
pub(crate) const ISSUER: &str = "acme-shop tokens";
/// For whom.
pub(crate) const SERVICE: &str = "acme-shop registry";

/// A running token server. Its thread ends with the process of the test.
pub(crate) struct Tokens {
    address: SocketAddr,
    certificate: String,
    log: Arc<Mutex<Vec<Option<String>>>>,
}

struct Signer {
    key: EcdsaKeyPair,
    x5c: String,
}

impl Tokens {
    /// Starts one: [`USER`] may do anything, nobody may pull from `public/…`, and a wrong password gets a 401.
    pub(crate) fn start() -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::default().self_signed(&key).expect("a certificate");
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der(), &SystemRandom::new());
        let signer = Signer { key: pair.expect("the key is of P-256"), x5c: BASE64_STANDARD.encode(certificate.der()) };
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let log = Arc::default();
        let (signer, written) = (Arc::new(signer), Arc::clone(&log));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (signer, log) = (Arc::clone(&signer), Arc::clone(&written));
                thread::spawn(move || serve(stream, &signer, &log));
            }
        });
        Self { address, certificate: certificate.pem(), log }
    }

    /// What the registry's challenge names.
    pub(crate) fn realm(&self) -> String {
        format!("http://{}/token", self.address)
    }

    /// What the registry trusts, as PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// `user:password` of each request since the last call, `None` for nobody.
    pub(crate) fn requests(&self) -> Vec<Option<String>> {
        std::mem::take(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One connection.
fn serve(mut stream: TcpStream, signer: &Signer, log: &Mutex<Vec<Option<String>>>) {
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        head.extend_from_slice(&buffer[..read]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        head.clear();
        let asks = basic(&text);
        log.lock().unwrap_or_else(PoisonError::into_inner).push(asks.clone());
        let (status, body) = answer(&text, asks.as_deref(), signer);
        let written = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if written.is_err() {
            return;
        }
    }
}

/// `user:password` of the Basic header.
fn basic(head: &str) -> Option<String> {
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then_some(value)
    })?;
    String::from_utf8(BASE64_STANDARD.decode(value.strip_prefix("Basic ")?).ok()?).ok()
}

fn answer(head: &str, asks: Option<&str>, signer: &Signer) -> (&'static str, String) {
    let good = format!("{USER}:{PASSWORD}");
    if asks.is_some_and(|asks| asks != good) {
        let refusal = json!({"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]});
        return ("401 Unauthorized", refusal.to_string());
    }
    let target = head.split(' ').nth(1).unwrap_or_default();
    let url = Url::parse("http://tokens.example/").and_then(|base| base.join(target));
    let url = url.expect("the client sends a good path");
    let scopes = url.query_pairs().filter(|(name, _)| name == "scope").map(|(_, scope)| scope.into_owned());
    let access: Vec<Value> = scopes.filter_map(|scope| granted(&scope, asks.is_some())).collect();
    ("200 OK", json!({"token": signer.token(&access), "expires_in": 300}).to_string())
}

/// What of `repository:NAME:ACTIONS` is allowed; nothing is a token without rights, as Docker Hub hands out.
fn granted(scope: &str, known: bool) -> Option<Value> {
    let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
    let allowed = |action: &&str| known || (name.starts_with("public/") && *action == "pull");
    let actions: Vec<&str> = actions.split(',').filter(allowed).collect();
    (!actions.is_empty()).then(|| json!({"type": "repository", "name": name, "actions": actions}))
}

impl Signer {
    fn token(&self, access: &[Value]) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [self.x5c]});
        let claims = json!({"iss": ISSUER, "aud": SERVICE, "sub": "", "jti": "1", "access": access,
            "iat": now, "nbf": now.saturating_sub(60), "exp": now + 300});
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("ring signs");
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}
