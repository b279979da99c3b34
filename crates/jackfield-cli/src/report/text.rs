//! The report on the terminal.

use super::compare::{self, Trend};
use super::metric::Metric;
use crate::base::units;
use crate::bench::plan::warm_up_of;
use serde_json::Value;
use std::fmt::Write;
use std::time::Duration;

/// The whole report.
pub(crate) fn report(result: &Value, old: Option<&Value>) -> String {
    let mut text = head(result);
    text.push_str(&figures(result));
    text.push_str(&histogram(&result["histogram"]));
    text.push_str(&errors(&result["errors"]["by_kind"]));
    for warning in warnings(result) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "\nwarning: {warning}");
    }
    if let Some(old) = old {
        text.push_str(&comparison(old, result));
    }
    text
}

/// Warnings about doubtful figures.
pub(crate) fn warnings(result: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    match result["end"]["how"].as_str() {
        Some("interrupted") => warnings.push("the run was interrupted before its end".into()),
        Some("failed") => {
            let why = result["end"]["why"].as_str().unwrap_or_default();
            warnings.push(format!("the run ended early: {why}"));
        }
        _ => {}
    }
    if result["client"]["is_bottleneck"] == true {
        warnings.push(
            "the load generator used a whole core, so a faster one might find a faster server; add --threads, or look \
             at the server's processor time for one operation, which is right all the same"
                .into(),
        );
    }
    if let Some(why) = result["latency_invalid"].as_str() {
        warnings.push(format!("the latencies are invalid: {why}"));
    }
    if let Some(percent) =
        result["others"]["cpu_percent"].as_f64().filter(|percent| *percent > OTHERS_PERCENT_MAX)
    {
        warnings.push(format!(
            "other processes used {percent:.0} % of a core meanwhile, which disturbs the figures"
        ));
    }
    warnings.extend(lag(result));
    if result["plan"]["tls"]["resumes"] == true && result["handshakes"]["resumed"] == 0 {
        warnings.push("not one TLS session was resumed: the server gives none out, or forgets them".into());
    }
    let is_idle = result["plan"]["mode"] == "idle";
    if !is_idle && result["throughput"]["operations"] == 0 {
        warnings.push("not one operation succeeded".into());
    }
    warnings
}

/// That fewer operations ended than were due. Where each is delivered more than once, that can't be seen.
fn lag(result: &Value) -> Option<String> {
    let asked = result["plan"]["rate"].as_f64()?;
    let throughput = |name: &str| result["throughput"][name].as_f64().unwrap_or_default();
    let ended = throughput("operations") + throughput("slow_reader_operations");
    let seconds = throughput("seconds").max(1e-9);
    // One more may have been due so late that it ended behind the end.
    let is_reached = ended + 1.0 >= seconds_of_ended(result, seconds) * asked * RATE_REACHED;
    if is_reached || matches!(result["plan"]["mode"].as_str(), Some("sse" | "fanout")) {
        return None;
    }
    let (asked, got) = (units::rate(asked), units::rate(ended / seconds));
    let who = if result["latency_invalid"].is_null() { "the server" } else { "server or load generator" };
    Some(format!("{who} did not keep up: {got} of {asked} a second"))
}

/// How long the operations were due that can have ended: what is due less than a latency before the end ends behind it, however
/// many the server can serve. What was due in the warm-up takes its place. The lowest latency is meant, because the others are
/// also those of a server that is behind.
fn seconds_of_ended(result: &Value, seconds: f64) -> f64 {
    let latency = result["latency_ns"]["min"].as_f64().unwrap_or_default() / 1e9;
    let plan = &result["plan"];
    if plan["operations"].is_u64() {
        // There was no warm-up, and the time goes on until the last one ends.
        return seconds - latency;
    }
    let planned = Duration::try_from_secs_f64(plan["seconds"].as_f64().unwrap_or_default());
    let warm_up = warm_up_of(planned.unwrap_or_default()).as_secs_f64();
    // A server that was behind before the measured time has no low latency in it.
    seconds - (latency - warm_up).clamp(0.0, seconds / 2.0)
}

/// This share of the requested rate counts as reached.
const RATE_REACHED: f64 = 0.98;
/// A machine at rest uses less of a core than this.
const OTHERS_PERCENT_MAX: f64 = 20.0;
/// The longest bar of a histogram.
const BAR: usize = 40;

fn head(result: &Value) -> String {
    let plan = &result["plan"];
    let mut text = format!("{} ", plan["mode"].as_str().unwrap_or_default());
    let built_in = if plan["is_built_in"] == true { " (built-in server)" } else { "" };
    let _ = write!(
        text,
        "{}{built_in}, {} connections",
        plan["target"].as_str().unwrap_or_default(),
        plan["connections"]
    );
    for (name, word) in
        [("pipeline", "in flight on each"), ("size", "bytes"), ("slow_readers", "slow readers")]
    {
        let usual = if name == "pipeline" { 1 } else { 0 };
        if plan[name] != usual {
            let _ = write!(text, ", {} {word}", plan[name]);
        }
    }
    if let Some(rate) = plan["rate"].as_f64() {
        let _ = write!(text, ", {} a second", units::rate(rate));
    }
    let _ = writeln!(text, ", {:.1} s\n", result["throughput"]["seconds"].as_f64().unwrap_or_default());
    text
}

fn figures(result: &Value) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:<12} {value}");
        }
    };
    let show = |name: &str| {
        let metric = Metric::named(name)?;
        Some(metric.quantity.show(metric.value(result)?))
    };
    let unit = result["throughput"]["unit"].as_str().unwrap_or_default();
    if result["plan"]["mode"] == "idle" {
        line("opened", opened(result));
    } else {
        let bytes = |name: &str| units::bytes(result["throughput"][name].as_f64().unwrap_or_default());
        let (read, written) = (bytes("bytes_in_per_second"), bytes("bytes_out_per_second"));
        let rate = units::rate(result["throughput"]["per_second"].as_f64().unwrap_or_default());
        line("throughput", format!("{rate} {unit}/s, {read}/s in, {written}/s out"));
    }
    if result["plan"]["slow_readers"].as_u64() > Some(0) {
        let slow = result["throughput"]["slow_reader_operations"].as_f64().unwrap_or_default();
        line("slow readers", format!("{} {unit} besides, whose latency is not counted", units::count(slow)));
    }
    let latencies = ["p50", "p90", "p99", "p99.9", "max"];
    let latencies: Vec<String> =
        latencies.iter().filter_map(|name| Some(format!("{name} {}", show(name)?))).collect();
    let invalid = if result["latency_invalid"].is_null() { "" } else { " (invalid, see the warning)" };
    let resolution = result["latency_resolution_ns"].as_f64().filter(|ns| *ns > 0.0);
    let resolution =
        resolution.map_or_else(String::new, |ns| format!(" (each at most {} too long)", units::time(ns)));
    line(
        "latency",
        if latencies.is_empty() { String::new() } else { latencies.join(", ") + &resolution + invalid },
    );
    line("handshakes", handshakes(&show));
    line("server", server(result, &show));
    line("client", show("client-load").map_or_else(String::new, |load| format!("{load} of a core")));
    line("errors", show("errors").unwrap_or_default());
    text
}

/// How many connections of an idle run were opened. Why a run failed is said as a warning.
fn opened(result: &Value) -> String {
    let count = |number: &Value| units::count(number.as_f64().unwrap_or_default());
    let wanted = count(&result["plan"]["connections"]);
    match result["opening_seconds"].as_f64() {
        Some(seconds) => format!("{wanted} connections in {seconds:.2} s"),
        None if result["end"]["how"] == "failed" => String::new(),
        None => format!("{} of {wanted} connections", count(&result["opened_connections"])),
    }
}

fn handshakes(show: &dyn Fn(&str) -> Option<String>) -> String {
    let (Some(full), Some(resumed)) = (show("full-handshakes"), show("resumed-handshakes")) else {
        return String::new();
    };
    let mut parts = vec![format!("{full} full"), format!("{resumed} resumed")];
    parts.extend(show("handshake-p50").map(|p50| format!("p50 {p50}")));
    parts.extend(show("handshake-p99").map(|p99| format!("p99 {p99}")));
    parts.join(", ")
}

fn server(result: &Value, show: &dyn Fn(&str) -> Option<String>) -> String {
    let Some(memory) = show("memory") else { return String::new() };
    let mut parts: Vec<String> =
        show("server-load").map(|load| format!("{load} of a core")).into_iter().collect();
    parts.extend(show("server-cpu").map(|each| format!("{each} for each operation")));
    parts.push(format!("{memory} of memory"));
    if result["plan"]["mode"] == "idle" {
        parts.extend(show("memory-per-connection").map(|each| format!("{each} for each connection")));
    }
    parts.join(", ")
}

/// Bars for the buckets of a histogram, with the share of each.
pub(crate) fn histogram(buckets: &Value) -> String {
    let Some(buckets) = buckets.as_array().filter(|buckets| !buckets.is_empty()) else {
        return String::new();
    };
    let count = |bucket: &Value| bucket["count"].as_f64().unwrap_or_default();
    let total: f64 = buckets.iter().map(count).sum();
    let most = buckets.iter().map(count).fold(1.0, f64::max);
    let mut text = "\n".to_owned();
    for bucket in buckets {
        let bound = |name: &str| short_time(bucket[name].as_f64().unwrap_or_default());
        let share = count(bucket) / total.max(1.0) * 100.0;
        // Even the smallest bucket is visible.
        let length = (count(bucket) / most * BAR as f64).ceil() as usize;
        let bar = "#".repeat(length);
        let line = format!("  {:>6} - {:<6} {bar:<BAR$} {share:6.2} %", bound("from_ns"), bound("to_ns"));
        let _ = writeln!(text, "{line}");
    }
    text
}

/// A bound of a bucket, which is a whole number of some unit.
fn short_time(ns: f64) -> String {
    let (factor, unit) = match ns {
        1e9.. => (1e9, "s"),
        1e6.. => (1e6, "ms"),
        1e3.. => (1e3, "µs"),
        _ => (1.0, "ns"),
    };
    format!("{} {unit}", ns / factor)
}

fn errors(kinds: &Value) -> String {
    let Some(kinds) = kinds.as_object().filter(|kinds| !kinds.is_empty()) else { return String::new() };
    let mut text = "\nerrors\n".to_owned();
    for (kind, count) in kinds {
        let _ = writeln!(text, "  {:>12} {kind}", units::count(count.as_f64().unwrap_or_default()));
    }
    text
}

/// The changes, as a table.
fn comparison(old: &Value, new: &Value) -> String {
    let mut text = format!("\ncompared with {}\n", old["when"].as_str().unwrap_or("an earlier run"));
    for difference in compare::differences(old, new) {
        let _ = writeln!(text, "  differs in {difference}");
    }
    for change in compare::changes(old, new) {
        let quantity = change.metric.quantity;
        let word = match change.trend() {
            Trend::Better => "better",
            Trend::Worse => "worse",
            Trend::Same => "",
        };
        let (before, after) = (quantity.show(change.old), quantity.show(change.new));
        let line =
            format!("  {:<24} {before:>14} {after:>14} {:>9} {word}", change.metric.title, change.show());
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_histogram_has_a_bar_for_each_bucket() {
        let buckets = json!([
            { "from_ns": 50_000, "to_ns": 100_000, "count": 9000 },
            { "from_ns": 100_000, "to_ns": 200_000, "count": 0 },
            { "from_ns": 1_000_000, "to_ns": 2_000_000, "count": 1 },
            { "from_ns": 2_000_000, "to_ns": 5_000_000, "count": 999 },
        ]);
        let text = histogram(&buckets);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines[0], format!("   50 µs - 100 µs {} {:6.2} %", "#".repeat(40), 90.0));
        assert_eq!(lines[1], format!("  100 µs - 200 µs {} {:6.2} %", " ".repeat(40), 0.0));
        assert_eq!(lines[2], format!("    1 ms - 2 ms   #{} {:6.2} %", " ".repeat(39), 0.01));
        assert_eq!(lines[3].matches('#').count(), 5);
        assert_eq!(histogram(&json!([])), "");
        assert_eq!(histogram(&Value::Null), "");
    }

    /// The fault: all were said to be open, however many of them were when the run ended.
    #[test]
    fn only_connections_that_were_opened_are_said_to_be() {
        for (seconds, how, shown) in [
            (Some(0.5), "complete", "10,000 connections in 0.50 s"),
            (Some(0.5), "interrupted", "10,000 connections in 0.50 s"),
            (None, "interrupted", "4,200 of 10,000 connections"),
            (None, "failed", ""),
        ] {
            let result = json!({
                "plan": { "mode": "idle", "connections": 10_000 },
                "opened_connections": 4200,
                "opening_seconds": seconds,
                "end": { "how": how },
            });
            assert_eq!(opened(&result), shown);
            assert_eq!(figures(&result).contains("opened"), !shown.is_empty());
        }
    }

    /// The fault: they were shown as 1 and 0.
    #[test]
    fn i310_low_rates_are_shown_with_their_digits() {
        let result = json!({
            "plan": { "mode": "http", "rate": 1.43 },
            "throughput": { "unit": "requests", "per_second": 0.5, "operations": 5, "seconds": 10.0 },
        });
        let text = report(&result, None);
        for words in [", 1.43 a second", " 0.5 requests/s", "0.5 of 1.43 a second"] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert_eq!(Metric::named("rate").map(|rate| rate.quantity.show(0.5)).as_deref(), Some("0.5/s"));
    }

    /// The fault: operations of slow readers were none, and of few operations the last one that was not due yet was missing.
    #[test]
    fn i465_a_server_that_keeps_up_is_not_said_to_be_behind() {
        for (rate, operations, slow, seconds, words) in [
            (8.0, 40, 40, 10.0, None),
            (8.0, 40, 10, 10.0, Some("5 of 8 a second")),
            (0.5, 2, 0, 5.0, None),
            (0.5, 0, 0, 5.0, Some("0 of 0.5 a second")),
            (1000.0, 9799, 0, 10.0, None),
            (1000.0, 9798, 0, 10.0, Some("980 of 1,000 a second")),
            (1000.0, 10_000, 0, 10.0, None),
        ] {
            let result = json!({
                "plan": { "mode": "http", "rate": rate },
                "throughput": { "operations": operations, "slow_reader_operations": slow, "seconds": seconds },
            });
            let found = warnings(&result).into_iter().find(|warning| warning.contains("keep up"));
            assert_eq!(found.is_some(), words.is_some(), "{result}: {found:?}");
            assert!(words.is_none_or(|words| found.is_some_and(|found| found.contains(words))), "{result}");
        }
    }

    /// The fault: what is due at the end ends a latency later, and that was missing.
    #[test]
    fn i531_a_server_with_a_constant_latency_is_not_said_to_be_behind() {
        for (number, planned, ended, seconds, latency_ms, words) in [
            (Some(100), 3600.0, 100, 0.149, 50, None),
            (Some(1), 3600.0, 1, 0.05, 50, None),
            // It serves 500 a second.
            (Some(100), 3600.0, 100, 0.25, 50, Some("400 of 1,000 a second")),
            (None, 1.0, 900, 1.0, 200, None),
            (None, 1.0, 800, 1.0, 200, Some("800 of 1,000 a second")),
            (None, 1.0, 980, 1.0, 50, None),
            (None, 1.0, 978, 1.0, 50, Some("978 of 1,000 a second")),
            // The warm-up has a second.
            (None, 60.0, 58_799, 60.0, 1000, None),
            (None, 60.0, 58_798, 60.0, 1000, Some("980 of 1,000 a second")),
            // It serves 50 and 400 a second, and was behind in the warm-up already.
            (None, 1.0, 50, 1.0, 1900, Some("50 of 1,000 a second")),
            (None, 1.0, 400, 1.0, 150, Some("400 of 1,000 a second")),
        ] {
            let result = json!({
                "plan": { "mode": "http", "rate": 1000.0, "operations": number, "seconds": planned },
                "throughput": { "operations": ended, "seconds": seconds },
                "latency_ns": { "min": latency_ms * 1_000_000 },
            });
            let found = lag(&result);
            let expected = words.map(|words| format!("the server did not keep up: {words}"));
            assert_eq!(found, expected, "{result}");
        }
    }

    #[test]
    fn doubtful_results_are_marked() {
        let mut result = json!({
            "plan": { "mode": "http", "rate": 1000.0 },
            "client": { "is_bottleneck": true },
            "latency_invalid": "it was full",
            "end": { "how": "interrupted" },
            "others": { "cpu_percent": 42.0 },
            "throughput": { "operations": 500, "seconds": 1.0 },
        });
        let found = warnings(&result);
        for (warning, words) in found.iter().zip([
            "interrupted",
            "--threads",
            "invalid: it was full",
            "42 % of a core",
            "500 of 1,000",
        ]) {
            assert!(warning.contains(words), "{warning}");
        }
        assert_eq!(found.len(), 5);
        result["plan"]["mode"] = "sse".into();
        result["client"]["is_bottleneck"] = false.into();
        result["latency_invalid"] = Value::Null;
        result["end"]["how"] = "complete".into();
        result["others"]["cpu_percent"] = 3.into();
        assert_eq!(warnings(&result), [""; 0], "an event is delivered more than once");
    }
}
