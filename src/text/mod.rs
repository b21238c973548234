//! Text: files and places in them, YAML and JSON as Kubernetes reads them, Go's string functions, placeholders.

pub mod go;
pub mod placeholder;
pub mod source;
pub mod yaml;
