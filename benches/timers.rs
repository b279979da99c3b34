//! What a timer costs on a reactor of 50,000 connections: to set, to move and to cancel.
//!
//! ```sh
//! cargo run --profile fast -p jackfield-benches --bin bench-timers
//! ```

use jackfield::ConnectionId;
use jackfield::reactor::{Limits, Peer, Pipe, Reactor, Stream, Time, Wires};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 50_000;

const ROUNDS: usize = 21;

/// Prime to the number of connections, so that neighbours in time are none in memory; one for each act, so that those of
/// one act are none in the order of the acts before.
const STRIDES: [usize; 3] = [7919, 12_347, 31_337];

fn main() {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let mut reactor = Reactor::new(0, Time(0), Limits::default(), None);
    let (mut ids, mut fars) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        let (near, far) = Pipe::pair();
        let id = reactor.wires.insert(Stream::Memory(near).into(), Peer::new(addr, 0));
        ids.push(id.expect("there is room"));
        fars.push(far);
    }
    let [to_set, to_move, to_cancel] = STRIDES.map(|stride| shuffled(&ids, stride));
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let wires = &mut reactor.wires;
        times[0].push(timed(&to_set, |at, id| wires.set_timer(id, 1, delay(at))));
        times[1].push(timed(&to_move, |at, id| wires.set_timer(id, 1, delay(at + 1))));
        times[2].push(timed(&to_cancel, |_, id| assert!(wires.cancel_timer(id, 1), "it was set")));
        is_empty(wires, &ids);
    }
    for (name, times) in ["set", "move", "cancel"].into_iter().zip(&mut times) {
        times.sort_unstable_by(f64::total_cmp);
        println!("{name}: {:.1} ns (median of {ROUNDS})", times[ROUNDS / 2]);
    }
}

fn shuffled(ids: &[ConnectionId], stride: usize) -> Vec<ConnectionId> {
    (0..CONNECTIONS).map(|at| ids[at * stride % CONNECTIONS]).collect()
}

/// Between a millisecond and 100 s.
fn delay(number: usize) -> Duration {
    Duration::from_millis(1 + (number * 40_503 % 100_000) as u64)
}

/// Nanoseconds for each connection.
fn timed(ids: &[ConnectionId], mut act: impl FnMut(usize, ConnectionId)) -> f64 {
    let begin = Instant::now();
    for (at, id) in ids.iter().enumerate() {
        act(at, *id);
    }
    begin.elapsed().as_secs_f64() * 1e9 / ids.len() as f64
}

fn is_empty(wires: &Wires, ids: &[ConnectionId]) {
    assert!(!wires.has_timer(ids[0], 1), "nothing is left of it");
}
