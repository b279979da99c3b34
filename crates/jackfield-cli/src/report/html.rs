//! `index.html`: the results of a run, as a page that begins with the most important ones.

use super::compare::{self, Change, Trend};
use super::markup;
use super::metric::{METRICS, Metric};
use super::plots;
use super::{text, words};
use crate::base::units;
use maud::{Markup, html};
use serde_json::Value;

/// The whole page.
pub(crate) fn page(result: &Value, old: Option<&Value>) -> String {
    let title = words::title(result);
    let changes = old.map(|old| compare::changes(old, result)).unwrap_or_default();
    let body = html! {
        header {
            h1 { (title) }
            p.lead { (words::load(result)) }
            code.command { (result["command"].as_str().unwrap_or_default()) }
        }
        @for warning in text::warnings(result) { p.warning { (warning) } }
        ul.tiles { @for tile in tiles(result) { (tile.show(&changes)) } }
        (comparison(result, old, &changes))
        (plots::all(result, old))
        section.sides {
            (figures(result))
            div {
                (errors(&result["errors"]["by_kind"]))
                (environment(result))
            }
        }
        footer { "Every figure, and the plan of the run, is in " code { "result.json" } " beside this page." }
    };
    markup::page(&title, &body)
}

/// One of the most important figures.
struct Tile {
    metric: Option<&'static Metric>,
    name: String,
    value: String,
    about: String,
    is_bad: bool,
}

impl Tile {
    /// One of the metrics, if the run has it.
    fn of(result: &Value, metric: &str, name: &str, about: String) -> Option<Self> {
        let metric = Metric::named(metric)?;
        let value = metric.quantity.show(metric.value(result)?);
        Some(Self { metric: Some(metric), name: name.into(), value, about, is_bad: false })
    }

    fn show(&self, changes: &[Change]) -> Markup {
        let change =
            changes.iter().find(|change| self.metric.is_some_and(|metric| metric.name == change.metric.name));
        html! {
            li.bad[self.is_bad] {
                span.name { (self.name) }
                (markup::figure(&self.value))
                @if let Some(change) = change { span.change.(class(change)) { (arrow(change)) (change.brief()) } }
                span.about { (self.about) }
            }
        }
    }
}

fn tiles(result: &Value) -> Vec<Tile> {
    let number = |pointer: &str| result.pointer(pointer).and_then(Value::as_f64);
    let unit = result["throughput"]["unit"].as_str().unwrap_or("operations");
    let count = units::count(number("/throughput/operations").unwrap_or_default());
    let share = |name: &str| Tile::of(result, name, "", String::new()).map(|tile| tile.value);
    let server =
        share("server-load").map_or_else(String::new, |load| format!("the server used {load} of a core"));
    let mut tiles: Vec<Option<Tile>> = if result["plan"]["mode"] == "idle" {
        vec![
            Tile::of(
                result,
                "memory-per-connection",
                "Memory for each",
                "of the server, kernel not included".into(),
            ),
            Some(opened(result)),
        ]
    } else {
        vec![
            Tile::of(result, "rate", "Throughput", format!("{count} {unit} in all")),
            Tile::of(result, "p50", "Latency, p50", "half of all took at most this".into()),
            Tile::of(result, "p99", "Latency, p99", "1 in 100 took longer".into()),
            Tile::of(result, "p99.9", "Latency, p99.9", "1 in 1,000 took longer".into()),
            Tile::of(result, "server-cpu", "Processor time for each", server),
        ]
    };
    tiles.push(Tile::of(result, "memory", "Memory of the server", "the most that was seen".into()));
    let errors = number("/errors/total").unwrap_or_default();
    let kinds = result["errors"]["by_kind"].as_object().map_or(0, serde_json::Map::len);
    let about = match kinds {
        0 => "none of any kind".to_owned(),
        1 => "of one kind, named below".to_owned(),
        kinds => format!("of {kinds} kinds, named below"),
    };
    tiles.push(Tile::of(result, "errors", "Errors", about).map(|tile| Tile { is_bad: errors > 0.0, ..tile }));
    tiles.into_iter().flatten().collect()
}

/// How many connections were opened: all within a time, or some of them.
fn opened(result: &Value) -> Tile {
    let count = |number: &Value| units::count(number.as_f64().unwrap_or_default());
    let wanted = count(&result["plan"]["connections"]);
    let (value, about) = match result["opening_seconds"].as_f64() {
        Some(seconds) => (wanted, format!("opened in {}", units::time(seconds * 1e9))),
        None => (count(&result["opened_connections"]), format!("of {wanted} were opened")),
    };
    Tile { metric: None, name: "Connections".into(), value, about, is_bad: false }
}

fn class(change: &Change) -> &'static str {
    match change.trend() {
        Trend::Better => "better",
        Trend::Worse => "worse",
        Trend::Same => "same",
    }
}

fn arrow(change: &Change) -> &'static str {
    match (change.trend(), change.new > change.old) {
        (Trend::Same, _) => "≈ ",
        (_, true) => "▲ ",
        (_, false) => "▼ ",
    }
}

/// The changes since the earlier run.
fn comparison(result: &Value, old: Option<&Value>, changes: &[Change]) -> Markup {
    let Some(old) = old else { return html! {} };
    let differences = compare::differences(old, result);
    let reach = changes.iter().map(reach).fold(MIN_REACH, f64::max).min(MAX_REACH);
    html! {
        section {
            h2 { "Compared with the run of " (old["when"].as_str().unwrap_or("an unknown time")) }
            @if !differences.is_empty() {
                div.warning {
                    "The runs differ in more than the server:"
                    ul { @for difference in &differences { li { (difference) } } }
                }
            }
            div.scroll {
                table {
                    thead { tr { th { "figure" } th.number.before { "before" } th.number { "now" } th.number { "change" } th.picture {} } }
                    tbody {
                        @for change in changes {
                            tr {
                                th { (change.metric.title) }
                                td.number.before { (change.metric.quantity.show(change.old)) }
                                td.number { (change.metric.quantity.show(change.new)) }
                                td.number.change-cell.(class(change)) { (arrow(change)) (change.show()) }
                                td.picture { (picture(change, reach)) }
                            }
                        }
                    }
                }
            }
            p.note { "Behind ± stands how far a change may be off: twice the standard error, as ten parts of each run tell it. Two \
                runs of the same server differ by more than that. A change within it, or below 3 %, counts as none (≈)." }
        }
    }
}

/// The smallest and largest change, in per cent, that a picture shows to each side.
const MIN_REACH: f64 = 10.0;
const MAX_REACH: f64 = 100.0;

fn reach(change: &Change) -> f64 {
    change.percent().unwrap_or_default().abs() + change.spread.unwrap_or_default()
}

/// A dot for the change, beside the line of no change, and a line for its spread.
fn picture(change: &Change, reach: f64) -> Markup {
    const HALF: f64 = 100.0;
    const MIDDLE: f64 = 9.0;
    let Some(percent) = change.percent() else { return html! {} };
    let at = |percent: f64| format!("{:.1}", HALF + (percent / reach).clamp(-1.0, 1.0) * (HALF - 6.0));
    let spread = change.spread.unwrap_or_default();
    html! {
        svg viewBox="0 0 200 18" aria-hidden="true" {
            path.zero d={ "M" (HALF) " 0V18" } {}
            g.(class(change)) {
                path stroke-width="2" d={ "M" (at(percent - spread)) " " (MIDDLE) "H" (at(percent + spread)) } {}
                circle cx=(at(percent)) cy=(MIDDLE) r="4.5" {}
            }
        }
    }
}

/// Every metric that the run has.
fn figures(result: &Value) -> Markup {
    let rows = METRICS.iter().filter_map(|metric| Some((metric, metric.value(result)?)));
    html! {
        div {
            h2 { "All figures" }
            div.scroll {
                table {
                    @for (metric, value) in rows {
                        tr { th { (metric.title) } td.number { (metric.quantity.show(value)) } }
                    }
                }
            }
        }
    }
}

fn errors(kinds: &Value) -> Markup {
    let Some(kinds) = kinds.as_object().filter(|kinds| !kinds.is_empty()) else { return html! {} };
    html! {
        h2 { "Errors" }
        div.scroll {
            table {
                @for (kind, count) in kinds {
                    tr { th { (kind) } td.number { (units::count(count.as_f64().unwrap_or_default())) } }
                }
            }
        }
    }
}

/// The machine, the time and the server of the run.
fn environment(result: &Value) -> Markup {
    html! {
        h2 { "How it was measured" }
        div.words { @for paragraph in words::environment(result) { p { (paragraph) } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The fault: a page named all connections as opened, however many of them were when the run ended.
    #[test]
    fn only_connections_that_were_opened_are_named() {
        for (seconds, value, about) in
            [(Some(0.5), "10,000", "opened in 500 ms"), (None, "4,200", "of 10,000 were opened")]
        {
            let result = json!({
                "plan": { "mode": "idle", "connections": 10_000 },
                "opened_connections": 4200,
                "opening_seconds": seconds,
            });
            let tile = opened(&result);
            assert_eq!((&*tile.value, &*tile.about), (value, about));
            assert_eq!(page(&result, None).contains("opened in"), seconds.is_some());
        }
    }

    #[test]
    fn outside_text_is_escaped() {
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

    #[test]
    fn the_result_comes_first_and_a_comparison_says_what_is_better() {
        let run = |rate: f64, p99: u64| {
            json!({
                "when": "then",
                "plan": { "mode": "http", "target": "a:1", "connections": 4 },
                "throughput": { "per_second": rate, "operations": 10, "unit": "requests" },
                "latency_ns": { "p50": 100, "p99": p99 },
                "errors": { "total": 1, "by_kind": { "status 500": 1 } },
            })
        };
        let page = page(&run(200.0, 3000), Some(&run(100.0, 1000)));
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("`{text}` is missing: {page}"));
        assert!(place("class=\"tiles\"") < place("Compared with the run of then"));
        place("<span class=\"change better\">▲ +100 %</span>");
        place("<span class=\"change worse\">▲ +200 %</span>");
        place("<li class=\"bad\"><span class=\"name\">Errors</span><b>1</b>");
        assert!(!page.contains("NaN") && !page.contains("<script"));
    }
}
