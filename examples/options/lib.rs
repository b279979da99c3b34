//! The options of the examples: `--name VALUE`, and flags without a value.
//!
//! An option that is not known ends the program with its usage and exit code 2, before anything has started.

mod own_redis;

pub use own_redis::{OwnRedis, redis};
use std::fmt::Display;
use std::process::exit;
use std::time::Duration;

/// What was given on the command line.
pub struct Options(Vec<(String, String)>);

/// The address to listen at, for examples that have no other option.
pub fn addr(usage: &str, default: &str) -> String {
    Options::read(usage).value("--listen").unwrap_or(default).to_owned()
}

/// The address, and how to open a WebSocket in the console of a browser and log what comes.
pub fn in_the_console(addr: impl Display) -> String {
    format!(
        "listening on {addr}\ntry: http://{addr}/ in a browser, and in its console: s = new WebSocket('ws://{addr}'); \
         s.onmessage = e => console.log(e.data); "
    )
}

impl Options {
    /// Reads the command line. The usage names every option, as in `hello [--listen ADDR] [--verbose]`: one that is
    /// followed by a word in capitals takes a value.
    pub fn read(usage: &str) -> Self {
        Self::parse(usage, std::env::args().skip(1)).unwrap_or_else(|(message, code)| {
            if code == 0 {
                println!("{message}");
            } else {
                eprintln!("{message}");
            }
            exit(code)
        })
    }

    fn parse(usage: &str, args: impl IntoIterator<Item = String>) -> Result<Self, (String, i32)> {
        let wrong = |what: String| (format!("{what}\nusage: {usage}"), 2);
        let known: Vec<&str> = usage.split([' ', '[', ']']).filter(|word| !word.is_empty()).collect();
        let mut args = args.into_iter();
        let mut given = Vec::new();
        while let Some(arg) = args.next() {
            if arg == "--help" || arg == "-h" {
                return Err((format!("usage: {usage}"), 0));
            }
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (arg, None),
            };
            let at = known.iter().position(|word| name.starts_with("--") && *word == name);
            let at = at.ok_or_else(|| wrong(format!("`{name}` is not an option")))?;
            let has_value = known.get(at + 1).is_some_and(|next| !next.starts_with("--"));
            let value = match (has_value, value) {
                (true, value) => {
                    value.or_else(|| args.next()).ok_or_else(|| wrong(format!("`{name}` needs a value")))?
                }
                (false, None) => String::new(),
                (false, Some(_)) => return Err(wrong(format!("`{name}` takes no value"))),
            };
            if known.get(at + 1) == Some(&"ADDR") && !value.contains(':') {
                return Err(wrong(format!("`{name} {value}`: not an address, such as 127.0.0.1:8080")));
            }
            given.push((name, value));
        }
        Ok(Self(given))
    }

    /// The value of an option, the last one if it was given several times.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.given().filter(|(given, _)| *given == name).map(|(_, value)| value).last()
    }

    /// Everything that was given, by name and value, in order.
    pub fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether an option was given.
    pub fn has(&self, name: &str) -> bool {
        self.given().any(|(given, _)| given == name)
    }

    /// The value of an option as a number. What is not a number ends the program.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.read_as(name, "a number", |value| value.parse().ok())
    }

    /// The value of an option as a time in seconds, such as `2` or `0.5`. What is no such time ends the program.
    pub fn seconds(&self, name: &str) -> Option<Duration> {
        self.read_as(name, "a time in seconds", |value| Duration::try_from_secs_f64(value.parse().ok()?).ok())
    }

    fn read_as<T>(&self, name: &str, what: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.value(name).map(|value| {
            read(value).unwrap_or_else(|| {
                eprintln!("`{name} {value}`: not {what}");
                exit(2)
            })
        })
    }
}

/// The code in the documents of the repository compiles.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../ARCHITECTURE.md")]
    struct Architecture;

    #[doc = include_str!("../../README.md")]
    struct Readme;
}
