//! `lab`, started as a user starts it: that it measures and writes, and not what.

mod attack;
mod compare;
mod growth;
#[path = "../../../jackfield-cli/tests/bench/process.rs"]
mod process;
#[path = "../../../jackfield-cli/tests/bench/tree.rs"]
mod tree;

/// The program under test.
const TOOL: &str = env!("CARGO_BIN_EXE_lab");
