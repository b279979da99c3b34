//! Bars as SVG: one figure of several things, one below the other. Colours come from `plot.css`.
//!
//! A bar that is more than ten times as long as the shortest is cut, and an arrow says so: otherwise the differences
//! that matter could not be seen.

use jackfield_cli::report::plot::LETTER;
use maud::{Markup, html};

/// One bar.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    /// Its length. Minimum and maximum are drawn over it.
    pub(crate) value: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    /// The text after it.
    pub(crate) text: String,
    /// The number of its colour.
    pub(crate) colour: usize,
}

/// The size of the drawing. In a narrow place the name is above its bar.
#[derive(Clone, Copy, Debug)]
struct Frame {
    class: &'static str,
    width: f64,
    left: f64,
    step: f64,
    name_is_above: bool,
}

const WIDE: Frame = Frame { class: "wide", width: 760.0, left: 176.0, step: 24.0, name_is_above: false };
const NARROW: Frame = Frame { class: "narrow", width: 330.0, left: 0.0, step: 40.0, name_is_above: true };
/// The least room for the text after the longest bar.
const RIGHT: f64 = 150.0;
/// Between a bar and its text, and the letters of an arrow.
const GAP: f64 = 6.0;
const ARROW: usize = 2;
const THICKNESS: f64 = 16.0;
/// From the top of a bar to the base line of its text.
const BASE: f64 = 12.0;
/// How many times as long as the shortest a bar may be.
const CUT: f64 = 10.0;

/// The bars as an element; nothing if there are none.
pub(crate) fn figure(title: &str, bars: &[Bar]) -> Markup {
    if bars.is_empty() {
        return html! {};
    }
    html! {
        figure {
            figcaption { strong { (title) } }
            @for frame in [WIDE, NARROW] {
                svg.(frame.class) viewBox={ "0 0 " (frame.width) " " (frame.step * bars.len() as f64) } role="img" aria-label=(title) {
                    (inside(frame, bars))
                }
            }
        }
    }
}

fn inside(frame: Frame, bars: &[Bar]) -> Markup {
    let shortest =
        bars.iter().map(|bar| bar.value).filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    let most = bars.iter().map(|bar| bar.most).fold(f64::MIN_POSITIVE, f64::max).min(shortest * CUT);
    let letters = bars.iter().map(|bar| bar.text.chars().count() + ARROW).max().unwrap_or(0);
    let right = (GAP + letters as f64 * LETTER).max(RIGHT);
    let place = |value: f64| frame.left + (value / most).clamp(0.0, 1.0) * (frame.width - frame.left - right);
    let one = |place: f64| format!("{place:.1}");
    html! {
        @for (number, bar) in bars.iter().enumerate() {
            @let begin = frame.step * number as f64;
            @let top = if frame.name_is_above { begin + THICKNESS } else { begin };
            @if frame.name_is_above {
                text x="0" y=(begin + BASE) { (bar.name) }
            } @else {
                text x=(frame.left - 8.0) y=(begin + BASE) text-anchor="end" { (bar.name) }
            }
            rect.bar.{ "c" (bar.colour) } x=(frame.left) y=(top) width=(one(place(bar.value) - frame.left)) height=(THICKNESS) rx="3" {}
            path.spread d={ "M" (one(place(bar.least))) " " (top + THICKNESS / 2.0) "H" (one(place(bar.most))) } {}
            text x=(one(place(bar.most) + GAP)) y=(top + BASE) { @if bar.value > most { "→ " } (bar.text) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fits_and_odd_values_do_no_harm() {
        let bar = |value, most| Bar {
            name: "<a>".into(),
            value,
            least: value,
            most,
            text: "1 & 2".into(),
            colour: 0,
        };
        let draw = |bars: &[Bar]| figure("t", bars).into_string();
        let svg = draw(&[bar(5.0, 10.0), bar(0.0, 0.0)]);
        assert!(svg.contains("&lt;a&gt;") && svg.contains("1 &amp; 2"), "{svg}");
        assert!(svg.contains("width=\"217.0\"") && svg.contains("H610.0"), "{svg}");
        assert!(svg.contains("width=\"90.0\"") && svg.contains("H180.0"), "narrow: {svg}");
        assert!(!draw(&[bar(0.0, 0.0)]).contains("NaN"));
        assert_eq!(draw(&[]), "");
        let svg = draw(&[bar(1.0, 1.0), bar(50.0, 50.0)]);
        assert!(svg.contains("width=\"43.4\"") && svg.contains("width=\"434.0\""), "{svg}");
        assert!(svg.contains(">→ 1 &amp; 2<") && svg.contains(">1 &amp; 2<"), "{svg}");
        let long = Bar { text: "75.5 KiB, 1192.35 × limit".into(), ..bar(1.0, 1.0) };
        let svg = draw(&[long]);
        assert!(
            svg.contains("width=\"372.8\"") && svg.contains("x=\"554.8\""),
            "it has room for its text: {svg}"
        );
    }
}
