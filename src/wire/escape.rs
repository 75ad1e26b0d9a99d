//! The escapes of `.wire` text, both ways.

/// Bytes of a text with escapes, or (what is wrong, what to write instead).
pub(super) fn unescape(text: &str) -> Result<Vec<u8>, (String, &'static str)> {
    let mut out = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match chars.next() {
            Some('n') => out.push(b'\n'),
            Some('r') => out.push(b'\r'),
            Some('t') => out.push(b'\t'),
            Some('0') => out.push(0),
            Some('\\') => out.push(b'\\'),
            Some('x') => {
                let hex: String = chars.by_ref().take(2).collect();
                let byte = Some(&hex).filter(|h| is_hex(h, 2..=2)).and_then(|h| u8::from_str_radix(h, 16).ok());
                out.push(byte.ok_or_else(|| (format!("\\x{hex}"), "two hexadecimal digits, as in \\x20"))?);
            }
            Some('u') => out.extend_from_slice(code_point(&mut chars)?.encode_utf8(&mut [0; 4]).as_bytes()),
            Some(other) => {
                return Err((
                    format!("unknown escape \\{other}"),
                    "one of \\n \\r \\t \\0 \\\\ \\xHH \\u{HEX}; a backslash itself is \\\\",
                ));
            }
            None => return Err(("a backslash at the end of the line".into(), "\\\\ for a backslash")),
        }
    }
    Ok(out)
}

/// `{HEX}` after `\u`.
fn code_point(chars: &mut std::str::Chars<'_>) -> Result<char, (String, &'static str)> {
    const INSTEAD: &str = "a Unicode scalar value in braces, as in \\u{1f600}";
    if chars.next() != Some('{') {
        return Err(("\\u without a brace".into(), INSTEAD));
    }
    let hex: String = chars.by_ref().take_while(|c| *c != '}').collect();
    let value = Some(&hex).filter(|h| is_hex(h, 1..=6)).and_then(|h| u32::from_str_radix(h, 16).ok());
    value.and_then(char::from_u32).ok_or_else(|| (format!("\\u{{{hex}}}"), INSTEAD))
}

/// A number of hexadecimal digits only (number parsing would accept a sign), at most as many as allowed.
fn is_hex(text: &str, digits: std::ops::RangeInclusive<usize>) -> bool {
    digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Text that [`unescape`] turns into these bytes again: readable characters stay unchanged, and a space at
/// the end is made visible.
pub(super) fn escape(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\0' => out.push_str("\\0"),
                '\\' => out.push_str("\\\\"),
                c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                c if is_invisible(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    if bytes.ends_with(b" ") {
        out.pop();
        out.push_str("\\x20");
    }
}

/// Characters that an editor hides, joins or changes, and white space that a trimmed line would lose.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}')
}
