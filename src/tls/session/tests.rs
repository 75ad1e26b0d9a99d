//! What a session says about hellos.

use super::*;
use crate::time::Timestamp;

fn vec16(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes()[..], body].concat()
}

/// A record with one handshake message.
fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let message = [&[kind, 0][..], &vec16(body)].concat();
    [&[22, 3, 1][..], &vec16(&message)].concat()
}

fn client_hello(protocol: &[u8]) -> Vec<u8> {
    let list = [&[protocol.len() as u8][..], protocol].concat();
    let alpn = [&[0, 16][..], &vec16(&vec16(&list))].concat();
    record(1, &[&[3, 3][..], &[7; 32], &[0], &vec16(&[0x13, 1]), &[1, 0], &vec16(&alpn)].concat())
}

fn server_hello(random: [u8; 32]) -> Vec<u8> {
    let version = [0, 43, 0, 2, 3, 4];
    record(2, &[&[3, 3][..], &random, &[0], &[0x13, 1, 0], &vec16(&version)].concat())
}

fn info(happens: &[(Direction, Vec<u8>)]) -> Info {
    let mut session = Session::new(ConnId(0), Keys::default());
    for (dir, bytes) in happens {
        let what = What::Data(bytes);
        session.push(&ByteEvent { at: Timestamp(0), frame: 0, conn: ConnId(0), dir: *dir, what }, &mut |_| ());
    }
    session.info().clone()
}

/// RFC 8446 section 4.1.4: the random of a HelloRetryRequest is SHA-256 of that name. It decides nothing, and the
/// client may say something else in its second hello.
#[test]
fn a_retry_is_no_answer() {
    use Direction::{ToClient, ToServer};
    let retry: [u8; 32] = {
        use sha2::Digest;
        sha2::Sha256::digest(b"HelloRetryRequest").into()
    };
    let mut happens = vec![(ToServer, client_hello(b"h2")), (ToClient, server_hello(retry))];
    let told = |i: &Info| (i.offered.clone(), i.version, i.suite);
    assert_eq!(told(&info(&happens)), (vec!["h2".to_owned()], None, None));
    happens.push((ToServer, client_hello(b"http/1.1")));
    happens.push((ToClient, server_hello([9; 32])));
    assert_eq!(told(&info(&happens)), (vec!["http/1.1".to_owned()], Some(0x0304), Some(0x1301)));
}
