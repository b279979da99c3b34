//! Topics as data: the members on one reactor, the counts of all reactors, and the histories.
//!
//! This room knows no wire, no link and no mailbox. `tests/loom.rs` compiles it a second time.

mod brokered;
mod elsewhere;
mod hash_counts;
mod index;
mod log;
mod members;
mod overflow;
mod position;

pub(crate) use brokered::SendOutcome;
pub(crate) use elsewhere::{Elsewhere, tell};
pub(crate) use index::{ARC_BYTES, MembersGeneration, TopicIndex, TopicSubscribers};
pub use log::History;
pub(crate) use log::{Logged, Lost, Portion, PositionSource, TopicLog, TopicLogs};
pub use members::Subscribed;
pub(crate) use members::{LeaveOutcome, Subscription, Topics};
pub use overflow::Overflow;
pub use position::Position;
pub(crate) use position::{ID_BYTES_MAX, MessageOrigin, ReadPosition};
