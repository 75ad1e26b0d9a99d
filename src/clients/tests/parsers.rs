//! Each deviation of a parser from the standard, against the standard, by the events that come out.

use crate::clients::framing::{Cut, Framing, Loop, Others};
use crate::clients::sse::{Blank, Colon, Event, LastCr, Mark, Rest, STANDARD, Split, Sse, Take, Utf8};
use crate::clients::{BodyEnd, Coding, Stream};
use std::borrow::Cow;
use std::ops::ControlFlow;

/// Events as `name|data`, `-` for none; an exception as `!` and its text.
fn events<'b, T>(read: impl FnOnce(&mut Take<'_, 'b>) -> T) -> Vec<String> {
    let mut out = Vec::new();
    let plain = |part: Option<Cow<'_, str>>| part.map_or_else(|| "-".into(), Cow::into_owned);
    read(&mut |said| {
        out.push(match said {
            Ok(Event { name, data }) => format!("{}|{}", plain(name), plain(data)),
            Err(why) => format!("!{why}"),
        });
        ControlFlow::Continue(())
    });
    out
}

fn sse(parser: &Sse, body: &[u8]) -> Vec<String> {
    events(|take| parser.read(body, true, take))
}

/// Asserts what one parser makes of some bodies.
fn holds(parser: &Sse, cases: &[(&[u8], &[&str])]) {
    for (body, expected) in cases {
        assert_eq!(sse(parser, body), *expected, "{parser:?}: {}", body.escape_ascii());
    }
}

#[test]
fn an_empty_first_data_line_counts_only_in_the_standard() {
    let body = b"data:\ndata:x\n\n";
    holds(&STANDARD, &[(body, &["-|\nx"]), (b"data:x\ndata:\ndata:y\n\n", &["-|x\n\ny"])]);
    for colon in [Colon::Needed, Colon::Trimming] {
        holds(&Sse { colon, ..STANDARD }, &[(body, &["-|x"]), (b"data:x\ndata:\ndata:y\n\n", &["-|x\n\ny"])]);
    }
}

#[test]
fn white_space_and_a_missing_colon() {
    let bodies: [&[u8]; 3] = [b"data:  x \n\n", b"data:x\n\n", b"data\n\n"];
    let expected: [(Colon, [&[&str]; 3]); 3] = [
        (Colon::Standard, [&["-| x "], &["-|x"], &["-|"]]),
        (Colon::Needed, [&["-| x "], &["-|x"], &[]]),
        (Colon::Trimming, [&["-|x "], &["-|x"], &[]]),
    ];
    for (colon, expected) in expected {
        let cases: Vec<_> = bodies.into_iter().zip(expected).collect();
        holds(&Sse { colon, ..STANDARD }, &cases);
    }
}

#[test]
fn a_byte_order_mark_at_the_start_and_on_a_later_line() {
    let (first, later) = ("\u{feff}data:a\ndata:b\n\n".as_bytes(), "data:a\n\u{feff}data:b\n\n".as_bytes());
    let both: &[&str] = &["-|a\nb"];
    let expected: [(Mark, &[&str], &[&str]); 4] = [
        (Mark::OffStream, both, &["-|a"]),
        (Mark::OffLines, both, both),
        (Mark::Stays, &["-|b"], &["-|a"]),
        (Mark::Crashes, &["!a byte order mark crashes the parser"], &["-|a"]),
    ];
    for (mark, at_start, on_line) in expected {
        holds(&Sse { mark, ..STANDARD }, &[(first, at_start), (later, on_line)]);
    }
}

#[test]
fn what_a_blank_line_dispatches() {
    let data: &[(&[u8], &[&str])] = &[
        (b"event: x\n\n", &[]),
        // The name is dropped with the block that it was in.
        (b"event: x\n\ndata: a\n\n", &["-|a"]),
        (b"retry: 5\n\n", &[]),
        (b"id: 1\n\n", &[]),
        (b"\n\n", &[]),
    ];
    let data_or_name: &[(&[u8], &[&str])] = &[
        (b"event: x\n\n", &["x|-"]),
        (b"event: x\n\ndata: a\n\n", &["x|-", "-|a"]),
        // An empty name is not enough to dispatch, and applies to what follows.
        (b"event:\n\n", &[]),
        (b"event:\n\ndata: a\n\n", &["|a"]),
        (b"retry: 5\n\n", &[]),
        (b"id: 1\n\n", &[]),
        (b": c\n\n", &[]),
    ];
    let any_field: &[(&[u8], &[&str])] = &[
        (b"event: x\n\n", &["x|-"]),
        (b"event:\n\ndata: a\n\n", &["|a"]),
        // A number of milliseconds, for one block.
        (b"retry: 5\n\n\n", &["-|-"]),
        (b"retry: x\n\n", &[]),
        // An id, for all blocks that follow.
        (b"id: 1\n\n: c\n\n", &["-|-", "-|-"]),
        (b"id:\n\n", &[]),
        (b"id: a\0b\n\n", &[]),
        (b"id: 1\n\nid:\n\n", &["-|-", "-|-"]),
        (b": c\n\n", &[]),
    ];
    let always: &[(&[u8], &[&str])] = &[(b": c\n\n", &["-|-"]), (b"\n", &["-|-"]), (b"event: x\n\n", &["x|-"])];
    for (blank, cases) in
        [(Blank::Data, data), (Blank::DataOrName, data_or_name), (Blank::AnyField, any_field), (Blank::Always, always)]
    {
        holds(&Sse { blank, ..STANDARD }, cases);
    }
}

#[test]
fn bytes_that_are_not_utf_8() {
    let body: &[u8] = b"data: a\xffb\n\ndata: c\n\n";
    holds(&STANDARD, &[(body, &["-|a\u{fffd}b", "-|c"])]);
    holds(&Sse { utf8: Utf8::Raises, ..STANDARD }, &[(body, &["!bytes that are not UTF-8"])]);
}

#[test]
fn the_last_cr_and_what_is_left_at_the_end() {
    holds(&STANDARD, &[(b"data: a\r\r", &["-|a"]), (b"data: a\r\n\r\ndata: b\n", &["-|a"]), (b"data: a", &[])]);
    holds(&Sse { last_cr: LastCr::Waits, ..STANDARD }, &[(b"data: a\r\r", &[]), (b"data: a\r\rx", &["-|a"])]);
    holds(
        &Sse { rest: Rest::Dispatched, ..STANDARD },
        &[(b"data: a", &["-|a"]), (b"data: a\n", &["-|a"]), (b"data: a\n\n", &["-|a"])],
    );
}

#[test]
fn separators_hold_lines_back_or_make_blocks() {
    const DOUBLE: &[&[u8]] = &[b"\n\n", b"\r\r"];
    let held = Sse { split: Split::Held(DOUBLE), ..STANDARD };
    let open = |body: &[u8]| events(|take| held.read(body, false, take));
    // CRLF twice is not one of its separators: the event waits until the body is over.
    assert_eq!(open(b"data: a\r\n\r\n"), [""; 0]);
    assert_eq!(open(b"data: a\r\n\r\ndata: b\n\ndata: c\r\n\r\n"), ["-|a", "-|b"]);
    assert_eq!(sse(&held, b"data: a\r\n\r\n"), ["-|a"]);
    // Between separators a blank line means nothing.
    let blocks = Sse { split: Split::Blocks(DOUBLE), ..STANDARD };
    holds(&blocks, &[(b"data: a\r\n\r\ndata: b\n\ndata: c\r\n\r\n", &["-|a\nb"]), (b"data: a", &[])]);
    holds(&Sse { rest: Rest::Dispatched, ..blocks }, &[(b"data: a\r\rdata: b\n", &["-|a", "-|b"])]);
}

const LINES: Loop = Loop {
    cut: Cut::Lf,
    prefix: "data:",
    others: Others::Skipped,
    by_unit: false,
    rest: Rest::Dispatched,
    patience: None,
    strict: false,
    unmarks: false,
};

fn lines(of: Loop, body: &[u8]) -> Vec<String> {
    let units = vec![0..body.len() / 2, body.len() / 2..body.len()];
    let (content_type, end) = (None, BodyEnd::Complete);
    let stream = Stream {
        dialect: "openai.chat",
        status: 200,
        content_type,
        body: body.into(),
        units,
        blocks: false,
        coding: Coding::AsDeclared,
        closes: false,
        end,
    };
    events(|take| Framing::Loop(of).read(&stream, body, true, take))
}

#[test]
fn a_loop_loses_patience_after_so_many_lines_and_not_before() {
    let of = || Loop { patience: Some(2), ..LINES };
    assert_eq!(lines(of(), b"data:a\n\n\ndata:b\n\n\n"), ["-|a", "-|b"]);
    assert_eq!(lines(of(), b"data:a\n\n\n\ndata:b\n")[..2], ["-|a", "!more than 2 lines without data"]);
}

#[test]
fn where_a_loop_cuts_and_what_it_takes() {
    let body = "data:a\rdata:b\u{2028}data:c\n\ndata:d\n\n".as_bytes();
    let by = |cut| lines(Loop { cut, ..LINES }, body);
    assert_eq!(by(Cut::Lf), ["-|a\rdata:b\u{2028}data:c", "-|d"]);
    assert_eq!(by(Cut::Lines), ["-|a", "-|b\u{2028}data:c", "-|d"]);
    assert_eq!(by(Cut::Unicode), ["-|a", "-|b", "-|c", "-|d"]);
    assert_eq!(by(Cut::DoubleLf), ["-|a\rdata:b\u{2028}data:c", "-|d"]);
    let odd = b"data:a\njunk\n: c\n \ndata:b";
    assert_eq!(lines(LINES, odd), ["-|a", "-|b"]);
    assert_eq!(lines(Loop { others: Others::Data, ..LINES }, odd), ["-|a", "-|junk", "-|b"]);
    assert_eq!(lines(Loop { rest: Rest::Lost, ..LINES }, odd), ["-|a"]);
    // An empty prefix would take an empty rest for data.
    assert_eq!(lines(Loop { prefix: "", ..LINES }, b"a\n"), ["-|a"]);
    // Two units of 8 bytes, cut within the second line.
    assert_eq!(lines(Loop { by_unit: true, ..LINES }, b"data:ab\ndata:cd\n"), ["-|ab", "-|cd"]);
    assert_eq!(lines(Loop { by_unit: true, ..LINES }, b"data:a\ndata:cde\n"), ["-|a"]);
    assert_eq!(lines(Loop { unmarks: true, ..LINES }, "\u{feff}data:a\n".as_bytes()), ["-|a"]);
    assert_eq!(lines(LINES, "\u{feff}data:a\n".as_bytes()), [""; 0]);
    assert_eq!(lines(Loop { strict: true, ..LINES }, b"data:a\ndata:\xff\n"), ["-|a", "!bytes that are not UTF-8"]);
    assert_eq!(lines(LINES, b"data:a\ndata:\xff\n"), ["-|a", "-|\u{fffd}"]);
}
