//! A summary without secrets: every text in it that quotes captured bytes.

use super::{FindingSummary, ResponseSummary, Summary};
use crate::exchange::redact::{Known, Masks, Redactor};
use crate::oddity::{Excerpt, Of};
use serde_json::Value;

impl Summary {
    /// Replaces the secrets that this exchange has shown, in all texts. The exchange passed through `masks` before.
    pub fn hide(&mut self, masks: &Masks, redactor: &Redactor) {
        let known = masks.known();
        // Where the answer spells a secret record by record, a finding may quote a part of it.
        let spelled = masks.spells() || self.response.as_ref().is_some_and(|r| spells(r, known));
        if let Some(r) = &mut self.request {
            r.path = redactor.target(&r.path).into_owned();
            if let Some(authority) = &mut r.authority {
                *authority = redactor.value(":authority", authority).into_owned();
            }
            let rpc = [&mut r.rpc_method, &mut r.rpc_name];
            for text in [&mut r.content_type, &mut r.user_agent, &mut r.model].into_iter().chain(rpc).flatten() {
                known.text(text);
            }
            [&mut r.method, &mut r.scheme, &mut r.path].into_iter().for_each(|text| known.value(text));
        }
        if let Some(r) = &mut self.response {
            for (name, value) in &mut r.trailers {
                *value = masks.value(name, value, redactor);
            }
            let texts = [
                &mut r.content_type,
                &mut r.content_encoding,
                &mut r.text,
                &mut r.reasoning_text,
                &mut r.finish_reason,
                &mut r.error_in_stream,
                &mut r.terminator.which,
            ];
            let maps = [&mut r.texts, &mut r.tool_arguments, &mut r.finish_reasons];
            let maps = maps.into_iter().flatten().flat_map(|map| map.values_mut());
            let models = r.models.iter_mut().flatten();
            texts.into_iter().flatten().chain(maps).chain(models).for_each(|text| known.text(text));
            if let Some(usage) = &mut r.usage {
                strings(usage, &mut |text| known.text(text));
            }
        }
        for answer in self.websocket.iter_mut().flat_map(|w| &mut w.answers) {
            answer.texts().for_each(|text| known.text(text));
            answer.usage.iter_mut().for_each(|usage| strings(usage, &mut |text| known.text(text)));
        }
        self.verdict_why.iter_mut().chain(&mut self.delivery).for_each(|text| known.quote(text));
        for FindingSummary { message, excerpt, fix, .. } in self.findings.iter_mut().chain(&mut self.suppressed) {
            known.quote(message);
            fix.iter_mut().for_each(|fix| known.quote(fix));
            if spelled {
                known.pieces(message);
            }
            match excerpt {
                // A secret that is cut at the mark cannot be found.
                Some(e) if masks.hides_response() && e.of == Of::Body => {
                    **e = Excerpt { of: e.of, offset: e.offset, ..Excerpt::default() };
                }
                Some(e) => {
                    known.excerpt(e);
                    if spelled {
                        [&mut e.before, &mut e.marked, &mut e.after].into_iter().for_each(|text| known.pieces(text));
                    }
                }
                None => {}
            }
        }
    }
}

fn spells(r: &ResponseSummary, known: &Known) -> bool {
    let maps = r.tool_arguments.iter().chain(&r.texts).flat_map(|map| map.values());
    let mut texts = [&r.text, &r.reasoning_text, &r.error_in_stream].into_iter().flatten().chain(maps);
    texts.any(|text| known.is_in(text))
}

fn strings(value: &mut Value, change: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(all) => all.iter_mut().for_each(|v| strings(v, change)),
        Value::Object(all) => all.values_mut().for_each(|v| strings(v, change)),
        _ => {}
    }
}
