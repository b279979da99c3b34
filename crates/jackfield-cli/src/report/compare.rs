//! `--compare`: what has changed since an earlier run.

use super::metric::{METRICS, Metric, Wanted, of_sample};
use crate::base::machine;
use serde_json::{Value, json};

/// One figure in two runs.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) metric: &'static Metric,
    pub(crate) old: f64,
    pub(crate) new: f64,
    /// How far the change may be off, in per cent of the old value, estimated from the course of both runs.
    pub(crate) spread: Option<f64>,
}

/// Whether a change is an improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trend {
    Better,
    Worse,
    /// Neither, or within the noise of two runs.
    Same,
}

impl Trend {
    fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Same => "same",
        }
    }
}

impl Change {
    /// The change in per cent of the old value, if that is not zero.
    pub(crate) fn percent(&self) -> Option<f64> {
        (self.old != 0.0).then(|| (self.new - self.old) / self.old * 100.0)
    }

    /// Whether it is an improvement.
    pub(crate) fn trend(&self) -> Trend {
        let noise = self.spread.unwrap_or_default().max(NOISE_PERCENT);
        let is_small = self.percent().map_or(self.new == self.old, |percent| percent.abs() < noise);
        match (self.metric.wanted, self.new > self.old) {
            (Wanted::Neither, _) => Trend::Same,
            _ if is_small => Trend::Same,
            (Wanted::More, true) | (Wanted::Less, false) => Trend::Better,
            (Wanted::More, false) | (Wanted::Less, true) => Trend::Worse,
        }
    }

    /// The change as text.
    pub(crate) fn show(&self) -> String {
        match self.spread {
            Some(spread) if self.percent().is_some() => format!("{} ± {}", self.brief(), digits(spread)),
            _ => self.brief(),
        }
    }

    /// The same without its spread.
    pub(crate) fn brief(&self) -> String {
        match self.percent() {
            None => "new".into(),
            Some(percent) if percent >= TIMES_FROM => format!("× {}", digits(self.new / self.old)),
            Some(percent) if percent < 0.0 => format!("-{} %", digits(-percent)),
            Some(percent) => format!("+{} %", digits(percent)),
        }
    }
}

/// From this change on a factor is shown instead of per cent.
const TIMES_FROM: f64 = 900.0;

/// A number with a sensible number of digits.
fn digits(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { crate::base::units::count(value) }
}

/// Two runs of the same program may differ by this much.
const NOISE_PERCENT: f64 = 3.0;

/// The changes of all figures that both runs have.
pub(crate) fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let pairs = METRICS.iter().filter_map(|metric| {
        let spread = metric.sample.and_then(|field| spread(old, new, field));
        Some(Change { metric, old: metric.value(old)?, new: metric.value(new)?, spread })
    });
    pairs.filter(|change| change.old != 0.0 || change.new != 0.0).collect()
}

/// How far the change of a figure may be off, in per cent of the old one: twice the standard error of its mean, from the
/// parts of each run. The difference between two runs of the same server is not included.
fn spread(old: &Value, new: &Value, field: &str) -> Option<f64> {
    let (old, new) = (Parts::of(old, field)?, Parts::of(new, field)?);
    let error = (old.error / old.mean).hypot(new.error / new.mean);
    Some(2.0 * error * new.mean / old.mean * 100.0)
}

/// The mean of a figure over equal parts of a run, and its standard error. Single samples are not used, because
/// neighbouring samples are similar, and the error would look too small.
struct Parts {
    mean: f64,
    error: f64,
}

/// The number of parts of a run; a run with fewer samples has no spread.
const PARTS: usize = 10;
const SAMPLES_MIN: usize = 2 * PARTS;

impl Parts {
    fn of(result: &Value, field: &str) -> Option<Self> {
        let samples: Vec<f64> =
            result["samples"].as_array()?.iter().filter_map(|sample| of_sample(sample, field)).collect();
        if samples.len() < SAMPLES_MIN {
            return None;
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let part =
            |number: usize| &samples[samples.len() * number / PARTS..samples.len() * (number + 1) / PARTS];
        let parts: Vec<f64> = (0..PARTS).map(|number| mean(part(number))).collect();
        let all = mean(&parts);
        let squares: f64 = parts.iter().map(|part| (part - all).powi(2)).sum();
        (all > 0.0).then(|| Self { mean: all, error: (squares / (PARTS * (PARTS - 1)) as f64).sqrt() })
    }
}

/// Differences between the two runs apart from the server. They may be the cause of a change.
pub(crate) fn differences(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for part in ["plan", "machine"] {
        let (Some(before), Some(after)) = (old[part].as_object(), new[part].as_object()) else { continue };
        for (name, value) in after {
            // An earlier result may have less, and then it is not known.
            let Some(other) = before.get(name).map(hide) else { continue };
            // The built-in server has a different port each time.
            if other != *value && name != "target" {
                found.push(format!("{part}.{name}: {other} then, {value} now"));
            }
        }
    }
    found
}

/// What an earlier run has kept, without the values in queries, which results had once.
fn hide(kept: &Value) -> Value {
    match kept {
        Value::String(text) if text.starts_with('/') => machine::without_values(text).into(),
        Value::Array(values) => values.iter().map(hide).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), hide(value))).collect(),
        other => other.clone(),
    }
}

/// The comparison as a part of `result.json`.
pub(crate) fn json(old: &Value, new: &Value) -> Value {
    let change = |change: &Change| {
        json!({
            "metric": change.metric.name,
            "old": change.old,
            "new": change.new,
            "percent": change.percent(),
            "spread_percent": change.spread,
            "trend": change.trend().name(),
        })
    };
    json!({
        "with": old["when"],
        "changes": changes(old, new).iter().map(change).collect::<Vec<Value>>(),
        "differences": differences(old, new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("p99", "+100 %".to_owned(), Trend::Worse),
            ("errors", "new".to_owned(), Trend::Worse),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn large_changes_are_factors() {
        let show = |old, new| Change { metric: &METRICS[0], old, new, spread: None }.show();
        assert_eq!([show(1.0, 72.25), show(1.0, 3.5), show(4.0, 1.0)], ["× 72.2", "+250 %", "-75.0 %"]);
    }

    #[test]
    fn a_change_within_its_spread_does_not_count() {
        let run = |mean: f64, swing: f64| {
            let rate = |number: usize| mean + if number / 2 % 2 == 0 { swing } else { -swing };
            json!({
                "throughput": { "per_second": mean },
                "samples": (0..20).map(|number| json!({ "per_second": rate(number) })).collect::<Vec<Value>>(),
            })
        };
        let change = |swing| changes(&run(100.0, swing), &run(110.0, swing)).remove(0);
        assert_eq!((change(0.0).show(), change(0.0).trend()), ("+10.0 % ± 0.0".into(), Trend::Better));
        // Each of ten parts is off by 30: the error of the mean is 10, and 2 * hypot(10 / 100, 10 / 110) * 1.1 is 29.7 %.
        assert_eq!((change(30.0).show(), change(30.0).trend()), ("+10.0 % ± 29.7".into(), Trend::Same));
    }

    /// The fault: an interval in which nothing ended had a latency of zero, and the spread was so large that nothing was worse.
    #[test]
    fn i494_intervals_without_operations_have_no_latency() {
        for nothing in [Value::Null, 0.into()] {
            let run = |latency: u64| {
                let samples = (0..40).map(|number| {
                    let p99 = if number % 4 == 1 && number < 20 { nothing.clone() } else { latency.into() };
                    json!({ "p99_ns": p99 })
                });
                json!({ "latency_ns": { "p99": latency }, "samples": samples.collect::<Vec<Value>>() })
            };
            let change = changes(&run(1000), &run(1300)).remove(0);
            assert_eq!((change.spread, change.trend()), (Some(0.0), Trend::Worse), "{nothing}");
        }
    }

    #[test]
    fn runs_that_can_not_be_compared_are_distinguished() {
        let old = json!({ "plan": { "mode": "http", "target": "a:1" }, "machine": { "cores": 2 } });
        let new = json!({ "plan": { "mode": "http", "target": "a:2" }, "machine": { "cores": 4 } });
        assert_eq!(differences(&old, &new), ["machine.cores: 2 then, 4 now"]);
        assert!(differences(&old, &old).is_empty());
        let more = json!({ "plan": { "mode": "http", "is_browser": false }, "machine": {} });
        assert!(differences(&old, &more).is_empty(), "an earlier result may have less");
        // A result of before the values of queries were hidden.
        let old = json!({ "plan": { "path": "/a?key=1" } });
        let paths = ["/a?key=...", "/b?key=..."].map(|path| json!({ "plan": { "path": path } }));
        assert!(differences(&old, &paths[0]).is_empty());
        assert_eq!(differences(&old, &paths[1]), ["plan.path: \"/a?key=...\" then, \"/b?key=...\" now"]);
    }
}
