//! Each limit with its name, its unit, its value and what happens when it is reached.

mod protocols;
mod server;
mod times;
mod transport;

use crate::config::defences::is_server_wide;
use crate::config::limits::Limits;
use std::time::Duration;

/// One row of the table of limits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitRow {
    /// The path of its field in [`Limits`].
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Its value in these limits.
    pub value: u64,
    /// What happens when it is reached.
    pub consequence: &'static str,
    /// It counts for the whole server: a [`Listener`](crate::Listener) can't have its own.
    pub is_server_wide: bool,
}

impl Limits {
    /// Every limit with its present value.
    pub fn table(&self) -> Vec<LimitRow> {
        let mut rows = self.server_rows();
        rows.extend(self.http_rows());
        rows.extend(self.websocket_rows());
        #[cfg(feature = "deflate")]
        rows.extend(self.deflate_rows());
        rows.extend(self.buffer_rows());
        rows.extend(self.turn_rows());
        rows.extend(Self::listener_rows());
        rows.extend(self.transport_time_rows());
        rows.extend(self.wait_rows());
        rows.extend(self.lifetime_rows());
        rows.extend(self.overload_rows());
        rows
    }
}

fn row(name: &'static str, unit: &'static str, value: u64, consequence: &'static str) -> LimitRow {
    LimitRow { name, unit, value, consequence, is_server_wide: is_server_wide(name) }
}

fn time(name: &'static str, value: Duration, consequence: &'static str) -> LimitRow {
    let value = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    row(name, "ms", value, consequence)
}
