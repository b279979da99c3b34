//! A plot: one quantity against another, for several servers or protocols.

use crate::base::figure::Figure;
use jackfield_cli::base::units;
use jackfield_cli::report::plot::{Axis, Line, Plot};
use jackfield_cli::report::scale::Scale;
use maud::Markup;
use serde_json::{Value, json};
use std::fmt::Write;

/// One plot, and its table.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What grows.
    pub(crate) across: Quantity,
    /// What is measured.
    pub(crate) up: Quantity,
    pub(crate) lines: Vec<Curve>,
}

/// One line.
#[derive(Debug)]
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<Point>,
}

/// What was measured at one place, or why it was not.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) at: usize,
    pub(crate) figure: Result<Figure, String>,
}

/// A quantity, and how it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantity {
    pub(crate) name: &'static str,
    pub(crate) scale: Scale,
    pub(crate) show: fn(f64) -> String,
}

pub(crate) const CONNECTIONS: Quantity =
    Quantity { name: "connections", scale: Scale::Logarithmic, show: units::count };
pub(crate) const SUBSCRIBERS: Quantity =
    Quantity { name: "subscribers", scale: Scale::Logarithmic, show: units::count };
pub(crate) const SIZE: Quantity = Quantity { name: "message", scale: Scale::Logarithmic, show: units::bytes };
pub(crate) const TIME: Quantity = Quantity { name: "time", scale: Scale::Linear, show: units::time };
pub(crate) const INSTRUCTIONS: Quantity =
    Quantity { name: "instructions", scale: Scale::Linear, show: units::count };
pub(crate) const MEMORY: Quantity = Quantity { name: "memory", scale: Scale::Binary, show: units::bytes };
/// In picoseconds, because a logarithmic axis begins at one.
pub(crate) const TIME_OF_BYTE: Quantity =
    Quantity { name: "time", scale: Scale::Logarithmic, show: |picos| format!("{:.2} ns", picos / 1000.0) };

impl Series {
    /// As an element of a page.
    pub(crate) fn plot(&self) -> Markup {
        self.drawing().figure()
    }

    /// As a file.
    pub(crate) fn file(&self) -> String {
        self.drawing().file()
    }

    fn drawing(&self) -> Plot<'_> {
        let axis = |quantity: Quantity| Axis { scale: quantity.scale, show: quantity.show };
        let line = |curve: &'_ Curve| -> Vec<(f64, f64)> {
            let points = curve.points.iter();
            points.filter_map(|point| Some((point.at as f64, point.figure.as_ref().ok()?.median))).collect()
        };
        let lines = self.lines.iter().map(|curve| Line { name: &curve.name, points: line(curve) });
        Plot { lines: lines.collect(), ..Plot::new(self.title, axis(self.across), axis(self.up)) }
    }

    /// The names of the columns.
    pub(crate) fn columns(&self) -> Vec<&str> {
        let names = self.lines.iter().map(|curve| &*curve.name);
        [self.across.name].into_iter().chain(names).collect()
    }

    /// The cells, line by line.
    pub(crate) fn cells(&self) -> Vec<Vec<String>> {
        let Some(first) = self.lines.first() else { return Vec::new() };
        let line = |number: usize, at: usize| {
            let cells = self.lines.iter().map(|curve| self.cell(&curve.points[number]));
            [(self.across.show)(at as f64)].into_iter().chain(cells).collect()
        };
        first.points.iter().enumerate().map(|(number, point)| line(number, point.at)).collect()
    }

    fn cell(&self, point: &Point) -> String {
        match &point.figure {
            Ok(figure) if figure.least == figure.most => (self.up.show)(figure.median),
            Ok(Figure { median, least, most }) => {
                let show = self.up.show;
                format!("{} ({} – {})", show(*median), show(*least), show(*most))
            }
            Err(why) => format!("gap: {why}"),
        }
    }

    /// The table as Markdown.
    pub(crate) fn table(&self) -> String {
        let columns = self.columns();
        let mut text = format!("| {} |\n|{}\n", columns.join(" | "), " ---: |".repeat(columns.len()));
        for cells in self.cells() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let point = |point: &Point| match &point.figure {
            Ok(figure) => {
                json!({ "at": point.at, "median": figure.median, "least": figure.least, "most": figure.most })
            }
            Err(why) => json!({ "at": point.at, "gap": why }),
        };
        json!({
            "id": self.id,
            "title": self.title,
            "lines": self.lines.iter().map(|curve| json!({
                "name": curve.name,
                "points": curve.points.iter().map(point).collect::<Vec<Value>>(),
            })).collect::<Vec<Value>>(),
        })
    }
}

impl Curve {
    /// The lines of a plot, as [`Series::json`] writes them. `None` if it is something else.
    pub(crate) fn all_of(plot: &Value) -> Option<Vec<Self>> {
        let curve = |line: &Value| {
            let points = line["points"].as_array()?.iter().map(Point::of);
            Some(Self { name: line["name"].as_str()?.to_owned(), points: points.collect::<Option<_>>()? })
        };
        plot["lines"].as_array()?.iter().map(curve).collect()
    }

    /// How many times the figure at `from` the figure at `to` is.
    pub(crate) fn growth(&self, from: usize, to: usize) -> Option<f64> {
        let median = |at| {
            let point = self.points.iter().find(|point| point.at == at)?;
            Some(point.figure.as_ref().ok()?.median)
        };
        Some(median(to)? / median(from)?)
    }
}

impl Point {
    fn of(json: &Value) -> Option<Self> {
        let at = usize::try_from(json["at"].as_u64()?).ok()?;
        let value = |name: &str| json[name].as_f64();
        let figure = match json["gap"].as_str() {
            Some(gap) => Err(gap.to_owned()),
            None => Ok(Figure { median: value("median")?, least: value("least")?, most: value("most")? }),
        };
        Some(Self { at, figure })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_named_and_not_drawn() {
        let figure = |median| Ok(Figure { median, least: median, most: median });
        let point = |at, figure| Point { at, figure };
        let series = Series {
            id: "a",
            title: "CPU for one thing",
            across: CONNECTIONS,
            up: TIME,
            lines: vec![
                Curve {
                    name: "ours".into(),
                    points: vec![point(1, figure(10.0)), point(1000, figure(2000.0))],
                },
                Curve {
                    name: "limit".into(),
                    points: vec![point(1, Err("not built".into())), point(1000, figure(1.0))],
                },
            ],
        };
        let table = "| connections | ours | limit |\n| ---: | ---: | ---: |\n\
            | 1 | 10 ns | gap: not built |\n| 1,000 | 2.00 µs | 1 ns |\n";
        assert_eq!(series.table(), table);
        assert_eq!(series.plot().into_string().matches("class=\"line").count(), 4, "two, for two widths");
        assert!(series.file().starts_with("<svg xmlns=") && series.file().ends_with("</svg>\n"));
        let json = series.json();
        assert_eq!(json["lines"][1]["points"][0]["gap"], "not built");
        let again = Curve::all_of(&json).expect("it is what was written");
        assert_eq!(Series { lines: again, ..series }.json(), json);
        assert!(Curve::all_of(&Value::Null).is_none());
    }
}
