//! `jackfield attack`, each attack so small that its goals hold on any machine, but one that is about time.

use crate::odd;
use crate::process::{Directory, run};
use crate::tool::{Builtin, certificate};
use crate::verdict::{OF_OVERLOAD, is_mostly_answered};
use serde_json::Value;

/// A figure that another process on the machine can hide.
const OF_OTHERS: &str = "p99";
/// Goals that another process on the machine could make this one miss.
const OF_TIME: [&str; 2] = ["is closed", "longest life"];

/// Runs an attack, and checks that what it must find is met, and what can't be known is a gap.
fn check(args: &[&str], gaps: &[&str], rows_min: usize) -> Vec<Value> {
    let (code, stdout, stderr) = run(&[&["attack"], args, &["--json"]].concat());
    assert!(matches!(code, 0 | 1), "{args:?}: {stderr}");
    let result: Value = serde_json::from_str(&stdout).expect("it is JSON and nothing else");
    let rows = result["rows"].as_array().expect("a list").clone();
    assert!(rows.len() >= rows_min, "{stdout}");
    for row in &rows {
        let what = row["what"].as_str().expect("a name");
        let is_among = |names: &[&str]| names.iter().any(|name| what.contains(name));
        let is_judged = row["at_most"].is_number() || row["at_least"].is_number();
        let expected = if is_among(gaps) { Some("gap") } else { is_judged.then_some("met") };
        if is_among(&[OF_OVERLOAD]) {
            assert!(is_mostly_answered(row), "{row}: {stdout}");
        } else if !is_among(&[OF_OTHERS]) && !is_among(&OF_TIME) {
            assert_eq!(row["verdict"].as_str(), expected, "{row}: {stdout}");
        }
    }
    let is_missed = rows.iter().any(|row| row["verdict"] == "missed");
    assert_eq!(code, i32::from(is_missed), "{stdout}");
    rows
}

#[test]
fn slow_heads_are_ended_in_time() {
    let rows = check(&["slow-heads", "-c", "100", "--head-timeout", "500ms", "--linger", "2s"], &[], 7);
    // How many of them on a busy machine is not this test's business.
    let detail = rows.iter().find_map(|row| row["detail"].as_str()?.strip_suffix(" got 408"));
    assert!(detail.is_some_and(|count| matches!(count.parse(), Ok(1..=100))), "{rows:?}");
}

#[test]
fn idle_connections_cost_little() {
    // So few of them that all are in pages which were there before.
    check(&["idle", "-c", "20"], &[], 2);
}

#[test]
fn without_descriptors_the_others_are_served() {
    check(&["descriptors", "-c", "100", "--descriptors", "64"], &[], 5);
}

#[test]
fn mutants_leave_nothing_over() {
    for seed in ["1", "2"] {
        let rows = check(&["mutants", "--count", "2000", "--seed", seed], &[], 8);
        assert!(rows[0]["figure"].as_f64() >= Some(2000.0), "{rows:?}");
    }
}

#[test]
fn slow_readers_cost_a_reference() {
    check(&["slow-readers", "-c", "100"], &[], 5);
}

#[test]
fn for_a_remote_server_only_visible_values_are_shown() {
    let server = Builtin::start();
    let url = format!("http://{}/plaintext", server.addr);
    check(&["mutants", "--count", "500", &url], &["memory", "descriptors"], 8);
    check(&["descriptors", &server.addr], &["left waiting"], 1);
    let pid = server.pid().to_string();
    check(
        &["slow-readers", "-c", "20", &format!("http://{}/large", server.addr), "--server-pid", &pid],
        &[],
        5,
    );
    check(&["slow-readers", &url], &["readers"], 1);
    let (code, _, stderr) = run(&["attack", "mutants", &server.addr]);
    assert!(code == 1 && stderr.contains("for /: status 404"), "{stderr}");
}

#[test]
fn a_server_that_closes_after_each_answer_has_no_failures() {
    for answer in
        ["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.0 200 OK\r\n\r\nhi"]
    {
        let addr = odd::listen(move |stream| odd::say_once(stream, answer.as_bytes()));
        let gaps = ["memory", "descriptors"];
        let rows = check(&["mutants", "--count", "50", &addr], &gaps, 8);
        assert!(rows.iter().any(|row| row["what"] == "failures of the normal client"));
    }
}

#[test]
fn a_server_without_websockets_misses_nothing() {
    let addr = odd::listen(|stream| odd::say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    let rows = check(&["idle", "-c", "10", &addr], &["memory"], 2);
    assert!(rows[1].to_string().contains("no WebSocket at /: status 200"), "{rows:?}");
}

#[test]
fn a_server_that_does_not_answer_is_not_attacked() {
    let hangs_up = odd::listen(drop);
    let silent = odd::listen(odd::keep_silent);
    for (target, why) in [(odd::nobody(), "refused"), (hangs_up, ""), (silent, "no answer in time")] {
        let (code, stdout, stderr) = run(&["attack", "slow-heads", "-c", "10", &target]);
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        assert!(stderr.starts_with("jackfield: ") && stderr.contains(why), "{stderr}");
    }
}

/// The fault: each read had a time of its own, so this server was waited for as long as it sent something.
#[test]
fn a_server_whose_answer_does_not_end_is_not_attacked() {
    let goes_on = odd::listen(odd::go_on);
    let (code, stdout, stderr) = run(&["attack", "slow-heads", "-c", "10", &goes_on]);
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.starts_with("jackfield: ") && stderr.contains("no answer in time"), "{stderr}");
    // A body without an end is none that readers could be slow with.
    let rows = check(&["slow-readers", "-c", "10", &goes_on], &["readers"], 1);
    assert!(rows[0].to_string().contains("no answer in time"), "{rows:?}");
}

#[test]
fn a_target_may_speak_tls() {
    let directory = Directory::new();
    let [cert, key] = certificate(&directory, "server");
    let server = Builtin::start_with(&["--cert", &cert, "--key", &key]);
    // On a busy machine a client that behaves well needs a while for its handshake: this server has time for it.
    let hasty =
        Builtin::start_with(&["--cert", &cert, "--key", &key, "--head-timeout", "2s", "--linger", "2s"]);
    let hasty = format!("https://{}/plaintext", hasty.addr);
    let (plain, large) =
        (format!("https://{}/plaintext", server.addr), format!("https://{}/large", server.addr));
    // Without its process no figure of it is known; how many are answered is.
    let unknown = ["memory", "descriptors"];
    let slow = ["slow-heads", "-c", "20", "--head-timeout", "2s", "--linger", "2s", "--ca-file", &cert];
    check(&[&slow[..], &[&hasty]].concat(), &unknown, 7);
    check(&["mutants", "--count", "100", &plain, "--insecure"], &unknown, 8);
    let brief = Builtin::start_with(&["--cert", &cert, "--key", &key, "--handshake-timeout", "2s"]);
    let brief = format!("https://{}/plaintext", brief.addr);
    let silent = ["silent-handshakes", "-c", "20", "--head-timeout", "2s", "--ca-file", &cert];
    check(&[&silent[..], &[&brief]].concat(), &unknown, 7);
    check(&["slow-readers", "-c", "10", &large, "--ca-file", &cert], &unknown, 5);
    check(&["idle", "-c", "10", &plain, "--ca-file", &cert], &unknown, 2);
    let (code, _, stderr) = run(&["attack", "mutants", &plain]);
    assert!(code == 1 && stderr.contains("certificate"), "{stderr}");
    let (code, _, stderr) = run(&["attack", "silent-handshakes"]);
    assert!(code == 2 && stderr.contains("https://"), "{stderr}");
    let (code, _, stderr) = run(&["attack", "mutants", &server.addr, "--insecure"]);
    assert!(code == 2 && stderr.contains("https://"), "{stderr}");
}

#[test]
fn the_figures_are_a_table_without_json() {
    let args = ["attack", "mutants", "--count", "50"];
    let (code, stdout, stderr) = run(&args);
    assert!(matches!(code, 0 | 1), "{stderr}");
    let rows = stdout.lines().filter(|line| line.starts_with("mutants "));
    assert!(rows.count() >= 8 && stdout.contains(" missed, "), "{stdout}");
    let (code, _, stderr) = run(&["attack", "slow-heads", "--head-timeout", "0"]);
    assert!(code == 2 && stderr.contains("above zero"), "{stderr}");
}

#[test]
fn options_that_mean_nothing_to_an_attack_are_refused() {
    for (args, why) in [
        (&["mutants", "-c", "100"][..], "no use for --connections"),
        (&["slow-heads", "--count", "100"], "no use for --count"),
        (&["descriptors", "127.0.0.1:1", "--descriptors", "100"], "--descriptors"),
    ] {
        let (code, stdout, stderr) = run(&[&["attack"], args].concat());
        assert!(code == 2 && stdout.is_empty() && stderr.contains(why), "{args:?}: {stderr}");
    }
}
