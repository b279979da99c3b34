//! Outgoing connections of an in-memory reactor.

use crate::id::ConnectionId;
use crate::stream::addr::Addr;
use crate::stream::pipe::FarEnd;

/// An outgoing connection that an in-memory reactor has begun. The test plays its server.
#[derive(Clone, Debug)]
pub struct Dial {
    /// The id of the connection.
    pub id: ConnectionId,
    /// The address that it connects to.
    pub addr: Addr,
    /// The server's end. The test answers with [`FarEnd::accept`] or [`FarEnd::refuse`]; until then nothing happens.
    pub far: FarEnd,
}
