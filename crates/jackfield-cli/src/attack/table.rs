//! The results as text, Markdown and JSON.

use super::goal::{Bound, Row, Verdict};
use crate::base::machine;
use serde_json::{Value, json};
use std::fmt::Write;

/// The table for the terminal.
pub fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    let goals: Vec<String> = rows.iter().map(Row::goal).collect();
    let wide = goals.iter().map(|goal| goal.chars().count()).max().unwrap_or(0).min(GOAL_WIDTH_MAX);
    for (row, goal) in rows.iter().zip(&goals) {
        // Writing to a string cannot fail, here and below.
        let _ =
            writeln!(text, "{:<12} {goal:<wide$}  {:<6}  {}", row.attack, row.verdict().name(), row.shown(),);
    }
    let count = |verdict| rows.iter().filter(|row| row.verdict() == verdict).count();
    let [met, missed, gaps] = [Verdict::Met, Verdict::Missed, Verdict::Gap].map(count);
    let word = if gaps == 1 { "gap" } else { "gaps" };
    let _ = writeln!(text, "\n{met} met, {missed} missed, {gaps} {word}");
    text
}

/// The widest column of goals; longer goals exceed it.
const GOAL_WIDTH_MAX: usize = 60;

/// The section of a document.
pub fn markdown(rows: &[Row]) -> String {
    let mut text = String::new();
    if cfg!(debug_assertions) {
        text.push_str("**Taken with a debug build: these figures say nothing.**\n\n");
    }
    let commit = machine::commit().unwrap_or_else(|| "unknown".into());
    let _ = writeln!(text, "- Command: `{}`\n- Commit: `{commit}`\n", machine::command());
    text.push_str("| attack | what, and its goal | figure | verdict |\n| --- | --- | --- | --- |\n");
    for row in rows {
        let cells = [row.attack, &row.goal(), &row.shown(), row.verdict().name()].map(escape);
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// Every figure.
pub fn json(rows: &[Row]) -> Value {
    let (date, _) = machine::now();
    json!({
        "schema": 1,
        "command": machine::command(),
        "commit": machine::commit(),
        "date": date,
        "machine": machine::machine(),
        "rows": rows.iter().map(row).collect::<Vec<Value>>(),
    })
}

fn row(row: &Row) -> Value {
    let (at_most, at_least) = match row.bound {
        Some(Bound::AtMost(bound)) => (Some(bound), None),
        Some(Bound::AtLeast(bound)) => (None, Some(bound)),
        None => (None, None),
    };
    json!({
        "attack": row.attack,
        "what": row.what,
        "unit": row.unit.name(),
        "at_most": at_most,
        "at_least": at_least,
        "figure": row.figure.as_ref().ok(),
        "gap": row.figure.as_ref().err(),
        "detail": row.detail,
        "verdict": (row.verdict() != Verdict::None).then(|| row.verdict().name()),
    })
}

fn escape(cell: &str) -> String {
    cell.replace('|', "/")
}

#[cfg(test)]
mod tests {
    use super::super::goal::{Sheet, Unit};
    use super::*;

    #[test]
    fn each_row_has_a_line_with_its_verdict() {
        let mut sheet = Sheet::new("idle");
        sheet.at_most("memory", 256.0, Unit::Bytes, Ok(300.0)).note("a|b");
        sheet.at_most("time", 1.0, Unit::Seconds, Err("no clock".into()));
        let table = markdown(&sheet.rows);
        assert!(table.contains("| idle | memory: at most 256 B | 300 B (a/b) | missed |\n"), "{table}");
        assert!(table.contains("| idle | time: at most 1.00 s | gap: no clock | gap |\n"), "{table}");
        assert!(text(&sheet.rows).contains("0 met, 1 missed, 1 gap\n"));
        let json = json(&sheet.rows);
        assert_eq!(json["rows"][0]["figure"], 300.0);
        assert_eq!((&json["rows"][1]["figure"], &json["rows"][1]["gap"]), (&Value::Null, &"no clock".into()));
    }
}
