//! What happens to a finding between its rule and the list: level, doubt, folding, silencing, policy, order. The rules
//! here are made up.

use super::build::{at, chat, half_chat, head, response, stream, with};
use crate::conformance::policy::{Allow, Policy, profile};
use crate::conformance::{Case, Finding, Level, Limits, Rule, UNSURE, case, host_of, judge_by, subject};
use crate::dialect::{Dialect, openai_chat, openai_responses};
use crate::exchange::ending::Party;
use crate::exchange::{Exchange, TlsInfo};
use crate::framing::Framing;
use crate::http::event::{Fields, MessageEnd, RequestHead, Transfer, Version};
use crate::metrics::Metrics;
use crate::oddity::{Delivery, Excerpt, Kind, Oddity};
use crate::verdict::{self, Facts};
use Level::{Error, Info, Warning};

type Check = fn(&Case<'_>, &mut dyn FnMut(Finding));

const fn rule(code: &'static str, level: Level, silenced_by: &'static [&'static str], check: Check) -> Rule {
    Rule { code, name: "made-up", level, silenced_by, check, ..Rule::DEFAULT }
}

fn says_one(_: &Case<'_>, push: &mut dyn FnMut(Finding)) {
    push(Finding::new("one"));
}

/// Level, count and message of what is left of these rules' findings.
fn left(rules: &[&'static Rule], exchange: &Exchange, policy: &Policy) -> Vec<(&'static str, Level, u64, String)> {
    let found = seen(exchange, |case| judge_by(rules, case, policy));
    found.into_iter().map(|f| (f.rule, f.level.unwrap(), f.count, f.message)).collect()
}

fn codes(rules: &[&'static Rule]) -> Vec<(&'static str, Level)> {
    left(rules, &chat(), &Policy::default()).into_iter().map(|(code, level, ..)| (code, level)).collect()
}

static NOTE: Rule = rule("T-INFO", Info, &[], says_one);
static WARN: Rule = rule("T-WARN", Warning, &[], says_one);
static FAIL: Rule = rule("T-FAIL", Error, &[], says_one);
static OWN: Rule = rule("T-OWN", Error, &[], |_, push| push(Finding::new("one").level(Info)));
static BY_NOTE: Rule = rule("T-BY-INFO", Error, &["T-INFO"], says_one);
static BY_WARN: Rule = rule("T-BY-WARN", Error, &["T-NONE", "T-WARN"], says_one);
static BY_FAIL: Rule = rule("T-BY-FAIL", Info, &["T-FAIL"], says_one);
static BY_OWN: Rule = rule("T-BY-OWN", Info, &["T-OWN"], says_one);

#[test]
fn a_finding_has_its_rules_code_and_level_unless_the_check_chose_another() {
    assert_eq!(codes(&[&NOTE, &WARN, &FAIL]), [("T-FAIL", Error), ("T-WARN", Warning), ("T-INFO", Info)]);
    assert_eq!(codes(&[&OWN]), [("T-OWN", Info)]);
}

#[test]
fn warnings_and_errors_of_lower_layers_explain_away_and_remarks_do_not() {
    assert_eq!(codes(&[&FAIL, &BY_FAIL]), [("T-FAIL", Error)]);
    assert_eq!(codes(&[&WARN, &BY_WARN]), [("T-WARN", Warning)]);
    assert_eq!(codes(&[&NOTE, &BY_NOTE]), [("T-BY-INFO", Error), ("T-INFO", Info)]);
    assert_eq!(
        codes(&[&OWN, &BY_OWN]),
        [("T-OWN", Info), ("T-BY-OWN", Info)],
        "the finding's level counts, not the rule's"
    );
    assert_eq!(
        codes(&[&BY_FAIL, &BY_WARN]),
        [("T-BY-WARN", Error), ("T-BY-FAIL", Info)],
        "silencers that found nothing"
    );
    // A finding silences others even if the user has switched it off.
    let off = Policy { levels: vec![("T-FAIL", None)], ..Policy::default() };
    assert_eq!(left(&[&FAIL, &BY_FAIL], &chat(), &off), []);
}

static DOUBTED: Rule = Rule { needs_all_bytes: true, ..rule("T-DOUBT", Error, &[], says_one) };
static DOUBTED_NOTE: Rule = Rule { needs_all_bytes: true, ..rule("T-DOUBT-INFO", Info, &[], says_one) };

#[test]
fn what_rests_on_bytes_that_were_not_captured_is_a_warning_at_most() {
    let mut gap = chat();
    gap.gap = true;
    let mut joined = chat();
    response(&mut joined).head = None;
    let unsure = format!("one{UNSURE}");
    for lacking in [&gap, &joined] {
        let all = left(&[&DOUBTED, &DOUBTED_NOTE, &FAIL], lacking, &Policy::default());
        let want = [
            ("T-FAIL", Error, 1, "one".to_owned()),
            ("T-DOUBT", Warning, 1, unsure.clone()),
            ("T-DOUBT-INFO", Info, 1, unsure.clone()),
        ];
        assert_eq!(all, want);
        let demanded =
            Policy { levels: vec![("T-DOUBT", Some(Error)), ("T-DOUBT-INFO", Some(Error))], ..Policy::default() };
        let levels: Vec<Level> =
            left(&[&DOUBTED, &DOUBTED_NOTE], lacking, &demanded).into_iter().map(|f| f.1).collect();
        assert_eq!(levels, [Warning, Warning], "not even on demand");
    }
    assert_eq!(left(&[&DOUBTED], &chat(), &Policy::default()), [("T-DOUBT", Error, 1, "one".to_owned())]);
    let mut unanswered = chat();
    unanswered.response = None;
    assert_eq!(left(&[&DOUBTED], &unanswered, &Policy::default()), [("T-DOUBT", Error, 1, "one".to_owned())]);
}

static SEVERAL: Rule = rule("T-SEVERAL", Warning, &[], |_, push| {
    for (message, level, record, count) in
        [("a", None, 3, 2), ("b", None, 1, 1), ("a", None, 2, 3), ("a", Some(Error), 5, 1), ("a", Some(Warning), 9, 4)]
    {
        push(Finding { level, record: Some(record), count, ..Finding::new(message) });
    }
});
static AGAIN: Rule = rule("T-AGAIN", Warning, &[], |_, push| push(Finding { record: Some(3), ..Finding::new("a") }));

#[test]
fn equal_findings_are_one_with_their_sum_at_the_first_place() {
    let found = seen(&chat(), |case| judge_by(&[&SEVERAL, &AGAIN], case, &Policy::default()));
    let found: Vec<_> =
        found.iter().map(|f| (f.rule, f.level.unwrap(), f.record.unwrap(), f.count, f.message.as_str())).collect();
    let want = [
        ("T-SEVERAL", Error, 5, 1, "a"),
        ("T-SEVERAL", Warning, 1, 1, "b"),
        ("T-SEVERAL", Warning, 3, 9, "a"),
        ("T-AGAIN", Warning, 3, 1, "a"),
    ];
    assert_eq!(found, want);
}

static PLACES: Rule = rule("T-PLACES", Warning, &[], |_, push| {
    for (n, (record, offset)) in
        [(Some(2), Some(1)), (Some(1), Some(9)), (Some(1), Some(4)), (Some(1), None), (None, Some(7))]
            .iter()
            .enumerate()
    {
        push(Finding { record: *record, offset: *offset, ..Finding::new(n.to_string()) });
    }
});

#[test]
fn worst_first_then_by_record_then_by_offset_then_as_the_catalogue_has_it() {
    let order = |rules: &[&'static Rule]| {
        left(rules, &chat(), &Policy::default()).into_iter().map(|f| f.0.to_owned() + &f.3).collect::<Vec<_>>()
    };
    let places = ["T-PLACES4", "T-PLACES3", "T-PLACES2", "T-PLACES1", "T-PLACES0"];
    assert_eq!(order(&[&PLACES]), places);
    assert_eq!(order(&[&PLACES, &NOTE, &FAIL])[..2], ["T-FAILone", "T-PLACES4"]);
    assert_eq!(order(&[&BY_NOTE, &FAIL]), ["T-BY-INFOone", "T-FAILone"]);
    assert_eq!(order(&[&FAIL, &BY_NOTE]), ["T-FAILone", "T-BY-INFOone"]);
}

#[test]
fn the_policy_sees_the_host_the_path_the_model_and_the_dialect() {
    let asked = |host: &str| {
        let mut x = chat();
        x.request = Some(crate::exchange::Request {
            head: RequestHead {
                first_at: at(0),
                method: "POST".into(),
                target: "/v1/chat/completions".into(),
                version: Version::H11,
                scheme: None,
                authority: Some(host.into()),
                transfer: Transfer::None,
                h2_stream: None,
                fields: Fields::default(),
            },
            head_at: at(0),
            last_at: at(0),
            body: crate::exchange::Body::default(),
            model: Some("qwen3".into()),
            stream: Some(true),
            asked: None,
            rpc: None,
            end: MessageEnd::Complete,
        });
        x
    };
    let x = asked("api.test");
    let about = subject(&x, "api.test");
    assert_eq!(
        (about.dialect, about.host, about.path, about.model),
        (Some("openai.chat"), "api.test", "/v1/chat/completions", "qwen3")
    );
    let allowed = |allow: Allow| left(&[&FAIL], &x, &Policy { allow: vec![allow], ..Policy::default() }).is_empty();
    assert!(allowed(Allow { host: Some("api.test".into()), ..Allow::default() }));
    assert!(allowed(Allow { model: Some("qwen3".into()), path: Some("/v1".into()), ..Allow::default() }));
    assert!(!allowed(Allow { model: Some("qwen4".into()), ..Allow::default() }));
    let off = Policy { levels: vec![("T-FAIL", None)], ..Policy::default() };
    assert_eq!(left(&[&FAIL, &WARN], &x, &off), [("T-WARN", Warning, 1, "one".to_owned())]);
    // The requested port is removed, another number stays; the server's is 80.
    assert_eq!(
        ["api.test:80", "api.test:8080", "api.test", "a:80:80"].map(|h| host_of(&asked(h))),
        ["api.test", "api.test:8080", "api.test", "a:80"]
    );
    let mut unnamed = chat();
    assert_eq!(host_of(&unnamed), "127.0.0.1");
    unnamed.tls = Some(TlsInfo { sni: Some("sni.test".into()), ..TlsInfo::default() });
    assert_eq!(host_of(&unnamed), "sni.test");
    let outer = unnamed.tls.clone().map(|tls| TlsInfo { ech: Some(true), ..tls });
    assert_eq!(host_of(&Exchange { tls: outer, ..unnamed.clone() }), "127.0.0.1", "an outer name is that of many");
    assert_eq!(host_of(&Exchange { tls: unnamed.tls.clone(), ..asked("api.test") }), "api.test");
    assert_eq!(host_of(&asked("")), "127.0.0.1");
    assert_eq!(host_of(&asked(":80")), "127.0.0.1");
    unnamed.response = None;
    let about = subject(&unnamed, "h");
    assert_eq!((about.dialect, about.path, about.model), (None, "", ""));
}

#[test]
fn what_lacks_at_the_end_is_shown_behind_the_last_record() {
    let mut x = half_chat(MessageEnd::Complete);
    let tail = Excerpt { before: "tail".into(), ..Excerpt::default() };
    let r = response(&mut x);
    (r.body.decoded_bytes, r.body.tail, r.last_at) = (123, Some(Box::new(tail.clone())), at(70));
    let f = Finding::at_end(r, "m");
    assert_eq!((f.record, f.offset, f.at, f.count, f.message.as_str()), (Some(4), Some(123), Some(at(70)), 1, "m"));
    assert_eq!(f.excerpt.as_deref(), Some(&tail));
    r.record_count = 0;
    assert_eq!(Finding::at_end(r, "m").record, None);
    let missing = super::said(&half_chat(MessageEnd::Complete)).into_iter().find(|f| f.rule == "OAI-CHAT-001").unwrap();
    assert_eq!((missing.record, missing.at), (Some(4), Some(at(50))));
}

#[test]
fn an_oddity_gives_its_place() {
    let mut odd = Oddity::new(Kind("t.kind"), at(30), "seen").record(2).offset(77);
    let f = Finding::of(&odd, 5, "m");
    assert_eq!(
        (f.record, f.offset, f.at, f.frame, f.chunk, f.count, f.level),
        (Some(2), Some(77), Some(at(30)), None, None, 5, None)
    );
    odd.delivery = Some(Delivery { frame: 9, unit: Some(4) });
    let f = Finding::of(&odd, 1, "m");
    assert_eq!((f.frame, f.chunk), (Some(9), Some(4)));
    odd.delivery = Some(Delivery { frame: 0, unit: None });
    assert_eq!((Finding::of(&odd, 1, "m").frame, Finding::of(&odd, 1, "m").chunk), (None, None));
    let fields = head(200, Some("text/plain"), Transfer::Chunked).fields;
    assert!(Finding::in_head(&fields, "content-type", "m").excerpt.is_some());
    assert!(Finding::in_head(&fields, "x-none", "m").excerpt.is_none());
}

fn seen<T>(exchange: &Exchange, look: impl Fn(&Case<'_>) -> T) -> T {
    let ended = Facts::of(exchange);
    let verdict = verdict::on(exchange, &ended);
    let (metrics, limits) = (&Metrics::default(), &Limits::default());
    look(&Case { exchange, metrics, limits, upstream: None, ended: &ended, verdict })
}

#[test]
fn what_rules_call_a_stream() {
    let with_status = |status: u16| {
        let mut x = chat();
        response(&mut x).head = Some(head(status, None, Transfer::Chunked));
        seen(&x, |c| c.stream().is_some())
    };
    assert_eq!([199, 200, 299, 300, 500].map(with_status), [false, true, true, false, false]);
    let mut joined = chat();
    response(&mut joined).head = None;
    assert!(seen(&joined, |c| c.stream().is_some() && c.stream_head().is_none() && c.response().is_some()));
    let mut x = chat();
    assert!(seen(&x, |c| c.stream_head().is_some()));
    response(&mut x).framing = Framing::WebSocket;
    assert!(seen(&x, |c| c.stream().is_some() && c.stream_head().is_none()));
    response(&mut x).framing = Framing::Json;
    assert!(seen(&x, |c| c.stream().is_none()
        && c.stream_of(&openai_chat::DIALECT).is_none()
        && c.llm_stream().is_none()));
    assert!(seen(&chat(), |c| c.stream_of(&openai_chat::DIALECT).is_some()
        && c.stream_of(&openai_responses::DIALECT).is_none()
        && c.llm_stream().is_some()));
    for dialect in [Some("none"), Some("mcp"), None] {
        assert!(seen(&stream(Framing::Sse, dialect, "text/event-stream"), |c| c.llm_stream().is_none()), "{dialect:?}");
    }
}

#[test]
fn what_lacks_at_an_end_is_told_where_the_body_was_not_cut() {
    let kind = Kind("t.end");
    let told = |end, dialect: &Dialect| {
        let mut x = with(half_chat(end), kind);
        response(&mut x).end = end;
        seen(&x, |c| {
            let mut n = 0;
            c.tell_at_end(dialect, kind, &mut |f| n += u64::from(f.message == "gone" && f.level.is_none()), "gone");
            n
        })
    };
    assert_eq!(told(MessageEnd::Complete, &openai_chat::DIALECT), 1);
    assert_eq!(told(MessageEnd::Complete, &openai_responses::DIALECT), 0);
    for end in [MessageEnd::CutByClient, MessageEnd::CutByServer, MessageEnd::CutByCapture] {
        assert_eq!(told(end, &openai_chat::DIALECT), 0, "{end:?}");
    }
}

#[test]
fn the_answer_is_all_there_by_terminator_or_without_one_by_finish_reason() {
    let answered = |expected, seen, finished: bool| {
        let mut x = half_chat(MessageEnd::Complete);
        let r = response(&mut x);
        (r.answer.terminator.expected, r.answer.terminator.seen) = (expected, seen);
        if finished {
            r.answer.finish_reasons.insert(0, "stop".into());
        }
        case::answered(r)
    };
    assert!(answered(Some("[DONE]"), true, false));
    assert!(!answered(Some("[DONE]"), false, true), "the terminator was promised");
    assert!(answered(None, false, true));
    assert!(!answered(None, false, false));
    assert!(answered(None, true, false));
}

#[test]
fn words_that_rules_share() {
    use MessageEnd::{Complete, CutByCapture, CutByClient, CutByServer};
    let words = [Complete, CutByClient, CutByServer, CutByCapture].map(|end| Party::cutting(end).map(Party::in_words));
    assert_eq!(words, [None, Some("the client"), Some("the server"), Some("the end of the capture")]);
    assert_eq!([0, 1, 2].map(|n| case::many(n, "line", "lines")), ["0 lines", "1 line", "2 lines"]);
    let strict = Policy { profile: profile("STRICT-openai"), ..Policy::default() };
    assert_eq!(strict.profile.map(|p| p.name), Some("strict-openai"));
}
