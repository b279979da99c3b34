//! The picture of the published comparison, for light and for dark pages, drawn from what `lab compare` measured.

use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// What was measured, and where the pictures go, seen from the root of the repository.
const RESULT: &str = "docs/report/compare.json";
const FOLDER: &str = "docs/report";

/// The rows that are shown, each with its title.
const PANELS: [(&str, &str); 4] = [
    ("http-browser", "HTTP, requests as a browser sends them"),
    ("ws-16", "WebSocket, 16 echoes of 20 bytes in flight"),
    ("fanout", "WebSocket, one message to many"),
    ("sse-16", "Event streams, 16 events to each of 100"),
];
/// Servers that are shown beside ours: the best ones.
const PEERS: usize = 5;

const WIDTH: f64 = 880.0;
const PANEL_WIDTH: f64 = 430.0;
const BAR_HEIGHT: f64 = 17.0;
const BAR_STEP: f64 = 23.0;
const NAME_WIDTH: f64 = 128.0;
const BAR_WIDTH: f64 = 220.0;
const HEAD_HEIGHT: f64 = 44.0;

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
    /// Nanoseconds, the median of all runs.
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

fn draw(result: &Value, palette: &Palette) -> Result<String, String> {
    let panel_height = 34.0 + BAR_STEP * (PEERS + 1) as f64;
    let height = HEAD_HEIGHT + 2.0 * panel_height + 26.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"system-ui, -apple-system, 'Segoe UI', sans-serif\">\n\
         <title>Processor time of one operation, for Jackfield and its best peers: less is better</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"{}\"/>\n",
        palette.background
    );
    let heading = "Processor time of the server for one operation: less is better";
    text(&mut svg, (10.0, 24.0), heading, "font-size=\"16\" font-weight=\"600\"", palette.text);
    for (index, (id, title)) in PANELS.iter().enumerate() {
        let left = 10.0 + PANEL_WIDTH * (index % 2) as f64;
        let top = HEAD_HEIGHT + panel_height * (index / 2) as f64;
        panel(&mut svg, (left, top), title, &bars(result, id)?, palette);
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
fn bars(result: &Value, id: &str) -> Result<Vec<Bar>, String> {
    let rows = result["rows"].as_array().ok_or("there are no rows")?;
    let row = rows.iter().find(|row| row["id"] == id).ok_or_else(|| format!("there is no row `{id}`"))?;
    let servers = row["servers"].as_array().ok_or("there are no servers")?;
    let mut bars: Vec<Bar> =
        servers.iter().filter(|server| server["name"] != "limit").filter_map(bar).collect();
    bars.sort_by(|a, b| (a.name != "ours").cmp(&(b.name != "ours")).then(a.cost.total_cmp(&b.cost)));
    bars.truncate(PEERS + 1);
    match bars.first() {
        Some(first) if first.name == "ours" => Ok(bars),
        _ => Err(format!("row `{id}` has nothing of ours")),
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

fn panel(svg: &mut String, (left, top): (f64, f64), title: &str, bars: &[Bar], palette: &Palette) {
    text(svg, (left, top + 14.0), title, "font-size=\"13\" font-weight=\"600\"", palette.text);
    let longest = bars.iter().map(|bar| bar.spread.1).fold(f64::MIN_POSITIVE, f64::max);
    let end_of = |cost: f64| left + NAME_WIDTH + BAR_WIDTH * cost / longest;
    for (index, bar) in bars.iter().enumerate() {
        let (y, is_ours) = (top + 26.0 + BAR_STEP * index as f64, bar.name == "ours");
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
        text(svg, (most + 6.0, y + 13.0), &time(bar.cost), &format!("font-size=\"12\"{weight}"), faint);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, costs: &[f64]) -> Value {
        let turns: Vec<Value> = costs.iter().map(|cost| serde_json::json!({ "cost": cost })).collect();
        serde_json::json!({ "name": name, "turns": turns })
    }

    fn result() -> Value {
        let servers = [
            server("slow & old", &[9000.0]),
            server("limit", &[1.0]),
            server("gap", &[]),
            server("ours", &[300.0, 100.0, 200.0]),
            server("best", &[150.0]),
        ];
        let rows: Vec<Value> =
            PANELS.iter().map(|(id, _)| serde_json::json!({ "id": id, "servers": servers })).collect();
        serde_json::json!({ "rows": rows, "origin": { "commit": "0123456789", "machine": "two cores" } })
    }

    #[test]
    fn ours_is_first_and_the_peers_follow_by_their_cost() {
        let bars = bars(&result(), "ws-16").unwrap();
        let seen: Vec<(&str, f64)> = bars.iter().map(|bar| (bar.name.as_str(), bar.cost)).collect();
        assert_eq!(seen, [("ours", 200.0), ("best", 150.0), ("slow & old", 9000.0)]);
        assert!(super::bars(&result(), "none").is_err());
    }

    #[test]
    fn each_panel_is_drawn_in_each_palette() {
        for palette in &PALETTES {
            let svg = draw(&result(), palette).unwrap();
            for (_, title) in PANELS {
                assert!(svg.contains(title), "{title}");
            }
            assert!(svg.contains("slow &amp; old") && svg.contains("200 ns") && svg.contains("9.00 µs"));
            assert!(svg.contains("at 0123456, on two cores; medians"));
        }
    }
}
