//! The pages of reports, and those that are published.

use crate::tool::{Run, bench, bench_until};
use crate::windows;
use std::path::Path;

#[test]
fn the_pages_of_reports_fit_each_window() {
    // With errors, and with an earlier run beside it.
    let first = bench(&["http", "--path", "/nowhere", "-c", "2", "-d", "200ms"]);
    let old = first.directory.path("result.json");
    let old = old.to_str().expect("the path is UTF-8");
    let has_plots = |run: &Run| run.code == 0 && run.page().contains("<svg");
    let second = bench_until(&["http", "-c", "2", "--compare", old], has_plots);
    let idle = bench_until(&["idle", "-c", "2"], |run| run.code == 0);
    let events = bench_until(&["sse", "-c", "2"], has_plots);
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/report");
    windows::check(&[
        ("report-errors", first.directory.path("index.html")),
        ("report-compared", second.directory.path("index.html")),
        ("report-idle", idle.directory.path("index.html")),
        ("report-events", events.directory.path("index.html")),
        ("published-comparison", published.join("index.html")),
        ("published-growth", published.join("growth.html")),
    ]);
}
