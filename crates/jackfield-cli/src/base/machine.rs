//! The machine, the commit and the command of a measurement.

use crate::base::proc;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine that the run took place on.
pub fn machine() -> Value {
    json!({
        "system": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "kernel": proc::kernel(),
        "processor": proc::processor(),
        "cores": thread::available_parallelism().map_or(1, usize::from),
        "memory_bytes": proc::machine_memory(),
    })
}

/// The commit that is checked out in the current directory, if it is in a repository, with a `+` behind it if files
/// differ from it.
pub fn commit() -> Option<String> {
    commit_in(Path::new("."))
}

/// The same for another directory.
pub fn commit_in(directory: &Path) -> Option<String> {
    let commit = git(directory, &["rev-parse", "HEAD"]).filter(|commit| !commit.is_empty())?;
    let is_changed = git(directory, &["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
    Some(if is_changed { commit + "+" } else { commit })
}

/// The command that was given, as it could be given again, but without the values of header fields that are secret: a report may be
/// shown to others.
pub fn command() -> String {
    let words: Vec<String> = hidden(std::env::args().skip(1)).map(|word| quote(&word)).collect();
    let program = std::env::current_exe().ok();
    let name = program
        .as_deref()
        .and_then(Path::file_stem)
        .map_or_else(|| "jackfield".into(), OsStr::to_string_lossy);
    format!("{name} {}", words.join(" "))
}

/// The present time, for people and for programs.
pub fn now() -> (String, u64) {
    let now = SystemTime::now();
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    (httpdate::fmt_http_date(now), seconds)
}

fn git(directory: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .current_dir(directory)
        .args(args)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The first program of this name, where programs are.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    directories.map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// The words of a command line, with `...` for the values of secret header fields.
fn hidden(words: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let mut is_field = false;
    words.map(move |word| {
        let before = std::mem::replace(&mut is_field, matches!(&*word, "-H" | "--header"));
        let field = word.strip_prefix("--header=").or_else(|| word.strip_prefix("-H"));
        match if before { Some(&*word) } else { field }.and_then(|field| field.split_once(':')) {
            Some((name, value)) if is_secret(name) => {
                format!("{}: ...", word[..word.len() - value.len()].trim_end_matches(':'))
            }
            _ => word,
        }
    })
}

/// Whether a header field of this name has something that lets others in.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["authorization", "cookie", "token", "key", "secret", "password"].iter().any(|word| name.contains(word))
}

/// Quotes a word for a shell.
fn quote(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,+@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{hidden, quote};

    #[test]
    fn secrets_are_hidden() {
        let show = |words: &[&str]| hidden(words.iter().map(|word| (*word).to_owned())).collect::<Vec<_>>();
        assert_eq!(
            show(&[
                "bench",
                "-H",
                "Authorization: Bearer a:b",
                "-HCookie:x",
                "--header=X-Key: y",
                "-H",
                "A: b"
            ]),
            ["bench", "-H", "Authorization: ...", "-HCookie: ...", "--header=X-Key: ...", "-H", "A: b"]
        );
        assert_eq!(
            show(&["-H", "no colon", "http://host:1/", "-H"]),
            ["-H", "no colon", "http://host:1/", "-H"]
        );
    }

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(
            [quote("--rate=20k"), quote("p99>2ms"), quote("it's"), quote("")],
            ["--rate=20k", "'p99>2ms'", r"'it'\''s'", "''",]
        );
    }
}
