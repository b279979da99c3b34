//! Figures, their goals, and whether these are met.

use crate::base::error::Error;
use crate::base::units;

/// What was measured, or why it could not be.
pub type Figure = Result<f64, String>;

/// The time of what did not happen as long as it was waited for: above every bound, and no number that could be shown. The detail of
/// its row says how long that was.
pub const NEVER: f64 = f64::INFINITY;

/// One figure of an attack, and its goal if it has one.
#[derive(Clone, Debug)]
pub struct Row {
    pub attack: &'static str,
    pub what: String,
    /// Where no goal holds for each server, the figure stands alone.
    pub bound: Option<Bound>,
    pub unit: Unit,
    pub figure: Figure,
    /// What else is to be known of the figure.
    pub detail: String,
}

/// Where a goal ends.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// What a figure counts.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    Bytes,
    Seconds,
    Count,
    Percent,
    Times,
}

/// Whether a goal is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Met,
    Missed,
    /// It could not be measured.
    Gap,
    /// It has no goal.
    None,
}

/// The rows of one attack.
#[derive(Debug)]
pub struct Sheet {
    attack: &'static str,
    pub rows: Vec<Row>,
}

impl Sheet {
    pub fn new(attack: &'static str) -> Self {
        Self { attack, rows: Vec::new() }
    }

    /// The figure must not be more than the bound.
    pub fn at_most(&mut self, what: &str, bound: f64, unit: Unit, figure: Figure) -> &mut Row {
        self.push(what, Some(Bound::AtMost(bound)), unit, figure)
    }

    /// The figure must not be less than the bound.
    pub fn at_least(&mut self, what: &str, bound: f64, unit: Unit, figure: Figure) -> &mut Row {
        self.push(what, Some(Bound::AtLeast(bound)), unit, figure)
    }

    /// A figure that each reads with his own server in mind.
    pub fn figure(&mut self, what: &str, unit: Unit, figure: Figure) -> &mut Row {
        self.push(what, None, unit, figure)
    }

    /// The server did not answer any more, so this attack or a part of it could not be done.
    pub fn gave_out(&mut self, error: &Error) {
        self.at_most("attacks that could not be done", 0.0, Unit::Count, Ok(1.0)).note(error.to_string());
    }

    fn push(&mut self, what: &str, bound: Option<Bound>, unit: Unit, figure: Figure) -> &mut Row {
        let row =
            Row { attack: self.attack, what: what.to_owned(), bound, unit, figure, detail: String::new() };
        let at = self.rows.len();
        self.rows.push(row);
        &mut self.rows[at]
    }
}

impl Row {
    /// Says what else is to be known.
    pub fn note(&mut self, detail: impl Into<String>) {
        self.detail = detail.into();
    }

    pub fn verdict(&self) -> Verdict {
        match (&self.figure, self.bound) {
            (Err(_), _) => Verdict::Gap,
            (Ok(_), None) => Verdict::None,
            (Ok(figure), Some(Bound::AtMost(bound))) if *figure <= bound => Verdict::Met,
            (Ok(figure), Some(Bound::AtLeast(bound))) if *figure >= bound => Verdict::Met,
            (Ok(_), Some(_)) => Verdict::Missed,
        }
    }

    /// What was measured and its goal, as they stand in a table.
    pub fn goal(&self) -> String {
        match self.bound {
            None => self.what.clone(),
            Some(Bound::AtMost(0.0)) => format!("{}: none", self.what),
            Some(Bound::AtMost(bound)) => format!("{}: at most {}", self.what, self.unit.show(bound)),
            Some(Bound::AtLeast(bound)) => format!("{}: {}", self.what, self.unit.show(bound)),
        }
    }

    /// The figure as it stands in a table.
    pub fn shown(&self) -> String {
        let figure = match &self.figure {
            Ok(NEVER) => return self.detail.clone(),
            Ok(figure) => self.unit.show(*figure),
            Err(gap) => return format!("gap: {gap}"),
        };
        if self.detail.is_empty() { figure } else { format!("{figure} ({})", self.detail) }
    }
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Gap => "gap",
            Self::None => "",
        }
    }
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Count => "count",
            Self::Percent => "percent",
            Self::Times => "ratio",
        }
    }

    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Bytes if value.abs() < BYTES_COUNTED_MAX => format!("{value:.0} B"),
            Self::Bytes => units::bytes(value),
            Self::Seconds => units::time(value * 1e9),
            Self::Count => units::count(value),
            Self::Percent => format!("{value:.2} %"),
            Self::Times => format!("{value:.2} times"),
        }
    }
}

/// Up to this number bytes are shown without a larger unit.
const BYTES_COUNTED_MAX: f64 = 10_000.0;

/// The growth of a figure. What has shrunk has grown by nothing.
pub fn growth(before: &Figure, after: &Figure) -> Figure {
    match (before, after) {
        (Ok(before), Ok(after)) => Ok((after - before).max(0.0)),
        (Err(gap), _) | (_, Err(gap)) => Err(gap.clone()),
    }
}

/// The larger figure.
pub fn larger(one: &Figure, other: &Figure) -> Figure {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok(one.max(*other)),
        (Err(gap), _) | (_, Err(gap)) => Err(gap.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_missed_or_unknown() {
        let mut sheet = Sheet::new("a");
        sheet.at_most("memory", 1600.0, Unit::Bytes, Ok(1600.0)).note("so many");
        sheet.at_most("failures", 0.0, Unit::Count, Ok(1.0));
        sheet.at_least("mutants", 1e6, Unit::Count, Err("no time".into()));
        sheet.figure("time", Unit::Seconds, Ok(2.0));
        let shown = |row: &Row| (row.goal(), row.shown(), row.verdict());
        let expected = [
            ("memory: at most 1600 B", "1600 B (so many)", Verdict::Met),
            ("failures: none", "1", Verdict::Missed),
            ("mutants: 1,000,000", "gap: no time", Verdict::Gap),
            ("time", "2.00 s", Verdict::None),
        ];
        for (row, (goal, figure, verdict)) in sheet.rows.iter().zip(expected) {
            assert_eq!(shown(row), (goal.to_owned(), figure.to_owned(), verdict));
        }
        assert_eq!(growth(&Ok(3.0), &Ok(2.0)), Ok(0.0));
        assert_eq!(larger(&Ok(3.0), &Ok(2.0)), Ok(3.0));
        assert_eq!(growth(&Ok(3.0), &Err("gone".into())), Err("gone".to_owned()));
    }
}
