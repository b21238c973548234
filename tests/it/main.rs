//! What pullcheck does, seen from outside.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod action;
#[cfg(unix)]
mod application_sets;
mod baselines;
mod built_images;
mod cache;
mod canary;
mod chart_values;
mod charts;
mod config;
mod credentials;
mod docs;
mod duplicate_keys;
mod events;
mod exit_status;
mod fleet;
mod gitops;
mod helm;
mod helmfile;
mod inputs;
mod kustomizations;
mod kustomize;
mod mentioned_images;
mod module_order;
mod openshift;
mod operator_kinds;
mod output;
mod packaging;
mod platforms;
mod pull_credentials;
mod references;
mod registries;
mod registry_keys;
mod release_references;
mod release_values;
mod render;
mod report_files;
mod report_parsers;
mod reported_inputs;
mod rule_severities;
mod secret_producers;
mod spans;
mod suppressions;
mod tables;
mod templates;
mod unknown_pull_secrets;
mod verbosity_and_interrupts;
mod wire;
mod workloads;
mod yaml;
