//! From the script of a sample to the lines of a `.wire` transcript. The language and its words are in `words.txt`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

/// The table of words.
static WORDS: LazyLock<Words> = LazyLock::new(|| Words::of(include_str!("words.txt")));

/// Depth of words within words; only a word that uses itself is deeper.
const DEEPEST: usize = 8;
/// How often one step may be repeated at most.
const MOST: u32 = 10_000;

/// What is wrong with a sample, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleError {
    /// Line of the sample, from 1.
    pub line: usize,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the sample: {}", self.line, self.what)
    }
}

impl std::error::Error for SampleError {}

/// A line of `.wire` and the line of the sample that it comes from, from 1.
pub(super) type Line = (usize, String);

/// The `.wire` lines of a sample.
pub(super) fn lines(sample: &str) -> Result<Vec<Line>, SampleError> {
    expand(&WORDS, sample)
}

pub(super) fn expand(words: &Words, sample: &str) -> Result<Vec<Line>, SampleError> {
    let mut out = Vec::new();
    for (n, line) in sample.lines().enumerate() {
        let mut texts = Vec::new();
        words.line(line, 0, &mut texts).map_err(|what| SampleError { line: n + 1, what })?;
        out.extend(texts.into_iter().map(|text| (n + 1, text)));
    }
    Ok(out)
}

/// A word: its arguments, and the lines that replace it.
#[derive(Debug, Default)]
struct Word {
    /// Names of what it takes, in order.
    takes: Vec<&'static str>,
    /// The last of them takes the rest of the line.
    takes_rest: bool,
    body: Vec<&'static str>,
}

/// The table: words by name, texts by name.
#[derive(Debug, Default)]
pub(super) struct Words {
    words: BTreeMap<&'static str, Word>,
    texts: BTreeMap<&'static str, String>,
}

impl Words {
    /// From the text of the table: heads at the start of a line; the script or text after ` = `, or in indented lines.
    pub(super) fn of(table: &'static str) -> Words {
        let mut out = Words::default();
        let mut name = "";
        for line in table.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let body = line.strip_prefix("  ").or_else(|| {
                let (head, body) = line.split_once(" = ").map_or((line, None), |(head, body)| (head, Some(body)));
                name = out.begin(head);
                body
            });
            match (body, name.strip_prefix('$')) {
                (Some(text), Some(name)) => out.texts.entry(name).or_default().push_str(text),
                (Some(script), None) => out.words.entry(name).or_default().body.push(script),
                (None, _) => {}
            }
        }
        out
    }

    /// A new entry with this head; its name.
    fn begin(&mut self, head: &'static str) -> &'static str {
        let mut parts = head.split_ascii_whitespace();
        let name = parts.next().unwrap_or_default();
        if !name.starts_with('$') {
            let takes = parts.map(|t| t.trim_end_matches('…')).collect();
            self.words.insert(name, Word { takes, takes_rest: head.ends_with('…'), body: Vec::new() });
        }
        name
    }

    /// The steps of one line. What goes to the end of the line (`.wire` lines with a text, words that take one) is the
    /// last of them.
    fn line(&self, line: &str, depth: usize, out: &mut Vec<String>) -> Result<(), String> {
        let mut rest = line.trim();
        if depth > DEEPEST {
            return Err(format!("a word that uses itself: `{rest}`"));
        }
        if rest.is_empty() {
            out.push(String::new());
        }
        while !rest.is_empty() {
            if rest.starts_with(['<', '>', '#']) {
                out.push(self.with_texts(rest)?);
                return Ok(());
            }
            let name_len = rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(name_len);
            let word = if rest.starts_with(['!', '@']) { None } else { Some(self.word(name, rest)?) };
            let (step, next) = match word {
                Some(word) if word.takes_rest && !after.starts_with(';') => (rest, ""),
                _ => rest.split_once(';').unwrap_or((rest, "")),
            };
            match word {
                None => out.push(self.with_texts(step.trim_end())?),
                Some(word) => self.step(name, word, step[name_len..].trim_end(), depth, out)?,
            }
            rest = next.trim_start();
        }
        Ok(())
    }

    fn word(&self, name: &str, rest: &str) -> Result<&Word, String> {
        let unknown = || match name {
            "" => format!("`{rest}` is neither a word nor a line of .wire"),
            name => format!("unknown word `{name}`; the words are in src/conformance/sample/words.txt"),
        };
        self.words.get(name).ok_or_else(unknown)
    }

    /// One word with what follows its name: `*N`, and what it takes.
    fn step(&self, name: &str, word: &Word, after: &str, depth: usize, out: &mut Vec<String>) -> Result<(), String> {
        let (times, after) = match after.strip_prefix('*') {
            None => (1, after),
            Some(rest) => {
                let (n, after) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
                let n = n.parse::<u32>().ok().filter(|n| (1..=MOST).contains(n));
                (n.ok_or_else(|| format!("`{name}*` needs a number from 1 to {MOST}"))?, after)
            }
        };
        if !after.is_empty() && !after.starts_with(' ') {
            return Err(format!("`{name}{after}`: expected a space or a semicolon after `{name}`"));
        }
        let taken = word.split(after.trim_start());
        if taken.len() > word.takes.len() {
            return Err(format!("`{name}` takes {}, not `{}`", list(&word.takes), after.trim_start()));
        }
        for _ in 0..times {
            for line in &word.body {
                self.line(&word.filled(name, line, &taken)?, depth + 1, out)?;
            }
        }
        Ok(())
    }

    /// A line with the texts that it names.
    fn with_texts(&self, line: &str) -> Result<String, String> {
        let Some((before, rest)) = line.split_once('$') else { return Ok(line.to_owned()) };
        let (name, after) = rest.split_at(rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len()));
        let text =
            self.texts.get(name).ok_or_else(|| format!("unknown text `${name}`; write \\x24 for a literal dollar"))?;
        Ok(format!("{before}{}{}", self.with_texts(text)?, self.with_texts(after)?))
    }
}

impl Word {
    /// The arguments, in order; the last may be the rest of the line.
    fn split<'a>(&self, text: &'a str) -> Vec<&'a str> {
        match self.takes_rest {
            true => text.splitn(self.takes.len(), ' ').filter(|t| !t.is_empty()).collect(),
            false => text.split_ascii_whitespace().collect(),
        }
    }

    /// A line of the word's body with the arguments in place of `$1`, `$,1` (with a comma before it, or nothing) and
    /// `$x1` (that many letters x).
    fn filled(&self, name: &str, line: &str, taken: &[&str]) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let how = after.chars().next().filter(|c| matches!(c, ',' | 'x'));
            let digit = after[usize::from(how.is_some())..].chars().next().and_then(|c| c.to_digit(10));
            let Some(digit) = digit else {
                out.push('$');
                rest = after;
                continue;
            };
            let index = (digit as usize).saturating_sub(1);
            let missing = || format!("`{name}` needs {}", self.takes.get(index).unwrap_or(&"more than its head says"));
            match (how, taken.get(index)) {
                (Some(','), None) => {}
                (Some(','), Some(text)) => out.extend([",", text]),
                (Some(_), text) => {
                    let n = text.and_then(|t| t.parse::<usize>().ok()).filter(|n| *n < 1 << 20).ok_or_else(missing)?;
                    out.push_str(&"x".repeat(n));
                }
                (None, text) => out.push_str(text.ok_or_else(missing)?),
            }
            rest = &after[1 + usize::from(how.is_some())..];
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn list(takes: &[&str]) -> String {
    if takes.is_empty() { "nothing".to_owned() } else { takes.join(" and ") }
}
