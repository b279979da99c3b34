//! `docs/report/index.html`: the same figures as bars and tables, in one file.

use super::board::{Board, Entry};
use super::contender::Kind;
use super::markdown::{METHOD, cells, columns, cost_title, gap, notes, show_cost, show_ratio};
use super::origin::Origin;
use crate::report::bars::{self, Bar};
use crate::report::markup::{self, escape};
use std::fmt::Write;

const TITLE: &str = "Jackfield beside others";

/// The whole page.
pub(crate) fn page(boards: &[Board], origin: &Origin) -> String {
    let mut page = markup::begin(TITLE);
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(page, "<p>{}</p>", escape(&METHOD.replace(['*', '`'], "").replace('\n', " ")));
    for board in boards {
        let _ = writeln!(page, "<h2>{}</h2>", escape(board.row.title));
        page.push_str(&plot(board));
        page.push_str(&table(board));
        for note in notes(board) {
            let _ = writeln!(page, "<p>{}</p>", escape(&note.replace('`', "")));
        }
    }
    page.push_str(&origin.html());
    page.push_str("</body>\n</html>\n");
    page
}

fn plot(board: &Board) -> String {
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
    bars::svg(&cost_title(board), &board.ranking().iter().filter_map(bar).collect::<Vec<Bar>>())
}

fn table(board: &Board) -> String {
    let mut html = "<table>\n<tr>".to_owned();
    for column in columns(board) {
        let _ = write!(html, "<th>{}</th>", escape(&column));
    }
    html.push_str("</tr>\n");
    for entry in board.ranking() {
        match cells(board, entry) {
            Some(cells) => {
                let _ = write!(html, "<tr><th>{}</th>", escape(entry.contender.name));
                for cell in &cells[1..] {
                    let _ = write!(html, "<td class=\"number\">{}</td>", escape(cell));
                }
                html.push_str("</tr>\n");
            }
            None => {
                let (name, gap) = (escape(entry.contender.name), escape(&gap(entry)));
                let _ = writeln!(
                    html,
                    "<tr><th>{name}</th><td colspan=\"{}\">{gap}</td></tr>",
                    columns(board).len() - 1
                );
            }
        }
    }
    html.push_str("</table>\n");
    html
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::board;
    use super::*;

    #[test]
    fn the_page_has_bars_and_names_its_gaps() {
        let origin = Origin { facts: vec![("Command", "a < b".into())] };
        let page = page(&[board(&[(0, &[5.0, 6.0]), (1, &[4.0, 4.0]), (2, &[])])], &origin);
        assert_eq!(page.matches("<rect").count(), 2);
        assert!(page.contains("gap: not &lt;built&gt;") && page.contains("a &lt; b"), "{page}");
        assert!(!page.contains("NaN") && page.ends_with("</html>\n"));
    }
}
