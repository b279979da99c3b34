//! `lab`, started as a user starts it: that it measures and writes, and not what.

mod attack;
#[path = "../../../../examples/tests/browser/process.rs"]
#[allow(dead_code)]
mod chromium;
mod compare;
#[path = "../../../../examples/tests/browser/devtools.rs"]
#[allow(dead_code)]
mod devtools;
mod growth;
#[path = "../../../../examples/tests/browser/look.rs"]
mod look;
#[path = "../../../jackfield-cli/tests/bench/process.rs"]
mod process;
#[path = "../../../jackfield-cli/tests/bench/tree.rs"]
mod tree;
#[path = "../../../jackfield-cli/tests/bench/verdict.rs"]
mod verdict;
#[path = "../../../jackfield-cli/tests/bench/windows.rs"]
mod windows;

/// The program under test.
const TOOL: &str = env!("CARGO_BIN_EXE_lab");
