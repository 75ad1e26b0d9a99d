//! The models as a Markdown table: docs/clients.md holds it, and a test compares.

use super::{Evidence, catalogue};
use std::fmt::Write;

/// All models: name for people, name in JSON, dialect, what it is, what the model rests on. Ends with a line end.
pub fn catalogue_table() -> String {
    let mut out = String::from(
        "| client | `client` in JSON | dialect | what it is | the model rests on |\n|---|---|---|---|---|\n",
    );
    for client in catalogue() {
        let evidence = match client.evidence {
            Evidence::Measured(what) => format!("measured: {what}"),
            Evidence::Source(what) => format!("source: {what}"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "| {} | `{}` | {} | {} | {evidence} |",
            client.title, client.name, client.dialect.name, client.about
        );
    }
    out
}
