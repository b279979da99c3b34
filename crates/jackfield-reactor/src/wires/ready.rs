//! What is told of one wire.

use crate::id::ConnectionId;

/// What the operating system, or a simulation of it, says of one wire. By edges: it is said once. All of it is a hint: what
/// is true a read, or a question, finds out.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The wire.
    pub id: ConnectionId,
    /// Something can be read.
    pub readable: bool,
    /// Something can be written again.
    pub writable: bool,
    /// The peer has finished its side; bytes from before may still be there to be read.
    pub ended: bool,
    /// Both directions are closed: it is broken, or both sides have ended.
    pub broken: bool,
}
