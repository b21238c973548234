//! Client certificates, for servers that ask for one in the handshake.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// A client certificate with its chain and key. Its `Debug` shows no key.
#[derive(Debug, Clone)]
pub struct Identity(Arc<CertifiedKey>);

/// Why a certificate and a key are not a valid identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The file contains no certificate.
    #[error("the certificate file contains no PEM certificate")]
    NoCertificate,
    /// The certificate cannot be read.
    #[error("the certificate file cannot be used: {0}")]
    BadCertificate(String),
    /// The file contains no key.
    #[error("the key file contains no PEM private key")]
    NoKey,
    /// The key is encrypted with a passphrase.
    #[error("the key is encrypted; remove its passphrase (openssl pkey -in FILE -out PLAIN)")]
    EncryptedKey,
    /// The key cannot be read.
    #[error("the key file cannot be used: {0}")]
    BadKey(String),
    /// The key belongs to another certificate.
    #[error("the key does not belong to the certificate")]
    Mismatch,
}

impl Identity {
    /// Reads PEM: the certificate first, then its chain. Both arguments may be the same file.
    ///
    /// # Errors
    /// Something is missing, or certificate and key do not match.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.map_err(|error| IdentityError::BadCertificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(IdentityError::NoCertificate);
        }
        let private = match PrivateKeyDer::from_pem_slice(key) {
            Ok(private) => private,
            Err(_) if is_encrypted(key) => return Err(IdentityError::EncryptedKey),
            Err(rustls::pki_types::pem::Error::NoItemsFound) => return Err(IdentityError::NoKey),
            Err(error) => return Err(IdentityError::BadKey(error.to_string())),
        };
        match CertifiedKey::from_der(chain, private, &ring::default_provider()) {
            Ok(certified) => Ok(Self(Arc::new(certified))),
            Err(rustls::Error::InconsistentKeys(_)) => Err(IdentityError::Mismatch),
            Err(rustls::Error::InvalidCertificate(error)) => Err(IdentityError::BadCertificate(format!("{error}"))),
            // OpenSSL's old format keeps the label of an unencrypted key and encrypts the content.
            Err(_) if is_encrypted(key) => Err(IdentityError::EncryptedKey),
            Err(error) => Err(IdentityError::BadKey(error.to_string())),
        }
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.0.cert == other.0.cert
    }
}

impl Eq for Identity {}

fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// Presents the first suitable identity, as Go does (`getClientCertificate` in `crypto/tls/handshake_client.go`): one
/// that can sign as the server asks, and whose chain leads to an authority that the server names, if it names any.
#[derive(Debug)]
pub(crate) struct Choice(pub(crate) Vec<Identity>);

impl ResolvesClientCert for Choice {
    fn resolve(&self, authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let will_do = |identity: &&Identity| {
            let certified = &identity.0;
            let issued = |certificate: &CertificateDer<'_>| {
                issuer(certificate).is_some_and(|issuer| authorities.contains(&issuer))
            };
            certified.key.choose_scheme(schemes).is_some()
                && (authorities.is_empty() || certified.cert.iter().any(issued))
        };
        self.0.iter().find(will_do).map(|identity| Arc::clone(&identity.0))
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

/// The issuer's name in a certificate, in DER. The parser that checks certificates does not provide it.
fn issuer<'c>(certificate: &'c CertificateDer<'_>) -> Option<&'c [u8]> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let (_, certificate, _) = element(certificate)?;
    let (_, mut body, _) = element(certificate)?;
    if body.first() == Some(&VERSION) {
        body = element(body)?.2;
    }
    let (_, _, after_serial) = element(body)?;
    let (_, _, after_algorithm) = element(after_serial)?;
    let (tag, _, rest) = element(after_algorithm)?;
    (tag == SEQUENCE).then(|| &after_algorithm[..after_algorithm.len() - rest.len()])
}

/// The first element of DER: its tag, its content, and the rest.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair};

    /// Returns the PEM of a certificate that an authority of this name issued, the PEM of its key, and the
    /// authority's name in DER.
    fn issued(authority: &str) -> (String, String, Vec<u8>) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, authority);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        let name = issuer(root.der()).unwrap().to_vec();
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["node.example".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&leaf_key, &Issuer::new(params, key)).unwrap();
        (leaf.pem(), leaf_key.serialize_pem(), name)
    }

    #[test]
    fn client_certificate_and_key_must_match() {
        let (certificate, key, _) = issued("a");
        let (_, other, _) = issued("a");
        let read = |certificate: &str, key: &str| Identity::from_pem(certificate.as_bytes(), key.as_bytes()).err();
        assert_eq!(read(&certificate, &key), None);
        let both = format!("{key}{certificate}");
        assert_eq!(read(&both, &both), None, "both in one file");
        assert_eq!(read(&certificate, &other), Some(IdentityError::Mismatch));
        assert_eq!(read(&key, &key), Some(IdentityError::NoCertificate));
        assert_eq!(read(&certificate, &certificate), Some(IdentityError::NoKey));
        assert_eq!(read("", ""), Some(IdentityError::NoCertificate));
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert_eq!(read(&certificate, encrypted), Some(IdentityError::EncryptedKey));
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n\
                   -----END RSA PRIVATE KEY-----\n";
        assert_eq!(read(&certificate, old), Some(IdentityError::EncryptedKey));
        let empty = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(matches!(read(&certificate, empty), Some(IdentityError::BadKey(_))));
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(read(cut, &key), Some(IdentityError::BadCertificate(_))));
    }

    #[test]
    fn debug_output_of_identity_hides_its_key() {
        let (certificate, key, _) = issued("a");
        let shown = format!("{:?}", Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap());
        assert!(!shown.contains("PRIVATE") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn client_identity_is_chosen_by_the_server_authorities() {
        let (first, first_key, first_name) = issued("first");
        let (second, second_key, second_name) = issued("second");
        let identity =
            |certificate: &str, key: &str| Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let identities = vec![identity(&first, &first_key), identity(&second, &second_key)];
        let choice = Choice(identities.clone());
        let schemes = [SignatureScheme::ECDSA_NISTP256_SHA256];
        let chosen = |authorities: &[&[u8]], schemes: &[SignatureScheme]| {
            let chosen = choice.resolve(authorities, schemes)?;
            identities.iter().position(|identity| Arc::ptr_eq(&identity.0, &chosen))
        };
        assert_eq!(chosen(&[], &schemes), Some(0));
        assert_eq!(chosen(&[&second_name], &schemes), Some(1));
        assert_eq!(chosen(&[&second_name, &first_name], &schemes), Some(0));
        assert_eq!(chosen(&[b"\x30\x00"], &schemes), None, "none is shown where none will do");
        assert_eq!(chosen(&[], &[SignatureScheme::RSA_PSS_SHA256]), None);
    }

    #[test]
    fn malformed_certificate_has_no_issuer() {
        for der in [&b""[..], b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x30\x01\xa0"] {
            assert_eq!(issuer(&CertificateDer::from(der.to_vec())), None);
        }
    }
}
