//! What the demo prints: numbered steps of at most 80 columns, each line when it is known.

use crate::cli::common::Common;
use crate::cli::output::Output;
use crate::report::Terminal;
use crate::report::text::{Style, clip, wrap};
use anyhow::Result;
use std::io::IsTerminal;
use std::time::Duration;

const WIDTH: usize = 80;
/// Columns before the text of a step.
const INDENT: &str = "   ";
/// Time to read a step before the next, on a terminal.
const READ: Duration = Duration::from_millis(600);

pub(super) struct Screen {
    out: Output,
    waits: bool,
    steps: u32,
    pub(super) terminal: Terminal,
}

impl Screen {
    pub(super) fn open(fast: bool, common: &Common) -> Result<Screen> {
        let out = Output::open(common)?;
        let terminal = Terminal { width: WIDTH, ..out.terminal };
        Ok(Screen { out, waits: !fast && std::io::stdout().is_terminal(), steps: 0, terminal })
    }

    /// Begins the next step.
    pub(super) fn step(&mut self, title: &str) -> Result<()> {
        if self.waits && self.steps > 0 {
            std::thread::sleep(READ);
        }
        self.steps += 1;
        let title = Style::Bold.paint(&format!("{}  {title}", self.steps), self.terminal.color);
        self.raw(&format!("\n{title}\n"))
    }

    /// One line of a step, cut to the width.
    pub(super) fn line(&mut self, text: &str) -> Result<()> {
        self.styled(text, Style::Plain)
    }

    /// One line of a step in this style, cut to the width.
    pub(super) fn styled(&mut self, text: &str, style: Style) -> Result<()> {
        let text = clip(text, WIDTH - INDENT.len());
        self.raw(&format!("{INDENT}{}\n", style.paint(&text, self.terminal.color)))
    }

    /// A paragraph of a step.
    pub(super) fn words(&mut self, text: &str, style: Style) -> Result<()> {
        wrap(text, WIDTH - INDENT.len()).iter().try_for_each(|line| self.styled(line, style))
    }

    /// What is laid out already. It is written at once.
    pub(super) fn raw(&mut self, text: &str) -> Result<()> {
        self.out.text(text)?;
        self.out.writer().flush()?;
        Ok(())
    }

    pub(super) fn end(self) -> Result<()> {
        self.out.finish()
    }
}
