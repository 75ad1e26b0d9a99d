//! Messages that follow RFC 9112, and messages that nearly do.

use super::{c, s, trace, trace_of};
use crate::http::{Conn, Speaks};

#[test]
fn length_chunked_and_close() {
    let got = trace(&[
        c("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"),
        s("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n5;x=\"a;b\"\r\npedia\r\n0B\r\n in \
                \r\n\r\nchu"),
        s("\r\n000\r\nETag: \"x\"\r\nX-Y: z \r\n\r\n"),
        c("GET /b HTTP/1.0\r\n\r\n"),
        s("HTTP/1.0 404\r\n\r\ngone"),
        s("!"),
        super::On::SEnd(crate::conn::End::Fin),
        super::On::Closed,
    ]);
    let expected = [
        "0 > POST /a 1.1 Length(3)",
        "0 > data abc",
        "0 > Complete",
        "0 < 200 1.1 Chunked",
        "0 < unit 4",
        "0 < data Wiki",
        "0 < unit end",
        "0 < unit 5 [5;x=\\\"a;b\\\"]",
        "0 < data pedia",
        "0 < unit end",
        "0 < unit 11 [0B]",
        "0 < data  in \\r\\n\\r\\nchu",
        "0 < unit end",
        "0 < trailers ETag=\\\"x\\\" X-Y=z",
        "0 < Complete",
        "1 > GET /b 1.0 None",
        "1 > Complete",
        "1 < 404 1.0 Close",
        "1 < data gone!",
        "1 < Complete",
    ];
    assert_eq!(got, expected);
}

#[test]
fn times_are_those_of_the_completing_bytes() {
    let happens = [
        c("\r\n"),
        c("GET /"),
        c(" HTTP/1.1\r\n\r"),
        c("\n"),
        s("HTTP/1.1 200 OK\r\nTransfer-Encoding:chunked\r\n"),
        s("\r"),
        s("\n1"),
        s("0\r\n"),
        s("0123456789"),
        s("abcdef"),
        s("\r\n"),
        s("0\r\n\r"),
        s("\n"),
    ];
    let got = trace_of(&mut Conn::new(false), &happens, true);
    let expected = [
        "@4 0 > GET / 1.1 None since 2",
        "@4 0 > Complete",
        "@7 0 < 200 1.1 Chunked since 5",
        "@8 0 < unit 16",
        "@9 0 < data 0123456789",
        "@10 0 < data abcdef",
        "@11 0 < unit end",
        "@13 0 < Complete",
    ];
    assert_eq!(got, expected);
}

#[test]
fn responses_without_body() {
    let got = trace(&[
        c("HEAD / HTTP/1.1\r\n\r\nOPTIONS * HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        s("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
        s("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ]);
    let responses: Vec<_> = got.iter().filter(|l| l.contains('<')).collect();
    let expected = [
        "0 < 200 1.1 None",
        "0 < Complete",
        "1 < 204 1.1 None",
        "1 < Complete",
        "2 < 304 1.1 None",
        "2 < Complete",
        "3 < 200 1.1 Length(0)",
        "3 < Complete",
    ];
    assert_eq!(responses, expected.iter().collect::<Vec<_>>());
}

#[test]
fn interim_heads_come_first() {
    let got = trace(&[
        c("PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
        s("HTTP/1.1 100 Continue\r\n\r\n"),
        c("hi"),
        s("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx"),
    ]);
    let expected = [
        "0 > PUT / 1.1 Length(2)",
        "0 < 100 1.1 None",
        "0 > data hi",
        "0 > Complete",
        "0 < 103 1.1 None",
        "0 < 201 1.1 Length(1)",
        "0 < data x",
        "0 < Complete",
    ];
    assert_eq!(got, expected);
}

#[test]
fn early_answer_belongs_to_the_request_that_is_still_coming() {
    let got = trace(&[
        c("POST / HTTP/1.1\r\nX: "),
        s("HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\n\r\n"),
        c("y\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"),
        s("HTTP/1.1 204 x\r\n\r\n"),
    ]);
    let expected = [
        "0 < 431 1.1 Length(0)",
        "0 < Complete",
        "0 > POST / 1.1 None",
        "0 > Complete",
        "1 > GET /2 1.1 None",
        "1 > Complete",
        "1 < 204 1.1 None",
        "1 < Complete",
    ];
    assert_eq!(got, expected);
}

#[test]
fn stray_bytes_are_said_and_skipped() {
    let got = trace(&[
        c("GET / HTTP/1.1\r\n\r\n"),
        s("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na<html>\r\n</html>\r\n"),
        c("GET /2 HTTP/1.1\r\n\r\n"),
        s("HTTP/1.1 204 x\r\n\r\n"),
        s("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ]);
    let expected = [
        "0 > GET / 1.1 None",
        "0 > Complete",
        "0 < 200 1.1 Length(1)",
        "0 < data a",
        "0 < Complete",
        "0 < ! h1.bytes-after-body",
        "1 > GET /2 1.1 None",
        "1 > Complete",
        "1 < 204 1.1 None",
        "1 < Complete",
        "2 < 200 1.1 Length(0)",
        "2 < ! h1.unasked-response",
        "2 < Complete",
    ];
    assert_eq!(got, expected);
}

#[test]
fn lenient_heads() {
    let head = "get   http://h/x y  http/1.1\nA : 1\n B: folded\nno colon\n: no name\nBad\x01: x\nE:\n\n";
    let mut seen = Vec::new();
    let mut fields = Vec::new();
    let mut conn = Conn::new(false);
    super::feed(&mut conn, &[c(head)], &mut |event| match event.what {
        crate::http::event::HttpWhat::Request(h) => {
            assert_eq!((h.method.as_str(), h.target.as_str()), ("get", "http://h/x y"));
            assert_eq!(h.fields.raw(), head.as_bytes());
            fields = h.fields.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
        }
        crate::http::event::HttpWhat::Oddity(o) => seen.push(o.kind.0),
        _ => {}
    });
    let expected = [(&b"A"[..], &b"1\n B: folded"[..]), (b"Bad\x01", b"x"), (b"E", b"")];
    assert_eq!(fields, expected.map(|(n, v)| (n.to_vec(), v.to_vec())));
    for kind in ["h1.bare-lf", "h1.start-line", "h1.version", "h1.space-before-colon", "h1.obs-fold", "h1.field-line"] {
        assert!(seen.contains(&kind), "{kind} in {seen:?}");
    }
    assert_eq!(conn.speaks(), Speaks::Http1);
}

#[test]
fn many_fields_and_long_heads() {
    let mut head = String::from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    for n in 0..5000 {
        head.push_str(&format!("X-{n}: {n}\r\n"));
    }
    head.push_str("\r\n");
    let got = trace(&[c("GET / HTTP/1.1\r\n\r\n"), s(&head)]);
    assert_eq!(got[2..], ["0 < 200 1.1 Length(0)", "0 < Complete"]);

    let endless = "X: y\r\n".repeat(300_000);
    let got = trace(&[
        c("GET / HTTP/1.1\r\n\r\n"),
        s("HTTP/1.1 200 OK\r\n"),
        s(endless),
        c("GET /2 HTTP/1.1\r\n\r\n"),
        s("HTTP/1.1 204 x\r\n\r\n"),
    ]);
    let expected = [
        "0 < 200 1.1 Close",
        "0 < ! h1.head-too-long",
        "0 < gap",
        "1 > GET /2 1.1 None",
        "1 > Complete",
        "0 < CutByCapture",
        "1 < 204 1.1 None",
        "1 < Complete",
    ];
    assert_eq!(got[2..], expected);
}

#[test]
fn broken_chunks() {
    let answer = |body: &str| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let happens = [
            c("GET / HTTP/1.1\r\n\r\n"),
            s(format!("{head}{body}")),
            super::On::SEnd(crate::conn::End::Fin),
            super::On::Closed,
        ];
        trace(&happens)[3..].to_vec()
    };
    assert_eq!(answer("10000000000000000\r\nx"), ["0 < ! h1.chunk-size", "0 < CutByServer"]);
    assert_eq!(answer("nonsense\r\nx"), ["0 < ! h1.chunk-size", "0 < CutByServer"]);
    assert_eq!(
        answer("1\nx\n0\n\n"),
        [
            "0 < ! h1.bare-lf",
            "0 < unit 1",
            "0 < data x",
            "0 < ! h1.bare-lf",
            "0 < unit end",
            "0 < ! h1.bare-lf",
            "0 < ! h1.bare-lf",
            "0 < Complete"
        ]
    );
    // The data is longer than its announced size; the next boundary can be proven and reading continues.
    assert_eq!(
        answer("1\r\nxyz\r\n2\r\nab\r\n0\r\n\r\n"),
        ["0 < unit 1", "0 < data x", "0 < ! h1.chunk-end", "0 < unit 2", "0 < data ab", "0 < unit end", "0 < Complete"]
    );
}

/// Law: a request of which a byte was captured is never "not captured".
#[test]
fn malformed_request_lines_are_requests() {
    let lines: [(&str, &str); 9] = [
        ("POST /v1/chat/completions", "POST /v1/chat/completions 1.0"),
        ("POST v1/chat HTTP", "POST v1/chat 1.1"),
        ("POST /v1 HTTP/", "POST /v1 1.1"),
        ("POST /v1 HTTPS/1.1", "POST /v1 1.1"),
        ("POST/v1/chat HTTP/1.1", "POST /v1/chat 1.1"),
        ("GET  HTTP/1.1", "GET  1.1"),
        ("GET", "GET  1.0"),
        ("GET a b c", "GET a b c 1.0"),
        ("HEAD /v1/models", "HEAD /v1/models 1.0"),
    ];
    for (line, head) in lines {
        let asks_head = line.starts_with("HEAD");
        for later in [false, true] {
            let mut happens = Vec::new();
            if later {
                happens.push(c("POST /0 HTTP/1.1\r\nContent-Length: 0\r\n\r\n"));
                happens.push(s("HTTP/1.1 204 No Content\r\n\r\n"));
            }
            happens.push(c(format!("{line}\r\nHost: h\r\n")));
            happens.push(c("\r\n"));
            happens.push(s("HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\n"));
            if !asks_head {
                happens.push(s("bad"));
            }
            happens.push(super::On::Closed);
            let of_it = format!("{} ", u8::from(later));
            let got: Vec<String> =
                trace(&happens).iter().filter_map(|l| l.strip_prefix(&of_it)).map(str::to_owned).collect();
            let answer: &[&str] = match asks_head {
                true => &["< 400 1.1 None"],
                false => &["< 400 1.1 Length(3)", "< data bad"],
            };
            let asked = [format!("> {head} None"), "> ! h1.start-line".into(), "> Complete".into()];
            let want: Vec<String> =
                asked.into_iter().chain(answer.iter().map(|l| (*l).to_owned())).chain(["< Complete".into()]).collect();
            assert_eq!(got, want, "{line}, later: {later}");
        }
    }
}

#[test]
fn a_request_of_http_0_9_is_named() {
    let got =
        trace(&[c("GET /old\r\n"), s("<html>\nold\n"), super::On::SEnd(crate::conn::End::Fin), super::On::Closed]);
    assert!(got.contains(&"0 > GET /old 1.0 None".to_owned()), "{got:?}");
    assert!(got.contains(&"0 > ! h1.start-line".to_owned()), "{got:?}");
    let mut said = Vec::new();
    super::feed(&mut Conn::new(false), &[c("GET /old\r\n\r\n")], &mut |event| {
        if let crate::http::event::HttpWhat::Oddity(odd) = event.what {
            said.push(odd.found);
        }
    });
    assert!(said[0].contains("HTTP/0.9"), "{said:?}");
}

#[test]
fn the_answer_to_a_head_that_is_still_coming_has_no_body() {
    let got = trace(&[
        c("HEAD /models HTTP/1.1\r\nHost: h\r\n"),
        s("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"),
        c("\r\n"),
        s("HTTP/1.1 200 OK\r\n\r\n"),
        super::On::Closed,
    ]);
    assert!(got.contains(&"0 < Complete".to_owned()), "{got:?}");
}

#[test]
fn bytes_that_mean_no_request_stay_strays() {
    let ask = "POST /0 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
    let got = trace(&[c(format!("{ask}rest of it\r\n")), s("HTTP/1.1 204 No Content\r\n\r\n"), super::On::Closed]);
    assert!(got.contains(&"0 > ! h1.not-http".to_owned()) && !got.iter().any(|l| l.starts_with("1 >")), "{got:?}");
}
