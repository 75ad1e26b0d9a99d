//! Content codings as clients undo them. `sniff` reads a body whose coding is broken or undeclared as well as it can;
//! a client does not.

use crate::body;
use crate::exchange::{Body, Decoded};

/// How the body's codings agree with what the head declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Coding {
    /// The body is coded as declared. Each client counts as one that knows the coding, because it asks for no other.
    #[default]
    AsDeclared,
    /// The body can't be decoded as declared.
    Broken {
        /// The declared codings, in lower case.
        declared: Vec<String>,
        /// The body as it came.
        wire: Vec<u8>,
        /// Bytes that a client decodes before its decoder raises.
        decoded: usize,
        /// The coding itself is whole, and bytes follow it that are none of it.
        trailing: bool,
    },
    /// The body is coded with this, and nothing declares it: clients read the coded bytes as text.
    Undeclared {
        /// `gzip` or `zstd`.
        name: &'static str,
        /// What was coded.
        plain: Vec<u8>,
    },
}

/// Codings that have a mark at their beginning (RFC 1952, 2.3.1; RFC 8878, 3.1.1).
const MARKS: &[(&str, &[u8])] = &[("gzip", b"\x1f\x8b\x08"), ("zstd", b"\x28\xb5\x2f\xfd")];

impl Coding {
    /// The coding of a body that was decoded by these declared codings.
    pub(super) fn of(body: &Body, decoded: &Decoded, declared: Option<&str>) -> Coding {
        let declared = names(declared);
        if declared.is_empty() {
            let mark = MARKS.iter().find(|(_, mark)| body.bytes.starts_with(mark));
            return mark.map_or(Coding::AsDeclared, |(name, _)| Coding::Undeclared {
                name,
                plain: body.decoded(Some(name)).bytes,
            });
        }
        let broken: Option<(usize, bool)> = match (&decoded.not_coded, &decoded.stopped) {
            (Some(_), _) => Some((0, false)),
            // A coding that lacks its end is taken for whole by the decoders of Node.js and of Python.
            (None, Some(odd)) if odd.kind == body::BROKEN || odd.kind == body::TRAILING => {
                Some((decoded.bytes.len(), odd.kind == body::TRAILING))
            }
            _ => None,
        };
        broken.map_or(Coding::AsDeclared, |(decoded, trailing)| {
            let wire = body.bytes.clone();
            Coding::Broken { declared, wire, decoded, trailing }
        })
    }

    /// What the server meant to send, where it is not the body as decoded.
    pub(super) fn meant(&self) -> Option<&[u8]> {
        match self {
            Coding::Undeclared { plain, .. } => Some(plain),
            Coding::Broken { decoded: 0, wire, .. } => Some(wire),
            Coding::AsDeclared | Coding::Broken { .. } => None,
        }
    }
}

/// The codings of a field value, in lower case; `identity` is none.
fn names(declared: Option<&str>) -> Vec<String> {
    let all = declared.unwrap_or_default().split(',').map(|name| name.trim().to_ascii_lowercase());
    all.filter(|name| !name.is_empty() && name != "identity").collect()
}
