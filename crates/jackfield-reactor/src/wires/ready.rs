//! The readiness of one wire.

use crate::id::ConnectionId;

/// What the operating system, or a simulation of it, reports about one wire. It is edge-triggered: each change is reported
/// once. It is only a hint; a read or a write finds out what is true.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The id of the wire.
    pub id: ConnectionId,
    /// Bytes can be read.
    pub readable: bool,
    /// Bytes can be written again.
    pub writable: bool,
    /// The peer has closed its side. Bytes that it sent before may still be unread.
    pub ended: bool,
    /// Both directions are closed: the connection is broken, or both sides have closed.
    pub broken: bool,
    /// An urgent byte of TCP is unread, before or among the other bytes. The system ends a read before it, so a short read does
    /// not mean that the rest is read.
    pub urgent: bool,
}
