//! What pullcheck does, seen from outside.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[cfg(unix)]
mod action;
mod asking;
mod baselines;
mod cache;
mod canary;
mod cases;
mod config;
mod credentials;
mod docs;
mod duplicates;
mod events;
mod exit;
mod held;
mod helm;
mod inputs;
mod kinds;
mod kustomizations;
mod kustomize;
mod levels;
mod mentions;
mod modules;
mod openshift;
mod output;
mod outputs;
mod places;
mod platforms;
mod producers;
mod pull;
mod readers;
mod references;
mod registries;
mod registry_keys;
mod render;
mod spans;
mod suppressions;
mod tables;
mod templates;
mod wire;
mod workloads;
mod yaml;
