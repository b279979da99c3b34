//! `docs/report/index.html`: the same figures as bars and tables, in one file that begins with the result.

use super::bars::{self, Bar};
use super::board::{Board, Entry, Verdict};
use super::contender::Kind;
use super::markdown::{METHOD, cells, columns, cost_title, gap, notes, show_cost, show_ratio};
use super::origin::Origin;
use super::pace::{Pace, QUANTILES};
use jackfield_cli::report::markup;
use maud::{Markup, html};

const TITLE: &str = "Jackfield beside others";

/// The whole page.
pub(crate) fn page(boards: &[Board], origin: &Origin) -> String {
    let body = html! {
        header {
            h1 { (TITLE) }
            p.lead { (result(boards)) }
        }
        ul.tiles { @for board in boards { (tile(board)) } }
        @for board in boards {
            h2 { (board.row.title) }
            (bars(board))
            (table(board))
            @for note in notes(board) { p { (note.replace('`', "")) } }
            @for pace in &board.paces { (pace_table(board, pace)) }
        }
        h2 { "How it was measured" }
        @for paragraph in METHOD.replace(['*', '`'], "").split("\n\n") { p { (paragraph.replace('\n', " ")) } }
        (origin.markup())
    };
    markup::page(TITLE, &body)
}

/// In how many rows this server needs less than each of its peers.
fn result(boards: &[Board]) -> String {
    let count = |verdict| boards.iter().filter(|board| board.verdict() == Some(verdict)).count();
    let (less, more, undecided) = (count(Verdict::Less), count(Verdict::More), count(Verdict::Undecided));
    format!(
        "Of {} rows, Jackfield needs less than its best peer in {less}, and more in {more}. {undecided} are undecided: there the \
         spreads of the two overlap.",
        less + more + undecided
    )
}

/// The cost of this server in a row, in relation to its best peer.
fn tile(board: &Board) -> Markup {
    let (Some(ours), Some(peer)) = (board.entry(Kind::Ours), board.best_peer()) else { return html! {} };
    let Some(ratio) = ours.ratio(peer) else { return html! {} };
    let class = match board.verdict() {
        Some(Verdict::Less) => "better",
        Some(Verdict::More) => "worse",
        _ => "same",
    };
    html! {
        li {
            span.name { (board.row.title) }
            (markup::figure(&format!("{} ×", show_ratio(ratio))))
            span.about { (peer.contender.name) ", the best peer" }
            span.change.(class) { (board.verdict().map_or("", Verdict::word)) }
        }
    }
}

fn bars(board: &Board) -> Markup {
    let limit = board.entry(Kind::Limit);
    let bar = |entry: &&Entry| {
        let cost = entry.cost()?;
        let ratio = limit.and_then(|limit| entry.ratio(limit));
        let ratio = ratio.map_or_else(String::new, |ratio| format!(", {} × limit", show_ratio(ratio)));
        Some(Bar {
            name: entry.contender.name.replace(", buffer", ","),
            value: cost.median,
            least: cost.least,
            most: cost.most,
            text: format!("{}{ratio}", show_cost(board, cost.median)),
            colour: match entry.contender.kind {
                Kind::Ours => 1,
                Kind::Limit => 2,
                _ => 0,
            },
        })
    };
    bars::figure(&cost_title(board), &board.ranking().iter().filter_map(bar).collect::<Vec<Bar>>())
}

fn table(board: &Board) -> Markup {
    let columns = columns(board);
    html! {
        div.scroll {
            table {
                thead { tr { @for (number, column) in columns.iter().enumerate() { th.number[number > 0] { (column) } } } }
                tbody {
                    @for entry in board.ranking() {
                        tr.ours[entry.contender.kind == Kind::Ours] {
                            th { (entry.contender.name) }
                            @match cells(board, entry) {
                                Some(cells) => @for cell in &cells[1..] { td.number { (cell) } },
                                None => td colspan=(columns.len() - 1) { (gap(entry)) },
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The latencies at a fixed rate.
fn pace_table(board: &Board, pace: &Pace) -> Markup {
    html! {
        h3 { (pace.title()) }
        div.scroll {
            table {
                thead { tr { th { "server" } @for (name, _) in QUANTILES { th.number { (name) } } } }
                tbody {
                    @for (number, entry) in board.paced() {
                        tr.ours[entry.contender.kind == Kind::Ours] {
                            th { (entry.contender.name) }
                            @for cell in pace.cells(number) { td.number { (cell) } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::board;
    use super::*;

    #[test]
    fn the_page_begins_with_its_result_has_bars_and_names_its_gaps() {
        let origin = Origin { facts: vec![("Command", "a < b".into())], is_debug: false };
        let page = page(&[board(&[(0, &[5.0, 6.0]), (1, &[4.0, 4.0]), (2, &[5.5, 9.0]), (3, &[])])], &origin);
        assert_eq!(page.matches("<rect").count(), 6, "three servers, two widths");
        assert!(page.contains("gap: not &lt;built&gt;") && page.contains("a &lt; b"), "{page}");
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("`{text}` is missing: {page}"));
        assert!(place("Of 1 rows") < place("How it was measured"));
        place("<span class=\"change same\">undecided</span>");
        assert!(!page.contains("NaN") && page.ends_with("</html>\n"));
    }
}
