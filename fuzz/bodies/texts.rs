//! Files and arguments that a user gives, and that may come from others.

use sniff::internal::interchange::har;
use sniff::internal::{cli, tls, wire};

/// A `.wire` transcript: what was read is written, and read as the same.
pub fn wire(data: &[u8]) {
    let Ok(transcript) = wire::parse(&String::from_utf8_lossy(data)) else { return };
    let text = wire::write(&transcript);
    let again = wire::parse(&text).unwrap_or_else(|e| panic!("what was written is no transcript: {e}\n{text}"));
    assert_eq!(wire::write(&again), text, "it is written as it was");
}

/// A key log: the same secrets however it is cut. The first byte says where.
pub fn keylog(data: &[u8]) {
    let Some((size, text)) = data.split_first() else { return };
    let read = |size: usize| {
        let keys = tls::Keys::default();
        text.chunks(size).for_each(|part| keys.push(part));
        keys.finish();
        format!("{keys:?}")
    };
    assert_eq!(read(usize::from(*size).max(1)), read(text.len().max(1)));
}

/// An archive of a browser: what was read is written, and read as the same number of exchanges.
pub fn har(data: &[u8]) {
    let Ok(imported) = har::exchanges(data) else { return };
    let archive = har::archive(&imported.exchanges).to_string();
    let again = har::exchanges(archive.as_bytes()).expect("what was written is an archive");
    assert_eq!(again.exchanges.len(), imported.exchanges.len(), "{:?}\n{archive}", again.left_out);
}

/// `sniff.toml`: what is wrong is said with its place.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(said) = cli::config(&text) {
        let place: Vec<_> = said.splitn(3, ':').map(str::trim).collect();
        let lines = text.matches('\n').count() + 1;
        assert!(place.len() == 3 && place[1].parse::<usize>().is_ok_and(|n| n > 0), "{said}");
        assert!(place[0].parse::<usize>().is_ok_and(|n| n > 0 && n <= lines), "{said}");
    }
}

/// Arguments of the selectors, one option a line: `--since 2h`.
pub fn selectors(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let options = text.lines().flat_map(|line| line.splitn(2, ' ')).map(str::to_owned);
    let words: Vec<String> = ["sniff", "list"].map(str::to_owned).into_iter().chain(options).collect();
    if let Err(said) = cli::parses(&words) {
        assert!(said.starts_with("error: "), "{said}");
    }
}
