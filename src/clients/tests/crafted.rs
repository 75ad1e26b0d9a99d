//! Streams that show what parsers, transports and readers do: the lab's stream without faults, with one thing changed.

use super::base64;
use crate::clients::{BodyEnd, Coding, Stream};
use crate::dialect;

/// The laboratory's first variant of the dialect, which has no fault.
fn clean(dialect: &'static str) -> Stream {
    let lab: serde_json::Value =
        serde_json::from_str(include_str!("../../../captures/lab/variants.json")).unwrap_or_default();
    let of = if dialect == dialect::ollama::GENERATE.name { dialect::ollama::CHAT.name } else { dialect };
    let variant =
        lab["variants"].as_array().into_iter().flatten().find(|v| v["dialect"] == of).cloned().unwrap_or_default();
    let mut body: Vec<u8> = variant["pieces"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|p| base64(p.as_str().unwrap_or_default()))
        .collect();
    if of != dialect {
        let text = String::from_utf8(body).unwrap_or_default();
        let text = text.replace("\"message\":{\"role\":\"assistant\",\"content\":", "\"response\":");
        body = text.replace("\"},\"done", "\",\"done").into_bytes();
    }
    let units = std::iter::once(0..body.len()).collect();
    let content_type = variant["content_type"].as_str().map(String::from);
    Stream {
        dialect,
        status: 200,
        content_type,
        body,
        units,
        coding: Coding::AsDeclared,
        blocks: false,
        closes: false,
        end: BodyEnd::Complete,
    }
}

/// The clean stream of a dialect with one thing changed, so that each property has a stream that shows it.
pub(super) fn crafted(dialect: &'static str) -> Vec<Stream> {
    let clean = &clean(dialect);
    let text = String::from_utf8(clean.body.clone()).unwrap_or_default().replace("\r\n", "\n");
    let sse = !dialect.starts_with("ollama");
    // After the first record, and before the last one.
    let (first, rest) = text.split_once(if sse { "\n\n" } else { "\n" }).unwrap_or_default();
    let gap = if sse { "\n\n" } else { "\n" };
    let between = |what: &str| format!("{first}{gap}{what}{rest}");
    let first_data = first.lines().find_map(|l| l.strip_prefix("data: ")).unwrap_or(first);
    let undone = text.replace("data: [DONE]\n\n", "");
    let record = rest.split(gap).next().unwrap_or_default();
    let data = record.lines().find_map(|l| l.strip_prefix("data: ")).unwrap_or(record);
    let stream = |body: Vec<u8>| {
        let units = std::iter::once(0..body.len()).collect();
        Stream { dialect, body, units, ..clean.clone() }
    };
    let mut out: Vec<Stream> = Vec::new();
    for status in [201, 404] {
        out.push(Stream { status, ..clean.clone() });
    }
    let types = [
        "application/json",
        "TEXT/event-stream",
        "text/event-streams",
        "x-text/event-stream",
        "text/event-stream; charset=iso-8859-1",
        "text/event-stream; charset=us-ascii",
        "text/event-stream; charset=utf-16",
    ];
    out.extend(types.map(|t| Stream { content_type: Some(t.into()), ..clean.clone() }));
    out.push(Stream { content_type: None, ..clean.clone() });
    for end in [BodyEnd::Cut, BodyEnd::Open] {
        for (blocks, closes) in [(false, false), (true, false), (true, true), (false, true)] {
            for body in [
                text.clone(),
                undone.clone(),
                String::new(),
                format!("{undone}{}", " ".repeat(600)),
                format!("{text}: {}\n\n", "x".repeat(700)),
            ] {
                out.push(Stream { end, blocks, closes, ..stream(body.into_bytes()) });
            }
        }
    }
    out.push(stream(Vec::new()));
    // Declared as coded, and not; whole, and bytes after it.
    for name in ["gzip", "deflate", "br", "zstd"] {
        for (trailing, body) in [(false, &text), (true, &undone)] {
            let of = stream(body.clone().into_bytes());
            let (declared, wire, decoded) = (vec![name.into()], of.body.clone(), if trailing { body.len() } else { 0 });
            out.push(Stream { coding: Coding::Broken { declared, wire, decoded, trailing }, ..of });
        }
    }
    let mut texts: Vec<String> = vec![
        undone.clone(),
        format!("\u{feff}{text}"),
        between("\u{feff}"),
        text.replace("data: ", "data:"),
        text.replace("data: ", "data:  "),
    ];
    for ends in ["\r", "\r\n"] {
        texts.extend([text.replace('\n', ends), undone.replace('\n', ends), undone.trim_end().replace('\n', ends)]);
    }
    for pair in ["\r\r", "\r\n\r\n", "\n\r", "\r\n\n", "\n\r\n", "\r\r\n", "\r\n\r"] {
        texts.extend([
            undone.replace("\n\n", pair),
            format!("{}{pair}", undone.trim_end()),
            between("").replacen("\n\n", pair, 1),
        ]);
    }
    texts.extend([undone.trim_end().into(), format!("{}\n", undone.trim_end()), text.trim_end().into()]);
    for what in [
        "\n",
        "\n\n\n",
        ": c\n\n",
        "event: x\n\n",
        "event: x\n",
        "event:\n\n",
        "retry: 5\n\n",
        "id: 1\n\n",
        "data\n\n",
        "data:\n\n",
        "data: \n\n",
        "data: junk\n\n",
        "junk\n\n",
        "x: y\n\n",
        "data\n",
        "data:\n",
        "data: [DONE]\n\n",
        "data:  [DONE]\n\n",
        "data: [DONE] \n\n",
        "data: [DONE]x\n\n",
        "data: [DONE]\u{a0}\n\n",
        "{}\n",
        "null\n",
        "[]\n",
    ] {
        texts.push(between(what));
    }
    for name in ["error", "ping", "message", "thread.x", "response.x", "transcript.x", "other"] {
        let named = format!("event: {name}\ndata: {data}\n\n");
        texts.extend([
            between(&named),
            between(&format!("event: {name}\ndata: {{\"error\":{{\"message\":\"m\"}}}}\n\n")),
            between(&format!("event: {name}\ndata: {{}}\n\n")),
        ]);
    }
    texts.push(text.lines().filter(|l| !l.starts_with("event:")).map(|l| format!("{l}\n")).collect());
    let prefix = if sse { "data: " } else { "" };
    for value in ["null", "false", "0", "\"\"", "\"x\"", "{}", "[]", "{\"message\":\"m\"}"] {
        let with = first_data.replacen('{', &format!("{{\"error\":{value},"), 1);
        texts.push(between(&format!("{prefix}{with}{gap}")));
        texts.push(between(&format!("{prefix}{{\"error\":{value}}}{gap}")));
    }
    for member in ["\"x\":NaN", "\"x\":\"\\ud83d\"", "\"x\":1e999"] {
        texts.push(between(&format!("{prefix}{}{gap}", first_data.replacen('{', &format!("{{{member},"), 1))));
    }
    texts.push(text.replace("Hello", "\\ud83d").replace("! How", "\\ude0a"));
    for n in [300, 301, 302] {
        texts.extend([between(&": c\n".repeat(n)), between(&"\n".repeat(n))]);
    }
    for odd in ["\u{2028}", "\u{b}", "\u{85}"] {
        texts.push(text.replace("Hello", &format!("He{odd}llo")));
    }
    out.extend(texts.iter().map(|t| stream(t.clone().into_bytes())));
    // Cut in the middle of a line, with a byte that is not text, with text after the terminator, and against the
    // schema.
    let bad = text.replace("Hello", "He\u{1}llo").into_bytes().into_iter().map(|b| if b == 1 { 0xff } else { b });
    out.push(stream(bad.collect()));
    let half = text.len() / 2;
    out.push(Stream { units: vec![0..half, half..text.len()], ..stream(text.clone().into_bytes()) });
    for end in [BodyEnd::Complete, BodyEnd::Open] {
        out.push(Stream { end, ..stream(format!("{text}{record}{gap}").into_bytes()) });
        out.push(Stream { end, ..stream(format!("{undone}data: [DONE] \n\n").into_bytes()) });
        out.push(Stream { end, ..stream(format!("{undone}data:  [DONE]\n\n").into_bytes()) });
        out.push(Stream { end, ..stream(format!("{undone}data:[DONE]\n\n").into_bytes()) });
        out.push(Stream { end, ..stream(format!("{undone}data: [DONE]x\n\n").into_bytes()) });
        out.push(Stream { end, ..stream(format!("{undone}data: [DONE]\n").into_bytes()) });
    }
    out.push(stream(
        text.replace("\"choices\":[", "\"choices\":7,\"x\":[")
            .replace("\"candidates\":[", "\"candidates\":7,\"x\":[")
            .into_bytes(),
    ));
    out.push(stream(
        text.replace("\"message\":{", "\"message\":7,\"x\":{").replace("\"index\":", "\"i\":").into_bytes(),
    ));
    // Clients may lose a first record without text and not notice, so here it has text.
    out.push(stream(format!("\u{feff}{rest}").into_bytes()));
    out.push(stream(between(&": c\n\n".repeat(302)).into_bytes()));
    for end in [BodyEnd::Complete, BodyEnd::Cut, BodyEnd::Open] {
        for done in ["data: [DONE]\n\n", "event: x\ndata: [DONE]\n\n"] {
            out.push(Stream { end, blocks: true, ..stream(format!("{undone}{done}").into_bytes()) });
            out.push(Stream { end, ..stream(between(done).into_bytes()) });
        }
    }
    for body in [between("[DONE]\n"), between(&format!("event:  error\ndata: {data}\n\n"))] {
        out.push(stream(body.into_bytes()));
    }
    for end in [BodyEnd::Cut, BodyEnd::Open] {
        out.push(Stream { end, ..stream(text.replace('\n', "\r").into_bytes()) });
        let error = format!("{first}{gap}{prefix}{{\"error\":{{\"message\":\"m\"}}}}{gap}");
        out.push(Stream { end, blocks: true, ..stream(error.into_bytes()) });
    }
    // Ended early, so that the last record is one that matters.
    let records: Vec<&str> = undone.trim_end().split(gap).collect();
    for n in [3, records.len().saturating_sub(2), records.len().saturating_sub(1)] {
        let some = records[..n.min(records.len())].join(gap);
        out.push(stream(some.clone().into_bytes()));
        out.push(stream(format!("{some}\n\n").replace('\n', "\r").into_bytes()));
    }
    out
}
