//! The `pullcheck` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    pullcheck::cli::main()
}
