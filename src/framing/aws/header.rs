//! Headers of an event-stream message: name length u8, name, type u8, value by type.

/// The value of one header, by its type byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Types 0 (true) and 1 (false).
    Bool(bool),
    /// Type 2.
    Byte(i8),
    /// Type 3.
    Short(i16),
    /// Type 4.
    Int(i32),
    /// Type 5.
    Long(i64),
    /// Type 6, and 7 if it is not UTF-8.
    Bytes(&'a [u8]),
    /// Type 7.
    Text(&'a str),
    /// Type 8: milliseconds since 1970 UTC.
    Timestamp(i64),
    /// Type 9.
    Uuid([u8; 16]),
}

/// The headers of one message in order. If one can't be read, its offset comes as an error and the iteration
/// ends.
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Headers<'a> {
    /// Takes the header block of a message.
    pub fn new(bytes: &'a [u8]) -> Self {
        Headers { bytes, at: 0 }
    }

    fn read(&mut self) -> Option<(&'a [u8], Value<'a>)> {
        let len = usize::from(self.array::<1>()?[0]);
        let name = self.take(len)?;
        let value = match self.array::<1>()?[0] {
            kind @ (0 | 1) => Value::Bool(kind == 0),
            2 => Value::Byte(i8::from_be_bytes(self.array()?)),
            3 => Value::Short(i16::from_be_bytes(self.array()?)),
            4 => Value::Int(i32::from_be_bytes(self.array()?)),
            5 => Value::Long(i64::from_be_bytes(self.array()?)),
            kind @ (6 | 7) => {
                let len = usize::from(u16::from_be_bytes(self.array()?));
                let bytes = self.take(len)?;
                match std::str::from_utf8(bytes) {
                    Ok(text) if kind == 7 => Value::Text(text),
                    _ => Value::Bytes(bytes),
                }
            }
            8 => Value::Timestamp(i64::from_be_bytes(self.array()?)),
            9 => Value::Uuid(self.array()?),
            _ => return None,
        };
        Some((name, value))
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Result<(&'a [u8], Value<'a>), usize>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        if start >= self.bytes.len() {
            return None;
        }
        let read = self.read();
        if read.is_none() {
            self.at = self.bytes.len();
        }
        Some(read.ok_or(start))
    }
}
