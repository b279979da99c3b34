//! Benchmarks of Switchboard.
