//! Whom an in-memory reactor wants to be connected to.

use crate::id::ConnectionId;
use crate::stream::addr::Addr;
use crate::stream::pipe::FarEnd;

/// A connection that an in-memory reactor wants to somebody: who plays that decides what becomes of it.
#[derive(Clone, Debug)]
pub struct Dial {
    /// The connection.
    pub id: ConnectionId,
    /// Where it wants to.
    pub addr: Addr,
    /// The other end, for [`FarEnd::accept`] or [`FarEnd::refuse`]; otherwise it is silent.
    pub far: FarEnd,
}
