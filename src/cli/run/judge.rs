//! What a run found, for CI: JUnit and SARIF files, the findings on standard error, and the exit code.

use crate::cli::check::FailOn;
use crate::cli::common::{Common, say};
use crate::cli::output::{Output, stderr_terminal};
use crate::report::check::{Findings, Form};
use crate::report::compliance::Case;
use crate::report::reports::Collect;
use crate::store::select::SessionIs;
use crate::store::{Reader, Selector};
use anyhow::{Context, Result};
use clap::Args;
use std::path::{Path, PathBuf};

/// What to do with findings.
#[derive(Debug, Default, Args)]
pub(super) struct JudgeArgs {
    /// Exit with 1 on findings at or over this level, with 2 if nothing was recorded
    ///
    /// The command's own exit status comes first, if it is not 0.
    #[arg(long, value_enum, value_name = "LEVEL")]
    fail_on: Option<FailOn>,
    /// Write the findings as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the findings as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
}

impl JudgeArgs {
    /// The files that will be written.
    pub(super) fn files(&self) -> Vec<&Path> {
        self.junit.iter().chain(&self.sarif).map(PathBuf::as_path).collect()
    }

    /// Whether findings were asked for.
    pub(super) fn is_wanted(&self) -> bool {
        self.fail_on.is_some() || self.junit.is_some() || self.sarif.is_some()
    }

    /// Reads the session again, writes its findings, and returns the exit code if the command's is 0.
    ///
    /// # Errors
    /// The database cannot be read, or a file cannot be written.
    pub(super) fn code(&self, session: i64, common: &Common) -> Result<u8> {
        if !self.is_wanted() {
            return Ok(0);
        }
        let level = self.fail_on.and_then(FailOn::level);
        let files = [(Form::Junit, &self.junit), (Form::Sarif, &self.sarif)];
        for (form, path) in files.into_iter().filter_map(|(form, path)| Some((form, path.as_ref()?))) {
            let mut out = Output::open(&Common { output: Some(path.clone()), ..common.clone() })?;
            let findings = read(session, common, Findings::new(form, level))?;
            let terminal = out.terminal;
            findings
                .finish(&terminal, out.writer())
                .and_then(|()| out.finish())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let findings = read(session, common, Findings::new(Form::Table, level))?;
        if self.fail_on.is_some() && findings.all.exchanges == 0 {
            say("sniff: error: nothing was recorded, so there is nothing to judge (--fail-on)");
            return Ok(2);
        }
        let failed = level.is_some_and(|level| findings.all.reaches(level));
        if failed {
            let mut text = Vec::new();
            findings.finish(&stderr_terminal(common), &mut text)?;
            say(String::from_utf8_lossy(&text).trim_end());
        }
        Ok(u8::from(failed))
    }
}

/// The findings of all exchanges of a session.
fn read(session: i64, common: &Common, mut findings: Findings) -> Result<Findings> {
    let reader = Reader::open(&common.db)?;
    let selector = Selector { session: Some(SessionIs::Number(session)), ..Selector::default() };
    let name = common.db.to_string_lossy();
    let mut unwritten = Vec::new();
    reader.each(&selector, &mut |mut s| {
        reader.hide(&mut s)?;
        findings.add(Case::of(Some(&name), &s), &mut unwritten)
    })?;
    Ok(findings)
}
