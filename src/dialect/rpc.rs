//! What a request says in JSON-RPC: method, id, and what it names. MCP of 2026-07-28 says method and name in header
//! fields too, which must agree with the body.
//!
//! Source: JSON-RPC 2.0; MCP specification 2026-07-28, streamable HTTP (request metadata headers, cancellation);
//! python-sdk 2.3.0, `mcp/shared/inbound.py`.

use super::Evidence;
use super::answer::short;
use super::json::{self, Obj, Raw, Repair, Text};
use crate::encoding::{from_base64, to_base64};
use crate::http::event::{Fields, Known};
use crate::oddity::{Kind, excerpt};
use crate::time::Timestamp;
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A header field that names the method, what it is called on, or the version is missing, doubled, or says something
/// else than the body.
pub const FIELDS_DISAGREE: Kind = Kind("rpc.fields-disagree");

/// The first version of MCP without sessions. Versions are dates.
const STATELESS: &str = "2026-07-28";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const VERSION: &str = "mcp-protocol-version";
/// Fields that name a connection.
const CONNECTIONS: &[&str] = &["acp-connection-id", "mcp-session-id"];

/// A request in JSON-RPC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rpc {
    /// `method`; none of a response that a client posts.
    pub method: Option<String>,
    /// What it is called on: the tool, the prompt, the address of the resource.
    pub name: Option<String>,
    /// `id` as JSON; none of a notification.
    pub id: Option<String>,
    /// Closing the stream of the response is how its client cancels, by its protocol.
    pub cancels_by_close: bool,
    /// What its response is found by where it comes on the stream of another exchange.
    pub key: Option<u64>,
}

/// The response to a request of another exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elsewhere {
    /// [`Rpc::key`] of the request.
    pub key: u64,
    /// When the response came.
    pub at: Timestamp,
    /// When the first delta came that belongs to it.
    pub first_delta: Option<Timestamp>,
}

/// The id of the connection, or session, of a protocol that spans several exchanges. By a hash, because who knows the
/// id may speak in it.
pub(super) fn connection(fields: &Fields) -> Option<u64> {
    CONNECTIONS.iter().find_map(|name| fields.text(name)).map(hash)
}

/// The same of the exchange that this evidence is of: of the request, or given by the response.
pub(super) fn connection_of(evidence: &Evidence<'_>) -> Option<u64> {
    let request = evidence.request.and_then(|r| connection(&r.fields));
    request.or_else(|| evidence.response.and_then(|r| connection(&r.fields)))
}

/// [`Rpc::key`] of a request with this id (JSON) on this connection.
pub(super) fn key(connection: u64, id: &str) -> u64 {
    // SQLite's integers have a sign.
    hash((connection, id)) >> 1
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// One message.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    jsonrpc: Raw<'a>,
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    params: Obj<Params<'a>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Params<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    uri: Text<'a>,
    #[serde(borrow, rename = "_meta")]
    meta: Obj<Meta<'a>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    version: Text<'a>,
}

impl Message<'_> {
    /// What the header field must name, by the method.
    fn named(&self) -> Option<&str> {
        let params = self.params.here()?;
        match self.method.str()? {
            "tools/call" | "prompts/get" => params.name.str(),
            "resources/read" => params.uri.str(),
            _ => None,
        }
    }
}

impl Rpc {
    /// What this request says, and how its header fields disagree with its body. None if neither body nor fields are
    /// of JSON-RPC. `body`: as far as it was kept.
    pub fn of(fields: &Fields, body: &[u8]) -> Option<(Rpc, Option<String>)> {
        let text = std::str::from_utf8(body).unwrap_or_default();
        let mut repair = Repair::default();
        let begins = text.trim_start().starts_with('{');
        let message = if begins { json::parse::<Message<'_>>(text, &mut repair).ok() } else { None };
        let message = message.filter(|m| m.jsonrpc.present());
        let stateless = fields.text(VERSION).is_some_and(|version| version.as_str() >= STATELESS);
        let Some(message) = message else {
            let method = fields.text(METHOD).filter(|m| !m.is_empty())?;
            let name = fields.text(NAME).and_then(|name| decoded(&name).map(|name| short(&name)));
            let rpc = Rpc { method: Some(short(&method)), name, id: None, cancels_by_close: stateless, key: None };
            return Some((rpc, None));
        };
        let name = fields.text(NAME).and_then(|name| decoded(&name).map(Cow::into_owned));
        let rpc = Rpc {
            method: message.method.full().map(short),
            name: message.named().map(short).or(name.as_deref().map(short)),
            id: message.id.json().map(short),
            cancels_by_close: stateless,
            key: message.id.json().and_then(|id| Some(key(connection(fields)?, id))),
        };
        // The specification demands the fields of requests; of notifications it does not speak.
        let asks = stateless && rpc.id.is_some() && message.method.present();
        Some((rpc, asks.then(|| disagreement(fields, &message)).flatten()))
    }
}

/// How the fields differ from the body, in words.
fn disagreement(fields: &Fields, message: &Message<'_>) -> Option<String> {
    let doubled = [VERSION, METHOD, NAME].into_iter().find(|name| fields.all(name).count() > 1);
    if let Some(name) = doubled {
        return Some(format!("{} comes more than once", spelled(name)));
    }
    let version = message.params.here().and_then(|p| p.meta.here()).and_then(|meta| meta.version.str());
    [(METHOD, message.method.str()), (NAME, message.named()), (VERSION, version)].into_iter().find_map(
        |(field, meant)| {
            let (field_name, meant) = (spelled(field), meant?);
            let show = |text: &[u8]| excerpt(text);
            match fields.known(field) {
                Known::Unread => None,
                Known::Absent => Some(format!("{field_name} is missing, the body says {}", show(meant.as_bytes()))),
                Known::Sent(sent) => {
                    let text = String::from_utf8_lossy(sent);
                    let said = if field == NAME { decoded(&text) } else { Some(Cow::Borrowed(text.as_ref())) };
                    match said {
                        Some(said) if said == meant => None,
                        None => Some(format!("{field_name} can't be decoded: {}", show(sent))),
                        Some(_) => {
                            Some(format!("{field_name} says {}, the body {}", show(sent), show(meant.as_bytes())))
                        }
                    }
                }
            }
        },
    )
}

fn spelled(field: &str) -> &'static str {
    match field {
        METHOD => "Mcp-Method",
        NAME => "Mcp-Name",
        _ => "MCP-Protocol-Version",
    }
}

/// The value of a field: `=?base64?…?=` is UTF-8 in canonical base64. None if that can't be decoded.
fn decoded(value: &str) -> Option<Cow<'_, str>> {
    let Some(coded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Some(Cow::Borrowed(value));
    };
    let bytes = from_base64(coded).filter(|bytes| to_base64(bytes) == coded)?;
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::head;
    use super::*;

    const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"prozeß",
        "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    const MODERN: (&str, &str) = ("MCP-Protocol-Version", "2026-07-28");
    const CALLS: (&str, &str) = ("Mcp-Method", "tools/call");
    /// As python-sdk 2.3.0 sends it.
    const CODED: (&str, &str) = ("mcp-name", "=?base64?cHJvemXDnw==?=");

    fn of(fields: &[(&str, &str)], body: &str) -> Option<(Rpc, Option<String>)> {
        Rpc::of(&head(fields).fields, body.as_bytes())
    }

    fn wrong(fields: &[(&str, &str)], body: &str) -> Option<String> {
        of(fields, body).unwrap().1
    }

    #[test]
    fn method_name_and_id_of_a_body() {
        let of = |body: &str| {
            let rpc = of(&[], body).unwrap().0;
            (rpc.method, rpc.name, rpc.id, rpc.cancels_by_close)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of(CALL), (some("tools/call"), some("prozeß"), some("7"), false));
        let read = r#"{"jsonrpc":"2.0","id":"a","method":"resources/read","params":{"uri":"demo://x"}}"#;
        assert_eq!(of(read), (some("resources/read"), some("demo://x"), some("\"a\""), false));
        let other = r#"{"jsonrpc":"2.0","method":"notifications/initialized","params":{"name":"x"}}"#;
        assert_eq!(of(other), (some("notifications/initialized"), None, None, false));
        assert_eq!(of(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), (None, None, some("1"), false));
    }

    #[test]
    fn fields_tell_where_the_body_is_not_there() {
        let (rpc, odd) = of(&[MODERN, CALLS, CODED], "").unwrap();
        assert_eq!((rpc.method.as_deref(), rpc.name.as_deref(), odd), (Some("tools/call"), Some("prozeß"), None));
        assert!(rpc.cancels_by_close);
        for body in ["", "{\"model\":\"m\"}", "[1]", "{", "\u{0}"] {
            assert_eq!(of(&[], body), None, "{body}");
        }
    }

    #[test]
    fn fields_must_agree_with_the_body() {
        assert_eq!(wrong(&[MODERN, CALLS, CODED], CALL), None);
        let missing = "Mcp-Method is missing, the body says tools/call";
        assert_eq!(wrong(&[MODERN, CODED], CALL).as_deref(), Some(missing));
        let other = ("Mcp-Method", "tools/list");
        let says = "Mcp-Method says tools/list, the body tools/call";
        assert_eq!(wrong(&[MODERN, other, CODED], CALL).as_deref(), Some(says));
        for name in ["prozeß", "=?base64?cHJvemU=?=", "=?base64?cHJvemXDnx==?=", "=?base64?%?=", "=?base64?/w==?="] {
            // The first is right in its bytes; the others are another name, not canonical, or not UTF-8.
            let said = wrong(&[MODERN, CALLS, ("Mcp-Name", name)], CALL);
            assert_eq!(said.is_none(), name == "prozeß", "{name}: {said:?}");
        }
        assert!(wrong(&[MODERN, CALLS], CALL).unwrap().starts_with("Mcp-Name is missing"));
        assert_eq!(wrong(&[MODERN, CALLS, CALLS, CODED], CALL).as_deref(), Some("Mcp-Method comes more than once"));
        let later = CALL.replace("2026-07-28", "2027-01-01");
        assert!(wrong(&[MODERN, CALLS, CODED], &later).unwrap().starts_with("MCP-Protocol-Version says"));
        // Earlier versions have no such fields, and of notifications the specification does not speak.
        assert_eq!(wrong(&[("MCP-Protocol-Version", "2025-11-25"), other], CALL), None);
        assert_eq!(wrong(&[MODERN], r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#), None);
    }
}
