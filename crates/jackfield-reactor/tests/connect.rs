//! Connections of our own, over memory: which address is tried when, and how each attempt ends.

use jackfield_reactor::{
    Above, Addr, ConnectionId, Dial, Incoming, Limits, MemoryDriver, Reason, Service, SocketOptions, Timeout,
    Wires,
};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

/// Notes its events, and sends a greeting to each new connection.
#[derive(Default)]
struct Notes(Vec<String>);

impl Service for Notes {
    fn on_established(&mut self, wires: &mut Wires, id: ConnectionId) {
        let peer = wires.peer(id).expect("it is there");
        self.0.push(format!("established {} at listener {}", peer.addr, peer.listener));
        wires.outbox(id).expect("it is open").tail().extend_from_slice(b"hello");
    }
    fn on_bytes(&mut self, _: &mut Wires, _: ConnectionId, rx: &mut [u8]) -> usize {
        self.0.push(String::from_utf8_lossy(rx).into());
        rx.len()
    }
    fn on_close(&mut self, wires: &mut Wires, id: ConnectionId, reason: Reason) {
        self.0.push(format!("close {reason:?} {}", wires.peer(id).expect("it is there").addr));
    }
    fn on_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        wires.close(id, Reason::Peer);
    }
    fn on_accept(&mut self, _: &mut Wires, _: Incoming) {}
    fn on_drain(&mut self, _: &mut Wires, _: ConnectionId) {}
    fn on_idle(&mut self, _: &mut Wires, _: ConnectionId, _: Duration) {}
    fn on_timer(&mut self, _: &mut Wires, _: ConnectionId, _: u32) {}
    fn on_wake(&mut self, _: &mut Wires) {}
    fn on_accept_error(&mut self, _: &mut Wires, _: usize, _: &io::Error) {}
}

struct World {
    driver: MemoryDriver,
    notes: Notes,
    id: ConnectionId,
}

/// All of it may take nine seconds.
const WITHIN: Duration = Duration::from_secs(9);

impl World {
    fn new() -> Self {
        let mut driver = MemoryDriver::new(0, Limits::default());
        let id = driver
            .reactor
            .wires
            .connect(Above::Plain, SocketOptions::default(), 7, WITHIN)
            .expect("there is room");
        Self { driver, notes: Notes::default(), id }
    }

    /// The addresses 192.0.2.1 to that many, and whom the first attempt went to.
    fn dial(&mut self, addrs: u8) -> Dial {
        let addrs = (1..=addrs).map(|last| Addr::from(SocketAddr::from(([192, 0, 2, last], 80))));
        self.driver.reactor.wires.dial(self.id, addrs);
        self.dialled()
    }

    fn dialled(&mut self) -> Dial {
        let mut dials = self.driver.take_dials();
        assert_eq!(dials.len(), 1, "one at a time");
        dials.remove(0)
    }

    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        self.driver.run(&mut self.notes);
        assert_eq!(std::mem::take(&mut self.notes.0), expected);
    }

    fn advance(&mut self, span: Duration) {
        self.driver.advance(span, &mut self.notes);
    }

    #[track_caller]
    fn is_empty(&mut self) {
        let wires = &self.driver.reactor.wires;
        assert_eq!((wires.len(), wires.lingering(), wires.timers()), (0, 0, 0));
        self.driver.check().expect("nothing is left");
    }
}

#[test]
fn an_accepted_outgoing_connection_is_established() {
    let mut world = World::new();
    let Dial { id, addr, far } = world.dial(1);
    assert_eq!((id, addr.to_string()), (world.id, "192.0.2.1:80".to_owned()));
    world.check(&[]);
    assert!(!world.driver.reactor.wires.is_open(id), "nobody has answered");
    far.accept();
    world.check(&["established 192.0.2.1:80 at listener 7"]);
    assert_eq!(far.take(), b"hello");
    far.send(b"who are you?");
    far.finish();
    world.check(&["who are you?", "close Peer 192.0.2.1:80"]);
    world.is_empty();
}

/// Bytes that come together with the answer are reported after it.
#[test]
fn bytes_sent_with_the_accept_are_read() {
    let mut world = World::new();
    let far = world.dial(1).far;
    far.accept();
    far.send(b"welcome");
    far.finish();
    world.check(&["established 192.0.2.1:80 at listener 7", "welcome", "close Peer 192.0.2.1:80"]);
}

#[test]
fn the_next_address_is_tried_when_one_refuses() {
    let mut world = World::new();
    world.dial(3).far.refuse(ErrorKind::ConnectionRefused);
    world.check(&[]);
    world.dialled().far.refuse(ErrorKind::HostUnreachable);
    world.check(&[]);
    world.dialled().far.accept();
    world.check(&["established 192.0.2.3:80 at listener 7"]);
}

#[test]
fn when_all_have_refused_the_last_says_why() {
    let mut world = World::new();
    world.dial(2).far.refuse(ErrorKind::ConnectionRefused);
    world.check(&[]);
    world.dialled().far.refuse(ErrorKind::HostUnreachable);
    world.check(&["close Connect(HostUnreachable) 192.0.2.2:80"]);
    world.is_empty();
}

#[test]
fn a_silent_address_takes_its_share_of_the_time_and_no_more() {
    let mut world = World::new();
    world.dial(3);
    world.advance(Duration::from_millis(2_999));
    assert!(world.driver.take_dials().is_empty());
    world.advance(Duration::from_millis(1));
    assert_eq!(world.dialled().addr.to_string(), "192.0.2.2:80");
    // What one refuses at once is left to the others.
    world.advance(Duration::from_secs(3));
    let last = world.dialled();
    assert_eq!(last.addr.to_string(), "192.0.2.3:80");
    world.advance(Duration::from_millis(2_999));
    world.check(&[]);
    world.advance(Duration::from_millis(1));
    world.check(&[&format!("close {:?} 192.0.2.3:80", Reason::Timeout(Timeout::Handshake))]);
    last.far.accept();
    world.check(&[]);
    world.is_empty();
}

#[test]
fn addresses_that_never_come_have_the_same_deadline() {
    let mut world = World::new();
    world.advance(WITHIN);
    world.check(&[&format!("close {:?} unix:", Reason::Timeout(Timeout::Handshake))]);
    world.driver.reactor.wires.dial(world.id, [Addr::from(SocketAddr::from(([192, 0, 2, 1], 80)))]);
    assert!(world.driver.take_dials().is_empty(), "it is over");
    world.is_empty();
}

#[test]
fn a_name_without_address_is_reported() {
    let mut world = World::new();
    world.driver.reactor.wires.give_up(world.id, ErrorKind::NotFound);
    world.check(&[]);
    world.advance(Duration::from_millis(1));
    world.check(&["close Connect(NotFound) unix:"]);
    let mut world = World::new();
    world.driver.reactor.wires.dial(world.id, []);
    world.advance(Duration::from_millis(1));
    world.check(&["close Connect(NotFound) unix:"]);
    world.is_empty();
}

#[test]
fn it_can_be_closed_and_aborted_before_an_answer() {
    for end in [Wires::close, Wires::abort] {
        let mut world = World::new();
        let far = world.dial(2).far;
        end(&mut world.driver.reactor.wires, world.id, Reason::Local);
        world.check(&["close Local 192.0.2.1:80"]);
        assert!(far.is_released());
        far.accept();
        world.check(&[]);
        world.is_empty();
    }
}

#[test]
fn a_reset_before_the_answer_is_a_failure() {
    let mut world = World::new();
    let far = world.dial(1).far;
    far.reset();
    world.check(&["close Connect(ConnectionReset) 192.0.2.1:80"]);
    world.is_empty();
}
