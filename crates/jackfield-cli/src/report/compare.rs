//! `--compare`: what has changed since an earlier run.

use super::metric::{METRICS, Metric, Wanted};
use serde_json::Value;

/// One figure in two runs.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) metric: &'static Metric,
    pub(crate) old: f64,
    pub(crate) new: f64,
}

/// Whether a change is a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trend {
    Better,
    Worse,
    /// Neither, or too small to tell from the noise of two runs.
    Same,
}

impl Change {
    /// The change in hundredths of the old value, if that is not zero.
    pub(crate) fn percent(&self) -> Option<f64> {
        (self.old != 0.0).then(|| (self.new - self.old) / self.old * 100.0)
    }

    /// Whether it is a good one.
    pub(crate) fn trend(&self) -> Trend {
        let is_small = self.percent().map_or(self.new == self.old, |percent| percent.abs() < NOISE_PERCENT);
        match (self.metric.wanted, self.new > self.old) {
            (Wanted::Neither, _) => Trend::Same,
            _ if is_small => Trend::Same,
            (Wanted::More, true) | (Wanted::Less, false) => Trend::Better,
            (Wanted::More, false) | (Wanted::Less, true) => Trend::Worse,
        }
    }

    /// The change as it is shown.
    pub(crate) fn show(&self) -> String {
        self.percent().map_or_else(|| "new".into(), |percent| format!("{percent:+.1} %"))
    }
}

/// Two runs of the same program differ by as much.
const NOISE_PERCENT: f64 = 3.0;

/// What can be compared, figure by figure.
pub(crate) fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let pairs = METRICS
        .iter()
        .filter_map(|metric| Some(Change { metric, old: metric.value(old)?, new: metric.value(new)? }));
    pairs.filter(|change| change.old != 0.0 || change.new != 0.0).collect()
}

/// In what the two runs differ besides the server: then a change need not be the server's.
pub(crate) fn differences(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for part in ["plan", "machine"] {
        let (Some(before), Some(after)) = (old[part].as_object(), new[part].as_object()) else { continue };
        for (name, value) in after {
            // The built-in server has another port each time.
            let other = before.get(name).unwrap_or(&Value::Null);
            if other != value && name != "target" {
                found.push(format!("{part}.{name}: {other} then, {value} now"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_judged_by_what_is_better() {
        let old = json!({
            "throughput": { "per_second": 100.0 },
            "latency_ns": { "p50": 100, "p99": 1000, "max": 5 },
            "errors": { "total": 0 },
        });
        let new = json!({
            "throughput": { "per_second": 150.0 },
            "latency_ns": { "p50": 102, "p99": 2000 },
            "errors": { "total": 3 },
            "server": { "memory_bytes_max": 1 },
        });
        let found: Vec<_> = changes(&old, &new)
            .iter()
            .map(|change| (change.metric.name, change.show(), change.trend()))
            .collect();
        let wanted = [
            ("rate", "+50.0 %".to_owned(), Trend::Better),
            ("p50", "+2.0 %".to_owned(), Trend::Same),
            ("p99", "+100.0 %".to_owned(), Trend::Worse),
            ("errors", "new".to_owned(), Trend::Worse),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn runs_that_can_not_be_compared_are_told_from_those_that_can() {
        let old = json!({ "plan": { "mode": "http", "target": "a:1" }, "machine": { "cores": 2 } });
        let new = json!({ "plan": { "mode": "http", "target": "a:2" }, "machine": { "cores": 4 } });
        assert_eq!(differences(&old, &new), ["machine.cores: 2 then, 4 now"]);
        assert!(differences(&old, &old).is_empty());
    }
}
