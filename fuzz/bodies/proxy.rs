//! What clients and servers say to the proxy.

use sniff::internal::proxy::{Beyond, Hosts, Upstream, passed_on};

/// Heads and bodies of a client: the same is passed on however they are cut. The first two bytes say where, and how
/// strict the proxy is.
pub fn run(data: &[u8]) {
    let Some((&[size, how], bytes)) = data.split_first_chunk::<2>() else { return };
    let upstream = Upstream::parse("http://upstream.example/v1").expect("a URL");
    let whole = passed_on(upstream.clone(), [bytes], how & 1 == 1);
    let parts = passed_on(upstream, bytes.chunks(usize::from(size).max(1)), how & 1 == 1);
    // What is no request is seen at its first bytes, or once its head is whole: in pieces perhaps later, or never.
    if whole.1.is_none() {
        assert_eq!(parts, whole, "passed on");
    } else {
        assert!(parts.0.starts_with(&whole.0), "at least as much is passed on");
        assert!(parts.1.is_none_or(|why| Some(why) == whole.1), "{:?}, not {:?}", parts.1, whole.1);
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = Upstream::parse(&text);
    let _ = Beyond::from_env(|_| Some(text.to_string()));
    Hosts::parse(text.lines());
}
