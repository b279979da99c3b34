//! The state of a server, how it shuts down, and why it could not accept a command.

use std::fmt;
use std::time::Duration;

/// The state of a server.
#[doc(alias = "State")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum ServerState {
    /// Bound, but not serving yet.
    Starting,
    /// Serving.
    Running,
    /// Shutting down: no new connections, and all connections are drained.
    Draining,
    /// Every reactor has ended.
    Stopped,
}

/// How to shut down.
///
/// ```
/// use jackfield::Drain;
/// use std::time::Duration;
///
/// // 1012: the service restarts, come again.
/// let drain = Drain::within(Duration::from_secs(5)).with_close_code(1012);
/// assert_eq!(drain.close_code, 1012);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drain {
    /// How long connections may take to end; those that are left then are aborted. Default: 30 s.
    pub deadline: Duration,
    /// The code of the Close that WebSockets get. Default: 1001 (going away), which also replaces a code that must not
    /// be sent.
    pub close_code: u16,
    /// The time over which the drain of the connections is spread, so that their peers don't all connect again at the same
    /// moment. It is at most the deadline, which should be longer. A connection is served as before until its own moment comes.
    /// Default: zero; all are drained at once.
    pub spread: Duration,
}

/// Why a command was not accepted. If the mailbox is full, try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Busy {
    /// The mailbox of the reactor is full.
    Full,
    /// It doesn't exist: this server has no such reactor or listener.
    Unknown,
    /// The connection of this id has ended, or there never was one. A connection has ended when its `on_disconnect` has
    /// returned. One that ends later, while the command is on its way, is not reported: the command is dropped then.
    Gone,
    /// The server has ended, and all its connections too.
    Stopped,
}

impl Default for Drain {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(30), close_code: 1001, spread: Duration::ZERO }
    }
}

impl Drain {
    /// A drain that ends after this time at the latest.
    #[must_use]
    pub fn within(deadline: Duration) -> Self {
        Self { deadline, ..Self::default() }
    }

    /// The code of the Close that WebSockets get.
    #[must_use]
    pub fn with_close_code(self, close_code: u16) -> Self {
        Self { close_code, ..self }
    }

    /// The time over which the connections are drained.
    ///
    /// ```
    /// use jackfield::Drain;
    /// use std::time::Duration;
    ///
    /// // 20 s for all to begin their goodbye, and 10 s for the last to end it.
    /// let drain = Drain::within(Duration::from_secs(30)).spread_over(Duration::from_secs(20));
    /// ```
    #[must_use]
    pub fn spread_over(self, spread: Duration) -> Self {
        Self { spread, ..self }
    }

    /// At once: no connection is drained, but every client still gets its `on_disconnect`.
    #[must_use]
    pub fn now() -> Self {
        Self { deadline: Duration::ZERO, ..Self::default() }
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the reactor's mailbox is full: try again later, or raise `mailbox_max`",
            Self::Unknown => "this server has no such connection or listener",
            Self::Gone => "the connection has ended",
            Self::Stopped => "the server has ended",
        })
    }
}

impl std::error::Error for Busy {}
