//! Scripts of a small table against lines written by hand; then every sample of every rule with the real table.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::script::{Words, expand};
use super::*;
use crate::conformance::RULES;

const TABLE: &str = "\
# A comment.
wait TIME
  @ +$1

say TEXT…
  wait 20ms; <chunk $1\\n

ask MEMBERS…
  >json {\"stream\":true$,1}

pair NAME TEXT… = < $1: $2

many N
  <| $x1

$name
  {\"id\":1,
  \"of\":$inner}

$inner = \"x\"

end
  <last

loop
  loop
";

fn wire_of(sample: &str) -> Result<Vec<(usize, String)>, String> {
    expand(&Words::of(TABLE), sample).map_err(|e| e.to_string())
}

fn texts(sample: &str) -> Vec<String> {
    wire_of(sample).unwrap().into_iter().map(|(_, text)| text).collect()
}

#[test]
fn steps_become_the_lines_of_their_words() {
    assert_eq!(texts("wait 15s; end"), ["@ +15s", "<last"]);
    assert_eq!(texts("end*3"), ["<last"; 3]);
    assert_eq!(texts("say a; b; end"), ["@ +20ms", "<chunk a; b; end\\n"], "a text goes to the end of its line");
    assert_eq!(texts("say*2 a"), ["@ +20ms", "<chunk a\\n", "@ +20ms", "<chunk a\\n"]);
    assert_eq!(texts("end; !rst <; @ +5ms; < a; b"), ["<last", "!rst <", "@ +5ms", "< a; b"]);
    assert_eq!(texts("  end\n\n    # remark; no step"), ["<last", "", "# remark; no step"]);
    assert_eq!(texts("end;"), ["<last"]);
}

#[test]
fn what_a_word_takes_comes_to_its_place() {
    assert_eq!(texts("ask; end"), [r#">json {"stream":true}"#, "<last"]);
    assert_eq!(texts(r#"ask "n":2; end"#), [r#">json {"stream":true,"n":2; end}"#]);
    assert_eq!(texts("pair A b: c; d"), ["< A: b: c; d"]);
    assert_eq!(texts("pair A  b"), ["< A:  b"], "the spaces of a text are its own");
    assert_eq!(texts("many 5; end"), ["<| xxxxx", "<last"]);
    assert_eq!(texts("say $name$inner,"), ["@ +20ms", r#"<chunk {"id":1,"of":"x"}"x",\n"#]);
    assert_eq!(texts("<| $name"), [r#"<| {"id":1,"of":"x"}"#]);
}

#[test]
fn lines_know_where_they_come_from() {
    let lines = wire_of("end\nsay a\nend").unwrap();
    assert_eq!(lines.into_iter().map(|(line, _)| line).collect::<Vec<_>>(), [1, 2, 2, 3]);
}

#[test]
fn errors_name_their_place() {
    let cases = [
        (
            "end\nend; rol; end",
            "line 2 of the sample: unknown word `rol`; the words are in src/conformance/sample/words.txt",
        ),
        ("end\n\nRole", "line 3 of the sample: `Role` is neither a word nor a line of .wire"),
        ("end 5", "line 1 of the sample: `end` takes nothing, not `5`"),
        ("wait 5 s", "line 1 of the sample: `wait` takes TIME, not `5 s`"),
        ("wait", "line 1 of the sample: `wait` needs TIME"),
        ("pair A", "line 1 of the sample: `pair` needs TEXT"),
        ("many x", "line 1 of the sample: `many` needs N"),
        ("end*0", "line 1 of the sample: `end*` needs a number from 1 to 10000"),
        ("end*10001", "line 1 of the sample: `end*` needs a number from 1 to 10000"),
        ("end*x", "line 1 of the sample: `end*` needs a number from 1 to 10000"),
        ("end: 1", "line 1 of the sample: `end: 1`: expected a space or a semicolon after `end`"),
        ("say $nothing", "line 1 of the sample: unknown text `$nothing`; write \\x24 for a literal dollar"),
        ("loop", "line 1 of the sample: a word that uses itself: `loop`"),
    ];
    for (sample, said) in cases {
        assert_eq!(wire_of(sample), Err(said.to_owned()), "{sample}");
    }
    let error = transcripts("good-chat\nchat; !gap < x").unwrap_err();
    assert_eq!((error.line, error.what.contains("number of bytes")), (2, true), "{error}");
    let error = transcripts("chat; last\n!next\nchat\n<lump").unwrap_err();
    assert_eq!((error.line, error.what.contains("\"lump\"")), (4, true), "{error}");
}

#[test]
fn every_sample_is_a_transcript() {
    for rule in RULES {
        for sample in rule.bad.iter().chain(rule.good) {
            transcripts(sample).unwrap_or_else(|e| panic!("{}: {e}\n{sample}", rule.code));
        }
    }
}

#[test]
fn every_word_and_text_is_used() {
    let table = include_str!("words.txt");
    let entries = table.lines().filter(|l| !l.is_empty() && !l.starts_with([' ', '#']));
    let bodies = table.lines().filter_map(|l| l.strip_prefix("  ").or_else(|| Some(l.split_once(" = ")?.1)));
    let samples: Vec<&str> = RULES.iter().flat_map(|r| r.bad.iter().chain(r.good)).copied().chain(bodies).collect();
    let is_of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '$';
    let used: std::collections::BTreeSet<&str> = samples.iter().flat_map(|s| s.split(|c| !is_of_name(c))).collect();
    let unused: Vec<&str> =
        entries.filter_map(|head| head.split(' ').next()).filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}
