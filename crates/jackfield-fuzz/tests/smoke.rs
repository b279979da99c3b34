//! Every target, for a fixed number of executions: in CI, and with every `cargo test`.

use jackfield_fuzz::{Runner, TARGETS, Tally, Target};
use std::thread;

/// Inputs of each target. The server is slower than a parser, and has longer inputs.
const EXECUTIONS: [(&str, u64); 2] = [("server", 400), ("", 1000)];

fn executions(target: &Target) -> u64 {
    EXECUTIONS.iter().find(|(name, _)| name.is_empty() || *name == target.name).map_or(0, |(_, count)| *count)
}

/// Seeds are cut everywhere: that is what a test does with them.
#[test]
fn every_seed_holds() {
    for target in TARGETS {
        assert!(!target.seeds.is_empty(), "{} has no seeds", target.name);
        target.seeds.iter().for_each(|seed| (target.run)(seed));
    }
}

fn run(target: &Target) -> Tally {
    let run = Runner::new(target).seed(1).executions(executions(target)).run();
    let report = run.unwrap_or_else(|finding| panic!("{finding}"));
    assert_eq!(report.executions, executions(target));
    // Something was reached that no seed shows.
    assert!(report.corpus > target.seeds.len(), "{}: {report:?}", target.name);
    report.tally
}

#[test]
fn every_target_holds_for_a_while() {
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let runs = TARGETS.iter().map(|target| scope.spawn(|| run(target)));
        // All are begun before the first is waited for.
        for run in runs.collect::<Vec<_>>() {
            tally += run.join().expect("it has told what is wrong");
        }
    });
    assert!(tally.partitions > 10_000 && tally.round_trips > 1000, "{tally:?}");
}

#[test]
fn targets_are_found_by_name() {
    for target in TARGETS {
        assert_eq!(Target::named(target.name).map(|found| found.name), Some(target.name));
        assert!(target.call.ends_with(target.name) && !target.about.is_empty());
    }
    assert!(Target::named("nothing").is_none());
    for name in [
        "http1_head",
        "http1_chunked",
        "http1_machine",
        "http1_client",
        "websocket_server",
        "websocket_client",
        "websocket_handshake",
        "websocket_deflate",
        "sse_stream",
        "server",
    ] {
        assert!(Target::named(name).is_some(), "{name}");
    }
    let mut names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TARGETS.len());
}

#[test]
fn seeds_are_small() {
    let bytes: usize = TARGETS.iter().flat_map(|target| target.seeds).map(|seed| seed.len()).sum();
    assert!(bytes < 100 << 10, "{bytes} bytes");
}

#[test]
fn seeds_are_exported_for_other_fuzzers() {
    let directory = std::env::temp_dir().join(format!("jackfield-fuzz-{}-export", std::process::id()));
    for target in TARGETS {
        target.export(&directory).expect("it can be written");
        let runner = Runner::new(&Target { seeds: &[], ..*target })
            .corpus(&directory.join(target.name))
            .map(|runner| runner.executions(1).run().map(|report| report.corpus));
        assert!(matches!(runner, Ok(Ok(count)) if count == target.seeds.len()), "{}", target.name);
    }
    let words = std::fs::read_to_string(directory.join("sse_stream.dict")).expect("it is text");
    assert!(words.starts_with("\"\\x0a\"\n"), "{words}");
    std::fs::remove_dir_all(directory).expect("it was made here");
}
