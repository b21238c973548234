//! Which kustomizations kustomize refuses, and which images come out of the others: against the real tool where there
//! is one, and against a table of its answers everywhere.
#![expect(clippy::disallowed_methods, reason = "writes what the real tool reads")]

mod added_containers;
mod differential;
mod generate;
mod object_refusals;
mod refusals;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pullcheck::input::gather::{gather, gather_sources};
use pullcheck::input::load::{WalkOptions, inputs};
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::resource::kustomization::Versions;
use pullcheck::resource::workload::{ImageText, Skip};
use pullcheck::text::source::{Encoding, Source};

use generate::Files;

/// Kind, container and image of what is pulled.
type Pulled = BTreeSet<(String, String, String)>;

/// What becomes of a kustomization.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// It is refused.
    Refused,
    /// These are deployed.
    Built(Pulled),
}

/// What pullcheck says of one.
#[derive(Debug)]
struct Said {
    /// What an error says of the kustomization.
    refusal: Option<String>,
    /// Images that are known.
    known: Pulled,
    /// Whether others are not, or it is said that they are not.
    is_partial: bool,
}

impl Said {
    /// Whether it is true, as far as it goes; an error is true of what is refused only.
    fn holds(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Refused => self.refusal.is_some() || self.known.is_empty() && self.is_partial,
            Outcome::Built(_) if self.refusal.is_some() => false,
            Outcome::Built(pulled) if self.is_partial => self.known.is_subset(pulled),
            Outcome::Built(pulled) => self.known == *pulled,
        }
    }

    /// Whether it tells all.
    fn is_whole(&self) -> bool {
        self.refusal.is_some() || !self.is_partial
    }
}

fn write(folder: &Path, files: &Files) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn pulled(inventory: &Inventory) -> Pulled {
    let uses = inventory.images.iter().filter(|image| !matches!(image.image, ImageText::Skipped(_)));
    let row = |image: &pullcheck::resource::workload::ImageUse| {
        let kind = inventory.resource_of(image).name.kind.clone();
        (kind, image.container.name.clone().unwrap_or_default(), image.text.value.clone())
    };
    uses.map(row).collect()
}

/// The images in what a tool prints.
fn rendered(text: &str) -> Pulled {
    let source = Source::new("rendered.yaml", text, Encoding::Utf8);
    pulled(&gather_sources(vec![source], ReadOptions::default()).inventory)
}

fn said(folder: &Path) -> Said {
    let folders = [folder.to_str().unwrap().to_owned()];
    let (inputs, errors) = inputs(&folders, &WalkOptions::default()).unwrap();
    assert!(errors.is_empty());
    let options = ReadOptions { folders: &folders, ..ReadOptions::default() };
    let inventory = gather(&inputs, errors, options).inventory;
    // The tools are run without `--load-restrictor`.
    let is_refused = |versions| matches!(versions, Versions::All | Versions::Restricted);
    let refusal = inventory.refusals.iter().find(|refusal| is_refused(refusal.versions));
    let broken = inventory.problems.first();
    let is_unknown =
        |image: &pullcheck::resource::workload::ImageUse| image.image == ImageText::Skipped(Skip::RewrittenByKustomize);
    Said {
        refusal: refusal.map(|refusal| refusal.words.clone()).or_else(|| broken.map(|problem| problem.message.clone())),
        known: pulled(&inventory),
        is_partial: !inventory.unrendered.is_empty() || inventory.images.iter().any(is_unknown),
    }
}
