//! Options: the command line and the configuration file, and what they mean together.

pub(crate) mod args;
pub(crate) mod baseline_file;
pub mod config;
mod fetch;
pub(crate) mod outputs;
pub(crate) mod resolve;
pub(crate) mod values;

pub use args::Args;

pub use outputs::{OutputArg, Outputs};
pub use resolve::{Options, Task};
