//! What others lack.

#[path = "support/steady.rs"]
mod steady;
mod support;

use steady::{Worker, echo, heard, listen, milli_allocations, ok_bytes, open, repeat, requests};
use support::{get, socket};

#[test]
fn n7_the_steady_state_allocates_nothing() {
    let set_timers = socket::text("timer");
    let none = [
        ("a message of 20 bytes", milli_allocations(Worker::default, echo(20, 1))),
        ("a message of 16 KiB", milli_allocations(Worker::default, echo(16 << 10, 1))),
        ("a request", milli_allocations(Worker::default, requests(get("/"), ok_bytes(""), 1))),
        ("an event", milli_allocations(Worker::default, heard("event", "data: an event\n\n".len(), listen))),
        (
            "a timer set and cancelled",
            milli_allocations(Worker::default, move |addr, rounds| {
                repeat(&mut open(addr), &set_timers, 5, rounds);
            }),
        ),
    ];
    for (what, allocations) in none {
        assert_eq!(allocations, 0, "{what}, in thousandths");
    }
    let publish = milli_allocations(Worker::default, heard("publish much", 8004, open));
    assert!(publish <= 1000, "a publish: {publish} thousandths");
}

#[test]
fn n7_a_planted_allocation_is_seen() {
    let make = || Worker { allocates: true, ..Worker::default() };
    assert_eq!(milli_allocations(make, echo(20, 1)), 1000);
}
