//! The trusted authorities: the system's, the operator's, and Mozilla's if the system has none; or any certificate,
//! if the operator allows it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

use super::identity::{Choice, Identity};
use super::options_error::OptionsError;

/// TLS settings of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    /// Authorities in addition to those of the system.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    /// The client certificates to choose from.
    pub(crate) identities: Vec<Identity>,
    /// Whether any certificate is accepted.
    pub(crate) skip_verify: bool,
}

/// Creates a TLS configuration with its own cryptography provider, whichever one the process has installed.
pub(crate) fn config(settings: &TlsSettings) -> Result<ClientConfig, OptionsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = match settings.skip_verify {
        true => Arc::new(Anyone(Arc::clone(&provider))),
        false => verifier(&settings.authorities, &provider)?,
    };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| OptionsError::Setup(error.to_string()))?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    Ok(builder.with_client_cert_resolver(Arc::new(Choice(settings.identities.clone()))))
}

/// A TLS configuration for clients that do not use TLS: it trusts no authority.
pub(crate) fn none() -> Result<ClientConfig, OptionsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| OptionsError::Setup(error.to_string()))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// The certificates of a PEM file: at least one, and each a usable authority.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = read.map_err(|error| OptionsError::BadCertificate(error.to_string()))?;
    if found.is_empty() {
        return Err(OptionsError::NoCertificate);
    }
    let mut store = RootCertStore::empty();
    for certificate in &found {
        store.add(certificate.clone()).map_err(|error| OptionsError::BadCertificate(error.to_string()))?;
    }
    Ok(found)
}

/// The certificates of a PEM file as Go reads it for containerd (`AppendCertsFromPEM` of `crypto/x509`): anything
/// that is not a certificate is skipped, and one is enough.
pub(crate) fn some_certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let usable = |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone()).is_ok();
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).filter(usable).collect();
    (!found.is_empty()).then_some(found)
}

/// Accepts every certificate, but not a server that does not have its key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Accepts certificates that Go accepts and the usual verifier does not: a server's certificate that is itself among
/// the operator's authorities, created by `openssl req -x509` with the CA flag (`Certificate.Verify` of Go's
/// `crypto/x509` first checks whether the roots contain it).
#[derive(Debug)]
struct OrItself {
    usual: Arc<dyn ServerCertVerifier>,
    authorities: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for OrItself {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usual = self.usual.verify_server_cert(certificate, intermediates, name, ocsp, now);
        match usual {
            // The certificate's validity period was checked before its CA flag.
            Err(Error::InvalidCertificate(CertificateError::Other(error)))
                if is_authority_as_server(&error) && self.authorities.iter().any(|known| known == certificate) =>
            {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            usual => usual,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Whether the verifier refused a CA certificate as a server's. Its error type is not public, so the name is
/// compared.
fn is_authority_as_server(error: &OtherError) -> bool {
    format!("{error:?}").contains("CaUsedAsEndEntity")
}

fn verifier(
    extra: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, OptionsError> {
    // Without additional authorities it fails exactly when the system has no authority at all.
    match Verifier::new(Arc::clone(provider)) {
        Ok(system) if extra.is_empty() => Ok(Arc::new(system)),
        Ok(_) => Verifier::new_with_extra_roots(extra.iter().cloned(), Arc::clone(provider))
            .map(|both| or_itself(Arc::new(both), extra))
            .map_err(|error| OptionsError::BadCertificate(error.to_string())),
        Err(_) => bundled(extra, provider).map(|usual| or_itself(usual, extra)),
    }
}

fn or_itself(usual: Arc<dyn ServerCertVerifier>, extra: &[CertificateDer<'static>]) -> Arc<dyn ServerCertVerifier> {
    Arc::new(OrItself { usual, authorities: extra.to_vec() })
}

fn bundled(
    extra: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, OptionsError> {
    let mut store = RootCertStore::empty();
    store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    store.add_parsable_certificates(extra.iter().cloned());
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
        .build()
        .map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
        .map_err(|error| OptionsError::Setup(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ca_file_must_contain_a_certificate() {
        assert_eq!(certificates(b"no certificate here").err(), Some(OptionsError::NoCertificate));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(certificates(broken).err(), Some(OptionsError::BadCertificate(_))));
        let cut = b"-----BEGIN CERTIFICATE-----\n%%%\n";
        assert!(certificates(cut).is_err());
        assert_eq!(some_certificates(broken), None);
    }

    #[test]
    fn bundled_roots_work_without_system_authorities() {
        let provider = Arc::new(ring::default_provider());
        assert!(bundled(&[], &provider).is_ok());
    }
}
