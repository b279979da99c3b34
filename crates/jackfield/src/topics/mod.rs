//! Topics as data: the members on one reactor, the counts of all reactors, and the histories.
//!
//! This room knows no wire, no link and no mailbox. `tests/loom.rs` compiles it a second time.

mod brokered;
mod elsewhere;
mod index;
mod log;
mod members;
mod overflow;
mod position;
mod hash_counts;

pub(crate) use brokered::Way;
pub(crate) use elsewhere::{Elsewhere, tell};
pub(crate) use index::{ARC_BYTES, Counts, Generation, TopicIndex};
pub use log::History;
pub(crate) use log::{Log, Logged, TopicLogs, Lost, Order, Portion};
pub use members::Subscribed;
pub(crate) use members::{Left, Subscription, Topics};
pub use overflow::Overflow;
pub use position::Position;
pub(crate) use position::{Origin, Place};
