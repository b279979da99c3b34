//! Whether pages fit each window, in Chromium: from a desktop to a phone, light and dark. The tests of `lab` use this file too.

use crate::chromium::Chromium;
use crate::devtools::{Browser, Outcome, Tab};
use crate::look::{BEYOND, FAINT_TEXTS, expect, look};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The width of an A4 page within its margins, in pixels of a browser.
const PAPER_WIDTH: u32 = 700;

/// Opens each page and looks at it. Nothing may be on the console, and nothing may come from elsewhere.
#[track_caller]
pub(crate) fn check(pages: &[(&'static str, PathBuf)]) {
    let Some(chromium) = Chromium::start() else { return };
    let outcome = Browser::connect(&chromium.devtools).and_then(|mut browser| {
        for (name, page) in pages {
            let page = page.canonicalize().map_err(|error| format!("{name}: {error}"))?;
            let url = format!("file://{}", page.display());
            check_page(&mut browser, name, &url).map_err(|error| format!("{name}: {error}"))?;
        }
        browser.quit()
    });
    assert_eq!(outcome, Ok(()));
}

fn check_page(browser: &mut Browser, name: &'static str, url: &str) -> Outcome<()> {
    let tab = browser.open(name, url)?;
    look(browser, &tab, name)?;
    print(browser, &tab).map_err(|error| format!("in print: {error}"))?;
    let (console, fetched) = (std::mem::take(&mut browser.console), std::mem::take(&mut browser.fetched));
    expect(console.is_empty(), || format!("on the console: {console:?}"))?;
    let is_own = |asked: &str| asked == url || asked.starts_with("data:") || asked.starts_with("about:");
    expect(fetched.iter().all(|(asked, _)| is_own(asked)), || format!("fetched: {fetched:?}"))?;
    browser.close(&tab)
}

/// On paper nothing scrolls, and it is white, whatever the reader prefers on the screen.
fn print(browser: &mut Browser, tab: &Tab) -> Outcome<()> {
    browser.resize(tab, PAPER_WIDTH, 1000)?;
    browser.wait(tab, &format!("innerWidth === {PAPER_WIDTH}"))?;
    for scheme in ["light", "dark"] {
        let features = [json!({ "name": "prefers-color-scheme", "value": scheme })];
        browser.command(
            tab,
            "Emulation.setEmulatedMedia",
            json!({ "media": "print", "features": features }),
        )?;
        browser.wait(tab, "matchMedia('print').matches")?;
        for wrong in [BEYOND, FAINT_TEXTS] {
            let found = browser.evaluate(tab, wrong)?;
            expect(found == Value::Array(Vec::new()), || format!("{scheme}: {found}"))?;
        }
        let paper = browser.evaluate(tab, "getComputedStyle(document.body).backgroundColor")?;
        expect(paper == "rgb(255, 255, 255)", || format!("{scheme}: the paper is {paper}"))?;
    }
    browser.command(tab, "Emulation.setEmulatedMedia", json!({ "media": "", "features": [] })).map(drop)
}
