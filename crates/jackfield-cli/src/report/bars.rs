//! Bars as inline SVG: one figure of several things, one below the other. Colours come from the page's style.
//!
//! A bar that is more than ten times as long as the shortest is cut, and an arrow says so: otherwise the differences
//! that matter could not be seen.

use super::markup::escape;
use std::fmt::Write;

/// One bar.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    /// How long it is; what it was at least and at most is drawn over it.
    pub(crate) value: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    /// What is written behind it.
    pub(crate) text: String,
    /// The number of its colour.
    pub(crate) colour: usize,
}

const WIDTH: f64 = 760.0;
const LEFT: f64 = 176.0;
/// Room for what is written behind the longest bar.
const RIGHT: f64 = 150.0;
const TOP: f64 = 26.0;
const STEP: f64 = 22.0;
const THICKNESS: f64 = 14.0;
/// How many times as long as the shortest a bar may be.
const CUT: f64 = 10.0;

/// The bars as an `svg` element; nothing if there are none.
pub(crate) fn svg(title: &str, bars: &[Bar]) -> String {
    if bars.is_empty() {
        return String::new();
    }
    let shortest =
        bars.iter().map(|bar| bar.value).filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    let most = bars.iter().map(|bar| bar.most).fold(f64::MIN_POSITIVE, f64::max).min(shortest * CUT);
    let place = |value: f64| LEFT + (value / most).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
    let mut svg = format!(
        "<figure><svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"{title}\">\
         <text class=\"title\" x=\"0\" y=\"14\">{title}</text>\n",
        TOP + STEP * bars.len() as f64,
        title = escape(title),
    );
    for (number, bar) in bars.iter().enumerate() {
        let top = TOP + STEP * number as f64;
        let (base, middle) = (top + THICKNESS - 3.0, top + THICKNESS / 2.0);
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{base:.0}\" text-anchor=\"end\">{}</text>\
             <rect class=\"bar c{}\" x=\"{LEFT}\" y=\"{top:.0}\" width=\"{:.1}\" height=\"{THICKNESS}\"/>\
             <path class=\"spread\" d=\"M{:.1} {middle:.1}H{:.1}\"/>\
             <text x=\"{:.1}\" y=\"{base:.0}\">{}</text>",
            LEFT - 8.0,
            escape(&bar.name),
            bar.colour,
            place(bar.value) - LEFT,
            place(bar.least),
            place(bar.most),
            place(bar.most) + 6.0,
            if bar.value > most { format!("→ {}", escape(&bar.text)) } else { escape(&bar.text) },
        );
    }
    svg.push_str("</svg></figure>\n");
    svg
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
        let svg = svg("t", &[bar(5.0, 10.0), bar(0.0, 0.0)]);
        assert!(svg.contains("&lt;a&gt;") && svg.contains("1 &amp; 2"), "{svg}");
        assert!(svg.contains("width=\"217.0\"") && svg.contains("H610.0"), "{svg}");
        assert!(!super::svg("t", &[bar(0.0, 0.0)]).contains("NaN"));
        assert_eq!(super::svg("t", &[]), "");
        let svg = super::svg("t", &[bar(1.0, 1.0), bar(50.0, 50.0)]);
        assert!(svg.contains("width=\"43.4\"") && svg.contains("width=\"434.0\""), "{svg}");
        assert!(svg.contains(">→ 1 &amp; 2<") && svg.contains(">1 &amp; 2<"), "{svg}");
    }
}
