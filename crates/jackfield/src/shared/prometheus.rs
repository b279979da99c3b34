//! Metrics as text, as Prometheus reads them (exposition format 0.0.4).

use crate::disconnect::{ConnectError, Limit, ProtocolError, Reason, Timeout};
use crate::shared::metrics::Metrics;
use jackfield_proto::{http1, websocket};
use std::fmt::{self, Write};
use std::io::ErrorKind;

/// The media type of [`Metrics::prometheus`].
pub(crate) const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Metrics {
    /// All of them as text in the format of Prometheus: counters end in `_total`, times are in seconds, and the ends of
    /// connections have their reason as a label. Write it with `{}`.
    ///
    /// [`ServerBuilder::status_paths`](crate::ServerBuilder::status_paths) and
    /// [`Listener::status`](crate::Listener::status) serve it without code of yours.
    ///
    /// ```
    /// let metrics = jackfield::Server::bind("127.0.0.1:0")?.handle().metrics();
    /// assert!(metrics.prometheus().to_string().contains("\njackfield_http_requests_total 0\n"));
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[must_use]
    pub fn prometheus(&self) -> impl fmt::Display {
        Text(*self)
    }
}

struct Text(Metrics);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metrics = &self.0;
        for (name, help, value) in counters(metrics) {
            head(f, name, "counter", help)?;
            writeln!(f, "jackfield_{name} {value}")?;
        }
        for (name, help, value) in gauges(metrics) {
            head(f, name, "gauge", help)?;
            writeln!(f, "jackfield_{name} {value}")?;
        }
        ends(f, metrics)?;
        turns(f, metrics)
    }
}

fn head(f: &mut impl Write, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(f, "# HELP jackfield_{name} {help}\n# TYPE jackfield_{name} {kind}")
}

#[rustfmt::skip]
fn counters(metrics: &Metrics) -> [(&'static str, &'static str, u64); 25] {
    [
        ("connections_opened_total", "Connections taken up.", metrics.opened),
        ("connections_closed_total", "Connections that ended.", metrics.closed),
        ("connections_refused_total", "New connections that were refused.", metrics.refused),
        ("connections_refused_descriptors_total", "Refused because no descriptor was left.", metrics.refused_descriptors),
        ("connections_refused_overload_total", "Refused because a reactor was overloaded.", metrics.refused_overload),
        ("connections_refused_denied_total", "Refused because their network is not allowed.", metrics.refused_denied),
        ("connections_refused_address_full_total", "Refused because their address had enough.", metrics.refused_address_full),
        ("connections_refused_address_rate_total", "Refused because their address connected too often.", metrics.refused_address_rate),
        ("connections_evicted_total", "Connections ended for the memory they held.", metrics.evicted),
        ("accept_errors_total", "Failures to accept, each tried again.", metrics.accept_errors),
        ("http_requests_total", "Requests whose head has come.", metrics.requests),
        ("messages_received_total", "WebSocket messages and lines received.", metrics.messages_in),
        ("messages_sent_total", "Messages and events sent, for each receiver.", metrics.messages_out),
        ("messages_compressed_total", "Messages compressed, each once for all its receivers.", metrics.compressed),
        ("messages_dropped_total", "Messages dropped for a slow receiver.", metrics.dropped),
        ("received_bytes_total", "Bytes read, as plain text.", metrics.bytes_in),
        ("sent_bytes_total", "Bytes that were written, before encryption.", metrics.bytes_out),
        ("panics_total", "Callbacks that panicked.", metrics.panics),
        ("throttled_total", "How often a peer was not read because of its rate.", metrics.throttled),
        ("slow_callbacks_total", "Callbacks seen to be slow.", metrics.slow_callbacks),
        ("stalled_callbacks_total", "Callbacks seen to stall.", metrics.stalled_callbacks),
        ("ticks_missed_total", "Ticks that were skipped.", metrics.ticks_missed),
        ("events_stale_total", "Events for connections that had ended.", metrics.stale),
        ("broker_refused_total", "Publications refused because too many wait for the broker.", metrics.broker_refused),
        ("access_log_lines_dropped_total", "Lines of the access log dropped for lack of room.", metrics.access_log_dropped),
    ]
}

#[rustfmt::skip]
fn gauges(metrics: &Metrics) -> [(&'static str, &'static str, f64); 8] {
    [
        ("connections", "Connections at this moment.", metrics.opened.saturating_sub(metrics.closed) as f64),
        ("connections_outgoing", "Connections that the server has begun, those not up yet included.", metrics.outgoing as f64),
        ("buffer_bytes", "Bytes in the buffers of all connections.", metrics.memory_bytes as f64),
        ("loop_lag_seconds", "How long what was ready waited lately, on the slowest reactor.", seconds(metrics.lag_ns)),
        ("reactors_overloaded", "Reactors that are overloaded.", metrics.overloaded as f64),
        ("turn_last_seconds", "Time of the last timed turn, of the slowest reactor.", seconds(metrics.turn_ns)),
        ("turn_longest_seconds", "The longest of the timed turns.", seconds(metrics.turn_ns_max)),
        ("broker_down", "1 while there is a broker that can't be reached.", metrics.broker_down as f64),
    ]
}

fn ends(f: &mut impl Write, metrics: &Metrics) -> fmt::Result {
    head(f, "connection_ends_total", "counter", "Connections that ended, by reason.")?;
    for (label, why) in REASONS {
        writeln!(f, "jackfield_connection_ends_total{{reason=\"{label}\"}} {}", metrics.ended(why))?;
    }
    Ok(())
}

fn turns(f: &mut impl Write, metrics: &Metrics) -> fmt::Result {
    const NAME: &str = "turn_seconds";
    head(
        f,
        NAME,
        "histogram",
        "Times of the turns that were timed: nearly all long ones, and a few of the short.",
    )?;
    let mut timed = 0;
    for (bound, below) in metrics.turn_times() {
        timed = below;
        match bound {
            Some(bound) => {
                writeln!(f, "jackfield_{NAME}_bucket{{le=\"{}\"}} {below}", bound.as_secs_f64())?;
            }
            None => writeln!(f, "jackfield_{NAME}_bucket{{le=\"+Inf\"}} {below}")?,
        }
    }
    writeln!(f, "jackfield_{NAME}_sum {}", seconds(metrics.turn_ns_sum))?;
    writeln!(f, "jackfield_{NAME}_count {timed}")?;
    head(f, "turns_total", "counter", "Turns of the reactors, timed or not.")?;
    writeln!(f, "jackfield_turns_total {}", metrics.turns)
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// A reason of each class, with its label.
const REASONS: [(&str, Reason); 29] = [
    ("peer", Reason::Peer),
    ("peer_reset", Reason::PeerReset),
    ("local", Reason::Local),
    ("http", Reason::Protocol(ProtocolError::Http(http1::Error::BodyTooLarge))),
    ("websocket", Reason::Protocol(ProtocolError::WebSocket(websocket::Error::Unmasked))),
    ("tls", Reason::Tls),
    ("io", Reason::Io(ErrorKind::Other)),
    ("panic", Reason::Panic),
    ("shutdown", Reason::Shutdown),
    ("connect", Reason::Connect(ConnectError::Timeout)),
    ("proxy", Reason::Proxy),
    ("timeout_idle", Reason::Timeout(Timeout::Idle)),
    ("timeout_head", Reason::Timeout(Timeout::Head)),
    ("timeout_body", Reason::Timeout(Timeout::Body)),
    ("timeout_message", Reason::Timeout(Timeout::Message)),
    ("timeout_heartbeat", Reason::Timeout(Timeout::Heartbeat)),
    ("timeout_write", Reason::Timeout(Timeout::Write)),
    ("timeout_handshake", Reason::Timeout(Timeout::Handshake)),
    ("timeout_upgrade", Reason::Timeout(Timeout::Upgrade)),
    ("timeout_lifetime", Reason::Timeout(Timeout::Lifetime)),
    ("timeout_answer", Reason::Timeout(Timeout::Answer)),
    ("limit_backlog", Reason::Limit(Limit::Backlog)),
    ("limit_read_buffer", Reason::Limit(Limit::ReadBuffer)),
    ("limit_line", Reason::Limit(Limit::Line)),
    ("limit_memory", Reason::Limit(Limit::Memory)),
    ("limit_rate", Reason::Limit(Limit::Rate)),
    ("limit_control_frames", Reason::Limit(Limit::ControlFrames)),
    ("limit_overload", Reason::Limit(Limit::Overload)),
    ("limit_connections", Reason::Limit(Limit::Connections)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disconnect::CLASSES;

    /// Each public field has its own value, and each of these is in the text.
    #[test]
    fn o4_every_field_is_in_the_text() {
        // `Debug` has every field; the private ones are histograms.
        let fields = format!("{:?}", Metrics::default());
        let fields = fields.trim_start_matches("Metrics { ").split(", ");
        let fields = fields.filter_map(|field| field.split_once(": 0")).map(|(name, _)| name);
        let fields: Vec<&str> = fields.filter(|name| !name.contains('[')).collect();
        let source = include_str!("metrics.rs").split("pub struct Metrics {").nth(1).unwrap_or_default();
        let public = source.split("\n}").next().unwrap_or_default().matches("    pub ").count();
        assert_eq!(fields.len(), public, "{fields:?}");
        let source = include_str!("prometheus.rs").split("#[cfg(test)]").next().unwrap_or_default();
        for field in fields {
            let is_read = source.split("metrics.").skip(1).any(|rest| {
                rest.strip_prefix(field)
                    .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            });
            assert!(is_read, "{field} is not in the text");
        }
    }

    #[test]
    fn o4_every_class_of_ends_has_its_label() {
        let mut classes = REASONS.map(|(_, why)| why.class());
        classes.sort_unstable();
        assert!(classes.into_iter().eq(0..CLASSES));
    }
}
