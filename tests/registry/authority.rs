//! A certificate authority that no machine trusts, and a server certificate of it.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// The name that the server certificate is for, beside `127.0.0.1`.
pub(crate) const NAME: &str = "registry.acme-shop.example";

/// An authority with the one server certificate that it has issued.
pub(crate) struct Authority {
    root: String,
    certificate: String,
    key: String,
}

impl Authority {
    /// Makes both.
    pub(crate) fn new() -> Self {
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_key = KeyPair::generate().expect("a key");
        let root_pem = root.self_signed(&root_key).expect("a root certificate").pem();
        let key = KeyPair::generate().expect("a key");
        let names = [NAME.to_owned(), "127.0.0.1".to_owned()];
        let server = CertificateParams::new(names).expect("names that a certificate can hold");
        let issuer = Issuer::new(root, root_key);
        let certificate = server.signed_by(&key, &issuer).expect("a server certificate").pem();
        Self { root: root_pem, certificate, key: key.serialize_pem() }
    }

    /// The authority's own certificate: what a client is told to trust.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// What the server shows.
    pub(crate) fn server_certificate(&self) -> &str {
        &self.certificate
    }

    /// The server's key.
    pub(crate) fn server_key(&self) -> &str {
        &self.key
    }
}
