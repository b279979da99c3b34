//! The report of a run.
//!
//! [`json`] has every figure, and everything else is read from there: the [`text`] on the terminal, the page of
//! [`html`] with its plots, what has changed ([`compare`]) and whether that is too much ([`gate`]). So what is shown
//! can always be found in the file.

pub(crate) mod compare;
pub(crate) mod folder;
pub(crate) mod gate;
pub(crate) mod html;
pub(crate) mod json;
pub mod markup;
pub(crate) mod metric;
pub mod plot;
pub(crate) mod plots;
pub mod scale;
pub(crate) mod text;
pub(crate) mod words;

use crate::base::error::Error;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Reads a `result.json`.
///
/// # Errors
/// The file can't be read, or is something else. The figures of an attack and those of all stages of a plan are: their layouts
/// have versions of their own.
pub(crate) fn read(path: &Path) -> Result<Value, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::File(path.to_owned(), error))?;
    let value: Option<Value> = serde_json::from_str(&text).ok();
    let is_result = |value: &Value| {
        value["schema"] == json::SCHEMA && value["plan"].is_object() && value["throughput"].is_object()
    };
    value.filter(is_result).ok_or_else(|| Error::NoResult(path.to_owned()))
}
