//! Faults of the edges of HTTP, lines and logs: what is counted, and what goes on after a failure.

use crate::support;
use jackfield::test::listener;
use jackfield::{Limits, OnRateExceeded, Rate};
use support::Lab;
use support::probe::Probe;

/// The fault: a line that was too long was reported and dropped, and was no message for the rate.
#[test]
fn lines_that_are_too_long_are_counted_by_the_rate() {
    let long = "x".repeat(100);
    let line = format!("{long}\n");
    for parts in [vec![&*line], vec![&*long, "\n"]] {
        let mut limits = Limits::default();
        limits.line_bytes_max = 64;
        limits.rate = Rate::new(10, 0).on_exceeded(OnRateExceeded::Close);
        let mut lab = Lab::with_limits(limits, || Probe { on_line_limit: |_, _| {}, ..Probe::default() });
        let far = lab.connect_to(listener::LINES);
        for _ in 0..10 {
            for part in &parts {
                lab.say(&far, part);
            }
        }
        assert!(!far.has_server_finished(), "ten are allowed: {:?}", lab.log.events());
        lab.say(&far, &line);
        far.finish();
        lab.run();
        assert_eq!(lab.log.count("line limit"), 10);
        assert!(lab.log.has("disconnect Limit(Rate)"), "{:?}", lab.log.events());
    }
}
