//! The four ways in which a registry is set up, and what an operator writes to reach each.

use std::fs;
use std::path::Path;

use pullcheck::kubelet::probe::Prober;

use crate::authority::{Authority, NAME};
use crate::client::{Options, client};
use crate::push::Pusher;
use crate::server::{Server, Setup};
use crate::tokens::{Methods, Tokens};

/// A running registry with what belongs to it.
pub(crate) struct Place {
    pub(crate) server: Server,
    authority: Option<Authority>,
    tokens: Option<Tokens>,
    pub(crate) guard: Guard,
}

/// Who gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Everyone.
    Open,
    /// The one user, by password.
    Basic,
    /// The one user, by token.
    Token,
}

impl Place {
    /// Plain HTTP, for everyone.
    pub(crate) fn open() -> Option<Self> {
        Some(Self { server: Server::start(&Setup::open())?, authority: None, tokens: None, guard: Guard::Open })
    }

    /// Plain HTTP, by password.
    pub(crate) fn htpasswd() -> Option<Self> {
        Some(Self { server: Server::start(&Setup::htpasswd())?, guard: Guard::Basic, authority: None, tokens: None })
    }

    /// HTTPS under a name of its own, for everyone.
    pub(crate) fn tls() -> Option<Self> {
        let authority = Authority::new();
        let server = Server::start(&Setup::tls(&authority))?;
        Some(Self { server, authority: Some(authority), tokens: None, guard: Guard::Open })
    }

    /// Plain HTTP, by token.
    pub(crate) fn token() -> Option<Self> {
        Self::token_by(Methods::Both)
    }

    /// Plain HTTP, by token that these methods get.
    pub(crate) fn token_by(methods: Methods) -> Option<Self> {
        let tokens = Tokens::start(methods);
        let server = Server::start(&Setup::token(&tokens))?;
        Some(Self { server, tokens: Some(tokens), authority: None, guard: Guard::Token })
    }

    /// As references name it.
    pub(crate) fn host(&self) -> String {
        if self.authority.is_some() { NAME.to_owned() } else { self.server.host() }
    }

    /// A reference to something in it.
    pub(crate) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    /// Pushes to it.
    pub(crate) fn pusher(&self) -> Pusher<'_> {
        match &self.authority {
            Some(authority) => Pusher::tls(&self.server, authority),
            None if self.guard == Guard::Open => Pusher::open(&self.server),
            None => Pusher::guarded(&self.server),
        }
    }

    /// A client that reaches it.
    pub(crate) fn client(&self) -> impl Prober + use<> {
        client(&match &self.authority {
            Some(authority) => Options {
                connect_to: Some((NAME, self.server.address())),
                ca_pem: Some(authority.root()),
                ..Options::default()
            },
            None => Options { plain_http: Some(self.host()), ..Options::default() },
        })
    }

    /// The command's options to reach it; files that they name are put into the folder.
    pub(crate) fn options(&self, folder: &Path) -> Vec<String> {
        let Some(authority) = &self.authority else { return vec![format!("--plain-http={}", self.host())] };
        let file = folder.join("authority.pem");
        fs::write(&file, authority.root()).expect("the certificate is written");
        vec![format!("--connect-to={NAME}={}", self.server.address()), format!("--ca-cert={}", file.display())]
    }

    /// `METHOD user:password` of the token requests since the last call, `METHOD` alone for nobody.
    pub(crate) fn token_requests(&self) -> Vec<String> {
        self.tokens.iter().flat_map(Tokens::requests).collect()
    }

    /// Requests to the registry since the last call, from its log; `None` over TLS, whose log is not read.
    pub(crate) fn registry_requests(&self) -> Option<Vec<String>> {
        self.authority.is_none().then(|| self.server.requests())
    }

    /// How many there were, and to its token server.
    pub(crate) fn request_count(&self) -> Option<usize> {
        let tokens = self.token_requests().len();
        self.registry_requests().map(|requests| requests.len() + tokens)
    }
}
