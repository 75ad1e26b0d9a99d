//! Where data is written, and which width and colours it may use.

mod target;

use super::common::{Color, Common};
use crate::report::Terminal;
use anyhow::{Context, Result};
use std::io::{self, BufWriter, IsTerminal, Write};
use target::Target;

/// The destination of data: standard output, or the file of `-o`.
///
/// The file gets its name in [`Output::finish`]: a command that fails leaves an older file unchanged.
pub(super) struct Output {
    writer: BufWriter<Box<dyn Write>>,
    /// The file to rename at the end.
    target: Option<Target>,
    /// Width and colours of the destination.
    pub(super) terminal: Terminal,
}

impl Output {
    /// Opens the destination that the common options name.
    pub(super) fn open(common: &Common) -> Result<Output> {
        Output::with_mode(common, None)
    }

    /// The same for bodies of exchanges: a new file is for its owner only.
    pub(super) fn private(common: &Common) -> Result<Output> {
        Output::with_mode(common, Some(0o600))
    }

    fn with_mode(common: &Common, mode: Option<u32>) -> Result<Output> {
        let stdout = io::stdout();
        let terminal = common.output.is_none() && stdout.is_terminal();
        let (writer, target): (Box<dyn Write>, _) = match &common.output {
            Some(path) => {
                let (file, target) =
                    target::open(path, mode).with_context(|| format!("cannot write {}", path.display()))?;
                (Box::new(file), target)
            }
            None => (Box::new(stdout), None),
        };
        // In `sniff list | head` the output ends on the terminal that standard error still has.
        let piped = common.output.is_none() && !terminal && is_pipe(libc::STDOUT_FILENO) && io::stderr().is_terminal();
        let seen_on = if terminal { Some(libc::STDOUT_FILENO) } else { piped.then_some(libc::STDERR_FILENO) };
        let terminal = Terminal { width: width(seen_on), color: colors(common.color, terminal) };
        Ok(Output { writer: BufWriter::with_capacity(1 << 16, writer), target, terminal })
    }

    /// The writer, for reports.
    pub(super) fn writer(&mut self) -> &mut dyn Write {
        &mut self.writer
    }

    /// Writes a whole text.
    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        self.writer.write_all(text.as_bytes())?;
        Ok(())
    }

    /// Flushes the writer and gives the file its name.
    pub(super) fn finish(mut self) -> Result<()> {
        self.writer.flush().context("cannot write the output")?;
        match self.target {
            Some(target) => target.put_in_place().context("cannot write the output"),
            None => Ok(()),
        }
    }
}

/// Width and colours of standard output.
pub(super) fn stdout_terminal(common: &Common) -> Terminal {
    let terminal = io::stdout().is_terminal();
    Terminal { width: width(terminal.then_some(libc::STDOUT_FILENO)), color: colors(common.color, terminal) }
}

/// Width and colours of standard error.
pub(super) fn stderr_terminal(common: &Common) -> Terminal {
    let terminal = io::stderr().is_terminal();
    Terminal { width: width(terminal.then_some(libc::STDERR_FILENO)), color: colors(common.color, terminal) }
}

/// Whether the reader of our output closed the pipe, which is success (`sniff list | head -1`).
pub(super) fn is_closed_pipe(e: &anyhow::Error) -> bool {
    e.chain().any(|c| c.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

/// Turns the error of a closed pipe into success, so that the command keeps its exit code.
pub(super) fn unless_closed(result: Result<()>) -> Result<()> {
    match result {
        Err(e) if is_closed_pipe(&e) => Ok(()),
        other => other,
    }
}

/// Whether the locale has characters beyond ASCII: the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set decides.
/// Without any of them it has.
pub(super) fn is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    let named = set.into_iter().find(|value| !value.is_empty()).map(|value| value.to_ascii_lowercase());
    named.is_none_or(|value| value.contains("utf-8") || value.contains("utf8"))
}

fn colors(wanted: Color, terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    match wanted {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb"),
    }
}

/// Columns to use: those of the terminal, else `COLUMNS`, else many; never less than 80 or more than 200, because
/// longer lines are hard to read.
fn width(terminal: Option<i32>) -> usize {
    let from_env = || std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    terminal.and_then(columns).or_else(from_env).unwrap_or(160).clamp(80, 200)
}

fn is_pipe(fd: i32) -> bool {
    // SAFETY: an all-zero stat is valid, and fstat writes only to the given pointer.
    let mode = unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        if libc::fstat(fd, &raw mut stat) != 0 { 0 } else { stat.st_mode }
    };
    mode & libc::S_IFMT == libc::S_IFIFO
}

fn columns(fd: i32) -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize to the pointer, which is valid during the call.
    let ok = unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size) } == 0;
    (ok && size.ws_col > 0).then_some(usize::from(size.ws_col))
}
