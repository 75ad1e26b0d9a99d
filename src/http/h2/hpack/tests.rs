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
    fields.iter().map(|f| format!("{}: {}", String::from_utf8_lossy(&f.name), String::from_utf8_lossy(&f.value))).collect()
}

#[test]
fn requests_of_appendix_c_4() {
    let mut d = Decoder::new(false);
    assert_eq!(
        said(&mut d, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"),
        [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"]
    );
    assert_eq!(
        said(&mut d, "8286 84be 5886 a8eb 1064 9cbf"),
        [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"]
    );
    assert_eq!(
        said(&mut d, "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"),
        [":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"]
    );
}

/// Appendix C.5 with a table of 256 bytes, so that entries are evicted.
#[test]
fn responses_of_appendix_c_5() {
    let mut d = Decoder::new(false);
    d.table.resize(256);
    let first = said(
        &mut d,
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    );
    assert_eq!(
        first,
        [":status: 302", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT", "location: https://www.example.com"]
    );
    assert_eq!(said(&mut d, "4803 3330 37c1 c0bf")[0], ":status: 307");
    assert_eq!(d.table.size_and_count(), (222, 4));
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
fn stories_of_public_encoders() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/public/hpack");
    let Ok(families) = std::fs::read_dir(dir) else {
        eprintln!("skipped: {dir} is not here");
        return;
    };
    let (mut stories, mut blocks) = (0, 0);
    for family in families.flatten() {
        for story in std::fs::read_dir(family.path()).unwrap().flatten() {
            let text = std::fs::read_to_string(story.path()).unwrap();
            let story_json: serde_json::Value = serde_json::from_str(&text).unwrap();
            let mut d = Decoder::new(false);
            stories += 1;
            for case in story_json["cases"].as_array().unwrap() {
                let Some(wire) = case["wire"].as_str() else { continue }; // raw-data holds no blocks
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
