//! What kustomize makes of kustomizations, one feature each: its answers, to be compared where it is not installed.
//!
//! `table.txt` holds kustomizations with what 5.8.3, 5.8.1 (kubectl 1.37) and 5.5.0 (kubectl 1.32) said of them, all
//! three the same: `= refused` and their words, or the images that came out.

use std::collections::BTreeSet;

use super::generate::Files;
use super::{said, write};

const TABLE: &str = include_str!("table.txt");

const WEB: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers: [{name: init, image: 'busybox:1.36'}]
      containers:
      - {name: app, image: 'reg.example:5000/shop/web:1.0'}
      - {name: side, image: 'ghcr.io/acme/side@sha256:11'}
      - {name: bare, image: redis}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: '@daily'
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: 'redis:7'}]}}}}
"#;

#[test]
fn kustomizations_are_refused_and_built_as_in_the_table() {
    let mut faults = Vec::new();
    let (mut refused, mut built, mut partial) = (0, 0, Vec::new());
    for row in TABLE.split("\n\n") {
        let (text, answer) = row.trim_end().rsplit_once("\n= ").unwrap();
        let files = Files::from([
            ("kustomization.yaml".to_owned(), format!("{text}\n")),
            ("web.yaml".to_owned(), WEB.to_owned()),
        ]);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files);
        let said = said(folder.path());
        let fits = match answer.strip_prefix("refused ") {
            Some(words) => {
                refused += 1;
                let is_same = |said: &String| !words.starts_with("json: ") || said == words;
                said.refusal.as_ref().is_some_and(is_same)
            }
            None => {
                built += 1;
                let known: BTreeSet<&str> = said.known.iter().map(|image| image.2.as_str()).collect();
                let images: BTreeSet<&str> = answer.split(' ').collect();
                partial.extend(said.is_partial.then_some(text));
                said.refusal.is_none() && if said.is_partial { known.is_subset(&images) } else { known == images }
            }
        };
        if !fits {
            faults.push(format!("{row}\n{said:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    // A list that goes is not followed, nor an image.
    let (selected, partial): (Vec<&str>, Vec<&str>) = partial.into_iter().partition(|text| text.contains("Selector"));
    assert_eq!(selected.len(), 4, "labels are not looked up");
    let [list, image] = &partial[..] else { panic!("{partial:?}") };
    assert!(list.contains("initContainers: null") && image.contains("initContainers/0/image"), "{partial:?}");
    assert_eq!((refused, built), (381, 133));
}
