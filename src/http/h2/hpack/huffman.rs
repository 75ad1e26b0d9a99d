//! The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B), decoded bit by bit. The code is
//! canonical, so its lengths define it.

/// Code length in bits of each symbol; 256 is EOS.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const LONGEST: usize = 30;
const EOS: u16 = 256;

/// Symbols in canonical order and, per length, where its codes begin.
struct Code {
    symbols: [u16; 257],
    /// First code of this length, left-aligned to 32 bits; the next length's first code bounds it.
    first: [u32; LONGEST + 2],
    /// Index in `symbols` of the first code of this length.
    index: [u16; LONGEST + 2],
}

static CODE: Code = build();

const fn build() -> Code {
    let mut code = Code { symbols: [0; 257], first: [0; LONGEST + 2], index: [0; LONGEST + 2] };
    let mut next: u64 = 0; // the next code, left-aligned to 32 bits
    let mut filled = 0;
    let mut len = 1;
    while len <= LONGEST {
        code.first[len] = next as u32;
        code.index[len] = filled as u16;
        let mut s = 0;
        while s < 257 {
            if LENGTHS[s] as usize == len {
                code.symbols[filled] = s as u16;
                filled += 1;
                next += 1 << (32 - len);
            }
            s += 1;
        }
        len += 1;
    }
    // The code is complete: the longest codes end at 2^32, which u32::MAX represents.
    code.first[LONGEST + 1] = u32::MAX;
    code.index[LONGEST + 1] = filled as u16;
    code
}

/// Appends the decoded string to `out`. `None` if the coding is broken: EOS inside, padding longer than 7
/// bits or not all ones.
pub(super) fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut bits: u64 = 0; // left-aligned
    let mut have = 0u32;
    let mut rest = bytes.iter();
    loop {
        while have <= 56 {
            let Some(b) = rest.next() else { break };
            bits |= u64::from(*b) << (56 - have);
            have += 8;
        }
        if have == 0 {
            return Some(());
        }
        let window = (bits >> 32) as u32;
        let len = (5..=LONGEST).find(|&l| l == LONGEST || window < CODE.first[l + 1])?;
        if len as u32 > have {
            // The rest must be padding: the most significant bits of EOS, fewer than 8.
            return (have < 8 && bits >> (64 - have) == (1 << have) - 1).then_some(());
        }
        let at = CODE.index[len] as usize + ((window - CODE.first[len]) >> (32 - len)) as usize;
        let symbol = *CODE.symbols.get(at)?;
        if symbol == EOS {
            return None;
        }
        out.push(symbol as u8);
        bits <<= len;
        have -= len as u32;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn hex(s: &str) -> Vec<u8> {
        (0..s.len()).step_by(2).map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap()).collect()
    }

    fn text(s: &str) -> Option<String> {
        let mut out = Vec::new();
        decode(&hex(s), &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn strings_of_rfc_7541_appendix_c() {
        assert_eq!(text("f1e3c2e5f23a6ba0ab90f4ff").as_deref(), Some("www.example.com"));
        assert_eq!(text("a8eb10649cbf").as_deref(), Some("no-cache"));
        assert_eq!(text("25a849e95ba97d7f").as_deref(), Some("custom-key"));
        assert_eq!(text("9d29ad171863c78f0b97c8e9ae82ae43d3").as_deref(), Some("https://www.example.com"));
    }

    #[test]
    fn broken_padding_is_refused() {
        assert_eq!(text("ff"), None, "eight bits of padding");
        assert_eq!(text("ffffffff"), None, "EOS");
        assert_eq!(text("00").as_deref(), None, "padding of zeros after one symbol");
        assert_eq!(text("07").as_deref(), Some("0"), "five bits of symbol, three of padding");
    }
}
