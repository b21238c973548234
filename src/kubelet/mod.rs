//! The kubelet's behavior: which credentials it tries, what it requests, what follows, and what
//! `kubectl describe pod` shows.

pub mod artifact;
mod cloud;
pub mod cluster;
pub mod event;
pub mod operator;
pub mod probe;
pub mod pull;
pub mod verdict;
