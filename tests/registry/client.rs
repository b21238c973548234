//! pullcheck's own client, set up as an operator would: the one place that knows how it is made.

use std::net::SocketAddr;

use pullcheck::credential::pair::Credential;
use pullcheck::credential::sensitive::Sensitive;
use pullcheck::image::reference::Reference;
use pullcheck::kubelet::probe::{Attempt, Prober};
use pullcheck::registry::{Client, ClientOptions, Proxies};

/// `--plain-http`, `--connect-to`, `--ca-cert`.
#[derive(Default)]
pub(crate) struct Options<'a> {
    pub(crate) plain_http: Option<String>,
    pub(crate) connect_to: Option<(&'a str, SocketAddr)>,
    pub(crate) ca_pem: Option<&'a str>,
}

/// The client.
pub(crate) fn client(options: &Options<'_>) -> impl Prober + use<> {
    crate::install_tls_provider();
    let connect_to = options.connect_to.iter().map(|(name, address)| format!("{name}={address}").parse());
    let options = ClientOptions {
        plain_http: options.plain_http.iter().map(|host| host.parse()).collect::<Result<_, _>>().expect("hosts"),
        connect_to: connect_to.collect::<Result<_, _>>().expect("hosts and addresses"),
        ca_certs: options.ca_pem.iter().map(|pem| pem.as_bytes().to_vec()).collect(),
        proxies: Proxies::Off,
        ..ClientOptions::default()
    };
    Client::new(options).expect("options that work")
}

/// The question for an image, without a credential.
pub(crate) fn anonymous(image: &str) -> Attempt {
    attempt(image, None)
}

/// The question for an image as this user.
pub(crate) fn with_password(image: &str, username: &str, password: &str) -> Attempt {
    let credential = Credential { username: Sensitive::new(username), password: Sensitive::new(password) };
    attempt(image, Some(&credential))
}

fn attempt(image: &str, credential: Option<&Credential>) -> Attempt {
    Attempt::new(&Reference::parse(image).expect("the test writes a good reference"), credential)
}
