//! Checks the catalogue of rules: every sample through the whole pipeline, no text missing, the table in
//! docs/rules.md up to date.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sniff::conformance::{self, Finding, Level, RULES, Rule};
use sniff::internal::clients::{self, Outcome, Stream};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

fn findings(sample: &str) -> Vec<Finding> {
    let found = conformance::sample::findings(sample);
    found.unwrap_or_else(|e| panic!("{e}\n{sample}"))
}

fn provoked(found: &[Finding], code: &str) -> bool {
    found.iter().any(|f| f.rule == code)
}

fn list(found: &[Finding]) -> String {
    found.iter().map(|f| format!("  {} {:?} {}\n", f.rule, f.level, f.message)).collect()
}

/// Reports the complaints of all rules at once, so that a change to a layer shows its whole effect.
fn each(check: impl Fn(&'static Rule, &mut Vec<String>)) {
    let mut wrong = Vec::new();
    for rule in RULES {
        check(rule, &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_bad_sample_provokes_its_rule() {
    each(|rule, wrong| {
        for (n, sample) in rule.bad.iter().enumerate() {
            let found = findings(sample);
            if !provoked(&found, rule.code) {
                wrong.push(format!(
                    "bad sample {n} of {} does not provoke it, but\n{}{sample}",
                    rule.code,
                    list(&found)
                ));
            }
        }
    });
}

#[test]
fn no_good_sample_provokes_its_rule() {
    each(|rule, wrong| {
        for (n, sample) in rule.good.iter().enumerate() {
            let found = findings(sample);
            // HTTP-006 has a finding of level info for a client that closes after a complete answer, which is not a
            // fault.
            if found.iter().any(|f| f.rule == rule.code && (rule.level == Level::Info || f.level > Some(Level::Info))) {
                wrong.push(format!("good sample {n} of {} provokes\n{}{sample}", rule.code, list(&found)));
            }
        }
    });
}

#[test]
fn good_samples_break_no_other_rules_than_the_rule_says() {
    each(|rule, wrong| {
        let mut worst: BTreeMap<&str, Level> = BTreeMap::new();
        for finding in rule.good.iter().flat_map(|sample| findings(sample)).filter(|f| f.rule != rule.code) {
            let level = finding.level.expect("judged");
            worst.entry(finding.rule).and_modify(|l| *l = level.max(*l)).or_insert(level);
        }
        let also: BTreeMap<&str, Level> = rule.also.iter().copied().collect();
        if worst != also {
            wrong.push(format!("{}: the good samples break {worst:?}, `also` says {also:?}", rule.code));
        }
    });
}

#[test]
fn findings_name_rule_level_and_message() {
    each(|rule, wrong| {
        for sample in rule.bad {
            for f in findings(sample) {
                if conformance::by_code(f.rule).is_none() || f.level.is_none() || f.message.is_empty() || f.count == 0 {
                    wrong.push(format!("{}: {f:?}", rule.code));
                }
            }
        }
    });
}

/// Compares `breaks` of each rule about chat with the client models: a client that it names breaks on a bad sample,
/// and a client that breaks is named.
///
/// A client breaks if it accepts the first good sample but rejects a bad one. If more than half of all models
/// break, `breaks` says "most clients" or "every client", and the other names are examples. `argued` states what
/// the models cannot know.
#[test]
fn who_breaks_is_what_the_models_of_clients_say() {
    each(|rule, wrong| {
        if !rule.code.starts_with("OAI-CHAT-") {
            return;
        }
        let fine = outcomes(rule.good[0]);
        let bad: Vec<_> = rule.bad.iter().map(|sample| outcomes(sample)).collect();
        let breaks = |model: &str| fine.get(model) == Some(&true) && bad.iter().any(|b| b.get(model) == Some(&false));
        let argued = |name: &str| rule.argued.iter().any(|(client, _)| *client == name);
        let mut held = BTreeSet::new();
        let mut differs = |name: &'static str, message: String| match argued(name) {
            true => drop(held.insert(name)),
            false => wrong.push(format!("{}: {message}", rule.code)),
        };
        let named: Vec<_> =
            rule.breaks.iter().filter_map(|name| Some((*name, conformance::clients::named(name)?))).collect();
        for (name, client) in named.iter().filter(|(_, client)| !client.models.is_empty()) {
            if !client.models.iter().any(|model| breaks(model)) {
                differs(name, format!("`breaks` names {name}, but its models accept every bad sample"));
            }
        }
        if fine.keys().filter(|model| breaks(model)).count() * 2 > fine.len() {
            let said =
                rule.breaks.iter().any(|name| name.starts_with("every client") || name.starts_with("most clients"));
            if !said {
                differs(
                    "most clients",
                    "more than half of all models break: `breaks` needs \"most clients\"".to_owned(),
                );
            }
        } else {
            for client in conformance::clients::CLIENTS.iter().filter(|c| c.models.iter().any(|model| breaks(model))) {
                let means_it = |other: &conformance::clients::Client| {
                    client.is_meant_by(other) || other.models.iter().any(|m| client.models.contains(m))
                };
                if !named.iter().any(|(_, other)| means_it(other)) {
                    differs(client.name, format!("{} breaks, but is not named", client.name));
                }
            }
        }
        let idle: Vec<_> = rule.argued.iter().filter(|(name, _)| !held.contains(name)).collect();
        if !idle.is_empty() {
            wrong.push(format!("{}: `argued` has entries that need no argument: {idle:?}", rule.code));
        }
    });
}

/// Named clients that accept every bad sample of a rule, and why that is no contradiction.
const NOT_BROKEN_HERE: &[(&str, &str, &str)] = &[
    (
        "HTTP-023",
        "openai-node (undici)",
        "The models get a head that was read; what an HTTP library refuses is below them.",
    ),
    ("SSE-021", "openai-go before 3.51.0", "The model is of a later version, which skips events without data."),
    ("SSE-021", "go-openai (over 300 in a row)", "It fails at the 301st line, and the sample has one comment."),
];

/// The law: a client that a rule names breaks on a bad sample of the rule, by its model. Rules about chat are held to
/// more by the test above.
#[test]
fn clients_that_rules_name_break_on_bad_samples() {
    let mut idle: BTreeSet<(&str, &str)> = NOT_BROKEN_HERE.iter().map(|(code, client, _)| (*code, *client)).collect();
    let idle_seen = std::cell::RefCell::new(&mut idle);
    each(|rule, wrong| {
        if rule.code.starts_with("OAI-CHAT-") {
            return;
        }
        let bad: Vec<_> = rule.bad.iter().map(|sample| all_outcomes(sample)).collect();
        for name in rule.breaks {
            let Some(client) = conformance::clients::named(name) else { continue };
            let of = |sample: &BTreeMap<&str, bool>| -> Vec<bool> {
                client.models.iter().filter_map(|model| sample.get(model).copied()).collect()
            };
            let fates: Vec<bool> = bad.iter().flat_map(of).collect();
            if fates.is_empty() || fates.contains(&false) {
                continue;
            }
            if !idle_seen.borrow_mut().remove(&(rule.code, *name)) {
                wrong.push(format!("{}: `breaks` names {name}, but its models accept every bad sample", rule.code));
            }
        }
    });
    assert!(idle.is_empty(), "exceptions that need none: {idle:?}");
}

/// For each model of a client: whether it reads all streams of this sample as they were meant. Empty if no model can be
/// asked.
fn all_outcomes(sample: &str) -> BTreeMap<&'static str, bool> {
    let exchanges = conformance::sample::exchanges(sample).unwrap_or_else(|e| panic!("{e}\n{sample}"));
    let mut all = BTreeMap::new();
    for verdict in exchanges.iter().filter_map(|x| Stream::of(x).ok()).flat_map(|stream| clients::judge(&stream)) {
        *all.entry(verdict.client).or_insert(true) &= verdict.outcome == Outcome::Fine;
    }
    all
}

/// For each model of a chat client: whether it reads this sample as it was meant.
fn outcomes(sample: &str) -> BTreeMap<&'static str, bool> {
    let exchanges = conformance::sample::exchanges(sample).unwrap_or_else(|e| panic!("{e}\n{sample}"));
    let stream = Stream::of(&exchanges[0]).unwrap_or_else(|e| panic!("{}\n{sample}", e.text()));
    clients::judge(&stream).into_iter().map(|v| (v.client, v.outcome == Outcome::Fine)).collect()
}

#[test]
fn the_models_of_clients_exist() {
    let models = outcomes("good-chat");
    assert!(models.len() > 40 && models.values().all(|fine| *fine));
    let known: BTreeSet<&str> = clients::catalogue().map(|client| client.name).collect();
    for client in conformance::clients::CLIENTS {
        for model in client.models {
            assert!(known.contains(model), "{}: no model {model}", client.name);
        }
    }
}

#[test]
fn every_text_is_there_and_ends_well() {
    each(|rule, wrong| {
        for (field, text) in [("summary", rule.summary), ("why", rule.why), ("source", rule.source), ("fix", rule.fix)]
        {
            if text.trim().len() < 10 || text.contains("  ") || text.contains('\n') {
                wrong.push(format!("{}: {field} is {text:?}", rule.code));
            }
        }
        if rule.bad.is_empty() || rule.good.is_empty() {
            wrong.push(format!("{}: needs a bad and a good sample", rule.code));
        }
        if rule.breaks.is_empty() && rule.level > Level::Info {
            wrong.push(format!("{}: name a client that breaks on it", rule.code));
        }
        if let Some((name, _)) = rule.argued.iter().find(|(_, why)| why.len() < 10) {
            wrong.push(format!("{}: why does {name} differ?", rule.code));
        }
        if rule.summary.ends_with('.') || rule.summary.contains('\n') {
            wrong.push(format!("{}: the summary is one line without a full stop", rule.code));
        }
    });
}

/// Rules of one family are in sequence, ordered by number.
#[test]
fn codes_and_names_are_unique_and_in_order() {
    let (mut names, mut families) = (BTreeSet::new(), BTreeSet::new());
    let mut last = ("", 0);
    for rule in RULES {
        let (family, number) = rule.code.rsplit_once('-').expect("FAMILY-NNN");
        assert!(number.len() == 3, "{}", rule.code);
        let here = (family, number.parse::<u32>().expect("digits"));
        let in_order = if last.0 == family { here.1 > last.1 } else { families.insert(family) };
        assert!(in_order, "{} is out of order", rule.code);
        last = here;
        let kebab = rule
            .name
            .split('-')
            .all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        assert!(kebab, "{}: {} is not kebab-case", rule.code, rule.name);
        assert!(names.insert(rule.name), "{} twice", rule.name);
        for by in rule.silenced_by {
            assert!(conformance::by_code(by).is_some(), "{} is silenced by {by}, which does not exist", rule.code);
        }
    }
}

/// `docs/laboratory.md, runs …` in a source names runs that a reader can find: as a stored variant, or in that
/// document.
#[test]
fn runs_of_the_laboratory_are_known() {
    let lab: serde_json::Value =
        serde_json::from_slice(&std::fs::read(root().join("captures/lab/variants.json")).unwrap()).unwrap();
    let kept: BTreeSet<&str> = lab["variants"].as_array().unwrap().iter().filter_map(|v| v["name"].as_str()).collect();
    let document = std::fs::read_to_string(root().join("docs/laboratory.md")).unwrap();
    each(|rule, wrong| {
        assert!(!rule.source.contains("laboratory run"), "{}: name the document", rule.code);
        let Some((_, runs)) = rule.source.split_once("docs/laboratory.md, run") else { return };
        let runs = runs.split(';').next().unwrap_or_default();
        for run in runs.split('`').skip(1).step_by(2) {
            if !kept.contains(run) && !document.contains(&format!("`{run}`")) {
                wrong.push(format!("{}: no run {run}", rule.code));
            }
        }
    });
    let naming = RULES.iter().filter(|rule| rule.source.contains("docs/laboratory.md")).count();
    assert!(naming > 20, "{naming} rules name runs");
}

#[test]
fn the_table_in_the_documents_is_up_to_date() {
    const BEGIN: &str = "<!-- rules:begin -->\n";
    const END: &str = "<!-- rules:end -->";
    let path = root().join("docs/rules.md");
    let text = std::fs::read_to_string(&path).expect("docs/rules.md");
    let begin = text.find(BEGIN).expect("docs/rules.md lacks <!-- rules:begin -->") + BEGIN.len();
    let end = begin + text[begin..].find(END).expect("docs/rules.md lacks <!-- rules:end -->");
    let want = format!("\n{}\n", conformance::catalogue_table());
    if text[begin..end] == want {
        return;
    }
    assert!(std::env::var_os("BLESS").is_some(), "the table in docs/rules.md is stale; run this test with BLESS=1");
    std::fs::write(&path, format!("{}{want}{}", &text[..begin], &text[end..])).expect("docs/rules.md written");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
