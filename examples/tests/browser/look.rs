//! How a page looks, at the width of a desktop, of a tablet and of a phone, light and dark.

use super::devtools::{Browser, Outcome, Tab};
use serde_json::Value;
use std::path::Path;
use std::{env, fs};

/// Width and height of the windows.
const SIZES: [(u32, u32); 3] = [(1280, 800), (768, 1024), (360, 740)];

/// What is beyond the edge of the window, labels that their drawing cuts off, and frames that are too narrow for what is in them.
/// What scrolls by itself, such as a wide table, may be wider inside.
pub(crate) const BEYOND: &str = "(() => {
    const scrolls = (e) => e && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
    const right = (e) => e.getBoundingClientRect().right;
    const isBeyond = (e) => right(e) > innerWidth + .5 && !scrolls(e.parentElement);
    const isCut = (e) => e.matches('svg text') && right(e) > right(e.ownerSVGElement) + 1;
    const isFrame = (e) => parseFloat(getComputedStyle(e).borderRightWidth) > 0 && e.clientWidth > 0 && !scrolls(e);
    const isTooNarrow = (e) => isFrame(e) && e.scrollWidth > e.clientWidth + 1;
    return [...document.querySelectorAll('body, body *')].filter(e => isBeyond(e) || isCut(e) || isTooNarrow(e))
        .map(e => `${e.tagName}#${e.id} ${e.textContent.slice(0, 60)}`);
})()";

/// Every text must stand out from what is behind it as WCAG 2.2 wants it (level AA: 4.5).
pub(crate) const FAINT_TEXTS: &str = "(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
        .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
    const behind = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const color = rgba(getComputedStyle(e).backgroundColor);
            if (color[3] === 255) return color;
        }
        return [255, 255, 255];
    };
    const faint = [];
    for (const element of document.querySelectorAll('body *')) {
        const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim() !== '');
        if (!(own || element.matches('input')) || element.matches(':disabled, .unseen')) continue;
        const a = light(rgba(getComputedStyle(element).color)), b = light(behind(element));
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < 4.5) faint.push(`${element.tagName} \"${element.textContent.trim()}\": ${ratio.toFixed(2)}`);
    }
    return faint;
})()";

/// The page reads well in light and dark, and nothing is beyond the edge of the window. With `JACKFIELD_SCREENSHOTS` in the
/// environment, pictures go into the folder that it names.
pub(crate) fn look(browser: &mut Browser, tab: &Tab, name: &str) -> Outcome<()> {
    for (width, height) in SIZES {
        browser.resize(tab, width, height)?;
        browser.wait(tab, &format!("innerWidth === {width}"))?;
        let beyond = browser.evaluate(tab, BEYOND)?;
        expect(beyond == Value::Array(Vec::new()), || format!("{width}: beyond the edge: {beyond}"))?;
        let wide = browser.evaluate(tab, "document.documentElement.scrollWidth")?;
        expect(wide.as_u64() <= Some(width.into()), || format!("{width}: the page is {wide} wide"))?;
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

pub(crate) fn expect(is_true: bool, otherwise: impl FnOnce() -> String) -> Outcome<()> {
    if is_true { Ok(()) } else { Err(otherwise()) }
}

/// Four characters are three bytes. The browser's own output has nothing in it that would have to be refused.
pub(crate) fn decode_base64(text: &str) -> Vec<u8> {
    let value = |character: u8| match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let digits: Vec<u8> = text.bytes().filter(|character| *character != b'=').map(value).collect();
    for four in digits.chunks(4) {
        let bits =
            four.iter().enumerate().fold(0, |bits, (at, digit)| bits | u32::from(*digit) << (18 - 6 * at));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}
