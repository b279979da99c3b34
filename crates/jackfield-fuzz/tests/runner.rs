//! The runner itself: it finds a bug that was planted into a toy parser, saves it, prints a test for it, and finds it
//! again with the same seed.

use jackfield_fuzz::{Finding, Log, Runner, Target, observe, same_however_cut};
use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;
use std::{env, fs, process};

/// Records of a length and so many bytes. A record of 7 bytes that begins with `!` is forgotten at the end of a part:
/// the planted bug.
fn toy(data: &[u8]) {
    same_however_cut(data, |parts| {
        let (mut rx, mut log) = (Vec::new(), Log::default());
        for part in parts {
            rx.extend_from_slice(part);
            while let Some(length) = rx.first().map(|length| usize::from(*length)) {
                if rx.len() <= length {
                    break;
                }
                let record: Vec<u8> = rx.drain(..=length).skip(1).collect();
                if record.starts_with(b"!") && length == 7 && rx.is_empty() {
                    continue;
                }
                log.note("record", record);
            }
        }
        log
    });
}

const TOY: Target =
    Target { seeds: &[b"\x03one\x06secret\x03two"], dictionary: &[b"\x07!"], ..Target::new("toy", toy) };

/// A directory that is there as long as this is.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("jackfield-fuzz-{}-{name}", process::id())))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What is left is the system's to clean up.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn find(seed: u64, directory: &Directory) -> Finding {
    *Runner::new(&TOY).seed(seed).save_to(&directory.0).run().expect_err("there is something to find")
}

#[test]
fn a_planted_bug_is_found_saved_and_printed() {
    let directory = Directory::new("planted");
    let finding = find(3, &directory);
    assert!(finding.message.contains("in parts of ["), "{}", finding.message);
    // Nothing is left to take away: the record, and at most something behind it that hides the loss.
    assert!((9..=10).contains(&finding.input.len()), "{:?}", finding.input);
    let saved = finding.saved.as_ref().and_then(|saved| saved.as_ref().ok()).expect("it is saved");
    assert_eq!(fs::read(saved).expect("it is there"), finding.input);
    assert!(saved.file_name().is_some_and(|name| *name == *finding.name()), "{}", saved.display());
    let test = finding.test();
    let head = format!("#[test]\nfn fuzz_{}() {{\n    toy(b\"", finding.name());
    assert!(test.starts_with(&head) && test.ends_with("\");\n}\n"), "{test}");
    assert!(test.contains("x07!"), "{test}");
    assert!(
        finding.to_string().ends_with(&test)
            && finding.to_string().contains("found with seed 3 by execution")
    );
}

#[test]
fn the_same_seed_finds_the_same() {
    let directory = Directory::new("same");
    let [one, two] = [(); 2].map(|()| find(5, &directory));
    assert_eq!((one.execution, &one.input, &one.message), (two.execution, &two.input, &two.message));
    let others: HashSet<u64> = (0..5).map(|seed| find(seed, &directory).execution).collect();
    assert!(others.len() > 1, "another seed goes another way: {others:?}");
}

/// What a run without a fault was given.
fn inputs(seed: u64, executions: u64) -> Vec<Vec<u8>> {
    thread_local! {
        static SEEN: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    }
    fn keep(data: &[u8]) {
        observe(data.len() as u64 / 8);
        SEEN.with_borrow_mut(|seen| seen.push(data.to_vec()));
    }
    let target = Target { seeds: &[b"seed"], dictionary: &[b"word"], ..Target::new("keep", keep) };
    let report = Runner::new(&target).seed(seed).executions(executions).run().expect("nothing fails");
    assert_eq!(report.executions, executions);
    SEEN.take()
}

#[test]
fn inputs_depend_on_the_seed_only() {
    let long = inputs(1, 3000);
    assert_eq!(long[0], b"seed", "seeds come first");
    assert_eq!(long[..1000], inputs(1, 1000));
    assert_ne!(long[..1000], inputs(2, 1000));
    assert!(long.iter().any(|input| input.len() > 100), "what is new is changed further");
    assert!(long.iter().all(|input| input.len() <= 4096));
}

#[test]
fn a_corpus_is_read_from_files() {
    let directory = Directory::new("corpus");
    fs::create_dir_all(&directory.0).expect("it can be made");
    fs::write(directory.0.join("one"), b"\x07!secret".repeat(30)).expect("it can be written");
    let target = Target { seeds: &[], ..TOY };
    let runner = Runner::new(&target).corpus(&directory.0).expect("it can be read");
    let finding = runner.executions(1).run().expect_err("the file has the bug");
    assert_eq!(finding.execution, 1);
    assert!(finding.saved.is_none());
    let nowhere = directory.0.join("nowhere");
    let empty = Runner::new(&target).corpus(&nowhere).expect("there is nothing to read");
    assert!(empty.executions(0).run().is_ok_and(|report| (report.executions, report.corpus) == (0, 0)));
}
