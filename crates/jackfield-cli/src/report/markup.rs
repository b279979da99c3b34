//! The common parts of all pages.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A whole page, in one file that needs no script and nothing from elsewhere.
pub fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(PLOT_STYLE)) (PreEscaped(PAGE_STYLE)) }
            }
            body { (body) }
        }
    };
    page.into_string() + "\n"
}

/// A figure, with its unit in smaller letters.
pub fn figure(text: &str) -> Markup {
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | '-' | '+'));
    let (number, unit) = text.split_at(text.len() - number.len());
    html! { b { (number) @if !unit.is_empty() { small { (unit) } } } }
}

/// The colours, and all that is in a plot.
pub const PLOT_STYLE: &str = include_str!("plot.css");
const PAGE_STYLE: &str = include_str!("page.css");
