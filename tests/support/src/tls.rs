//! A certificate authority made on the spot.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, Certificate as SignedCertificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Which certificate a server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Certificate {
    /// For the names it serves, in force.
    #[default]
    Good,
    /// For the names it serves, but out of date since 2001.
    Expired,
    /// For `other.example` only.
    WrongName,
    /// For the names it serves, signed by itself and marked as an authority, as `openssl req -x509` makes it.
    SelfSigned,
    /// For the names it serves, but in force from 2100 on.
    NotYetValid,
    /// For the names it serves, of an authority that nobody knows.
    UnknownAuthority,
}

/// A client certificate that an authority of its own has issued, all as PEM.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// Who vouches for it.
    pub authority: String,
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl ClientCertificate {
    /// Makes one.
    pub fn new() -> Self {
        let (authority, params, key) = authority();
        let leaf_key = KeyPair::generate().expect("ring makes keys");
        let leaf = CertificateParams::new(vec!["node.example".to_owned()]).expect("a DNS name");
        let leaf = leaf.signed_by(&leaf_key, &Issuer::new(params, key)).expect("the authority signs");
        Self { authority, certificate: leaf.pem(), key: leaf_key.serialize_pem() }
    }
}

impl Default for ClientCertificate {
    fn default() -> Self {
        Self::new()
    }
}

/// How a TLS server behaves.
#[derive(Debug, Default)]
pub(crate) struct Manner {
    pub(crate) certificate: Certificate,
    /// PEM of the authority whose client certificates it demands.
    pub(crate) demands: Option<String>,
    /// Whether it offers HTTP/2.
    pub(crate) http2: bool,
}

/// The PEM of an authority that signs nothing.
pub fn certificate_authority() -> String {
    authority().0
}

/// Each authority has a name of its own.
static MADE: AtomicUsize = AtomicUsize::new(1);

fn authority() -> (String, CertificateParams, KeyPair) {
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let params = authority_named(&format!("pullcheck test authority {number}"));
    let key = KeyPair::generate().expect("ring makes keys");
    let pem = params.self_signed(&key).expect("an authority signs itself").pem();
    (pem, params, key)
}

fn authority_named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// An authority that issues certificates as names are asked for, each once. It can be kept: who trusts it today trusts
/// what it issues tomorrow.
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
    /// One that nobody knows.
    other: Issuer<'static, KeyPair>,
    issued: Mutex<BTreeMap<(Certificate, String), Arc<CertifiedKey>>>,
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let (certificate, params, key) = authority();
        Self::of(certificate, Issuer::new(params, key))
    }

    /// The one whose key is kept in this folder, or a new one that is kept there: `ca.pem` and `ca.key`.
    ///
    /// # Errors
    /// The folder cannot be read or written, or holds no key.
    pub fn kept_in(folder: &Path) -> io::Result<Self> {
        let (certificate, key_file) = (folder.join("ca.pem"), folder.join("ca.key"));
        let params = authority_named("pullcheck test authority that is kept");
        if key_file.exists() {
            let key = KeyPair::from_pem(&fs::read_to_string(key_file)?).map_err(io::Error::other)?;
            return Ok(Self::of(fs::read_to_string(certificate)?, Issuer::new(params, key)));
        }
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let signed = params.self_signed(&key).map_err(io::Error::other)?.pem();
        fs::create_dir_all(folder)?;
        fs::write(key_file, key.serialize_pem())?;
        fs::write(certificate, &signed)?;
        Ok(Self::of(signed, Issuer::new(params, key)))
    }

    fn of(certificate: String, issuer: Issuer<'static, KeyPair>) -> Self {
        let (_, params, key) = authority();
        Self { certificate, issuer, other: Issuer::new(params, key), issued: Mutex::default() }
    }

    /// Its own certificate, as PEM.
    pub fn pem(&self) -> &str {
        &self.certificate
    }

    /// The certificate of this kind for a name.
    pub(crate) fn issue(&self, certificate: Certificate, name: &str) -> Arc<CertifiedKey> {
        let mut issued = self.issued.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let make = || {
            let issuer = if certificate == Certificate::UnknownAuthority { &self.other } else { &self.issuer };
            let (signed, key) = leaf(certificate, vec![name.to_owned()], issuer);
            let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            let signer = ring::sign::any_ecdsa_type(&private).expect("rcgen makes ECDSA keys");
            Arc::new(CertifiedKey::new(vec![signed.der().clone()], signer))
        };
        Arc::clone(issued.entry((certificate, name.to_owned())).or_insert_with(make))
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// A server configuration that takes the certificate for the name that a client asks for.
pub(crate) fn by_name(resolver: Arc<dyn ResolvesServerCert>) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("ring speaks TLS 1.2 and 1.3");
    let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// A certificate of a kind, and its key.
fn leaf(
    certificate: Certificate,
    names: Vec<String>,
    issuer: &Issuer<'static, KeyPair>,
) -> (SignedCertificate, KeyPair) {
    let names = if certificate == Certificate::WrongName { vec!["other.example".to_owned()] } else { names };
    let mut leaf = CertificateParams::new(names).expect("names of a test are DNS names or addresses");
    match certificate {
        Certificate::Expired => {
            leaf.not_before = rcgen::date_time_ymd(2000, 1, 1);
            leaf.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        Certificate::NotYetValid => {
            leaf.not_before = rcgen::date_time_ymd(2100, 1, 1);
            leaf.not_after = rcgen::date_time_ymd(2101, 1, 1);
        }
        Certificate::Good | Certificate::WrongName | Certificate::SelfSigned | Certificate::UnknownAuthority => {}
    }
    let key = KeyPair::generate().expect("ring makes keys");
    let signed = if certificate == Certificate::SelfSigned {
        leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        leaf.self_signed(&key).expect("a certificate signs itself")
    } else {
        leaf.signed_by(&key, issuer).expect("the authority signs")
    };
    (signed, key)
}

/// A server configuration for `names`, and the PEM of the authority that vouches for it.
pub(crate) fn server(names: Vec<String>, manner: &Manner) -> (Arc<ServerConfig>, String) {
    let certificate = manner.certificate;
    let (known, params, key) = authority();
    let (signed, leaf_key) = match certificate {
        Certificate::UnknownAuthority => {
            let (_, params, key) = authority();
            leaf(certificate, names, &Issuer::new(params, key))
        }
        _ => leaf(certificate, names, &Issuer::new(params, key)),
    };
    let pem = if certificate == Certificate::SelfSigned { signed.pem() } else { known };
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3");
    let builder = match &manner.demands {
        None => builder.with_no_client_auth(),
        Some(authority) => builder.with_client_cert_verifier(verifier(authority, provider)),
    };
    let config = builder.with_single_cert(vec![signed.der().clone()], private);
    let mut config = config.expect("key and certificate belong together");
    let versions: &[&str] = if manner.http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
    config.alpn_protocols = versions.iter().map(|version| version.as_bytes().to_vec()).collect();
    (Arc::new(config), pem)
}

fn verifier(authority: &str, provider: Arc<CryptoProvider>) -> Arc<dyn ClientCertVerifier> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(authority.as_bytes()).expect("PEM of an authority");
    roots.add(certificate).expect("an authority");
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("there is an authority")
}
