//! Tables in GitHub-flavoured Markdown, for documents and pull requests.

use super::table::Table;
use super::text::is_unseen;

/// The table as lines, each with its line end.
pub fn render(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = line(table.columns.iter().map(|c| escape(c.title)).collect());
    out += &line(table.columns.iter().map(|c| if c.right { "---:" } else { "---" }.to_owned()).collect());
    for row in &table.rows {
        out += &line(row.iter().map(|c| escape(&c.text)).collect());
    }
    out
}

/// Escapes text so that captured bytes do not become markup, links or mentions, and do not steer a terminal.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '!' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("@\u{200b}"),
            '\n' | '\r' => out.push(' '),
            c if is_unseen(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::table::{Cell, Column};

    #[test]
    fn cells_cannot_break_out() {
        let table = Table {
            columns: vec![Column::left("a"), Column::right("n")],
            rows: vec![vec![Cell::new("x|<b>"), Cell::new("1")]],
        };
        assert_eq!(render(&table), "| a | n |\n| --- | ---: |\n| x\\|&lt;b&gt; | 1 |\n");
    }

    #[test]
    fn each_special_character_is_text() {
        for (raw, escaped) in [
            ("a\nb", "a b"),
            ("a\rb", "a b"),
            ("|", "\\|"),
            ("\\", "\\\\"),
            ("`", "\\`"),
            ("*", "\\*"),
            ("_", "\\_"),
            ("[x]", "\\[x\\]"),
            ("~", "\\~"),
            ("#1", "\\#1"),
            ("!", "\\!"),
            ("<b>", "&lt;b&gt;"),
            ("&lt;", "&amp;lt;"),
            ("@me", "@\u{200b}me"),
            ("\u{1b}[2J\u{7f}\u{9b}", "\\u{1b}\\[2J\\u{7f}\\u{9b}"),
            ("a\u{202e}b\u{61c}", "a\\u{202e}b\\u{61c}"),
            ("plain ü (1.5)", "plain ü (1.5)"),
        ] {
            assert_eq!(escape(raw), escaped, "{raw:?}");
        }
        let table = Table { columns: vec![Column::left("a")], rows: vec![vec![Cell::new("b")]; 2] };
        assert_eq!(render(&table).lines().count(), 4);
    }
}
