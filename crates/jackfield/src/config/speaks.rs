//! What a listener's connections speak at first.

/// What a listener's connections speak at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP, and from there on WebSocket or event streams.
    #[default]
    Http,
    /// A protocol of the user's own, in bytes.
    Raw,
    /// A protocol of the user's own, in lines.
    Lines,
}

/// The usual end of a line. A CR before it belongs to the end.
pub(crate) const LF: u8 = b'\n';
