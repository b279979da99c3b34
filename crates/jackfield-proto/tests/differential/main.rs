//! Our reader of requests against others: a strict one written from the RFCs (`strict`), hyper's server, and
//! http-parser. Each is shown hostile requests written by hand and mutants of them, and must see the same: the method,
//! target, version, fields, body and trailers of each request, where it ends, and whether another may follow. Where one
//! departs, the departure is of a class that is explained (`classes`); and ours must never take what the strict reader
//! refuses. The client's reader of responses is compared with the strict one in the same way.
//!
//! A million inputs take some minutes, and write their tables into docs/differential.md with:
//!
//! ```text
//! JACKFIELD_INPUTS=1000000 JACKFIELD_BLESS=1 cargo test -p jackfield-proto --test differential -- --nocapture
//! ```

mod cases;
mod classes;
mod client;
mod compare;
mod http_parser;
mod hyper_server;
mod mutants;
mod ours;
mod reading;
mod strict;
mod table;
mod tally;

use std::path::PathBuf;

use mutants::{Random, Seeds, mutant};
use reading::End;
use tally::Tally;

/// Inputs of a usual run.
const INPUTS: usize = 40_000;
/// The inputs of one seed are always the same.
const SEED: u64 = 1;
/// So many inputs that all classes are seen.
const INPUTS_FOR_TABLE: usize = 1_000_000;

#[test]
fn every_departure_is_explained_and_ours_is_never_the_laxer() {
    let inputs = std::env::var("JACKFIELD_INPUTS").map_or(INPUTS, |text| text.parse().expect("a number"));
    let (mut random, mut tally) = (Random::new(SEED), Tally::new());
    let (seeds, answers) = (seeds(cases::all()), seeds(cases::responses()));
    assert!(seeds.cases.len() >= 300 && seeds.sound.len() >= 50);
    seeds.cases.iter().for_each(|case| tally.take(case));
    answers.cases.iter().for_each(|case| tally.take_answer(case));
    while tally.inputs < inputs {
        tally.take(&mutant(&seeds, &mut random));
        if tally.inputs % 4 == 0 {
            tally.take_answer(&mutant(&answers, &mut random));
        }
    }
    println!("{}", table::render(&tally));
    for (what, complaint) in &tally.unexplained {
        println!("{what}\n{complaint}\n");
    }
    assert!(tally.unexplained.is_empty(), "{} departures that nothing explains", tally.unexplained.len());
    if inputs >= INPUTS_FOR_TABLE {
        assert_eq!(table::unseen(&tally), Vec::<String>::new(), "explained, and never seen");
    }
    if std::env::var_os("JACKFIELD_BLESS").is_some() {
        assert!(inputs >= INPUTS_FOR_TABLE, "the tables are of {INPUTS_FOR_TABLE} inputs");
        write_document(&table::render(&tally));
    }
}

#[test]
fn the_document_has_every_rule_and_class() {
    let document = std::fs::read_to_string(document()).expect("docs/differential.md");
    for text in table::texts() {
        assert!(
            document.contains(text),
            "not in docs/differential.md: {text}\nThe command in the test writes it."
        );
    }
}

fn seeds(cases: Vec<Vec<u8>>) -> Seeds {
    let is_refused = |end: End<_>| matches!(end, End::Refused(_));
    let is_sound = |case: &&Vec<u8>| {
        !is_refused(strict::read(case).end) || !is_refused(strict::responses::read(case, &["GET", "GET"]).end)
    };
    Seeds { sound: cases.iter().filter(is_sound).cloned().collect(), cases }
}

/// Puts the tables between the marks.
fn write_document(tables: &str) {
    let old = std::fs::read_to_string(document()).expect("docs/differential.md");
    let (before, rest) = old.split_once(BEGIN).expect("the first mark");
    let (_, behind) = rest.split_once(END).expect("the second mark");
    std::fs::write(document(), format!("{before}{BEGIN}\n\n{tables}\n{END}{behind}")).expect("to write");
}

fn document() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/differential.md")
}

const BEGIN: &str = "<!-- tables: begin -->";
const END: &str = "<!-- tables: end -->";
