//! The figures that can be compared, and that conditions can use.

use crate::base::units;
use crate::bench::plan::{Plan, Play};
use serde_json::Value;

/// One figure of a result.
#[derive(Debug)]
pub(crate) struct Metric {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Its name in a table.
    pub(crate) title: &'static str,
    /// Where it is in `result.json`.
    pub(crate) pointer: &'static str,
    /// The field of its samples over time, for the spread.
    pub(crate) sample: Option<&'static str>,
    pub(crate) quantity: Quantity,
    pub(crate) wanted: Wanted,
    /// Without these a run has no such figure.
    pub(crate) needs: &'static [Need],
}

/// What a run must have for a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Operations are counted.
    Operations,
    /// TLS handshakes are counted.
    Handshakes,
    /// The server's process is known.
    Process,
    /// Connections do nothing.
    Idleness,
}

/// What is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    More,
    Less,
    /// It describes a run, and is neither good nor bad.
    Neither,
}

/// What a figure measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Nanoseconds.
    Time,
    /// A number a second.
    Rate,
    Bytes,
    Percent,
    Count,
}

impl Metric {
    /// The metric of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        METRICS.iter().find(|metric| metric.name == name)
    }

    /// Its value, if the run has one.
    pub(crate) fn value(&self, result: &Value) -> Option<f64> {
        result.pointer(self.pointer)?.as_f64()
    }
}

/// A figure of a sample, if it has one. A latency of zero is none: earlier results have it where no operation ended.
pub(crate) fn of_sample(sample: &Value, field: &str) -> Option<f64> {
    sample[field].as_f64().filter(|value| *value > 0.0 || !field.ends_with("_ns"))
}

impl Quantity {
    /// A value with its unit, rounded.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Time => units::time(value),
            Self::Rate => format!("{}/s", units::rate(value)),
            Self::Bytes => units::bytes(value),
            // Small ones keep their digits, as rates do.
            Self::Percent => format!("{} %", units::rate(value)),
            Self::Count => units::count(value),
        }
    }

    /// A value in the unit of `result.json`, with all digits.
    pub(crate) fn show_exactly(self, value: f64) -> String {
        let unit = match self {
            Self::Time => " ns",
            Self::Rate => "/s",
            Self::Bytes => " B",
            Self::Percent => " %",
            Self::Count => "",
        };
        format!("{value}{unit}")
    }

    /// Reads a value, in the unit of `result.json`. A time must have a unit.
    pub(crate) fn parse(self, text: &str) -> Option<f64> {
        match self {
            Self::Time => units::parse(text, f64::NAN, units::DURATIONS).map(|seconds| seconds * 1e9),
            Self::Rate | Self::Count => units::parse(text, 1.0, units::RATES),
            Self::Bytes => units::parse(text, 1.0, units::SIZES),
            Self::Percent => units::parse(text, 1.0, &[("%", 1.0)]),
        }
        .filter(|value| value.is_finite())
    }
}

impl Need {
    /// Whether a run of this plan has it.
    pub(crate) fn is_met(self, plan: &Plan) -> bool {
        match self {
            Self::Operations => !plan.play.is_idle(),
            Self::Handshakes => plan.play == Play::Connect && plan.tls.is_some(),
            Self::Process => plan.target.is_none() || plan.server_pid.is_some(),
            Self::Idleness => plan.play.is_idle(),
        }
    }
}

/// All of them, in the order of a table.
pub(crate) const METRICS: &[Metric] = &[
    metric("rate", "throughput", "/throughput/per_second", Quantity::Rate, Wanted::More)
        .sampled("per_second")
        .needing(OPERATIONS),
    latency("mean", "/latency_ns/mean"),
    latency("p50", "/latency_ns/p50").sampled("p50_ns"),
    latency("p75", "/latency_ns/p75"),
    latency("p90", "/latency_ns/p90"),
    latency("p95", "/latency_ns/p95"),
    latency("p99", "/latency_ns/p99").sampled("p99_ns"),
    latency("p99.9", "/latency_ns/p99.9"),
    latency("p99.99", "/latency_ns/p99.99"),
    latency("max", "/latency_ns/max"),
    metric("full-handshakes", "full handshakes", "/handshakes/full", Quantity::Count, Wanted::Neither)
        .needing(HANDSHAKES),
    metric(
        "resumed-handshakes",
        "resumed handshakes",
        "/handshakes/resumed",
        Quantity::Count,
        Wanted::Neither,
    )
    .needing(HANDSHAKES),
    metric("handshake-p50", "handshake, p50", "/handshakes/latency_ns/p50", Quantity::Time, Wanted::Less)
        .needing(HANDSHAKES),
    metric("handshake-p99", "handshake, p99", "/handshakes/latency_ns/p99", Quantity::Time, Wanted::Less)
        .needing(HANDSHAKES),
    metric("errors", "errors", "/errors/total", Quantity::Count, Wanted::Less),
    metric(
        "server-cpu",
        "server, per operation",
        "/server/cpu_ns_per_operation",
        Quantity::Time,
        Wanted::Less,
    )
    .needing(&[Need::Operations, Need::Process]),
    metric("server-load", "server, of a core", "/server/cpu_percent", Quantity::Percent, Wanted::Neither)
        .needing(PROCESS),
    metric("client-load", "client, of a core", "/client/cpu_percent", Quantity::Percent, Wanted::Neither),
    // What neither this program nor the server used.
    metric("others-load", "others, of a core", "/others/cpu_percent", Quantity::Percent, Wanted::Neither)
        .needing(PROCESS),
    metric("memory", "server memory", "/server/memory_bytes_max", Quantity::Bytes, Wanted::Less)
        .needing(PROCESS),
    metric(
        "memory-per-connection",
        "memory, per connection",
        "/server/memory_bytes_per_connection",
        Quantity::Bytes,
        Wanted::Less,
    )
    .needing(&[Need::Idleness, Need::Process]),
];

const OPERATIONS: &[Need] = &[Need::Operations];
const HANDSHAKES: &[Need] = &[Need::Handshakes];
const PROCESS: &[Need] = &[Need::Process];

const fn metric(
    name: &'static str,
    title: &'static str,
    pointer: &'static str,
    quantity: Quantity,
    wanted: Wanted,
) -> Metric {
    Metric { name, title, pointer, sample: None, quantity, wanted, needs: &[] }
}

/// A figure of the latencies of operations.
const fn latency(name: &'static str, pointer: &'static str) -> Metric {
    metric(name, name, pointer, Quantity::Time, Wanted::Less).needing(OPERATIONS)
}

impl Metric {
    /// The same, with a field of the samples for the spread.
    const fn sampled(self, field: &'static str) -> Self {
        Self { sample: Some(field), ..self }
    }

    /// The same, for runs that have all of this.
    const fn needing(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }
}
