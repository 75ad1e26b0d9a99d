//! What models share changes no verdict: each client by itself, reading each event of each body, says the same.

use super::crafted::crafted;
use super::{BodyEnd, Coding, Stream};
use crate::clients::framing::plain;
use crate::clients::heard::{Heard, Shared};
use crate::clients::{Verdict, judge, meant_by, pack, roster, unpack};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The verdicts without anything that is shared: a parser for each client, an event for each chunk.
fn apart(stream: &Stream) -> Vec<Verdict> {
    let Some(meant) = meant_by(stream, None) else { return Vec::new() };
    let of_dialect = roster::clients().filter(|c| c.dialect.name == stream.dialect);
    of_dialect.map(|c| c.verdict(&Shared::apart(stream, &meant))).collect()
}

fn dialects() -> BTreeSet<&'static str> {
    roster::clients().map(|c| c.dialect.name).collect()
}

#[test]
fn crafted_streams_are_judged_alike() {
    let mut n = 0;
    for stream in dialects().into_iter().flat_map(crafted) {
        assert_eq!(judge(&stream), apart(&stream), "{}", String::from_utf8_lossy(&stream.body));
        n += 1;
    }
    assert!(n > 100, "{n}");
}

#[test]
fn packed_verdicts_are_the_same_without_the_text() {
    for stream in dialects().into_iter().flat_map(crafted) {
        let judged: Vec<Verdict> = judge(&stream).into_iter().map(|v| Verdict { text: None, ..v }).collect();
        assert_eq!(unpack(&pack(Ok(&judged))), Some(Ok(judged)));
    }
    assert_eq!(unpack(&pack(Err("why \"so\""))), Some(Err("why \"so\"".into())));
    for wrong in ["", "null", "[]", "{}", r#"{"clients":[["odd","",[0]]]}"#, r#"{"clients":[["fine","",[9999]]]}"#] {
        assert_eq!(unpack(wrong), None, "{wrong}");
    }
}

/// One event of a chat, or something between events.
fn part() -> impl Strategy<Value = String> {
    let delta = |delta: &str, rest: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":\
             [{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]{rest}}}\n\n"
        )
    };
    let text = prop_oneof![
        8 => "[a-z ]{0,5}",
        1 => Just("\\n".to_owned()),
        1 => Just("天\u{2028}".to_owned()),
        1 => Just("\\ud83d".to_owned()),
        1 => Just("[DONE]".to_owned()),
        1 => Just("\t".to_owned()),
    ];
    let said = text.prop_map(move |text| delta(&format!("{{\"content\":\"{text}\"}}"), ""));
    let fixed = [
        delta("{\"role\":\"assistant\",\"content\":\"\"}", ""),
        delta("{\"role\":\"assistant\",\"content\":\"again\"}", ""),
        delta("{\"role\":\"user\",\"content\":\"x\"}", ""),
        delta("{\"content\":null}", ""),
        delta("{\"content\":\"Hi\",\"refusal\":null}", ",\"usage\":null"),
        delta("{\"content\":\"Hi\"}", ",\"error\":null"),
        delta("{\"content\":\"Hi\"}", ",\"usage\":{\"prompt_tokens\":1.5}"),
        delta("{\"content\":[\"a\"]}", ""),
        delta("{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}", ""),
        delta("{\"content\":\"a\"}", "").replace("\"index\":0", "\"index\":\"0\""),
        delta("{\"content\":\"a\"}", "").replace("\"index\":0,", ""),
        delta("{\"content\":\"a\"}", "").replace("\"object\"", "\"Object\""),
        delta("{}", "").replace("null", "\"stop\""),
        "data: [DONE]\n\n".into(),
        "data: \n\n".into(),
        ": comment\n\n".into(),
        "\n".into(),
        "event: error\ndata: {\"error\":{\"message\":\"m\"}}\n\n".into(),
        "event: thread.x\n".into(),
        "data: {\"a\":\n".into(),
        "data: NaN\n\n".into(),
        "data:{\"choices\":[]}\r\n\r\n".into(),
        "\u{feff}".into(),
        "data:  {\"choices\":[]}\n\n".into(),
    ];
    prop_oneof![5 => said, 3 => proptest::sample::select(fixed.to_vec())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Runs of like chunks, and all that may stand between them.
    #[test]
    fn chats_are_judged_alike(
        parts in proptest::collection::vec((part(), 1usize..4), 1..8),
        end in proptest::sample::select(vec![BodyEnd::Complete, BodyEnd::Cut, BodyEnd::Open]),
        cut in 0usize..3,
    ) {
        let mut body: String = parts.iter().map(|(part, n)| part.repeat(*n)).collect();
        body.truncate(body.floor_char_boundary(body.len().saturating_sub(cut)));
        let stream = Stream {
            dialect: "openai.chat",
            status: 200,
            content_type: Some("text/event-stream".into()),
            units: (0..body.len().div_ceil(40)).map(|n| n * 40..(n * 40 + 40).min(body.len())).collect(),
            body: body.into_bytes(),
            coding: Coding::AsDeclared,
            blocks: false,
            closes: false,
            end,
        };
        prop_assert_eq!(judge(&stream), apart(&stream));
    }

    /// What the framings make of a plain body without reading it is what they read.
    #[test]
    fn plain_bodies_need_no_parser(payloads in proptest::collection::vec(r#"[a-z{}:"\[\] ,é天.-]{0,9}"#, 1..5)) {
        let body: String = payloads.iter().map(|p| format!("data: {}\n\n", p.trim_start())).collect();
        prop_assert!(plain(body.as_bytes()).is_some());
        let spaced: String = payloads.iter().map(|p| format!("data: {p}\n\n")).collect();
        let more = if spaced == body { "" } else { spaced.as_str() };
        for more in [more, "", " ", "\n", "\r", "data: x", "data: x\n", ":\n\n", "\u{85}", "event: e\n\n", "\u{feff}"] {
            for body in [format!("{body}{more}"), format!("{more}{body}")] {
                let stream = &Stream { body: body.into_bytes(), ..plain_stream() };
                for c in roster::clients() {
                    for complete in [true, false] {
                        let meant = Default::default();
                        let shared = Shared::new(stream, &meant);
                        let heard = shared.heard(c.framing, &stream.body, complete);
                        let read = Heard::new(c.framing, stream, &stream.body, complete);
                        prop_assert_eq!(heard.said(), read.said(), "{} {:?}", c.name, c.framing);
                    }
                }
            }
        }
    }
}

fn plain_stream() -> Stream {
    Stream {
        dialect: "openai.chat",
        status: 200,
        content_type: None,
        body: Vec::new(),
        coding: Coding::AsDeclared,
        units: Vec::new(),
        blocks: false,
        closes: false,
        end: BodyEnd::Complete,
    }
}
