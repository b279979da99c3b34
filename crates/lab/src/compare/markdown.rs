//! The generated section of `docs/numbers.md`.

use super::board::{Board, Entry, Verdict};
use super::contender::Kind;
use super::counts::{Calls, Counts};
use super::origin::Origin;
use super::pace::{Pace, QUANTILES};
use crate::base::figure::Figure;
use jackfield_cli::base::units;
use std::fmt::Write;

/// The mark after a throughput that was limited by the load generator.
const FULL: &str = " †";

/// All tables, with their notes.
pub(crate) fn section(boards: &[Board], origin: &Origin) -> String {
    let mut text = origin.markdown();
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "\n{METHOD}");
    text.push_str(&summary(boards));
    for board in boards {
        let _ = writeln!(text, "\n### {}\n", board.row.title);
        text.push_str(&table(board));
        text.push_str(&remarks(board));
        for pace in &board.paces {
            let _ = writeln!(text, "\n{}:\n", pace.title());
            text.push_str(&pace_table(board, pace));
        }
    }
    text
}

fn pace_table(board: &Board, pace: &Pace) -> String {
    let names = QUANTILES.map(|(name, _)| name);
    let mut text = format!("| server | {} |\n| ---{} |\n", names.join(" | "), " | ---:".repeat(names.len()));
    for (number, entry) in board.paced() {
        let _ = writeln!(text, "| {} | {} |", entry.contender.name, pace.cells(number).join(" | "));
    }
    text
}

/// How it was measured, as each paragraph of the page and of the file says it.
pub(crate) const METHOD: &str = "\
Figures are medians, with the least and the most of all runs in parentheses. *CPU* is the server's processor time for one
operation, with the kernel's. *× limit* and *× best peer* are ratios of CPU, taken within each run: less is better. The
limit is a loop that only receives and sends. The *verdict* says whether ours costs less or more than the best peer; if
their spreads overlap, the row is undecided. A row about memory compares the
growth of the server's own pages between a tenth of the connections and all of them, divided by the connections; the
kernel's memory for sockets is not counted. † means that the load generator used its whole core: the server could have done
more, and only its CPU is comparable. Server and client *busy* are shares of a core. In the row about connections the client
closes the connections that the server leaves open (the limit leaves them open). In the rows about TLS all servers have the same
certificate (ECDSA on P-256) and speak TLS 1.3 with X25519 and AES-256-GCM; the limit is a bare loop around rustls. Where sessions are
resumed, a turn fails if more than 5 % of the handshakes are full ones. At a fixed rate each operation is due at a set time, and its
latency counts from then on.

*Instructions* are those of the server in user space for one operation (valgrind's cachegrind). *System calls* are all of its
calls (strace); failed calls are also given by themselves. Both are the difference of two run lengths, measured after the timed
runs on one connection; fan-out and event streams are measured on all connections, for one delivery.";

fn summary(boards: &[Board]) -> String {
    let mut text =
        "\n| | ours | × limit | × best peer | verdict | best peer | instructions | fewest of a peer | system calls |\n\
        | --- | ---: | ---: | ---: | --- | --- | ---: | ---: | ---: |\n"
            .to_owned();
    let dash = |text: Option<String>| text.unwrap_or_else(|| DASH.to_owned());
    for board in boards {
        let ours = board.entry(Kind::Ours);
        let ratio = |other: Option<&Entry>| {
            dash(ours.zip(other).and_then(|(ours, other)| ours.ratio(other)).map(show_ratio))
        };
        let best = board.best_peer();
        let fewest = board.fewest_of_a_peer();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            board.row.title,
            dash(ours.and_then(Entry::cost).map(|cost| show_cost(board, cost.median))),
            ratio(board.entry(Kind::Limit)),
            ratio(best),
            board.verdict().map_or(DASH, Verdict::word),
            best.map_or(DASH, |best| best.contender.name),
            dash(ours.and_then(Entry::instructions).map(units::count)),
            dash(fewest.map(|(peer, each)| format!("{} ({})", units::count(each), peer.contender.name))),
            dash(ours.and_then(|ours| ours.counts.as_ref()?.calls.as_ref().ok().map(Calls::show))),
        );
    }
    text
}

const DASH: &str = "–";

/// What the column of costs is called.
pub(crate) fn cost_title(board: &Board) -> String {
    if board.row.is_idle() {
        "memory for one connection".to_owned()
    } else {
        format!("CPU for one {}", board.row.unit())
    }
}

/// The names of the columns.
pub(crate) fn columns(board: &Board) -> Vec<String> {
    let rate = if board.row.is_idle() { "opened a second" } else { "throughput" };
    let cost = cost_title(board);
    let mut columns = vec!["server", rate, &*cost, "× limit", "× best peer"];
    if board.is_counted() {
        columns.extend(["instructions", "system calls"]);
    }
    columns.extend(["server busy", "client busy"]);
    columns.into_iter().map(str::to_owned).collect()
}

/// The cells of one server; `None` if nothing was measured.
pub(crate) fn cells(board: &Board, entry: &Entry) -> Option<Vec<String>> {
    let rate = entry.figure(|turn| Some(turn.rate))?;
    let full = if entry.is_client_full() && !board.row.is_idle() { FULL } else { "" };
    let per_second = |value: f64| units::count(significant(value));
    let ratio = |other: Option<&Entry>| {
        other.and_then(|other| entry.ratio(other)).map_or_else(|| DASH.to_owned(), show_ratio)
    };
    let load =
        |of: Option<Figure>| of.map_or_else(|| DASH.into(), |load| format!("{:.0} %", load.median * 100.0));
    let cost = entry.cost().map(|cost| cost.spread(|value| show_cost(board, value)));
    let mut cells = vec![
        entry.contender.name.to_owned(),
        rate.spread(|value| format!("{}/s", per_second(value))) + full,
        cost.unwrap_or_else(|| "too little to tell".into()),
        ratio(board.entry(Kind::Limit)),
        ratio(board.best_peer()),
    ];
    if board.is_counted() {
        let counts = entry.counts.as_ref();
        let shown = |count: Option<Result<String, &String>>| match count {
            Some(Ok(count)) => count,
            Some(Err(_)) => "gap: see below".to_owned(),
            None => DASH.to_owned(),
        };
        cells.push(shown(counts.map(|counts| counts.instructions.as_ref().map(|each| units::count(*each)))));
        cells.push(shown(counts.map(|counts| counts.calls.as_ref().map(Calls::show))));
    }
    cells.push(load(entry.figure(|turn| Some(turn.server_load))));
    cells.push(load(entry.figure(|turn| Some(turn.client_load))));
    Some(cells)
}

/// The reason why there is no figure, for a table.
pub(crate) fn gap(entry: &Entry) -> String {
    format!("gap: {}", entry.gap.as_deref().unwrap_or("not measured"))
}

fn table(board: &Board) -> String {
    let columns = columns(board);
    let mut text = format!("| {} |\n| ---{} |\n", columns.join(" | "), " | ---:".repeat(columns.len() - 1));
    for entry in board.ranking() {
        let line = cells(board, entry).map_or_else(
            || {
                let gap = gap(entry).replace('|', "/");
                format!("{} | {gap} |{}", entry.contender.name, " |".repeat(columns.len() - 3) + " ")
            },
            |mut cells| {
                if entry.contender.kind == Kind::Ours {
                    cells[0] = format!("**{}**", cells[0]);
                }
                cells.join(" | ") + " "
            },
        );
        let _ = writeln!(text, "| {line}|");
    }
    text
}

/// Notes about single servers of a row.
pub(crate) fn notes(board: &Board) -> Vec<String> {
    let mut notes = Vec::new();
    for entry in board.entries.iter().filter(|entry| entry.is_measured()) {
        let name = entry.contender.name;
        notes.extend(entry.contender.api(board.row).map(|api| format!("{name}: {api}.")));
        notes.extend(entry.remark.map(|remark| format!("{name}: {remark}.")));
        notes.extend(entry.counts.iter().flat_map(Counts::gaps).map(|gap| format!("{name}: {gap}.")));
        if let Some(gap) = &entry.gap {
            let failed = entry.turns.iter().filter(|turn| turn.is_none()).count();
            notes.push(format!("{name}: {failed} of {} runs failed: {gap}.", entry.turns.len()));
        }
        if entry.errors() > 0 {
            let error = entry.turns.iter().flatten().find_map(|turn| turn.error.as_deref());
            let (errors, runs) = (units::count(entry.errors() as f64), entry.turns.len());
            notes.push(format!(
                "{name}: {errors} errors in {runs} runs, such as: {}.",
                error.unwrap_or_default()
            ));
        }
    }
    let others = board.entries.iter().filter_map(|entry| entry.figure(|turn| Some(turn.others_load)));
    let most = others.map(|others| others.most).fold(0.0, f64::max);
    if most > OTHERS_MAX {
        notes.push(format!("Other processes used up to {:.0} % of a core meanwhile.", most * 100.0));
    }
    notes
}

/// An idle machine uses less of a core than this.
const OTHERS_MAX: f64 = 0.2;

fn remarks(board: &Board) -> String {
    let notes = notes(board);
    if notes.is_empty() { String::new() } else { format!("\n- {}\n", notes.join("\n- ")) }
}

/// A cost with its unit.
pub(crate) fn show_cost(board: &Board, cost: f64) -> String {
    if board.row.is_idle() { units::bytes(cost) } else { units::time(cost) }
}

pub(crate) fn show_ratio(ratio: Figure) -> String {
    format!("{:.2}", ratio.median)
}

/// Such figures have fewer than four significant digits.
fn significant(value: f64) -> f64 {
    if value < 1000.0 {
        return value.round();
    }
    let step = 10f64.powf(value.log10().floor() - 3.0);
    (value / step).round() * step
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::board;
    use super::super::turn::Turn;
    use super::*;

    #[test]
    fn each_server_has_its_line_and_a_gap_is_one_too() {
        let board = board(&[(0, &[1000.0, 1100.0, 1050.0]), (1, &[1000.0; 3]), (2, &[2000.0; 3]), (3, &[])]);
        let text = table(&board);
        let ours = "| **ours** | 952,400/s (909,100 – 1,000,000) | 1.05 µs (1.00 – 1.10) | 1.05 | 0.53 | 0 % | 0 % |\n";
        assert!(text.contains(ours), "{text}");
        assert!(text.contains("| actix | gap: not <built> | | | | | |\n"), "{text}");
        let summary = summary(&[board]);
        assert!(summary.contains("| 1.05 µs | 1.05 | 0.53 | less | hyper | – | – | – |\n"), "{summary}");
    }

    #[test]
    fn a_server_without_the_row_is_not_among_the_latencies() {
        let mut board = board(&[(0, &[1000.0]), (3, &[])]);
        let turn = Turn { latencies: [1e3; 3], latencies_are_valid: true, ..Turn::default() };
        let turns = vec![vec![Some(turn)], vec![None]];
        board.paces = vec![Pace { share: "half", rate: 1000.0, turns }];
        let text = section(&[board], &Origin { facts: Vec::new(), is_debug: false });
        assert!(
            text.contains("\n| ours | 1.00 µs | 1.00 µs | 1.00 µs |\n") && !text.contains("not valid"),
            "{text}"
        );
    }

    #[test]
    fn digits_that_say_nothing_are_left_out() {
        assert_eq!([123_456.0, 999.6, 1234.56].map(significant), [123_500.0, 1000.0, 1235.0]);
    }
}
