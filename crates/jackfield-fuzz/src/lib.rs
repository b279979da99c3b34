//! Fuzzing on the stable toolchain, without instrumentation and without another program: a [`Runner`] that makes inputs,
//! and [`properties`] of Jackfield that must hold for all of them.
//!
//! A parser of your own is fuzzed in ten lines: a function that panics if something is wrong with its input, and a
//! [`Target`] around it.
//!
//! ```
//! use jackfield_fuzz::{Log, Runner, Target, same_however_cut};
//!
//! /// However the bytes are cut, the same lines come.
//! fn lines(data: &[u8]) {
//!     same_however_cut(data, |parts| {
//!         let (mut kept, mut log) = (Vec::new(), Log::default());
//!         for byte in parts.concat() {
//!             match byte {
//!                 b'\n' => log.note("line", std::mem::take(&mut kept)),
//!                 byte => kept.push(byte),
//!             }
//!         }
//!         log
//!     });
//! }
//!
//! let target = Target { call: "lines", seeds: &[b"one\ntwo\n"], ..Target::new("lines", lines) };
//! let report = Runner::new(&target).executions(2000).run().expect("it holds");
//! assert!(report.tally.partitions >= 2000);
//! ```
//!
//! What is in an input that fails is made smaller, saved if that was asked for, and printed as a test to keep:
//! [`Finding`]. The same seed makes the same inputs, so that it is found again.
//!
//! # What the runner does and does not
//!
//! It changes the seeds, and what became of them, at random: bits, bytes, integers, tokens of the protocol, ranges that
//! are moved, doubled and spliced. It is not told which code an input reaches, as an instrumented fuzzer is; a property
//! says instead what it has seen, with [`observe`] or a [`Log`], and inputs that show something new are changed further.
//! It can't stop a property that never returns, so let yours bound its loops.
//!
//! `cargo fuzz`, which is instrumented, runs the same targets from `fuzz/` in the repository, with the same seeds:
//!
//! ```sh
//! jackfield fuzz export
//! RUSTC_BOOTSTRAP=1 cargo fuzz run http1_machine -- -dict=fuzz/corpus/http1_machine.dict
//! ```

#![forbid(unsafe_code)]

mod aged;
mod calls;
mod catch;
mod cluster;
mod crowd;
mod deflate;
mod finding;
mod held;
pub mod hub;
mod identity;
mod listeners;
mod log;
mod mail;
mod minimise;
mod mutator;
mod order;
mod partition;
mod perishable;
pub mod properties;
mod random_client;
mod runner;
mod schedule;
mod seeds;
mod starttls;
mod tally;
mod target;

pub use finding::Finding;
pub use log::Log;
pub use mutator::Mutator;
pub use partition::same_however_cut;
pub use runner::{Progress, Report, Runner};
pub use schedule::{bad_day, bad_day_with};
pub use tally::{Tally, count_round_trips, observe};
pub use target::{TARGETS, Target, fuzz};
