//! Whether pages fit each window, in Chromium: from a desktop to a phone, light and dark. The tests of `lab` use this file too.

use crate::chromium::Chromium;
use crate::devtools::{Browser, Outcome};
use crate::look::{expect, look};
use std::path::PathBuf;

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
    let (console, fetched) = (std::mem::take(&mut browser.console), std::mem::take(&mut browser.fetched));
    expect(console.is_empty(), || format!("on the console: {console:?}"))?;
    let is_own = |asked: &str| asked == url || asked.starts_with("data:") || asked.starts_with("about:");
    expect(fetched.iter().all(|(asked, _)| is_own(asked)), || format!("fetched: {fetched:?}"))?;
    browser.close(&tab)
}
