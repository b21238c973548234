//! A certificate authority made on the spot.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Which certificate a server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    params.distinguished_name.push(DnType::CommonName, format!("pullcheck test authority {number}"));
    let key = KeyPair::generate().expect("ring makes keys");
    let pem = params.self_signed(&key).expect("an authority signs itself").pem();
    (pem, params, key)
}

/// A server configuration for `names`, and the PEM of the authority that vouches for it.
pub(crate) fn server(names: Vec<String>, manner: &Manner) -> (Arc<ServerConfig>, String) {
    let (pem, params, key) = authority();
    let issuer = Issuer::new(params, key);
    let certificate = manner.certificate;
    let names = if certificate == Certificate::WrongName { vec!["other.example".to_owned()] } else { names };
    let mut leaf = CertificateParams::new(names).expect("names of a test are DNS names or addresses");
    if certificate == Certificate::Expired {
        leaf.not_before = rcgen::date_time_ymd(2000, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2001, 1, 1);
    }
    let leaf_key = KeyPair::generate().expect("ring makes keys");
    let (signed, pem) = if certificate == Certificate::SelfSigned {
        leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let signed = leaf.self_signed(&leaf_key).expect("a certificate signs itself");
        let pem = signed.pem();
        (signed, pem)
    } else {
        (leaf.signed_by(&leaf_key, &issuer).expect("the authority signs"), pem)
    };
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
