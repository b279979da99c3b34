//! The protocol with which a listener's connections begin.

/// The protocol with which a listener's connections begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP, which may become a WebSocket or an event stream.
    #[default]
    Http,
    /// A protocol of the user's own, in bytes.
    Raw,
    /// A protocol of the user's own, in lines.
    Lines,
}

/// The usual line end. A CR before it belongs to it.
pub(crate) const LF: u8 = b'\n';
