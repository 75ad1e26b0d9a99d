//! The stored body read once more, by the same parsers, for the words that each record brought.

use crate::body::Decoder;
use crate::dialect::{self, Answer, Evidence, StreamReader};
use crate::framing::websocket::Sender;
use crate::framing::{Framed, Framing, Record, Stream};
use crate::oddity::excerpt;
use crate::summary::Summary;
use crate::summary::detail::StoredBody;
use std::collections::BTreeMap;

/// What was made of a body.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// By record: the text that it added to the answer, or an excerpt of its data.
    pub says: BTreeMap<u64, String>,
}

impl Rebuilt {
    /// Of a stored exchange.
    pub fn new(s: &Summary, request: &StoredBody, response: &StoredBody) -> Rebuilt {
        let mut out = Rebuilt::default();
        let Some(r) = &s.response else { return out };
        let mut stream = match r.framing == Framing::WebSocket.as_str() {
            true => Stream::websocket(Sender::Server, r.header("sec-websocket-extensions")),
            false => Stream::new(r.content_type.as_deref()),
        };
        let mut decoder = Decoder::new(r.content_encoding.as_deref());
        let mut voice = Voice { s, request, reader: None, answer: Answer::default(), said: Said::default() };
        let mut at = 0;
        for piece in &response.pieces {
            if piece.gap {
                decoder.gap(piece.at, &mut |_| {});
                stream.gap(piece.at, Some(u64::from(piece.len)).filter(|n| *n > 0), &mut |f| {
                    voice.hear(f, &mut out.says)
                });
                continue;
            }
            let end = at + piece.len as usize;
            let Some(bytes) = response.bytes.get(at..end) else { break };
            at = end;
            let says = &mut out.says;
            let mut pass = |p: crate::body::Piece<'_>| stream.push(p, &mut |f| voice.hear(f, says));
            decoder.push(piece.at, piece.frame, bytes, &mut pass, &mut |_| {});
        }
        if let Some(last) = response.pieces.last() {
            stream.finish(last.at, r.complete, &mut |f| voice.hear(f, &mut out.says));
        }
        out
    }
}

/// Listens to records and tells what each added.
struct Voice<'s> {
    s: &'s Summary,
    request: &'s StoredBody,
    reader: Option<StreamReader>,
    answer: Answer,
    said: Said,
}

/// Lengths of what the answer held before the record at hand.
#[derive(Default)]
struct Said {
    texts: BTreeMap<u32, usize>,
    tools: BTreeMap<String, usize>,
    reasoning: usize,
}

impl Voice<'_> {
    fn hear(&mut self, framed: Framed<'_>, says: &mut BTreeMap<u64, String>) {
        match framed {
            Framed::Record(record) => {
                let words = self.words(&record);
                says.insert(record.n, words.unwrap_or_else(|| excerpt(record.data)));
            }
            Framed::Revised(_) => {
                says.clear();
                (self.reader, self.answer, self.said) = (None, Answer::default(), Said::default());
            }
            _ => {}
        }
    }

    fn words(&mut self, record: &Record<'_>) -> Option<String> {
        let response = self.s.response.as_ref()?;
        let dialect = dialect::by_name(response.dialect.as_deref()?)?;
        let request = self.s.request.as_ref();
        let evidence = Evidence {
            method: request.map(|r| r.method.as_str()),
            target: request.map(|r| r.path.as_str()),
            authority: request.and_then(|r| r.authority.as_deref()),
            request: None,
            request_body: &self.request.bytes,
            response: None,
            framing: Framing::ALL.iter().copied().find(|f| f.as_str() == response.framing)?,
            record,
        };
        let reader = self.reader.get_or_insert_with(|| dialect.read(&evidence));
        let meaning = reader.read(record, &mut self.answer, &mut |_| {});
        let new = self.said.news(&self.answer);
        (meaning.is_delta() && !new.is_empty()).then_some(new)
    }
}

impl Said {
    fn news(&mut self, a: &Answer) -> String {
        let mut new = a.reasoning_text.get(self.reasoning..).unwrap_or_default().to_owned();
        self.reasoning = a.reasoning_text.len();
        for (choice, text) in &a.texts {
            let had = self.texts.insert(*choice, text.len()).unwrap_or(0);
            new += text.get(had..).unwrap_or_default();
        }
        for (call, text) in &a.tool_arguments {
            let had = self.tools.insert(call.clone(), text.len()).unwrap_or(0);
            new += text.get(had..).unwrap_or_default();
        }
        new
    }
}
