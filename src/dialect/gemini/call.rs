//! A function call that Gemini streams in parts (`partialArgs`, `willContinue`): the parts make one call.
//!
//! Source: Vertex AI, function calling: streaming arguments; google-genai, `FunctionCall` and `PartialArg`. A call
//! begins with its name and goes on while `willContinue` is true. Each part names by a JSON Path the argument that it
//! adds to; the last one may be empty.

use super::super::answer::{Answer, TEXT_LIMIT, call_key};
use super::super::json::{Flag, List, Num, Obj, Raw, Text};
use super::Part;

/// `functionCall` of a part.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    args: Raw<'a>,
    #[serde(borrow)]
    partial_args: List<Obj<PartialArg<'a>>>,
    will_continue: Flag,
}

/// A part of one argument.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialArg<'a> {
    #[serde(borrow)]
    json_path: Text<'a>,
    #[serde(borrow)]
    string_value: Text<'a>,
    number_value: Num,
    bool_value: Flag,
    #[serde(borrow)]
    null_value: Raw<'a>,
}

/// The calls of one response.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Calls so far; the dialect does not number them.
    count: u32,
    /// The call that goes on in the next part.
    open: Option<Open>,
}

/// A call that was begun and is not over.
#[derive(Debug)]
struct Open {
    candidate: u32,
    name: String,
    key: String,
    args: Arg,
    /// Bytes of strings in `args`.
    kept: usize,
}

impl Calls {
    /// One `functionCall`: a call, its beginning, or a part of the one that is open. True if it has something that was
    /// generated.
    pub(super) fn read(&mut self, call: &Call<'_>, candidate: u32, answer: &mut Answer) -> bool {
        let goes_on = self.open.as_ref().is_some_and(|open| {
            let again = call.name.str() == Some(open.name.as_str()) && !call.partial_args.is_empty();
            open.candidate == candidate && (call.name.full().is_none() || again)
        });
        let streamed = call.will_continue == Flag::Bool(true) || !call.partial_args.is_empty();
        if !goes_on {
            self.close(answer);
            let key = call_key(candidate, self.count);
            self.count = self.count.saturating_add(1);
            answer.name_tool(&key, call.name.str().unwrap_or_default());
            answer.add_arguments(&key, &call.args.text().unwrap_or_default());
            if !streamed {
                return true;
            }
            let name = call.name.str().unwrap_or_default().to_owned();
            self.open = Some(Open { candidate, name, key, args: Arg::default(), kept: 0 });
        }
        let Some(open) = &mut self.open else { return true };
        for part in call.partial_args.iter().filter_map(Obj::here) {
            open.add(part);
        }
        if let Some(whole) = call.args.json().filter(|args| goes_on && *args != "{}") {
            open.args = Arg::Literal(whole.to_owned());
        }
        if call.will_continue != Flag::Bool(true) {
            self.close(answer);
        }
        !goes_on || !call.partial_args.is_empty() || call.args.json().is_some()
    }

    /// Code that the server runs, or a call of one of its own tools, if the part is one.
    pub(super) fn run(&mut self, part: &Part<'_>, candidate: u32, answer: &mut Answer) -> bool {
        part.runs(candidate, &mut self.count, answer)
    }

    /// No more parts come: the arguments are what was there.
    pub(super) fn close(&mut self, answer: &mut Answer) {
        if let Some(open) = self.open.take() {
            let mut json = String::new();
            match open.args {
                Arg::Nothing => json.push_str("{}"),
                args => args.write(&mut json),
            }
            answer.add_arguments(&open.key, &json);
        }
    }
}

impl Open {
    fn add(&mut self, part: &PartialArg<'_>) {
        let Some(steps) = path(part.json_path.str().unwrap_or_default()) else { return };
        let place = steps.into_iter().try_fold(&mut self.args, Arg::child);
        let Some(place) = place else { return };
        match (part.string_value.str(), part.number_value, part.bool_value) {
            (Some(text), ..) => {
                let room = TEXT_LIMIT.saturating_sub(self.kept);
                let text = &text[..text.floor_char_boundary(room.min(text.len()))];
                self.kept += text.len();
                match place {
                    Arg::Text(kept) => kept.push_str(text),
                    place => *place = Arg::Text(text.to_owned()),
                }
            }
            (_, Num::Int(n), _) => *place = Arg::Literal(n.to_string()),
            (_, Num::Float(n), _) => *place = Arg::Literal(serde_json::Value::from(n).to_string()),
            (.., Flag::Bool(yes)) => *place = Arg::Literal(yes.to_string()),
            _ if part.null_value.present() => *place = Arg::Literal("null".to_owned()),
            _ => {}
        }
    }
}

/// Members of one argument that are distinguished.
const MOST_MEMBERS: usize = 1024;
/// Steps of a path.
const DEEPEST: usize = 64;

/// An argument, or all of them, in order of arrival.
#[derive(Debug, Default)]
enum Arg {
    #[default]
    Nothing,
    Text(String),
    /// A number, a boolean or null, as JSON.
    Literal(String),
    Members(Vec<(String, Arg)>),
    Elements(Vec<Arg>),
}

/// A step of a JSON Path.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

impl Arg {
    /// The value at this step, made if it is not there.
    fn child(&mut self, step: Step) -> Option<&mut Arg> {
        match step {
            Step::Member(name) => {
                if !matches!(self, Arg::Members(_)) {
                    *self = Arg::Members(Vec::new());
                }
                let Arg::Members(members) = self else { return None };
                // The part at hand nearly always adds to the member that came last.
                let at = match members.iter().rposition(|(n, _)| *n == name) {
                    Some(at) => at,
                    None if members.len() >= MOST_MEMBERS => return None,
                    None => {
                        members.push((name, Arg::Nothing));
                        members.len() - 1
                    }
                };
                members.get_mut(at).map(|(_, arg)| arg)
            }
            Step::Element(n) => {
                if !matches!(self, Arg::Elements(_)) {
                    *self = Arg::Elements(Vec::new());
                }
                let Arg::Elements(elements) = self else { return None };
                // Elements come in order.
                if n == elements.len() {
                    elements.push(Arg::Nothing);
                }
                elements.get_mut(n)
            }
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Arg::Nothing => out.push_str("null"),
            Arg::Text(text) => out.push_str(&serde_json::Value::from(text.as_str()).to_string()),
            Arg::Literal(json) => out.push_str(json),
            Arg::Members(members) => {
                let mut open = '{';
                for (name, arg) in members {
                    out.push(open);
                    open = ',';
                    out.push_str(&serde_json::Value::from(name.as_str()).to_string());
                    out.push(':');
                    arg.write(out);
                }
                out.push('}');
            }
            Arg::Elements(elements) => {
                let mut open = '[';
                for arg in elements {
                    out.push(open);
                    open = ',';
                    arg.write(out);
                }
                out.push(']');
            }
        }
    }
}

/// The steps of a JSON Path without wildcards: `$.a.b[0]['c']`. None if it is another one.
fn path(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$').unwrap_or(text);
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() >= DEEPEST {
            return None;
        }
        let step;
        (step, rest) = if let Some(quoted) = rest.strip_prefix("['").or_else(|| rest.strip_prefix("[\"")) {
            let (name, rest) = quoted.split_once(['\'', '"'])?;
            (Step::Member(name.to_owned()), rest.strip_prefix(']')?)
        } else if let Some(bracket) = rest.strip_prefix('[') {
            let (n, rest) = bracket.split_once(']')?;
            (Step::Element(n.parse().ok()?), rest)
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).filter(|end| *end > 0).unwrap_or(name.len());
            (Step::Member(name[..end].to_owned()), &name[end..])
        };
        steps.push(step);
    }
    (!steps.is_empty()).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let member = |name: &str| Step::Member(name.to_owned());
        for (text, want) in [
            ("$.a", Some(vec![member("a")])),
            ("$.a.b[0].c", Some(vec![member("a"), member("b"), Step::Element(0), member("c")])),
            ("$['a b'][\"c\"]", Some(vec![member("a b"), member("c")])),
            ("a", Some(vec![member("a")])),
            ("$", None),
            ("", None),
            ("$.a[*]", None),
            ("$['a", None),
        ] {
            assert_eq!(path(text), want, "{text}");
        }
        assert_eq!(path(&"[0]".repeat(1000)), None);
        assert_eq!(path("$.").map(|steps| steps.len()), Some(1));
    }

    /// The arguments that these parts make.
    fn arguments(parts: &[&str]) -> String {
        let (mut calls, mut answer) = (Calls::default(), Answer::default());
        for part in parts {
            let call: Call<'_> = serde_json::from_str(part).unwrap_or_default();
            calls.read(&call, 0, &mut answer);
        }
        calls.close(&mut answer);
        assert_eq!(answer.tool_names.len(), 1, "one call");
        answer.tool_arguments["0"].clone()
    }

    #[test]
    fn parts_make_one_call() {
        let begin = r#"{"name":"f","willContinue":true}"#;
        let part = |path: &str, value: &str| {
            format!(r#"{{"partialArgs":[{{"jsonPath":"{path}",{value},"willContinue":true}}],"willContinue":true}}"#)
        };
        let parts = [
            part("$.city", r#""stringValue":"New ""#),
            part("$.city", r#""stringValue":"\"Delhi\"""#),
            part("$.days[0]", r#""numberValue":1"#),
            part("$.days[1].half", r#""boolValue":true"#),
            part("$.days[9]", r#""numberValue":1.5"#),
            part("$.none", r#""nullValue":"NULL_VALUE""#),
        ];
        let all: Vec<&str> = [begin].into_iter().chain(parts.iter().map(String::as_str)).chain(["{}"]).collect();
        assert_eq!(arguments(&all), r#"{"city":"New \"Delhi\"","days":[1,{"half":true}],"none":null}"#);
        assert_eq!(arguments(&[begin, "{}"]), "{}");
        assert_eq!(arguments(&[begin]), "{}", "cut short");
        assert_eq!(arguments(&[begin, r#"{"args":{"a":1}}"#]), r#"{"a":1}"#);
        assert_eq!(arguments(&[r#"{"name":"f","args":{"a":1}}"#]), r#"{"a":1}"#);
    }
}
