//! A certificate authority made on the spot.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

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
pub(crate) fn server(names: Vec<String>, certificate: Certificate) -> (Arc<ServerConfig>, String) {
    let (pem, params, key) = authority();
    let issuer = Issuer::new(params, key);
    let names = if certificate == Certificate::WrongName { vec!["other.example".to_owned()] } else { names };
    let mut leaf = CertificateParams::new(names).expect("names of a test are DNS names or addresses");
    if certificate == Certificate::Expired {
        leaf.not_before = rcgen::date_time_ymd(2000, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2001, 1, 1);
    }
    let leaf_key = KeyPair::generate().expect("ring makes keys");
    let signed = leaf.signed_by(&leaf_key, &issuer).expect("the authority signs");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![signed.der().clone()], private)
        .expect("key and certificate belong together");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    (Arc::new(config), pem)
}
