//! What a figure of an attack must be on any machine, however busy. The tests of `lab` use this file too.

use serde_json::Value;

/// A debug build on a busy machine is soon overloaded, and then refuses new connections, those of the normal client too.
pub(crate) const OF_OVERLOAD: &str = "failures of the normal client";

/// Most of what the normal client asked for was answered.
pub(crate) fn is_mostly_answered(row: &Value) -> bool {
    let words = row["detail"].as_str().and_then(|detail| detail.strip_prefix("of ")?.split_once(' '));
    let asked = words.and_then(|(asked, _)| asked.replace(',', "").parse::<f64>().ok());
    row["figure"].as_f64().zip(asked).is_some_and(|(failed, asked)| failed * 2.0 < asked)
}
