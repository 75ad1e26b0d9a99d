//! Requests in JSON-RPC whose responses come on the stream of another exchange: found by the ids of connection and
//! request, shown by `list` and `show`, and chosen by method and name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::{Value, json};
use sniff::conn::Direction::{ToClient, ToServer};
use support::packets::Talk;
use support::place::{Place, chunk, talk};

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

fn post(fields: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: api.example\r\nAccept: application/json, text/event-stream\r\nContent-Type: \
            application/json\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A request at `begin` ms that is answered with this `after` ms.
fn asked(client: u16, begin: i64, request: &str, after: i64, answer: &str) -> Talk {
    talk(client, &[(begin, ToServer, request.as_bytes()), (begin + after, ToClient, answer.as_bytes())])
}

/// A stream that a GET opens at 0 ms, with events at these times.
fn listen(client: u16, fields: &str, events: &[(i64, Value)]) -> Talk {
    let head = format!("GET /mcp HTTP/1.1\r\nHost: api.example\r\nAccept: text/event-stream\r\n{fields}\r\n");
    let chunks: Vec<_> = events.iter().map(|(at, event)| (*at, chunk(&format!("data: {event}\n\n")))).collect();
    let mut steps = vec![(0, ToServer, head.as_bytes()), (5, ToClient, STREAM.as_bytes())];
    steps.extend(chunks.iter().map(|(at, chunk)| (*at, ToClient, chunk.as_bytes())));
    talk(client, &steps)
}

fn call(id: &str, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {}}})
}

fn result(id: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": {"content": []}})
}

/// Two sessions with equal ids of requests, and a request whose answer comes in its own exchange.
fn sessions() -> Place {
    let (one, two) = ("Mcp-Session-Id: one\r\n", "Mcp-Session-Id: two\r\n");
    let document = result("c").to_string();
    let own = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{document}",
        document.len()
    );
    let p = Place::new();
    p.record(&[
        &listen(1, one, &[(300, result("a")), (900, result("b"))]),
        &listen(2, two, &[(700, result("a"))]),
        &asked(3, 100, &post(one, &call("a", "add")), 4, ACCEPTED),
        &asked(4, 150, &post(two, &call("a", "add")), 4, ACCEPTED),
        &asked(5, 200, &post(one, &call("b", "drop")), 4, ACCEPTED),
        &asked(6, 250, &post("", &call("c", "add")), 60, &own),
        &asked(7, 400, &post(one, &call("d", "add")), 4, ACCEPTED),
    ]);
    p
}

#[test]
fn a_response_is_found_on_the_stream_of_its_session() {
    let p = sessions();
    let all = p.json(&["list", "--format", "json"]);
    let told: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|x| x["request"]["method"] == "POST")
        .map(|x| {
            let shown = p.json(&["show", &x["id"].to_string(), "--format", "json"]);
            assert_eq!(shown["timing"], x["timing"], "`show` says the same");
            (x["request"]["rpc_name"].clone(), x["timing"]["rpc_answer_ms"].clone(), x["timing"]["ttft_ms"].clone())
        })
        .collect();
    let (add, drop, none) = (json!("add"), json!("drop"), Value::Null);
    assert_eq!(
        told,
        [
            (add.clone(), json!(200.0), none.clone()),
            (add.clone(), json!(550.0), none.clone()),
            (drop, json!(700.0), none.clone()),
            (add.clone(), json!(60.0), none.clone()),
            (add, none.clone(), none),
        ]
    );
}

#[test]
fn method_and_name_are_shown_and_select() {
    let p = sessions();
    let ids = |args: &[&str]| p.json(&[&["list", "--format", "json"], args].concat()).as_array().unwrap().len();
    for (args, want) in [
        (&["--rpc-method", "tools/call"][..], 5),
        (&["--rpc-method", "TOOLS/*"], 5),
        (&["--rpc-method", "tools"], 0),
        (&["--rpc-name", "drop"], 1),
        (&["--rpc-name", "a*", "--rpc-method", "tools/call"], 4),
    ] {
        assert_eq!(ids(args), want, "{args:?}");
    }
    let table = p.out(&["list"]);
    assert_eq!(table.matches("tools/call add").count(), 4, "{table}");
    let view = "SELECT request_rpc_method || ' ' || request_rpc_name || ' ' || (rpc_answer_ms IS NULL) FROM \
        v_exchanges WHERE request_rpc_name = 'drop'";
    let row: String = p.db().query_row(view, [], |row| row.get(0)).unwrap();
    assert_eq!(row, "tools/call drop 1", "the view has what is stored, not what several exchanges show");
    assert!(!p.out(&["list", "--format", "json"]).contains("\"one\""), "the session's id is no field");
}

/// The Agent Client Protocol: prompts are posted, and answered on the stream of their session.
#[test]
fn the_first_delta_of_a_prompt_is_found_on_the_stream_of_its_session() {
    let fields = "Acp-Connection-Id: c\r\nAcp-Session-Id: s\r\n";
    let prompt =
        |id: u32| json!({"jsonrpc": "2.0", "id": id, "method": "session/prompt", "params": {"sessionId": "s"}});
    let update = |kind: &str, text: &str| {
        let update = json!({"sessionUpdate": kind, "content": {"type": "text", "text": text}});
        json!({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "s", "update": update}})
    };
    let done = |id: u32| json!({"jsonrpc": "2.0", "id": id, "result": {"stopReason": "end_turn"}});
    let thought = || update("agent_thought_chunk", "Hm");
    let text = || update("agent_message_chunk", "Hi");
    let p = Place::new();
    p.record(&[
        &listen(1, fields, &[(300, thought()), (350, text()), (400, done(2)), (1100, text()), (1150, done(3))]),
        &asked(2, 100, &post(fields, &prompt(2)), 4, ACCEPTED),
        &asked(3, 1000, &post(fields, &prompt(3)), 4, ACCEPTED),
        &asked(4, 2000, &post(fields, &prompt(4)), 4, ACCEPTED),
    ]);
    let all = p.json(&["list", "--format", "json"]);
    let figures = |x: &Value| ["ttft_ms", "rpc_first_delta_ms", "rpc_answer_ms"].map(|name| x["timing"][name].clone());
    let told: Vec<_> = all.as_array().unwrap().iter().map(figures).collect();
    let none = || Value::Null;
    assert_eq!(
        told,
        [
            [none(), none(), none()],
            [none(), json!(200.0), json!(300.0)],
            [none(), json!(100.0), json!(150.0)],
            [none(), none(), none()],
        ]
    );
}

/// The address of a resource is a word of the user's; the name of a tool is none.
#[test]
fn a_copy_without_words_has_no_address_of_a_resource() {
    let p = Place::new();
    let read =
        json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "file:///plans/Merger"}});
    p.record(&[&asked(1, 0, &post("", &read), 5, ACCEPTED), &asked(2, 50, &post("", &call("a", "add")), 5, ACCEPTED)]);
    p.out(&["redact", "--text", "sniff.db", "copy.db"]);
    let all = p.json(&["--db", "copy.db", "list", "--format", "json"]);
    let names: Vec<_> = all.as_array().unwrap().iter().map(|x| x["request"]["rpc_name"].as_str().unwrap()).collect();
    assert!(!names[0].contains("Merger") && names[0].len() == "file:///plans/Merger".len(), "{names:?}");
    assert_eq!(names[1], "add");
    assert!(!String::from_utf8_lossy(&std::fs::read(p.path("copy.db")).unwrap()).contains("Merger"));
}
