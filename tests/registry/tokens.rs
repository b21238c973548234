//! A token server, as registries have one beside them: it checks users and signs what `docker-registry` verifies.
//!
//! Follows the token specification of distribution (`docs/spec/auth/jwt.md`, `token.md` and `oauth.md`): ES256, the
//! certificate in `x5c`; who asks by `GET` has the password in the header, who asks by `POST` in a form.

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
    log: Arc<Mutex<Vec<String>>>,
}

/// The methods that a token server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Methods {
    /// `GET` and `POST`, as Docker Hub's.
    Both,
    /// `GET`; `POST` is answered 405.
    GetOnly,
}

struct Signer {
    methods: Methods,
    key: EcdsaKeyPair,
    x5c: String,
}

impl Tokens {
    /// Starts one: [`USER`] may do anything, nobody may pull from `public/…`, and a wrong password gets a 401.
    pub(crate) fn start(methods: Methods) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::default().self_signed(&key).expect("a certificate");
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der(), &SystemRandom::new());
        let x5c = BASE64_STANDARD.encode(certificate.der());
        let signer = Signer { methods, key: pair.expect("the key is of P-256"), x5c };
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

    /// `METHOD user:password` of each request since the last call, `METHOD` alone for nobody.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One connection.
fn serve(mut stream: TcpStream, signer: &Signer, log: &Mutex<Vec<String>>) {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = header(head, "content-length").map_or(0, |length| length.parse().expect("a number"));
        if body.len() < length {
            continue;
        }
        request.clear();
        let question = Question::read(head, body);
        log.lock().unwrap_or_else(PoisonError::into_inner).push(question.line());
        let (status, body) = answer(&question, signer);
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

/// A header's value.
fn header<'h>(head: &'h str, wanted: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case(wanted).then_some(value)
    })
}

/// What a request asks for.
struct Question {
    method: String,
    /// `user:password`.
    asks: Option<String>,
    /// What stands in the query of a `GET`, and in the form of a `POST`.
    fields: Vec<(String, String)>,
}

impl Question {
    fn read(head: &str, body: &str) -> Self {
        let mut words = head.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let mut url = Url::parse("http://tokens.example/").and_then(|base| base.join(target));
        let is_form = header(head, "content-type") == Some("application/x-www-form-urlencoded");
        if let (Ok(url), "POST", true) = (&mut url, &*method, is_form) {
            url.set_query(Some(body));
        }
        let url = url.expect("the client sends a good path");
        let fields = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        let mut question = Self { method, asks: None, fields };
        question.asks = match &*question.method {
            "POST" => {
                let pair = question.field("username").zip(question.field("password"));
                pair.map(|(username, password)| format!("{username}:{password}"))
            }
            _ => header(head, "authorization").and_then(basic),
        };
        question
    }

    fn field(&self, wanted: &str) -> Option<&str> {
        self.fields.iter().find_map(|(name, value)| (name == wanted).then_some(&**value))
    }

    /// A `GET` repeats the field, a `POST` writes spaces between.
    fn scopes(&self) -> impl Iterator<Item = &str> {
        let scopes = self.fields.iter().filter(|(name, _)| name == "scope");
        scopes.flat_map(|(_, scopes)| scopes.split(' '))
    }

    fn line(&self) -> String {
        let asks = self.asks.iter().map(|asks| format!(" {asks}"));
        std::iter::once(self.method.clone()).chain(asks).collect()
    }
}

/// `user:password` of a Basic header.
fn basic(value: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(value.strip_prefix("Basic ")?).ok()?).ok()
}

fn answer(question: &Question, signer: &Signer) -> (&'static str, String) {
    let refusal = |code, message| json!({"errors": [{"code": code, "message": message}]}).to_string();
    let is_post = question.method == "POST";
    if is_post && signer.methods == Methods::GetOnly {
        return ("405 Method Not Allowed", refusal("UNSUPPORTED", "the operation is unsupported"));
    }
    if is_post && question.field("grant_type") != Some("password") {
        return ("400 Bad Request", refusal("UNSUPPORTED", "unsupported grant_type"));
    }
    if question.field("service") != Some(SERVICE) {
        return ("400 Bad Request", refusal("DENIED", "no such service"));
    }
    let good = format!("{USER}:{PASSWORD}");
    let known = question.asks.as_ref() == Some(&good);
    if !known && (is_post || question.asks.is_some()) {
        return ("401 Unauthorized", refusal("UNAUTHORIZED", "incorrect username or password"));
    }
    let access: Vec<Value> = question.scopes().filter_map(|scope| granted(scope, known)).collect();
    let token = signer.token(&access);
    ("200 OK", json!({"access_token": token, "token": token, "expires_in": 300}).to_string())
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
