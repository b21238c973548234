//! What stands in braces in a scenario, and is known only when its world is made.
//!
//! | | |
//! |---|---|
//! | `{digest team/app:1}` | of an image's manifest |
//! | `{digest team/app:1 0}` | of the first manifest that it lists |
//! | `{config team/app:1}`, `{layer team/app:1}` | of its configuration, its layer |
//! | `{size team/app:1}` | bytes of its manifest |
//! | `{auth USER:PASSWORD}` | in base64 |

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::content::digest_of;
use crate::registry_hosts::World;

/// The text with everything filled in that is meant to be.
///
/// # Panics
/// It speaks of an image that is not there.
pub(crate) fn fill(text: &str, world: &World) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        filled.push_str(before);
        match from.split_once('}').and_then(|(mark, after)| Some((value(&mark[1..], world)?, after))) {
            Some((value, after)) => {
                filled.push_str(&value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = &from[1..];
            }
        }
    }
    filled + rest
}

fn value(mark: &str, world: &World) -> Option<String> {
    let (what, of) = mark.split_once(' ')?;
    if what == "auth" {
        return Some(BASE64_STANDARD.encode(of));
    }
    if !matches!(what, "digest" | "config" | "layer" | "size") {
        return None;
    }
    let (name, child) = of.split_once(' ').map_or((of, None), |(name, child)| (name, child.parse::<usize>().ok()));
    let image = world.image(name).unwrap_or_else(|| panic!("{{{mark}}}: there is no such image"));
    let object = child.map_or(image, |at| &image.children[at]);
    Some(match what {
        "digest" => object.digest.clone(),
        "config" => digest_of(&object.blobs[0]),
        "layer" => digest_of(&object.blobs[1]),
        _ => object.bytes.len().to_string(),
    })
}
