//! The driver with real sockets on the loopback interface, and the clients of the standard library.
//!
//! Nothing sleeps for luck: tests wait for what the server tells, or for bytes, with an upper bound.

#[cfg(feature = "tls")]
#[path = "../common/configs.rs"]
mod configs;
#[cfg(feature = "tls")]
#[path = "../common/identity.rs"]
mod identity;
mod server;
#[cfg(feature = "tls")]
mod tls;
#[cfg(unix)]
mod unix;

use jackfield_reactor::{Limits, Reason, Timeout};
use server::{LONG, Plan, Server, Told, pattern, say};
use socket2::SockRef;
#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(target_os = "linux")]
use std::sync::mpsc;
use std::time::Duration;

fn connect(server: &Server) -> TcpStream {
    let client = TcpStream::connect(server.addr.as_ip().expect("an IP address")).expect("it listens");
    client.set_read_timeout(Some(LONG)).expect("a time");
    client.set_write_timeout(Some(LONG)).expect("a time");
    client
}

fn read(client: &mut impl Read, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    client.read_exact(&mut bytes).expect("so many bytes");
    bytes
}

fn read_to_end(client: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).expect("an end in good order");
    bytes
}

#[test]
fn bytes_of_any_length_are_echoed() {
    let server = Server::start(Plan::default());
    let mut client = connect(&server);
    for len in [1, 5, 1000, 65_535, 65_536, 65_537, 200_000] {
        let bytes = pattern(len);
        let mut writer = client.try_clone().expect("a descriptor");
        std::thread::scope(|scope| {
            scope.spawn(|| writer.write_all(&bytes).expect("it reads"));
            assert!(read(&mut client, len) == bytes, "{len} bytes came back changed");
        });
    }
    client.shutdown(Shutdown::Write).expect("open");
    assert_eq!(read_to_end(&mut client), b"");
    assert_eq!(server.closed(), Reason::Peer);
    server.stop();
}

#[test]
fn eight_mebibytes_both_ways_with_a_reader_that_comes_late() {
    let server = Server::start(Plan::default());
    let mut client = connect(&server);
    let bytes = pattern(8 << 20);
    let mut writer = client.try_clone().expect("a descriptor");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.write_all(&bytes).expect("it reads");
            writer.shutdown(Shutdown::Write).expect("open");
        });
        // The client does not read before the server is congested.
        while server.told() != Told::Congested {}
        let mut got = Vec::new();
        let mut piece = [0; 1000];
        while got.len() < bytes.len() {
            let count = client.read(&mut piece).expect("more");
            got.extend_from_slice(&piece[..count]);
        }
        assert!(got == bytes, "the bytes came back changed");
        assert_eq!(read_to_end(&mut client), b"");
    });
    assert_eq!(server.told(), Told::Drained);
    assert_eq!(server.closed(), Reason::Peer);
    server.stop();
}

#[test]
fn a_half_closed_connection_gets_its_answer() {
    // Congested by its answer: every writable edge tells of the peer's end once more.
    let plan = Plan {
        end: |wires, id| {
            say(wires, id, &pattern(8 << 20));
            wires.close(id, Reason::Service(1));
        },
        ..Plan::default()
    };
    let server = Server::start(plan);
    let mut client = connect(&server);
    client.write_all(b"the last word").expect("it reads");
    client.shutdown(Shutdown::Write).expect("open");
    assert_eq!(read(&mut client, 13), b"the last word");
    assert!(read_to_end(&mut client) == pattern(8 << 20));
    assert!(matches!(server.told(), Told::Open(_)));
    assert_eq!(server.told(), Told::End { cut: false });
    assert_eq!(server.told(), Told::Closed(Reason::Service(1)));
    server.stop();
}

#[test]
fn a_half_closed_connection_that_stays_open_ends_once() {
    let plan = Plan { end: |wires, id| say(wires, id, &pattern(8 << 20)), ..Plan::default() };
    let server = Server::start(plan);
    let mut client = connect(&server);
    client.shutdown(Shutdown::Write).expect("open");
    assert!(read(&mut client, 8 << 20) == pattern(8 << 20));
    assert!(matches!(server.told(), Told::Open(_)));
    assert_eq!(server.told(), Told::End { cut: false });
    assert_eq!(server.told(), Told::Drained);
    // It can still be written to; and that the peer is gone altogether is noticed by that.
    server.ask(|wires| {
        let id = wires.ids().next().expect("one");
        say(wires, id, b"still there");
    });
    assert_eq!(read(&mut client, 11), b"still there");
    reset(client);
    assert_eq!(server.closed(), Reason::Reset);
    server.stop();
}

fn reset(client: TcpStream) {
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("a socket");
    drop(client);
}

#[test]
fn a_reset_is_noticed() {
    let server = Server::start(Plan::default());
    let mut client = connect(&server);
    client.write_all(b"hello").expect("it reads");
    assert_eq!(read(&mut client, 5), b"hello");
    reset(client);
    assert_eq!(server.closed(), Reason::Reset);
    server.stop();
}

#[test]
fn a_reset_is_noticed_although_the_wire_is_not_read() {
    let plan = Plan {
        open: |wires, id| {
            wires.pause(id);
            say(wires, id, b"not now");
        },
        ..Plan::default()
    };
    let server = Server::start(plan);
    let mut client = connect(&server);
    client.write_all(b"hello").expect("the system takes it");
    assert_eq!(read(&mut client, 7), b"not now");
    reset(client);
    assert_eq!(server.closed(), Reason::Reset);
    server.stop();
}

#[test]
fn an_aborted_wire_sends_nothing_more() {
    let plan = Plan {
        bytes: |wires, id, rx| {
            say(wires, id, b"unsent");
            wires.abort(id, Reason::Service(2));
            rx.len()
        },
        ..Plan::default()
    };
    let server = Server::start(plan);
    let mut client = connect(&server);
    client.write_all(b"hello").expect("it reads");
    assert_eq!(server.closed(), Reason::Service(2));
    assert_eq!(client.read(&mut [0]).expect_err("it was reset").kind(), ErrorKind::ConnectionReset);
    server.stop();
}

#[test]
fn bytes_sent_to_a_paused_wire_come_after_resume() {
    let plan = Plan { open: |wires, id| wires.pause(id), ..Plan::default() };
    let server = Server::start(plan);
    let mut client = connect(&server);
    client.write_all(b"hello").expect("the system takes it");
    client.shutdown(Shutdown::Write).expect("open");
    let Told::Open(id) = server.told() else { panic!("told of something else first") };
    server.ask(|_| {});
    server.ask(move |wires| wires.resume(id));
    assert_eq!(read_to_end(&mut client), b"hello");
    assert_eq!(server.closed(), Reason::Peer);
    server.stop();
}

#[test]
fn output_before_the_close_arrives_although_the_peer_keeps_sending() {
    let plan = Plan {
        bytes: |wires, id, rx| {
            say(wires, id, &pattern(100_000));
            wires.close(id, Reason::Local);
            rx.len()
        },
        ..Plan::default()
    };
    let server = Server::start(plan);
    let mut client = connect(&server);
    for _ in 0..20 {
        client.write_all(&[0; 10_000]).expect("it is dropped, not refused");
    }
    assert!(read_to_end(&mut client) == pattern(100_000));
    drop(client);
    assert_eq!(server.closed(), Reason::Local);
    server.stop();
}

#[test]
fn a_peer_that_stays_after_the_close_is_left_after_a_while() {
    // How long that is shows in virtual time, see `memory`. Here it is the driver that wakes for it.
    let limits = Limits { linger: Duration::from_millis(50), ..Limits::default() };
    let plan = Plan { limits, open: |wires, id| wires.close(id, Reason::Local), ..Plan::default() };
    let server = Server::start(plan);
    let mut client = connect(&server);
    assert_eq!(server.closed(), Reason::Local);
    assert_eq!(read_to_end(&mut client), b"");
    server.stop();
}

#[test]
fn a_peer_that_does_not_read_is_aborted() {
    let limits = Limits { write_stall: Duration::from_millis(100), ..Limits::default() };
    let plan = Plan { limits, open: |wires, id| say(wires, id, &pattern(16 << 20)), ..Plan::default() };
    let server = Server::start(plan);
    let client = connect(&server);
    assert_eq!(server.closed(), Reason::Timeout(Timeout::Write));
    drop(client);
    server.stop();
}

/// A write takes a bounded number of slices, and the system reports no room if it took all of them.
#[cfg(target_os = "linux")]
#[test]
fn the_system_keeps_little_for_a_peer_that_does_not_read() {
    const BYTES: usize = 8 << 20;
    let server = Server::start(Plan {
        open: |wires, id| say(wires, id, &vec![7; BYTES]),
        limits: Limits { outbox_bytes_max: 2 * BYTES, ..Limits::default() },
        ..Plan::default()
    });
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    client.set_recv_buffer_size(4096).expect("a size");
    client.connect(&server.addr.as_ip().expect("an IP address").into()).expect("it listens");
    let Told::Open(id) = server.told() else { panic!("it is open first") };
    let (tell, told) = mpsc::channel();
    server.ask(move |wires| tell.send(wires.queued_bytes(id)).expect("it is waited for"));
    let kept = BYTES - told.recv_timeout(LONG).expect("it tells");
    assert!((1..=256 << 10).contains(&kept), "the system keeps {kept} bytes");
    drop(client);
    server.closed();
    server.stop();
}

#[test]
fn more_pieces_than_one_write_takes_all_leave() {
    let plan = Plan {
        open: |wires, id| {
            for _ in 0..1500 {
                wires.outbox(id).expect("open").push_owned_body(pattern(2048));
            }
        },
        ..Plan::default()
    };
    let server = Server::start(plan);
    let mut client = connect(&server);
    for _ in 0..1500 {
        assert!(read(&mut client, 2048) == pattern(2048));
    }
    client.shutdown(Shutdown::Write).expect("open");
    assert_eq!(server.closed(), Reason::Peer);
    server.stop();
}

#[test]
fn two_hundred_new_connections_at_once() {
    let plan = Plan::default();
    let limits = Limits { accepts_per_turn: 16, ..plan.limits };
    // Both ends of each have a descriptor, and 1,024 are a usual limit.
    let server = Server::start(Plan { limits, ..plan });
    let mut clients: Vec<TcpStream> = (0..200).map(|_| connect(&server)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.write_all(&(number as u32).to_le_bytes()).expect("it reads");
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(read(client, 4), (number as u32).to_le_bytes());
    }
    drop(clients);
    for _ in 0..200 {
        assert_eq!(server.closed(), Reason::Peer);
    }
    server.stop();
}

#[test]
fn commands_of_other_threads_wake_it() {
    let server = Server::start(Plan::default());
    let mut client = connect(&server);
    let Told::Open(id) = server.told() else { panic!("told of something else first") };
    for round in 0..100u8 {
        std::thread::scope(|scope| {
            for part in 0..3u8 {
                let mailbox = &server.mailbox;
                scope.spawn(move || {
                    let command = Box::new(move |wires: &mut _| say(wires, id, &[round, part]));
                    mailbox.post(command, 1).ok().expect("there is room");
                });
            }
        });
        let got = read(&mut client, 6);
        let mut commands: Vec<_> = got.chunks(2).collect();
        commands.sort_unstable();
        assert_eq!(commands, [[round, 0], [round, 1], [round, 2]]);
    }
    drop(client);
    assert_eq!(server.closed(), Reason::Peer);
    server.stop();
}

#[test]
fn new_connections_wait_while_none_is_accepted() {
    let server = Server::start(Plan::default());
    let mut first = connect(&server);
    assert!(matches!(server.told(), Told::Open(_)));
    for _ in 0..3 {
        server.ask(|wires| wires.set_listening(false));
        let mut second = connect(&server);
        second.write_all(b"hello").expect("the system takes it");
        for _ in 0..3 {
            // Turns go by.
            first.write_all(b"x").expect("it reads");
            assert_eq!(read(&mut first, 1), b"x");
        }
        server.mailbox.post(Box::new(|wires| wires.set_listening(true)), 1).ok().expect("there is room");
        assert_eq!(server.told(), Told::Done, "nobody was accepted before");
        assert!(matches!(server.told(), Told::Open(_)));
        assert_eq!(read(&mut second, 5), b"hello");
        drop(second);
        assert_eq!(server.closed(), Reason::Peer);
    }
    drop(first);
    assert_eq!(server.closed(), Reason::Peer);
    server.stop();
}
