//! CSV (RFC 4180) of flattened JSON objects. Columns have the names of the view `v_exchanges`: the fields of a
//! group have its name as prefix, except those of `timing`.

use super::json;
use super::table::Table;
use super::text::is_unseen;
use anyhow::Result;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::io::Write;

/// Writes rows of one shape.
#[derive(Debug)]
pub struct Writer {
    /// Name of each column and its path in the object.
    columns: Vec<(String, Vec<String>)>,
}

impl Writer {
    /// Takes the columns from a value in which every field is present, and writes the header line.
    pub fn new(template: &impl Serialize, out: &mut dyn Write) -> Result<Writer> {
        let shape: Shape = serde_json::from_str(&serde_json::to_string(template)?)?;
        let mut columns = Vec::new();
        flatten(&shape, &mut Vec::new(), &mut columns);
        line(columns.iter().map(|(name, _)| name.clone()), out)?;
        Ok(Writer { columns })
    }

    /// Writes one row.
    pub fn row(&self, value: &impl Serialize, out: &mut dyn Write) -> Result<()> {
        let value = serde_json::to_value(value)?;
        let cell = |path: &Vec<String>| {
            let found = path.iter().try_fold(&value, |v, key| v.get(key));
            match found {
                None | Some(serde_json::Value::Null) => String::new(),
                Some(serde_json::Value::String(s)) => harmless(s),
                Some(other) => json::text(other),
            }
        };
        line(self.columns.iter().map(|(_, path)| cell(path)), out)
    }
}

/// A table as CSV: the text of its cells, with titles in lower case. Behind them the exact values of those that are
/// rounded.
pub fn table(table: &Table, out: &mut dyn Write) -> Result<()> {
    let exact: Vec<usize> = (0..table.columns.len()).filter(|i| table.columns[*i].exact.is_some()).collect();
    let names = exact.iter().filter_map(|i| table.columns[*i].exact.map(str::to_owned));
    line(table.columns.iter().map(|c| c.title.to_lowercase()).chain(names), out)?;
    table.rows.iter().try_for_each(|row| {
        let values = exact.iter().map(|i| row.get(*i).and_then(|c| c.exact.clone()).unwrap_or_default());
        line(row.iter().map(|c| harmless(&c.text)).chain(values), out)
    })
}

/// Text that a spreadsheet shows and does not run, and that a terminal shows and does not obey. A text that begins like
/// a formula gets an apostrophe before it, as spreadsheets write a text themselves; numbers stay numbers. Unseen
/// characters but line ends and tabs become `\u{…}`.
///
/// Source: OWASP, CSV injection.
fn harmless(text: &str) -> String {
    let formula = match text.chars().next() {
        Some('=' | '+' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠') => text.parse::<f64>().is_err(),
        Some('-') => text.len() > 1 && text.parse::<f64>().is_err(),
        _ => false,
    };
    let mut out = String::from(if formula { "'" } else { "" });
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let line_end = c == '\n' || (c == '\r' && rest.peek() == Some(&'\n'));
        match is_unseen(c) && !line_end && c != '\t' {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    out
}

/// Writes one line of cells.
fn line(cells: impl Iterator<Item = String>, out: &mut dyn Write) -> Result<()> {
    let cells: Vec<String> = cells.map(|c| quote(&c)).collect();
    write!(out, "{}\r\n", cells.join(","))?;
    Ok(())
}

fn quote(cell: &str) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

fn flatten(shape: &Shape, path: &mut Vec<String>, columns: &mut Vec<(String, Vec<String>)>) {
    match shape {
        Shape::Object(fields) if !fields.is_empty() => {
            for (name, inner) in fields {
                path.push(name.clone());
                flatten(inner, path, columns);
                path.pop();
            }
        }
        _ => {
            let named: Vec<&str> = path.iter().map(String::as_str).filter(|p| *p != "timing").collect();
            columns.push((named.join("_"), path.clone()));
        }
    }
}

/// The fields of a JSON object in the order in which they were written.
enum Shape {
    Object(Vec<(String, Shape)>),
    Leaf,
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Shape::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shape::Leaf)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Leaf)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Leaf)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn flat_quoted_and_in_order() {
        let mut out = Vec::new();
        let template = r#"{"z": 1, "a": {"y": null, "b": {}}, "timing": {"t_ns": 0}}"#;
        let value: &serde_json::value::RawValue = serde_json::from_str(template).unwrap();
        let w = Writer::new(&value, &mut out).unwrap();
        w.row(&json!({"z": "x,\"y\"", "a": {"b": {"k": 1}}}), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "z,a_y,a_b,t_ns\r\n\"x,\"\"y\"\"\",,\"{\"\"k\"\":1}\",\r\n");
    }

    #[test]
    fn captured_text_is_no_formula() {
        for (text, cell) in [
            ("=HYPERLINK(\"http://e\")", "\"'=HYPERLINK(\"\"http://e\"\")\""),
            ("@SUM(1+1)*cmd|' /C calc'!A0", "'@SUM(1+1)*cmd|' /C calc'!A0"),
            ("+1-2", "'+1-2"),
            ("-2+3", "'-2+3"),
            ("\t=1", "'\t=1"),
            ("＝1+1", "'＝1+1"),
            ("-", "-"),
            ("-2.5", "-2.5"),
            ("+1", "+1"),
            ("1e3", "1e3"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            let mut out = Vec::new();
            line([harmless(text)].into_iter(), &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), format!("{cell}\r\n"), "{text:?}");
        }
    }

    #[test]
    fn captured_text_cannot_steer_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2J\u{9b}b\u{7f}\u{202e}\0"), "a\\u{1b}[2J\\u{9b}b\\u{7f}\\u{202e}\\u{0}");
        assert_eq!(harmless("a\rb\r\nc\nd\te"), "a\\u{d}b\r\nc\nd\te");
    }
}
