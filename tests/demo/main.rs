//! The demo: a shop with one fault of each kind, its registries on loopback, and the report that pullcheck prints.
//!
//! `cargo run --release --example demo` runs the command's own code on `testdata/shop`, then holds what it found
//! against what is known to be wrong with the shop. It exits 0 when the two agree.

mod shop;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use pullcheck::cli::{self, Exit};

fn main() -> ExitCode {
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<(), Box<dyn Error>> {
    // The report names files relative to the project's folder.
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR"))?;
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let registries = shop::registries();
    let mut authority = tempfile::NamedTempFile::new()?;
    authority.write_all(registries.ca_pem().as_bytes())?;
    let options = shop::options(&registries, authority.path())?;

    writeln!(io::stdout(), "$ pullcheck {}\n", shop::FOLDER)?;
    let exit = cli::run(&options)?;
    let (sources, report) = shop::report(&options)?;
    let mut differences = shop::differences(&sources, &report);
    if exit != Exit::Findings {
        differences.push(format!("the exit status is {exit:?}, not that of findings"));
    }
    if !differences.is_empty() {
        return Err(format!("this is not the report that was expected:\n  {}", differences.join("\n  ")).into());
    }
    let (count, folder) = (shop::FAULTS.len(), shop::FOLDER);
    writeln!(io::stdout(), "\npullcheck reported exactly the {count} faults in {folder}, each at its line.")?;
    Ok(())
}
