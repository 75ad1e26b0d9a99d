//! The examples of RFC 7541 appendix C, the stories of public encoders, and hostile blocks.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use proptest::prelude::*;

fn hex(s: &str) -> Vec<u8> {
    let s: String = s.split_whitespace().collect();
    (0..s.len()).step_by(2).map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap()).collect()
}

fn said(decoder: &mut Decoder, block: &str) -> Vec<String> {
    let (fields, broken) = decoder.decode(&hex(block));
    assert_eq!(broken, None);
    fields
        .iter()
        .map(|f| format!("{}: {}", String::from_utf8_lossy(&f.name), String::from_utf8_lossy(&f.value)))
        .collect()
}

/// Appendix C.1: 10 and 1337 after a prefix of 5 bits, 42 at an octet's start.
#[test]
fn integers_of_appendix_c_1() {
    for (bits, bytes, value) in [(5, "0a", 10), (5, "1f9a0a", 1337), (8, "2a", 42)] {
        let block = hex(bytes);
        let mut cursor = Cursor { block: &block, at: 0 };
        assert_eq!((cursor.integer(bits), cursor.at), (Ok(value), block.len()));
    }
}

/// Appendix C.2: the four representations, each with its own table.
#[test]
fn representations_of_appendix_c_2() {
    for (block, field, table) in [
        ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key: custom-header", (55, 1)),
        ("040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path", (0, 0)),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret", (0, 0)),
        ("82", ":method: GET", (0, 0)),
    ] {
        let mut d = Decoder::new(false);
        assert_eq!((said(&mut d, block), d.table.size_and_count()), (vec![field.to_owned()], table));
    }
}

/// Appendix C.3 without Huffman coding, C.4 with it: the same requests.
#[test]
fn requests_of_appendix_c_3_and_c_4() {
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let huffman = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    for blocks in [plain, huffman] {
        let mut d = Decoder::new(false);
        let common = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];
        assert_eq!(said(&mut d, blocks[0]), common);
        assert_eq!(d.table.size_and_count(), (57, 1));
        assert_eq!(said(&mut d, blocks[1]), [&common[..], &["cache-control: no-cache"]].concat());
        assert_eq!(d.table.size_and_count(), (110, 2));
        let third = [
            ":method: GET",
            ":scheme: https",
            ":path: /index.html",
            ":authority: www.example.com",
            "custom-key: custom-value",
        ];
        assert_eq!(said(&mut d, blocks[2]), third);
        assert_eq!(d.table.size_and_count(), (164, 3));
    }
}

/// Appendix C.5 and C.6, with a table of 256 bytes, so that entries are evicted.
#[test]
fn responses_of_appendix_c_5_and_c_6() {
    let plain = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 \
            474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 \
            666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 \
            3630 303b 2076 6572 7369 6f6e 3d31",
    ];
    let huffman = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 \
            63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 \
            b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ];
    for blocks in [plain, huffman] {
        let mut d = Decoder::new(false);
        d.table.resize(256);
        let [private, location] = ["cache-control: private", "location: https://www.example.com"];
        let date = "date: Mon, 21 Oct 2013 20:13:21 GMT";
        assert_eq!(said(&mut d, blocks[0]), [":status: 302", private, date, location]);
        assert_eq!(d.table.size_and_count(), (222, 4));
        assert_eq!(said(&mut d, blocks[1]), [":status: 307", private, date, location]);
        assert_eq!(d.table.size_and_count(), (222, 4));
        let cookie = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
        let third = [
            ":status: 200",
            private,
            "date: Mon, 21 Oct 2013 20:13:22 GMT",
            location,
            "content-encoding: gzip",
            cookie,
        ];
        assert_eq!(said(&mut d, blocks[2]), third);
        assert_eq!(d.table.size_and_count(), (215, 3));
    }
}

/// Sections 4.2 to 4.4: the limit is 4096 bytes unless an update changes it, an entry counts 32 bytes more
/// than its text, the oldest leaves first, and an entry that is larger than the table empties it.
#[test]
fn entries_leave_when_the_default_size_is_passed() {
    let field = |name: &str, len: usize| Field {
        name: name.into(),
        value: vec![b'x'; len - name.len() - 32],
        unknown_name: false,
        unknown_value: false,
    };
    let name = |t: &Table, index| t.get(index).map(|f| String::from_utf8(f.name).unwrap());
    let mut table = Table::new(false);
    table.insert(field("a", 2048));
    table.insert(field("b", 2048));
    assert_eq!(
        (table.size_and_count(), name(&table, 62), name(&table, 63)),
        ((4096, 2), Some("b".into()), Some("a".into()))
    );
    table.insert(field("c", 33));
    assert_eq!((table.size_and_count(), name(&table, 63), name(&table, 64)), ((2081, 2), Some("b".into()), None));
    table.resize(33);
    assert_eq!((table.size_and_count(), name(&table, 62)), ((33, 1), Some("c".into())));
    table.insert(field("d", 34));
    assert_eq!((table.size_and_count(), name(&table, 62)), ((0, 0), None));
}

#[test]
fn late_listener_marks_what_it_cannot_know() {
    let mut d = Decoder::new(true);
    let (fields, broken) = d.decode(&hex("82 be 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf be"));
    assert_eq!(broken, None);
    assert_eq!(fields[0].value, b"GET");
    assert!(fields[1].unknown_name && fields[1].unknown_value);
    assert_eq!(fields[3], fields[2], "an entry that was seen has its right index");
}

#[test]
fn an_index_that_cannot_be_is_said() {
    let (fields, broken) = Decoder::new(false).decode(&hex("82 be"));
    assert_eq!((fields.len(), broken.unwrap().offset), (1, 1));
}

#[test]
#[ignore = "needs public data"]
fn stories_of_public_encoders() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/public/hpack");
    let families = std::fs::read_dir(dir).expect(dir);
    let (mut stories, mut blocks) = (0, 0);
    for family in families.flatten() {
        for story in std::fs::read_dir(family.path()).unwrap().flatten() {
            let text = std::fs::read_to_string(story.path()).unwrap();
            let story_json: serde_json::Value = serde_json::from_str(&text).unwrap();
            let mut d = Decoder::new(false);
            stories += 1;
            for case in story_json["cases"].as_array().unwrap() {
                let Some(wire) = case["wire"].as_str() else { continue }; // raw-data has no blocks
                if let Some(size) = case["header_table_size"].as_u64() {
                    d.table.resize(size as usize);
                }
                let want: Vec<String> = case["headers"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .flat_map(|h| h.as_object().unwrap().iter().map(|(k, v)| format!("{k}: {}", v.as_str().unwrap())))
                    .collect();
                assert_eq!(said(&mut d, wire), want, "{}", story.path().display());
                blocks += 1;
            }
        }
    }
    assert!(stories > 0 && blocks > 1000, "{stories} stories, {blocks} blocks");
}

proptest! {
    #[test]
    fn hostile_blocks_end(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8), joined: bool) {
        let mut d = Decoder::new(joined);
        for block in &blocks {
            let _ = d.decode(block);
        }
    }
}

/// A connection that was joined: entry 62 is from before, until the sender has emptied its table (RFC 7541
/// section 4.3).
#[test]
fn an_entry_from_before_the_capture_is_unknown_until_the_table_is_emptied() {
    let mut d = Decoder::new(true);
    let (fields, broken) = d.decode(&hex("be"));
    let unknown = |f: &Field| (f.unknown_name, f.unknown_value, f.value.clone());
    assert_eq!((unknown(&fields[0]), broken), ((true, true, Vec::new()), None));
    // A literal with that name: its value is known, and so is that of the new entry.
    let (fields, broken) = d.decode(&hex("7e 01 61 be"));
    assert_eq!((fields.iter().map(unknown).collect::<Vec<_>>(), broken), (vec![(true, false, b"a".to_vec()); 2], None));
    assert!(d.decode(&hex("3f01 bf")).1.is_none(), "a smaller table is not an empty one");
    let (fields, broken) = d.decode(&hex("20 be"));
    assert_eq!((fields.len(), broken.map(|b| (b.what, b.offset))), (0, Some(("index outside the tables", 1))));
}
