//! `--fail-if`: a condition under which a run has failed.

use super::metric::{METRICS, Metric, Need};
use crate::bench::plan::Plan;
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// A condition such as `p99>2ms`.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    metric: &'static Metric,
    relation: Relation,
    /// In the unit of `result.json`.
    bound: f64,
    /// The bound as it was given.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// The result of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Passed,
    /// It is met by this value: the run has failed.
    Failed(f64),
    /// The run has no such figure, which is no success either.
    Unknown,
}

impl Condition {
    /// Whether a run of this plan can have its figure. `process` is how the process of the server is named.
    ///
    /// # Errors
    /// It can't, as a sentence.
    pub(crate) fn check(&self, plan: &Plan, process: &str) -> Result<(), String> {
        let name = self.metric.name;
        let Some(need) = self.metric.needs.iter().find(|need| !need.is_met(plan)) else { return Ok(()) };
        Err(match need {
            Need::Operations => {
                format!("`{name}` is no figure of `{}`, which has no operations", plan.play.name())
            }
            Need::Handshakes => {
                format!("`{name}` is counted only by `bench connect` with a target that begins with https://")
            }
            Need::Process => format!("`{name}` needs `{process}` for a server that runs already"),
            Need::Idleness => format!("`{name}` is what only `bench idle` measures"),
        })
    }

    /// Checks whether the run has failed.
    pub(crate) fn judge(&self, result: &Value) -> Verdict {
        let Some(value) = self.metric.value(result) else { return Verdict::Unknown };
        let is_met = match self.relation {
            Relation::Above => value > self.bound,
            Relation::AtLeast => value >= self.bound,
            Relation::Below => value < self.bound,
            Relation::AtMost => value <= self.bound,
        };
        if is_met { Verdict::Failed(value) } else { Verdict::Passed }
    }

    /// The message for a verdict other than [`Verdict::Passed`].
    pub(crate) fn complaint(&self, verdict: &Verdict) -> Option<String> {
        match verdict {
            Verdict::Passed => None,
            Verdict::Failed(value) => Some(format!("{self}: {} is {}", self.metric.name, self.show(*value))),
            Verdict::Unknown => Some(format!("{self}: this run has no {}", self.metric.name)),
        }
    }

    /// A value, with all digits if it would be rounded to the same as the bound.
    fn show(&self, value: f64) -> String {
        let quantity = self.metric.quantity;
        let shown = quantity.show(value);
        let is_unclear = value != self.bound && shown == quantity.show(self.bound);
        if is_unclear { quantity.show_exactly(value) } else { shown }
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text
            .find(['<', '>'])
            .ok_or("a condition is a metric, `<` or `>`, and a bound, as in `p99>2ms`")?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let (relation, bound) = RELATIONS
            .iter()
            .find_map(|(sign, relation)| Some((*relation, rest.strip_prefix(sign)?.trim())))
            .ok_or("the relation is `>`, `>=`, `<` or `<=`")?;
        let metric = Metric::named(name).ok_or_else(|| {
            let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
            format!("`{name}` is not a metric; the metrics are {}", names.join(", "))
        })?;
        let text = bound.to_owned();
        let bound = metric.quantity.parse(bound).ok_or_else(|| {
            format!("`{bound}` is not a bound for `{name}`; a bound is, for example, `{}`", example(metric))
        })?;
        Ok(Self { metric, relation, bound, text })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign =
            RELATIONS.iter().find(|(_, relation)| *relation == self.relation).map_or("", |(sign, _)| sign);
        write!(f, "{}{sign}{}", self.metric.name, self.text)
    }
}

/// Longer ones come first, because shorter ones are their prefixes.
const RELATIONS: [(&str, Relation); 4] =
    [(">=", Relation::AtLeast), ("<=", Relation::AtMost), (">", Relation::Above), ("<", Relation::Below)];

fn example(metric: &Metric) -> &'static str {
    use super::metric::Quantity;
    match metric.quantity {
        Quantity::Time => "2ms",
        Quantity::Rate => "100k",
        Quantity::Bytes => "64MiB",
        Quantity::Percent => "95%",
        Quantity::Count => "0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judge(condition: &str) -> Verdict {
        let result = json!({
            "throughput": { "per_second": 150_000.0 },
            "latency_ns": { "p99": 2_000_000, "p99.9": 3_000_000 },
            "errors": { "total": 0 },
            "server": { "memory_bytes_max": 65 << 20, "cpu_ns_per_operation": 900.0 },
        });
        condition.parse::<Condition>().map(|condition| condition.judge(&result)).expect(condition)
    }

    #[test]
    fn conditions_are_judged() {
        for (condition, verdict) in [
            ("p99>2ms", Verdict::Passed),
            ("p99>=2ms", Verdict::Failed(2e6)),
            (" p99 > 1999 us ", Verdict::Failed(2e6)),
            ("p99.9<0.003s", Verdict::Passed),
            ("p99.9<=0.003s", Verdict::Failed(3e6)),
            ("rate<200k", Verdict::Failed(150_000.0)),
            ("rate<150000", Verdict::Passed),
            ("errors>0", Verdict::Passed),
            ("memory>64MiB", Verdict::Failed(f64::from(65 << 20))),
            ("server-cpu>1us", Verdict::Passed),
            ("p50>1s", Verdict::Unknown),
        ] {
            assert_eq!(judge(condition), verdict, "{condition}");
        }
    }

    #[test]
    fn an_invalid_goal_is_explained() {
        for (text, word) in [
            ("p99", "`p99>2ms`"),
            ("p99=2ms", "`p99>2ms`"),
            ("p98>2ms", "p99.99"),
            ("p99>2", "`2ms`"),
            ("p99>fast", "`2ms`"),
            ("errors>", "`0`"),
            ("memory>1s", "`64MiB`"),
        ] {
            let error = text.parse::<Condition>().expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_failure_says_what_was_found() {
        let condition: Condition = "p99>=2ms".parse().expect("it is one");
        assert_eq!(condition.to_string(), "p99>=2ms");
        let complaint = condition.complaint(&Verdict::Failed(2.5e6));
        assert_eq!(complaint.as_deref(), Some("p99>=2ms: p99 is 2.50 ms"));
        assert!(condition.complaint(&Verdict::Unknown).is_some_and(|text| text.ends_with("no p99")));
        assert_eq!(condition.complaint(&Verdict::Passed), None);
    }

    /// The fault: bound and value were rounded, as in "server-load>0 %: server-load is 0 %".
    #[test]
    fn i499_a_complaint_does_not_contradict_itself() {
        for (condition, value, complaint) in [
            (" server-load > 0.4% ", 0.43, "server-load>0.4%: server-load is 0.43 %"),
            ("server-load>40%", 40.2, "server-load>40%: server-load is 40.2 %"),
            ("p99>2.001ms", 2_001_300.0, "p99>2.001ms: p99 is 2001300 ns"),
            ("p99>=2ms", 2e6, "p99>=2ms: p99 is 2.00 ms"),
            ("p99>2ms", 2_100_000.0, "p99>2ms: p99 is 2.10 ms"),
            ("memory>64MiB", 67_108_865.0, "memory>64MiB: memory is 67108865 B"),
            ("rate<100k", 99_999.75, "rate<100k: rate is 99999.75/s"),
            ("errors>0", 12_345.0, "errors>0: errors is 12,345"),
        ] {
            let parsed: Condition = condition.parse().expect("it is one");
            assert_eq!(parsed.complaint(&Verdict::Failed(value)).as_deref(), Some(complaint));
        }
    }
}
