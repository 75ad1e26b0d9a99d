//! Looks for a text in what was said and sent: prompt, answer, header fields.

use super::read::Reader;
use super::segment;
use anyhow::Result;
use rusqlite::{Row, Statement, ToSql};
use serde_json::Value;

/// Texts of the answer and of the request's head that stand in the row of an exchange.
const ROW: &str = "SELECT response_text, response_reasoning_text, response_texts, response_tool_arguments, \
    response_error_in_stream, websocket, request_path FROM exchange WHERE id = ?1";
const FIELDS: &str = "SELECT value, name FROM field WHERE exchange_id = ?1";
const BODY: &str = "SELECT data, coding FROM segment WHERE exchange_id = ?1 AND side = 0 ORDER BY off, id";

/// A text that is looked for. Case does not matter.
pub(super) struct Grep<'r> {
    text: String,
    row: Statement<'r>,
    fields: Statement<'r>,
    body: Statement<'r>,
}

impl<'r> Grep<'r> {
    pub(super) fn new(reader: &'r Reader, text: &str) -> Result<Grep<'r>> {
        let prepare = |sql| reader.db.prepare(sql);
        Ok(Grep { text: text.to_lowercase(), row: prepare(ROW)?, fields: prepare(FIELDS)?, body: prepare(BODY)? })
    }

    /// Whether the exchange has the text.
    pub(super) fn is_in(&mut self, id: i64) -> Result<bool> {
        let text = self.text.as_str();
        Ok(any(&mut self.row, id, text)? || any(&mut self.fields, id, text)? || self.is_in_body(id)?)
    }

    /// In the request's body as it was sent, or in one of the strings of its JSON.
    fn is_in_body(&mut self, id: i64) -> Result<bool> {
        let mut bytes = Vec::new();
        let mut rows = self.body.query([id])?;
        while let Some(r) = rows.next()? {
            segment::unpack(r.get_ref(0)?.as_blob()?, r.get_ref(1)?.as_str_or_null()?, &mut bytes)?;
        }
        let body = String::from_utf8_lossy(&bytes);
        if has(&body, &self.text) {
            return Ok(true);
        }
        // JSON may spell a text with escapes.
        Ok(body.contains('\\') && serde_json::from_str(&body).is_ok_and(|value| is_in_json(&value, &self.text)))
    }
}

/// Whether a text of the rows has it.
fn any(statement: &mut Statement<'_>, id: i64, text: &str) -> Result<bool> {
    let columns = statement.column_count();
    let mut rows = statement.query([&id as &dyn ToSql])?;
    while let Some(row) = rows.next()? {
        if in_row(row, columns, text)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn in_row(row: &Row<'_>, columns: usize, text: &str) -> Result<bool> {
    for i in 0..columns {
        if row.get_ref(i)?.as_str_or_null()?.is_some_and(|cell| has(cell, text)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has(whole: &str, text: &str) -> bool {
    whole.to_lowercase().contains(text)
}

fn is_in_json(value: &Value, text: &str) -> bool {
    match value {
        Value::String(s) => has(s, text),
        Value::Array(all) => all.iter().any(|v| is_in_json(v, text)),
        Value::Object(all) => all.values().any(|v| is_in_json(v, text)),
        _ => false,
    }
}
