//! The job of the workflow that all others go through.

use pullcheck_support::Run;

use super::runner::{BASH, with_yaml};

/// The job that branch protection looks at waits for all others, and takes nothing but success.
#[test]
fn gate_passes_only_if_every_job_succeeds() {
    let (script, jobs) = with_yaml(".github/workflows/ci.yml", |workflow| {
        let jobs = workflow.get("jobs").unwrap();
        let gate = jobs.get("gate").unwrap();
        assert_eq!(gate.str("if"), Some("always()"));
        let names: Vec<_> = jobs.entries().map(|entry| entry.key.text().unwrap().to_owned()).collect();
        let needs = gate.get("needs").unwrap().items().map(|node| node.text().unwrap().to_owned());
        assert_eq!(needs.chain(["gate".to_owned()]).collect::<Vec<_>>(), names);
        let step = gate.get("steps").unwrap().items().next().unwrap();
        assert_eq!(step.at(&["env", "RESULTS"]).unwrap().text(), Some("${{ join(needs.*.result, ' ') }}"));
        (step.str("run").unwrap().to_owned(), names.len() - 1)
    });
    let gate = |results: &[&str]| {
        let run = Run::new("bash").args(BASH).args(["-c", &script]).env("RESULTS", results.join(" "));
        run.output().status == Some(0)
    };
    let mut results = vec!["success"; jobs];
    assert!(gate(&results));
    assert!(!gate(&[]));
    for at in 0..jobs {
        for bad in ["failure", "cancelled", "skipped"] {
            results[at] = bad;
            assert!(!gate(&results), "{results:?}");
        }
        results[at] = "success";
    }
}
