//! The simulation is proved: bugs are planted into the reactor and the server, one at a time, and each is found.
//!
//! ```sh
//! cargo test -p jackfield --features planted-bugs --test planted -- --nocapture
//! ```
//!
//! prints the table: which bug, after how many seeds, by which oracle. `JACKFIELD_SIM_SEEDS=N` looks at so many seeds
//! for each bug before it gives up, and `JACKFIELD_PLANTED=N` looks for one of them only, from seed 0 on.

use jackfield::reactor::planted::select;
use jackfield::sim;
use jackfield_fuzz::bad_day;

/// Bugs that few seeds find: where a search of all of them begins, so that it takes no longer than it must.
const RARE: [(u32, u64); 7] =
    [(35, 8_700), (58, 1_900), (88, 7_300), (91, 1_250), (94, 1_300), (100, 1_100), (106, 1_400)];

/// By the number of each, where `planted` is asked for it.
const BUGS: [&str; 73] = [
    "the generation of an id is ignored",
    "a slot is used again with the same generation: a stale id names another connection",
    "the timers of a wire outlive it",
    "a lost wake-up: marked to be looked at again, and not on the list",
    "the rest that was put off for a turn is never shown again",
    "a hold is never released",
    "after a pause the carry is not shown again",
    "a cancelled timer is not cancelled",
    "marked as dirty, and not on the list",
    "the backlog is overtaken by the cork of the next event",
    "the stall of a write is not watched",
    "no drain: a congested wire stays congested",
    "outbox order swapped: a shared piece goes before the own bytes in front of it",
    "a piece that was sent in part is sent from its beginning again",
    "bytes that were written through are kept as unsent",
    "the waker's mark is cleared after the commands were read",
    "the wheel forgets all but the first timer of a bucket that moves down",
    "an idle timeout that was put off never comes again",
    "lingering never ends",
    "close does not wait for what is queued",
    "on_close comes twice",
    "on_close is lost",
    "the mark of a dirty wire is kept after its flush",
    "the peer's end is read and not reported",
    "after a full read nothing is marked as unread",
    "a carry holds its bytes twice",
    "a carry is dropped",
    "a wire that is paused is read",
    "a reset is not noticed on a wire that is not read",
    "a short read hides the end behind it",
    "a closing wire forgets to send its end",
    "a connection that has ended stays a member of its topics",
    "the member that takes a leaver's place in a topic is not told of it",
    "a command for an id that is gone reaches the connection that has its slot now",
    "a Pong that waited for a drain is forgotten",
    "the count of connections is not lowered",
    "a peer that answers no Ping is kept for ever",
    "the client of a connection that has ended is kept",
    "a connection outlives the panic of its callback",
    "a deferred answer is lost",
    "what is published on one reactor does not reach the others",
    "a backlog has no bound",
    "an answer overtakes what was published before it",
    "a connection that must not get a published message gets it",
    "under overload a reserved path is refused",
    "messages gathered for many are framed as for WebSockets, whatever the protocol",
    "work that a turn leaves over is not continued in the next turn",
    "a shutdown drains one part of the connections only",
    "after the panic of its callback a request gets 200",
    "encrypted bytes that TLS keeps are not written when there is room",
    "an aborted wire forgets the address of its peer",
    "the peer's leaving is not noticed on a wire that is not read",
    "the end of an exchange with a deferred answer is not reported",
    "the end of a connection that has lingered is reported twice",
    "a client that leaves before its answer is complete is not noticed",
    "a shutdown does not wait for an answer that is still to come",
    "a hang-up of both sides is taken for a reset",
    "a full mailbox drops a command and says that it was taken",
    "a peer that takes a byte now and then keeps a closing connection for ever",
    "a connection counts for the first listener, whichever it came from",
    "times wrap after 49.7 days",
    "processor time of other programs counts as lag",
    "the tables of topics stay charged when the last topic is gone",
    "the address in a proxy's header is forgotten",
    "bytes that come together with a proxy's header are lost",
    "queued bytes are reported as sent",
    "that bytes were sent is noted, but not reported",
    "a compressor does not start anew after a message that was compressed for many",
    "a peer is promised takeover for which there is no memory",
    "every error of a WebSocket gets the close code of a wrong frame",
    "an entry that a broker delivers twice is published twice",
    "entries that a broker has lost are not reported",
    "members get a message again when its position is known",
];

/// Their numbers keep a distance: those between are being planted.
const LATER: [(u32, &str); 31] = [
    (80, "bytes that wait for their bandwidth are never written"),
    (81, "the failure of a connection that the server begins is not reported"),
    (82, "of all addresses of a name only the first is tried"),
    (83, "an attempt to connect that nobody answers has no end"),
    (84, "the key and all masks of a WebSocket that the server has begun are the same"),
    (85, "the count of connections that the server has begun is not lowered"),
    (86, "a host that is found on another thread is not shown"),
    (87, "while a host is looked for the handshake has no deadline"),
    (88, "a hang-up of both sides destroys what a lingering connection has sent"),
    (89, "the age of a connection wraps after 49.7 days"),
    (90, "while a name is looked up the connection that it is for has no deadline"),
    (91, "what was published before all subscribers of a reactor left reaches those that come later"),
    (92, "what a server says of its own compressor counts for the client's too"),
    (93, "the age of a message from another thread begins at the last look of a reactor"),
    (94, "a message whose time to live has passed in a queue is sent all the same"),
    (100, "an HTTP connection is idle within an exchange too"),
    (101, "a turn takes all commands that wait"),
    (102, "connections are accepted at one listener as long as any wait there"),
    (103, "the mailbox of a reactor that has ended is not closed"),
    (104, "a turn fires all timers that are due"),
    (105, "a turn looks at all connections that are to be looked at again"),
    (106, "the connections of a listener have the server's limits"),
    (107, "a shutdown drains all connections in one turn"),
    (108, "a turn continues all handshakes"),
    (109, "a closed connection keeps what its session holds of its peer's bytes"),
    (110, "a connection that is upgraded or answered ends before its moment of a spread shutdown"),
    (111, "a connection that is closing may subscribe"),
    (112, "a reactor whose listeners wait for room is not told that there is some"),
    (113, "a listener that is resumed or stopped is not looked at"),
    (114, "plain text behind the word of STARTTLS is taken for what came over TLS"),
    (115, "a round trip is measured with the time after which a ping is sent"),
];

#[test]
fn every_planted_bug_is_found() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = number("JACKFIELD_SIM_SEEDS").unwrap_or(50_000);
    // The table reports the panics.
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for (bug, name) in (1..).zip(BUGS).chain(LATER) {
        if number("JACKFIELD_PLANTED").is_some_and(|only| only != u64::from(bug)) {
            continue;
        }
        select(bug);
        let first = RARE.iter().find(|(rare, _)| *rare == bug && number("JACKFIELD_PLANTED").is_none());
        let first = first.map_or(0, |(_, seed)| *seed);
        match (first..seeds).find_map(find) {
            Some(sim::Violation { seed, oracle, text, .. }) => {
                println!("{bug:>2} | {name} | seed {seed} | {oracle} | {text}");
            }
            None => {
                println!("{bug:>2} | {name} | NOT FOUND");
                missed.push(bug);
            }
        }
    }
    select(0);
    drop(std::panic::take_hook());
    assert!(missed.is_empty(), "not found: {missed:?}");
    assert!((0..200).all(|seed| find(seed).is_none()), "without a bug nothing is found");
}

fn find(seed: u64) -> Option<sim::Violation> {
    bad_day(seed, sim::options_of(seed, false)).try_run().err()
}
