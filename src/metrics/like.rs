//! The figures of other tools, from the same times: each as the tool's own published code computes it. docs/times.md
//! has the sources and what each leaves out.

mod sum;

pub use sum::Sum;

use super::Metrics;
use super::clocks::gaps;
use crate::dialect::Meaning;
use crate::time::{Span, Timestamp};
use serde::Serialize;

/// A tool whose figures are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `vllm bench serve`.
    Vllm,
    /// AIPerf.
    Aiperf,
    /// GuideLLM.
    Guidellm,
    /// OpenTelemetry's conventions for generative AI, of clients and servers.
    Otel,
}

impl Tool {
    /// All tools.
    pub const ALL: [Tool; 4] = [Tool::Vllm, Tool::Aiperf, Tool::Guidellm, Tool::Otel];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        ["vllm", "aiperf", "guidellm", "otel"][self as usize]
    }

    /// Its name for people, with the version whose code was read.
    pub fn title(self) -> &'static str {
        match self {
            Tool::Vllm => "vllm bench serve (main of November 2026)",
            Tool::Aiperf => "AIPerf 0.13",
            Tool::Guidellm => "GuideLLM 0.8",
            Tool::Otel => "OpenTelemetry gen-ai metrics (development)",
        }
    }

    /// The unit of its figures.
    pub fn unit(self) -> &'static str {
        if self == Tool::Otel { "s" } else { "ms" }
    }
}

/// What a record is to a client of chat chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Chunk {
    /// A JSON object with choices, empty ones not counted; with `usage.completion_tokens` if it has that.
    Choices(Option<u64>),
    /// A JSON object without choices, with `usage.completion_tokens` if it has that.
    Other(Option<u64>),
    /// `[DONE]`.
    Done,
    /// A comment, or an event that begins with one.
    Comment,
    /// Not what such a client can read.
    #[default]
    Broken,
}

impl Chunk {
    /// Reads an event as that client does: `data: ` is cut off its begin, and the rest has to be one JSON object.
    pub fn read(event: &str) -> Chunk {
        let event = event.trim();
        if event.starts_with(':') {
            return Chunk::Comment;
        }
        let data = event.strip_prefix("data: ").unwrap_or(event);
        if data == "[DONE]" {
            return Chunk::Done;
        }
        let Ok(serde_json::Value::Object(object)) = serde_json::from_str(data) else { return Chunk::Broken };
        let tokens = object.get("usage").and_then(|usage| usage.get("completion_tokens")?.as_u64());
        match object.get("choices").and_then(|choices| choices.as_array()).and_then(|choices| choices.first()) {
            Some(first) if first.get("delta").is_some() || first.get("text").is_some() => Chunk::Choices(tokens),
            Some(_) => Chunk::Broken,
            None => Chunk::Other(tokens),
        }
    }
}

/// A record as the tools see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Its number.
    pub n: u64,
    /// The time of its last byte.
    pub at: Timestamp,
    /// What it carries.
    pub meaning: Meaning,
    /// What a client of chat chunks makes of it.
    pub chunk: Chunk,
}

/// A figure of the tool beside the one of ours that is nearest to it, in ms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// The tool's name for it.
    pub name: &'static str,
    /// Its values in this exchange: one, or one per gap.
    pub values: Vec<f64>,
    /// The name of ours.
    pub ours: &'static str,
    /// Our value, where it is one.
    pub our_value: Option<f64>,
    /// Why they differ: what was added, in ms. The sum is their value − ours.
    pub parts: Vec<Part>,
}

/// One reason for a difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Part {
    /// The reason.
    pub why: &'static str,
    /// Its share of the difference.
    pub ms: f64,
}

const UPLOAD: &str = "starts at the request's first byte";
const TAIL: &str = "ends at the last token";
const ROLE: &str = "takes the role chunk for a token";
const AFTER: &str = "ends at the last chunk with choices";
const EMPTY_BEFORE: &str = "has the chunks before the first token";
const EMPTY_AFTER: &str = "has the chunks after the last token";
const TOKENS: &str = "counts all tokens of usage but one";
const DONE: &str = "ends at [DONE]";
const INSIDE: &str = "has the time to the first token inside";
const RECORD: &str = "takes any chunk for the first";
const TOOL_CALL: &str = "counts tool calls as output";
const WHOLE: &str = "ends at the last byte";

/// Which record a tool counts, and we do not, or the other way round.
pub fn counts(tool: Tool, heard: &Heard) -> bool {
    match tool {
        Tool::Vllm => matches!(heard.chunk, Chunk::Choices(_)),
        Tool::Aiperf | Tool::Guidellm => heard.meaning.is_delta(),
        Tool::Otel => !heard.meaning.terminator && heard.chunk != Chunk::Comment,
    }
}

/// The figures that a tool would report of a stream; `tokens` is the stream's own figure.
///
/// # Errors
/// Why the tool leaves the stream out.
pub fn figures(tool: Tool, m: &Metrics, heard: &[Heard], tokens: Option<u64>) -> Result<Vec<Figure>, &'static str> {
    let (Some(start), Some(asked), Some(end)) = (m.request_start, m.request_end, m.response_end) else {
        return Err("its begin or its end was not captured");
    };
    let of = |counted: &dyn Fn(&Heard) -> bool| -> Vec<Timestamp> {
        heard.iter().filter(|h| counted(h)).map(|h| h.at).collect()
    };
    let deltas = of(&|h| h.meaning.is_delta());
    let counted = of(&|h| counts(tool, h));
    // Of chat chunks the tools read `usage` where it belongs only, not where some servers put it.
    let is_chat = heard.iter().any(|h| matches!(h.chunk, Chunk::Choices(_)));
    let mut told =
        heard.iter().filter_map(|h| if let Chunk::Choices(n) | Chunk::Other(n) = h.chunk { n } else { None });
    let tokens = if is_chat { told.next_back() } else { tokens };
    let all = Stream { m, start, asked, end, heard, deltas: &deltas, counted: &counted, tokens };
    match tool {
        Tool::Vllm => all.vllm(),
        Tool::Aiperf => all.aiperf(),
        Tool::Guidellm => all.guidellm(),
        Tool::Otel => all.otel(),
    }
}

struct Stream<'a> {
    m: &'a Metrics,
    start: Timestamp,
    asked: Timestamp,
    end: Timestamp,
    heard: &'a [Heard],
    deltas: &'a [Timestamp],
    counted: &'a [Timestamp],
    tokens: Option<u64>,
}

fn ms(later: Timestamp, earlier: Timestamp) -> f64 {
    later.since(earlier).as_millis_f64()
}

fn part(why: &'static str, ms: f64) -> Part {
    Part { why, ms }
}

/// Our TPOT is a whole number of nanoseconds: what is below one is no reason.
const NANOSECOND: f64 = 1e-6;

/// A figure with one value.
fn one(
    name: &'static str,
    value: f64,
    ours: &'static str,
    our_value: Option<Span>,
    parts: impl IntoIterator<Item = Part>,
) -> Figure {
    let our_value = our_value.map(Span::as_millis_f64);
    let parts = parts.into_iter().filter(|part| our_value.is_some() && part.ms.abs() > NANOSECOND).collect();
    Figure { name, values: vec![value], ours, our_value, parts }
}

fn many(name: &'static str, times: &[Timestamp], ours: &'static str) -> Figure {
    let values = gaps(times).into_iter().map(Span::as_millis_f64).collect();
    Figure { name, values, ours, our_value: None, parts: Vec::new() }
}

impl Stream<'_> {
    fn upload(&self) -> f64 {
        ms(self.asked, self.start)
    }

    /// First and last of the deltas.
    fn tokens_between(&self) -> Result<(Timestamp, Timestamp), &'static str> {
        self.deltas.first().copied().zip(self.deltas.last().copied()).ok_or("it has no token")
    }

    /// By how much a time per token of (last − first) ÷ `divisor` differs from our TPOT.
    fn by_tokens(&self, divisor: f64) -> f64 {
        let (Some(first), Some(last)) = (self.deltas.first(), self.deltas.last()) else { return 0.0 };
        self.m.tpot.map_or(0.0, |tpot| ms(*last, *first) / divisor - tpot.as_millis_f64())
    }

    fn vllm(&self) -> Result<Vec<Figure>, &'static str> {
        if self.heard.iter().any(|h| h.chunk == Chunk::Broken) {
            return Err("its client fails: an event is not `data: ` and a chat chunk");
        }
        let (Some(&first), Some(&last)) = (self.counted.first(), self.counted.last()) else {
            return Err("its client fails: no chunk has choices");
        };
        let from_token = self.deltas.first().map_or(0.0, |token| ms(first, *token));
        let to_token = self.deltas.last().map_or(0.0, |token| ms(last, *token));
        let mut all = vec![
            one(
                "ttft",
                ms(first, self.start),
                "ttft_ms",
                self.m.ttft,
                [part(UPLOAD, self.upload()), part(ROLE, from_token)],
            ),
            many("itl", self.counted, "itl_ms"),
        ];
        // It reads usage from chunks without choices only.
        let mut alone =
            self.heard.iter().filter_map(|h| if let Chunk::Other(tokens) = h.chunk { tokens } else { None });
        if let Some(tokens) = alone.next_back().filter(|tokens| *tokens > 1) {
            let divisor = (tokens - 1) as f64;
            all.push(one(
                "tpot",
                ms(last, first) / divisor,
                "tpot_ms",
                self.m.tpot,
                [
                    part(EMPTY_BEFORE, -from_token / divisor),
                    part(EMPTY_AFTER, to_token / divisor),
                    part(TOKENS, self.by_tokens(divisor)),
                ],
            ));
        }
        all.push(one(
            "e2el",
            ms(last, self.start),
            "duration_ms",
            self.m.duration,
            [part(UPLOAD, self.upload()), part(AFTER, -ms(self.end, last))],
        ));
        Ok(all)
    }

    fn aiperf(&self) -> Result<Vec<Figure>, &'static str> {
        let (first, last) = self.tokens_between()?;
        let upload = part(UPLOAD, self.upload());
        let mut all = vec![one("time_to_first_token", ms(first, self.start), "ttft_ms", self.m.ttft, [upload])];
        if let Some(second) = self.deltas.get(1) {
            all.push(one(
                "time_to_second_token",
                ms(*second, first),
                "the first of itl",
                Some(second.since(first)),
                [],
            ));
        }
        all.extend(self.first_output("time_to_first_output_token"));
        if let Some(tokens) = self.tokens.filter(|tokens| *tokens > 1) {
            let divisor = (tokens - 1) as f64;
            let parts = [part(TOKENS, self.by_tokens(divisor))];
            all.push(one("inter_token_latency", ms(last, first) / divisor, "tpot_ms", self.m.tpot, parts));
        }
        if self.deltas.len() > 1 {
            all.push(many("inter_chunk_latency", self.deltas, "itl_ms"));
        }
        all.push(one(
            "request_latency",
            ms(last, self.start),
            "duration_ms",
            self.m.duration,
            [upload, part(TAIL, -ms(self.end, last))],
        ));
        Ok(all)
    }

    fn guidellm(&self) -> Result<Vec<Figure>, &'static str> {
        let (first, last) = self.tokens_between()?;
        let upload = part(UPLOAD, self.upload());
        let mut all = vec![one("time_to_first_token_ms", ms(first, self.start), "ttft_ms", self.m.ttft, [upload])];
        all.extend(self.first_output("time_to_first_output_token_ms"));
        // Without usage it takes each iteration for one token.
        let tokens = self.tokens.unwrap_or(self.deltas.len() as u64);
        if tokens > 1 {
            let divisor = (tokens - 1) as f64;
            let parts = [part(TOKENS, self.by_tokens(divisor))];
            all.push(one("inter_token_latency_ms", ms(last, first) / divisor, "tpot_ms", self.m.tpot, parts));
        }
        if tokens > 0 {
            let value = ms(last, self.start) / tokens as f64;
            let tpot = self.m.tpot.map_or(0.0, Span::as_millis_f64);
            all.push(one("time_per_output_token_ms", value, "tpot_ms", self.m.tpot, [part(INSIDE, value - tpot)]));
        }
        let done = self.heard.iter().find(|h| h.chunk == Chunk::Done).map_or(self.end, |h| h.at);
        all.push(one(
            "request_latency_ms",
            ms(done, self.start),
            "duration_ms",
            self.m.duration,
            [upload, part(DONE, -ms(self.end, done))],
        ));
        Ok(all)
    }

    /// The first record with something other than reasoning, a part of a tool call too.
    fn first_output(&self, name: &'static str) -> Option<Figure> {
        let visible = |h: &&Heard| h.meaning.content || h.meaning.tool;
        let first = self.heard.iter().find(visible)?.at;
        let text = self.heard.iter().find(|h| h.meaning.content).map_or(first, |h| h.at);
        let parts = [part(UPLOAD, self.upload()), part(TOOL_CALL, ms(first, text))];
        Some(one(name, ms(first, self.start), "ttft_content_ms", self.m.ttft_content, parts))
    }

    fn otel(&self) -> Result<Vec<Figure>, &'static str> {
        let Some(&first) = self.counted.first() else { return Err("it has no chunk") };
        let token = self.deltas.first().copied();
        let mut all = vec![
            one(
                "gen_ai.client.operation.duration",
                ms(self.end, self.start),
                "duration_ms",
                self.m.duration,
                [part(UPLOAD, self.upload())],
            ),
            one(
                "gen_ai.client.operation.time_to_first_chunk",
                ms(first, self.start),
                "ttft_ms",
                self.m.ttft,
                [part(UPLOAD, self.upload()), part(RECORD, token.map_or(0.0, |token| ms(first, token)))],
            ),
            many("gen_ai.client.operation.time_per_output_chunk", self.counted, "itl_ms"),
            one("gen_ai.server.request.duration", ms(self.end, self.asked), "duration_ms", self.m.duration, []),
        ];
        if let Some(token) = token {
            let name = "gen_ai.server.time_to_first_token";
            all.push(one(name, ms(token, self.asked), "ttft_ms", self.m.ttft, []));
            if let Some(tokens) = self.tokens.filter(|tokens| *tokens > 1) {
                let divisor = (tokens - 1) as f64;
                let after = self.deltas.last().map_or(0.0, |last| ms(self.end, *last)) / divisor;
                let parts = [part(WHOLE, after), part(TOKENS, self.by_tokens(divisor))];
                let value = ms(self.end, token) / divisor;
                all.push(one("gen_ai.server.time_per_output_token", value, "tpot_ms", self.m.tpot, parts));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_client_reads_events() {
        for (event, want) in [
            ("data: {\"choices\":[{\"delta\":{}}]}\n\n", Chunk::Choices(None)),
            ("data: {\"choices\":[{\"text\":\"\"}],\"usage\":{\"completion_tokens\":3}}", Chunk::Choices(Some(3))),
            ("data: {\"choices\":[],\"usage\":{\"completion_tokens\":7}}", Chunk::Other(Some(7))),
            ("data: {}", Chunk::Other(None)),
            ("data: [DONE]\r\n\r\n", Chunk::Done),
            (": ping\n\n", Chunk::Comment),
            ("data:{\"choices\":[]}", Chunk::Broken),
            ("event: x\ndata: {}", Chunk::Broken),
            ("data: {\"choices\":[{}]}", Chunk::Broken),
        ] {
            assert_eq!(Chunk::read(event), want, "{event}");
        }
    }
}
