//! Values at the border of what they mean, and what each is taken for on either side of it.

use super::super::FLOW_CONTROL_STALL;
use super::super::frame::looks_like_frames;
use super::*;
use crate::http::event::HttpWhat;
use crate::http::h1::tests::feed_at;

fn update(stream: u32, n: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, n.to_be_bytes())
}

/// The exchanges whose window was shut, when these things happen at these milliseconds.
fn stalled(happens: &[(u64, On)]) -> Vec<u64> {
    let (mut conn, mut out) = (Conn::new(false), Vec::new());
    for (ms, on) in happens {
        feed_at(&mut conn, ms * 1_000_000, on, &mut |event| match &event.what {
            HttpWhat::Oddity(o) if o.kind == FLOW_CONTROL_STALL => out.push(event.exchange),
            _ => {}
        });
    }
    out
}

/// A window of 100 bytes that is full for 50 ms. What the server sent and was not captured says nothing of windows;
/// what the client sent may have opened them.
#[test]
fn windows_are_followed_while_all_of_the_client_is_captured() {
    let ask = c([&PREFACE[..], &settings(&[(4, 100)]), &get(1), &get(3)].concat());
    let answer = |id: u32| s([ok(id), data(0, id, &"x".repeat(100))].concat());
    let cut = headers(MORE, 3, &[(":status", "200"), ("server", "something long")]);
    let (seen, rest) = cut.split_at(14);
    let lost = [(4, s(seen)), (5, SGap(rest.len() as u64))];
    let open = (60, c(update(1, 100)));
    assert_eq!(stalled(&[(1, ask.clone()), (3, answer(1)), open.clone()]), [0]);
    assert_eq!(stalled(&[&[(1, ask.clone()), (3, answer(1))][..], &lost, std::slice::from_ref(&open)].concat()), [0]);
    assert_eq!(stalled(&[(1, ask), (3, answer(1)), (4, CGap(13)), open]), Vec::<u64>::new());
}

/// The window of the connection is shut; an exchange whose answer has not begun waits for something else.
#[test]
fn a_shut_connection_holds_up_the_answers_that_have_begun() {
    let mut happens = vec![(1, c([&PREFACE[..], &settings(&[(4, 1 << 20)]), &get(1), &get(3)].concat()))];
    happens.push((2, s(ok(1))));
    happens.extend((0..5).map(|n| (3 + n, s(data(0, 1, &"x".repeat(13_107))))));
    happens.push((60, c(update(0, 1000))));
    assert_eq!(stalled(&happens), [0]);
    happens.insert(2, (2, s(ok(3))));
    assert_eq!(stalled(&happens), [0, 1]);
}

/// RFC 9113 section 6.8: a GOAWAY has at least eight bytes.
#[test]
fn the_shortest_frame_of_a_kind_is_one() {
    let lone = |kind: u8, stream: u32, len: usize| looks_like_frames(&frame(kind, 0, stream, vec![0; len]));
    for (kind, stream, len) in
        [(kind::GOAWAY, 0, 8), (6, 0, 8), (kind::RST_STREAM, 1, 4), (kind::WINDOW_UPDATE, 0, 4), (2, 1, 5)]
    {
        assert_eq!((lone(kind, stream, len), lone(kind, stream, len - 1)), (true, false), "{kind}");
    }
    assert!(!lone(kind::GOAWAY, 1, 8) && lone(kind::GOAWAY, 0, 1023) && !lone(kind::GOAWAY, 0, 1024));
    assert!(lone(kind::SETTINGS, 0, 240) && !lone(kind::SETTINGS, 0, 246) && !lone(kind::SETTINGS, 0, 7));
}

/// RFC 9113 section 8.3.1: an intermediary may have made a Host field of the authority.
#[test]
fn the_authority_is_the_host_where_there_is_none() {
    let of = |fields: &[(&str, &str)]| {
        let mut found = None;
        let all = [&[(":method", "GET"), (":scheme", "https"), (":path", "/")], fields].concat();
        feed(&mut Conn::new(false), &[hello(&[headers(END, 1, &all)])], &mut |event| {
            if let HttpWhat::Request(head) = event.what {
                found = head.authority;
            }
        });
        found
    };
    assert_eq!(of(&[(":authority", "a")]).as_deref(), Some("a"));
    assert_eq!(of(&[(":authority", "a"), ("host", "b")]).as_deref(), Some("a"));
    assert_eq!(of(&[("host", "b"), ("authority", "c")]).as_deref(), Some("b"));
    assert_eq!(of(&[]), None);
}
