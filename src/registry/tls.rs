//! Whom we trust: the system's authorities, the operator's, and Mozilla's where the system has none.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use super::options::OptionsError;

/// A TLS configuration that trusts `pems` beside the system. It brings its own cryptography, whatever the process
/// has installed.
pub(crate) fn config(pems: &[Vec<u8>]) -> Result<ClientConfig, OptionsError> {
    let mut extra = Vec::new();
    for pem in pems {
        extra.extend(certificates(pem)?);
    }
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(&extra, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| OptionsError::Setup(error.to_string()))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// The certificates of a PEM file: at least one, and each of them an authority that can be used.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
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

fn verifier(
    extra: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, OptionsError> {
    // Without extras it fails exactly when the system has no authority at all.
    match Verifier::new(Arc::clone(provider)) {
        Ok(system) if extra.is_empty() => Ok(Arc::new(system)),
        Ok(_) => Verifier::new_with_extra_roots(extra.iter().cloned(), Arc::clone(provider))
            .map(|both| Arc::new(both) as Arc<dyn ServerCertVerifier>)
            .map_err(|error| OptionsError::BadCertificate(error.to_string())),
        Err(_) => bundled(extra, provider),
    }
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
    fn a_ca_file_must_hold_a_certificate() {
        assert_eq!(config(&[b"no certificate here".to_vec()]).err(), Some(OptionsError::NoCertificate));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
        assert!(matches!(config(&[broken]).err(), Some(OptionsError::BadCertificate(_))));
        let cut = b"-----BEGIN CERTIFICATE-----\n%%%\n".to_vec();
        assert!(config(&[cut]).is_err());
    }

    #[test]
    fn a_system_without_authorities_still_works() {
        let provider = Arc::new(ring::default_provider());
        assert!(bundled(&[], &provider).is_ok());
    }
}
