//! What is counted, kept and hashed of a body.

use super::super::intake::Intake;
use super::super::{Config, Output, Pipeline};
use super::{ASK, HEAD, exchange, ms};
use crate::conn::{ConnId, Stamp};
use crate::exchange::Exchange;
use crate::framing::Framing;
use crate::oddity::Oddities;
use crate::pipeline::request::REQUEST_NOT_READ;
use crate::time::Timestamp;
use sha2::{Digest, Sha256};

const CHUNKED: &str = "@ +100ms\n< HTTP/1.1 200 OK\n< Transfer-Encoding: chunked\n<\n\n";

fn stamp(frame: u64) -> Stamp {
    Stamp { at: Timestamp(frame as i64), frame }
}

/// Unit, length and whether the bytes are missing, of each delivery of the answer.
fn pieces(x: &Exchange) -> Vec<(u64, u32, bool)> {
    x.response.as_ref().unwrap().body.pieces.iter().map(|p| (p.unit, p.len, p.gap)).collect()
}

#[test]
fn transfer_units_are_counted_from_the_first() {
    let x = exchange(&[ASK, CHUNKED, "<chunk ab\n\n<chunk cde\n\n<chunk f\n<last\n"]);
    assert_eq!(
        (x.response.as_ref().unwrap().body.units, pieces(&x)),
        (Some(3), vec![(0, 2, false), (1, 3, false), (2, 1, false)])
    );
    let none = exchange(&[ASK, CHUNKED, "@ +1ms\n<last\n"]);
    assert_eq!(none.response.unwrap().body.units, Some(0));
    let bare = exchange(&[ASK, "< HTTP/1.1 200 OK\n< Content-Length: 3\n<\n<| a\n\n<| bc\n"]);
    let body = &bare.response.as_ref().unwrap().body;
    assert_eq!((body.units, pieces(&bare).len()), (None, body.pieces.len()), "without units each delivery is one");
}

#[test]
fn a_frame_without_bytes_is_a_delivery_and_one_with_bytes_is_not_two() {
    let ask = ">h2 preface\n>h2 settings\n>h2 headers+end 1 :method: GET | :scheme: http | :path: /x | :authority: h\n";
    let head = "@ +10ms\n<h2 settings\n<h2 headers 1 :status: 200 | content-type: text/plain\n";
    let x = exchange(&[ask, head, "@ +1ms\n<h2 data 1 ab\n@ +1ms\n<h2 data 1\n@ +1ms\n<h2 data+end 1 c\n"]);
    assert_eq!(pieces(&x), [(0, 2, false), (1, 0, false), (2, 1, false)]);
    let bare = exchange(&[ask, head, "@ +1ms\n<h2 rst 1 CANCEL\n"]);
    assert_eq!(bare.response.unwrap().body.units, Some(0), "frames of which none came");
}

#[test]
fn the_declared_size_of_a_cut_unit_is_kept_as_it_would_be_sent() {
    let x = exchange(&[ASK, CHUNKED, "<| 1f\\r\\nabc\n!fin <\n"]);
    assert_eq!(x.response.unwrap().body.unit_lines, [(0, b"1f".to_vec())]);
}

#[test]
fn a_long_gap_has_its_whole_length_and_one_beyond_any_body_none() {
    let gap = |len: Option<u64>| {
        let mut intake = Intake::new(None, true);
        intake.gap(stamp(1), len, &mut Oddities::default());
        intake.data(stamp(2), b"x", &mut Oddities::default(), &mut |_, _| ());
        let all = &intake.body.pieces;
        assert!(all[..all.len() - 1].iter().all(|p| p.gap) && !all[all.len() - 1].gap);
        (all.iter().filter(|p| p.gap).map(|p| u64::from(p.len)).sum::<u64>(), all[all.len() - 1].offset)
    };
    // A length has 32 bits, so this gap becomes three pieces.
    assert_eq!(gap(Some(10 << 30)), (10 << 30, 10 << 30));
    assert_eq!(gap(Some(1 << 40)), (1 << 40, 1 << 40));
    assert_eq!(gap(Some((1 << 40) + 1)), (0, 0));
    assert_eq!(gap(None), (0, 0));
}

#[test]
fn what_makes_a_body_begun() {
    let touched = |step: &dyn Fn(&mut Intake)| {
        let mut intake = Intake::new(None, true);
        step(&mut intake);
        !intake.is_untouched()
    };
    assert!(!touched(&|_| ()));
    assert!(touched(&|i| i.unit_start(3, b"")));
    assert!(touched(&|i| i.gap(stamp(1), None, &mut Oddities::default())));
    assert!(touched(&|i| i.data(stamp(1), b"x", &mut Oddities::default(), &mut |_, _| ())));
}

#[test]
fn the_hash_is_that_of_all_bytes_though_parts_were_taken_out() {
    let mut intake = Intake::new(None, true);
    let mut odd = Oddities::default();
    intake.data(stamp(1), b"ab", &mut odd, &mut |_, _| ());
    assert_eq!(intake.take().bytes, b"ab");
    intake.data(stamp(2), b"c", &mut odd, &mut |_, _| ());
    intake.finish(stamp(3), &mut odd);
    let want: [u8; 32] = Sha256::digest(b"abc").into();
    assert_eq!((intake.body.wire_sha256, intake.body.decoded_sha256), (Some(want), Some(want)));
}

#[test]
fn text_is_limited_only_by_what_is_beyond_the_limit() {
    const MOST: usize = 16 << 20;
    let limited = |len: usize| {
        let text = "a".repeat(len);
        let head = format!("< HTTP/1.1 200 OK\n< Content-Type: text/plain\n< Content-Length: {len}\n<\n<| {text}\n");
        let r = exchange(&["> GET / HTTP/1.1\n> Host: h\n>\n\n", &head]).response.unwrap();
        assert_eq!((r.framing, r.answer.texts[&0].len()), (Framing::Text, len.min(MOST)));
        r.answer.text_limited
    };
    assert_eq!([MOST, MOST + 1].map(limited), [false, true]);
}

#[test]
fn a_request_is_read_if_all_of_it_was_kept() {
    let found = |kept: usize| {
        let mut pipeline = Pipeline::new(Config { request_kept: kept, ..Config::default() });
        let text = "> POST / HTTP/1.1\n> Host: h\n>json {\"model\":\"m\"}\n\n< HTTP/1.1 204 No Content\n<\n";
        crate::wire::parse(text).unwrap().replay(ConnId(0), &mut |event| pipeline.feed(&event));
        let mut all = Vec::new();
        pipeline.drain(&mut |output| all.extend(if let Output::Exchange(x) = output { Some(x) } else { None }));
        let odd = all[0].oddities.find(REQUEST_NOT_READ).map(|(o, _)| o.found.clone().into_owned());
        (all[0].request.as_ref().unwrap().model.clone(), odd)
    };
    assert_eq!(found(13), (Some("m".to_owned()), None));
    assert_eq!(found(12), (None, Some("request body of 13 bytes".to_owned())));
}

/// Pieces and records of each part that came early, and of the rest.
fn parts(config: Config, text: &str) -> Vec<(usize, usize)> {
    let mut pipeline = Pipeline::new(config);
    crate::wire::parse(text).unwrap().replay(ConnId(0), &mut |event| pipeline.feed(&event));
    let mut all = Vec::new();
    pipeline.drain(&mut |output| match output {
        Output::Part(part) => all.push((part.response.pieces.len(), part.records.len())),
        Output::Exchange(x) => all.extend(x.response.map(|r| (r.body.pieces.len(), r.records.len()))),
        _ => {}
    });
    all
}

#[test]
fn what_waits_is_given_out_beyond_the_number_of_deliveries_too() {
    let event = "@ +1ms\n<| data: {}\\n\\n\n\n";
    let config = Config { part_items: 2, ..Config::default() };
    let text = [ASK, HEAD, &event.repeat(4), "!fin <\n"].concat();
    // The framing may still be revised, so the records stay.
    assert_eq!(parts(config.clone(), &text), [(3, 0), (1, 4)]);
    // Beyond 64 KiB it is firm.
    let long = format!("@ +1ms\n<| data: \"{}\"\\n\\n\n\n", "a".repeat(65 << 10));
    let text = [ASK, HEAD, &long, &event.repeat(2), "!fin <\n"].concat();
    assert_eq!(parts(config, &text), [(3, 3), (0, 0)]);
}

#[test]
fn each_oddity_of_a_body_counts() {
    let x = exchange(&[ASK, HEAD, "<| data:1\\n\\ndata:2\\n\\ndata:3\\n\\n\n", "!fin <\n"]);
    assert_eq!(x.oddities.find(crate::framing::sse::DATA_WITHOUT_SPACE).map(|(_, n)| n), Some(3));
    assert_eq!(x.response.unwrap().answer.terminator.is_last_record, Some(false), "there is none");
}

#[test]
fn a_head_begins_with_its_first_byte_and_is_there_with_its_last() {
    let x = exchange(&[ASK, "@ +10ms\n<| HTTP/1.1 200 OK\\r\\nConte\n\n@ +20ms\n<| nt-Length: 1\\r\\n\\r\\nx\n"]);
    let r = x.response.unwrap();
    assert_eq!((ms(Some(r.first_at)), ms(Some(r.head_at))), (Some(10), Some(30)));
    assert_eq!(r.answer.terminator.is_last_record, Some(false), "without a dialect there is no terminator");
}

/// Records of an unknown kind, then one that a dialect knows for sure.
#[test]
fn a_dialect_is_looked_for_in_the_first_sixteen_records() {
    let dialect = |unknown: usize| {
        let unknown = "<| data: {\"a\":1}\\n\\n\n\n".repeat(unknown);
        let choice = "{\"index\":0,\"delta\":{\"content\":\"a\"}}";
        let known = format!("<| data: {{\"object\":\"chat.completion.chunk\",\"choices\":[{choice}]}}\\n\\n\n\n");
        let x = exchange(&["> GET /x HTTP/1.1\n> Host: h\n>\n\n", HEAD, &unknown, &known, "!fin <\n"]);
        x.response.unwrap().dialect
    };
    assert_eq!(dialect(15), Some("openai.chat"));
    assert_ne!(dialect(16), Some("openai.chat"));
}
