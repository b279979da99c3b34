//! Latencies at a fixed rate, which is the same for all servers of a row.

use super::turn::Turn;
use crate::base::figure::Figure;
use jackfield_cli::base::units;
use serde_json::{Value, json};

/// The latencies that are shown.
pub(crate) const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
/// The rates, as shares of what the slowest server can do.
pub(crate) const SHARES: [(&str, f64); 2] = [("half", 0.5), ("four fifths", 0.8)];
/// A server that does less of a fixed rate has not kept up with it.
pub(crate) const RATE_KEPT_MIN: f64 = 0.98;

/// Why the latencies of most runs say nothing about the server.
const FAILED: &str = "not valid: it failed";
const NOT_KEPT: &str = "not valid: the rate was not kept";
const LATE: &str = "not valid: the load generator was late";

/// All turns of a row at one rate.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Its share of the rate of the slowest server, in words.
    pub(crate) share: &'static str,
    /// Operations a second.
    pub(crate) rate: f64,
    /// For each server in the order of its row, one turn for each run; `None` where it failed, or has no such row at all.
    pub(crate) turns: Vec<Vec<Option<Turn>>>,
}

impl Pace {
    pub(crate) fn title(&self) -> String {
        format!("At {} a second, {} of what the slowest can do", units::count(self.rate), self.share)
    }

    /// The latencies of one server, if most of its runs say anything about it; otherwise why not.
    fn latencies(&self, server: usize) -> Result<[Figure; 3], &'static str> {
        let turns = &self.turns[server];
        let good: Vec<&Turn> = turns.iter().flatten().filter(|turn| turn.latencies_are_valid).collect();
        if good.len() * 2 <= turns.len() {
            return Err(self.why_not(turns));
        }
        let figure = |quantile: usize| Figure::of(good.iter().map(|turn| turn.latencies[quantile]));
        let figures = || Some([figure(0)?, figure(1)?, figure(2)?]);
        figures().ok_or(FAILED)
    }

    fn why_not(&self, turns: &[Option<Turn>]) -> &'static str {
        let most = |count: usize| count * 2 > turns.len();
        let is_kept = |turn: &&Turn| turn.rate >= self.rate * RATE_KEPT_MIN;
        if most(turns.iter().filter(|turn| turn.is_none()).count()) {
            FAILED
        } else if most(turns.iter().flatten().filter(is_kept).count()) {
            LATE
        } else {
            NOT_KEPT
        }
    }

    /// The cells of each server behind its name.
    pub(crate) fn cells(&self, server: usize) -> Vec<String> {
        match self.latencies(server) {
            Ok(latencies) => latencies.map(|figure| figure.spread(units::time)).into(),
            Err(why) => vec![why.to_owned(); QUANTILES.len()],
        }
    }

    /// `names` are those of the servers.
    pub(crate) fn json<'a>(&self, names: impl Iterator<Item = &'a str>) -> Value {
        let latency = |turn: &Turn| {
            let named =
                QUANTILES.iter().zip(turn.latencies).map(|((name, _), ns)| ((*name).to_owned(), json!(ns)));
            let latencies = named.collect::<serde_json::Map<String, Value>>();
            json!({ "latency_ns": latencies, "is_valid": turn.latencies_are_valid, "per_second": turn.rate.round() })
        };
        let servers = names.zip(&self.turns).map(|(name, turns)| {
            let turns: Vec<Option<Value>> = turns.iter().map(|turn| turn.as_ref().map(latency)).collect();
            json!({ "name": name, "turns": turns })
        });
        json!({ "share": self.share, "rate": self.rate, "servers": servers.collect::<Vec<Value>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_shown_only_if_most_runs_kept_the_rate() {
        let turn = |p50: f64, rate: f64, latencies_are_valid: bool| {
            Some(Turn { latencies: [p50, 2e6, 3e6], rate, latencies_are_valid, ..Turn::default() })
        };
        let rows = [
            (
                vec![turn(1e3, 1e3, true), turn(3e3, 1e3, true), turn(9e9, 900.0, false)],
                "2.00 µs (1.00 – 3.00)",
            ),
            (vec![turn(1e3, 1e3, true), turn(3e3, 900.0, false), None], NOT_KEPT),
            (vec![turn(1e3, 1e3, false), turn(3e3, 990.0, false), turn(1e3, 500.0, false)], LATE),
            (vec![turn(1e3, 1e3, true), None, None], FAILED),
        ];
        for (turns, expected) in rows {
            let pace = Pace { share: "half", rate: 1000.0, turns: vec![turns] };
            assert_eq!(pace.cells(0)[0], expected, "{pace:?}");
        }
    }
}
