//! The figures of each turn, and their statistics.

use super::contender::{Contender, Kind};
use super::counts::Counts;
use super::pace::Pace;
use super::rows::Row;
use super::turn::Turn;
use crate::base::figure::Figure;

/// A server in a row.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) contender: &'static Contender,
    /// One for each run; `None` where it failed.
    pub(crate) turns: Vec<Option<Turn>>,
    /// Why there is no figure at all, or not for each run.
    pub(crate) gap: Option<String>,
    pub(crate) remark: Option<&'static str>,
    /// `None` if it was not counted.
    pub(crate) counts: Option<Counts>,
}

/// A row with all servers in it.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) row: &'static Row,
    pub(crate) entries: Vec<Entry>,
    /// The same row at fixed rates, if it is measured there too.
    pub(crate) paces: Vec<Pace>,
}

impl Entry {
    /// A figure over all turns that there were.
    pub(crate) fn figure(&self, of: impl Fn(&Turn) -> Option<f64>) -> Option<Figure> {
        Figure::of(self.turns.iter().flatten().filter_map(of))
    }

    /// What an operation or a connection costs.
    pub(crate) fn cost(&self) -> Option<Figure> {
        self.figure(|turn| turn.cost)
    }

    /// True if there is anything to show.
    pub(crate) fn is_measured(&self) -> bool {
        self.turns.iter().any(Option::is_some)
    }

    /// True if in most turns the load generator had nothing left.
    pub(crate) fn is_client_full(&self) -> bool {
        let full = self.turns.iter().flatten().filter(|turn| turn.is_client_full).count();
        full * 2 > self.turns.iter().flatten().count()
    }

    /// Instructions for one operation.
    pub(crate) fn instructions(&self) -> Option<f64> {
        self.counts.as_ref()?.instructions.as_ref().ok().copied()
    }

    /// Errors in all turns.
    pub(crate) fn errors(&self) -> u64 {
        self.turns.iter().flatten().map(|turn| turn.errors).sum()
    }

    /// What it costs in relation to another, each run by itself.
    pub(crate) fn ratio(&self, other: &Self) -> Option<Figure> {
        let cost = |turn: &Option<Turn>| turn.as_ref().and_then(|turn| turn.cost).filter(|cost| *cost > 0.0);
        let pairs = self.turns.iter().zip(&other.turns);
        Figure::of(pairs.filter_map(|(own, other)| Some(cost(own)? / cost(other)?)))
    }
}

/// What a row says about this server and its best peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It costs less than the best peer.
    Less,
    More,
    /// The spreads of the two overlap, or there are too few runs to have one.
    Undecided,
}

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Less => "less",
            Self::More => "more",
            Self::Undecided => "undecided",
        }
    }
}

/// With fewer runs there is no spread.
const RUNS_MIN: usize = 2;

impl Board {
    /// Whether this server costs less than its best peer; `None` if one of the two has no figure.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let (ours, peer) = (self.entry(Kind::Ours)?, self.best_peer()?);
        let (cost, other) = (ours.cost()?, peer.cost()?);
        let runs = |entry: &Entry| entry.turns.iter().flatten().count();
        Some(if runs(ours) < RUNS_MIN || runs(peer) < RUNS_MIN {
            Verdict::Undecided
        } else if cost.most < other.least {
            Verdict::Less
        } else if cost.least > other.most {
            Verdict::More
        } else {
            Verdict::Undecided
        })
    }

    /// The only one of its kind.
    pub(crate) fn entry(&self, kind: Kind) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.contender.kind == kind)
    }

    /// The peer with the lowest median.
    pub(crate) fn best_peer(&self) -> Option<&Entry> {
        let peers = self.entries.iter().filter(|entry| entry.contender.is_peer());
        let costs = peers.filter_map(|entry| Some((entry.cost()?.median, entry)));
        costs.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, entry)| entry)
    }

    /// The peer with the fewest instructions, and how many these are.
    pub(crate) fn fewest_of_a_peer(&self) -> Option<(&Entry, f64)> {
        let peers = self.entries.iter().filter(|entry| entry.contender.is_peer());
        let counted = peers.filter_map(|entry| Some((entry, entry.instructions()?)));
        counted.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The rate of the slowest server, apart from the limit, which does nothing.
    pub(crate) fn slowest(&self) -> Option<f64> {
        let servers = self.entries.iter().filter(|entry| entry.contender.kind != Kind::Limit);
        let rates = servers.filter_map(|entry| entry.figure(|turn| Some(turn.rate)));
        rates.map(|rate| rate.median).min_by(f64::total_cmp)
    }

    /// The servers that were measured at fixed rates, with their places in the row.
    pub(crate) fn paced(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate().filter(|(_, entry)| entry.is_measured())
    }

    /// True if anything was counted.
    pub(crate) fn is_counted(&self) -> bool {
        self.entries.iter().any(|entry| entry.counts.is_some())
    }

    /// The servers with figures, the cheapest first, then the others.
    pub(crate) fn ranking(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        let key = |entry: &Entry| match (entry.cost(), entry.is_measured()) {
            (Some(cost), _) => cost.median,
            (None, true) => f64::MAX,
            (None, false) => f64::INFINITY,
        };
        entries.sort_by(|a, b| key(a).total_cmp(&key(b)));
        entries
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::contender::CONTENDERS;
    use super::super::rows::ROWS;
    use super::*;

    /// The first row, with the costs of these servers.
    pub(crate) fn board(costs: &[(usize, &[f64])]) -> Board {
        let turn = |cost: &f64| Some(Turn { cost: Some(*cost), rate: 1e9 / cost, ..Turn::default() });
        let entry = |(number, costs): &(usize, &[f64])| Entry {
            contender: &CONTENDERS[*number],
            turns: costs.iter().map(turn).collect(),
            gap: costs.is_empty().then(|| "not <built>".to_owned()),
            remark: None,
            counts: None,
        };
        Board { row: &ROWS[0], entries: costs.iter().map(entry).collect(), paces: Vec::new() }
    }

    #[test]
    fn medians_have_their_spread() {
        let figure = |values: &[f64]| Figure::of(values.iter().copied());
        assert_eq!(figure(&[3.0, 1.0, 2.0]), Some(Figure { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(figure(&[4.0, 1.0]).map(|figure| figure.median), Some(2.5));
        assert_eq!(figure(&[]), None);
    }

    #[test]
    fn a_row_whose_spreads_overlap_is_undecided() {
        let verdict = |ours: &[f64], peer: &[f64]| board(&[(0, ours), (2, peer)]).verdict();
        for (ours, peer, wanted) in [
            (&[1.0, 2.0][..], &[3.0, 4.0][..], Some(Verdict::Less)),
            (&[5.0, 6.0], &[3.0, 4.0], Some(Verdict::More)),
            (&[1.0, 3.0], &[3.0, 4.0], Some(Verdict::Undecided)),
            (&[2.0, 9.0], &[3.0, 4.0], Some(Verdict::Undecided)),
            (&[1.0], &[3.0], Some(Verdict::Undecided)),
            (&[1.0, 2.0], &[], None),
        ] {
            assert_eq!(verdict(ours, peer), wanted, "{ours:?} {peer:?}");
        }
    }

    #[test]
    fn ratios_are_those_of_the_same_run() {
        let board =
            board(&[(0, &[100.0, 300.0, 110.0]), (1, &[100.0, 100.0, 100.0]), (2, &[200.0; 3]), (3, &[])]);
        let (ours, limit) = (&board.entries[0], &board.entries[1]);
        assert_eq!(ours.ratio(limit), Some(Figure { median: 1.1, least: 1.0, most: 3.0 }));
        assert_eq!(board.best_peer().map(|entry| entry.contender.name), Some("hyper"));
        let order: Vec<&str> = board.ranking().iter().map(|entry| entry.contender.name).collect();
        assert_eq!(order, ["limit", "ours", "hyper", "actix"]);
        assert_eq!(ours.ratio(&board.entries[3]), None);
    }
}
