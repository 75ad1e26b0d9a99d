//! Bytes and times of a text are written here by hand; the round trip is proved for any transcript.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::time::Span;
use proptest::prelude::*;
use std::path::Path;

fn data(text: &str) -> Vec<(i64, char, Vec<u8>)> {
    let arrow = |d| if d == Direction::ToServer { '>' } else { '<' };
    let all = parse(text).unwrap().events.into_iter();
    all.filter_map(|e| match e.what {
        What::Data(bytes) => Some((e.at.since(START).0, arrow(e.dir), bytes)),
        _ => None,
    })
    .collect()
}

#[test]
fn lines_join_to_deliveries_until_blank_time_or_direction() {
    let text = "> GET / HTTP/1.1\n# remark\n>\n< a\n\n< b\n@ +20ms\n<| c\n<| d\n@ -5us\n<| e\n";
    let want: Vec<(i64, char, &[u8])> = vec![
        (0, '>', b"GET / HTTP/1.1\r\n\r\n"),
        (0, '<', b"a\r\n"),
        (0, '<', b"b\r\n"),
        (20_000_000, '<', b"cd"),
        (19_995_000, '<', b"e"),
    ];
    assert_eq!(data(text), want.into_iter().map(|(t, d, b)| (t, d, b.to_vec())).collect::<Vec<_>>());
}

#[test]
fn chunks_are_those_of_rfc_9112() {
    let text = "<chunk hello, wire\\n\\n\n<chunk;a=1;b=\"x\\x20y\" \u{e9}\n<last\n\n<last X-Sum: 7\\r\\nX-B: c\n";
    let want: [&[u8]; 2] =
        [b"d\r\nhello, wire\n\n\r\n2;a=1;b=\"x y\"\r\n\xc3\xa9\r\n0\r\n\r\n", b"0\r\nX-Sum: 7\r\nX-B: c\r\n\r\n"];
    assert_eq!(data(text).into_iter().map(|(.., b)| b).collect::<Vec<_>>(), want);
}

#[test]
fn json_ends_a_head() {
    let want =
        b"POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"a\":\"\\u00e9\"".to_vec();
    assert_eq!(data("> POST / HTTP/1.1\n>json {\"a\":\"\\\\u00e9\"\n"), [(0, '>', want)]);
}

#[test]
fn escapes() {
    assert_eq!(data("<| \\n\\r\\t\\0\\\\\\xff\\u{1f600}\\x20\n")[0].2, b"\n\r\t\0\\\xff\xf0\x9f\x98\x80 ");
}

/// The bytes of one line.
fn line(text: &str) -> Vec<u8> {
    data(text).into_iter().flat_map(|(.., bytes)| bytes).collect()
}

#[test]
fn frames_are_those_of_rfc_9113() {
    let cases: &[(&str, &[u8])] = &[
        (">h2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (">h2 settings", b"\0\0\0\x04\0\0\0\0\0"),
        ("<h2 settings+ack", b"\0\0\0\x04\x01\0\0\0\0"),
        (">h2 settings INITIAL_WINDOW_SIZE=222 8=1", b"\0\0\x0c\x04\0\0\0\0\0\0\x04\0\0\0\xde\0\x08\0\0\0\x01"),
        ("<h2 settings ENABLE_CONNECT_PROTOCOL=1", b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\x01"),
        ("<h2 data 1 a\\n", b"\0\0\x02\0\0\0\0\0\x01a\n"),
        ("<h2 data+end 259", b"\0\0\0\0\x01\0\0\x01\x03"),
        ("<h2 data+end+pad=2 1 a", b"\0\0\x04\0\x09\0\0\0\x01\x02a\0\0"),
        ("<h2 data/grpc+gzip 1 abc", b"\0\0\x08\0\0\0\0\0\x01\x01\0\0\0\x03abc"),
        ("<h2 headers+end 1 :status: 200 | a: b: c", b"\0\0\x15\x01\x05\0\0\0\x01\0\x07:status\x03200\0\x01a\x04b: c"),
        ("<h2 headers+more+pad=1 3 a:", b"\0\0\x06\x01\x08\0\0\0\x03\x01\0\x01a\0\0"),
        ("<h2 continuation 3 a: \\x7c\\x20", b"\0\0\x06\x09\x04\0\0\0\x03\0\x01a\x02| "),
        ("<h2 continuation+more 3 a: b", b"\0\0\x05\x09\0\0\0\0\x03\0\x01a\x01b"),
        ("<h2 push 1 2 a: b", b"\0\0\x09\x05\x04\0\0\0\x01\0\0\0\x02\0\x01a\x01b"),
        ("<h2 rst 1 CANCEL", b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08"),
        ("<h2 rst 1 77", b"\0\0\x04\x03\0\0\0\0\x01\0\0\0M"),
        ("<h2 goaway 5 ENHANCE_YOUR_CALM slow", b"\0\0\x0c\x07\0\0\0\0\0\0\0\0\x05\0\0\0\x0bslow"),
        (">h2 window_update 1 1000", b"\0\0\x04\x08\0\0\0\0\x01\0\0\x03\xe8"),
        (">h2 ping+ack 12345678", b"\0\0\x08\x06\x01\0\0\0\x0012345678"),
        ("<h2 frame 10 255 1 a b", b"\0\0\x03\x0a\xff\0\0\0\x01a b"),
        ("<h2 frame 2 0 1", b"\0\0\0\x02\0\0\0\0\x01"),
    ];
    for (text, want) in cases {
        assert_eq!(line(text), *want, "{text}");
    }
    // Lengths of 127 and more take several bytes (RFC 7541 section 5.1: 1337 in a prefix of 5 bits is 31,
    // 154, 10; here 127 + 128 + 10).
    for (n, length) in [(126, &b"\x7e"[..]), (127, b"\x7f\0"), (254, b"\x7f\x7f"), (265, b"\x7f\x8a\x01")] {
        let got = line(&format!("<h2 headers 1 a: {}", "x".repeat(n)));
        assert!(got[9..].starts_with(&[b"\0\x01a", length, b"x"].concat()) && got.ends_with(b"x"), "{n}: {got:?}");
    }
}

/// The bytes of a whole message, made by another program with its own CRC-32, as Bedrock sends it.
#[test]
fn messages_of_aws_have_their_lengths_and_sums() {
    let start: &[u8] =
        b"\0\0\0v\0\0\0R\x96\xd5\xfa\xde\x0b:event-type\x07\0\x0cmessageStart\r:content-type\x07\0\x10application/json\
        \r:message-type\x07\0\x05event{\"role\":\"assistant\"}o\xa8\xc5\x99";
    assert_eq!(line(r#"<aws messageStart {"role":"assistant"}"#), start);
    assert_eq!(line(r#"<chunk/aws messageStart {"role":"assistant"}"#), [b"76\r\n", start, b"\r\n"].concat());
    let wrong = [&start[..start.len() - 1], b"\x98"].concat();
    assert_eq!(line(r#"<aws+bad-crc messageStart {"role":"assistant"}"#), wrong);
    let exception: &[u8] =
        b"\0\0\0\x90\0\0\0a\x8e\x91\xa9\xb7\x0f:exception-type\x07\0\x13throttlingException\r:content-type\x07\0\x10\
        application/json\r:message-type\x07\0\x09exception{\"message\":\"Too many requests\"}\xe6\x7f\x80\x05";
    assert_eq!(line(r#"<aws+exception throttlingException {"message":"Too many requests"}"#), exception);
}

#[test]
fn messages_of_grpc_have_flags_and_length() {
    assert_eq!(line("<grpc \\n\\x02Hi"), b"\0\0\0\0\x04\n\x02Hi");
    assert_eq!(line(">grpc"), b"\0\0\0\0\0");
    assert_eq!(line("<chunk/grpc+trailers grpc-status:0\\r\\n"), b"14\r\n\x80\0\0\0\x0fgrpc-status:0\r\n\r\n");
    assert_eq!(line("<grpc+end+gzip {}"), b"\x03\0\0\0\x02{}");
}

#[test]
fn ends_are_implied_unless_said() {
    let ends = |text: &str| -> Vec<(usize, End)> {
        let all = parse(text).unwrap().events.into_iter();
        all.filter_map(|e| if let What::End(end) = e.what { Some((e.dir.index(), end)) } else { None }).collect()
    };
    assert_eq!(ends("< a\n"), [(1, End::Fin), (0, End::Fin)]);
    assert_eq!(ends("!fin >\n< a\n"), [(0, End::Fin), (1, End::Fin)]);
    assert_eq!(ends("< a\n!rst <\n"), [(1, End::Reset)]);
    assert_eq!(ends("< a\n!end\n"), [(1, End::Capture), (0, End::Capture)]);
    assert_eq!(ends("< a\n!idle >\n!stay\n"), [(0, End::Idle)]);
    assert_eq!(ends("# nothing at all\n"), []);
}

#[test]
fn replay_opens_first_and_closes_last_with_what_it_counted() {
    let transcript = parse("!join\n@ +1s\n> ab\n!gap < 120\n<| c\n!rst <\n").unwrap();
    let mut seen = Vec::new();
    transcript.replay(ConnId(3), &mut |e| {
        assert_eq!((e.conn, e.frame), (ConnId(3), 0));
        seen.push(match e.what {
            conn::What::Open { joined, .. } => format!("open {joined}"),
            conn::What::Data(bytes) => format!("data {}", bytes.len()),
            conn::What::Gap(n) => format!("gap {n}"),
            conn::What::End(end) => format!("{end:?}"),
            conn::What::Closed(facts) => {
                let closed = ClosedAt { server_rst: Some(e.at), ..ClosedAt::default() };
                let want = ConnFacts {
                    hole: true,
                    server_rst: true,
                    closed,
                    client_bytes: 4,
                    server_bytes: 1,
                    ..ConnFacts::default()
                };
                assert_eq!(*facts, want);
                format!("closed {}", e.at.since(START))
            }
            other => format!("{other:?}"),
        });
    });
    assert_eq!(seen, ["open true", "data 4", "gap 120", "data 1", "Reset", "closed 1.00 s"]);
}

#[test]
fn a_wrong_line_is_named_with_what_to_write() {
    let cases = [
        ("< a\n\nfoo\n", 3, "begins with 'f'"),
        ("<chunk\n", 1, "`<last`"),
        ("<lump a\n", 1, "\"lump\""),
        ("< a \n", 1, "\\x20"),
        ("< \\q\n", 1, "unknown escape \\q"),
        ("< \\x+1\n", 1, "two hexadecimal digits"),
        ("< \\u{d800}\n", 1, "scalar value"),
        ("@ 20ms\n", 1, "+20ms"),
        ("@ +1.5s\n", 1, "whole numbers"),
        ("@ +999999999999s\n", 1, "is not a time"),
        ("!gap < x\n", 1, "number of bytes"),
        ("!fin x\n", 1, "is not a direction"),
        ("!boom\n", 1, "!join"),
        ("< a\n!join\n", 2, "first line"),
        ("!fin <\n< a\n", 2, "end of this direction"),
        ("!stay\n< a\n", 2, "after !stay"),
        ("<chunk;a/aws\n", 1, "`<last`"),
        ("<h2\n", 1, "h2 preface"),
        ("<h2 lump 1\n", 1, "no h2 line: \"lump\""),
        ("<h2 preface x\n", 1, "no h2 line: \"preface\""),
        ("< a\n<h2 data x\n", 2, "\"x\" is not a stream"),
        ("<h2 data 2147483648 a\n", 1, "2147483647"),
        ("<h2 rst 1 CANCLE\n", 1, "\"CANCLE\" is not an error code"),
        ("<h2 rst+end 1 CANCEL\n", 1, "no flag of h2 rst: \"end\""),
        ("<h2 data+pad=256 1 a\n", 1, "up to 255"),
        ("<h2 headers 1 a\n", 1, "\"a\" is not a field"),
        ("<h2 headers/grpc 1 a\n", 1, "in a data frame"),
        ("<h2 settings A=1\n", 1, "\"A=1\" is not a setting"),
        ("<h2 ping 1\n", 1, "a ping of 1 bytes"),
        ("<h2 frame 256 0 1 a\n", 1, "up to 255"),
        ("<h2 data/lump 1 a\n", 1, "\"lump\" is not a message"),
        ("<h2 data 1 \\q\n", 1, "unknown escape \\q"),
        ("<aws {}\n", 1, "name of its event"),
        ("<aws+end a {}\n", 1, "no flag of aws: \"end\""),
        ("<grpc+exception a\n", 1, "no flag of grpc: \"exception\""),
        ("<chunk/lump a\n", 1, "\"lump\" is not a message"),
    ];
    for (text, line, said) in cases {
        let error = parse(text).expect_err(text);
        assert_eq!(error.line, line, "{text:?}");
        assert!(error.to_string().contains(said), "{text:?}: {error}");
    }
}

#[test]
fn every_fixture_of_the_house_parses_and_comes_back() {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("captures"), &mut files);
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let transcript = parse(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert_eq!(parse(&write(&transcript)).as_ref(), Ok(&transcript), "{}", file.display());
    }
}

fn collect(dir: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "wire") {
            files.push(path);
        }
    }
}

/// Any transcript that keeps the contract of `conn::ByteEvent`: nothing after the end of a direction, no
/// empty data.
fn transcripts() -> impl Strategy<Value = Transcript> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..40),
        proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b' '), Just(b'\\'), Just(b'a')], 1..12),
        "[ -~\u{e9}\u{2028}\u{feff}\u{1f600}\u{85}\u{a0}]{1,20}".prop_map(String::into_bytes),
    ];
    let what = prop_oneof![
        6 => bytes.prop_map(What::Data),
        1 => (1..u64::MAX).prop_map(What::Gap),
        1 => prop_oneof![Just("tcp.late"), Just("tcp.overlap-differs")].prop_map(|name| What::Odd(Kind::named(name))),
        1 => prop_oneof![Just(End::Fin), Just(End::Reset), Just(End::Idle), Just(End::Capture)].prop_map(What::End),
    ];
    let step = prop_oneof![Just(0), -5_000_i64..5_000, Just(20_000_000), Just(i64::MAX / 4)];
    let dir = prop_oneof![Just(Direction::ToServer), Just(Direction::ToClient)];
    let start = prop_oneof![Just(START), (0..4_000_000_000_000_000_000_i64).prop_map(Timestamp)];
    (start, any::<bool>(), proptest::collection::vec((step, dir, what), 0..24)).prop_map(|(start, joined, steps)| {
        let mut events = vec![Event { at: start, dir: Direction::ToServer, what: What::Open { joined } }];
        let (mut now, mut ended) = (start, [false; 2]);
        for (step, dir, what) in steps {
            if ended[dir.index()] {
                continue;
            }
            now = now.plus(Span(step));
            ended[dir.index()] = matches!(what, What::End(_));
            events.push(Event { at: now, dir, what });
        }
        Transcript { events }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(transcript in transcripts()) {
        let text = write(&transcript);
        prop_assert_eq!(parse(&text), Ok(transcript), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[<>@!#|a-z0-9;+:{}\\\\ \n-]{0,80}") {
        let _ = parse(&text);
    }

    #[test]
    fn any_frame_and_message_is_read_or_refused(
        word in "(<h2 |>|<chunk/)(data|headers|push|rst|goaway|settings|ping|window_update|frame|aws|grpc)[a-z+/=0-9]{0,8}",
        text in "( [0-9a-zA-Z:=|é\\\\{} ]{0,40})?",
    ) {
        let text = format!("{word}{text}");
        if let Ok(transcript) = parse(&text) {
            prop_assert_eq!(parse(&write(&transcript)), Ok(transcript), "{}", text);
        }
    }
}
