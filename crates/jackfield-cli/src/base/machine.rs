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

/// The command that was given, as it could be given again, but without what is secret: a report may be shown to others. These are the
/// values of secret header fields, the values in the query of a URL or a path, and a body or message with a secret word in it.
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

/// A path, or a URL, with `...` for each value in its query: they may let others in.
pub(crate) fn without_values(path: &str) -> String {
    let Some((before, query)) = path.split_once('?') else { return path.to_owned() };
    let shown = |pair: &str| match pair.split_once('=') {
        Some((name, _)) => format!("{name}=..."),
        None => "...".to_owned(),
    };
    format!("{before}?{}", query.split('&').map(shown).collect::<Vec<String>>().join("&"))
}

/// The words of a command line, with `...` for what is secret.
fn hidden(words: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    // The option whose value the next word is.
    let mut option: Option<&str> = None;
    words.map(move |word| {
        if let Some(name) = option.take() {
            return shown(name, &word);
        }
        option = OPTIONS.iter().find(|name| **name == word).copied();
        if option.is_some() { word } else { hidden_within(word) }
    })
}

/// A word with an option and its value, or a target.
fn hidden_within(word: String) -> String {
    let equals = |name: &str| usize::from(name.starts_with("--"));
    let begins = |name: &&&str| {
        word.strip_prefix(**name).is_some_and(|rest| equals(name) == 0 || rest.starts_with('='))
    };
    match OPTIONS.iter().find(begins) {
        Some(name) => {
            let (option, value) = word.split_at(name.len() + equals(name));
            format!("{option}{}", shown(name, value))
        }
        None if word.contains("://") => without_values(&word),
        None => word,
    }
}

/// Options whose values may be secret.
const OPTIONS: [&str; 6] = ["-H", "--header", "--path", "--publish-path", "--body", "--message"];

/// The value of one of these options, as it may be shown.
fn shown(option: &str, value: &str) -> String {
    match (option, value.split_once(':')) {
        ("--path" | "--publish-path", _) => without_values(value),
        ("--body" | "--message", _) if is_secret(value) => "...".into(),
        ("-H" | "--header", Some((name, _))) if is_secret(name) => format!("{name}: ..."),
        _ => value.to_owned(),
    }
}

/// Whether a text, such as the name of a header field, speaks of something that lets others in.
fn is_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["authorization", "cookie", "token", "key", "secret", "password"].iter().any(|word| text.contains(word))
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
    fn i418_values_of_a_query_and_secret_bodies_are_hidden() {
        for (word, expected) in [
            ("http://host:1/a?token=x&b=y&z", "http://host:1/a?token=...&b=...&..."),
            ("https://host?x", "https://host?..."),
            ("/tmp/a?b=1", "/tmp/a?b=1"),
            ("--path=/a?b=1", "--path=/a?b=..."),
            ("--publish-path=/a?b=1", "--publish-path=/a?b=..."),
            ("--body=my Password", "--body=..."),
            ("--message={\"a\":1}", "--message={\"a\":1}"),
            ("--body-file=token?b=1", "--body-file=token?b=1"),
        ] {
            assert_eq!(hidden([word.to_owned()].into_iter()).collect::<Vec<_>>(), [expected]);
            if let Some((option, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
                let words = [option, value, "-c"].map(str::to_owned);
                let shown = expected.split_once('=').map_or("", |(_, value)| value);
                assert_eq!(hidden(words.into_iter()).collect::<Vec<_>>(), [option, shown, "-c"]);
            }
        }
    }

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(
            [quote("--rate=20k"), quote("p99>2ms"), quote("it's"), quote("")],
            ["--rate=20k", "'p99>2ms'", r"'it'\''s'", "''",]
        );
    }
}
