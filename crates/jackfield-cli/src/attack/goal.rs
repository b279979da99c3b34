//! What is to hold, what was found, and whether it holds.

use crate::base::units;

/// What was measured, or why it could not be.
pub(crate) type Figure = Result<f64, String>;

/// One goal of an attack, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) attack: &'static str,
    pub(crate) what: String,
    pub(crate) bound: Bound,
    pub(crate) unit: Unit,
    pub(crate) figure: Figure,
    /// What else is to be known of the figure.
    pub(crate) detail: String,
}

/// Where a goal ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// What a figure counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Bytes,
    Seconds,
    Count,
    Percent,
    Times,
}

/// Whether a goal is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// Nobody knows.
    Gap,
}

/// The rows of one attack.
#[derive(Debug)]
pub(crate) struct Sheet {
    attack: &'static str,
    pub(crate) rows: Vec<Row>,
}

impl Sheet {
    pub(crate) fn new(attack: &'static str) -> Self {
        Self { attack, rows: Vec::new() }
    }

    /// The figure must not be more than the bound.
    pub(crate) fn at_most(&mut self, what: &str, bound: f64, unit: Unit, figure: Figure) -> &mut Row {
        self.push(what, Bound::AtMost(bound), unit, figure)
    }

    /// The figure must not be less than the bound.
    pub(crate) fn at_least(&mut self, what: &str, bound: f64, unit: Unit, figure: Figure) -> &mut Row {
        self.push(what, Bound::AtLeast(bound), unit, figure)
    }

    fn push(&mut self, what: &str, bound: Bound, unit: Unit, figure: Figure) -> &mut Row {
        let row =
            Row { attack: self.attack, what: what.to_owned(), bound, unit, figure, detail: String::new() };
        let at = self.rows.len();
        self.rows.push(row);
        &mut self.rows[at]
    }
}

impl Row {
    /// Says what else is to be known.
    pub(crate) fn note(&mut self, detail: impl Into<String>) {
        self.detail = detail.into();
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match (&self.figure, self.bound) {
            (Err(_), _) => Verdict::Gap,
            (Ok(figure), Bound::AtMost(bound)) if *figure <= bound => Verdict::Met,
            (Ok(figure), Bound::AtLeast(bound)) if *figure >= bound => Verdict::Met,
            (Ok(_), _) => Verdict::Missed,
        }
    }

    /// The goal as it stands in a table.
    pub(crate) fn goal(&self) -> String {
        match self.bound {
            Bound::AtMost(0.0) => format!("{}: none", self.what),
            Bound::AtMost(bound) => format!("{}: at most {}", self.what, self.unit.show(bound)),
            Bound::AtLeast(bound) => format!("{}: {}", self.what, self.unit.show(bound)),
        }
    }

    /// The figure as it stands in a table.
    pub(crate) fn shown(&self) -> String {
        let figure = match &self.figure {
            Ok(figure) => self.unit.show(*figure),
            Err(gap) => return format!("gap: {gap}"),
        };
        if self.detail.is_empty() { figure } else { format!("{figure} ({})", self.detail) }
    }
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Gap => "gap",
        }
    }
}

impl Unit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Count => "count",
            Self::Percent => "percent",
            Self::Times => "ratio",
        }
    }

    fn show(self, value: f64) -> String {
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

/// Up to here bytes are shown one by one.
const BYTES_COUNTED_MAX: f64 = 10_000.0;

/// The growth of a figure. What has shrunk has grown by nothing.
pub(crate) fn growth(before: &Figure, after: &Figure) -> Figure {
    match (before, after) {
        (Ok(before), Ok(after)) => Ok((after - before).max(0.0)),
        (Err(gap), _) | (_, Err(gap)) => Err(gap.clone()),
    }
}

/// The larger figure.
pub(crate) fn larger(one: &Figure, other: &Figure) -> Figure {
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
        let shown = |row: &Row| (row.goal(), row.shown(), row.verdict());
        let expected = [
            ("memory: at most 1600 B", "1600 B (so many)", Verdict::Met),
            ("failures: none", "1", Verdict::Missed),
            ("mutants: 1,000,000", "gap: no time", Verdict::Gap),
        ];
        for (row, (goal, figure, verdict)) in sheet.rows.iter().zip(expected) {
            assert_eq!(shown(row), (goal.to_owned(), figure.to_owned(), verdict));
        }
        assert_eq!(growth(&Ok(3.0), &Ok(2.0)), Ok(0.0));
        assert_eq!(larger(&Ok(3.0), &Ok(2.0)), Ok(3.0));
        assert_eq!(growth(&Ok(3.0), &Err("gone".into())), Err("gone".to_owned()));
    }
}
