//! HPACK (RFC 7541), decoding only, for a reader that may have joined late: entries that it never saw are
//! `unknown`, never guessed.

mod huffman;
mod table;

pub(crate) use table::Table;

/// A header field as decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// Name; empty when unknown.
    pub(crate) name: Vec<u8>,
    /// Value; empty when unknown.
    pub(crate) value: Vec<u8>,
    /// The name is in a table entry from before the capture.
    pub(crate) unknown_name: bool,
    /// The value is in a table entry from before the capture.
    pub(crate) unknown_value: bool,
}

/// Why a block could not be read to its end, and where in the block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) what: &'static str,
    pub(crate) offset: usize,
}

/// Size limit of a decoded field list, in bytes (RFC 9113 section 10.5.1 leaves the limit to the reader).
const MAX_LIST: usize = 4 << 20;

/// One direction's decoder.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: Table,
}

impl Decoder {
    /// `joined`: blocks before the first one seen may have filled the table.
    pub(crate) fn new(joined: bool) -> Self {
        Decoder { table: Table::new(joined) }
    }

    /// Bytes of memory in use, about.
    pub(crate) fn held(&self) -> usize {
        self.table.held()
    }

    /// A block was lost: from now on the table may hold unknown entries.
    pub(crate) fn lost_block(&mut self) {
        self.table.forget();
    }

    /// One complete field block.
    pub(crate) fn decode(&mut self, block: &[u8]) -> (Vec<Field>, Option<Broken>) {
        let mut fields = Vec::new();
        let mut cursor = Cursor { block, at: 0 };
        let mut size = 0;
        while cursor.at < block.len() {
            let start = cursor.at;
            match self.one(&mut cursor) {
                Ok(Some(field)) => {
                    size += field.name.len() + field.value.len() + 32;
                    if size > MAX_LIST {
                        return (fields, Some(Broken { what: "field list larger than 4 MiB", offset: start }));
                    }
                    fields.push(field);
                }
                Ok(None) => {}
                Err(what) => return (fields, Some(Broken { what, offset: start })),
            }
        }
        (fields, None)
    }

    /// One representation (RFC 7541 section 6).
    fn one(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Field>, &'static str> {
        let first = cursor.peek().ok_or("block ends early")?;
        if first & 0x80 != 0 {
            let index = cursor.integer(7)?;
            return self.table.get(index).map(Some).ok_or("index outside the tables");
        }
        if first & 0xe0 == 0x20 {
            let size = cursor.integer(5)?;
            self.table.resize(size);
            return Ok(None);
        }
        let indexed = first & 0x40 != 0;
        let name_index = cursor.integer(if indexed { 6 } else { 4 })?;
        let mut field = match name_index {
            0 => Field { name: cursor.string()?, value: Vec::new(), unknown_name: false, unknown_value: false },
            n => self.table.get(n).ok_or("name index outside the tables")?,
        };
        field.value = cursor.string()?;
        field.unknown_value = false;
        if indexed {
            self.table.insert(field.clone());
        }
        Ok(Some(field))
    }
}

struct Cursor<'a> {
    block: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.block.get(self.at).copied()
    }

    /// Integer with a prefix of `bits` bits (section 5.1).
    fn integer(&mut self, bits: u32) -> Result<usize, &'static str> {
        let mask = (1usize << bits) - 1;
        let mut value = self.peek().ok_or("block ends early")? as usize & mask;
        self.at += 1;
        if value < mask {
            return Ok(value);
        }
        for shift in (0..28).step_by(7) {
            let b = self.peek().ok_or("integer ends early")? as usize;
            self.at += 1;
            value += (b & 0x7f) << shift;
            if b & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("integer larger than 2^28")
    }

    /// String literal (section 5.2).
    fn string(&mut self) -> Result<Vec<u8>, &'static str> {
        let coded = self.peek().ok_or("block ends early")? & 0x80 != 0;
        let len = self.integer(7)?;
        let bytes = self.block.get(self.at..).and_then(|b| b.get(..len)).ok_or("string ends early")?;
        self.at += len;
        if !coded {
            return Ok(bytes.to_vec());
        }
        let mut out = Vec::with_capacity(len * 2);
        huffman::decode(bytes, &mut out).ok_or("broken Huffman coding")?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests;
