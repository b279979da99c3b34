//! The result of one server's turn in one row.

/// One server's turn in one row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn {
    /// Operations a second.
    pub(crate) rate: f64,
    /// The server's processor time for one operation in nanoseconds, or its memory for one connection in bytes: what
    /// the row is about.
    pub(crate) cost: Option<f64>,
    /// Shares of a core.
    pub(crate) server_load: f64,
    pub(crate) client_load: f64,
    pub(crate) others_load: f64,
    /// The load generator used its whole core.
    pub(crate) is_client_full: bool,
    /// As [`QUANTILES`](super::pace::QUANTILES), in nanoseconds.
    pub(crate) latencies: [f64; 3],
    /// False if they say more about the load generator, or if the server did not keep up with a fixed rate.
    pub(crate) latencies_are_valid: bool,
    pub(crate) errors: u64,
    /// The most frequent one.
    pub(crate) error: Option<String>,
}
