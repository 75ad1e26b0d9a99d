//! Body bytes in the form of the database: each segment compressed by itself where that saves room, so that any of them
//! can be read or deleted alone.

use anyhow::{Context, Result, bail};

/// The name of the coding in the database.
const ZSTD: &str = "zstd";
/// On streams of tokens higher levels save little and cost several times as much.
const LEVEL: i32 = 1;
/// A shorter segment is stored as it is: a search in the database finds it.
const SHORTEST: usize = 512;
/// Bodies are cut into segments of this many bytes: SQLite reads a part of a large row slowly.
pub(super) const SEGMENT: usize = 1 << 20;

/// Compresses segments; its memory is used again.
pub(super) struct Packer(zstd::bulk::Compressor<'static>);

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

impl Packer {
    pub(super) fn new() -> Result<Packer> {
        Ok(Packer(zstd::bulk::Compressor::new(LEVEL).context("cannot compress")?))
    }

    /// The compressed bytes and the name of their coding; none where compression saves less than an eighth.
    pub(super) fn pack(&mut self, data: &[u8]) -> Result<Option<(Vec<u8>, &'static str)>> {
        if data.len() < SHORTEST {
            return Ok(None);
        }
        let packed = self.0.compress(data).context("cannot compress a body")?;
        Ok((packed.len() < data.len() - data.len() / 8).then_some((packed, ZSTD)))
    }
}

/// Adds the bytes of a stored segment to `bytes`.
pub(super) fn unpack(data: &[u8], coding: Option<&str>, bytes: &mut Vec<u8>) -> Result<()> {
    match coding {
        None => bytes.extend_from_slice(data),
        Some(ZSTD) => {
            bytes.extend(zstd::bulk::decompress(data, SEGMENT).context("a stored body is damaged")?);
        }
        Some(other) => bail!("a stored body has the coding {other}, which this version does not know"),
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let mut packer = Packer::new().unwrap();
        let noise = crate::store::tests::sample::noise(4096);
        for (data, is_packed) in [
            (vec![b'a'; SEGMENT], true),
            (b"data: {}\n\n".repeat(99), true),
            (vec![b'a'; SHORTEST - 1], false),
            (noise, false),
        ] {
            let packed = packer.pack(&data).unwrap();
            assert_eq!(packed.is_some(), is_packed, "{} bytes", data.len());
            let mut back = b"before".to_vec();
            match packed {
                Some((packed, coding)) => unpack(&packed, Some(coding), &mut back).unwrap(),
                None => unpack(&data, None, &mut back).unwrap(),
            }
            assert_eq!(back, [b"before", data.as_slice()].concat());
        }
    }

    #[test]
    fn damaged_and_unknown_segments_are_errors() {
        let mut bytes = Vec::new();
        assert!(unpack(b"no frame", Some("zstd"), &mut bytes).is_err());
        assert!(unpack(b"", Some("lzma"), &mut bytes).unwrap_err().to_string().contains("lzma"));
        let (bomb, coding) = Packer::new().unwrap().pack(&vec![0; SEGMENT + 1]).unwrap().unwrap();
        assert!(unpack(&bomb, Some(coding), &mut bytes).is_err(), "longer than any segment");
    }
}
