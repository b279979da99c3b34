//! `jackfield fuzz` and `jackfield sim`: exit statuses, what they print, and that the same seed does the same.

use crate::process::{Directory, run};
use std::fs;

#[test]
fn every_target_is_listed_and_fuzzed() {
    let (code, list, _) = run(&["fuzz", "list"]);
    assert_eq!(code, 0);
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 9 && names.contains(&"server"), "{list}");
    let directory = Directory::new();
    let findings = directory.path("findings");
    let findings = findings.to_str().expect("it is UTF-8");
    let (code, all, _) = run(&["fuzz", "all", "--executions", "20", "--seed", "3", "--findings", findings]);
    assert_eq!(code, 0, "{all}");
    assert!(all.starts_with("seed 3, "), "{all}");
    for name in names.iter().chain(&["all"]) {
        assert!(
            all.lines().any(|line| line.starts_with(name) && line.contains(" executions (")),
            "{name}: {all}"
        );
    }
    assert!(!fs::exists(findings).expect("it can be asked"), "there is nothing to save");
}

#[test]
fn one_target_is_fuzzed_for_a_time() {
    let (code, text, _) = run(&["fuzz", "sse_stream", "--time", "200ms", "--jobs", "1"]);
    assert_eq!((code, text.lines().count()), (0, 2), "{text}");
    let (code, _, why) = run(&["fuzz", "nothing"]);
    assert!(code == 2 && why.contains("`jackfield fuzz list`"), "{why}");
}

#[test]
fn seeds_are_written_for_other_fuzzers_and_read_again() {
    let directory = Directory::new();
    let corpus = directory.path("corpus");
    let path = corpus.to_str().expect("it is UTF-8");
    assert_eq!(run(&["fuzz", "export", "--corpus", path]).0, 0);
    assert!(corpus.join("http1_head/seed-00").is_file() && corpus.join("http1_head.dict").is_file());
    let (code, text, _) =
        run(&["fuzz", "http1_head", "--executions", "100", "--jobs", "1", "--corpus", path]);
    assert!(code == 0 && text.contains("100 executions"), "{text}");
}

#[test]
fn schedules_are_simulated_and_replayed() {
    let (code, text, _) = run(&["sim", "--seeds", "40", "--from", "100"]);
    assert_eq!(code, 0);
    assert!(text.starts_with("seeds 100 to 139: 40 schedules held ("), "{text}");
    let [one, two] = [(); 2].map(|()| run(&["sim", "--replay", "107"]));
    assert_eq!((one.0, &one), (0, &two));
    assert!(one.1.contains("connect") && one.1.ends_with("all invariants held\n"), "{}", one.1);
    assert_eq!(run(&["sim", "--replay", "1", "--from", "2"]).0, 2);
    let last = u64::MAX.to_string();
    let (code, text, why) = run(&["sim", "--seeds", "1", "--from", &last]);
    assert_eq!((code, &*text), (2, ""), "{why}");
    assert!(why.contains("--seeds must be between 1 and 0"), "{why}");
    let before = (u64::MAX - 3).to_string();
    let (code, text, _) = run(&["sim", "--seeds", "3", "--from", &before, "--jobs", "2"]);
    assert!(code == 0 && text.contains(": 3 schedules held ("), "{text}");
}
