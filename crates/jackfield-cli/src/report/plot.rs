//! Plots as SVG, drawn here: lines and columns over one axis each way. Colours come from `plot.css`.
//!
//! A page has each plot twice, wide and narrow, and shows the one that fits: letters in an SVG shrink with it, and
//! would be too small on a phone.

use super::scale::{Range, Scale};
use maud::{Markup, PreEscaped, html};
use std::fmt::Write;

/// A plot of some lines, or of columns.
#[derive(Debug)]
pub struct Plot<'a> {
    pub title: &'a str,
    /// What has to be known to read it.
    pub caption: String,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line<'a>>,
    /// Where each begins and ends on the first axis, and how high it is.
    pub columns: Vec<(f64, f64, f64)>,
    pub bands: Vec<Band>,
    pub marks: Vec<Mark>,
    /// What is said of a part of the first axis when a pointer rests there.
    pub hints: Vec<(f64, f64, String)>,
}

/// One way of a plot.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    pub scale: Scale,
    /// How a value is written at its mark.
    pub show: fn(f64) -> String,
}

/// A line through points, drawn in the colour of its place in the list. It has a gap where there is no value (NaN).
#[derive(Debug)]
pub struct Line<'a> {
    pub name: &'a str,
    pub points: Vec<(f64, f64)>,
}

/// A part of the first axis that differs from the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    pub from: f64,
    pub to: f64,
    pub kind: BandKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BandKind {
    WarmUp,
    Fault,
}

/// A value of the first axis that has a name.
#[derive(Clone, Debug)]
pub struct Mark {
    pub at: f64,
    pub name: &'static str,
}

/// The size of a plot.
#[derive(Clone, Copy, Debug)]
struct Frame {
    class: &'static str,
    width: f64,
    height: f64,
}

const WIDE: Frame = Frame { class: "wide", width: 640.0, height: 250.0 };
const NARROW: Frame = Frame { class: "narrow", width: 330.0, height: 220.0 };
/// Room for the labels of the axes.
const LEFT: f64 = 66.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 26.0;
/// The width of a letter in a wide font such as DejaVu Sans, and the distance of two labels.
pub const LETTER: f64 = 7.6;
const GAP: f64 = 10.0;

impl<'a> Plot<'a> {
    /// A plot with nothing in it.
    pub fn new(title: &'a str, x: Axis, y: Axis) -> Self {
        Self {
            title,
            caption: String::new(),
            x,
            y,
            lines: Vec::new(),
            columns: Vec::new(),
            bands: Vec::new(),
            marks: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// The plot as a file of its own, with its colours and its title in it.
    pub fn file(&self) -> String {
        let frame = WIDE;
        let head = 24.0;
        let legend =
            self.lines.iter().enumerate().rev().scan(frame.width - RIGHT, |right, (number, line)| {
                let at = *right;
                *right -= line.name.chars().count() as f64 * LETTER + 2.0 * GAP;
                Some((at, number, line.name))
            });
        let svg = html! {
            svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (frame.width) " " (frame.height + head) } {
                style { (PreEscaped(super::markup::PLOT_STYLE)) }
                text.title x="0" y="16" { (self.title) }
                @for (at, number, name) in legend {
                    text.{ "c" (number) } x=(at) y="16" text-anchor="end" { (name) }
                }
                g transform={ "translate(0 " (head) ")" } { (self.inside(frame)) }
            }
        };
        svg.into_string() + "\n"
    }

    /// The plot as an element of a page; nothing if there is nothing to draw.
    pub fn figure(&self) -> Markup {
        let is_drawn = |point: &&(f64, f64)| !point.1.is_nan();
        let points = self.lines.iter().flat_map(|line| &line.points).filter(is_drawn).count();
        if points < 2 && self.columns.is_empty() {
            return html! {};
        }
        html! {
            figure {
                figcaption {
                    strong { (self.title) }
                    @for (number, line) in self.lines.iter().enumerate().filter(|_| self.lines.len() > 1) {
                        span.key.{ "c" (number) } { (line.name) }
                    }
                    @for (kind, name) in BANDS.iter().filter(|(kind, _)| self.bands.iter().any(|band| band.kind == *kind)) {
                        span.key.(kind.class()) { (name) }
                    }
                    @if !self.caption.is_empty() { p { (self.caption) } }
                }
                @for frame in [WIDE, NARROW] {
                    svg.(frame.class) viewBox={ "0 0 " (frame.width) " " (frame.height) } role="img" aria-label=(self.title) {
                        (self.inside(frame))
                    }
                }
            }
        }
    }

    /// All values of the first axis with a point.
    fn across(&self) -> impl Iterator<Item = f64> + Clone {
        let columns = self.columns.iter().flat_map(|(from, to, _)| [*from, *to]);
        self.lines.iter().flat_map(|line| &line.points).map(|point| point.0).chain(columns)
    }

    fn inside(&self, frame: Frame) -> Markup {
        let x = Range::between(self.x.scale, self.across());
        let up = self.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
        let y = Range::around(self.y.scale, up.chain(self.columns.iter().map(|column| column.2)));
        let drawing = Drawing { frame, x, y };
        html! {
            @for band in &self.bands { (drawing.band(band)) }
            (drawing.rows(self.y.show))
            (drawing.columns_of_grid(self.x.show))
            @for column in &self.columns { (drawing.column(*column)) }
            @for (number, line) in self.lines.iter().enumerate() {
                @if number == 0 && self.lines.len() == 1 && self.y.scale != Scale::Logarithmic {
                    path.area.c0 d=(drawing.area(&line.points)) {}
                }
                path.line.{ "c" (number) } d=(drawing.path(&line.points)) {}
            }
            (drawing.marks(&self.marks))
            @for (from, to, hint) in &self.hints { (drawing.hint(*from, *to, hint)) }
        }
    }
}

/// A plot that is being drawn.
struct Drawing {
    frame: Frame,
    x: Range,
    y: Range,
}

impl Drawing {
    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (self.frame.width - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        TOP + (1.0 - self.y.place(value)) * (self.floor() - TOP)
    }

    fn floor(&self) -> f64 {
        self.frame.height - BOTTOM
    }

    /// A rectangle over the whole height, between two values of the first axis.
    fn span(&self, from: f64, to: f64) -> (String, String, String) {
        let (from, to) = (self.x(from), self.x(to));
        (one(from), one((to - from).max(1.0)), one(self.floor() - TOP))
    }

    fn band(&self, band: &Band) -> Markup {
        let (x, width, height) = self.span(band.from, band.to);
        html! { rect.band.(band.kind.class()) x=(x) y=(TOP) width=(width) height=(height) {} }
    }

    fn hint(&self, from: f64, to: f64, hint: &str) -> Markup {
        let (x, width, height) = self.span(from, to);
        html! { rect.hint x=(x) y=(TOP) width=(width) height=(height) { title { (hint) } } }
    }

    fn rows(&self, show: fn(f64) -> String) -> Markup {
        html! {
            @for mark in &self.y.marks {
                @let at = self.y(*mark);
                path.grid d={ "M" (LEFT) " " (one(at)) "H" (self.frame.width - RIGHT) } {}
                text x=(LEFT - 8.0) y=(one(at + 4.0)) text-anchor="end" { (show(*mark)) }
            }
        }
    }

    /// The marks of the first axis, with labels where there is room.
    fn columns_of_grid(&self, show: fn(f64) -> String) -> Markup {
        let mut free_from = 0.0;
        let mut texts = Vec::new();
        for mark in &self.x.marks {
            let (at, text) = (self.x(*mark), show(*mark));
            let half = text.chars().count() as f64 * LETTER / 2.0;
            let middle = at.min(self.frame.width - half);
            if middle - half >= free_from {
                free_from = middle + half + GAP;
                texts.push((middle, text));
            }
        }
        html! {
            @for mark in &self.x.marks {
                path.grid d={ "M" (one(self.x(*mark))) " " (TOP) "V" (self.floor()) } {}
            }
            @for (at, text) in texts {
                text x=(one(at)) y=(self.floor() + 18.0) text-anchor="middle" { (text) }
            }
        }
    }

    fn column(&self, (from, to, value): (f64, f64, f64)) -> Markup {
        if value <= 0.0 {
            return html! {};
        }
        let (left, right) = (self.x(from), self.x(to));
        // Even the smallest value is visible.
        let top = self.y(value).min(self.floor() - 1.5);
        let gap = if right - left > 4.0 { 1.0 } else { 0.0 };
        html! {
            rect.column x=(one(left)) y=(one(top)) width=(one((right - left - gap).max(1.0))) height=(one(self.floor() - top)) {}
        }
    }

    fn path(&self, points: &[(f64, f64)]) -> String {
        let mut path = String::new();
        let mut command = 'M';
        for (across, up) in points {
            if up.is_nan() {
                command = 'M';
                continue;
            }
            // Writing to a string cannot fail.
            let _ = write!(path, "{command}{:.1} {:.1}", self.x(*across), self.y(*up));
            command = 'L';
        }
        path
    }

    /// The area below a line.
    fn area(&self, points: &[(f64, f64)]) -> String {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
        let floor = one(self.y(0.0));
        format!("{}L{} {floor}L{} {floor}Z", self.path(points), one(self.x(last.0)), one(self.x(first.0)))
    }

    /// Names above their lines, moved apart if they would overlap.
    fn marks(&self, marks: &[Mark]) -> Markup {
        let half = |mark: &Mark| mark.name.chars().count() as f64 * LETTER / 2.0;
        let mut free_from = 0.0;
        let place = |mark: &Mark| {
            let middle = self.x(mark.at).max(free_from + half(mark));
            free_from = middle + half(mark) + GAP;
            (self.x(mark.at), middle)
        };
        let mut texts: Vec<(f64, f64, &Mark)> = marks
            .iter()
            .zip(marks.iter().map(place))
            .map(|(mark, (at, middle))| (at, middle, mark))
            .collect();
        // Names that were moved out at the right come back.
        let mut free_to = self.frame.width;
        for (_, middle, mark) in texts.iter_mut().rev() {
            *middle = middle.min(free_to - half(mark));
            free_to = *middle - half(mark) - GAP;
        }
        html! {
            @for (at, middle, mark) in texts {
                path.mark d={ "M" (one(at)) " " (TOP) "V" (self.floor()) } {}
                text.mark x=(one(middle)) y=(TOP - 6.0) text-anchor="middle" { (mark.name) }
            }
        }
    }
}

/// The name of each kind.
const BANDS: [(BandKind, &str); 2] =
    [(BandKind::WarmUp, "warm-up, not counted"), (BandKind::Fault, "errors")];

impl BandKind {
    fn class(self) -> &'static str {
        match self {
            Self::WarmUp => "warm-up",
            Self::Fault => "fault",
        }
    }
}

/// A coordinate, to a tenth of a pixel.
fn one(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>, x: Scale, y: Scale) -> String {
        let axis = |scale| Axis { scale, show: |value| format!("{value}") };
        let lines = vec![Line { name: "it", points }];
        Plot { lines, ..Plot::new("a < b", axis(x), axis(y)) }.figure().into_string()
    }

    #[test]
    fn a_plot_has_its_line_within_its_frame() {
        let svg = plot(vec![(0.0, 0.0), (10.0, 1000.0)], Scale::Linear, Scale::Linear);
        assert!(svg.contains("a &lt; b") && svg.contains(">500</text>"), "{svg}");
        for frame in [WIDE, NARROW] {
            let ends = format!("M{LEFT:.1} {:.1}L{:.1} {TOP:.1}", frame.height - BOTTOM, frame.width - RIGHT);
            assert!(svg.contains(&ends), "{svg}");
        }
    }

    #[test]
    fn odd_values_do_no_harm() {
        for scale in [Scale::Linear, Scale::Binary, Scale::Logarithmic, Scale::Tail] {
            for points in
                [vec![(0.0, 0.0), (0.0, 0.0)], vec![(1.0, 1.0), (1.0, 1.0)], vec![(-1.0, 1e18), (1e18, -1.0)]]
            {
                let svg = plot(points, scale, scale);
                assert!(
                    svg.ends_with("</svg></figure>") && !svg.contains("NaN") && !svg.contains("inf"),
                    "{svg}"
                );
            }
        }
        assert_eq!(plot(vec![(1.0, 1.0)], Scale::Linear, Scale::Linear), "");
    }

    #[test]
    fn columns_bands_marks_and_hints_are_drawn_for_both_widths() {
        let axis = Axis { scale: Scale::Linear, show: |value| format!("{value}") };
        let plot = Plot {
            columns: vec![(0.0, 1.0, 5.0), (1.0, 2.0, 0.0), (2.0, 3.0, 1e-9)],
            bands: vec![Band { from: 0.0, to: 1.0, kind: BandKind::Fault }],
            marks: vec![Mark { at: 1.0, name: "p50" }, Mark { at: 1.01, name: "p99" }],
            hints: vec![(0.0, 1.0, "5 & more".into())],
            ..Plot::new("t", axis, axis)
        };
        let svg = plot.figure().into_string();
        for (part, times) in
            [("class=\"column\"", 4), ("band fault", 2), ("<path class=\"mark\"", 4), ("5 &amp; more", 2)]
        {
            assert_eq!(svg.matches(part).count(), times, "{part}: {svg}");
        }
        assert!(svg.contains("key fault") && svg.contains("height=\"1.5\""), "{svg}");
    }
}
