//! What is stored with an exchange when it is recorded (figures, verdict, findings) is what its stored bytes and times
//! give when they are read again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::analyzer::Analyzed;
use sniff::conformance::Limits;
use sniff::internal::store::{Reader, Selector};
use sniff::internal::summary::Summary;
use support::place::Place;

#[test]
fn what_is_stored_is_what_is_computed_again() {
    let p = Place::new();
    let real = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/real");
    let files = std::fs::read_dir(real).unwrap().map(|e| e.unwrap().path().display().to_string());
    let mut files: Vec<String> = files.filter(|f| f.ends_with(".pcap") && !f.contains("/bad-")).collect();
    files.sort();
    assert!(files.len() > 150, "{}", files.len());
    let mut command = vec!["record", "-q", "--store-secrets"];
    command.extend(files.iter().flat_map(|f| ["--read", f.as_str()]));
    p.want(0, &command);
    let reader = Reader::open(&p.path("sniff.db")).unwrap();
    let (mut compared, mut wrong) = (0, Vec::new());
    reader
        .each(&Selector::default(), &mut |stored| {
            let Analyzed { exchange, metrics, findings } =
                Analyzed::new(reader.exchange(stored.id).unwrap(), &Limits::default());
            let again = Summary::new(stored.session, stored.id, &exchange, &metrics, &findings, None);
            // Connections are stored apart, and what other exchanges show is added when a list is read.
            let own = stored.delivery.len() - stored.across.len();
            let mut timing = stored.timing;
            if !stored.across.is_empty() || stored.timing.rpc_answer != again.timing.rpc_answer {
                (timing.rpc_answer, timing.rpc_first_delta) = (again.timing.rpc_answer, again.timing.rpc_first_delta);
            }
            let (delivery, across) = (stored.delivery[..own].to_vec(), Vec::new());
            // What both sides of a proxy show together, one of them cannot show again.
            let mut findings = stored.findings.clone();
            findings.retain(|f| f.rule != "DLV-011");
            for f in &mut findings {
                let alone = f.message.split("; the hop ").next().unwrap_or_default().to_owned();
                f.message = alone;
            }
            let want = Summary { timing, delivery, across, findings, tcp: None, ..stored };
            let [want, again] = [want, again].map(|s| serde_json::to_value(s).unwrap());
            compared += 1;
            for (name, value) in want.as_object().unwrap().iter().filter(|(name, v)| again[*name] != **v) {
                wrong.push(format!("{} {name}\n  stored {value}\n  again  {}", want["id"], again[name]));
            }
            Ok(())
        })
        .unwrap();
    assert!(compared > 250, "{compared}");
    assert!(wrong.is_empty(), "{} of {compared}\n{}", wrong.len(), wrong.join("\n"));
}
