//! Writes the request as a curl command line.

use super::{pairs, url};
use crate::encoding::to_base64;
use crate::exchange::Exchange;
use crate::http::event::Version;

/// Fields that curl writes itself.
const OWN: [&str; 4] = ["host", "content-length", "connection", "transfer-encoding"];

/// A command for a POSIX shell; `-N` shows a stream without buffering. None if the request was not captured.
pub fn command(exchange: &Exchange) -> Option<String> {
    let request = exchange.request.as_ref()?;
    let mut out = format!("curl -N {}", quoted(&url(exchange)));
    if request.head.version == Version::H2 {
        out.push_str(if exchange.tls.is_some() { " --http2" } else { " --http2-prior-knowledge" });
    }
    let (method, body) = (&request.head.method, &request.body.bytes);
    if *method != if body.is_empty() { "GET" } else { "POST" } {
        out.push_str(&format!(" \\\n  -X {}", quoted(method)));
    }
    for (name, value) in pairs(&request.head.fields).filter(|(n, _)| !OWN.contains(&n.to_ascii_lowercase().as_str())) {
        out.push_str(&format!(" \\\n  -H {}", quoted(&format!("{name}: {value}"))));
    }
    if !body.is_empty() {
        match std::str::from_utf8(body) {
            // `--data-binary` would take a leading `@` as the name of a file.
            Ok(text) if !text.contains('\0') => {
                let option = if text.starts_with('@') { "--data-raw" } else { "--data-binary" };
                out.push_str(&format!(" \\\n  {option} {}", quoted(text)));
            }
            // Bytes that no argument can contain are piped to curl.
            _ => out = format!("printf %s {} | base64 -d | {out} \\\n  --data-binary @-", to_base64(body)),
        }
    }
    out.push('\n');
    Some(out)
}

/// Quotes one word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
