//! A server in memory, as a process of its own that is asked for its figures.

use serde_json::Value;
use std::process::Command;

/// The output of this program with other arguments.
pub(crate) fn ask(args: &[String]) -> Result<Value, String> {
    let output = Command::new(own_program()?).args(args).output().map_err(|error| error.to_string())?;
    let said = || String::from_utf8_lossy(&output.stderr).lines().next_back().unwrap_or_default().to_owned();
    serde_json::from_slice(&output.stdout).map_err(|_| format!("it failed: {}", said()))
}

pub(crate) fn field(value: &Value, name: &str) -> Result<f64, String> {
    value[name].as_f64().ok_or_else(|| format!("it does not tell its {name}"))
}

pub(crate) fn own_program() -> Result<String, String> {
    std::env::current_exe().map(|path| path.to_string_lossy().into_owned()).map_err(|error| error.to_string())
}
