//! The tests that the example `testing` has of its handler. They are run here because Cargo would build the example only as
//! its tests otherwise, and the program would be missing.

#[allow(dead_code)]
#[path = "../testing.rs"]
mod example;
