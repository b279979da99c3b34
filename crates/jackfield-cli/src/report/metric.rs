//! The figures that can be compared, and that conditions can use.

use crate::base::units;
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

impl Quantity {
    /// A value with its unit.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Time => units::time(value),
            Self::Rate => format!("{}/s", units::rate(value)),
            Self::Bytes => units::bytes(value),
            Self::Percent => format!("{value:.0} %"),
            Self::Count => units::count(value),
        }
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

/// All of them, in the order of a table.
pub(crate) const METRICS: &[Metric] = &[
    metric("rate", "throughput", "/throughput/per_second", Quantity::Rate, Wanted::More)
        .sampled("per_second"),
    metric("mean", "mean", "/latency_ns/mean", Quantity::Time, Wanted::Less),
    metric("p50", "p50", "/latency_ns/p50", Quantity::Time, Wanted::Less).sampled("p50_ns"),
    metric("p75", "p75", "/latency_ns/p75", Quantity::Time, Wanted::Less),
    metric("p90", "p90", "/latency_ns/p90", Quantity::Time, Wanted::Less),
    metric("p95", "p95", "/latency_ns/p95", Quantity::Time, Wanted::Less),
    metric("p99", "p99", "/latency_ns/p99", Quantity::Time, Wanted::Less).sampled("p99_ns"),
    metric("p99.9", "p99.9", "/latency_ns/p99.9", Quantity::Time, Wanted::Less),
    metric("p99.99", "p99.99", "/latency_ns/p99.99", Quantity::Time, Wanted::Less),
    metric("max", "max", "/latency_ns/max", Quantity::Time, Wanted::Less),
    metric("full-handshakes", "full handshakes", "/handshakes/full", Quantity::Count, Wanted::Neither),
    metric(
        "resumed-handshakes",
        "resumed handshakes",
        "/handshakes/resumed",
        Quantity::Count,
        Wanted::Neither,
    ),
    metric("handshake-p50", "handshake, p50", "/handshakes/latency_ns/p50", Quantity::Time, Wanted::Less),
    metric("handshake-p99", "handshake, p99", "/handshakes/latency_ns/p99", Quantity::Time, Wanted::Less),
    metric("errors", "errors", "/errors/total", Quantity::Count, Wanted::Less),
    metric(
        "server-cpu",
        "server, per operation",
        "/server/cpu_ns_per_operation",
        Quantity::Time,
        Wanted::Less,
    ),
    metric("server-load", "server, of a core", "/server/cpu_percent", Quantity::Percent, Wanted::Neither),
    metric("client-load", "client, of a core", "/client/cpu_percent", Quantity::Percent, Wanted::Neither),
    metric("others-load", "others, of a core", "/others/cpu_percent", Quantity::Percent, Wanted::Neither),
    metric("memory", "server memory", "/server/memory_bytes_max", Quantity::Bytes, Wanted::Less),
    metric(
        "memory-per-connection",
        "memory, per connection",
        "/server/memory_bytes_per_connection",
        Quantity::Bytes,
        Wanted::Less,
    ),
];

const fn metric(
    name: &'static str,
    title: &'static str,
    pointer: &'static str,
    quantity: Quantity,
    wanted: Wanted,
) -> Metric {
    Metric { name, title, pointer, sample: None, quantity, wanted }
}

impl Metric {
    /// The same, with a field of the samples for the spread.
    const fn sampled(self, field: &'static str) -> Self {
        Self { sample: Some(field), ..self }
    }
}
