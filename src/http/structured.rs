//! Structured field values (RFC 9651, which replaces RFC 8941), as far as fields that are judged need them: items with
//! parameters, and lists of them. Parsing is strict, as the standard demands: a value with a mistake is no value.

/// A bare item (RFC 9651 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bare {
    /// `?1`, `?0`.
    Boolean(bool),
    /// `gzip`, `example.com:80`.
    Token(String),
    /// `"text"`, without quotes and escapes.
    String(String),
    /// A number, date, byte sequence or display string: read over, its value is not kept.
    Other,
}

/// An item with its parameters in order; of equal keys the last counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The item.
    pub bare: Bare,
    /// Its parameters.
    pub parameters: Vec<(String, Bare)>,
}

impl Item {
    /// A parameter that is a token or a string.
    pub fn text(&self, key: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().rev().find(|(name, _)| name == key)?;
        match value {
            Bare::Token(text) | Bare::String(text) => Some(text),
            Bare::Boolean(_) | Bare::Other => None,
        }
    }
}

/// The value of a field that is one item; none if it is not. Several lines of one field are one value with commas
/// between them (RFC 9651 section 4.2), so that an item in two lines is none.
pub fn item<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Item> {
    let value = joined(lines);
    let mut input = Input(&value);
    input.skip(b" ");
    let item = input.item()?;
    input.skip(b" ");
    input.0.is_empty().then_some(item)
}

/// The members of a field that is a list of items; none if it is not, or if a member is an inner list.
pub fn list<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Vec<Item>> {
    let value = joined(lines);
    let mut input = Input(&value);
    let mut members = Vec::new();
    input.skip(b" ");
    while !input.0.is_empty() {
        members.push(input.item()?);
        input.skip(b" \t");
        if input.0.is_empty() {
            break;
        }
        input.take(b',')?;
        input.skip(b" \t");
        // A comma at the end is a mistake.
        input.0.first()?;
    }
    Some(members)
}

fn joined<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    lines.collect::<Vec<_>>().join(&b", "[..])
}

/// What is left of a value. Each method takes from its front, and gives none where the front is something else.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn skip(&mut self, any: &[u8]) {
        self.while_(|b| any.contains(&b));
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn while_(&mut self, is: impl Fn(u8) -> bool) -> &[u8] {
        let n = self.0.iter().position(|b| !is(*b)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        taken
    }

    /// RFC 9651 section 4.2.3.
    fn item(&mut self) -> Option<Item> {
        let bare = self.bare()?;
        let mut parameters = Vec::new();
        while self.take(b';').is_some() {
            self.skip(b" ");
            let first = *self.0.first()?;
            if !first.is_ascii_lowercase() && first != b'*' {
                return None;
            }
            let key = self.while_(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.*".contains(&b));
            let key = String::from_utf8_lossy(key).into_owned();
            let value = if self.take(b'=').is_some() { self.bare()? } else { Bare::Boolean(true) };
            parameters.push((key, value));
        }
        Some(Item { bare, parameters })
    }

    /// RFC 9651 section 4.2.3.1.
    fn bare(&mut self) -> Option<Bare> {
        match *self.0.first()? {
            b'?' => {
                self.take(b'?')?;
                let value = self.take(b'1').is_some();
                if !value {
                    self.take(b'0')?;
                }
                Some(Bare::Boolean(value))
            }
            b'"' => self.string().map(Bare::String),
            b'%' => {
                self.take(b'%')?;
                self.take(b'"')?;
                self.while_(|b| (b' '..=b'~').contains(&b) && b != b'"');
                self.take(b'"').map(|()| Bare::Other)
            }
            b':' => {
                self.take(b':')?;
                self.while_(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
                self.take(b':').map(|()| Bare::Other)
            }
            b'@' => {
                self.take(b'@')?;
                self.number(false)
            }
            b'-' | b'0'..=b'9' => self.number(true),
            b'*' | b'a'..=b'z' | b'A'..=b'Z' => {
                let token = self.while_(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&b));
                Some(Bare::Token(String::from_utf8_lossy(token).into_owned()))
            }
            _ => None,
        }
    }

    /// RFC 9651 section 4.2.4: 15 digits, or 12 with up to 3 behind the point.
    fn number(&mut self, may_be_decimal: bool) -> Option<Bare> {
        let _sign = self.take(b'-');
        let whole = self.while_(|b| b.is_ascii_digit()).len();
        let fits = match self.take(b'.') {
            Some(()) => {
                let part = self.while_(|b| b.is_ascii_digit()).len();
                may_be_decimal && (1..=12).contains(&whole) && (1..=3).contains(&part)
            }
            None => (1..=15).contains(&whole),
        };
        fits.then_some(Bare::Other)
    }

    /// RFC 9651 section 4.2.5.
    fn string(&mut self) -> Option<String> {
        self.take(b'"')?;
        let mut text = String::new();
        loop {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            match first {
                b'"' => return Some(text),
                b'\\' => {
                    let (escaped, rest) = self.0.split_first()?;
                    self.0 = rest;
                    if !b"\"\\".contains(escaped) {
                        return None;
                    }
                    text.push(char::from(*escaped));
                }
                b' '..=b'~' => text.push(char::from(*first)),
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &str) -> Option<Item> {
        item(std::iter::once(value.as_bytes()))
    }

    /// The examples of RFC 9651 section 3.3, and what its algorithms refuse.
    #[test]
    fn items_are_read_as_the_standard_says() {
        for (value, want) in [
            ("?1", Some(Bare::Boolean(true))),
            ("?0", Some(Bare::Boolean(false))),
            ("  ?1  ", Some(Bare::Boolean(true))),
            ("?1;a;b=2;  c=\"x\"", Some(Bare::Boolean(true))),
            ("foo123/456", Some(Bare::Token("foo123/456".to_owned()))),
            (r#""hello \"you\" \\""#, Some(Bare::String(r#"hello "you" \"#.to_owned()))),
            ("4.5", Some(Bare::Other)),
            ("-15", Some(Bare::Other)),
            (":cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==:", Some(Bare::Other)),
            ("@1659578233", Some(Bare::Other)),
            (r#"%"This is intended for display to %c3%bcsers.""#, Some(Bare::Other)),
        ] {
            assert_eq!(one(value).map(|item| item.bare), want, "{value}");
        }
        for value in [
            "",
            "?",
            "?2",
            "?11",
            "?1 ?1",
            "?1,",
            "?1, ?1",
            "?1;",
            "?1;A",
            "?1;a=",
            "?1\t",
            "\t?1",
            "?1 ;a",
            "tru\u{e9}",
            "\"open",
            "\"\\x\"",
            "1.",
            "1.2345",
            "1234567890123456",
            "--1",
            "@1.5",
            ":open",
            "%\"open",
            "(a b)",
        ] {
            assert_eq!(one(value), None, "{value:?}");
        }
    }

    #[test]
    fn several_lines_are_one_value() {
        fn lines(all: &'static [&'static [u8]]) -> impl Iterator<Item = &'static [u8]> {
            all.iter().copied()
        }
        assert_eq!(item(lines(&[b"?1", b"?1"])), None);
        let members = list(lines(&[b"a; error=x", b"\"b c\";error=\"y\" ,c;error=2;error"])).unwrap_or_default();
        let told: Vec<_> = members.iter().map(|member| (&member.bare, member.text("error"))).collect();
        let (b, c) = (Bare::String("b c".to_owned()), Bare::Token("c".to_owned()));
        assert_eq!(told, [(&Bare::Token("a".to_owned()), Some("x")), (&b, Some("y")), (&c, None)]);
        assert_eq!(list(lines(&[b"a,"])), None);
        assert_eq!(list(lines(&[b"a b"])), None);
        assert_eq!(list(lines(&[])), Some(Vec::new()));
    }
}
