//! What is made of exchanges: redaction, exports, models of clients.

use super::conversation;
use sniff::exchange::redact::{self, Filler};
use sniff::exchange::{Body, Exchange};
use sniff::internal::clients::{Stream, judge, judge_against};
use sniff::internal::interchange::{curl, har, pcapng, transcript, vcr, wiremock};
use sniff::internal::replay::Script;
use sniff::internal::wire;
use std::sync::LazyLock;

/// Secrets are hidden, and words too: figures and places of bytes stay.
pub fn redaction(data: &[u8]) {
    static FILLER: LazyLock<Filler> = LazyLock::new(Filler::default);
    for exchange in &conversation::exchanges(&conversation::of(data)) {
        let hidden = redact::exchange(exchange);
        for (before, after) in bodies(exchange).zip(bodies(&hidden)) {
            assert_eq!(after.bytes.len(), before.bytes.len(), "the length of a body stays");
            assert_eq!(after.pieces, before.pieces, "so do its deliveries");
        }
        redact::share(exchange, None);
        redact::share(exchange, Some(&FILLER));
    }
}

fn bodies(exchange: &Exchange) -> impl Iterator<Item = &Body> {
    exchange.request.iter().map(|r| &r.body).chain(exchange.response.iter().map(|r| &r.body))
}

/// Every format of other tools. What can be played again is a transcript, and read as one.
pub fn exports(data: &[u8]) {
    let exchanges = conversation::exchanges(&conversation::of(data));
    har::exchanges(har::archive(&exchanges).to_string().as_bytes()).expect("an archive");
    vcr::cassette(&exchanges);
    wiremock::mappings(&exchanges);
    for exchange in &exchanges {
        let _ = curl::command(exchange);
        let Ok(script) = Script::new(exchange, true) else { continue };
        let again = transcript::of(exchange, &script);
        let text = wire::write(&again);
        assert!(wire::parse(&text).is_ok(), "what was exported is no transcript:\n{text}");
        pcapng::file([(exchange.endpoints, &again)]);
    }
}

/// What each client would make of an answer.
pub fn clients(data: &[u8]) {
    for exchange in &conversation::exchanges(&conversation::of(data)) {
        let Ok(stream) = Stream::of(exchange) else { continue };
        judge(&stream);
        judge_against(&stream, Some("hello"));
    }
}
