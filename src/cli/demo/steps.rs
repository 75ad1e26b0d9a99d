//! The steps of the demo, in their order.

use super::client::{self, BODY, Came, TARGET};
use super::record::{apart, through_proxy};
use super::replayed::replay;
use super::screen::Screen;
use super::server;
use crate::cli::common::Common;
use crate::cli::sandbox::{Sandbox, SandboxArgs};
use crate::clients::Outcome;
use crate::conformance::by_code;
use crate::exchange::Exchange;
use crate::pipeline::Contributions;
use crate::report::clients::{Case, stored};
use crate::report::finding::{self, RenderOptions};
use crate::report::text::{Style, clean, clip, count};
use crate::store::select::SessionIs;
use crate::store::{Reader, Selector};
use crate::summary::Summary;
use crate::time::Span;
use anyhow::{Context, Result};
use std::net::SocketAddr;

const WRONG: &str = "application/x-ndjson";
const RIGHT: &str = "text/event-stream";
/// The client that the demo names, by the laboratory's name, and one that is better off.
const BREAKS: &str = "open-webui";
const COPES: &str = "openai-python 3.54";

/// What was recorded of one answer.
struct Read {
    summary: Summary,
    exchange: Exchange,
    words: Contributions,
    clients: Case,
}

pub(super) fn all(fast: bool, common: &Common) -> Result<()> {
    let mut screen = Screen::open(fast, common)?;
    let title = "sniff demo: a model server of this machine streams an answer; sniff looks at it";
    screen.raw(&format!("{}\n", Style::Bold.paint(title, screen.terminal.color)))?;
    let wrong = asked_and_streamed(fast, common, &mut screen)?;
    judged(&wrong, &mut screen)?;
    clients(&wrong.clients, &mut screen)?;
    played(&wrong, common, &mut screen)?;
    mended(common, &mut screen)?;
    next(&wrong, common, &mut screen)?;
    screen.end()
}

/// Steps 1 and 2: the request, and the stream while it is relayed and recorded.
fn asked_and_streamed(fast: bool, common: &Common, screen: &mut Screen) -> Result<Read> {
    let server = server::start(WRONG, fast)?;
    let session = through_proxy(server, common, |proxy| {
        screen.step("What is asked")?;
        screen.line(&format!("POST http://{proxy}{TARGET}"))?;
        screen.line(BODY)?;
        screen.styled(&format!("{proxy} is sniff proxy --upstream http://{server}"), Style::Dim)?;
        screen.step("The stream, as it arrives")?;
        stream(proxy, screen)
    })?;
    let read = read(session, common)?;
    let text = read.summary.response.as_ref().and_then(|r| r.text.clone()).unwrap_or_default();
    screen.line(&format!("Its text: {}", clean(&text)))?;
    Ok(read)
}

/// Asks through the proxy and shows each chunk when it comes.
fn stream(proxy: SocketAddr, screen: &mut Screen) -> Result<()> {
    let mut before = None;
    client::ask(proxy, &mut |came| match came {
        Came::Head(line) => {
            let shown = line.starts_with("HTTP/") || line.to_ascii_lowercase().starts_with("content-type:");
            if shown { screen.line(&clean(line)) } else { Ok(()) }
        }
        Came::Chunk(at, text) => {
            let gap = before.replace(at).map_or(String::new(), |before: Span| Span(at.0 - before.0).to_string());
            screen.line(&format!("{:>8}  {gap:>8}  {}", at.to_string(), clip(&clean(text), 57)))
        }
    })
}

/// Step 3: the findings; the first with its reason.
fn judged(wrong: &Read, screen: &mut Screen) -> Result<()> {
    screen.step("What is wrong with it")?;
    let findings = &wrong.summary.findings;
    let first = findings.first().context("the demo's stream has no finding: this is a bug of sniff")?;
    let zero_ns = wrong.summary.timing.t_request_end_ns;
    let options = RenderOptions { code_width: first.rule.len(), zero_ns, fix: true };
    let text = finding::text(first, options, &screen.terminal);
    screen.raw(&text)?;
    if let Some(rule) = by_code(&first.rule) {
        screen.words(&format!("Why it matters: {}", rule.why), Style::Plain)?;
    }
    for other in findings.iter().skip(1) {
        screen.words(&format!("Also {}: {}", other.rule, clean(&other.message)), Style::Dim)?;
    }
    Ok(())
}

/// Step 4: the models of real clients read the recorded bytes.
fn clients(case: &Case, screen: &mut Screen) -> Result<()> {
    screen.step("Which clients break on it")?;
    let (fine, broken): (Vec<_>, Vec<_>) = case.clients.iter().partition(|v| v.outcome == Outcome::Fine);
    let first = broken.iter().find(|v| v.client == BREAKS).or(broken.first());
    if let Some(verdict) = first {
        screen.styled(&format!("{:<7} {}", verdict.outcome.as_str(), verdict.name), Style::Red)?;
        screen.styled(&format!("        {}", clean(&verdict.why)), Style::Plain)?;
    }
    if let Some(verdict) = fine.iter().find(|v| v.client == COPES).or(fine.first()) {
        screen.styled(&format!("{:<7} {}", "fine", verdict.name), Style::Green)?;
        screen.styled(&format!("        {}", verdict.evidence), Style::Plain)?;
    }
    let models = count(case.clients.len() as u64, "model of a client", "models of clients");
    let all = format!("Of {models}, {} break, {} read it well.", broken.len(), fine.len());
    screen.words(&all, Style::Plain)
}

/// Step 5: the recording, served again.
fn played(wrong: &Read, common: &Common, screen: &mut Screen) -> Result<()> {
    screen.step("The recording, replayed to another client")?;
    let replayed = replay(&wrong.exchange, common)?;
    screen.styled("Recorded  Replayed  Difference  Brings", Style::Dim)?;
    for (n, (recorded, again)) in replayed.times.iter().enumerate() {
        let difference = Span(again.0 - recorded.0);
        let (sign, words) = (if difference.0 < 0 { "" } else { "+" }, wrong.words.get(n as u64));
        let words = clean(words.unwrap_or_default());
        let [recorded, again] = [recorded, again].map(Span::to_string);
        screen.line(&format!("{recorded:>8}  {again:>8}  {:>10}  {words}", format!("{sign}{difference}")))?;
    }
    let (said, style) = match replayed.is_equal {
        true => ("Head, bytes, chunks and end are those of the recording.", Style::Green),
        false => ("The replay DIFFERS from the recording.", Style::Red),
    };
    screen.words(said, style)
}

/// Step 6: the same stream under the right label.
fn mended(common: &Common, screen: &mut Screen) -> Result<()> {
    screen.step("The fix: the same stream with the right label")?;
    let server = server::start(RIGHT, true)?;
    let session = through_proxy(server, common, |proxy| {
        client::ask(proxy, &mut |came| match came {
            Came::Head(line) if line.contains(RIGHT) => screen.line(&clean(line)),
            _ => Ok(()),
        })
    })?;
    let right = read(session, common)?;
    let broken = right.clients.broken();
    match right.summary.findings.as_slice() {
        [] => screen.styled("no finding", Style::Green)?,
        found => found.iter().try_for_each(|f| screen.styled(&format!("{}: {}", f.rule, f.message), Style::Red))?,
    }
    let all = right.clients.clients.len();
    screen.styled(&format!("{} of {all} models of clients read it well", all - broken), Style::Green)
}

/// Where the recording is, and what to do with it.
fn next(wrong: &Read, common: &Common, screen: &mut Screen) -> Result<()> {
    // As it was called: it may not be on the PATH.
    let called = std::env::args_os().next().map(|name| name.to_string_lossy().into_owned());
    let program = clean(&called.filter(|name| name.contains('/')).unwrap_or_else(|| "sniff".into()));
    let (id, db) = (wrong.summary.id, clean(&common.db.display().to_string()));
    screen.raw(&format!("\nThe recording is {db}. Go on with\n"))?;
    let commands = [format!("show {id}"), "report clients".into(), format!("replay {id}")];
    commands.iter().try_for_each(|command| screen.raw(&format!("  {program} --db {db} {command}\n")))
}

/// Reads what a session recorded, on a restricted thread.
fn read(session: i64, common: &Common) -> Result<Read> {
    let sandbox = Sandbox::new(&SandboxArgs::default(), common).writes_beside(&common.db);
    apart(sandbox, || {
        let reader = Reader::open(&common.db)?;
        let selector = Selector { session: Some(SessionIs::Number(session)), ..Selector::default() };
        let mut summary = reader.list(&selector)?.into_iter().next().context("nothing was recorded")?;
        reader.hide(&mut summary)?;
        let exchange = reader.exchange(summary.id)?;
        let words = reader.contributions(summary.id)?;
        let clients = stored(None, &reader, &summary, None)?.context("no client model reads the stream")?;
        Ok(Read { summary, exchange, words, clients })
    })
}
