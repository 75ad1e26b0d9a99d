//! Selectors of exchanges: the same options for every command.

use super::values;
use crate::store::Selector;
use crate::store::select::SessionIs;
use crate::store::upkeep::is_name;
use crate::time::Timestamp;
use clap::Args;

/// The options that select exchanges.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selectors")]
pub(super) struct SelectorArgs {
    /// Session (number, name, or last)
    #[arg(long, value_name = "N", value_parser = session)]
    session: Option<SessionIs>,
    /// Begun at or after (RFC 3339, date, or 2h for 2h ago)
    #[arg(long, value_name = "TIME", value_parser = values::instant)]
    since: Option<Timestamp>,
    /// Begun before (as --since)
    #[arg(long, value_name = "TIME", value_parser = values::instant)]
    until: Option<Timestamp>,
    /// Host or address; * and ? are wildcards
    ///
    /// Host of the request or address of the server, with or without port.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Beginning of the path; * and ? are wildcards
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Model of the request; * and ? are wildcards
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Method of JSON-RPC, as tools/call; * and ? are wildcards
    #[arg(long, value_name = "METHOD", hide_short_help = true)]
    rpc_method: Option<String>,
    /// What it is called on, as a tool's name; * and ? are wildcards
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    rpc_name: Option<String>,
    /// Dialect, as openai.chat; * and ? are wildcards
    #[arg(long, value_name = "DIALECT")]
    dialect: Option<String>,
    /// Framing, as sse, ndjson, json
    #[arg(long, value_name = "FRAMING")]
    framing: Option<String>,
    /// Only streamed answers (=false: only others)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, hide_possible_values = true, default_missing_value = "true")]
    streaming: Option<bool>,
}

impl SelectorArgs {
    pub(super) fn selector(&self) -> Selector {
        Selector {
            session: self.session.clone(),
            since: self.since,
            until: self.until,
            host: self.host.clone(),
            path: self.path.clone(),
            model: self.model.clone(),
            rpc_method: self.rpc_method.clone(),
            rpc_name: self.rpc_name.clone(),
            dialect: self.dialect.clone(),
            framing: self.framing.clone(),
            streaming: self.streaming,
        }
    }
}

/// A session's number, its name, or `last`.
pub(super) fn session(text: &str) -> Result<SessionIs, String> {
    match (text, text.parse()) {
        ("last", _) => Ok(SessionIs::Last),
        (_, Ok(number)) => Ok(SessionIs::Number(number)),
        (name, Err(_)) if is_name(name) => Ok(SessionIs::Named(name.into())),
        _ => Err("expected a session's number, its name, or `last`".into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        selectors: SelectorArgs,
    }

    #[test]
    fn each_selector_has_its_option() {
        let of = |options: &str| {
            let line = Line::try_parse_from(["sniff"].into_iter().chain(options.split_whitespace()));
            line.unwrap().selectors.selector()
        };
        let text = |text: &str| Some(text.to_owned());
        let want = Selector {
            session: Some(SessionIs::Number(7)),
            since: Some(Timestamp(1_000_000_000)),
            until: Some(Timestamp(2_000_000_000)),
            host: text("h"),
            path: text("p"),
            model: text("m"),
            rpc_method: text("r"),
            rpc_name: text("n"),
            dialect: text("d"),
            framing: text("f"),
            streaming: Some(false),
        };
        let given = "--session 7 --since 1970-01-01T00:00:01Z --until 1970-01-01T00:00:02Z --host h --path p --model m \
            --rpc-method r --rpc-name n --dialect d --framing f --streaming=false";
        assert_eq!(of(given), want);
        assert_eq!(
            of("--streaming --session last"),
            Selector { session: Some(SessionIs::Last), streaming: Some(true), ..Selector::default() }
        );
        assert_eq!(of("--session base-1").session, Some(SessionIs::Named("base-1".into())));
        assert_eq!(of(""), Selector::default());
    }
}
