//! `sniff demo`: what it says is what its recording holds, and it leaves nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use support::place::Place;

#[cfg(not(feature = "proxy"))]
#[test]
fn without_the_proxy_it_says_what_is_missing() {
    let (_, said) = Place::new().want(2, &["demo"]);
    assert!(said.contains("build it with --features proxy"), "{said}");
}

#[cfg(feature = "proxy")]
mod demo {
    use super::*;
    use serde_json::Value;

    /// Runs it with a home and a folder for temporary files of its own.
    fn run(place: &Place, args: &[&str]) -> (i32, String, String) {
        for folder in ["home", "tmp"] {
            std::fs::create_dir_all(place.path(folder)).unwrap();
        }
        let mut command = place.command(&[&["demo"], args].concat());
        command.env("HOME", place.path("home")).env("TMPDIR", place.path("tmp")).env_remove("XDG_DATA_HOME");
        let out = command.output().unwrap();
        let [said, err] = [out.stdout, out.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(!err.contains("panicked"), "{err}");
        (out.status.code().unwrap(), said, err)
    }

    fn names(place: &Place, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(place.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn its_steps_are_those_of_the_recording() {
        let place = Place::new();
        // A configuration of the folder must not change what it finds.
        place.write("sniff.toml", "[levels]\nHTTP-001 = \"off\"\n");
        let (code, said, err) = run(&place, &["--fast", "-o", "kept.db"]);
        assert_eq!((code, err.as_str()), (0, ""), "{said}");
        let shown = |text: &str| assert!(said.contains(text), "{text:?} is missing:\n{said}");
        let list = place.json(&["--db", "kept.db", "list", "--format", "json"]);
        let rules = |exchange: &Value| -> Vec<String> {
            let findings = exchange["findings"].as_array().unwrap().iter();
            findings.map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(rules(&list[0])[0], "HTTP-001", "{list}");
        rules(&list[0]).iter().for_each(|rule| shown(rule));
        assert_eq!(rules(&list[1]), Vec::<String>::new(), "the mended stream");
        let types: Vec<_> = list.as_array().unwrap().iter().map(|e| &e["response"]["content_type"]).collect();
        assert_eq!(types, ["application/x-ndjson", "text/event-stream"]);
        assert_eq!(list[0]["response"]["dialect"], "openai.chat");
        for text in [
            "POST http://127.0.0.1:",
            "content-type: application/x-ndjson",
            "data: [DONE]",
            "--> response head",
            "= fix: Send `Content-Type: text/event-stream`",
            "Why it matters: ",
            "Head, bytes, chunks and end are those of the recording.",
            "content-type: text/event-stream",
            "no finding",
        ] {
            shown(text);
        }
        shown(&format!("Its text: {}", list[0]["response"]["text"].as_str().unwrap()));
        let clients = place.json(&["--db", "kept.db", "report", "clients", "--format", "json"]);
        let outcomes = |n: usize| clients[n]["clients"].as_array().unwrap().iter();
        let web_ui = outcomes(0).find(|c| c["client"] == "open-webui").unwrap();
        assert_ne!(web_ui["outcome"], "fine");
        shown(web_ui["name"].as_str().unwrap());
        let fine = |n: usize| outcomes(n).filter(|c| c["outcome"] == "fine").count();
        assert!(fine(0) > 20 && fine(0) < fine(1), "{} {}", fine(0), fine(1));
        shown(&format!("{} read it well.", fine(0)));
        shown(&format!("{} of {} models of clients read it well", fine(1), outcomes(1).count()));
        // Wide lines are commands to copy only, and there are three of them.
        let commands: Vec<_> = said.lines().filter(|line| line.contains("--db kept.db")).collect();
        assert_eq!(commands.len(), 3, "{said}");
        assert!(said.lines().all(|line| line.chars().count() <= 80 || line.contains("--db kept.db")), "{said}");
        assert!(!said.contains('\x1b'), "no colours in a file");
        // Nothing else is left.
        assert_eq!((names(&place, "home"), names(&place, "tmp")), (vec![], vec![]));
        // SQLite keeps two files beside a database.
        let beside = names(&place, ".").into_iter().filter(|name| !name.starts_with("kept.db"));
        assert_eq!(beside.collect::<Vec<_>>(), ["home", "sniff.toml", "tmp"]);
        let (code, _, err) = run(&place, &["--fast", "-o", "kept.db"]);
        assert!(code == 2 && err.contains("kept.db exists"), "{err}");
    }

    #[test]
    fn its_times_are_those_that_were_recorded() {
        let place = Place::new();
        let (code, said, _) = run(&place, &["--color", "always"]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("\x1b[31m") && said.contains("\x1b[32m"), "{said}");
        let folder = names(&place, "tmp");
        assert!(folder.len() == 1 && said.contains(&format!("{}/demo.db", folder[0])), "{folder:?} {said}");
        let db = rusqlite::Connection::open(place.path("tmp").join(&folder[0]).join("demo.db")).unwrap();
        let sql = "SELECT c.t_ns - e.t_request_end_ns FROM v_chunks c JOIN v_exchanges e ON e.id = c.exchange_id \
            WHERE e.id = 1 ORDER BY c.n";
        let mut rows = db.prepare(sql).unwrap();
        let recorded: Vec<i64> = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(recorded.len(), 14);
        assert!(recorded[13] > 1_400_000_000, "the server waits between its events: {recorded:?}");
        // The table of the replay begins with the recorded time of each chunk.
        let after = said.split("Recorded  Replayed").nth(1).unwrap();
        let first = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let shown: Vec<String> = after.lines().skip(1).take(14).map(first).collect();
        let want: Vec<String> = recorded.iter().map(|ns| sniff::time::Span(*ns).to_string()).collect();
        assert_eq!(shown, want, "{said}");
    }

    #[test]
    fn it_prints_for_people_only() {
        let place = Place::new();
        let (code, _, err) = run(&place, &["--format", "json"]);
        assert!(code == 2 && err.contains("demo prints text for people only"), "{err}");
    }
}
