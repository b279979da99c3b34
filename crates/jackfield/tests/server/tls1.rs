//! What is counted of bytes that TLS keeps.

use crate::support::probe::Log;
use crate::tls::{Identity, Secured};
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{Client, Connection, Disconnect, Raw};

/// Says `hello` first, and then so many bytes.
struct Speaker(usize, Log);

impl Client for Speaker {
    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        let bytes = if data == b"go" { vec![b'x'; self.0] } else { b"hello".to_vec() };
        assert!(raw.send(bytes).is_accepted());
        data.len()
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.1.note(format!("{} left, {} did not", end.bytes_out, end.unsent));
    }
}

/// Says so many bytes to a peer that has room for a few, which then resets the connection. Returns how many of them have left by
/// the server's account.
fn bytes_left(bytes: usize, room: usize) -> usize {
    let (identity, log) = (Identity::new(), Log::default());
    let options = TestOptions { tls: Some(identity.server_config()), ..TestOptions::default() };
    let notes = log.clone();
    let mut server = TestServer::with_options(options, move |_peer| Speaker(bytes, notes.clone()));
    let far = server.connect_to(listener::RAW);
    let mut peer = Secured::new(far, identity.client_config(rustls::DEFAULT_VERSIONS));
    assert_eq!(peer.say(&mut server, "hi"), b"hello");
    peer.far.set_room(Some(room));
    peer.send("go");
    server.run();
    let id = server.wires().ids().next().expect("it is there");
    let stats = server.wires().wire_stats(id).expect("it is there");
    assert_eq!(stats.bytes_out as usize + stats.queued, 5 + bytes, "each is counted once");
    peer.far.reset();
    server.run();
    assert_eq!(log.events(), [format!("{} left, {} did not", stats.bytes_out, stats.queued)]);
    stats.bytes_out as usize - 5
}

/// The fault: over TLS up to 64 KiB that the kernel had not taken counted as sent.
#[test]
fn bytes_that_tls_keeps_were_not_sent() {
    for bytes in [1, 50_000, 200_000] {
        assert_eq!(bytes_left(bytes, 0), 0);
        assert_eq!(bytes_left(bytes, 1 << 20), bytes);
    }
    for (bytes, room) in [(50_000, 20_000), (200_000, 100_000)] {
        let left = bytes_left(bytes, room);
        assert!((room - 200..=room).contains(&left), "{left} of {bytes}");
    }
}
