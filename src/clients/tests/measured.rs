//! Streams and what the real clients did with each: an excerpt of the laboratory's results (`measured.json`), chosen so that every property that any of
//! its streams decides for a client is decided here too.
//!
//! A stream's pieces are its transfer units, a character for a byte; a number stands for that piece of the dialect's stream without faults.

use super::super::{BodyEnd, Outcome, Stream, judge_against};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// One stream and what became of it.
pub(super) struct Measured {
    /// What is wrong with it.
    pub(super) name: String,
    /// The stream.
    pub(super) stream: Stream,
    /// By client: the outcome, and the text that arrived where one did.
    pub(super) did: BTreeMap<String, (Outcome, Option<String>)>,
}

/// All of them, and the answer that the streams mean.
pub(super) fn measured() -> (&'static str, &'static [Measured]) {
    static ALL: OnceLock<(String, Vec<Measured>)> = OnceLock::new();
    let (answer, all) = ALL.get_or_init(|| {
        let file: Value = serde_json::from_str(include_str!("measured.json")).unwrap();
        let of = |v: &Value| measured_one(v, &file);
        (file["answer"].as_str().unwrap().to_owned(), file["streams"].as_array().unwrap().iter().map(of).collect())
    });
    (answer, all)
}

fn measured_one(v: &Value, file: &Value) -> Measured {
    let dialect = v["dialect"].as_str().unwrap();
    let clean = &file["clean"][dialect];
    let text = |p: &Value| p.as_u64().map_or(p.clone(), |n| clean[n as usize].clone()).as_str().unwrap().to_owned();
    let pieces = v["pieces"].as_array().unwrap().iter().map(|p| text(p).chars().map(|c| c as u8).collect::<Vec<u8>>());
    let (mut body, mut units) = (Vec::new(), Vec::new());
    for piece in pieces.filter(|p| !p.is_empty()) {
        units.push(body.len()..body.len() + piece.len());
        body.extend(piece);
    }
    let how = v["end"].as_str().unwrap_or("chunked");
    let end = match how {
        "hang" => BodyEnd::Open,
        "cl_short" | "no last chunk" => BodyEnd::Cut,
        _ => BodyEnd::Complete,
    };
    let stream = Stream {
        dialect: crate::dialect::by_name(dialect).unwrap().name,
        status: v["status"].as_u64().unwrap_or(200) as u16,
        content_type: v["type"].as_str().map(String::from),
        body,
        units,
        blocks: matches!(how, "cl" | "cl_short" | "close"),
        closes: how == "close",
        end,
    };
    let names = file["clients"][dialect].as_array().unwrap().iter().map(|n| n.as_str().unwrap());
    let did = names.zip(v["outcomes"].as_str().unwrap().chars()).filter_map(|(name, letter)| {
        let outcome = match letter {
            'F' => Outcome::Fine,
            'C' => Outcome::Changed,
            'R' => Outcome::Raises,
            'H' => Outcome::Hangs,
            _ => return None,
        };
        let changed = v["texts"][name].as_str().map(String::from);
        let text = if letter == 'F' { Some(file["answer"].as_str().unwrap().to_owned()) } else { changed };
        Some((name.to_owned(), (outcome, text)))
    });
    Measured { name: v["name"].as_str().unwrap().to_owned(), stream, did: did.collect() }
}

#[test]
fn the_models_do_what_the_clients_did() {
    let (answer, all) = measured();
    assert!(all.len() > 30);
    let mut wrong = Vec::new();
    for m in all {
        let verdicts = judge_against(&m.stream, Some(answer));
        for (client, (outcome, text)) in &m.did {
            let v = verdicts.iter().find(|v| v.client == client).unwrap();
            let shown = text.is_none() || v.text.is_none() || v.text == *text;
            if v.outcome != *outcome || !shown {
                wrong.push(format!("{} · {client}: {:?} {:?} ({}), measured {outcome:?} {text:?}", m.name, v.outcome, v.text, v.why));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
