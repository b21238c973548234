//! One HTTP answer, good or broken.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// What a scripted path answers.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// Spaces that follow the body.
    pub(crate) padding: u64,
    pub(crate) delay: Duration,
    pub(crate) ending: Ending,
    /// Whether what the client sent is put into headers and body.
    pub(crate) echoes: bool,
    /// What those get that send no `Authorization`.
    pub(crate) challenge: Option<Box<Answer>>,
}

/// How the answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As it should.
    Whole,
    /// The connection is closed before any byte.
    Abort,
    /// The connection is closed after the body's first half.
    ResetInBody,
    /// Nothing is ever sent.
    Hang,
}

impl Answer {
    /// An empty answer.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            padding: 0,
            delay: Duration::ZERO,
            ending: Ending::Whole,
            echoes: false,
            challenge: None,
        }
    }

    /// An error as registries write it: `{"errors":[{"code": …, "message": …}]}`.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": code, "message": message, "detail": null}]});
        Self::status(status).json(&body)
    }

    /// Closes the connection without an answer.
    pub fn abort() -> Self {
        Self { ending: Ending::Abort, ..Self::status(200) }
    }

    /// Never answers.
    pub fn hang() -> Self {
        Self { ending: Ending::Hang, ..Self::status(200) }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Bytes::from(body.into());
        self
    }

    /// Sets a JSON body with its content type.
    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// Lets `bytes` spaces follow the body, made as they are sent and announced by no length.
    #[must_use]
    pub fn padded(mut self, bytes: u64) -> Self {
        self.padding = bytes;
        self
    }

    /// Waits before it answers.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Closes the connection in the middle of the body, which must not be empty.
    #[must_use]
    pub fn reset_in_body(mut self) -> Self {
        self.ending = Ending::ResetInBody;
        self
    }

    /// Gives back what the client sent: in headers and body, `{authorization}` becomes the value of its header,
    /// `{credential}` the user and password in it (in a body as JSON has them), `{escaped}` the same as in a URL.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.echoes = true;
        self
    }

    /// Gives this answer to those only that send an `Authorization`, whatever it says; the others are challenged.
    #[must_use]
    pub fn behind(mut self, challenge: Answer) -> Self {
        self.challenge = Some(Box::new(challenge));
        self
    }

    /// The answer with what the client sent in it, where it echoes.
    pub(crate) fn echoing(mut self, authorization: Option<&str>, credential: Option<&str>) -> Self {
        if let (None, Some(challenge)) = (authorization, self.challenge.take()) {
            return challenge.echoing(None, None);
        }
        if !self.echoes {
            return self;
        }
        let escape = |byte: u8| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        let escaped = credential.map(|text| text.bytes().map(escape).collect::<String>());
        let sent =
            [("{authorization}", authorization), ("{credential}", credential), ("{escaped}", escaped.as_deref())];
        for (mark, text) in sent.map(|(mark, text)| (mark, text.unwrap_or("nothing"))) {
            let one_line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            for (_, value) in &mut self.headers {
                *value = value.replace(mark, &one_line);
            }
            let quoted = serde_json::Value::from(text).to_string();
            let body = String::from_utf8_lossy(&self.body).replace(mark, &quoted[1..quoted.len() - 1]);
            self.body = Bytes::from(body);
        }
        self
    }

    /// The answer as hyper sends it; without body for `HEAD`, but with its length.
    pub(crate) fn into_response(self, head: bool) -> hyper::Response<Payload> {
        let mut response = hyper::Response::builder().status(self.status);
        let named = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        let sized = self.padding == 0 && !named && !(head && self.body.is_empty());
        if sized {
            response = response.header("Content-Length", self.body.len());
        }
        let payload = if head { Payload::default() } else { self.payload() };
        response.body(payload).expect("a scripted status and scripted headers are valid")
    }

    fn payload(self) -> Payload {
        let cut = self.ending == Ending::ResetInBody;
        let length = if cut { self.body.len() / 2 } else { self.body.len() };
        Payload { first: Some(self.body.slice(..length)).filter(|b| !b.is_empty()), padding: self.padding, cut }
    }
}

/// A body that is made as it is sent, and may break off.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    first: Option<Bytes>,
    padding: u64,
    cut: bool,
}

static SPACES: [u8; 65536] = [b' '; 65536];

impl Body for Payload {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.padding > 0 {
            let length = self.padding.min(SPACES.len() as u64);
            self.padding -= length;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&SPACES[..length as usize])))));
        }
        if std::mem::take(&mut self.cut) {
            return Poll::Ready(Some(Err(std::io::Error::other("scripted reset"))));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.padding == 0 && !self.cut
    }

    fn size_hint(&self) -> SizeHint {
        if self.cut || self.padding > 0 {
            return SizeHint::new();
        }
        SizeHint::with_exact(self.first.as_ref().map_or(0, |b| b.len() as u64))
    }
}
