//! Plots as inline SVG, drawn here: lines over one axis each way. Colours come from the page's style.

use std::fmt::Write;

/// A plot of some lines.
#[derive(Debug)]
pub(crate) struct Plot<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line<'a>>,
}

/// One way of a plot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub(crate) scale: Scale,
    /// How a value is written at its mark.
    pub(crate) show: fn(f64) -> String,
}

/// How values become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// From zero, in equal steps.
    Linear,
    /// The same, in steps that are round for a computer.
    Binary,
    /// Each power of ten takes the same room.
    Logarithmic,
    /// Shares of a whole, with ever more room for what is closer to all of it: 0, 90 %, 99 %, 99.9 % and so on.
    Tail,
}

/// A line through points, drawn in the colour of its place in the list.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// The values at the ends of an axis, as their places are computed from them, and the marks between.
struct Range {
    scale: Scale,
    from: f64,
    to: f64,
    marks: Vec<f64>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 260.0;
/// Room for what is written at the axes, and above.
const LEFT: f64 = 92.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 28.0;
/// The closest to all that the tail can be told.
const TAIL_MAX: f64 = 7.0;

impl Plot<'_> {
    /// The plot as a file of its own, with its colours in it.
    pub(crate) fn file(&self) -> String {
        let svg = self.svg().replace("<figure>", "").replace("</figure>", "");
        let Some((head, rest)) = svg.split_once('>') else { return svg };
        let head = head.replacen("<svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"", 1);
        format!("{head}><style>{}</style>{rest}", super::markup::STYLE)
    }

    /// The plot as an `svg` element; nothing if there is nothing to draw.
    pub(crate) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        if points().count() < 2 {
            return String::new();
        }
        let mut x = Range::of(self.x.scale, points().map(|point| point.0));
        let y = Range::of(self.y.scale, points().map(|point| point.1));
        // Lines go on to the edge; only upwards there is some room.
        x.cut(points().map(|point| point.0).fold(0.0, f64::max));
        let mut svg = format!(
            "<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\
             <text class=\"title\" x=\"{LEFT}\" y=\"16\">{title}</text>\n",
            title = super::markup::escape(self.title),
        );
        for mark in &y.marks {
            let (at, text) = (TOP + y.place(*mark, true), (self.y.show)(*mark));
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                at + 4.0,
            );
        }
        for mark in &x.marks {
            let (at, text) = (LEFT + x.place(*mark, false), (self.x.show)(*mark));
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{at:.1} {TOP}V{:.1}\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 18.0,
            );
        }
        for (number, line) in self.lines.iter().enumerate() {
            draw(&mut svg, line, number, &x, &y);
        }
        svg.push_str("</svg></figure>\n");
        svg
    }
}

fn draw(svg: &mut String, line: &Line<'_>, number: usize, x: &Range, y: &Range) {
    let mut path = String::new();
    for (at, (across, up)) in line.points.iter().enumerate() {
        let command = if at == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ =
            write!(path, "{command}{:.1} {:.1}", LEFT + x.place(*across, false), TOP + y.place(*up, true));
    }
    let legend = WIDTH - RIGHT - 130.0 * number as f64;
    let _ = write!(
        svg,
        "\n<path class=\"line c{number}\" d=\"{path}\"/><text class=\"c{number}\" x=\"{legend}\" y=\"16\" text-anchor=\"end\">{}</text>",
        super::markup::escape(line.name),
    );
}

impl Range {
    fn of(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.map(|value| project(scale, value)) {
            (low, high) = (low.min(value), high.max(value));
        }
        match scale {
            Scale::Linear | Scale::Binary => {
                let least = high.max(1e-9) / 4.0;
                let step = if scale == Scale::Binary { binary_step(least) } else { nice_step(least) };
                let count = (high / step).ceil().max(1.0);
                let marks = (0..=count as usize).map(|number| number as f64 * step).collect();
                Self { scale, from: 0.0, to: count * step, marks }
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

    /// Ends the range at this value, if it is not there yet and the range has any width then.
    fn cut(&mut self, value: f64) {
        let end = project(self.scale, value);
        if end > self.from && end < self.to {
            self.to = end;
            let scale = self.scale;
            self.marks.retain(|mark| project(scale, *mark) <= end);
        }
    }

    /// Where a value is, from the left or, if it `falls`, from the top.
    fn place(&self, value: f64, falls: bool) -> f64 {
        let share = ((project(self.scale, value) - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        if falls { (1.0 - share) * (HEIGHT - TOP - BOTTOM) } else { share * (WIDTH - LEFT - RIGHT) }
    }
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

    fn plot(points: Vec<(f64, f64)>, x: Scale, y: Scale) -> String {
        let axis = |scale| Axis { scale, show: |value| format!("{value}") };
        Plot { title: "a < b", x: axis(x), y: axis(y), lines: vec![Line { name: "it", points }] }.svg()
    }

    #[test]
    fn a_plot_has_its_line_within_its_frame() {
        let svg = plot(vec![(0.0, 0.0), (10.0, 1000.0)], Scale::Linear, Scale::Linear);
        assert!(svg.contains("a &lt; b") && svg.contains(">500</text>"), "{svg}");
        let ends = format!("M{LEFT:.1} {:.1}L{:.1} {TOP:.1}", HEIGHT - BOTTOM, WIDTH - RIGHT);
        assert!(svg.contains(&ends), "{svg}");
    }

    #[test]
    fn odd_values_do_no_harm() {
        for scale in [Scale::Linear, Scale::Binary, Scale::Logarithmic, Scale::Tail] {
            for points in [vec![(0.0, 0.0), (0.0, 0.0)], vec![(1.0, 1.0), (1.0, 1.0)]] {
                let svg = plot(points, scale, scale);
                assert!(
                    svg.ends_with("</svg></figure>\n") && !svg.contains("NaN") && !svg.contains("inf"),
                    "{svg}"
                );
            }
        }
        assert_eq!(plot(vec![(1.0, 1.0)], Scale::Linear, Scale::Linear), "");
    }

    #[test]
    fn steps_are_round() {
        assert_eq!([0.9, 1.0, 1.1, 3.0, 7.0, 230.0].map(nice_step), [1.0, 1.0, 2.0, 5.0, 10.0, 500.0]);
        assert_eq!([0.1, 1.0, 3.0, 1025.0].map(binary_step), [1.0, 1.0, 4.0, 2048.0]);
    }
}
