//! The picture of the published comparison, for light and for dark pages, drawn from what `lab compare` measured. Only rows
//! that are decided are in it, in the order of the comparison: nobody chooses them by their result.

use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// What was measured, and where the pictures go, seen from the root of the repository.
const RESULT: &str = "docs/report/compare.json";
const FOLDER: &str = "docs/report";

/// How many rows are shown at most.
const PANELS_MAX: usize = 2;
/// Servers that are shown beside ours: the best ones.
const PEERS: usize = 5;

const WIDTH: f64 = 880.0;
const PANEL_WIDTH: f64 = 430.0;
const BAR_HEIGHT: f64 = 17.0;
const BAR_STEP: f64 = 23.0;
const NAME_WIDTH: f64 = 128.0;
const BAR_WIDTH: f64 = 220.0;
const HEAD_HEIGHT: f64 = 44.0;
/// From the top of a panel to its first bar, and below its last one.
const PANEL_HEAD: f64 = 42.0;
const PANEL_FOOT: f64 = 10.0;

/// The colours of one picture.
struct Palette {
    name: &'static str,
    background: &'static str,
    text: &'static str,
    faint: &'static str,
    ours: &'static str,
    peer: &'static str,
}

const PALETTES: [Palette; 2] = [
    Palette {
        name: "light",
        background: "#ffffff",
        text: "#1f2328",
        faint: "#59636e",
        ours: "#0a6cbd",
        peer: "#c3cad3",
    },
    Palette {
        name: "dark",
        background: "#0d1117",
        text: "#e6edf3",
        faint: "#9198a1",
        ours: "#4aa8ff",
        peer: "#3d4653",
    },
];

/// A server in a panel.
struct Bar {
    name: String,
    /// Nanoseconds or bytes, the median of all runs.
    cost: f64,
    /// The least and the most of all runs.
    spread: (f64, f64),
}

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    if !arguments.is_empty() {
        return Err("it takes no arguments".into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = fs::read_to_string(root.join(RESULT)).map_err(|error| format!("{RESULT}: {error}"))?;
    let result: Value = serde_json::from_str(&text).map_err(|error| format!("{RESULT}: {error}"))?;
    for palette in &PALETTES {
        let path = format!("{FOLDER}/comparison-{}.svg", palette.name);
        fs::write(root.join(&path), draw(&result, palette)?).map_err(|error| format!("{path}: {error}"))?;
        println!("wrote {path}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows in which the spreads of this server and its best peer do not overlap.
fn decided(result: &Value) -> Vec<&Value> {
    rows(result).filter(|row| row["verdict"] == "less" || row["verdict"] == "more").collect()
}

fn rows(result: &Value) -> impl Iterator<Item = &Value> {
    result["rows"].as_array().into_iter().flatten()
}

/// What the front page says of all rows that have a peer.
#[cfg(test)]
fn summary(result: &Value) -> String {
    let count = |verdict: &str| rows(result).filter(|row| row["verdict"] == verdict).count();
    let [less, more, undecided] = ["less", "more", "undecided"].map(count);
    format!(
        "Of {} rows {} are decided: Jackfield needs less in {less} and more in {more}; the other {undecided} are undecided. \
         The picture shows the first {} of the decided rows.",
        less + more + undecided,
        less + more,
        PANELS_MAX.min(less + more)
    )
}

fn draw(result: &Value, palette: &Palette) -> Result<String, String> {
    let rows: Vec<&Value> = decided(result).into_iter().take(PANELS_MAX).collect();
    if rows.is_empty() {
        return Err("no row is decided".into());
    }
    let panel_height = PANEL_HEAD + BAR_STEP * (PEERS + 1) as f64 + PANEL_FOOT;
    let height = HEAD_HEIGHT + rows.len().div_ceil(2) as f64 * panel_height + 26.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"system-ui, -apple-system, 'Segoe UI', sans-serif\">\n\
         <title>What one operation costs Jackfield and its best peers: less is better</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"{}\"/>\n",
        palette.background
    );
    let heading = "Processor time of the server for one operation, or its memory: less is better";
    text(&mut svg, (10.0, 24.0), heading, "font-size=\"16\" font-weight=\"600\"", palette.text);
    for (index, row) in rows.into_iter().enumerate() {
        let left = 10.0 + PANEL_WIDTH * (index % 2) as f64;
        let top = HEAD_HEIGHT + panel_height * (index / 2) as f64;
        panel(&mut svg, (left, top), row, palette)?;
    }
    let machine = result["origin"]["machine"].as_str().unwrap_or("a machine that is not known");
    let commit = result["origin"]["commit"].as_str().and_then(|commit| commit.get(..7)).unwrap_or("unknown");
    let foot = format!(
        "lab compare at {commit}, on {machine}; medians, and lines from the least to the most of all runs"
    );
    text(&mut svg, (10.0, height - 10.0), &foot, "font-size=\"11\"", palette.faint);
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// Ours, and then the best peers.
fn bars(row: &Value) -> Result<Vec<Bar>, String> {
    let servers = row["servers"].as_array().ok_or("there are no servers")?;
    let mut bars: Vec<Bar> =
        servers.iter().filter(|server| server["name"] != "limit").filter_map(bar).collect();
    bars.sort_by(|a, b| (a.name != "ours").cmp(&(b.name != "ours")).then(a.cost.total_cmp(&b.cost)));
    bars.truncate(PEERS + 1);
    match bars.first() {
        Some(first) if first.name == "ours" => Ok(bars),
        _ => Err(format!("row {} has nothing of ours", row["id"])),
    }
}

fn bar(server: &Value) -> Option<Bar> {
    let mut costs: Vec<f64> =
        server["turns"].as_array()?.iter().filter_map(|turn| turn["cost"].as_f64()).collect();
    costs.sort_by(f64::total_cmp);
    let cost = *costs.get(costs.len() / 2)?;
    let spread = (*costs.first()?, *costs.last()?);
    Some(Bar { name: server["name"].as_str()?.to_owned(), cost, spread })
}

fn panel(svg: &mut String, (left, top): (f64, f64), row: &Value, palette: &Palette) -> Result<(), String> {
    let bars = bars(row)?;
    let [title, cost] = ["title", "cost"].map(|name| row[name].as_str().unwrap_or_default());
    let (title, rest) = title.split_once([',', ':']).unwrap_or((title, cost));
    text(svg, (left, top + 14.0), title, "font-size=\"13\" font-weight=\"600\"", palette.text);
    text(svg, (left, top + 30.0), rest.trim(), "font-size=\"11\"", palette.faint);
    let show = if cost.starts_with("bytes") { bytes } else { time };
    let longest = bars.iter().map(|bar| bar.spread.1).fold(f64::MIN_POSITIVE, f64::max);
    let end_of = |cost: f64| left + NAME_WIDTH + BAR_WIDTH * cost / longest;
    for (index, bar) in bars.iter().enumerate() {
        let (y, is_ours) = (top + PANEL_HEAD + BAR_STEP * index as f64, bar.name == "ours");
        let (name, weight) =
            if is_ours { ("Jackfield", " font-weight=\"600\"") } else { (bar.name.as_str(), "") };
        let style = format!("font-size=\"12\" text-anchor=\"end\"{weight}");
        text(svg, (left + NAME_WIDTH - 8.0, y + 13.0), name, &style, palette.text);
        let (begin, fill) = (end_of(0.0), if is_ours { palette.ours } else { palette.peer });
        let _ = writeln!(
            svg,
            "<rect x=\"{begin:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\" fill=\"{fill}\"/>",
            end_of(bar.cost) - begin
        );
        let (least, most) = (end_of(bar.spread.0), end_of(bar.spread.1));
        let (middle, faint) = (y + BAR_HEIGHT / 2.0, palette.faint);
        let _ = writeln!(svg, "<path d=\"M{least:.1} {middle:.1}H{most:.1}\" stroke=\"{faint}\"/>");
        text(svg, (most + 6.0, y + 13.0), &show(bar.cost), &format!("font-size=\"12\"{weight}"), faint);
    }
    Ok(())
}

fn text(svg: &mut String, (x, y): (f64, f64), text: &str, style: &str, colour: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" {style} fill=\"{colour}\">{text}</text>");
}

fn time(nanoseconds: f64) -> String {
    if nanoseconds < 1000.0 {
        format!("{nanoseconds:.0} ns")
    } else {
        format!("{:.2} µs", nanoseconds / 1000.0)
    }
}

fn bytes(bytes: f64) -> String {
    if bytes < 1024.0 { format!("{bytes:.0} B") } else { format!("{:.1} KiB", bytes / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, costs: &[f64]) -> Value {
        let turns: Vec<Value> = costs.iter().map(|cost| serde_json::json!({ "cost": cost })).collect();
        serde_json::json!({ "name": name, "turns": turns })
    }

    fn row(id: &str, title: &str, verdict: Option<&str>, cost: &str) -> Value {
        let servers = [
            server("slow & old", &[9000.0]),
            server("limit", &[1.0]),
            server("gap", &[]),
            server("ours", &[300.0, 100.0, 200.0]),
            server("best", &[150.0]),
        ];
        serde_json::json!({ "id": id, "title": title, "verdict": verdict, "cost": cost, "servers": servers })
    }

    fn result() -> Value {
        let time = "nanoseconds of the server's processor time";
        let rows = [
            row("a", "Alone", None, time),
            row("b", "Doubtful, 64 connections", Some("undecided"), time),
            row("c", "Dear: made and closed", Some("more"), time),
            row("d", "Memory of one", Some("less"), "bytes for each connection"),
            row("e", "Cheap, 64 connections", Some("less"), time),
        ];
        serde_json::json!({ "rows": rows, "origin": { "commit": "0123456789", "machine": "two cores" } })
    }

    #[test]
    fn ours_is_first_and_the_peers_follow_by_their_cost() {
        let bars = bars(&result()["rows"][0]).unwrap();
        let seen: Vec<(&str, f64)> = bars.iter().map(|bar| (bar.name.as_str(), bar.cost)).collect();
        assert_eq!(seen, [("ours", 200.0), ("best", 150.0), ("slow & old", 9000.0)]);
        assert!(super::bars(&serde_json::json!({ "servers": [] })).is_err());
    }

    #[test]
    fn the_first_decided_rows_are_drawn_in_each_palette_and_no_others() {
        for palette in &PALETTES {
            let svg = draw(&result(), palette).unwrap();
            for text in [
                ">Dear<",
                ">made and closed<",
                ">Memory of one<",
                ">bytes for each connection<",
                "slow &amp; old",
            ] {
                assert!(svg.contains(text), "{text}: {svg}");
            }
            for text in ["Alone", "Doubtful", "Cheap"] {
                assert!(!svg.contains(text), "{text}: {svg}");
            }
            assert!(svg.contains("200 ns") && svg.contains("9.00 µs"), "{svg}");
            assert!(svg.contains("200 B") && svg.contains("8.8 KiB"), "{svg}");
            assert!(svg.contains("at 0123456, on two cores; medians"));
            let undecided = serde_json::json!({ "rows": [result()["rows"][1]] });
            assert!(draw(&undecided, palette).is_err());
        }
        assert!(
            summary(&result()).starts_with(
                "Of 4 rows 3 are decided: Jackfield needs less in 2 and more in 1; the other 1 "
            )
        );
    }

    /// After another comparison: `cargo run -p xtask -- picture`, and the sentence below the picture.
    #[test]
    fn the_published_picture_and_its_sentence_are_those_of_the_comparison() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        let result: Value = serde_json::from_str(&read(RESULT)).unwrap();
        for palette in &PALETTES {
            let path = format!("{FOLDER}/comparison-{}.svg", palette.name);
            assert!(read(&path) == draw(&result, palette).unwrap(), "{path}: `xtask picture` draws it anew");
        }
        let readme = read("README.md").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(readme.contains(&summary(&result)), "README.md does not say: {}", summary(&result));
    }
}
