//! Where a wire is in its life.

/// Where a wire is in its life. It only ever moves down this list, but that an open wire above
/// which TLS is put begins with a handshake again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Phase {
    /// The transport talks for itself; the layer above hears nothing yet.
    Handshake,
    /// Both ways are open.
    Open,
    /// The layer above has said its last word, but still listens.
    OutputClosed,
    /// What is queued is being written, then the end is sent. Nothing is heard any more.
    Closing,
    /// The end was sent; what the peer still sends is read and dropped until its end comes, so that nothing that
    /// was sent is destroyed by a reset.
    Lingering,
    /// Nothing is written any more; it goes at the end of its own event, or of the turn.
    Dead,
}
