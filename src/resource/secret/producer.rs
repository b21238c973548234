//! What is known in advance about a Secret that does not exist yet: its type and, sometimes, its keys.

use crate::resource::secret::sops::is_encrypted;
use crate::resource::secret::{FORMATS, IgnoredBecause, SecretContent};
use crate::resource::workload::value::spanned_string;
use crate::text::placeholder::is_placeholder;
use crate::text::source::Spanned;
use crate::text::yaml::Node;

/// The `type` of a Secret that will be created.
pub(super) enum SecretType {
    /// The type is omitted, which makes it `Opaque`.
    Unset,
    /// The type is this text.
    Written(Spanned<String>),
    /// Another program has yet to fill in the type.
    Unknown,
}

impl SecretType {
    pub(super) fn of(node: Option<Node<'_>>) -> Self {
        let Some(node) = node.filter(|node| !node.is_null()) else { return Self::Unset };
        match spanned_string(node) {
            Some(text) if !is_placeholder(&text.value) && !is_encrypted(&text.value) => Self::Written(text),
            _ => Self::Unknown,
        }
    }

    pub(super) fn written(self) -> Option<Spanned<String>> {
        match self {
            Self::Written(text) => Some(text),
            Self::Unset | Self::Unknown => None,
        }
    }

    /// The content that the kubelet will find in a Secret of this type whose values are not known.
    pub(super) fn content(&self, keys: &Keys<'_>) -> SecretContent {
        let written = match self {
            Self::Unknown => return SecretContent::Opaque,
            Self::Unset => "",
            Self::Written(text) => text.value.as_str(),
        };
        match FORMATS.into_iter().find(|format| format.secret_type() == written) {
            Some(format) if keys.lack(format.data_key()) => SecretContent::Ignored(IgnoredBecause::MissingKey),
            Some(_) => SecretContent::Opaque,
            None => {
                let has_docker_config = FORMATS.iter().any(|format| keys.have(format.data_key()));
                SecretContent::Ignored(IgnoredBecause::WrongType { has_docker_config })
            }
        }
    }
}

/// The data keys of a Secret that does not exist yet.
pub(super) enum Keys<'a> {
    /// The complete list of keys.
    Known(Vec<&'a str>),
    /// Some of the keys; there may be others.
    AtLeast(Vec<&'a str>),
}

impl<'a> Keys<'a> {
    /// Returns the keys of mappings. A value that is not a mapping, such as a template expression, could become
    /// anything.
    pub(super) fn of_maps(maps: impl IntoIterator<Item = Option<Node<'a>>>) -> Self {
        let mut keys = Vec::new();
        let mut complete = true;
        for map in maps.into_iter().flatten().filter(|map| !map.is_null()) {
            complete &= map.is_mapping();
            for entry in map.entries() {
                match entry.key.text() {
                    Some(key) if key != "<<" && !is_placeholder(key) => keys.push(key),
                    _ => complete = false,
                }
            }
        }
        if complete { Self::Known(keys) } else { Self::AtLeast(keys) }
    }

    /// Returns one key from each item in a list.
    pub(super) fn of_items(list: Option<Node<'a>>, key: &str) -> Self {
        let Some(list) = list.filter(|list| !list.is_null()) else { return Self::Known(Vec::new()) };
        let names: Vec<_> = list.items().map(|item| item.str(key).filter(|name| !is_placeholder(name))).collect();
        let complete = list.is_sequence() && names.iter().all(Option::is_some);
        let keys = names.into_iter().flatten().collect();
        if complete { Self::Known(keys) } else { Self::AtLeast(keys) }
    }

    /// Marks the list as incomplete.
    #[must_use]
    pub(super) fn or_more(self) -> Self {
        match self {
            Self::Known(keys) | Self::AtLeast(keys) => Self::AtLeast(keys),
        }
    }

    /// Combines two lists of keys.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        let complete = matches!((&self, &other), (Self::Known(_), Self::Known(_)));
        let (Self::Known(mut keys) | Self::AtLeast(mut keys)) = self;
        let (Self::Known(more) | Self::AtLeast(more)) = other;
        keys.extend(more);
        if complete { Self::Known(keys) } else { Self::AtLeast(keys) }
    }

    fn have(&self, key: &str) -> bool {
        let (Self::Known(keys) | Self::AtLeast(keys)) = self;
        keys.contains(&key)
    }

    fn lack(&self, key: &str) -> bool {
        matches!(self, Self::Known(_)) && !self.have(key)
    }
}
