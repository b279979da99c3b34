//! The pages of reports, in Chromium, from a desktop to a phone, light and dark.

use crate::chromium::Chromium;
use crate::devtools::{Browser, Outcome};
use crate::look::{expect, look};
use crate::tool::{Run, bench, bench_until};
use std::path::Path;

/// Opens a page, and looks at it. Nothing may be on the console, and nothing may come from elsewhere.
fn check(browser: &mut Browser, name: &'static str, page: &Path) -> Outcome<()> {
    let url = format!("file://{}", page.display());
    let tab = browser.open(name, &url)?;
    look(browser, &tab, name)?;
    let (console, fetched) = (std::mem::take(&mut browser.console), std::mem::take(&mut browser.fetched));
    expect(console.is_empty(), || format!("{name}: on the console: {console:?}"))?;
    let is_own = |asked: &str| asked == url || asked.starts_with("data:") || asked.starts_with("about:");
    expect(fetched.iter().all(|(asked, _)| is_own(asked)), || format!("{name}: fetched: {fetched:?}"))?;
    browser.close(&tab)
}

#[test]
fn the_pages_of_reports_fit_each_window() {
    let Some(chromium) = Chromium::start() else {
        println!("skipped: there is no Chromium on this machine (`apt-get install chromium`)");
        return;
    };
    // With errors, and with an earlier run beside it.
    let first = bench(&["http", "--path", "/nowhere", "-c", "2", "-d", "200ms"]);
    let old = first.directory.path("result.json");
    let old = old.to_str().expect("the path is UTF-8");
    let has_plots = |run: &Run| run.code == 0 && run.page().contains("<svg");
    let second = bench_until(&["http", "-c", "2", "--compare", old], has_plots);
    let outcome = Browser::connect(&chromium.devtools).and_then(|mut browser| {
        for (name, page) in [
            ("report-errors", first.directory.path("index.html")),
            ("report-compared", second.directory.path("index.html")),
        ] {
            check(&mut browser, name, &page).map_err(|error| format!("{name}: {error}"))?;
        }
        browser.quit()
    });
    assert_eq!(outcome, Ok(()));
}
