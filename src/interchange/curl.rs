//! Writes the request as a curl command line.

use super::{pairs, url};
use crate::encoding::to_base64;
use crate::exchange::Exchange;
use crate::http::event::Version;
use crate::report::text::is_unseen;

/// Fields that curl writes itself.
const OWN: [&str; 4] = ["host", "content-length", "connection", "transfer-encoding"];

/// Why there is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The request was not captured.
    NotCaptured,
    /// The target is neither http nor https: curl would read files, or speak other protocols, for the one who was
    /// captured.
    OtherScheme,
}

/// A command for bash, zsh or another shell with `$'…'` (POSIX.1-2024); `-N` shows a stream without buffering, `-g`
/// takes brackets and braces in the URL literally.
///
/// The captured peer chose every byte of it, so nothing in it may name a local file, end a quotation or steer the
/// terminal. Fields whose names are not tokens (RFC 9110 section 5.1) are left out: curl reads a file for `-H @name`.
///
/// # Errors
/// [`Refused`], if the exchange has no request or one that curl must not be given.
pub fn command(exchange: &Exchange) -> Result<String, Refused> {
    let request = exchange.request.as_ref().ok_or(Refused::NotCaptured)?;
    let url = url(exchange);
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err(Refused::OtherScheme);
    }
    let mut out = format!("curl -gN {}", quoted(&url));
    if request.head.version == Version::H2 {
        out.push_str(if exchange.tls.is_some() { " --http2" } else { " --http2-prior-knowledge" });
    }
    let (method, body) = (&request.head.method, &request.body.bytes);
    if *method != if body.is_empty() { "GET" } else { "POST" } {
        out.push_str(&format!(" \\\n  -X {}", quoted(method)));
    }
    let own = |name: &str| OWN.contains(&name.to_ascii_lowercase().as_str());
    for (name, value) in pairs(&request.head.fields).filter(|(name, _)| is_token(name) && !own(name)) {
        // `Name:` would leave the field out; `Name;` sends it empty.
        let field = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        out.push_str(&format!(" \\\n  -H {}", quoted(&field)));
    }
    if !body.is_empty() {
        match std::str::from_utf8(body) {
            // `--data-binary` would take a leading `@` as the name of a file.
            Ok(text) if !text.contains('\0') => out.push_str(&format!(" \\\n  --data-raw {}", quoted(text))),
            // Bytes that no argument can contain are piped to curl.
            _ => out = format!("printf %s {} | base64 -d | {out} \\\n  --data-binary @-", to_base64(body)),
        }
    }
    out.push('\n');
    Ok(out)
}

/// Whether a field name is a token.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Quotes one word for a shell. Text with characters that a terminal obeys is written as `$'…'`, byte by byte where it
/// must be.
fn quoted(text: &str) -> String {
    if !text.chars().any(|c| is_unseen(c) && c != '\n') {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut out = String::from("$'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            // Octal with three digits: no later digit can join it.
            c if is_unseen(c) => {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| out.push_str(&format!("\\{b:03o}")));
            }
            c => out.push(c),
        }
    }
    out + "'"
}
