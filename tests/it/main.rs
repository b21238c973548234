//! pullcheck as its users meet it.
#![expect(clippy::disallowed_methods, reason = "tests read the project's own files")]

mod docs;
