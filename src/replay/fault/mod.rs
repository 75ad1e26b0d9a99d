//! Faults of real traffic that can be put into a recording. Each is named and documented with the rule that finds
//! it.

mod apply;

pub use apply::apply;

use crate::time::Span;
use std::fmt;
use std::str::FromStr;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Remove the terminator.
    DropTerminator,
    /// Send the terminator twice.
    DuplicateTerminator,
    /// Close the connection after this many body bytes.
    Truncate(usize),
    /// Reset the connection after this many body bytes.
    Reset(usize),
    /// Pause after this record for this long.
    Stall(usize, Span),
    /// Put this many records into each unit.
    Coalesce(usize),
    /// Cut the body into units of this many bytes.
    Split(usize),
    /// End units inside characters.
    SplitUtf8,
    /// Send the whole body at the time of its last byte.
    Buffer,
    /// Send another content type.
    ContentType(String),
    /// Remove the space after `data:`.
    NoSpace,
    /// End lines with CRLF.
    Crlf,
    /// Send a byte order mark before the stream.
    Bom,
    /// Insert an error object in the middle and cut the connection after it.
    InjectError,
    /// Insert comment lines between the events.
    KeepaliveComments,
    /// Keep the body open after its last byte.
    Hang,
}

/// A kind of fault: its name, the rule that finds it, and the form of its value.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// Name on the command line.
    pub name: &'static str,
    /// Code of the rule that finds it.
    pub rule: &'static str,
    /// The form of the value after `=`; empty if the fault has no value.
    pub value: &'static str,
    /// What it does, for help.
    pub what: &'static str,
}

/// All kinds of faults.
pub const ALL: &[Named] = &[
    Named { name: "drop-terminator", rule: "OAI-CHAT-001", value: "", what: "no terminator" },
    Named { name: "duplicate-terminator", rule: "OAI-CHAT-003", value: "", what: "the terminator twice" },
    Named { name: "truncate", rule: "HTTP-006", value: "BYTES", what: "the server closes after this many body bytes" },
    Named {
        name: "reset",
        rule: "HTTP-006",
        value: "BYTES",
        what: "the server resets the connection after this many body bytes",
    },
    Named { name: "stall", rule: "DLV-005", value: "RECORD:TIME", what: "a pause after this record" },
    Named { name: "coalesce", rule: "DLV-003", value: "N", what: "this many records in each chunk" },
    Named { name: "split", rule: "DLV-004", value: "bytes:N", what: "chunks of this many bytes" },
    Named { name: "split-utf8", rule: "DLV-004", value: "", what: "chunks that end inside characters" },
    Named { name: "buffer", rule: "DLV-001", value: "", what: "the whole body at the time of its last byte" },
    Named { name: "content-type", rule: "HTTP-001", value: "TYPE", what: "another content type" },
    Named { name: "no-space", rule: "SSE-002", value: "", what: "no space after data:" },
    Named { name: "crlf", rule: "SSE-017", value: "", what: "lines that end with CRLF" },
    Named { name: "bom", rule: "SSE-015", value: "", what: "a byte order mark before the stream" },
    Named {
        name: "inject-error",
        rule: "OAI-CHAT-027",
        value: "",
        what: "an error object in the middle, and the connection is cut after it",
    },
    Named { name: "keepalive-comments", rule: "SSE-021", value: "", what: "comment lines between the events" },
    Named { name: "hang", rule: "HTTP-021", value: "", what: "the body stays open after its last byte" },
];

impl fmt::Display for Fault {
    /// Writes the fault as on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::DropTerminator => f.write_str("drop-terminator"),
            Fault::DuplicateTerminator => f.write_str("duplicate-terminator"),
            Fault::Truncate(bytes) => write!(f, "truncate={bytes}"),
            Fault::Reset(bytes) => write!(f, "reset={bytes}"),
            Fault::Stall(record, pause) => write!(f, "stall={record}:{}", written(*pause)),
            Fault::Coalesce(n) => write!(f, "coalesce={n}"),
            Fault::Split(n) => write!(f, "split=bytes:{n}"),
            Fault::SplitUtf8 => f.write_str("split-utf8"),
            Fault::Buffer => f.write_str("buffer"),
            Fault::ContentType(value) => write!(f, "content-type={value}"),
            Fault::NoSpace => f.write_str("no-space"),
            Fault::Crlf => f.write_str("crlf"),
            Fault::Bom => f.write_str("bom"),
            Fault::InjectError => f.write_str("inject-error"),
            Fault::KeepaliveComments => f.write_str("keepalive-comments"),
            Fault::Hang => f.write_str("hang"),
        }
    }
}

/// Why a text is not a fault, or why a fault is not possible in a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultError(pub String);

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultError {}

impl FromStr for Fault {
    type Err = FaultError;

    /// Parses `NAME` or `NAME=VALUE`. The rule's code or name may replace the fault's name.
    fn from_str(text: &str) -> Result<Fault, FaultError> {
        let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
        let rule = |n: &Named| crate::conformance::by_code(n.rule).is_some_and(|r| r.name == name);
        let known = ALL
            .iter()
            .find(|n| n.name == name)
            .or_else(|| ALL.iter().find(|n| n.rule.eq_ignore_ascii_case(name) || rule(n)));
        let Some(known) = known else {
            let names: Vec<&str> = ALL.iter().map(|n| n.name).collect();
            return Err(FaultError(format!("unknown fault {name}; expected one of {}", names.join(", "))));
        };
        let wanted = || FaultError(format!("{} is written {}={}", known.name, known.name, known.value));
        let number = |v: Option<&str>| v.and_then(|v| v.parse().ok()).ok_or_else(wanted);
        if known.value.is_empty() && value.is_some() {
            return Err(FaultError(format!("{} takes no value", known.name)));
        }
        Ok(match known.name {
            "drop-terminator" => Fault::DropTerminator,
            "duplicate-terminator" => Fault::DuplicateTerminator,
            "truncate" => Fault::Truncate(number(value)?),
            "reset" => Fault::Reset(number(value)?),
            "stall" => {
                let (record, time) = value.and_then(|v| v.split_once(':')).ok_or_else(wanted)?;
                Fault::Stall(number(Some(record))?, span(time).ok_or_else(wanted)?)
            }
            "coalesce" => Fault::Coalesce(number(value).and_then(|n| if n > 0 { Ok(n) } else { Err(wanted()) })?),
            "split" => {
                let n = value.and_then(|v| v.strip_prefix("bytes:")).and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                Fault::Split(n.ok_or_else(wanted)?)
            }
            "split-utf8" => Fault::SplitUtf8,
            "buffer" => Fault::Buffer,
            "content-type" => {
                Fault::ContentType(value.filter(|v| !v.contains(['\r', '\n'])).ok_or_else(wanted)?.to_owned())
            }
            "no-space" => Fault::NoSpace,
            "crlf" => Fault::Crlf,
            "bom" => Fault::Bom,
            "inject-error" => Fault::InjectError,
            "keepalive-comments" => Fault::KeepaliveComments,
            _ => Fault::Hang,
        })
    }
}

/// A duration in the largest unit in which it is a whole number.
fn written(span: Span) -> String {
    match span.0 {
        ns if ns % 1_000_000_000 == 0 => format!("{}s", ns / 1_000_000_000),
        ns if ns % 1_000_000 == 0 => format!("{}ms", ns / 1_000_000),
        ns => format!("{}us", ns as f64 / 1e3),
    }
}

/// Parses `10s`, `250ms`, `80us`.
fn span(text: &str) -> Option<Span> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let unit = match &text[digits..] {
        "s" => 1e9,
        "ms" => 1e6,
        "us" => 1e3,
        "m" => 6e10,
        _ => return None,
    };
    let n: f64 = text[..digits].parse().ok()?;
    Some(Span((n * unit) as i64))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        let read = |t: &str| t.parse::<Fault>();
        assert_eq!(read("stall=3:10s").unwrap(), Fault::Stall(3, Span::from_secs(10)));
        assert_eq!(read("split=bytes:7").unwrap(), Fault::Split(7));
        assert_eq!(read("content-type=text/plain").unwrap(), Fault::ContentType("text/plain".into()));
        assert_eq!(read("SSE-002").unwrap(), Fault::NoSpace);
        assert_eq!(read("missing-done").unwrap(), Fault::DropTerminator);
        assert!(
            read("bom=1").unwrap_err().0.contains("no value")
                && read("truncate").unwrap_err().0.contains("truncate=BYTES")
        );
        let values = |n: &Named| match n.value {
            "" => String::new(),
            "BYTES" => "=17".into(),
            "RECORD:TIME" => "=3:1500ms".into(),
            "N" => "=2".into(),
            "bytes:N" => "=bytes:7".into(),
            "TYPE" => "=text/plain".into(),
            other => panic!("{other}"),
        };
        for n in ALL {
            let text = format!("{}{}", n.name, values(n));
            assert_eq!(read(&text).unwrap().to_string(), text);
        }
        assert_eq!(read("stall=0:2s").unwrap().to_string(), "stall=0:2s");
        assert_eq!(read("stall=0:0.5us").unwrap().to_string(), "stall=0:0.5us");
        assert!(read("split=bytes:0").is_err() && read("nonsense").unwrap_err().0.contains("drop-terminator"));
    }
}
