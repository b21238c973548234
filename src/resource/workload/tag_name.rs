//! Names of tags in OpenShift image streams.

/// The name of a stream's tag, as a trigger refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagName {
    /// The namespace of the stream; `None` if neither the trigger nor its object names one.
    pub namespace: Option<String>,
    /// The name of the stream.
    pub stream: String,
    /// The name of the tag.
    pub tag: String,
}

impl TagName {
    /// Parses `stream:tag`; the default tag is `latest`.
    pub(crate) fn parse(namespace: Option<String>, name: &str) -> Option<Self> {
        let (stream, tag) = name.split_once(':').unwrap_or((name, "latest"));
        let is_name = !stream.is_empty() && !stream.contains(['/', '@']) && !tag.is_empty();
        is_name.then(|| Self { namespace, stream: stream.to_owned(), tag: tag.to_owned() })
    }

    pub(crate) fn may_be(&self, other: &Self) -> bool {
        let elsewhere = self.namespace.is_some() && other.namespace.is_some() && self.namespace != other.namespace;
        self.stream == other.stream && self.tag == other.tag && !elsewhere
    }
}
