//! `index.html`: the figures as tables and plots, in one file that needs no script and nothing from elsewhere.

use super::compare::{self, Trend};
use super::markup::{begin, escape};
use super::metric::METRICS;
use super::plot::{Axis, Line, Plot, Scale};
use super::text;
use crate::base::units;
use serde_json::Value;
use std::fmt::Write;

/// The whole page.
pub(crate) fn page(result: &Value, old: Option<&Value>) -> String {
    let title = format!(
        "jackfield bench {}, {}",
        result["plan"]["mode"].as_str().unwrap_or_default(),
        result["when"].as_str().unwrap_or_default()
    );
    let mut page = begin(&title);
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(page, "<p><code>{}</code></p>", escape(result["command"].as_str().unwrap_or_default()));
    for warning in text::warnings(result) {
        let _ = writeln!(page, "<p class=\"warning\">{}</p>", escape(&warning));
    }
    page.push_str(&figures(result, old));
    page.push_str(&errors(&result["errors"]["by_kind"]));
    page.push_str(&plots(result, old));
    page.push_str(&histogram(&result["histogram"]));
    page.push_str(&circumstances(result, old));
    page.push_str("</body>\n</html>\n");
    page
}

/// Every metric that the run has, beside that of the earlier one.
fn figures(result: &Value, old: Option<&Value>) -> String {
    let mut html = "<h2>Figures</h2>\n<table>\n".to_owned();
    let changes = old.map(|old| compare::changes(old, result)).unwrap_or_default();
    for metric in METRICS {
        let Some(value) = metric.value(result) else { continue };
        let _ = write!(
            html,
            "<tr><th>{}</th><td class=\"number\">{}</td>",
            metric.title,
            metric.quantity.show(value)
        );
        if let Some(change) = changes.iter().find(|change| change.metric.name == metric.name) {
            let class = match change.trend() {
                Trend::Better => "better",
                Trend::Worse => "worse",
                Trend::Same => "same",
            };
            let _ = write!(
                html,
                "<td class=\"number\">{} before</td><td class=\"number {class}\">{}</td>",
                metric.quantity.show(change.old),
                change.show()
            );
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table>\n");
    html
}

fn errors(kinds: &Value) -> String {
    let Some(kinds) = kinds.as_object().filter(|kinds| !kinds.is_empty()) else { return String::new() };
    let mut html = "<h2>Errors</h2>\n<table>\n".to_owned();
    for (kind, count) in kinds {
        let _ = writeln!(html, "<tr><th>{}</th><td class=\"number\">{count}</td></tr>", escape(kind));
    }
    html.push_str("</table>\n");
    html
}

fn plots(result: &Value, old: Option<&Value>) -> String {
    let seconds = Axis { scale: Scale::Linear, show: |value| format!("{} s", round(value)) };
    let rates = Axis { scale: Scale::Linear, show: |value| format!("{}/s", units::count(value)) };
    let times = Axis { scale: Scale::Logarithmic, show: units::time };
    let shares = Axis { scale: Scale::Tail, show: |value| format!("{} %", round(value * 100.0)) };
    let percent = Axis { scale: Scale::Linear, show: |value| format!("{} %", round(value)) };
    let bytes = Axis { scale: Scale::Binary, show: units::bytes };
    let over_time = |name, field: &str| Line { name, points: samples(result, field) };
    let mut quantiles = vec![Line { name: "latency", points: percentiles(result) }];
    quantiles.extend(old.map(|old| Line { name: "before", points: percentiles(old) }));
    let mut cpu = vec![over_time("client", "client_cpu_percent")];
    let mut memory = Vec::new();
    if result["server"].is_object() {
        cpu.insert(0, over_time("server", "server_cpu_percent"));
        memory.push(over_time("server", "server_memory_bytes"));
    }
    let latencies = vec![over_time("p50", "p50_ns"), over_time("p99", "p99_ns")];
    let mut plots = vec![
        Plot { title: "Share of a processor core", x: seconds, y: percent, lines: cpu },
        Plot { title: "Memory of the server", x: seconds, y: bytes, lines: memory },
    ];
    if !result["latency_ns"].is_null() {
        let rate = vec![over_time("throughput", "per_second")];
        plots.splice(
            0..0,
            [
                Plot { title: "Throughput", x: seconds, y: rates, lines: rate },
                Plot { title: "Latency", x: seconds, y: times, lines: latencies },
                Plot { title: "Share of all within a latency", x: shares, y: times, lines: quantiles },
            ],
        );
    }
    let svgs: String = plots.iter().map(Plot::svg).collect();
    format!("<h2>Course</h2>\n{svgs}")
}

/// A field of all samples over time. What is zero because nothing happened is left out of a latency.
fn samples(result: &Value, field: &str) -> Vec<(f64, f64)> {
    let samples = result["samples"].as_array().into_iter().flatten();
    let points = samples.filter_map(|sample| Some((sample["at"].as_f64()?, sample[field].as_f64()?)));
    points.filter(|point| point.1 > 0.0 || !field.ends_with("_ns")).collect()
}

fn percentiles(result: &Value) -> Vec<(f64, f64)> {
    let points = result["percentiles"].as_array().into_iter().flatten();
    points.filter_map(|point| Some((point[0].as_f64()?, point[1].as_f64()?))).collect()
}

fn histogram(buckets: &Value) -> String {
    let text = text::histogram(buckets);
    if text.is_empty() {
        text
    } else {
        format!("<h2>Histogram</h2>\n<pre>{}</pre>\n", escape(text.trim_matches('\n')))
    }
}

/// Where, when and of what the figures were taken.
fn circumstances(result: &Value, old: Option<&Value>) -> String {
    let mut html = "<h2>Circumstances</h2>\n<table>\n".to_owned();
    let mut row = |name: &str, value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let text = if value.is_null() { "unknown" } else { &text };
        let _ = writeln!(html, "<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(text));
    };
    for name in ["tool", "commit", "when"] {
        row(name, &result[name]);
    }
    for part in ["machine", "plan"] {
        for (name, value) in result[part].as_object().into_iter().flatten() {
            row(&name.replace('_', " "), value);
        }
    }
    html.push_str("</table>\n");
    if let Some(old) = old {
        let _ = writeln!(
            html,
            "<p>Compared with {}.</p>",
            escape(old["when"].as_str().unwrap_or("an earlier run"))
        );
        for difference in compare::differences(old, result) {
            let _ = writeln!(html, "<p class=\"warning\">The runs differ in {}.</p>", escape(&difference));
        }
    }
    html
}

/// Without the digits that only come from binary fractions.
fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_came_from_outside_is_escaped() {
        let result = json!({
            "command": "jackfield bench http '<script>'",
            "plan": { "mode": "http", "target": "\"&<b>" },
            "errors": { "by_kind": { "<i>": 3 } },
            "latency_ns": null,
        });
        let page = page(&result, None);
        for tag in ["<script", "<b>", "<i>"] {
            assert!(!page.contains(tag), "{page}");
        }
        assert!(page.contains("&quot;&amp;&lt;b&gt;") && page.ends_with("</html>\n"));
    }
}
