//! Rules about the pace of a delivery: what comes together, what is cut, what the ITL means.

use crate::conformance::case::many;
use crate::conformance::{Case, Finding, Level, Rule};
use crate::delivery;

/// Token by token, not block by block.
pub static DLV_002: Rule = Rule {
    code: "DLV-002",
    name: "block-delivery",
    level: Level::Warning,
    summary: "Deltas don't come in blocks as large as a buffer (2, 4, 8, 16, 32 KiB)",
    why: "When most bursts are as large as a usual buffer, something on the way collects bytes until the buffer is \
        full: a proxy, a compressor, an output stream that is not flushed. The text comes in jerks, and the ITL is \
        far too short to be the time per token.",
    source: "dstack issue 4269 (bursts of 16 KiB, 64 to 66 chunks each, every 16.5 s); nginx proxy_buffer_size",
    breaks: &["interactive use", "latency figures"],
    fix: "Switch buffering off on every hop (`X-Accel-Buffering: no`, `proxy_buffering off`); flush after each event.",
    bad: &["chat; role; wait 500ms; word-now*20; wait 500ms; word-now*20; wait 500ms; word-now*20; wait 500ms
         word-now*20; stop; done; last"],
    good: &["good-chat", "chat; role; word*20; stop; done; last"],
    silenced_by: &["CAP-001", "DLV-001"],
    needs_all_bytes: true,
    check: |case, push| {
        if let Some(message) = blocks(case) {
            let first = case.llm_stream().and_then(|r| r.deltas.first());
            push(Finding { at: first.map(|d| d.at), ..Finding::new(message) });
        }
    },
    ..Rule::DEFAULT
};

/// How this stream shows that it came in blocks as large as a buffer, if it did.
pub(super) fn blocks(case: &Case<'_>) -> Option<String> {
    let response = case.llm_stream()?;
    let arrival = response.body.arrival;
    let kib = arrival.block()? >> 10;
    let median = delivery::median_burst(&response.deltas) as u64;
    let bursts = arrival.bursts;
    (median >= case.limits.block_deltas)
        .then(|| format!("most of {bursts} bursts are about {kib} KiB large, {median} deltas each (median)"))
}

/// One delta, one packet.
pub static DLV_003: Rule = Rule {
    code: "DLV-003",
    name: "coalesced-deltas",
    level: Level::Info,
    summary: "Each delta comes in its own delivery",
    why: "Deltas that share a packet have an ITL of 0, so the measured ITL is shorter than the model's. A small \
        share is normal under load. A large one comes from batching, from Nagle's algorithm, or from content filters \
        that release text in blocks (Azure's are left out).",
    source: "RFC 896 (Nagle); Azure OpenAI documentation, content streaming",
    breaks: &[],
    fix: "Read time per token (TPOT) instead of ITL; set TCP_NODELAY on the server.",
    bad: &["chat; role; word; word-now*10; word*6; stop; done; last"],
    good: &["good-chat", "chat; role; word*10; stop; done; last"],
    silenced_by: &["CAP-001", "DLV-001", "DLV-002"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.llm_stream().filter(|r| r.answer.variant != Some("azure") && r.deltas.len() >= 5)
        else {
            return;
        };
        if let Some(ratio) = delivery::deltas_per_delivery(&response.deltas).filter(|ratio| *ratio >= COALESCED) {
            push(Finding::new(format!("{ratio:.1} deltas per delivery on average: ITL is understated")));
        }
    },
    ..Rule::DEFAULT
};

/// Deltas per delivery above which the rule applies; fewer share a delivery under any load.
const COALESCED: f64 = 1.2;

/// Whole events in a packet.
pub static DLV_004: Rule = Rule {
    code: "DLV-004",
    name: "split-records",
    level: Level::Info,
    summary: "Each record comes whole in one delivery",
    why: "Clients that parse each read by itself lose a record that is cut over packets. Clients that decode each \
        read by itself make U+FFFD of a character that is cut. Both are the client's fault; this rule tells where it \
        would show.",
    source: "ollama-js issue 255, braintrust issue 2091 (characters); feathers issue 3643, gigachat-js issue 14 \
        (events)",
    breaks: &[],
    fix: "In clients: join bytes until the record's end before decoding. Servers need not do anything; a flush after \
        each event makes cuts rare.",
    bad: &[r#"chat; role; <| a\r\ndata: {
           wait 5ms; <| }\n\n\r\n
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream() else { return };
        let a = response.body.arrival;
        if a.split_records == 0 && a.split_characters == 0 {
            return;
        }
        let mut message = format!(
            "{} of {} came in several deliveries",
            a.split_records,
            many(response.record_count, "record", "records")
        );
        if a.split_characters > 0 {
            message += &format!("; {} inside a UTF-8 character", many(a.split_characters, "cut is", "cuts are"));
        }
        if a.split_line_ends > 0 {
            message += &format!("; {} between CR and LF", many(a.split_line_ends, "cut is", "cuts are"));
        }
        push(Finding::new(message));
    },
    ..Rule::DEFAULT
};

/// One delta, one token.
pub static DLV_013: Rule = Rule {
    code: "DLV-013",
    name: "several-tokens-per-delta",
    level: Level::Info,
    summary: "A delta carries about one token",
    why: "Speculative decoding, multi-step scheduling and gateways put several tokens into one delta. The time \
        between deltas (ITL) is then not the time per token, and comparisons by it are wrong by that factor.",
    source: "vLLM documentation, metrics; Hugging Face inference-benchmarker, time per output token",
    breaks: &[],
    fix: "Compare servers by time per output token (TPOT), which counts tokens by the stream's own usage figure.",
    bad: &[r#"chat; role; word*10; stop
           <chunk data: {$same"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":40,"total_tokens":49}}\n\n
           done; last"#],
    good: &["good-chat"],
    needs_all_bytes: true,
    check: |case, push| {
        // The ratio of only a few deltas says nothing: the last tokens of an answer often come without a delta.
        let Some(response) = case.llm_stream().filter(|r| r.deltas.len() >= 8) else { return };
        let Some(ratio) = delivery::tokens_per_delta(response).filter(|n| *n >= case.limits.tokens_per_delta) else {
            return;
        };
        let figures = match (case.metrics.tpot, case.metrics.itl_p50()) {
            (Some(tpot), Some(itl)) => format!(": {tpot} per token, {itl} between deltas (median)"),
            _ => String::new(),
        };
        push(Finding::new(format!("{ratio:.1} tokens per delta{figures}")));
    },
    ..Rule::DEFAULT
};

/// The pace is not that of a TCP timer.
pub static DLV_014: Rule = Rule {
    code: "DLV-014",
    name: "delayed-ack-pace",
    level: Level::Info,
    summary: "The time between deltas is not that of a delayed acknowledgement (40 or 200 ms)",
    why: "Without TCP_NODELAY a small segment waits until the one before is acknowledged (Nagle), and receivers \
        delay acknowledgements by 40 or 200 ms. Deltas then come in a rhythm that is TCP's and not the model's.",
    source: "RFC 896 (Nagle), RFC 1122 section 4.2.3.2 (delayed acknowledgements)",
    breaks: &[],
    fix: "Set TCP_NODELAY on the server's sockets, or write each event with one call.",
    bad: &["chat; role; words-held*8; stop; done; last"],
    good: &["good-chat", "chat; role; word*10; stop; done; last"],
    silenced_by: &["CAP-001", "DLV-001", "DLV-002"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(d) = case.llm_stream().and_then(|r| delivery::delayed_acks(&r.deltas)) else { return };
        push(Finding::new(format!(
            "{} of {} pauses between deliveries last about {}: Nagle's algorithm and delayed acknowledgements",
            d.gaps, d.of, d.timer
        )));
    },
    ..Rule::DEFAULT
};
