//! `lab growth` and `lab reactors`: that they measure and write, and not what.

use super::compare::repository;
use super::process::{Directory, run};
use super::tree;
use super::windows;
use serde_json::Value;
use std::fs;

/// Runs it, and gives its exit status, what it printed, and what it left in the document.
fn check(what: &str, root: &Directory, args: &[&str]) -> (i32, String, String) {
    let path = root.path(".");
    let root_arg = path.to_str().expect("the path is UTF-8");
    let (code, stdout, stderr) = run(&[&[what, "--root", root_arg, "--runs=1"], args].concat());
    let numbers = fs::read_to_string(root.path("docs/numbers.md")).expect("it is there");
    (code, format!("{stdout}{stderr}"), numbers)
}

#[test]
fn growth_is_drawn_and_written() {
    let root = repository();
    let path = |name: &str| root.path(name).to_str().expect("the path is UTF-8").to_owned();
    let (numbers, report) = (path("docs/numbers.md"), path("docs/report"));
    let args = [
        "--plots=memory-time,memory-bytes,subscribers-ws",
        "--most=100",
        "--seconds=250ms",
        "--numbers",
        &numbers,
        "--report",
        &report,
    ];
    let (code, said, numbers) = check("growth", &root, &args);
    // Servers over sockets may get too little of a busy machine to tell: those are gaps, and no reason not to write.
    let gaps = numbers.lines().filter(|line| line.starts_with("| 1") && line.contains("gap: ")).count();
    assert!(code == 0 || gaps > 0, "{code}: {said}");
    assert!(
        numbers.contains("<!-- growth:begin -->\n\n") && numbers.contains("<!-- compare:begin -->\nold\n")
    );
    for text in [
        "### Time for one event, in memory\n\n| connections | HTTP request | WebSocket echo of 20 B |\n",
        "![Memory of one connection, in memory](report/growth-memory-bytes.svg)",
        "| subscribers | ours | limit |",
        " | gap: not built |\n",
    ] {
        assert!(numbers.contains(text), "{text}: {numbers}");
    }
    let page = fs::read_to_string(root.path("docs/report/growth.html")).expect("it is there");
    tree::check(&page);
    windows::check(&[("lab-growth", root.path("docs/report/growth.html"))]);
    let svg = fs::read_to_string(root.path("docs/report/growth-memory-time.svg")).expect("it is there");
    assert!(
        svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.contains("class=\"line c1\"")
    );
    let json = fs::read_to_string(root.path("docs/report/growth.json")).expect("it is there");
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    let first = &json["plots"][0]["lines"][0]["points"][0];
    assert!(first["at"] == 1 && first["median"].as_f64() > Some(0.0), "{json}");
}

#[test]
fn a_plot_that_is_not_there_is_refused() {
    let (code, said, numbers) = check("growth", &repository(), &["--plots=nothing"]);
    assert!(code == 2 && said.contains("`nothing` is not one of connections-http"), "{said}");
    assert!(numbers.contains("<!-- growth:begin -->\nold\n"));
}

#[test]
fn two_reactors_are_measured() {
    let measure = |seconds| check("reactors", &repository(), &[seconds, "--work=50us"]);
    let (mut code, mut said, mut numbers) = measure("--seconds=100ms");
    // Longer where the machine is so busy that nothing is answered in a short time.
    if code != 0 {
        (code, said, numbers) = measure("--seconds=1s");
    }
    if said.contains("two reactors need two cores") {
        assert_eq!(code, 2);
        return;
    }
    assert_eq!(code, 0, "{said}");
    for line in ["in memory, HTTP requests | ", "over sockets, 50.0 µs of work for each request | "] {
        let (_, cells) = numbers.split_once(line).expect("it is there");
        assert!(cells.starts_with(|c: char| c.is_ascii_digit()), "{numbers}");
    }
    assert!(numbers.contains("<!-- reactors:begin -->\n\n") && numbers.contains("CPU for one request | "));
}
