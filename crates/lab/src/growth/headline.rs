//! The result, in the sentences that the page begins with: how many times an operation's cost with many connections is its
//! cost with few.

use super::series::Series;

/// Few connections, and many.
const FEW: usize = 10;
const MANY: usize = 10_000;

/// The sentences for what was measured.
pub(crate) fn of(all: &[Series]) -> String {
    let both = |plots: [&str; 2], lines: [&str; 2]| {
        Some([times(all, plots[0], lines[0])?, times(all, plots[1], lines[1])?])
    };
    let sockets = ["connections-http", "connections-ws"];
    let sentences = [
        both(sockets, ["ours"; 2]).map(|[http, ws]| {
            format!(
                "With 10,000 connections the processor time for one HTTP request is {http} times that with 10, and for one \
                 WebSocket echo {ws} times."
            )
        }),
        both(sockets, ["limit"; 2]).map(|[http, ws]| {
            format!("In a loop that only receives and sends, it is {http} and {ws} times.")
        }),
        both(["memory-instructions"; 2], ["HTTP request", "WebSocket echo of 20 B"]).map(|[http, ws]| {
            format!("In memory, without the kernel, the instructions for one are {http} and {ws} times those with 10.")
        }),
    ];
    let said: Vec<String> = sentences.into_iter().flatten().collect();
    if said.is_empty() {
        "The plots show how the cost of one operation grows.".into()
    } else {
        said.join(" ")
    }
}

/// How many times the cost with few connections is the cost with many.
fn times(all: &[Series], plot: &str, line: &str) -> Option<String> {
    let curve = all.iter().find(|series| series.id == plot)?.lines.iter().find(|curve| curve.name == line)?;
    Some(format!("{:.1}", curve.growth(FEW, MANY)?))
}

#[cfg(test)]
mod tests {
    use super::super::series::{CONNECTIONS, Curve, Point, TIME};
    use super::*;
    use crate::base::figure::Figure;

    fn series(id: &'static str, lines: &[(&str, f64)]) -> Series {
        let point = |at, median| Point { at, figure: Ok(Figure { median, least: median, most: median }) };
        let curve = |(name, many): &(&str, f64)| Curve {
            name: (*name).to_owned(),
            points: vec![point(FEW, 4.0), point(MANY, *many)],
        };
        Series { id, title: "", across: CONNECTIONS, up: TIME, lines: lines.iter().map(curve).collect() }
    }

    #[test]
    fn the_result_is_made_of_the_figures_that_there_are() {
        let http = series("connections-http", &[("ours", 5.2), ("limit", 6.0)]);
        let mut ws = series("connections-ws", &[("ours", 4.4)]);
        assert_eq!(of(&[]), "The plots show how the cost of one operation grows.");
        let said = of(&[http, series("connections-ws", &[("ours", 4.4)])]);
        assert!(said.contains("HTTP request is 1.3 times") && said.ends_with("echo 1.1 times."), "{said}");
        ws.lines[0].points[1].figure = Err("too few descriptors".into());
        assert_eq!(times(&[ws], "connections-ws", "ours"), None, "a gap");
    }
}
