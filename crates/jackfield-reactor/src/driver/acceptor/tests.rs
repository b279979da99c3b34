//! When the acceptor accepts, and when it pauses.

use super::*;
use crate::limits::Limits;
use crate::reason::Reason;
use crate::stream::listener::ListenOptions;
use socket2::{Domain, Socket, Type};

/// Counts failed accepts.
#[derive(Default)]
struct Errors(usize);

impl Service for Errors {
    fn on_accept(&mut self, _: &mut Wires, _: Incoming) {}
    fn on_established(&mut self, _: &mut Wires, _: ConnectionId) {}
    fn on_bytes(&mut self, _: &mut Wires, _: ConnectionId, rx: &mut [u8]) -> usize {
        rx.len()
    }
    fn on_end(&mut self, _: &mut Wires, _: ConnectionId) {}
    fn on_drain(&mut self, _: &mut Wires, _: ConnectionId) {}
    fn on_idle(&mut self, _: &mut Wires, _: ConnectionId, _: Duration) {}
    fn on_timer(&mut self, _: &mut Wires, _: ConnectionId, _: u32) {}
    fn on_wake(&mut self, _: &mut Wires) {}
    fn on_close(&mut self, _: &mut Wires, _: ConnectionId, _: Reason) {}
    fn on_accept_error(&mut self, _: &mut Wires, _: usize, _: &io::Error) {
        self.0 += 1;
    }
}

/// A socket that does not listen: each accept fails, and the reserve descriptor does not help.
fn broken() -> Listener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    Listener::from_std(socket.into(), &ListenOptions::default()).expect("it can be set")
}

#[test]
fn a_failed_accept_is_tried_again_after_a_pause_and_not_before() {
    let place = Place { listener: Some(Arc::new(broken())), shut_until: Time(0) };
    let mut acceptor = Acceptor { places: vec![place], ..Acceptor::default() };
    acceptor.rotation.add(0);
    let mut wires = Wires::new(0, Time(0), Limits::default(), None);
    let mut errors = Errors::default();
    for (now, tries) in [(0, 1), (1, 1), (49, 1), (50, 2), (99, 2), (100, 3), (1000, 4)] {
        wires.now = Time(now);
        // Many turns pass.
        for _ in 0..100 {
            acceptor.accept(&mut wires, &mut errors);
        }
        assert_eq!((errors.0, wires.stats.accept_errors.value()), (tries, tries as u64), "at {now} ms");
        assert!(acceptor.is_somebody_waiting(), "it is not forgotten");
    }
    assert_eq!(acceptor.pause(Time(1000)), Some(ACCEPT_PAUSE), "the driver sleeps for so long");
    assert_eq!(acceptor.pause(Time(1049)), Some(Duration::from_millis(1)));
    assert_eq!(acceptor.pause(Time(2000)), Some(Duration::ZERO));
}
