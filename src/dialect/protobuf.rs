//! The wire format of protobuf: numbered fields, without the schema that names them.
//!
//! Source: Protocol Buffers, Encoding.

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A base 128 number: integers, booleans, enumerations.
    Int(u64),
    /// A string, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// Four or eight bytes: floating point numbers and others.
    Fixed,
}

/// The fields of a message, in order. A broken one ends the iteration.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// Those that have a length: strings, bytes and messages.
    pub(super) fn lengths(message: &'a [u8]) -> impl Iterator<Item = (u64, &'a [u8])> {
        Fields(message).filter_map(|(field, value)| match value {
            Value::Bytes(bytes) => Some((field, bytes)),
            Value::Int(_) | Value::Fixed => None,
        })
    }

    /// The message can be read to its end.
    pub(super) fn is_whole(message: &'a [u8]) -> bool {
        let mut fields = Fields(message);
        while fields.next().is_some() {}
        fields.0.is_empty()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.0;
        let tag = varint(&mut rest)?;
        let (value, rest) = match tag & 7 {
            0 => (Value::Int(varint(&mut rest)?), rest),
            1 => (Value::Fixed, rest.get(8..)?),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (value, rest) = rest.split_at_checked(length)?;
                (Value::Bytes(value), rest)
            }
            5 => (Value::Fixed, rest.get(4..)?),
            _ => return None,
        };
        self.0 = rest;
        Some((tag >> 3, value))
    }
}

/// A base 128 number.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_type() {
        let message = b"\x08\x96\x01\x12\x02Hi\x1d\0\0\0\0\x21\0\0\0\0\0\0\0\0";
        let fields: Vec<_> = Fields(message).collect();
        let fixed = Value::Fixed;
        assert_eq!(fields, [(1, Value::Int(150)), (2, Value::Bytes(b"Hi")), (3, fixed), (4, fixed)]);
        assert!(Fields::is_whole(message) && Fields::is_whole(b""));
        assert_eq!(Fields::lengths(message).collect::<Vec<_>>(), [(2, &b"Hi"[..])]);
        for broken in [
            &b"\x12\x05Hi"[..],
            b"\x1f\x8b\x08",
            b"\x08",
            b"\x1d\0",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert!(!Fields::is_whole(broken), "{}", broken.escape_ascii());
        }
    }
}
