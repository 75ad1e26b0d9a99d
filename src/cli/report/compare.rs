//! `sniff report compare A B`: two runs by their selectors, in one database or two.

use super::ReportArgs;
use crate::cli::common::Common;
use crate::cli::output::{Output, unless_closed};
use crate::cli::sandbox::Sandbox;
use crate::cli::selectors::SelectorArgs;
use crate::cli::values;
use crate::report::Format;
use crate::report::compare::{Limit, Run, compare};
use crate::report::reports;
use crate::store::{Reader, Selector};
use anyhow::{Result, anyhow, bail};
use clap::Parser;
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;

/// Its name on the command line.
pub(super) const NAME: &str = "compare";
/// One line of help.
pub(super) const ABOUT: &str = "What differs between two runs, and whether it is more than chance";

/// Selectors as text are options without their dashes.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    selectors: SelectorArgs,
}

pub(super) fn limit(text: &str) -> Result<Limit, String> {
    Limit::parse(text, values::span)
}

pub(super) fn run(args: &ReportArgs, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    let two = args.with_db.is_some();
    let texts = match args.runs.as_slice() {
        [a, b] => [a.as_str(), b.as_str()],
        [] if two => ["", ""],
        [both] if two => [both.as_str(), both.as_str()],
        _ => bail!(
            "two runs are compared, as in `sniff report compare session=1 session=2`, or all of two databases, as in \
                `sniff report compare --db a.db --db b.db`"
        ),
    };
    let second = args.with_db.as_ref().unwrap_or(&common.db);
    let [a, b] = [(texts[0], &common.db), (texts[1], second)].map(|(text, db)| Side::parse(text, db));
    let (a, b) = (a?, b?);
    let judge = args.policy.judge()?;
    Sandbox::of_database(&args.sandbox, common).writes_beside(&a.db).writes_beside(&b.db).enter()?;
    let common_to_both = args.selectors.selector();
    let [a, b] = [a, b].map(|side| -> Result<Run> {
        let reader = Reader::open(&side.db)?;
        let mut within = None;
        if common_to_both != Selector::default() {
            let ids = within.insert(HashSet::new());
            reader.each(&common_to_both, &mut |s| {
                ids.insert(s.id);
                Ok(())
            })?;
        }
        let mut run = Run::new(&side.name(two));
        reader.each(&side.selector, &mut |mut s| {
            if within.as_ref().is_none_or(|ids| ids.contains(&s.id)) {
                judge.relevel(&mut s);
                run.add(&s);
            }
            Ok(())
        })?;
        Ok(run)
    });
    let report = compare(a?, b?, &args.fail_on_regression);
    let mut out = Output::open(common)?;
    let terminal = out.terminal;
    let written = reports::write(&report, format, &terminal, out.writer());
    unless_closed(written.and_then(|()| out.finish()))?;
    Ok(u8::from(report.fails()))
}

/// Reads `session=1`, `host=a.example model=gpt-*`, or a session alone. A value may have spaces: a word without `=`
/// belongs to the value before it. `db=PATH` names another database.
pub(in crate::cli) fn selector(text: &str) -> Result<(Selector, Option<PathBuf>)> {
    let mut options: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match options.last_mut() {
            Some(last) if !word.contains('=') => {
                last.push(' ');
                last.push_str(word);
            }
            None if !word.contains('=') => options.push(format!("session={word}")),
            _ => options.push(word.to_owned()),
        }
    }
    let (of_db, options): (Vec<String>, Vec<String>) = options.into_iter().partition(|o| o.starts_with("db="));
    let wrong = |e: clap::Error| {
        let first = e.to_string().lines().next().unwrap_or_default().replace("error: ", "");
        anyhow!("{text:?} selects nothing: {first}")
    };
    let line = Line::try_parse_from(options.iter().map(|o| format!("--{o}"))).map_err(wrong)?;
    let db = of_db.last().map(|db| values::database(db["db=".len()..].as_ref()).map_err(|e| anyhow!(e)));
    Ok((line.selectors.selector(), db.transpose()?))
}

/// One of the runs.
struct Side {
    text: String,
    db: PathBuf,
    selector: Selector,
}

impl Side {
    fn parse(text: &str, db: &std::path::Path) -> Result<Side> {
        let (selector, of_text) = selector(text)?;
        Ok(Side { text: text.to_owned(), db: of_text.unwrap_or_else(|| db.to_owned()), selector })
    }

    fn name(&self, with_db: bool) -> String {
        match (with_db, self.text.is_empty()) {
            (false, _) => self.text.clone(),
            (true, true) => self.db.display().to_string(),
            (true, false) => format!("{} in {}", self.text, self.db.display()),
        }
    }
}

/// Makes a second `--db` of `sniff report compare` the database of the second run.
pub(in crate::cli) fn second_db(mut words: Vec<OsString>) -> Vec<OsString> {
    let has = |word: &str| words.iter().any(|w| w == word);
    if !has("report") || !has(NAME) {
        return words;
    }
    let is_db = |word: &OsString| word == "--db" || word.to_string_lossy().starts_with("--db=");
    if let Some(at) = words.iter().enumerate().filter(|(_, word)| is_db(word)).map(|(at, _)| at).nth(1) {
        let value = words[at].to_str().and_then(|word| word.strip_prefix("--db=")).map(str::to_owned);
        words[at] = value.map_or("--with-db".into(), |value| format!("--with-db={value}").into());
    }
    words
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::store::select::SessionIs;
    use std::path::Path;

    #[test]
    fn runs_are_selectors_without_dashes() {
        let side = |text: &str| Side::parse(text, Path::new("x.db"));
        let one = side("session=base line  host=a.example:80 streaming=true").unwrap();
        assert_eq!(one.selector.session, Some(SessionIs::Named("base line".into())));
        assert_eq!((one.selector.host.as_deref(), one.selector.streaming), (Some("a.example:80"), Some(true)));
        assert_eq!(side("3").unwrap().selector.session, Some(SessionIs::Number(3)));
        let other = side("db=y.db last").unwrap();
        assert_eq!(other.db, Path::new("y.db last"));
        assert_eq!(side("db=y.db session=last").unwrap().selector.session, Some(SessionIs::Last));
        assert_eq!(side("").unwrap().selector, Selector::default());
        assert!(side("colour=red").is_err_and(|e| e.to_string().contains("colour")));
    }

    #[test]
    fn a_second_database_is_that_of_the_second_run() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (given, made) in [
            ("sniff report compare --db a --db b", "sniff report compare --db a --with-db b"),
            ("sniff --db=a report compare --db=b", "sniff --db=a report compare --with-db=b"),
            ("sniff --db a list --db b", "sniff --db a list --db b"),
            ("sniff report compare --db a", "sniff report compare --db a"),
        ] {
            assert_eq!(second_db(words(given)), words(made));
        }
    }
}
