//! The tables of docs/differential.md.

use std::fmt::Write;

use crate::classes::{CLASSES, Reader};
use crate::strict::{Force, RULES, Rule};
use crate::tally::{Row, Tally};

/// All tables, with a line about the inputs.
pub(crate) fn render(tally: &Tally) -> String {
    let mut out = String::new();
    let [ours, hyper, http_parser, client] = tally.alike.map(grouped);
    let _ = writeln!(
        out,
        "{} inputs, in which the strict reader sees {} whole requests. Read just as the strict reader does: {ours} by \
         ours,\n{hyper} by hyper, {http_parser} by http-parser.\n\n{} inputs of responses: {client} read alike by our client.\n",
        grouped(tally.inputs),
        grouped(tally.requests),
        grouped(tally.answers),
    );
    rules(&mut out, tally);
    classes(&mut out, tally);
    odd(&mut out, &tally.odd);
    out
}

fn rules(out: &mut String, tally: &Tally) {
    out.push_str("### Taken, though the strict reader refuses it\n\n");
    out.push_str("| what | RFC | it | ours | hyper | http-parser | our client | for example |\n");
    out.push_str("| --- | --- | --- | ---: | ---: | ---: | ---: | --- |\n");
    for (rule, force, source, what) in RULES {
        let row = tally.lax.get(&rule);
        let counts = row.map_or([0; 4], |row| row.counts).map(grouped).join(" | ");
        let _ = writeln!(
            out,
            "| {what} | {source} | {} | {counts} | {} |",
            force_of(force),
            example(row.and_then(|row| row.example.as_deref())),
        );
    }
    out.push('\n');
}

fn force_of(force: Force) -> &'static str {
    match force {
        Force::Must => "must be refused",
        Force::Should => "is not the grammar",
        Force::May => "may be refused",
    }
}

fn classes(out: &mut String, tally: &Tally) {
    out.push_str("### Refused, or read differently, though the strict reader takes it\n\n");
    out.push_str(
        "| reader | class | RFC | why | inputs | for example |\n| --- | --- | --- | --- | ---: | --- |\n",
    );
    for (place, class) in CLASSES.iter().enumerate() {
        let row = tally.classes.get(&place);
        let count = row.map_or(0, |row| row.counts[class.reader as usize]);
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            class.reader.name(),
            class.name,
            class.source,
            class.why,
            grouped(count),
            example(row.and_then(|row| row.example.as_deref())),
        );
    }
    out.push('\n');
}

fn odd(out: &mut String, row: &Row) {
    out.push_str("### Taken with an objection\n\n");
    out.push_str("| what | RFC | ours | hyper | http-parser | for example |\n");
    out.push_str("| --- | --- | ---: | ---: | ---: | --- |\n");
    let counts = row.counts.map(grouped)[..3].join(" | ");
    let _ = writeln!(
        out,
        "| visible ASCII out of place in a path or query, such as `^` or a percent sign alone | 9112, 3.2 | {counts} | {} |",
        example(row.example.as_deref())
    );
}

/// What the tables must have in any case, whatever the counts: one line for each rule and class.
pub(crate) fn texts() -> impl Iterator<Item = &'static str> {
    let rules = RULES.iter().map(|(_, _, _, what)| *what);
    rules.chain(CLASSES.iter().flat_map(|class| [class.name, class.why]))
}

/// The rules and classes that the inputs have not shown: explanations of nothing.
pub(crate) fn unseen(tally: &Tally) -> Vec<String> {
    let classes = CLASSES.iter().enumerate().filter(|(place, _)| !tally.classes.contains_key(place));
    let classes = classes.map(|(_, class)| format!("{}: {}", class.reader.name(), class.name));
    let count =
        |reader: Reader, rule: Rule| tally.lax.get(&rule).map_or(0, |row| row.counts[reader as usize]);
    let pairs = Reader::ALL.iter().flat_map(|reader| RULES.iter().map(|(rule, ..)| (*reader, *rule)));
    let pairs = pairs.filter(|(reader, rule)| reader.is_known_to_take(*rule) && count(*reader, *rule) == 0);
    classes.chain(pairs.map(|(reader, rule)| format!("{} takes {rule:?}", reader.name()))).collect()
}

/// An input as a cell of a table, cut if it is long.
fn example(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return String::from("-") };
    let shown = &bytes[..bytes.len().min(EXAMPLE_BYTES_MAX)];
    let more = if shown.len() < bytes.len() { " ..." } else { "" };
    // A bar would end the cell, and a grave accent the code.
    let text = shown.escape_ascii().to_string().replace('|', "\\x7c").replace('`', "\\x60");
    format!("`{text}`{more}")
}

/// 1048576 as 1,048,576.
fn grouped(value: usize) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

const EXAMPLE_BYTES_MAX: usize = 120;
