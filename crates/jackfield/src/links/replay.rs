//! A client that gets what it has missed.

use crate::message::Prepared;
use crate::topics::Log;
use jackfield_reactor::ConnectionId;
use std::sync::Arc;

/// A client that gets what it has missed, and is no member of the topic before it has.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) id: ConnectionId,
    pub(crate) log: Arc<Log<Prepared>>,
    /// The offset of what it got last.
    pub(crate) after: u64,
}
