//! The origin of the figures: versions, compiler, commit, machine.

use super::contender::{CONTENDERS, Contender, Kind};
use super::ground::Ground;
use super::rows::ROWS;
use jackfield_cli::base::machine;
use jackfield_cli::base::proc;
use jackfield_cli::base::units;
use maud::{Markup, html};
use serde_json::{Map, Value};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The names of the facts of every measurement.
const FACTS: [&str; 7] = ["Command", "Commit", "Compiler", "Peers", "Machine", "Cores", "Runs"];

/// Names and facts, in the order of a list.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) facts: Vec<(&'static str, String)>,
    /// The figures are of a debug build.
    pub(crate) is_debug: bool,
}

impl Origin {
    /// The facts of every measurement; `runs` says how often and how long it was measured.
    pub(crate) fn new(ground: &Ground, runs: String) -> Self {
        let lock =
            fs::read_to_string(ground.places.root.join("benches/peers/Cargo.lock")).unwrap_or_default();
        let mut versions: Vec<String> =
            CONTENDERS.iter().filter_map(|contender| version(contender, &lock, ground)).collect();
        versions.dedup();
        let unknown = || "unknown".to_owned();
        let facts = [
            machine::command(),
            machine::commit_in(&ground.places.root).unwrap_or_else(unknown),
            compilers(ground),
            if versions.is_empty() { "none".to_owned() } else { versions.join(", ") },
            machine_line(ground.core_count),
            cores(ground),
            runs,
        ];
        Self { facts: FACTS.into_iter().zip(facts).collect(), is_debug: cfg!(debug_assertions) }
    }

    /// The facts of an earlier run, as [`Origin::json`] writes them.
    pub(crate) fn of(json: &Value) -> Self {
        let fact = |name: &'static str| Some((name, json[name.to_lowercase()].as_str()?.to_owned()));
        Self { facts: FACTS.into_iter().filter_map(fact).collect(), is_debug: false }
    }

    /// As a list.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        if self.is_debug {
            text.push_str("**Taken with a debug build: these figures say nothing.**\n\n");
        }
        for (name, fact) in &self.facts {
            let mark = if *name == "Command" || *name == "Commit" { "`" } else { "" };
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(text, "- {name}: {mark}{fact}{mark}");
        }
        text
    }

    /// As a part of a page.
    pub(crate) fn markup(&self) -> Markup {
        html! {
            h2 { "Circumstances" }
            @if self.is_debug {
                p.warning { "Taken with a debug build: these figures say nothing." }
            }
            div.scroll {
                table { @for (name, fact) in &self.facts { tr { th { (name) } td { (fact) } } } }
            }
        }
    }

    pub(crate) fn json(&self) -> Value {
        let facts = self.facts.iter().map(|(name, text)| (name.to_lowercase(), text.as_str().into()));
        facts.collect::<Map<String, Value>>().into()
    }
}

fn cores(ground: &Ground) -> String {
    ground.cores.map_or_else(
        || "not pinned, for there are not two".to_owned(),
        |cores| format!("servers on {}, load generator on {}", cores.server, cores.client),
    )
}

fn machine_line(cores: usize) -> String {
    format!(
        "{}, {} {}, {cores} {}, {}",
        proc::processor().unwrap_or_else(|| "unknown processor".into()),
        std::env::consts::OS,
        proc::kernel().unwrap_or_default(),
        if cores == 1 { "core" } else { "cores" },
        units::bytes(proc::machine_memory().unwrap_or_default() as f64)
    )
}

/// The compilers of this program, of the limit and of the peers, which the programs themselves tell.
fn compilers(ground: &Ground) -> String {
    let row = &ROWS[0];
    let compiled = CONTENDERS.iter().filter(|contender| !matches!(contender.kind, Kind::Bun | Kind::Nginx));
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    for contender in compiled {
        let Some(compiler) =
            contender.program(row, &ground.places).ok().and_then(|program| compiler_of(&program))
        else {
            continue;
        };
        match found.iter_mut().find(|(name, _)| *name == compiler) {
            Some((_, servers)) => servers.push(contender.name),
            None => found.push((compiler, vec![contender.name])),
        }
    }
    match &found[..] {
        [] => "unknown".to_owned(),
        [(compiler, _)] => compiler.clone(),
        several => {
            let each = several.iter().map(|(compiler, names)| format!("{compiler} ({})", names.join(", ")));
            each.collect::<Vec<String>>().join("; ")
        }
    }
}

/// What the compiler has left in a program.
fn compiler_of(program: &Path) -> Option<String> {
    compiler_in(&fs::read(program).ok()?)
}

fn compiler_in(bytes: &[u8]) -> Option<String> {
    // Put together at run time, because the search must not find it in this program's own data.
    let mark = [b"rustc ver", &b"sion "[..]].concat();
    let candidates = bytes.windows(mark.len()).enumerate().filter(|(_, window)| *window == mark);
    candidates
        .filter_map(|(at, _)| release(&bytes[at + mark.len()..]))
        .next_back()
        .map(|text| format!("rustc {text}"))
}

/// A release such as `1.85.0 (4d91de4e4 2025-02-17)`, if the bytes begin with one.
fn release(bytes: &[u8]) -> Option<&str> {
    // The compiler's own mark may be in the parentheses of another one.
    let end = bytes.iter().take(64).position(|byte| *byte == b')')?;
    let text = std::str::from_utf8(&bytes[..=end]).ok()?;
    (text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('.')).then_some(text)
}

/// The names and versions of a peer's packages, if it is there.
fn version(contender: &Contender, lock: &str, ground: &Ground) -> Option<String> {
    let program = contender.program(&ROWS[0], &ground.places).ok()?;
    match contender.kind {
        Kind::Ours | Kind::Limit => None,
        Kind::Peer => {
            let known = contender.packages.iter();
            let versions: Vec<String> =
                known.filter_map(|name| Some(format!("{name} {}", locked(lock, name)?))).collect();
            (!versions.is_empty()).then(|| versions.join(" with "))
        }
        Kind::Bun => said_by(&program, "--version").map(|version| format!("Bun {version}")),
        Kind::Nginx => said_by(&program, "-v").map(|line| line.replace("nginx version: nginx/", "nginx ")),
    }
}

/// The version of a package that the peers use, of those in their lock file.
fn locked(lock: &str, package: &str) -> Option<String> {
    // The lock file has the version after the name only if there are several versions.
    let peers = lock.split("[[package]]").find(|part| part.contains("\nname = \"jackfield-peers\"\n"));
    let chosen = peers.and_then(|peers| peers.split_once(&format!("\n \"{package} ")));
    let (_, rest) = match chosen {
        Some(chosen) => chosen,
        None => lock.split_once(&format!("\nname = \"{package}\"\nversion = \""))?,
    };
    Some(rest.split_once('"')?.0.to_owned())
}

/// The first line that a program prints, on standard output or standard error.
fn said_by(program: &Path, arg: &str) -> Option<String> {
    let output = Command::new(program).arg(arg).output().ok()?;
    let bytes = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Some(String::from_utf8_lossy(&bytes).lines().next()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found() {
        let package = |name: &str, rest: &str| format!("[[package]]\nname = \"{name}\"\n{rest}\n\n");
        let lock = [
            package("ntex-bytes", "version = \"9.9.9\""),
            package("ntex", "version = \"3.12.3\""),
            package("tokio-tungstenite", "version = \"0.29.0\""),
            package("jackfield-peers", "dependencies = [\n \"ntex\",\n \"tokio-tungstenite 0.30.0\",\n]"),
        ];
        let lock = &*lock.concat();
        assert_eq!(locked(lock, "tokio-tungstenite").as_deref(), Some("0.30.0"));
        assert_eq!(locked(lock, "ntex").as_deref(), Some("3.12.3"));
        assert_eq!(locked(lock, "axum"), None);
    }

    #[test]
    fn compilers_are_found() {
        let mark = [&b"\0rustc ver"[..], b"sion "].concat();
        let program = [&mark[..], b"%s\n\0", &mark, b"1.85.0 (4d91de4e4 2025-02-17))\0GCC"].concat();
        assert_eq!(compiler_in(&program).as_deref(), Some("rustc 1.85.0 (4d91de4e4 2025-02-17)"));
        assert_eq!(compiler_in(b"nothing"), None);
    }
}
