//! What clients demand of heads, and how they build answers: each condition with the values next to its bounds.

use crate::clients::chat::{Calls, Collect, HelperPython, HelperScript};
use crate::clients::gemini::{self, Errors};
use crate::clients::head::{CutBody, Kind, Status, Transport, USUAL};
use crate::clients::reader::{Got, Join, Tool};
use crate::clients::records::Accumulator;
use crate::clients::{BodyEnd, Coding, Outcome, Stream, judge};
use serde_json::{Value, json};

fn stream(status: u16, content_type: Option<&str>) -> Stream {
    let content_type = content_type.map(String::from);
    Stream {
        dialect: "openai.chat",
        status,
        content_type,
        body: b"a\xe9".into(),
        units: Vec::new(),
        blocks: false,
        coding: Coding::AsDeclared,
        closes: false,
        end: BodyEnd::Complete,
    }
}

#[test]
fn which_statuses_are_read() {
    let all = [199, 200, 201, 299, 300, 404];
    let taken = |status| {
        let transport = Transport { status, ..USUAL };
        all.map(|s| transport.refuses(&stream(s, None)).is_none())
    };
    assert_eq!(taken(Status::Success), [false, true, true, true, false, false]);
    assert_eq!(taken(Status::Exactly200), [false, true, false, false, false, false]);
    assert_eq!(taken(Status::Any), [true; 6]);
    let why = USUAL.refuses(&stream(404, Some("text/event-stream")));
    assert_eq!(why.as_deref(), Some("status 404 is raised"));
}

#[test]
fn which_content_types_are_read() {
    let all = [
        None,
        Some("text/event-stream"),
        Some("text/event-stream; charset=utf-8"),
        Some("Text/Event-Stream;charset=utf-8"),
        Some("text/event-streams"),
        Some("x-text/event-stream"),
        Some("application/json; a=text/event-stream"),
    ];
    let taken = |kind| {
        let transport = Transport { kind, ..USUAL };
        all.map(|t| transport.refuses(&stream(200, t)).is_none())
    };
    assert_eq!(taken(Kind::Any), [true; 7]);
    assert_eq!(taken(Kind::Begins), [false, true, true, false, true, false, false]);
    assert_eq!(taken(Kind::Holds), [false, true, true, false, true, true, false]);
    assert_eq!(taken(Kind::Essence), [false, true, true, true, false, false, false]);
    let essence = Transport { kind: Kind::Essence, ..USUAL };
    let why = |t| essence.refuses(&stream(200, t));
    assert_eq!(why(None).as_deref(), Some("Content-Type is missing, not text/event-stream"));
    assert_eq!(why(Some("text/html; x=y")).as_deref(), Some("Content-Type is text/html, not text/event-stream"));
}

#[test]
fn charsets_and_cut_bodies() {
    let honours = Transport { charset: true, ..USUAL };
    let read = |transport: &Transport, charset: &str| transport.decoded(&stream(200, Some(charset))).0.into_owned();
    assert_eq!(read(&honours, "text/plain; charset=ISO-8859-1"), "aé".as_bytes());
    assert_eq!(read(&honours, "text/plain; charset=us-ascii"), "a\u{fffd}".as_bytes());
    assert_eq!(read(&honours, "text/plain; charset=utf-8"), b"a\xe9");
    assert_eq!(read(&USUAL, "text/plain; charset=iso-8859-1"), b"a\xe9");
    assert!(honours.refuses(&stream(200, Some("text/plain; charset=utf-16"))).is_some());
    let overlooks = |cut| {
        [false, true].map(|closes| Transport { cut, ..USUAL }.overlooks_cut(&Stream { closes, ..stream(200, None) }))
    };
    assert_eq!(overlooks(CutBody::Raises), [false; 2]);
    assert_eq!(overlooks(CutBody::RaisesOrWaits), [false; 2]);
    assert_eq!(overlooks(CutBody::AsUndici), [false, true]);
    assert_eq!(overlooks(CutBody::Unnoticed), [true; 2]);
}

fn tool(name: &str, arguments: &str) -> Tool {
    Tool { id: Some("call_1".into()), kind: Some("function".into()), name: name.into(), arguments: arguments.into() }
}

#[test]
fn what_an_answer_lacks() {
    let said = |text: &str| Got { texts: [(0, text.to_string())].into(), finished: true, ..Got::default() };
    let called = |tool: Tool| Got { tools: [((0, 0), tool)].into(), finished: true, ..Got::default() };
    let meant = said("Hi");
    let lack = |have: &Got| have.lacks(&meant).unwrap_or_default();
    assert_eq!(lack(&said("Hi")), "");
    assert_eq!(lack(&said("")), "all text is lost");
    assert_eq!(lack(&said("H")), "text is cut short");
    assert_eq!(lack(&said("Hi!")), "more text than was meant");
    assert_eq!(lack(&said("Ho")), "text differs from what was meant");
    assert_eq!(lack(&Got { finished: false, ..said("Hi") }), "the finish reason is lost");
    assert_eq!(lack(&Got { swallowed: true, ..said("Hi") }), "the error in the stream is swallowed");
    let spoilt = said("a\u{fffd}");
    assert_eq!(spoilt.lacks(&spoilt).as_deref(), Some("bytes that are not text become U+FFFD"));
    let meant = called(tool("f", "{}"));
    let lack = |have: &Got| have.lacks(&meant).unwrap_or_default();
    assert_eq!(lack(&meant), "");
    assert_eq!(
        lack(&called(Tool { id: None, ..tool("f", "{}") })),
        "a tool call has no id, so its result can't be matched to it"
    );
    assert_eq!(lack(&called(Tool { kind: None, ..tool("f", "{}") })), "a tool call has no type");
    assert_eq!(lack(&called(tool("g", "{}"))), "tool name is \"g\", not \"f\"");
    assert_eq!(lack(&called(tool("f", "{"))), "tool arguments differ from what was meant");
    assert_eq!(lack(&Got { finished: true, ..Got::default() }), "1 tool calls become 0");
    let empty = Got { finished: true, ..Got::default() };
    assert_eq!(empty.lacks(&empty).as_deref(), Some("the answer is empty"));
}

#[test]
fn an_error_that_nobody_raises_is_swallowed() {
    let body = concat!(
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"error\":{\"message\":\"m\"},\"choices\":[]}\n\n",
        "data: [DONE]\n\n",
    );
    let stream = Stream { body: body.into(), ..stream(200, Some("text/event-stream")) };
    let said = |client: &str| judge(&stream).into_iter().find(|v| v.client == client).map(|v| (v.outcome, v.why));
    assert_eq!(said("es_parser"), Some((Outcome::Changed, "the error in the stream is swallowed".into())));
    assert_eq!(said("openai-python 3.54"), Some((Outcome::Raises, "the error in the stream is raised".into())));
}

/// What an accumulator makes of chunks: the exception, or what it has.
fn put_together(mut by: impl Accumulator, chunks: &[Value]) -> Result<Got, String> {
    let mut got = Got::default();
    for chunk in chunks {
        by.chunk(chunk, &mut got)?;
    }
    by.finish(&mut got)?;
    Ok(got)
}

#[test]
fn the_usual_loop_and_what_libraries_change_in_it() {
    let plain = Collect {
        join: Join::Raises,
        object_only: true,
        needs_delta: false,
        joins_names: false,
        first_only: false,
        calls: Calls::ByIndex,
    };
    let two = [json!({"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]})];
    let texts = |by| put_together(by, &two).map(|got| got.texts.into_values().collect::<Vec<_>>());
    assert_eq!(texts(plain), Ok(vec!["a".into(), "b".into()]));
    assert_eq!(texts(Collect { first_only: true, calls: Calls::ByIndex, ..plain }), Ok(vec!["a".into()]));
    let call = |name: &str| json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": name}}]}}]});
    let names = [call("get_"), call("weather")];
    let name = |by| put_together(by, &names).map(|got| got.tools.into_values().map(|t| t.name).collect::<String>());
    assert_eq!(name(plain), Ok("weather".into()));
    assert_eq!(name(Collect { joins_names: true, ..plain }), Ok("get_weather".into()));
    let bare = [json!({"choices": [{"finish_reason": "stop"}]})];
    let finished = |by| put_together(by, &bare).map(|got| got.finished);
    assert_eq!(finished(plain), Ok(true));
    assert_eq!(finished(Collect { needs_delta: true, ..plain }), Ok(false));
}

fn calls(index: u64, id: &str) -> Value {
    let call = json!({"index": index, "id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let choice = json!({"index": 0, "delta": {"role": "assistant", "tool_calls": [call]}, "finish_reason": null});
    json!({"object": "chat.completion.chunk", "choices": [choice]})
}

fn finish(reason: &str) -> Value {
    json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

#[test]
fn the_helper_of_python_raises_at_refusals_and_at_gaps_of_the_index() {
    let said = |chunks: &[Value]| put_together(HelperPython::default(), chunks).map(|got| got.finished);
    assert_eq!(said(&[finish("stop")]), Ok(true));
    for reason in ["length", "content_filter"] {
        assert_eq!(said(&[finish(reason)]), Err(format!("finish reason {reason:?} is raised as an error")));
    }
    assert_eq!(said(&[calls(0, "a"), calls(1, "b"), finish("tool_calls")]), Ok(true));
    assert_eq!(said(&[calls(1, "a")]), Err("tool call 1 comes before tool call 0".into()));
    assert_eq!(said(&[calls(0, "a"), calls(2, "b")]), Err("tool call 2 comes before tool call 1".into()));
    // An id that comes again is joined to the first.
    let twice = put_together(HelperPython::default(), &[calls(0, "a"), calls(0, "b")]);
    assert_eq!(twice.map(|got| got.tools[&(0, 0)].id.clone()), Ok(Some("ab".into())));
}

#[test]
fn the_helper_of_script_wants_calls_numbered_from_0() {
    for strict in [false, true] {
        let said = |chunks: &[Value]| put_together(HelperScript::new(strict), chunks).map(|got| got.tools.len());
        assert_eq!(said(&[calls(0, "a"), calls(1, "b"), finish("tool_calls")]), Ok(2));
        let odd = Err("tool calls are not numbered from 0".into());
        assert_eq!(said(&[calls(1, "a"), finish("tool_calls")]), odd);
        assert_eq!(said(&[calls(0, "a"), calls(2, "b"), finish("tool_calls")]), odd);
        assert_eq!(said(&[calls(0, "a")]), Err("choice 0 never gets a finish reason".into()));
    }
}

#[test]
fn errors_and_thoughts_of_gemini() {
    let by = |errors| gemini::Collect { errors, provider: false, blocked: false };
    let raised = |errors, error: Value| put_together(by(errors), &[json!({ "error": error })]).is_err();
    let by_code = [399, 400, 499, 500, 599, 600].map(|code| raised(Errors::ByCode, json!({ "code": code })));
    assert_eq!(by_code, [false, true, true, true, true, false]);
    let all = [Errors::Pass, Errors::ByCode, Errors::Raise, Errors::RaiseNull];
    assert_eq!(all.map(|errors| raised(errors, json!({"message": "m"}))), [false, false, true, true]);
    assert_eq!(all.map(|errors| raised(errors, json!(null))), [false, false, false, true]);
    let parts = json!([{"text": "hm", "thought": true}, {"text": "Hi", "thought": false}, {"text": "!"}]);
    let answer = json!({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]});
    let got = put_together(by(Errors::Pass), &[answer]).map(|got| (got.text(), got.finished));
    assert_eq!(got, Ok(("Hi!".into(), true)));
}
