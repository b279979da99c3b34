//! The access log: a line for each finished exchange.

mod fast_line;
mod line;
mod spool;
mod stamp;

use crate::shared::{Finished, FinishedSink, LogEntry};
use line::Format;
use spool::Spool;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A line for each finished exchange, in the common log format or as JSON: see
/// [`ServerBuilder::access_log`](crate::ServerBuilder::access_log).
///
/// Reactors only append to a buffer in memory; a separate thread writes the buffers every 50 ms, so a slow disk does not
/// hold up a reactor. Each buffer is bounded (1 MiB): lines above that are dropped, logged, and counted in
/// [`Metrics::access_log_dropped`](crate::Metrics::access_log_dropped). A write that fails or
/// panics is reported once, and its lines are lost. A server without an access log has no cost for it.
///
/// A line has the path without its query by default; with [`AccessLog::queries`] it has the query as
/// [`MaskedQuery`](crate::proto::http1::MaskedQuery) shows it.
///
/// ```
/// use jackfield::{AccessLog, Server};
///
/// let server = Server::builder()
///     .listen("127.0.0.1:0")
///     .access_log(AccessLog::json(std::io::stderr()).queries(true))
///     .bind()?;
/// # Ok::<(), jackfield::Error>(())
/// ```
pub struct AccessLog {
    format: Format,
    queries: bool,
    listeners: Vec<usize>,
    sink: Box<dyn Write + Send>,
}

impl AccessLog {
    /// The common log format: `192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "GET /path HTTP/1.1" 200 123`. The bytes are
    /// those of the answer with its head; an exchange without an answer has the status 000. Bytes that are not allowed
    /// inside quotes are escaped as `\xHH`. The address is that of [`Finished::peer`](crate::Finished::peer): of a client behind a
    /// trusted proxy the one that the proxy names. Header lines are never written.
    #[must_use]
    pub fn common(sink: impl Write + Send + 'static) -> Self {
        Self::new(Format::Common, sink)
    }

    /// An object of JSON on each line, with the fields `time`, `peer`, `listener`, `method`, `path`, `query` (if asked
    /// for), `version`, `status`, `bytes_in`, `bytes_out`, `ms` and `complete`.
    #[must_use]
    pub fn json(sink: impl Write + Send + 'static) -> Self {
        Self::new(Format::Json, sink)
    }

    /// Whether lines have the query, without its secrets. Default: no.
    #[must_use]
    #[doc(alias = "maskData")]
    pub fn queries(mut self, queries: bool) -> Self {
        self.queries = queries;
        self
    }

    /// Only exchanges of this listener, by its number, which begins at 0. May be repeated. Default: those of all. If the server
    /// has no such listener, [`ServerBuilder::bind`](crate::ServerBuilder::bind) fails.
    #[must_use]
    pub fn listener(mut self, listener: usize) -> Self {
        self.listeners.push(listener);
        self
    }

    fn new(format: Format, sink: impl Write + Send + 'static) -> Self {
        Self { format, queries: false, listeners: Vec::new(), sink: Box::new(sink) }
    }

    /// What is wrong with it for a server with so many listeners.
    pub(crate) fn faults(&self, listeners: usize) -> impl Iterator<Item = String> {
        let unknown = self.listeners.iter().filter(move |number| **number >= listeners);
        unknown.map(move |number| {
            format!("the access log is of listener {number}: there are {listeners}, numbered from 0")
        })
    }

    /// Starts the writing thread.
    pub(crate) fn start(self) -> io::Result<Arc<dyn FinishedSink>> {
        let Self { format, queries, listeners, sink } = self;
        Ok(Arc::new(Running { format, queries, listeners, spool: Spool::start(sink)? }))
    }
}

impl std::fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { format, queries, listeners, sink: _ } = self;
        let mut shown = f.debug_struct("AccessLog");
        shown.field("format", format).field("queries", queries).field("listeners", listeners);
        shown.finish_non_exhaustive()
    }
}

struct Running {
    format: Format,
    queries: bool,
    /// Empty: all listeners.
    listeners: Vec<usize>,
    spool: Spool,
}

impl FinishedSink for Running {
    fn wants(&self, listener: usize) -> bool {
        self.listeners.is_empty() || self.listeners.contains(&listener)
    }

    fn take(&self, finished: &Finished<'_>) {
        let query = finished.query.filter(|_| self.queries);
        self.spool.append(finished.connection.reactor(), finished.unix_seconds, |lines| {
            self.format.write(&mut lines.bytes, &lines.stamp, finished, query);
            true
        });
    }

    fn take_entry(&self, entry: &LogEntry<'_>) -> bool {
        self.format == Format::Common
            && self.spool.append(entry.reactor, entry.unix_seconds, |lines| {
                fast_line::append(&mut lines.bytes, &lines.stamp, entry)
            })
    }

    fn dropped(&self) -> Arc<AtomicU64> {
        self.spool.dropped()
    }
}

/// A sink for an [`AccessLog`] whose lines go to the [`log`] crate, at level `info` under the target `jackfield::access`,
/// on the thread that writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogCrate;

impl Write for LogCrate {
    /// The bytes are whole lines.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        for line in String::from_utf8_lossy(lines).lines() {
            log::info!(target: "jackfield::access", "{line}");
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
