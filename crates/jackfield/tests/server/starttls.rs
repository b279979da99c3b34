//! What is counted of bytes that TLS keeps, and how a connection ends during the handshake of STARTTLS, and what is published to it
//! then.

use crate::support::congested::low_marks_and;
use crate::support::probe::Log;
use crate::support::{get, text};
use crate::tls::{Identity, Secured};
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{
    Client, Connection, Disconnect, Drain, Exchange, History, Limits, Overflow, Raw, Reason, Request, TimerId,
};
use jackfield_fuzz::hub::{Faults, Hub};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Sends `hello`, and then as many bytes as the number says.
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

/// Sends `bytes` bytes to a peer that has room for `room`, and which then resets the connection. Returns how many of them were sent,
/// as the server counts them.
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

/// Begins TLS at its first line, and then does this.
struct Starter {
    config: Arc<rustls::ServerConfig>,
    then: fn(&mut Raw<'_>),
    on_secure: fn(&mut Raw<'_>),
    log: Log,
}

impl Client for Starter {
    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        self.log.note(text(line));
        if line == b"STARTTLS" {
            raw.start_tls(self.config.clone()).expect("it is plain and open");
            (self.then)(raw);
        }
    }

    fn on_secure(&mut self, raw: &mut Raw<'_>) {
        self.log.note("secure");
        (self.on_secure)(raw);
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        connection.resume_read();
    }

    fn on_goodbye(&mut self, raw: &mut Raw<'_>, why: Reason) {
        let sent = raw.send("bye\n");
        self.log.note(format!("goodbye {why:?}: {sent:?}"));
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.log.note(format!("{:?}", end.reason));
    }
}

/// A server of such clients, and a peer that has sent a part of its handshake, and the rest of that.
fn begin(then: fn(&mut Raw<'_>), on_secure: fn(&mut Raw<'_>)) -> (TestServer, Secured, Vec<u8>, Log) {
    let (identity, log) = (Identity::new(), Log::default());
    let (config, notes) = (identity.server_config(), log.clone());
    let limits = Limits::default().with(|limits| limits.max_lifetime = SECOND * 5);
    let options = TestOptions { limits, ..TestOptions::default() };
    let mut server = TestServer::with_options(options, move |_peer| Starter {
        config: config.clone(),
        then,
        on_secure,
        log: notes.clone(),
    });
    let far = server.connect_to(listener::LINES);
    let mut peer = Secured::new(far, identity.client_config(rustls::DEFAULT_VERSIONS));
    peer.far.send(b"STARTTLS\n");
    let hello = peer.hello();
    peer.far.send(&hello[..3]);
    server.run();
    assert_eq!(log.take(), ["STARTTLS"]);
    (server, peer, hello[3..].to_vec(), log)
}

/// The fault: a shutdown and the end of a lifetime cut the handshake, and `on_goodbye` came although nothing could be sent.
#[test]
fn in_the_handshake_of_starttls_the_goodbye_waits() {
    type End = fn(&mut TestServer);
    let ends: [(&str, End); 2] = [
        ("Shutdown", |server| server.handle().shutdown(Drain::within(SECOND * 60))),
        ("Timeout(Lifetime)", |server| server.advance(SECOND * 5)),
    ];
    let pauses: fn(&mut Raw<'_>) = |raw| {
        raw.pause_read();
        raw.set_timer(TimerId(1), SECOND);
    };
    for (why, end) in ends {
        for is_paused in [true, false] {
            let on_secure: fn(&mut Raw<'_>) = if is_paused { pauses } else { |_raw| {} };
            let (mut server, mut peer, rest, log) = begin(|_raw| {}, on_secure);
            end(&mut server);
            server.run();
            assert!(log.events().is_empty(), "{:?}", log.events());
            peer.far.send(&rest);
            let mut heard = peer.say(&mut server, "");
            if is_paused {
                assert_eq!((log.events(), text(&heard)), (vec!["secure".into()], String::new()));
                server.advance(SECOND);
                heard = peer.say(&mut server, "");
            }
            assert_eq!(text(&heard), "bye\n");
            assert_eq!(log.events(), ["secure", &format!("goodbye {why}: Queued"), why]);
            assert!(peer.has_heard_goodbye());
        }
    }
}

/// The fault: a half-close in the handshake was lost. No FIN came, and what was sent later was accepted.
#[test]
fn in_the_handshake_of_starttls_a_half_close_waits() {
    let sends: fn(&mut Raw<'_>) = |raw| assert!(!raw.send("late\n").is_accepted());
    let (mut server, mut peer, rest, log) = begin(|raw| raw.shutdown_write(), sends);
    assert!(!peer.far.has_server_finished());
    peer.far.send(&rest);
    assert!(peer.say(&mut server, "").is_empty());
    assert!(peer.has_heard_goodbye() && peer.far.has_server_finished());
    // It is still read.
    peer.say(&mut server, "more\n");
    assert_eq!(log.take(), ["secure", "more"]);
    peer.finish(&mut server);
    assert_eq!(log.events(), ["Peer"]);
}

/// A member of `t` from the id in its first line on. Its second line begins TLS.
struct Member(Arc<rustls::ServerConfig>, Option<Overflow>);

impl Client for Member {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.events().subscribe_from("t", "");
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        if line == b"STARTTLS" {
            return raw.start_tls(self.0.clone()).expect("it is plain and open");
        }
        if let Some(policy) = self.1 {
            raw.set_overflow(policy);
        }
        raw.subscribe_from("t", &text(line));
    }

    fn on_secure(&mut self, raw: &mut Raw<'_>) {
        raw.send("secure\n");
    }
}

/// Such a client, and what it has heard after its handshake, if this is done in the middle of that. It is new, or comes back with
/// the first id of the topic.
fn begin_as_member(
    options: TestOptions,
    policy: Option<Overflow>,
    is_new: bool,
    act: impl FnOnce(&mut TestServer),
) -> (TestServer, Secured, String) {
    let identity = Identity::new();
    let config = identity.server_config();
    let mut server = TestServer::with_options(options, move |_peer| Member(config.clone(), policy));
    assert!(server.handle().declare_topic("t", History::new(100)));
    let stream = server.connect();
    stream.send(get("/").as_bytes());
    server.run();
    let begun = text(&stream.take());
    // A broker that has not answered yet has given none.
    let first = begun.split("id: ").nth(1).map_or("e.0", str::trim_end);
    let far = server.connect_to(listener::LINES);
    let mut peer = Secured::new(far, identity.client_config(rustls::DEFAULT_VERSIONS));
    peer.far.send(format!("{}\nSTARTTLS\n", if is_new { "" } else { first }).as_bytes());
    let hello = peer.hello();
    peer.far.send(&hello[..3]);
    server.run();
    act(&mut server);
    server.run();
    peer.far.send(&hello[3..]);
    let heard = text(&peer.say(&mut server, ""));
    (server, peer, heard)
}

/// The fault: a member got nothing of what was published in its handshake, and nothing was counted. A client that wanted to catch
/// up never did.
#[test]
fn i335_what_is_published_in_the_handshake_of_starttls_waits() {
    const POLICIES: [Option<Overflow>; 6] = [
        None,
        Some(Overflow::Close),
        Some(Overflow::GiveBack),
        Some(Overflow::DropNewest),
        Some(Overflow::DropOldest),
        Some(Overflow::NewestPerKey),
    ];
    let publish = |server: &mut TestServer| {
        server.handle().publish("t", "published");
    };
    for policy in POLICIES {
        for (is_new, expected) in [(true, "publishedsecure\n"), (false, "secure\npublished")] {
            let (server, _, heard) = begin_as_member(TestOptions::default(), policy, is_new, publish);
            assert_eq!(heard, expected, "{policy:?}, new: {is_new}");
            assert_eq!(server.handle().metrics().dropped, 0);
        }
    }
    // The broker begins to answer in the handshake, and does not end before that does.
    let node = Hub::default().node(0xa, 10);
    node.set_up(true);
    let options = TestOptions { broker: Some(Arc::new(node.clone())), ..TestOptions::default() };
    let (mut server, mut peer, heard) = begin_as_member(options, None, false, |server| {
        (0..2).for_each(|_| publish(server));
        node.pump(Faults { hand_in_max: Some(1), ..Faults::default() });
    });
    assert_eq!(heard, "secure\n");
    node.pump(Faults::default());
    server.run();
    assert_eq!(text(&peer.hear()), "publishedpublished");
}

#[test]
fn i335_what_waits_in_the_handshake_of_starttls_has_a_bound() {
    const MESSAGES: u64 = 50;
    let options = low_marks_and(|limits| limits.reactor.outbox_bytes_max = 2000);
    let (server, _, heard) = begin_as_member(options, None, true, |server| {
        (0..MESSAGES).for_each(|number| _ = server.handle().publish("t", format!("<{number:098}>")));
    });
    let dropped = server.handle().metrics().dropped;
    let came = heard.matches('<').count() as u64;
    assert!(came > 5 && came + dropped == MESSAGES, "{came} came, and {dropped} were dropped");
    assert!(heard.ends_with("49>secure\n"), "the newest come: {heard}");
}
