//! The invariants of the design, each shown by a test that is named after it.

mod chance;
mod endings;
mod order;
mod panics;
mod splits;
#[path = "../support/mod.rs"]
mod support;

use jackfield::Limits;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn every_bound_has_a_name_a_unit_a_default_and_a_consequence() {
    let table = Limits::default().table();
    assert!(table.len() > 30);
    for row in &table {
        assert!(!row.name.is_empty() && !row.unit.is_empty() && !row.consequence.is_empty(), "{row:?}");
        assert!(table.iter().filter(|other| other.name == row.name).count() == 1, "{row:?}");
    }
    // Each field of the limits is in the table.
    let shown = format!("{:?}", Limits::default());
    let fields = shown.matches(": ").count()
        - [
            "http: Limits",
            "websocket: Limits",
            "deflate: Deflate",
            "reactor: Limits",
            "rate: Rate",
            "bandwidth: Bandwidth",
            "on_exceeded: OnRateExceeded",
            "when_full: WhenFull",
        ]
        .len();
    // The listener's option and what is not built are no fields.
    let rows = table.iter().filter(|row| !row.name.contains("::") && !row.name.starts_with('(')).count();
    assert_eq!(rows, fields, "{shown}");
}
