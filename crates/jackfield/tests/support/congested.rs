//! Members of a topic that read too slowly.

use super::Lab;
use jackfield::Limits;
use jackfield::test::{FarEnd, TestOptions};

/// An outbox above 1000 bytes is congested, and has drained at 100.
pub fn low_marks() -> TestOptions {
    low_marks_and(|_| {})
}

/// The same with a further change.
pub fn low_marks_and(change: impl Fn(&mut Limits)) -> TestOptions {
    let mut options = TestOptions::default();
    let reactor = &mut options.limits.reactor;
    (reactor.outbox_bytes_high, reactor.outbox_bytes_low) = (1000, 100);
    change(&mut options.limits);
    options
}

/// Publishes a long message, `1` and `2`, and lets this member take so much that it is below the high mark again, but has not
/// drained. Returns the long message.
pub fn congest(lab: &mut Lab, slow: &FarEnd) -> String {
    slow.set_room(Some(0));
    let long = "x".repeat(1200);
    for text in [&*long, "1", "2"] {
        lab.server.handle().publish("room", text);
        lab.run();
    }
    slow.set_room(Some(500));
    lab.run();
    slow.set_room(Some(0));
    long
}
