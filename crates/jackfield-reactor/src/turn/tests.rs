//! Tests of a reactor with access to its private state.

use super::Reactor;
use super::service::{Incoming, Service};
use crate::budget::Budget;
use crate::guard::guard;
use crate::id::{ConnectionId, GENERATION_MAX};
use crate::limits::Limits;
use crate::reason::Reason;
use crate::stream::Stream;
use crate::stream::pipe::{FarEnd, Pipe};
use crate::time::Time;
use crate::wire::peer::Peer;
use crate::wires::Wires;
use crate::wires::ready::Ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A service that ignores all bytes and sends nothing.
struct Deaf;

impl Service for Deaf {
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
    fn on_accept_error(&mut self, _: &mut Wires, _: usize, _: &std::io::Error) {}
}

/// Two reactors that share a million bytes.
fn pair() -> [Reactor; 2] {
    let budget = Arc::new(Budget::new(1_000_000));
    [0, 1].map(|number| {
        let mut reactor = Reactor::new(number, Time(0), Limits::default(), None);
        reactor.wires.share_budget(budget.clone());
        reactor
    })
}

/// A connection with this charge.
fn connect(reactor: &mut Reactor, bytes: usize) -> (ConnectionId, FarEnd) {
    let (near, far) = Pipe::pair();
    let peer = Peer::new(SocketAddr::from(([127, 0, 0, 1], 1)), 0);
    let id = reactor.wires.insert(Stream::Memory(near).into(), peer).expect("there is room");
    reactor.wires.charge_service(id, bytes);
    (id, far)
}

#[test]
fn pressure_is_minded_and_ends_on_all_reactors() {
    let [mut one, mut other] = pair();
    let (large, _far) = connect(&mut one, 600_000);
    let (late, _far) = connect(&mut other, 250_000);
    other.settle(&mut Deaf);
    assert!(one.wires.may_handle_bytes(large) && !other.wires.may_handle_bytes(late), "only one knows of it");
    assert!(one.wires.mind_pressure() && !one.wires.may_handle_bytes(large));
    one.settle(&mut Deaf);
    other.wires.charge_service(late, 0);
    other.settle(&mut Deaf);
    assert!(other.wires.may_handle_bytes(late) && !one.wires.may_handle_bytes(large));
    one.turn(Time(1000), [], &mut Deaf);
    assert!(one.wires.may_handle_bytes(large), "it is looked after");
    assert_eq!((one.wires.timers(), other.wires.timers()), (0, 0));
}

/// The fault: the timer went on although there was no connection.
#[test]
fn the_memory_timer_ends_with_the_last_connection() {
    let [mut one, _other] = pair();
    let (large, _far) = connect(&mut one, 900_000);
    one.settle(&mut Deaf);
    assert_eq!((one.wires.may_handle_bytes(large), one.wires.timers()), (false, 1));
    one.wires.abort(large, Reason::Local);
    one.settle(&mut Deaf);
    assert_eq!((one.wires.len(), one.wires.timers()), (0, 0));
}

/// The fault: it was neither read nor evicted as long as others held their memory, because evicting it would have freed
/// nothing.
#[test]
fn a_wire_that_freed_its_memory_is_read_again_although_others_hold_theirs() {
    let [mut one, mut other] = pair();
    let (_large, _far) = connect(&mut one, 750_000);
    one.settle(&mut Deaf);
    let (late, _far) = connect(&mut other, 100_000);
    other.settle(&mut Deaf);
    other.wires.charge_service(late, 0);
    other.settle(&mut Deaf);
    assert!(!other.wires.may_handle_bytes(late), "there is pressure still");
    other.turn(Time(1000), [], &mut Deaf);
    assert!(other.wires.may_handle_bytes(late));
    assert_eq!(other.wires.timers(), 0);
}

/// The fault: what was paused last was read first, and always, although it may be the largest.
#[test]
fn i516_the_smallest_are_read_again_first() {
    const SIZES: [usize; 3] = [50_000, 60_000, 100_000];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let [mut one, mut other] = pair();
        let (large, _far) = connect(&mut other, 700_000);
        let paused = order.map(|at| connect(&mut one, SIZES[at]));
        one.settle(&mut Deaf);
        assert!(paused.iter().all(|(id, _)| !one.wires.may_handle_bytes(*id)), "{order:?}");
        // There is room for the two smallest to double.
        other.wires.charge_service(large, 450_000);
        one.turn(Time(1000), [], &mut Deaf);
        for (at, (id, _)) in order.into_iter().zip(paused) {
            assert_eq!(one.wires.may_handle_bytes(id), at < 2, "{} of {order:?}", SIZES[at]);
        }
    }
}

/// The fault: one more moved all that were paused already, and nothing counted it.
#[test]
fn i516_one_more_is_paused_without_a_look_at_the_others() {
    for (paused, place) in [100, 10_000].into_iter().flat_map(|paused| [(paused, 1), (paused, 1_000)]) {
        let [mut one, mut other] = pair();
        let all: Vec<_> = (0..paused).map(|_| connect(&mut one, 50)).collect();
        let (_large, _far) = connect(&mut other, 900_000 - paused * 50);
        assert!(one.wires.mind_pressure() && all.iter().all(|(id, _)| !one.wires.may_handle_bytes(*id)));
        one.settle(&mut Deaf);
        let visits = |reactor: &Reactor| reactor.wires.stats().visits.value();
        let before = visits(&one);
        let (late, _far) = connect(&mut one, 49 + place);
        one.settle(&mut Deaf);
        assert!(!one.wires.may_handle_bytes(late), "it is large");
        assert_eq!(visits(&one) - before, 1, "{paused} are paused");
    }
}

/// The fault: the reactor knew of the pressure and not of its end, so the first connection that sent bytes was not read
/// for a second.
#[test]
fn no_wire_is_paused_when_another_reactor_has_ended_the_pressure() {
    let [mut one, mut other] = pair();
    let (large, _far) = connect(&mut one, 900_000);
    one.settle(&mut Deaf);
    assert!(other.wires.mind_pressure());
    other.settle(&mut Deaf);
    one.wires.charge_service(large, 0);
    one.settle(&mut Deaf);
    assert!(!one.wires.budget().is_pressed());
    let (late, _far) = connect(&mut other, 100_000);
    other.settle(&mut Deaf);
    assert!(other.wires.may_handle_bytes(late), "nine tenths are free");
}

#[test]
fn a_reactor_below_its_share_evicts_no_more_than_it_needs() {
    let [mut one, mut other] = pair();
    let (large, _far) = connect(&mut one, 900_000);
    let some = [20_000, 25_000, 60_000].map(|bytes| connect(&mut other, bytes).0);
    other.settle(&mut Deaf);
    assert_eq!(some.map(|id| other.wires.is_open(id)), [true, true, false]);
    one.wires.charge_service(large, 1_000_000);
    one.settle(&mut Deaf);
    assert!(!one.wires.contains(large), "who holds more makes room for others");
}

/// Each event above the budget walked over all connections, and freed some kilobytes, until the other reactor freed its own.
#[test]
fn a_reactor_below_its_share_searches_a_part_of_its_connections_for_each_that_comes() {
    const CHARGES: usize = 500;
    for connections in [500, 4_000, 16_000] {
        let [mut one, mut other] = pair();
        let all: Vec<_> = (0..connections).map(|_| connect(&mut other, 0)).collect();
        let (_large, _far) = connect(&mut one, 990_000);
        let visits = |reactor: &Reactor| reactor.wires.stats().visits.value();
        let before = visits(&other);
        let mut most = 0;
        for (id, _far) in all.iter().step_by(connections / CHARGES) {
            other.wires.charge_service(*id, 5_000);
            other.settle(&mut Deaf);
            most = most.max(other.wires.memory_bytes());
        }
        let (looks, evicted) = (visits(&other) - before, other.wires.stats().evicted.value());
        assert!(evicted as usize >= CHARGES * 9 / 10, "{evicted} of {connections}");
        let each = looks / (CHARGES as u64 + evicted);
        assert!((100..2_100).contains(&each), "{each} places for each, of {connections}");
        assert!(most < 150_000, "{most} bytes of {connections} are left until they are found");
    }
}

#[test]
fn a_slot_is_retired_before_its_generation_wraps() {
    let mut reactor = Reactor::new(0, Time(0), Limits::default(), None);
    reactor.wires.set_generation(0, GENERATION_MAX - 1);
    for generation in [GENERATION_MAX - 1, GENERATION_MAX] {
        let (id, _far) = connect(&mut reactor, 0);
        assert_eq!((id.slot(), id.generation()), (0, generation));
        reactor.wires.set_timer(id, 1, Duration::from_secs(1));
        reactor.wires.abort(id, Reason::Local);
        reactor.settle(&mut Deaf);
    }
    // The slot is used up: no memory of it is left, and it is not used again.
    let (id, far) = connect(&mut reactor, 0);
    assert_eq!((id.slot(), reactor.wires.len(), reactor.wires.timers()), (1, 1, 0));
    assert_eq!(reactor.wires.ids().collect::<Vec<_>>(), [id]);
    for stale in [ConnectionId::new(0, GENERATION_MAX, 0), ConnectionId::new(0, 0, 0), ConnectionId::NONE] {
        assert!(!reactor.wires.contains(stale) && reactor.wires.outbox(stale).is_none());
        let ready =
            Ready { id: stale, readable: true, writable: true, ended: true, broken: true, urgent: true };
        reactor.turn(Time(1), [ready], &mut Deaf);
    }
    reactor.wires.close(id, Reason::Local);
    far.finish();
    let ready = Ready { id, readable: true, writable: false, ended: true, broken: false, urgent: false };
    reactor.turn(Time(2), [], &mut Deaf);
    reactor.turn(Time(2), [ready], &mut Deaf);
    assert!(reactor.wires.is_empty() && far.has_server_finished());
    assert_eq!(connect(&mut reactor, 0).0, ConnectionId::new(0, 1, 1));
}

/// An IPv6 address is in a separate table, and is removed with its connection.
#[test]
fn the_table_of_peers_is_empty_when_they_have_gone() {
    let mut reactor = Reactor::new(0, Time(0), Limits::default(), None);
    let addrs = ["192.0.2.1:1", "[2001:db8::1]:2", "[2001:db8::1]:3"].map(|addr| addr.parse::<SocketAddr>());
    let peers = addrs.map(|addr| Peer::new(addr.expect("an address"), 300));
    let ids = peers.clone().map(|peer| {
        reactor.wires.insert(Stream::Memory(Pipe::pair().0).into(), peer).expect("there is room")
    });
    assert_eq!(ids.map(|id| reactor.wires.peer(id)), peers.map(Some));
    for id in ids {
        reactor.wires.abort(id, Reason::Local);
    }
    reactor.settle(&mut Deaf);
    assert_eq!((reactor.wires.len(), reactor.wires.kept_peers()), (0, 0));
}

/// D9: a list keeps the items that were not processed because of a panic, in front of new ones.
#[test]
fn a_panic_that_goes_through_a_list_loses_nothing_of_it() {
    let mut reactor = Reactor::new(0, Time(0), Limits::default(), None);
    let ids: Vec<_> = (1..=4).map(|slot| ConnectionId::new(0, 1, slot)).collect();
    reactor.wires.again.extend(&ids[..3]);
    let mut done = Vec::new();
    let end = guard(|| {
        reactor.each(
            usize::MAX,
            |wires| &mut wires.again,
            |reactor, id| {
                done.push(id);
                reactor.wires.again.push(ids[3]);
                assert_ne!(id, ids[1], "a bug of the service");
            },
        );
    });
    assert!(end.is_err());
    assert_eq!(done, ids[..2]);
    assert_eq!(reactor.wires.again, [ids[2], ids[3], ids[3]]);
}
