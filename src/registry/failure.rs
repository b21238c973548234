//! Why a request had no answer: the classification of reqwest's errors.
//!
//! The cause is deeply nested: TLS errors are an `io::Error` whose `get_ref()` is another `io::Error` whose
//! `get_ref()` is the `rustls::Error`, and `source()` skips some of these steps. The messages are those of Go's
//! `net/http`, which containerd prints.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::resolve::ResolveError;
use crate::kubelet::probe::{TlsFault, Unknown};

/// A request without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestFailure {
    /// The cause of the failure.
    pub(crate) unknown: Unknown,
    /// The error message, as Go words it.
    pub(crate) message: String,
    /// Whether a retry may help.
    pub(crate) passing: bool,
    /// `Retry-After` of a host that is not asked any more, in seconds.
    pub(crate) retry_after: Option<u64>,
}

impl RequestFailure {
    /// Creates a failure that a retry does not fix.
    pub(crate) fn new(unknown: Unknown, message: impl Into<String>) -> Self {
        Self { unknown, message: message.into(), passing: false, retry_after: None }
    }

    /// Classifies an error of reqwest.
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        match tunnel(error) {
            None => Self::of_connection(error),
            Some(Tunnel::Refused(words)) => Self::new(Unknown::Network, format!("proxyconnect tcp: {words}")),
            Some(Tunnel::Failed) => {
                let failure = Self::of_connection(error);
                // The proxy's certificate or lack of TLS says nothing about the registry: the nodes have other
                // proxies.
                let unknown = match failure.unknown {
                    Unknown::Tls(_) | Unknown::PlainHttp => Unknown::Network,
                    other => other,
                };
                Self { unknown, message: format!("proxyconnect tcp: {}", failure.message), ..failure }
            }
        }
    }

    fn of_connection(error: &reqwest::Error) -> Self {
        let mut found = None;
        visit(error, &mut |cause| {
            found = found.take().or_else(|| known(cause));
            found.is_some()
        });
        if let Some(found) = found {
            return found;
        }
        if error.is_timeout() {
            return Self::new(
                Unknown::Timeout,
                if error.is_connect() { "dial tcp: i/o timeout" } else { "i/o timeout" },
            );
        }
        Self::passing("connection failed")
    }

    /// The failure for a run whose time is up.
    pub(crate) fn over() -> Self {
        Self::new(Unknown::Deadline, "the time limit of the run was reached")
    }

    fn passing(message: &str) -> Self {
        Self { passing: true, ..Self::new(Unknown::Network, message) }
    }
}

/// Walks through `source()` and `get_ref()`; stops when `see` says so.
fn visit(error: &(dyn Error + 'static), see: &mut dyn FnMut(&(dyn Error + 'static)) -> bool) -> bool {
    if see(error) {
        return true;
    }
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let inner = inner.map(|inner| inner as &(dyn Error + 'static));
    inner.is_some_and(|inner| visit(inner, see)) || error.source().is_some_and(|source| visit(source, see))
}

/// A failure between us and a proxy.
enum Tunnel {
    /// The proxy refuses to connect us.
    Refused(&'static str),
    /// The proxy was not reached.
    Failed,
}

/// Classifies a tunnel error by its text, since its type is not public.
fn tunnel(error: &reqwest::Error) -> Option<Tunnel> {
    let mut found = None;
    visit(error, &mut |cause| {
        found = match cause.to_string().strip_prefix("tunnel error: ") {
            Some("proxy authorization required") => Some(Tunnel::Refused("Proxy Authentication Required")),
            Some("unsuccessful") => Some(Tunnel::Refused("the proxy refuses to connect to this host")),
            Some(_) => Some(Tunnel::Failed),
            None => None,
        };
        found.is_some()
    });
    found
}

fn known(cause: &(dyn Error + 'static)) -> Option<RequestFailure> {
    if let Some(error) = cause.downcast_ref::<ResolveError>() {
        return Some(RequestFailure::new(error.unknown(), error.to_string()));
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(tls(error));
    }
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return transport(error);
    }
    // hyper's own type is not available to a user of reqwest, but its text is.
    let text = cause.to_string();
    match text.as_str() {
        "connection closed before message completed" => Some(RequestFailure::passing("EOF")),
        "end of file before message length reached" => Some(RequestFailure::passing("unexpected EOF")),
        text if text.starts_with("invalid HTTP") || text.starts_with("message head is too large") => {
            Some(RequestFailure::new(Unknown::Network, "net/http: malformed HTTP response"))
        }
        _ => None,
    }
}

/// Classifies an I/O error. Only meaningful kinds: for the others, the wrapped cause comes next in the walk.
fn transport(error: &io::Error) -> Option<RequestFailure> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(RequestFailure::passing("dial tcp: connect: connection refused")),
        io::ErrorKind::ConnectionReset => Some(RequestFailure::passing("read: connection reset by peer")),
        io::ErrorKind::BrokenPipe => Some(RequestFailure::passing("write: broken pipe")),
        io::ErrorKind::NetworkUnreachable => {
            Some(RequestFailure::new(Unknown::Network, "dial tcp: connect: network is unreachable"))
        }
        io::ErrorKind::HostUnreachable => {
            Some(RequestFailure::new(Unknown::Network, "dial tcp: connect: no route to host"))
        }
        io::ErrorKind::TimedOut => Some(RequestFailure::new(Unknown::Timeout, "i/o timeout")),
        io::ErrorKind::UnexpectedEof if error.get_ref().is_none_or(|inner| !inner.is::<rustls::Error>()) => {
            Some(RequestFailure::passing("unexpected EOF"))
        }
        _ => None,
    }
}

fn tls(error: &rustls::Error) -> RequestFailure {
    let (fault, message) = match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            return RequestFailure::new(Unknown::PlainHttp, "http: server gave HTTP response to HTTPS client");
        }
        rustls::Error::InvalidCertificate(certificate) => {
            let (fault, words) = x509(certificate);
            (fault, format!("tls: failed to verify certificate: x509: {words}"))
        }
        rustls::Error::AlertReceived(alert) => (TlsFault::Other, format!("remote error: tls: {}", alert_text(*alert))),
        other => (TlsFault::Other, format!("tls: {other}")),
    };
    RequestFailure::new(Unknown::Tls(fault), message)
}

/// Go's name for an alert (`alertText` in `crypto/tls/alert.go`), for those that a registry sends.
fn alert_text(alert: AlertDescription) -> String {
    let known = match alert {
        AlertDescription::HandshakeFailure => "handshake failure",
        AlertDescription::BadCertificate => "bad certificate",
        AlertDescription::UnsupportedCertificate => "unsupported certificate",
        AlertDescription::CertificateRevoked => "revoked certificate",
        AlertDescription::CertificateExpired => "expired certificate",
        AlertDescription::CertificateUnknown => "unknown certificate",
        AlertDescription::UnknownCA => "unknown certificate authority",
        AlertDescription::AccessDenied => "access denied",
        AlertDescription::ProtocolVersion => "protocol version not supported",
        AlertDescription::InternalError => "internal error",
        AlertDescription::UnrecognisedName => "unrecognized name",
        AlertDescription::CertificateRequired => "certificate required",
        AlertDescription::NoApplicationProtocol => "no application protocol",
        other => return format!("{other:?}"),
    };
    known.to_owned()
}

fn x509(error: &CertificateError) -> (TlsFault, String) {
    match error {
        // A bad signature means an authority of the same name with another key, which is not known.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            (TlsFault::UnknownAuthority, "certificate signed by unknown authority".to_owned())
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            (TlsFault::Expired, "certificate has expired or is not yet valid".to_owned())
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<String> = presented.iter().map(|name| dns_name(name)).collect();
            let expected = expected.to_str();
            let words = match names.is_empty() {
                true => format!("certificate is not valid for any names, but wanted to match {expected}"),
                false => format!("certificate is valid for {}, not {expected}", names.join(", ")),
            };
            (TlsFault::WrongName, words)
        }
        CertificateError::NotValidForName => (TlsFault::WrongName, "certificate is not valid for this name".to_owned()),
        other => (TlsFault::Other, format!("{other}")),
    }
}

/// The name that rustls presents as `DnsName("other.example")`.
fn dns_name(presented: &str) -> String {
    presented.split('"').nth(1).unwrap_or(presented).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::ServerName;

    /// `HostnameError` of Go's `crypto/x509`.
    #[test]
    fn wrong_certificate_name_is_reported_as_in_go() {
        let words = |presented: &[&str]| {
            let expected = ServerName::try_from("reg.example").unwrap().to_owned();
            let presented = presented.iter().map(|name| format!("DnsName({name:?})")).collect();
            x509(&CertificateError::NotValidForNameContext { expected, presented })
        };
        let named = "certificate is valid for a.example, b.example, not reg.example".to_owned();
        assert_eq!(words(&["a.example", "b.example"]), (TlsFault::WrongName, named));
        let nobody = "certificate is not valid for any names, but wanted to match reg.example".to_owned();
        assert_eq!(words(&[]), (TlsFault::WrongName, nobody));
    }
}
