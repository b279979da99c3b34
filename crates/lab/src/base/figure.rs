//! One figure of several runs.

/// The statistics of one figure over several runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Figure {
    /// `None` if there are no values.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self { median, least, most })
    }

    /// The median, then minimum and maximum if there was more than one run.
    pub(crate) fn spread(self, show: impl Fn(f64) -> String) -> String {
        let (median, least, most) = (show(self.median), show(self.least), show(self.most));
        if self.least == self.most {
            return median;
        }
        let unit = unit(&median);
        // A unit that is the same for all is written once.
        match (least.strip_suffix(unit), most.strip_suffix(unit)) {
            (Some(least), Some(most)) if is_number(least) && is_number(most) => {
                format!("{median} ({least} – {most})")
            }
            _ => format!("{median} ({least} – {most})"),
        }
    }
}

/// What follows the number.
fn unit(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii_digit() || c == ',' || c == '.')
}

fn is_number(text: &str) -> bool {
    unit(text).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_cli::base::units;

    #[test]
    fn units_are_said_once_if_they_are_the_same() {
        let show = |least, median, most| Figure { median, least, most }.spread(units::time);
        assert_eq!(show(1.0, 2.0, 3.0), "2 ns (1 – 3)");
        assert_eq!(show(900.0, 1100.0, 1200.0), "1.10 µs (900 ns – 1.20 µs)");
        assert_eq!(show(5.0, 5.0, 5.0), "5 ns");
    }
}
