//! A chunk that is taken for one like an earlier one is read exactly as it is read by itself.

use super::*;
use crate::dialect::testing::{evidence, head, record};
use proptest::prelude::*;

/// Reads each record by itself.
struct ByItself(Chat);

impl Reader for ByItself {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        self.0.alike = Alike::default();
        self.0.record(record, answer, remarks)
    }

    fn finish(&mut self, complete: bool, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        self.0.finish(complete, answer, remarks);
    }
}

/// What the reader made of the records, and which of them were taken for one like an earlier one.
fn read(reader: &mut dyn Reader, records: &[String]) -> String {
    let (mut answer, mut odd, mut before) = (Answer::default(), Vec::new(), Default::default());
    let mut meanings = Vec::new();
    for (n, data) in records.iter().enumerate() {
        let record = record(n as u64, data);
        let mut take = |o| odd.push(o);
        let mut remarks = Remarks { place: (&record).into(), before: &mut before, odd: &mut take };
        meanings.push(reader.record(&record, &mut answer, &mut remarks));
    }
    format!("{answer:?} {odd:?} {meanings:?}")
}

fn both(records: &[String]) -> [String; 2] {
    let (first, head) = (record(0, ""), head(&[]));
    let evidence = Evidence { response: Some(&head), ..evidence("/", &first) };
    let mut alone = ByItself(Chat::new(&evidence));
    [read(&mut Chat::new(&evidence), records), read(&mut alone, records)]
}

/// One record: mostly the usual chunk with another text.
fn chunk() -> impl Strategy<Value = String> {
    let text = r#"([a-zé ]|\\n|\\"|\\u00e9|\\ud83d|天|"|\\){0,5}"#;
    let member =
        prop_oneof![8 => Just("content"), 2 => Just("reasoning_content"), 1 => Just("reasoning"), 1 => Just("refusal")];
    let role = prop_oneof![8 => Just(""), 1 => Just(r#""role":"assistant","#), 1 => Just(r#""role":"","#)];
    let finish =
        prop_oneof![8 => Just(r#","finish_reason":null"#), 1 => Just(r#","finish_reason":"stop""#), 1 => Just("")];
    let more = prop_oneof![
        10 => Just(""),
        2 => Just(r#","usage":null"#),
        1 => Just(r#","usage":{"completion_tokens":2}"#),
        1 => Just(r#","x":[1],"id":"twice""#),
        1 => Just(r#","obfuscation":"ab""#),
        1 => Just(r#","error":{"message":"no"}"#),
    ];
    let id = prop_oneof![9 => Just("1"), 1 => Just("2")];
    let choices = prop_oneof![9 => Just(""), 1 => Just(r#",{"index":1,"delta":{"content":"b"},"finish_reason":null}"#)];
    (text, member, role, finish, more, id, choices).prop_map(|(text, member, role, finish, more, id, choices)| {
        let delta = format!(r#"{{{role}"{member}":"{text}"}}"#);
        let choice = format!(r#"{{"index":0,"delta":{delta}{finish}}}{choices}"#);
        format!(
            r#"{{"id":"{id}","object":"chat.completion.chunk","created":1,"model":"m","choices":[{choice}]{more}}}"#
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn it_is_read_as_by_itself(records in prop::collection::vec(chunk(), 1..24)) {
        let [alike, alone] = both(&records);
        prop_assert_eq!(alike, alone, "{:#?}", records);
    }
}

#[test]
fn the_usual_stream_is_parsed_once() {
    let (first, head) = (record(0, ""), head(&[]));
    let mut chat = Chat::new(&Evidence { response: Some(&head), ..evidence("/", &first) });
    let with = |text: &str| delta(&format!(r#"{{"content":"{text}"}}"#));
    read(&mut chat, &[ROLE.to_owned(), with("a"), with(" b\\n"), with("c")]);
    assert!(chat.alike.take(&with("d")).is_some());
    assert!(chat.alike.take(END).is_none());
}
