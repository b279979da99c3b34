//! Plans in files: stages, requests with weights, thresholds.

use crate::process::{Directory, run};
use crate::tree;
use serde_json::Value;
use std::fs;

/// What a plan came to: the exit code, what was said on both outputs, and the folder of the reports.
type Ran = (i32, String, String, Directory);

/// Nothing of it is met or missed by a slow machine.
const PLAN: &str = r#"
    connections = 4
    fail_if = ["p50>60s"]
    [[request]]
    path = "/plaintext"
    weight = 3
    [[request]]
    path = "/nowhere"
    [[stage]]
    name = "paced"
    duration = "400ms"
    rate = "200"
    [[stage]]
    name = "full"
    duration = "200ms"
    connections = 8
    fail_if = ["errors>0"]
"#;

/// Carries a plan out.
fn plan(text: &str, more: &[&str]) -> Ran {
    let directory = Directory::new();
    fs::create_dir_all(directory.path("")).expect("it can be made");
    let file = directory.path("plan.toml");
    fs::write(&file, text).expect("it can be written");
    let file = file.to_str().expect("the path is UTF-8");
    let report = directory.path("report");
    let report = report.to_str().expect("the path is UTF-8");
    let (code, stdout, stderr) = run(&[&["bench", "plan", file, "--report", report], more].concat());
    (code, stdout, stderr, directory)
}

/// Carries it out with its short stages, and with longer ones where the machine is so busy that too little has happened in those.
fn plan_until(text: &str, more: &[&str], has_measured: impl Fn(&Ran) -> bool) -> Ran {
    let mut ran = plan(text, more);
    for longer in ["s\"", "0s\""] {
        if !has_measured(&ran) {
            ran = plan(&text.replace("00ms\"", longer), more);
        }
    }
    ran
}

/// How many requests of the first stage were answered, and how many of them with 404.
fn paced(stdout: &str) -> (f64, f64) {
    let whole: Value = serde_json::from_str(stdout).expect("it is JSON");
    let result = &whole["stages"][0]["result"];
    let wrong = result["errors"]["by_kind"]["status 404 (GET /nowhere)"].as_f64();
    // Those too that ended late, as on a machine that is busy elsewhere: such errors are counted as well.
    (result["latency_ns"]["count"].as_f64().unwrap_or(0.0), wrong.unwrap_or(0.0))
}

#[test]
fn each_stage_is_a_separate_run_with_requests_by_their_weights() {
    let (code, stdout, stderr, directory) = plan_until(PLAN, &["--json"], |(_, stdout, stderr, _)| {
        let (right, wrong) = paced(stdout);
        wrong > 0.0 && right > wrong && stderr.contains("failed: errors>0")
    });
    assert_eq!(code, 1, "the second stage has errors, and may have none: {stderr}");
    assert!(stderr.contains("failed: errors>0"), "{stderr}");
    let whole: Value = serde_json::from_str(&stdout).expect("it is JSON");
    let stages = whole["stages"].as_array().expect("there are stages");
    let names: Vec<&Value> = stages.iter().map(|stage| &stage["name"]).collect();
    assert_eq!(names, ["paced", "full"]);
    let of_first = &stages[0]["result"]["plan"];
    assert_eq!((&of_first["connections"], &of_first["rate"]), (&4.into(), &200.0.into()));
    assert_eq!(stages[1]["result"]["plan"]["connections"], 8);
    // One of four asks for what is not there, which is counted by its path.
    let (right, wrong) = paced(&stdout);
    // What was under way when a stage began or ended may be counted as an error only; how weights mix has a test of its own.
    assert!(wrong > 0.0 && right > wrong, "{right} {wrong}");
    for stage in ["paced", "full"] {
        let page = fs::read_to_string(directory.path(&format!("report/{stage}/index.html")));
        tree::check(&page.expect("there is a page"));
    }
}

#[test]
fn the_stages_are_shown_one_by_one_and_side_by_side() {
    let good = PLAN.replace("/nowhere", "/plaintext");
    let (code, stdout, stderr, _directory) = plan_until(&good, &[], |(code, ..)| *code == 0);
    assert_eq!(code, 0, "{stderr}");
    let place = |text: &str| stdout.find(text).unwrap_or_else(|| panic!("`{text}` is missing: {stdout}"));
    assert!(place("stage paced: http ") < place("stage full: http "));
    assert!(place("\nstage  ") < place("\npaced  ") && place("\npaced  ") < place("\nfull  "));
}

#[test]
fn a_report_of_somebody_else_stays_unless_forced() {
    let good = PLAN.replace("/nowhere", "/plaintext");
    let directory = Directory::new();
    let [file, mine] = ["plan.toml", "report/full/index.html"].map(|name| directory.path(name));
    fs::create_dir_all(directory.path("report/full")).expect("it is made");
    fs::write(&file, good).and_then(|()| fs::write(&mine, "mine")).expect("they are written");
    let [file, report] = [file, directory.path("report")].map(|path| path.into_os_string().into_string());
    let (file, report) = (file.expect("it is UTF-8"), report.expect("it is UTF-8"));
    let args = ["bench", "plan", &file, "--report", &report];
    let (code, stdout, stderr) = run(&args);
    assert!(code == 2 && stdout.is_empty() && stderr.contains("--force"), "{stdout}{stderr}");
    assert_eq!(fs::read_to_string(&mine).ok().as_deref(), Some("mine"));
    assert!(!directory.path("report/paced").exists(), "nothing is left of a plan that has not begun");
    let (code, _, stderr) = run(&[&args[..], &["--force"]].concat());
    assert_ne!(code, 2, "{stderr}");
    tree::check(&fs::read_to_string(&mine).expect("it is there"));
}

#[test]
fn an_invalid_plan_is_reported_before_anything_is_started() {
    for (from, to, why) in [
        ("weight", "wait", "unknown field `wait`"),
        ("\"400ms\"", "\"soon\"", "stage 1: duration: `soon`"),
        ("[[stage]]", "[[stages]]", "unknown field `stages`"),
    ] {
        let (code, stdout, stderr, directory) = plan(&PLAN.replace(from, to), &[]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stdout.is_empty() && stderr.contains(why) && stderr.contains("plan.toml"), "{to}: {stderr}");
        assert!(!directory.path("report").exists(), "nothing is written");
    }
    let (code, _, stderr) = run(&["bench", "plan", "/nowhere/plan.toml"]);
    assert!(code == 2 && stderr.contains("/nowhere/plan.toml"), "{stderr}");
}

/// The fault: the folder that the reports of all stages lie in stayed behind.
#[test]
fn i498_a_plan_that_measures_nothing_leaves_no_folder() {
    let text = PLAN.replacen("connections", "target = \"http://name.invalid:80\"\nconnections", 1);
    let (code, _, stderr, directory) = plan(&text, &[]);
    assert!(code == 2 && stderr.contains("no address"), "{stderr}");
    assert!(!directory.path("report").exists(), "nothing is left");
}
