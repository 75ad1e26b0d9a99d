//! The laboratory's streams: conforming and harmless ones have no finding of level warning or above, each faulty
//! one has the rule for its fault.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::conformance::{self, Finding, Level, Limits};
use sniff::conn::ConnId;
use std::collections::{BTreeMap, BTreeSet};

/// Other rules may find the fault too: the list only says that this one does.
const FAULTS: &[(&str, &str)] = &[
    ("nospace", "SSE-002"),
    ("twospace", "SSE-003"),
    ("tab", "SSE-003"),
    ("lfcrlf", "SSE-017"),
    ("ct_ndjson", "HTTP-001"),
    ("ct_plain", "HTTP-001"),
    ("dup_ct", "HTTP-005"),
    ("list_ct", "HTTP-005"),
    ("nodone", "OAI-CHAT-001"),
    ("nodone_hang", "OAI-CHAT-001"),
    ("done_nospace", "SSE-002"),
    ("done_trail", "OAI-CHAT-002"),
    ("done_json", "OAI-CHAT-002"),
    ("done_bare", "SSE-009"),
    ("done_evt", "SSE-010"),
    ("done_hang", "HTTP-021"),
    ("dup_done", "OAI-CHAT-003"),
    ("after_done", "OAI-CHAT-004"),
    ("last_1nl", "SSE-001"),
    ("comment_nosp", "SSE-021"),
    ("comment_empty", "SSE-021"),
    ("comment_1nl", "SSE-021"),
    ("event_msg", "SSE-010"),
    ("event_ping_data", "SSE-010"),
    ("event_after", "SSE-010"),
    ("idfield", "SSE-014"),
    ("idfield_blank", "SSE-014"),
    ("idonly", "SSE-012"),
    ("retry", "SSE-012"),
    ("multiline", "SSE-005"),
    ("singlenl", "SSE-006"),
    ("data_colonless", "SSE-013"),
    ("emptyobj", "OAI-CHAT-011"),
    ("bad_json", "SSE-023"),
    ("single_quote", "SSE-023"),
    ("nan", "SSE-023"),
    ("bad_utf8", "SSE-016"),
    ("u2028", "SSE-018"),
    ("space_before_colon", "SSE-019"),
    ("upper_field", "SSE-019"),
    ("big_line", "SSE-022"),
    ("usage_null", "OAI-CHAT-029"),
    ("usage_with_fin", "OAI-CHAT-029"),
    ("usage_str", "OAI-CHAT-031"),
    ("usage_float", "OAI-CHAT-031"),
    ("usage_empty", "OAI-CHAT-031"),
    ("choices_missing", "OAI-CHAT-011"),
    ("role_missing", "OAI-CHAT-015"),
    ("role_every", "OAI-CHAT-016"),
    ("delta_missing", "OAI-CHAT-014"),
    ("content_array", "OAI-CHAT-017"),
    ("index_missing", "OAI-CHAT-013"),
    ("finish_absent_until_last", "OAI-CHAT-006"),
    ("finish_empty", "OAI-CHAT-007"),
    ("finish_never", "OAI-CHAT-005"),
    ("finish_never_nodone", "OAI-CHAT-001"),
    ("finish_odd", "OAI-CHAT-008"),
    ("finish_early", "OAI-CHAT-009"),
    ("id_change", "OAI-CHAT-019"),
    ("id_missing", "OAI-CHAT-018"),
    ("id_null", "OAI-CHAT-018"),
    ("id_int", "OAI-CHAT-018"),
    ("created_str", "OAI-CHAT-021"),
    ("created_iso", "OAI-CHAT-021"),
    ("created_null", "OAI-CHAT-021"),
    ("created_ms", "OAI-CHAT-021"),
    ("object_missing", "OAI-CHAT-022"),
    ("object_wrong", "OAI-CHAT-022"),
    ("object_empty", "OAI-CHAT-022"),
    ("extend_fields", "OAI-CHAT-024"),
    ("error_null", "OAI-CHAT-025"),
    ("err_string", "OAI-CHAT-026"),
    ("err_detail", "OAI-CHAT-026"),
    ("err_prefix", "SSE-008"),
    ("err_raw", "SSE-009"),
    ("err_no_nl", "SSE-001"),
    ("err_openrouter", "OAI-CHAT-008"),
    ("html_body", "HTTP-019"),
    ("trunc_after_done", "HTTP-006"),
    ("trunc_mid_event", "HTTP-006"),
    ("cl_short", "HTTP-007"),
    ("close", "HTTP-011"),
    ("ndjson", "HTTP-001"),
    ("jsonarray", "HTTP-001"),
    ("jsonseq", "HTTP-001"),
    ("seed_iflow", "OAI-CHAT-006"),
    ("tool_notype", "OAI-CHAT-033"),
    ("tool_noid", "OAI-CHAT-033"),
    ("tool_finstop", "OAI-CHAT-010"),
    ("reason_rc", "OAI-CHAT-035"),
    ("reason_r", "OAI-CHAT-035"),
    ("g_nospace", "SSE-002"),
    ("g_multiline", "SSE-005"),
    ("g_u2028", "SSE-018"),
    ("g_last1", "SSE-001"),
    ("g_last0", "SSE-001"),
    ("g_errraw", "SSE-009"),
    ("a_nospace", "SSE-002"),
    ("a_noevent", "SSE-011"),
    ("a_pingnodata", "SSE-012"),
    ("a_lastnl", "SSE-001"),
    ("a_nostart", "ANT-001"),
    ("a_nostop", "ANT-001"),
    ("a_done", "ANT-009"),
    ("a_noblockstart", "ANT-002"),
    ("a_noblockstop", "ANT-003"),
    ("a_unknown", "ANT-008"),
    ("a_unkdelta", "ANT-008"),
    ("a_err_noevent", "ANT-007"),
    ("a_nousage", "ANT-005"),
    ("a_notype", "ANT-012"),
    ("a_badindex", "ANT-002"),
    ("a_trunc", "HTTP-006"),
    ("a_earlystop", "ANT-001"),
    ("g_done", "GEM-002"),
    ("g_comment", "GEM-002"),
    ("g_comment_in", "GEM-002"),
    ("g_event", "GEM-002"),
    ("g_ct", "HTTP-002"),
    ("g_nofin", "GEM-001"),
    ("o_err", "OLLAMA-003"),
    ("o_ctsse", "HTTP-001"),
    ("o_blank", "NDJSON-002"),
    ("o_bom", "NDJSON-002"),
    ("o_nonl_last", "NDJSON-003"),
    ("o_pretty", "NDJSON-001"),
    ("o_rs", "HTTP-001"),
    ("o_sse", "HTTP-001"),
    ("o_nodone", "OLLAMA-001"),
    ("r_nospace", "SSE-002"),
    ("r_done", "OAI-RESP-007"),
    ("r_notype", "OAI-RESP-003"),
    ("r_noitem", "OAI-RESP-005"),
    ("r_seqgap", "OAI-RESP-004"),
    ("r_noseq", "OAI-RESP-004"),
    ("r_failed", "OAI-RESP-004"),
    ("r_nocreated", "OAI-RESP-002"),
];

/// Conforming, or odd in a way that no client minds: no finding of level warning or above.
const HARMLESS: &[&str] = &[
    "base",
    "bytewise",
    "comment_nosp",
    "comment_empty",
    "comment_1nl",
    "blank400",
    "idfield",
    "content_null",
    "azure_first",
    "usage_null",
    "usage_with_fin",
    "err_openai",
    "err_code_int",
    "gzip",
    "trailers",
    "tool_ok",
    "reason_rc",
    "reason_r",
    "done_split_event",
    "trailing_space_json",
    "nul",
    "a_base",
    "g_base",
    "o_base",
    "r_base",
    "a_crlf",
    "a_comment",
    "a_noping",
    "a_dataevent",
    "g_lf",
    "g_array",
    "g_noparts",
    "g_crlfsplit",
    "o_crlf",
    "o_bytes",
    "o_nonl_last",
    "r_done",
    "r_nousage",
    // An error as the vendor sends it.
    "g_err",
];

type Judged = BTreeMap<String, Vec<Finding>>;

fn judged() -> Judged {
    let path = support::captures().join("lab/variants.json");
    let judge = |v: support::variants::Variant| {
        let exchanges = sniff::internal::pipeline::exchanges_of(|sink| v.transcript.replay(ConnId(0), sink));
        let found =
            exchanges.iter().flat_map(|e| conformance::judge(e, &sniff::metrics::of(e), &Limits::default())).collect();
        (v.name, found)
    };
    support::variants::read(&path).into_iter().map(judge).collect()
}

fn shown(found: &[Finding]) -> String {
    found.iter().map(|f| format!("\n      {} {:?} {}", f.rule, f.level.expect("judged"), f.message)).collect()
}

#[test]
fn each_fault_gives_its_rule() {
    let judged = judged();
    if std::env::var_os("SNIFF_SHOW").is_some() {
        judged.iter().for_each(|(name, found)| println!("{name}{}", shown(found)));
    }
    let missing: String = FAULTS
        .iter()
        .filter(|(name, rule)| !judged[*name].iter().any(|f| f.rule == *rule))
        .map(|(name, rule)| format!("\n{name}: no {rule}, but{}", shown(&judged[*name])))
        .collect();
    assert!(missing.is_empty(), "{missing}");
}

#[test]
fn the_harmless_ones_give_no_warning() {
    let judged = judged();
    let loud: String = HARMLESS
        .iter()
        .filter(|name| judged[**name].iter().any(|f| f.level >= Some(Level::Warning)))
        .map(|name| format!("\n{name}:{}", shown(&judged[*name])))
        .collect();
    assert!(loud.is_empty(), "{loud}");
}

/// Each variant is in one of the lists, so that none is left out silently.
#[test]
fn no_variant_is_passed_over() {
    let judged = judged();
    let listed: BTreeSet<&str> = FAULTS.iter().map(|(name, _)| *name).chain(HARMLESS.iter().copied()).collect();
    // Nothing was sent, one piece has everything, or only the terminator was sent: rules about delivery find it, or
    // none does.
    let silent = ["empty_body", "coalesced", "only_done"];
    let passed: Vec<_> =
        judged.keys().filter(|n| !listed.contains(n.as_str()) && !silent.contains(&n.as_str())).collect();
    assert!(passed.is_empty(), "{passed:?}");
}
