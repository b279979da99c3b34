//! The run, the server and the machine, in sentences.

use super::metric::Metric;
use crate::base::units;
use serde_json::Value;

/// The heading of a run.
pub(crate) fn title(result: &Value) -> String {
    let plan = &result["plan"];
    let what = match plan["mode"].as_str().unwrap_or_default() {
        "http" => "HTTP requests",
        "ws" => "WebSocket echoes",
        "sse" => "Server-sent events",
        "raw" => "Echoes over bare TCP",
        "idle" => "Idle connections",
        "connect" => "New connections",
        "fanout" => "WebSocket fan-out",
        other => other,
    };
    let path = plan["path"].as_str().filter(|_| plan["mode"] != "raw").unwrap_or_default();
    let target = plan["target"].as_str().unwrap_or_default();
    let server = if plan["is_built_in"] == true { "the built-in server, " } else { "" };
    format!("{what}: {server}{target}{path}")
}

/// The load in one sentence.
pub(crate) fn load(result: &Value) -> String {
    let plan = &result["plan"];
    let number = |name: &str| plan[name].as_f64().unwrap_or_default();
    let mut parts = vec![match number("connections") {
        1.0 => "1 connection".to_owned(),
        connections => format!("{} connections", units::count(connections)),
    }];
    if plan["tls"].is_object() {
        let resumes = plan["tls"]["resumes"] == true;
        parts.push(if resumes { "over TLS, with sessions resumed" } else { "over TLS" }.into());
    }
    if number("pipeline") > 1.0 {
        parts.push(format!("{} operations in flight on each", units::count(number("pipeline"))));
    }
    if plan["is_browser"] == true {
        parts.push("with the header fields of a browser".into());
    }
    if let Some(others) = plan["other_requests"].as_array().filter(|others| !others.is_empty()) {
        parts.push(format!("{} requests by their weights", others.len() + 1));
    }
    if number("size") > 0.0 {
        parts.push(format!("messages of {}", units::bytes(number("size"))));
    }
    if number("slow_readers") > 0.0 {
        parts.push(format!("{} of them slow readers", units::count(number("slow_readers"))));
    }
    parts.push(match plan["rate"].as_f64() {
        Some(rate) => format!("operations due at a fixed {} a second", units::rate(rate)),
        None if plan["mode"] == "idle" => "nothing sent once they are open".into(),
        None => "each operation begun as soon as the last one ends".into(),
    });
    let seconds = result["throughput"]["seconds"].as_f64().unwrap_or_default();
    format!("{}; measured for {seconds:.1} s.", parts.join(", "))
}

/// The machine and the server, one paragraph each.
pub(crate) fn environment(result: &Value) -> Vec<String> {
    [machine(result), server(result), client(result), course(result)].into_iter().flatten().collect()
}

fn machine(result: &Value) -> Option<String> {
    let machine = result["machine"].as_object()?;
    let word = |name: &str| machine.get(name).and_then(Value::as_str);
    let system = match word("system").unwrap_or("an unknown system") {
        "linux" => "Linux",
        "macos" => "macOS",
        "windows" => "Windows",
        other => other,
    };
    let mut text = format!("Taken on {system}");
    text.extend(word("kernel").map(|kernel| format!(" {kernel}")));
    text.extend(word("architecture").map(|architecture| format!(" ({architecture})")));
    text.extend(word("processor").map(|processor| format!(", {processor}")));
    match machine.get("cores").and_then(Value::as_u64) {
        Some(1) => text.push_str(", 1 core"),
        Some(cores) => text.push_str(&format!(", {cores} cores")),
        None => {}
    }
    let memory = machine.get("memory_bytes").and_then(Value::as_f64);
    text.extend(memory.map(|memory| format!(", {} of memory", units::bytes(memory))));
    text.extend(result["when"].as_str().map(|when| format!(", on {when}")));
    text.extend(result["tool"].as_str().map(|tool| format!(", by {tool}")));
    text.extend(result["commit"].as_str().map(|commit| format!(" in a directory at commit {commit}")));
    Some(text + ".")
}

fn server(result: &Value) -> Option<String> {
    let plan = result["plan"].as_object()?;
    let is_built_in = plan.get("is_built_in") == Some(&Value::Bool(true));
    let mut text = if is_built_in {
        "The server was the one that is built into this tool, as a process of its own on the same machine"
            .to_owned()
    } else {
        format!(
            "The server was at {}",
            plan.get("target").and_then(Value::as_str).unwrap_or("an unknown address")
        )
    };
    match (show(result, "server-load"), show(result, "memory")) {
        (Some(load), Some(memory)) => {
            text.push_str(&format!(". It used {load} of a core and at most {memory} of memory"));
        }
        (None, Some(memory)) => text.push_str(&format!(". It used at most {memory} of memory")),
        _ if !is_built_in => {
            text.push_str(". What it used of its machine is not known: --server-pid would have told");
        }
        _ => {}
    }
    Some(text + ".")
}

fn client(result: &Value) -> Option<String> {
    let threads = result["client"]["threads"].as_u64()?;
    let threads = if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
    let mut text = format!("The load generator ran on {threads}");
    text.extend(show(result, "client-load").map(|load| format!(" and used {load} of a core")));
    text.extend(show(result, "others-load").map(|load| format!("; all other processes used {load}")));
    Some(text + ".")
}

fn course(result: &Value) -> Option<String> {
    let mut said: Vec<String> = Vec::new();
    let opening = result["opening_seconds"].as_f64();
    said.extend(
        opening.map(|seconds| format!("All connections were up after {}.", units::time(seconds * 1e9))),
    );
    let warm_up = result["warm_up"].as_array().and_then(|samples| samples.first()?["at"].as_f64());
    if warm_up.is_some_and(|at| at < 0.0) {
        said.push("A warm-up went before the measured time, whose operations are not counted.".into());
    }
    let timeout = result["plan"]["timeout_seconds"].as_f64();
    said.extend(timeout.map(|seconds| {
        format!("An answer that took longer than {} was an error.", units::time(seconds * 1e9))
    }));
    let resolution = result["latency_resolution_ns"].as_f64().filter(|ns| *ns > 0.0);
    said.extend(resolution.map(|ns| format!("A latency may be up to {} too long.", units::time(ns))));
    (!said.is_empty()).then(|| said.join(" "))
}

fn show(result: &Value, name: &str) -> Option<String> {
    let metric = Metric::named(name)?;
    Some(metric.quantity.show(metric.value(result)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_run_is_described_in_sentences() {
        let mut result = json!({
            "when": "today", "tool": "jackfield 1", "opening_seconds": 0.002,
            "machine": { "system": "linux", "kernel": "6.1", "cores": 2, "memory_bytes": 1u64 << 33 },
            "plan": { "mode": "ws", "target": "a:1", "path": "/chat", "connections": 64, "pipeline": 2, "size": 20,
                "rate": 5000.0, "timeout_seconds": 5.0, "tls": {}, "is_browser": true, "other_requests": [{}, {}] },
            "throughput": { "seconds": 10.04 },
            "client": { "threads": 2, "cpu_percent": 40.0 },
            "warm_up": [{ "at": -1.0 }],
        });
        assert_eq!(title(&result), "WebSocket echoes: a:1/chat");
        assert_eq!(
            load(&result),
            "64 connections, over TLS, 2 operations in flight on each, with the header fields of a browser, \
             3 requests by their weights, messages of 20 B, operations due at a fixed 5,000 a second; measured for 10.0 s."
        );
        let said = environment(&result);
        assert_eq!(said[0], "Taken on Linux 6.1, 2 cores, 8.00 GiB of memory, on today, by jackfield 1.");
        assert!(
            said[1].contains("at a:1. What it used") && said[2].contains("2 threads and used 40 %"),
            "{said:?}"
        );
        assert!(said[3].contains("up after 2.00 ms. A warm-up") && said[3].contains("5.00 s"), "{said:?}");
        result["opening_seconds"] = Value::Null;
        assert!(environment(&result)[3].starts_with("A warm-up"), "they never were");
        assert!(environment(&json!({})).is_empty());
    }
}
