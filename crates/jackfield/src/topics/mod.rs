//! Topics as data: the members of one reactor, and how many each reactor has.
//!
//! This room knows no wire, no link and no mailbox. `tests/loom.rs` compiles it a second time.

mod index;
mod log;
mod members;
mod position;

pub(crate) use index::{ARC_BYTES, Counts, TopicIndex};
pub use log::History;
pub(crate) use log::{Log, Logged, Logs};
pub use members::Subscribed;
pub(crate) use members::{Subscription, Topics};
