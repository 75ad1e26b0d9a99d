//! What a recording prints on standard error while it runs: a line per exchange, notices, a progress bar for files.

use crate::cli::common::{Common, say};
use crate::cli::output;
use crate::report::Terminal;
use crate::report::live;
use crate::report::text::{Style, clean};
use crate::summary::Summary;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// Most lines for a file: more would hide the summary.
const FILE_LINES: u64 = 100;

/// Standard error during a recording.
pub(in crate::cli) struct StatusLine {
    terminal: Terminal,
    quiet: bool,
    bar: Option<ProgressBar>,
    /// Most lines that are printed.
    most: u64,
    shown: u64,
    held_back: u64,
    /// Lines of exchanges that are not durable yet.
    pending: Vec<String>,
    /// Exchanges that are not durable yet and get no line.
    pending_held_back: u64,
    /// Lines that are held back until the end, because a command uses the terminal until then.
    held: Option<Vec<String>>,
    /// Notices are printed, and nothing else.
    notices: bool,
}

impl StatusLine {
    pub(in crate::cli) fn new(common: &Common, file: bool) -> StatusLine {
        let most = if file && !common.verbose { FILE_LINES } else { u64::MAX };
        StatusLine {
            terminal: output::stderr_terminal(common),
            quiet: common.quiet,
            bar: None,
            most,
            shown: 0,
            held_back: 0,
            pending: Vec::new(),
            pending_held_back: 0,
            held: None,
            notices: false,
        }
    }

    /// Prints notices only.
    #[cfg(feature = "proxy")]
    pub(in crate::cli) fn notices(common: &Common) -> StatusLine {
        StatusLine { notices: true, ..StatusLine::new(common, true) }
    }

    /// Prints everything at the end: until then standard error belongs to the command.
    #[cfg(feature = "proxy")]
    pub(in crate::cli) fn held(common: &Common) -> StatusLine {
        StatusLine { held: Some(Vec::new()), ..StatusLine::new(common, true) }
    }

    /// Shows progress through this many bytes, on a terminal only.
    pub(in crate::cli) fn bar(&mut self, total: Option<u64>) {
        let Some(total) = total.filter(|&n| n > 4 << 20 && !self.quiet && std::io::stderr().is_terminal()) else {
            return;
        };
        let bar = ProgressBar::new(total);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {percent:>3} %  {bytes}/{total_bytes}  {bytes_per_sec}  {eta}")
        {
            bar.set_style(style);
        }
        self.bar = Some(bar);
    }

    pub(in crate::cli) fn position(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    /// An exchange was written. Its line waits until it is durable: what was printed is in the database.
    pub(in crate::cli) fn written(&mut self, summary: &Summary) {
        if self.quiet || self.notices {
            return;
        }
        if self.shown + self.pending.len() as u64 >= self.most {
            self.pending_held_back += 1;
            return;
        }
        self.pending.push(live::line(summary, &self.terminal));
    }

    /// Prints the exchanges that were written, which are durable now.
    pub(in crate::cli) fn committed(&mut self) {
        self.held_back += std::mem::take(&mut self.pending_held_back);
        for line in std::mem::take(&mut self.pending) {
            if self.shown == 0 {
                self.line(&live::head(&self.terminal));
            }
            self.shown += 1;
            self.line(&line);
        }
    }

    /// Prints a notice for the user.
    pub(in crate::cli) fn notice(&mut self, text: &str) {
        if !self.quiet {
            let label = Style::Yellow.paint("warning", self.terminal.color);
            self.line(&format!("sniff: {label}: {}", clean(text)));
        }
    }

    /// Prints what alerts say. The user asked for them: also with --quiet, and while a command has the terminal.
    pub(in crate::cli) fn alerts(&self, lines: &[String]) {
        let label = Style::Red.paint("alert", self.terminal.color);
        for line in lines {
            let line = format!("sniff: {label}: {line}");
            match &self.bar {
                Some(bar) => bar.println(line),
                None => say(&line),
            }
        }
    }

    /// Removes the progress bar and prints the lines that were held back.
    pub(in crate::cli) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if let Some(held) = self.held.take() {
            held.iter().for_each(|line| say(line));
        }
        if self.held_back > 0 {
            say(&format!("… and {} more (sniff list has them all)", self.held_back));
        }
        if self.shown > 0 {
            say("");
        }
    }

    /// Prints one of the last lines.
    pub(in crate::cli) fn last(&self, line: &str) {
        if !self.quiet && !self.notices {
            say(line);
        }
    }

    fn line(&mut self, line: &str) {
        match (&self.bar, &mut self.held) {
            (_, Some(held)) => held.push(line.to_owned()),
            (Some(bar), _) => bar.println(line),
            (None, _) => say(line),
        }
    }
}
