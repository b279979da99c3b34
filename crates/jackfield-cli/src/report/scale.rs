//! The scale of an axis, and its labels.

/// How values become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// In equal steps, from zero or from the lowest negative value.
    Linear,
    /// The same, in steps of powers of two.
    Binary,
    /// Each power of ten takes the same room.
    Logarithmic,
    /// Shares of a whole, with equal room for 0, 90 %, 99 %, 99.9 % and so on.
    Tail,
}

/// The values at the ends of an axis, as their places are computed from them, and the marks between.
#[derive(Debug)]
pub struct Range {
    scale: Scale,
    from: f64,
    to: f64,
    pub marks: Vec<f64>,
}

/// The end of the tail scale, in nines.
const TAIL_MAX: f64 = 7.0;

impl Range {
    /// From the first mark below all values to the first above.
    pub fn around(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(scale, values);
        match scale {
            Scale::Linear | Scale::Binary => {
                let (low, high) = (low.min(0.0), high.max(0.0));
                let least = (high - low).max(1e-9) / 4.0;
                let step = if scale == Scale::Binary { binary_step(least) } else { nice_step(least) };
                let (first, last) = ((low / step).floor(), (high / step).ceil());
                let last = last.max(first + 1.0);
                let marks = (first as i64..=last as i64).map(|number| number as f64 * step).collect();
                Self { scale, from: first * step, to: last * step, marks }
            }
            Scale::Logarithmic => {
                let (from, to) = (low.floor(), high.ceil().max(low.floor() + 1.0));
                let digits: &[f64] = if to - from > 2.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
                let powers = (from as i32..=to as i32).map(|power| 10f64.powi(power));
                let marks = powers.flat_map(|power| digits.iter().map(move |digit| digit * power));
                Self { scale, from, to, marks: marks.filter(|mark| mark.log10() <= to).collect() }
            }
            Scale::Tail => {
                let to = high.clamp(1.0, TAIL_MAX);
                let marks = (0..=to as i32).map(|nines| 1.0 - 10f64.powi(-nines)).collect();
                Self { scale, from: 0.0, to, marks }
            }
        }
    }

    /// From the lowest value (or zero) to the highest, with no room beside them, if there is any width then.
    pub fn between(scale: Scale, values: impl Iterator<Item = f64> + Clone) -> Self {
        let mut range = Self::around(scale, values.clone());
        let (low, high) = ends(scale, values);
        let low = if scale == Scale::Logarithmic { low } else { low.min(0.0) };
        if high > low {
            (range.from, range.to) = (low, high);
            range.marks.retain(|mark| (low..=high).contains(&project(scale, *mark)));
        }
        range
    }

    /// Where a value is, as a share of the axis.
    pub fn place(&self, value: f64) -> f64 {
        ((project(self.scale, value) - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

fn ends(scale: Scale, values: impl Iterator<Item = f64>) -> (f64, f64) {
    values
        .filter(|value| !value.is_nan())
        .map(|value| project(scale, value))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

fn project(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear | Scale::Binary => value,
        Scale::Logarithmic => value.max(1.0).log10(),
        Scale::Tail => -(1.0 - value).max(10f64.powf(-TAIL_MAX)).log10(),
    }
}

/// The next number that is 1, 2 or 5 times a power of ten.
fn nice_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    steps.into_iter().find(|step| *step >= least).unwrap_or(steps[3])
}

/// The next power of two.
fn binary_step(least: f64) -> f64 {
    2f64.powf(least.max(1.0).log2().ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        assert_eq!([0.9, 1.0, 1.1, 3.0, 7.0, 230.0].map(nice_step), [1.0, 1.0, 2.0, 5.0, 10.0, 500.0]);
        assert_eq!([0.1, 1.0, 3.0, 1025.0].map(binary_step), [1.0, 1.0, 4.0, 2048.0]);
    }

    #[test]
    fn an_axis_begins_below_zero_if_its_values_do() {
        let range = Range::around(Scale::Linear, [-1.0, 10.0].into_iter());
        assert_eq!(range.marks, [-5.0, 0.0, 5.0, 10.0]);
        let range = Range::between(Scale::Linear, [-1.0, 10.0].into_iter());
        assert_eq!(
            (range.marks.as_slice(), range.place(-1.0), range.place(10.0)),
            (&[0.0, 5.0, 10.0][..], 0.0, 1.0)
        );
        let range = Range::between(Scale::Logarithmic, [20.0, 300.0].into_iter());
        assert_eq!((range.marks.as_slice(), range.place(20.0)), (&[20.0, 50.0, 100.0, 200.0][..], 0.0));
    }
}
