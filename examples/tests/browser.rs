//! The showcase, tried as a new user would, in a real browser: Chromium, driven over its debugging protocol.
//!
//! Where there is no Chromium this says so and is skipped. With `JACKFIELD_SCREENSHOTS` in the environment, pictures
//! of the page are put into the folder that it names.

mod pages;

use crate::chromium::{Chromium, Served};
use crate::devtools::{Browser, Outcome, Tab};
use crate::look::{FAINT_TEXTS, decode_base64, expect, look};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

/// What the checks have in common: two visitors of one showcase.
struct Stage {
    browser: Browser,
    showcase: Served,
    anna: Tab,
    ben: Tab,
    screenshots: Option<PathBuf>,
}

type Check = fn(&mut Stage) -> Outcome<()>;

/// What is required of the page, in the order in which it is tried.
const CHECKS: &[(&str, Check)] = &[
    ("the first screen says what this is, and is connected", first_screen),
    ("two tabs exchange a chat line", two_tabs_chat),
    ("both visitors are counted, on whatever reactors", presence),
    ("what somebody writes is shown as text, never as HTML", text_stays_text),
    ("the charts begin full, with an axis of time, and move", charts_move),
    ("the server's own load shows in the charts, turn times included", load),
    ("the late form's answer appears", late_answer),
    ("the drop button changes the status, and what was missed arrives marked", drop_and_recover),
    ("all of it is seen at 1280 by 800", desktop_size),
    ("the page reads well in light and dark", contrast),
    ("nothing is beyond the edge at any width", widths),
    ("nothing scrolls sideways at 360 pixels", phone_width),
    ("nothing comes from outside, and nothing is missing", own_assets),
    ("its links lead to its sources and to the guide", links),
    ("nothing is on the console", silent_console),
    ("a signal ends the showcase in good order", signal),
];

#[test]
fn the_showcase_works_in_a_browser() {
    let Some(chromium) = Chromium::start() else { return };
    let showcase = Served::start("showcase", &[]);
    let mut stage = Stage::open(&chromium, showcase).unwrap_or_else(|error| panic!("the page: {error}"));
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        match check(&mut stage) {
            Ok(()) => println!("ok      {name}"),
            Err(error) => {
                println!("FAILED  {name}: {error}");
                failed.push(format!("{name}: {error}"));
            }
        }
    }
    let Stage { browser, .. } = stage;
    let quit = browser.quit();
    drop(chromium);
    assert!(failed.is_empty(), "{} of {} checks failed:\n{}", failed.len(), CHECKS.len(), failed.join("\n"));
    assert_eq!(quit, Ok(()));
}

impl Stage {
    fn open(chromium: &Chromium, showcase: Served) -> Outcome<Self> {
        let mut browser = Browser::connect(&chromium.devtools)?;
        let anna = browser.open("Anna's tab", &showcase.url)?;
        let ben = browser.open("Ben's tab", &showcase.url)?;
        for tab in [&anna, &ben] {
            browser.resize(tab, 1280, 800)?;
        }
        let screenshots = env::var_os("JACKFIELD_SCREENSHOTS").map(PathBuf::from);
        Ok(Self { browser, showcase, anna, ben, screenshots })
    }

    /// Takes a picture of Anna's tab, if pictures are asked for.
    fn picture(&mut self, name: &str) -> Outcome<()> {
        let Some(folder) = &self.screenshots else { return Ok(()) };
        let png = decode_base64(&self.browser.screenshot(&self.anna)?);
        let path = folder.join(format!("showcase-{name}.png"));
        fs::create_dir_all(folder).and_then(|()| fs::write(&path, png)).map_err(|error| error.to_string())?;
        println!("        {}", path.display());
        Ok(())
    }

    fn anna_evaluates(&mut self, expression: &str) -> Outcome<Value> {
        self.browser.evaluate(&self.anna, expression)
    }

    fn anna_waits(&mut self, expression: &str) -> Outcome<()> {
        self.browser.wait(&self.anna, expression)
    }

    fn ben_waits(&mut self, expression: &str) -> Outcome<()> {
        self.browser.wait(&self.ben, expression)
    }
}

const CONNECTED: &str = "document.querySelector('#status').dataset.state === 'connected'";

fn first_screen(stage: &mut Stage) -> Outcome<()> {
    let (anna, ben) = (stage.anna.clone(), stage.ben.clone());
    for tab in [&anna, &ben] {
        stage.browser.wait(tab, CONNECTED)?;
        stage.browser.wait(tab, "/^guest-\\d+$/.test(document.querySelector('#name').value)")?;
    }
    let seen = stage.anna_evaluates(
        "(() => { const intro = document.querySelector('header .intro p'), box = intro.getBoundingClientRect();
            return intro.textContent.includes('Rust server framework') && box.top > 0 && box.bottom < innerHeight; })()",
    )?;
    expect(seen == true, || "the sentence at the top is missing, or below the first screen".into())
}

fn two_tabs_chat(stage: &mut Stage) -> Outcome<()> {
    let Stage { browser, anna, ben, .. } = stage;
    browser.enter(anna, "#name", "Anna")?;
    browser.wait(ben, &has_line(".note", "guest-1 is now Anna"))?;
    browser.enter(ben, "#name", "Ben")?;
    browser.enter(anna, "#line", "Hello, is anybody there?")?;
    browser.wait(ben, &has_line(".said", "AnnaHello, is anybody there?"))?;
    browser.wait(anna, &has_line(".mine", "YouHello, is anybody there?"))?;
    browser.enter(ben, "#line", "Yes, in the other tab.")?;
    browser.wait(anna, &has_line(".said", "BenYes, in the other tab."))
}

fn presence(stage: &mut Stage) -> Outcome<()> {
    let both = "document.querySelector('#here').textContent === '2 here'";
    stage.anna_waits(both)?;
    stage.ben_waits(both)
}

fn text_stays_text(stage: &mut Stage) -> Outcome<()> {
    const LINE: &str = "<img src=x onerror=alert(1)> <b>bold</b> &amp; 'quotes'";
    let Stage { browser, anna, ben, .. } = stage;
    browser.enter(ben, "#line", LINE)?;
    browser.wait(anna, &has_line(".said", &format!("Ben{LINE}")))?;
    let made = browser.evaluate(anna, "document.querySelectorAll('#log img, #log span b').length")?;
    expect(made == 0, || format!("{made} elements were made of a chat line"))
}

fn charts_move(stage: &mut Stage) -> Outcome<()> {
    stage.anna_waits("document.querySelectorAll('#charts .line[d]').length === 5")?;
    // A page that is opened later begins with what was before it.
    let late = stage.browser.open("a later tab", &stage.showcase.url)?;
    stage.browser.wait(&late, "samples.length > 0 && samples.length >= samples.at(-1).at / 1000")?;
    stage.browser.close(&late)?;
    let axes =
        "[...document.querySelectorAll('.axis')].every(axis => /^\\d+ s agonow$/.test(axis.textContent))";
    stage.anna_waits(axes)?;
    let shapes = "[...document.querySelectorAll('#charts .line')].map(line => line.getAttribute('d'))";
    let before = stage.anna_evaluates(shapes)?;
    stage.anna_waits(&format!("{shapes}.every((shape, figure) => shape !== {before}[figure])"))?;
    let connections = "document.querySelector('[data-figure=connections] b').textContent";
    let connections = stage.anna_evaluates(&format!("Number({connections})"))?;
    expect(connections.as_u64() >= Some(4), || format!("two tabs have only {connections} connections"))
}

fn load(stage: &mut Stage) -> Outcome<()> {
    let level = |level: u32| format!("document.querySelector('#load input[value=\"{level}\"]')");
    let Stage { browser, anna, ben, .. } = stage;
    browser.wait(anna, &format!("{}.checked", level(4000)))?;
    browser.wait(anna, "samples.at(-1).messages > 0 && samples.at(-1).p50 <= samples.at(-1).p99")?;
    let turns = "document.querySelector('[data-figure=turn]').textContent";
    browser.wait(anna, &format!("/[\\d.]+ · [\\d.,]+ ms/.test({turns})"))?;
    // What one visitor chooses shows for the other.
    browser.evaluate(anna, &format!("{}.click()", level(0)))?;
    browser.wait(ben, &format!("{}.checked", level(0)))?;
    browser.wait(ben, "samples.at(-1).messages < 100")?;
    browser.evaluate(anna, &format!("{}.click()", level(4000)))?;
    // How many of them a busy machine manages does not matter here.
    browser.wait(ben, &format!("{}.checked && samples.at(-1).messages > 100", level(4000)))
}

fn late_answer(stage: &mut Stage) -> Outcome<()> {
    let Stage { browser, anna, .. } = stage;
    browser.note_states(anna, "#answer")?;
    browser.enter(anna, "#text", "stressed")?;
    browser.wait(anna, "statesSeen.includes('waiting')")?;
    browser.wait(
        anna,
        "document.querySelector('#answer').textContent.endsWith('8 characters; backwards: desserts')",
    )
}

/// A page that has lost its connection shows as ever when it will try again, and then does not: so the test has all the time
/// that it needs until it lets the page come back.
const STAY_AWAY: &str = "window.later = reconnectLater;
    reconnectLater = () => { later(); clearTimeout(retry); }; 0";
const COME_BACK: &str = "reconnectLater = later; connect(); 0";

fn drop_and_recover(stage: &mut Stage) -> Outcome<()> {
    let Stage { browser, anna, ben, .. } = stage;
    // The first pause is short, so the page itself takes down what its pill says.
    browser.evaluate(
        anna,
        "window.seen = []; new MutationObserver(() => seen.push(document.querySelector('#status').textContent))
            .observe(document.querySelector('#status'), { subtree: true, childList: true, attributes: true }); 0",
    )?;
    browser.evaluate(anna, STAY_AWAY)?;
    browser.click(anna, "#drop")?;
    browser.wait(anna, "seen.some(text => /^Reconnecting in \\d\\.\\d s$/.test(text))")?;
    browser.wait(anna, "document.querySelector('#charts').dataset.stale === 'true'")?;
    let last = browser.evaluate(anna, "samples.at(-1).at")?;
    browser.enter(ben, "#line", "Are you still there?")?;
    browser.wait(ben, &has_line(".mine", "YouAre you still there?"))?;
    browser.wait(ben, &format!("samples.at(-1).at > {last}"))?;
    browser.evaluate(anna, COME_BACK)?;
    browser.wait(anna, CONNECTED)?;
    browser.wait(anna, &has_line(".said.missed", "BenmissedAre you still there?"))?;
    browser.wait(anna, "document.querySelector('#charts').dataset.stale === 'false'")?;
    browser.wait(anna, "samples.some(sample => sample.isMissed) && !samples.at(-1).isMissed")?;
    browser.enter(anna, "#line", "Here I am again.")?;
    browser.wait(ben, &has_line(".said", "AnnaHere I am again."))?;
    // Who comes back soon has not been away for the others, and is not told its own name again.
    let notes = "[...document.querySelectorAll('#log .note')].map(note => note.textContent)";
    let of_anna =
        browser.evaluate(ben, &format!("{notes}.filter(note => /^Anna (left|came in)$/.test(note))"))?;
    let own = browser.evaluate(anna, &format!("{notes}.filter(note => note === 'You are Anna').length"))?;
    let twice = browser.evaluate(anna, "document.querySelectorAll('#log .missed').length")?;
    expect(of_anna == Value::Array(Vec::new()) && own.as_u64() <= Some(1) && twice == 1, || {
        format!("the chat is flooded: {of_anna}, {own}, {twice}")
    })
}

fn desktop_size(stage: &mut Stage) -> Outcome<()> {
    stage.anna_waits("innerWidth === 1280 && innerHeight === 800")?;
    let height = stage.anna_evaluates("document.documentElement.scrollHeight")?;
    expect(height.as_u64() <= Some(800), || format!("the page is {height} pixels high"))
}

fn contrast(stage: &mut Stage) -> Outcome<()> {
    let mut backgrounds = Vec::new();
    for scheme in ["light", "dark"] {
        stage.browser.prefer(&stage.anna, scheme)?;
        // Buttons that are disabled only for a moment would be left out.
        stage.anna_waits("document.querySelector(':disabled') === null")?;
        let faint = stage.anna_evaluates(FAINT_TEXTS)?;
        expect(faint == Value::Array(Vec::new()), || format!("{scheme}: too faint: {faint}"))?;
        backgrounds.push(stage.anna_evaluates("getComputedStyle(document.body).backgroundColor")?);
        stage.picture(scheme)?;
    }
    stage.browser.prefer(&stage.anna, "light")?;
    expect(backgrounds[0] != backgrounds[1], || format!("light and dark are both {}", backgrounds[0]))
}

fn widths(stage: &mut Stage) -> Outcome<()> {
    look(&mut stage.browser, &stage.anna, "showcase")?;
    stage.browser.prefer(&stage.anna, "light")?;
    stage.browser.resize(&stage.anna, 1280, 800)
}

fn phone_width(stage: &mut Stage) -> Outcome<()> {
    let Stage { browser, anna, ben, .. } = stage;
    browser.resize(anna, 360, 740)?;
    browser.wait(anna, "innerWidth === 360")?;
    // The longest name and the longest line, without a place to break them.
    browser.enter(ben, "#name", &"W".repeat(24))?;
    browser.enter(ben, "#line", &"W".repeat(500))?;
    browser.wait(anna, "document.querySelector('#log').lastChild.textContent.length === 524")?;
    browser.enter(anna, "#text", &"M".repeat(500))?;
    browser.wait(anna, "document.querySelector('#answer').textContent.length > 500")?;
    let wide = browser.evaluate(
        anna,
        "[...document.querySelectorAll('body, body *:not(.unseen)')]
            .filter(e => e.getBoundingClientRect().right > 360.5 || e.matches('#log') && e.scrollWidth > e.clientWidth)
            .map(e => e.tagName + '#' + e.id + '.' + e.className)",
    )?;
    let width = browser.evaluate(anna, "document.documentElement.scrollWidth")?;
    browser.enter(anna, "#text", "drawer")?;
    browser.wait(anna, "document.querySelector('#answer').textContent.endsWith('reward')")?;
    browser.enter(ben, "#name", "Ben")?;
    browser.enter(ben, "#line", "And now from the train, on a small screen.")?;
    browser.wait(anna, &has_line(".said", "BenAnd now from the train, on a small screen."))?;
    browser.evaluate(anna, "scrollTo(0, 0)")?;
    stage.anna_evaluates("document.activeElement.blur()")?;
    stage.picture("phone")?;
    stage.browser.prefer(&stage.anna, "dark")?;
    stage.picture("phone-dark")?;
    stage.browser.prefer(&stage.anna, "light")?;
    stage.browser.resize(&stage.anna, 820, 1180)?;
    stage.picture("tablet")?;
    stage.browser.resize(&stage.anna, 1280, 800)?;
    expect(width == 360 && wide == Value::Array(Vec::new()), || {
        format!("the page is {width} pixels wide; beyond the edge: {wide}")
    })
}

fn own_assets(stage: &mut Stage) -> Outcome<()> {
    let Stage { browser, showcase, .. } = stage;
    let from_page = |url: &str| !url.starts_with("data:") && !url.starts_with("about:");
    let outside: Vec<_> = browser
        .fetched
        .iter()
        .filter(|(url, status)| from_page(url) && (!url.starts_with(&showcase.url) || *status >= 400))
        .collect();
    expect(outside.is_empty(), || format!("fetched: {outside:?}"))?;
    let is_there = |name: &str| {
        let url = format!("{}{name}", showcase.url);
        browser.fetched.iter().any(|(fetched, status)| *fetched == url && *status == 200)
    };
    let missing: Vec<_> =
        ["", "page.css", "page.js", "favicon.svg"].into_iter().filter(|name| !is_there(name)).collect();
    expect(missing.is_empty(), || format!("not fetched: {missing:?}"))
}

fn links(stage: &mut Stage) -> Outcome<()> {
    let texts = "(async () => {
        const links = [...document.querySelectorAll('header a')].map(link => link.href);
        const texts = await Promise.all(links.map(async link => (await fetch(link)).text()));
        return links.map((link, number) => `${link.slice(link.lastIndexOf('/') + 1)} ${texts[number].slice(0, 12)}`).join('\\n');
    })()";
    let texts = stage.anna_evaluates(texts)?;
    let expected = [
        "showcase.rs //! The show",
        "figures.rs //! ",
        "load.rs //! ",
        "addresses.rs //! ",
        "page.js \"use strict\"",
        "guide.md # First ser",
    ];
    let lines: Vec<&str> = texts.as_str().unwrap_or_default().lines().collect();
    let is_right = lines.len() == expected.len()
        && lines.iter().zip(expected).all(|(line, begin)| line.starts_with(begin));
    expect(is_right, || format!("{lines:?}"))
}

fn silent_console(stage: &mut Stage) -> Outcome<()> {
    let console = &stage.browser.console;
    expect(console.is_empty(), || format!("{} entries:\n{}", console.len(), console.join("\n")))
}

/// This comes last: a page whose server is gone has something on its console.
fn signal(stage: &mut Stage) -> Outcome<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let id = stage.showcase.process.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status().map_err(|error| error.to_string())?;
    expect(sent.success(), || format!("the signal was not sent: {sent}"))?;
    let status = stage.showcase.process.ends()?;
    expect(status.success(), || format!("the showcase ended with {status}"))?;
    stage.browser.wait(&stage.anna, "document.querySelector('#status').dataset.state === 'offline'")?;
    stage.picture("offline")
}

/// An expression: whether the chat has such a line.
fn has_line(selector: &str, text: &str) -> String {
    let text = Value::from(text);
    format!("[...document.querySelectorAll('#log {selector}')].some(line => line.textContent === {text})")
}
