//! The plots of a run: the distribution of latencies, and the course over time.

use super::metric::of_sample;
use super::plot::{Axis, Band, BandKind, Line, Mark, Plot};
use super::scale::Scale;
use crate::base::units;
use maud::{Markup, html};
use serde_json::Value;

const SECONDS: Axis = Axis { scale: Scale::Linear, show: |value| format!("{} s", round(value)) };
const RATES: Axis = Axis { scale: Scale::Linear, show: |value| format!("{}/s", short(value)) };
const COUNTS: Axis = Axis { scale: Scale::Linear, show: short };
const TIMES: Axis = Axis { scale: Scale::Logarithmic, show: short_time };
const SHARES: Axis = Axis { scale: Scale::Tail, show: |value| format!("{} %", round(value * 100.0)) };
const PERCENT: Axis = Axis { scale: Scale::Linear, show: |value| format!("{} %", round(value)) };
const BYTES: Axis = Axis { scale: Scale::Binary, show: units::bytes };

/// All plots for which there are figures.
pub(crate) fn all(result: &Value, old: Option<&Value>) -> Markup {
    let course = Course::of(result);
    html! {
        @if !result["latency_ns"].is_null() {
            h2 { "Latency" }
            div.plots { (percentiles(result, old)) (distribution(result)) }
        }
        @if course.samples.len() > 1 {
            h2 { "Over time" }
            div.plots {
                @for plot in course.plots(result) { (plot.figure()) }
            }
        }
    }
}

fn percentiles(result: &Value, old: Option<&Value>) -> Markup {
    let mut lines = vec![Line { name: "this run", points: quantiles(result) }];
    lines.extend(old.map(|old| Line { name: "earlier run", points: quantiles(old) }));
    let points = &lines[0].points;
    let hint = |(number, point): (usize, &(f64, f64))| {
        let from = if number == 0 { 0.0 } else { points[number - 1].0 };
        (from, point.0, format!("{} % took at most {}", round(point.0 * 100.0), units::time(point.1)))
    };
    let hints = points.iter().enumerate().map(hint).collect();
    let caption = "From left to right ever fewer are slower. Both scales are logarithmic.".into();
    Plot { lines, hints, caption, ..Plot::new("Latency by percentile", SHARES, TIMES) }.figure()
}

fn quantiles(result: &Value) -> Vec<(f64, f64)> {
    let points = result["percentiles"].as_array().into_iter().flatten();
    points.filter_map(|point| Some((point[0].as_f64()?, point[1].as_f64()?))).collect()
}

/// The distribution of latencies, as columns.
fn distribution(result: &Value) -> Markup {
    let buckets = ["distribution", "histogram"].iter().find_map(|name| result[*name].as_array());
    let columns: Vec<(f64, f64, f64)> = buckets
        .into_iter()
        .flatten()
        .filter_map(|bucket| {
            Some((bucket["from_ns"].as_f64()?, bucket["to_ns"].as_f64()?, bucket["count"].as_f64()?))
        })
        .collect();
    let all: f64 = columns.iter().map(|column| column.2).sum::<f64>().max(1.0);
    let hint = |(from, to, count): &(f64, f64, f64)| {
        let (from_text, to_text) = (units::time(*from), units::time(*to));
        (
            *from,
            *to,
            format!("{from_text} to {to_text}: {}, {:.2} %", units::count(*count), count / all * 100.0),
        )
    };
    let hints = columns.iter().map(hint).collect();
    let mark = |name: &'static str| Some(Mark { at: result["latency_ns"][name].as_f64()?, name });
    let marks = ["p50", "p99", "p99.9"].into_iter().filter_map(mark).collect();
    let caption =
        "How many operations took how long. Each column is an eighth wider than the one before it.".into();
    Plot { columns, marks, hints, caption, ..Plot::new("Distribution", TIMES, COUNTS) }.figure()
}

/// The samples over time, with the warm-up.
struct Course<'a> {
    samples: Vec<Interval<'a>>,
    bands: Vec<Band>,
}

/// The interval between two samples.
struct Interval<'a> {
    from: f64,
    to: f64,
    errors: f64,
    sample: &'a Value,
}

impl<'a> Course<'a> {
    fn of(result: &'a Value) -> Self {
        let warm_up = || result["warm_up"].as_array().into_iter().flatten();
        let all: Vec<&Value> = warm_up().chain(result["samples"].as_array().into_iter().flatten()).collect();
        let number = |sample: &Value, name: &str| sample[name].as_f64().unwrap_or_default();
        // The begin of the first interval is unknown; it is taken to be as long as the second.
        let second = all.get(1).map_or(0.0, |sample| number(sample, "at"));
        let first = all.first().map_or(0.0, |sample| number(sample, "at"));
        let mut last = (first - (second - first), 0.0);
        if warm_up().next().is_none() {
            last.0 = 0.0;
        }
        let warm_up = warm_up().count();
        let samples: Vec<Interval<'_>> = all
            .iter()
            .enumerate()
            .map(|(place, sample)| {
                let (to, errors) = (number(sample, "at"), number(sample, "errors"));
                if place == warm_up {
                    // With the measured time the count begins anew.
                    last.1 = 0.0;
                }
                let interval = Interval { from: last.0, to, errors: (errors - last.1).max(0.0), sample };
                last = (to, errors);
                interval
            })
            .collect();
        let mut bands: Vec<Band> = Vec::new();
        bands.extend(samples.first().filter(|first| first.from < 0.0).map(|first| Band {
            from: first.from,
            to: 0.0,
            kind: BandKind::WarmUp,
        }));
        for interval in samples.iter().filter(|interval| interval.errors > 0.0) {
            match bands.last_mut() {
                Some(band) if band.kind == BandKind::Fault && band.to == interval.from => {
                    band.to = interval.to;
                }
                _ => bands.push(Band { from: interval.from, to: interval.to, kind: BandKind::Fault }),
            }
        }
        Self { samples, bands }
    }

    fn plots(&self, result: &Value) -> Vec<Plot<'_>> {
        let mut plots = Vec::new();
        if !result["latency_ns"].is_null() {
            plots.push(self.plot("Throughput", RATES, &[("throughput", "per_second")]));
            plots.push(self.plot("Latency", TIMES, &[("p50", "p50_ns"), ("p99", "p99_ns")]));
        }
        if self.samples.iter().any(|interval| interval.errors > 0.0) {
            let columns =
                self.samples.iter().map(|interval| (interval.from, interval.to, interval.errors)).collect();
            let bands = self.bands.iter().filter(|band| band.kind == BandKind::WarmUp).cloned().collect();
            plots.push(Plot { columns, bands, ..self.plot("Errors", COUNTS, &[]) });
        }
        if result["server"].is_object() {
            let lines = [("server", "server_cpu_percent"), ("load generator", "client_cpu_percent")];
            plots.push(self.plot("Share of a processor core", PERCENT, &lines));
            plots.push(self.plot("Memory of the server", BYTES, &[("server", "server_memory_bytes")]));
        } else {
            let lines = [("load generator", "client_cpu_percent")];
            plots.push(self.plot("Share of a processor core, load generator", PERCENT, &lines));
        }
        plots
    }

    fn plot<'p>(&self, title: &'p str, y: Axis, lines: &[(&'p str, &str)]) -> Plot<'p> {
        let lines = lines.iter().map(|(name, field)| Line { name, points: self.points(field) });
        let hint = |interval: &Interval<'_>| (interval.from, interval.to, interval.describe());
        Plot {
            lines: lines.collect(),
            bands: self.bands.clone(),
            hints: self.samples.iter().map(hint).collect(),
            ..Plot::new(title, SECONDS, y)
        }
    }

    /// A field of all samples, with a gap where there is none.
    fn points(&self, field: &str) -> Vec<(f64, f64)> {
        let value = |interval: &Interval<'_>| of_sample(interval.sample, field).unwrap_or(f64::NAN);
        self.samples.iter().map(|interval| (interval.to, value(interval))).collect()
    }
}

impl Interval<'_> {
    fn describe(&self) -> String {
        let rate = units::rate(of_sample(self.sample, "per_second").unwrap_or_default());
        let time = |name: &str| of_sample(self.sample, name).map_or_else(|| "-".to_owned(), units::time);
        let (p50, p99) = (time("p50_ns"), time("p99_ns"));
        let errors = units::count(self.errors);
        format!("{:.1} s: {rate}/s, p50 {p50}, p99 {p99}, errors {errors}", self.to)
    }
}

/// Rounds away digits that come from binary fractions.
fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// A short round number.
fn short(value: f64) -> String {
    let (factor, unit) = match value {
        1e9.. => (1e9, "G"),
        1e6.. => (1e6, "M"),
        1e4.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!("{}{unit}", round(value / factor))
}

/// A short round time.
fn short_time(ns: f64) -> String {
    let (factor, unit) = match ns {
        1e9.. => (1e9, "s"),
        1e6.. => (1e6, "ms"),
        1e3.. => (1e3, "µs"),
        _ => (1.0, "ns"),
    };
    format!("{} {unit}", round(ns / factor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_warm_up_and_the_times_of_errors_are_marked() {
        let result = json!({
            "warm_up": [{ "at": -0.5, "errors": 0 }, { "at": 0.0, "errors": 0 }],
            "samples": [
                { "at": 0.5, "errors": 0 }, { "at": 1.0, "errors": 2 }, { "at": 1.5, "errors": 5 }, { "at": 2.0, "errors": 5 },
                { "at": 2.5, "errors": 6 },
            ],
        });
        let band = |from, to, kind| Band { from, to, kind };
        let wanted = [
            band(-1.0, 0.0, BandKind::WarmUp),
            band(0.5, 1.5, BandKind::Fault),
            band(2.0, 2.5, BandKind::Fault),
        ];
        assert_eq!(Course::of(&result).bands, wanted);
        let page = all(&result, None).into_string();
        assert!(page.contains("<strong>Errors</strong>") && page.contains("1.5 s: 0/s"), "{page}");
        assert!(Course::of(&json!({ "samples": [{ "at": 0.5, "errors": 0 }] })).bands.is_empty());
    }

    /// The fault: the errors of the first interval that is measured were compared with those of the whole warm-up.
    #[test]
    fn errors_of_the_warm_up_hide_no_others() {
        let result = json!({
            "warm_up": [{ "at": -0.5, "errors": 5 }, { "at": 0.0, "errors": 9 }],
            "samples": [{ "at": 0.5, "errors": 3 }, { "at": 1.0, "errors": 3 }, { "at": 1.5, "errors": 7 }],
        });
        let errors: Vec<f64> = Course::of(&result).samples.iter().map(|interval| interval.errors).collect();
        assert_eq!(errors, [5.0, 4.0, 3.0, 0.0, 4.0]);
    }

    /// The fault: its latencies were said to be zero.
    #[test]
    fn i494_an_interval_without_operations_is_a_gap_and_named_so() {
        for nothing in [Value::Null, 0.into()] {
            let sample = |at: u64, p99: &Value| json!({ "at": at, "per_second": 1, "p50_ns": p99, "p99_ns": p99, "errors": 0 });
            let result =
                json!({ "samples": [sample(1, &5.into()), sample(2, &nothing), sample(3, &5.into())] });
            let course = Course::of(&result);
            let points = course.points("p99_ns");
            assert!(points.len() == 3 && points[1].1.is_nan() && points[2] == (3.0, 5.0), "{points:?}");
            assert_eq!(course.samples[1].describe(), "2.0 s: 1/s, p50 -, p99 -, errors 0");
            assert_eq!(course.samples[2].describe(), "3.0 s: 1/s, p50 5 ns, p99 5 ns, errors 0");
        }
    }

    #[test]
    fn numbers_at_an_axis_are_short() {
        assert_eq!([0.0, 5000.0, 20_000.0, 1.5e6, 2e9].map(short), ["0", "5000", "20k", "1.5M", "2G"]);
        assert_eq!([500.0, 2e3, 5e7, 1e9].map(short_time), ["500 ns", "2 µs", "50 ms", "1 s"]);
    }
}
