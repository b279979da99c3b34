//! Latencies at a fixed rate, which is the same for all servers of a row.

use super::turn::Turn;
use crate::base::figure::Figure;
use jackfield_cli::base::units;
use serde_json::{Value, json};

/// The latencies that are shown.
pub(crate) const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
/// The rates, as shares of what the slowest server can do.
pub(crate) const SHARES: [(&str, f64); 2] = [("half", 0.5), ("four fifths", 0.8)];

/// All turns of a row at one rate.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Its share of the rate of the slowest server, in words.
    pub(crate) share: &'static str,
    /// Operations a second.
    pub(crate) rate: f64,
    /// For each server in the order of its row, one turn for each run; `None` where it failed.
    pub(crate) turns: Vec<Vec<Option<Turn>>>,
}

impl Pace {
    pub(crate) fn title(&self) -> String {
        format!("At {} a second, {} of what the slowest can do", units::count(self.rate), self.share)
    }

    /// The latencies of one server, if most of its runs say anything about it.
    fn latencies(&self, server: usize) -> Option<[Figure; 3]> {
        let turns = &self.turns[server];
        let good: Vec<&Turn> = turns.iter().flatten().filter(|turn| turn.latencies_are_valid).collect();
        if good.len() * 2 <= turns.len() {
            return None;
        }
        let figure = |quantile: usize| Figure::of(good.iter().map(|turn| turn.latencies[quantile]));
        Some([figure(0)?, figure(1)?, figure(2)?])
    }

    /// The cells of each server behind its name.
    pub(crate) fn cells(&self, server: usize) -> Vec<String> {
        match self.latencies(server) {
            Some(latencies) => latencies.map(|figure| figure.spread(units::time)).into(),
            None => vec!["not valid: the rate was not kept".to_owned(); QUANTILES.len()],
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
        let turn = |p50: f64, is_valid: bool| {
            Some(Turn { latencies: [p50, 2e6, 3e6], latencies_are_valid: is_valid, ..Turn::default() })
        };
        let rows = [
            (vec![turn(1e3, true), turn(3e3, true), turn(9e9, false)], "2.00 µs (1.00 – 3.00)"),
            (vec![turn(1e3, true), turn(3e3, false), None], "not valid: the rate was not kept"),
            (vec![None, None], "not valid: the rate was not kept"),
        ];
        for (turns, expected) in rows {
            let pace = Pace { share: "half", rate: 1000.0, turns: vec![turns] };
            assert_eq!(pace.cells(0)[0], expected, "{pace:?}");
        }
    }
}
