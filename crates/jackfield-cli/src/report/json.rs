//! `result.json`: every figure of a run, with what is needed to understand and repeat it.

use crate::base::machine;
use crate::bench::outcome::{End, Outcome, Sample};
use crate::bench::plan::{Plan, Play};
use crate::bench::server::Server;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

/// The version of the layout. A reader refuses any other.
pub(crate) const SCHEMA: u32 = 1;

/// The percentiles with their own fields.
const QUANTILES: [(&str, f64); 7] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// All figures of a run.
pub(crate) fn result(plan: &Plan, server: &Server, outcome: &Outcome) -> Value {
    let (when, unix_seconds) = machine::now();
    json!({
        "schema": SCHEMA,
        "tool": concat!("jackfield ", env!("CARGO_PKG_VERSION")),
        "command": machine::command(),
        "when": when,
        "unix_seconds": unix_seconds,
        "commit": machine::commit(),
        "machine": machine::machine(),
        "plan": plan_of(plan, server),
        "end": end(outcome),
        "throughput": throughput(plan, outcome),
        "latency_ns": latency(&outcome.latencies),
        "latency_invalid": outcome.latency_doubt(),
        "latency_resolution_ns": outcome.resolution.as_nanos() as u64,
        "handshakes": handshakes(plan, outcome),
        "errors": errors(outcome),
        "client": {
            "cpu_percent": outcome.client_share().map(|share| share * 100.0),
            "busiest_thread_percent": outcome.busiest * 100.0,
            "cpu_ns_per_operation": outcome.client_ns_per_operation(),
            "threads": outcome.threads,
            "turns": outcome.turns,
            "late_operations": outcome.late_operations,
            "is_bottleneck": outcome.is_client_bound(),
        },
        "others": { "cpu_percent": outcome.others_share().map(|share| share * 100.0) },
        "server": server_use(plan, outcome),
        "opened_connections": outcome.opened,
        "opening_seconds": outcome.opened_in.map(|time| time.as_secs_f64()),
        "percentiles": percentiles(outcome),
        "histogram": histogram(&outcome.latencies, &coarse()),
        "distribution": histogram(&outcome.latencies, &fine()),
        "warm_up": outcome.warm_up.iter().map(sample).collect::<Vec<Value>>(),
        "samples": outcome.samples.iter().map(sample).collect::<Vec<Value>>(),
    })
}

fn plan_of(plan: &Plan, server: &Server) -> Value {
    json!({
        "mode": plan.play.name(),
        "is_websocket": matches!(plan.play, Play::IdleWs),
        "target": server.host,
        "is_built_in": server.is_built_in(),
        "path": machine::without_values(&plan.path),
        "tls": plan.tls.as_ref().map(|tls| json!({ "is_insecure": tls.is_insecure, "resumes": tls.resumes })),
        "publish_path": (plan.play == Play::Sse).then(|| machine::without_values(&plan.publish_path)),
        "is_browser": plan.has_browser_head,
        "method": plan.method,
        "header_fields": names(&plan.fields),
        "body_bytes": plan.body.len(),
        "weight": plan.weight,
        "other_requests": plan.others.iter().map(|other| json!({
            "method": other.method,
            "path": machine::without_values(&other.path),
            "header_fields": names(&other.fields),
            "body_bytes": other.body.len(),
            "weight": other.weight,
        })).collect::<Vec<Value>>(),
        "is_text": plan.is_text,
        "protocols": plan.protocols,
        "connections": plan.connections,
        "slow_readers": plan.slow_readers,
        "rate": plan.rate,
        "pipeline": plan.pipeline,
        "size": plan.size,
        "seconds": plan.duration.as_secs_f64(),
        "operations": plan.operations,
        "timeout_seconds": plan.timeout.as_secs_f64(),
        "threads": plan.threads,
    })
}

/// The names of header fields. Their values may be secret.
fn names(fields: &[(String, String)]) -> Vec<&str> {
    fields.iter().map(|(name, _)| &**name).collect()
}

/// How the run ended, and why if it ended early.
fn end(outcome: &Outcome) -> Value {
    match &outcome.end {
        End::Complete => json!({ "how": "complete" }),
        End::Interrupted => json!({ "how": "interrupted" }),
        End::Failed(why) => json!({ "how": "failed", "why": why }),
    }
}

fn throughput(plan: &Plan, outcome: &Outcome) -> Value {
    let seconds = outcome.elapsed.as_secs_f64();
    json!({
        "unit": plan.play.unit(),
        "operations": outcome.operations,
        "slow_reader_operations": outcome.slow_operations,
        "seconds": seconds,
        "per_second": outcome.rate(),
        "bytes_in_per_second": outcome.bytes_in as f64 / seconds,
        "bytes_out_per_second": outcome.bytes_out as f64 / seconds,
    })
}

/// TLS handshakes, if they are measured.
fn handshakes(plan: &Plan, outcome: &Outcome) -> Option<Value> {
    (plan.play == Play::Connect && plan.tls.is_some()).then(|| {
        let handshakes = &outcome.handshakes;
        json!({
            "full": handshakes.full,
            "resumed": handshakes.resumed,
            "latency_ns": latency(&handshakes.latencies),
        })
    })
}

fn latency(latencies: &Histogram<u64>) -> Value {
    if latencies.is_empty() {
        return Value::Null;
    }
    let mut figures = Map::new();
    figures.insert("count".into(), latencies.len().into());
    figures.insert("min".into(), latencies.min().into());
    figures.insert("mean".into(), latencies.mean().into());
    figures.insert("deviation".into(), latencies.stdev().into());
    for (name, quantile) in QUANTILES {
        figures.insert(name.into(), (latencies.value_at_quantile(quantile) as f64).into());
    }
    figures.insert("max".into(), latencies.max().into());
    figures.into()
}

fn errors(outcome: &Outcome) -> Value {
    let kinds: Map<String, Value> =
        outcome.errors.iter().map(|(kind, count)| (kind.to_string(), (*count).into())).collect();
    json!({ "total": outcome.error_count(), "by_kind": kinds })
}

fn server_use(plan: &Plan, outcome: &Outcome) -> Option<Value> {
    let server = outcome.server?;
    // In other modes most of the growth is in shared buffers.
    let idle_memory = outcome.memory_per_connection(plan.connections).filter(|_| plan.play.is_idle());
    Some(json!({
        "pid": server.pid,
        "cpu_percent": outcome.server_share().map(|share| share * 100.0),
        "cpu_ns_per_operation": outcome.server_ns_per_operation(),
        "memory_bytes_before": server.memory_before,
        "memory_bytes_max": server.memory_max,
        "memory_bytes_end": server.memory_end,
        "memory_bytes_per_connection": idle_memory,
    }))
}

/// Pairs of a share of all operations and their highest latency, with shares ever closer to 1.
fn percentiles(outcome: &Outcome) -> Vec<Value> {
    let mut points = Vec::new();
    let mut last = f64::NAN;
    for step in outcome.latencies.iter_quantiles(STEPS_PER_HALF) {
        let quantile = step.quantile_iterated_to();
        if quantile != last && quantile < 1.0 {
            points.push(json!([quantile, step.value_iterated_to()]));
        }
        last = quantile;
    }
    points
}

/// The number of points until half of the rest is left.
const STEPS_PER_HALF: u32 = 5;

/// The powers of ten of the bounds: no run lasts for 10^18 ns, which is 31 years.
const POWERS: u32 = 19;

/// Bounds that are 1, 2 or 5 times a power of ten.
fn coarse() -> Vec<u64> {
    (0..POWERS).flat_map(|power| [1, 2, 5].map(|digit| digit * 10u64.pow(power))).collect()
}

/// Bounds for a picture: this many for each power of ten.
fn fine() -> Vec<u64> {
    let mut bounds: Vec<u64> =
        (0..POWERS * FINE).map(|step| 10f64.powf(f64::from(step) / f64::from(FINE)).round() as u64).collect();
    bounds.dedup();
    bounds
}

const FINE: u32 = 20;

/// The number of operations between each two bounds, the lower one included.
fn histogram(latencies: &Histogram<u64>, bounds: &[u64]) -> Vec<Value> {
    let mut buckets: Vec<(u64, u64, u64)> = Vec::new();
    let mut bounds = bounds.iter().copied().peekable();
    for step in latencies.iter_recorded() {
        let latency = step.value_iterated_to();
        while buckets.last().is_none_or(|(_, to, _)| latency >= *to) {
            let (Some(from), Some(to)) = (bounds.next(), bounds.peek()) else { break };
            // Empty buckets below the first latency are left out, but not those between two latencies.
            if !buckets.is_empty() || latency < *to {
                buckets.push((from, *to, 0));
            }
        }
        if let Some((_, _, count)) = buckets.last_mut() {
            *count += step.count_since_last_iteration();
        }
    }
    buckets.iter().map(|(from, to, count)| json!({ "from_ns": from, "to_ns": to, "count": count })).collect()
}

fn sample(sample: &Sample) -> Value {
    json!({
        "at": sample.at,
        "per_second": sample.rate,
        "p50_ns": sample.p50,
        "p99_ns": sample.p99,
        "errors": sample.errors,
        "client_cpu_percent": sample.client_cpu * 100.0,
        "server_cpu_percent": sample.server_cpu * 100.0,
        "server_memory_bytes": sample.memory,
    })
}

#[cfg(test)]
mod tests {
    use super::super::compare;
    use super::*;
    use crate::bench::plan::OtherRequest;
    use std::time::Duration;

    /// The fault: what took longer than 50 s was in the bucket below that.
    #[test]
    fn i305_each_latency_has_its_bucket() {
        for ns in [3, 400, 59_000_000_000, 3_600_000_000_000, 31_536_000_000_000_000u64] {
            let mut latencies = Histogram::new(3).expect("three digits are possible");
            latencies += ns;
            for bounds in [coarse(), fine()] {
                let buckets = histogram(&latencies, &bounds);
                let bound = |name: &str| buckets[0][name].as_u64().expect("a number");
                assert_eq!((buckets.len(), &buckets[0]["count"]), (1, &1.into()), "{ns}");
                assert!((bound("from_ns")..bound("to_ns")).contains(&ns), "{ns} in {buckets:?}");
            }
        }
    }

    /// The fault: runs that sent other bytes, or published elsewhere, had the same plan.
    #[test]
    fn i495_what_changes_the_load_is_in_the_plan() {
        let server = Server::running(([127, 0, 0, 1], 1).into(), "a:1", 1);
        let usual = Plan::new(Play::Sse, Duration::from_secs(1));
        let differences = |plan: &Plan| {
            let part = |plan| json!({ "plan": plan_of(plan, &server) });
            compare::differences(&part(&usual), &part(plan))
        };
        let other = |path: &str| OtherRequest {
            method: "POST".into(),
            path: path.into(),
            fields: vec![("A".into(), "b".into())],
            body: b"hi".into(),
            weight: 2,
        };
        for (plan, said) in [
            (usual.clone(), ""),
            (Plan { has_browser_head: true, ..usual.clone() }, "plan.is_browser: false then, true now"),
            (Plan { publish_path: "/p?key=a".into(), ..usual.clone() }, "\"/p?key=...\" now"),
            (Plan { weight: 3, ..usual.clone() }, "plan.weight: 1 then, 3 now"),
            (Plan { others: vec![other("/a")], ..usual.clone() }, "\"body_bytes\":2"),
        ] {
            let found = differences(&plan);
            assert!(found.len() == usize::from(!said.is_empty()), "{found:?}");
            assert!(found.concat().contains(said), "{found:?}");
        }
        let http = Plan { publish_path: "/p".into(), ..Plan::new(Play::Http, Duration::from_secs(1)) };
        assert_eq!(plan_of(&http, &server)["publish_path"], Value::Null, "nothing is published");
    }
}
