//! The pages of the other examples, in Chromium.

use super::devtools::{Browser, Outcome, Tab};
use super::process::{Chromium, Served};
use super::{FAINT_TEXTS, decode_base64, expect};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

#[test]
fn the_ticker_shows_what_waits_for_slow_clients() {
    check(|browser| {
        let ticker = Served::start("ticker", &[]);
        let tab = browser.open("ticker", &ticker.url)?;
        browser.wait(&tab, "document.querySelectorAll('#prices li').length === 20")?;
        let gauges = "[...document.querySelectorAll('#gauges > div')].map(gauge => gauge.textContent)";
        browser.wait(&tab, &format!("{gauges}.some(text => text.startsWith('A page as this'))"))?;
        // What the systems between can take lies there, and now prices are replaced in the server.
        let replaced =
            format!("{gauges}.filter(text => /^A slow client.* [1-9][\\d,]* replaced$/.test(text))");
        browser.wait(&tab, &format!("{replaced}.length === 2"))?;
        look(browser, &tab, "ticker")
    });
}

#[test]
fn the_dashboard_resumes_and_shows_a_gap_after_a_restart() {
    check(|browser| {
        let mut dashboard = Served::start("dashboard", &[]);
        let tab = browser.open("dashboard", &dashboard.url)?;
        let bands = |class: &str| format!("document.querySelectorAll('path.{class}[d^=M]').length === 3");
        browser.wait(&tab, &format!("samples.length > 4 && {}", bands("line")))?;
        browser.click(&tab, "#lose")?;
        browser.wait(&tab, "document.querySelector('#state').dataset.state === 'offline'")?;
        browser.wait(&tab, "document.querySelector('#state').dataset.state === 'connected'")?;
        browser.wait(&tab, &bands("missed"))?;
        let whole = "samples.every((sample, n) => n === 0 || !sample.isGap)";
        expect(browser.evaluate(&tab, whole)? == true, || "there is a gap".into())?;
        let (addr, id) = (dashboard.addr.clone(), dashboard.process.id().to_string());
        let sent = Command::new("kill").args(["-TERM", &id]).status().map_err(|error| error.to_string())?;
        expect(sent.success() && dashboard.process.ends()?.success(), || "it did not end".into())?;
        browser.wait(&tab, "document.querySelector('#state').dataset.state === 'offline'")?;
        let _dashboard = Served::start_at("dashboard", &addr, &[]);
        browser.wait(&tab, &bands("gap"))?;
        browser.wait(
            &tab,
            "document.querySelector('#told').textContent.startsWith('The server was started anew')",
        )?;
        browser.wait(&tab, "samples.filter(sample => sample.isGap).length === 1 && !samples.at(-1).isGap")?;
        // What Chromium says of the server that was away.
        browser.console.clear();
        look(browser, &tab, "dashboard")
    });
}

#[test]
fn a_client_of_the_cluster_moves_and_misses_nothing() {
    if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: there is no redis-server on this machine");
        return;
    }
    check(|browser| {
        let cluster = Served::start("cluster", &["--second", "127.0.0.1:0"]);
        let tab = browser.open("cluster", &cluster.url)?;
        let figure = |id: &str| format!("Number(document.querySelector('#{id}').textContent)");
        browser.wait(&tab, &format!("{} >= 3 && {} > 100", figure("moves"), figure("received")))?;
        for reader in ["a", "b", "mover"] {
            let shows = |by: &str| format!("document.querySelector('#{reader}-news .by-{by}') !== null");
            // Who moves has news of both servers in its list.
            let expected = if reader == "mover" { shows("a") + " && " + &shows("b") } else { shows(reader) };
            browser.wait(&tab, &expected)?;
        }
        let wrong = format!("{} + {}", figure("missed"), figure("doubled"));
        let wrong = browser.evaluate(&tab, &wrong)?;
        expect(wrong == 0, || format!("{wrong} were missed or came twice"))?;
        look(browser, &tab, "cluster")
    });
}

/// Opens a browser, if there is one.
#[track_caller]
fn check(check: impl FnOnce(&mut Browser) -> Outcome<()>) {
    let Some(chromium) = Chromium::start() else {
        println!("skipped: there is no Chromium on this machine (`apt-get install chromium`)");
        return;
    };
    let outcome = Browser::connect(&chromium.devtools).and_then(|mut browser| {
        check(&mut browser)?;
        let console = std::mem::take(&mut browser.console);
        browser.quit()?;
        expect(console.is_empty(), || format!("on the console: {console:?}"))
    });
    assert_eq!(outcome, Ok(()));
}

/// The page reads well in light and dark, and nothing is beyond the edge of a phone.
fn look(browser: &mut Browser, tab: &Tab, name: &str) -> Outcome<()> {
    const BEYOND: &str = "[...document.querySelectorAll('body, body *')]
        .filter(e => e.getBoundingClientRect().right > innerWidth + .5).map(e => e.tagName + '#' + e.id)";
    for (width, height) in [(1280, 800), (360, 740)] {
        browser.resize(tab, width, height)?;
        browser.wait(tab, &format!("innerWidth === {width}"))?;
        let beyond = browser.evaluate(tab, BEYOND)?;
        expect(beyond == Value::Array(Vec::new()), || format!("{width}: beyond the edge: {beyond}"))?;
        for scheme in ["light", "dark"] {
            browser.prefer(tab, scheme)?;
            // Buttons that are disabled only for a moment would be left out.
            browser.wait(tab, "document.querySelector(':disabled') === null")?;
            let faint = browser.evaluate(tab, FAINT_TEXTS)?;
            expect(faint == Value::Array(Vec::new()), || format!("{scheme}: too faint: {faint}"))?;
            if let Some(folder) = env::var_os("JACKFIELD_SCREENSHOTS") {
                let path = Path::new(&folder).join(format!("{name}-{width}-{scheme}.png"));
                let png = decode_base64(&browser.screenshot(tab)?);
                fs::write(&path, png).map_err(|error| error.to_string())?;
            }
        }
    }
    Ok(())
}
