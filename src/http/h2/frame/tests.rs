//! Frames of one direction: cuts, gaps, hostile bytes.

use super::*;
use proptest::prelude::*;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut f = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    f.extend([kind, flags]);
    f.extend(stream.to_be_bytes());
    f.extend(payload);
    f
}

fn read(bytes: &[u8], size: usize) -> Vec<String> {
    let mut reader = Reader::new(true, false);
    let mut out: Vec<String> = Vec::new();
    for part in bytes.chunks(size) {
        reader.push(part, &mut |step| match step {
            Step::Begin => {}
            Step::Data(h, b) => match out.last_mut() {
                Some(last) if last.starts_with("data ") => last.push_str(&String::from_utf8_lossy(b)),
                _ => out.push(format!("data {} {}", h.stream, String::from_utf8_lossy(b))),
            },
            other => out.push(format!("{other:?}")),
        });
    }
    out
}

fn sample() -> Vec<u8> {
    let mut all = PREFACE.to_vec();
    all.extend(frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]));
    all.extend(frame(kind::DATA, 0, 1, b"hello"));
    all.extend(frame(kind::DATA, flag::PADDED, 1, b"\x03abcxyz"));
    all.extend(frame(kind::DATA, flag::END_STREAM, 1, b""));
    all.extend(frame(0xbe, 0, 0, b"unknown"));
    all
}

#[test]
fn cut_anywhere_reads_the_same() {
    let whole = read(&sample(), usize::MAX);
    assert_eq!(whole.len(), 10, "{whole:#?}");
    assert!(whole.contains(&"data 1 abc".to_string()), "padding is not data: {whole:#?}");
    for size in 1..40 {
        assert_eq!(read(&sample(), size), whole, "pieces of {size}");
    }
}

#[test]
fn frames_are_told_from_other_bytes() {
    assert!(looks_like_frames(&sample()[24..]) || !looks_like_frames(b"HTTP/1.1 200 OK\r\n\r\n"));
    assert!(looks_like_frames(&frame(kind::DATA, 0, 5, b"{}")));
    assert!(!looks_like_frames(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    assert!(!looks_like_frames(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"));
}

#[test]
fn gaps_inside_a_frame_keep_step() {
    let says = |bytes: &[u8], upto: usize, len: u64| {
        let mut reader = Reader::new(false, false);
        let mut out = Vec::new();
        let mut note = |step: Step<'_>| match step {
            Step::Data(..) | Step::Begin | Step::DataStart(..) => {}
            other => out.push(format!("{other:?}").split('(').next().unwrap_or_default().to_owned()),
        };
        reader.push(&bytes[..upto], &mut note);
        reader.gap(len, &mut note);
        reader.push(&bytes[upto + len as usize..], &mut note);
        out
    };
    let data = frame(kind::DATA, 0, 1, b"0123456789");
    assert_eq!(says(&data, 11, 4), ["DataGap", "DataEnd"]);
    assert_eq!(says(&data, 11, 8), ["DataGap", "DataEnd"], "up to the end: reported at once");
    let padded = frame(kind::DATA, flag::PADDED, 1, b"\x03abcxyz");
    assert_eq!(says(&padded, 12, 4), ["DataGap", "DataEnd"], "one of data, three of padding");
    assert_eq!(says(&padded, 13, 2), ["DataEnd"], "padding only");
    assert_eq!(says(&padded, 9, 2), ["Lost"], "the pad length itself");
    let settings = frame(kind::SETTINGS, 0, 0, &[0; 12]);
    assert_eq!(says(&settings, 11, 4), ["Skipped"]);
    assert_eq!(says(&settings, 4, 3), ["Lost"], "a frame header");
    assert_eq!(says(&[data, settings].concat(), 15, 10), ["Lost"], "across frames");
}

proptest! {
    #[test]
    fn hostile_bytes_end(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..20), joined: bool) {
        let mut reader = Reader::new(false, joined);
        for part in &parts {
            reader.push(part, &mut |_| {});
            reader.gap(3, &mut |_| {});
        }
    }
}
