//! Errors in the options of a client.

/// Settings that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Not a valid host.
    #[error("{0:?} is not a host: expected HOST or HOST:PORT, without scheme or path")]
    Host(String),
    /// Not a valid `--connect-to`.
    #[error("{0:?} is not HOST[:PORT]=ADDR:PORT with a numeric address")]
    ConnectTo(String),
    /// Not a valid `--mirror`.
    #[error("{0:?} is not HOST[:PORT]=URL with https:// or http:// and without user or query")]
    Mirror(String),
    /// A `--connect-to` for an address whose certificate would be checked against that address.
    #[error("--connect-to {0}: an address can be redirected over plain HTTP only; add --plain-http {0}")]
    AddressOverTls(String),
    /// A CA file without a certificate.
    #[error("the CA file contains no PEM certificate")]
    NoCertificate,
    /// A CA file that cannot be read.
    #[error("a CA file cannot be used: {0}")]
    BadCertificate(String),
    /// The TLS or HTTP stack cannot start.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
}
