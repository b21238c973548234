//! Image references: what parses parses again to the same, and what does not has a place to diagnosis.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pullcheck::image::reference::Reference;
use pullcheck::image::pull_policy::default_pull_policy;

fuzz_target!(|text: &str| {
    let _ = default_pull_policy(text);
    match Reference::parse(text) {
        Ok(reference) => {
            let again = Reference::parse(&reference.to_string()).expect("a printed reference parses");
            assert_eq!(again.to_string(), reference.to_string());
            assert_eq!(
                (again.name(), again.tag(), again.digest()),
                (reference.name(), reference.tag(), reference.digest())
            );
            let _ = (reference.containerd_ref(), reference.cri_image(text));
        }
        Err(error) => {
            let diagnosis = error.diagnose(text);
            assert!(text.get(diagnosis.range.clone()).is_some(), "{diagnosis:?}");
            assert!(!diagnosis.reason.is_empty() && !error.kubelet_text(text).is_empty());
            if let Some(replacement) = diagnosis.replacement {
                assert!(Reference::parse(&replacement).is_ok(), "{replacement}");
            }
        }
    }
});
