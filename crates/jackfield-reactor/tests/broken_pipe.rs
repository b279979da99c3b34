//! A write to a peer that is gone is an error and no signal, also in a program that ends by `SIGPIPE`. A process of its own,
//! because a signal belongs to all of it.
#![cfg(any(target_os = "android", target_os = "linux"))]

use jackfield_reactor::mio::net;
use jackfield_reactor::{Addr, ConnectionId, Driver, Incoming, Limits, Peer, Reason, Service, Stream, Wires};
use rustix::process::Signal;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Why connections have ended.
#[derive(Default)]
struct Ends(Vec<Reason>);

impl Service for Ends {
    fn on_close(&mut self, _: &mut Wires, _: ConnectionId, reason: Reason) {
        self.0.push(reason);
    }
    fn on_bytes(&mut self, _: &mut Wires, _: ConnectionId, rx: &mut [u8]) -> usize {
        rx.len()
    }
    fn on_accept(&mut self, _: &mut Wires, _: Incoming) {}
    fn on_established(&mut self, _: &mut Wires, _: ConnectionId) {}
    fn on_end(&mut self, _: &mut Wires, _: ConnectionId) {}
    fn on_drain(&mut self, _: &mut Wires, _: ConnectionId) {}
    fn on_idle(&mut self, _: &mut Wires, _: ConnectionId, _: Duration) {}
    fn on_timer(&mut self, _: &mut Wires, _: ConnectionId, _: u32) {}
    fn on_wake(&mut self, _: &mut Wires) {}
    fn on_accept_error(&mut self, _: &mut Wires, _: usize, _: &io::Error) {}
}

/// Single writes raised no signal, those of several slices did.
#[test]
fn i396_a_write_to_a_peer_that_is_gone_raises_no_signal() {
    let raised = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(Signal::PIPE.as_raw(), raised.clone()).expect("it may be caught");
    for (header, payload) in [(&b"head"[..], &[0; 64 << 10][..]), (b"", &[0; 64 << 10]), (b"head", b"")] {
        let mut driver = Driver::new(0, Limits::default()).expect("an event queue");
        let (near, far) = UnixStream::pair().expect("two descriptors");
        near.set_nonblocking(true).expect("it is open");
        drop(far);
        let wires = &mut driver.reactor.wires;
        let stream = Stream::Unix(net::UnixStream::from_std(near));
        let id = wires.insert(stream.into(), Peer::new(Addr::Unix(None), 0)).expect("there is room");
        wires.write_through(id, header, payload);
        let mut ends = Ends::default();
        driver.poll(Some(Duration::ZERO), &mut ends).expect("polling does not fail");
        assert!(!raised.load(Ordering::SeqCst), "{} and {} bytes", header.len(), payload.len());
        assert_eq!(ends.0, [Reason::Reset]);
    }
}
