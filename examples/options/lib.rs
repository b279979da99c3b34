//! The options of the examples: `--name VALUE`, and flags without a value.
//!
//! What is wrong ends the program with one message and exit code 2, before anything has started: see [`fail`].

mod own_redis;

pub use own_redis::{OwnRedis, broker, redis};
use std::error::Error;
use std::fmt::Display;
use std::net::{SocketAddr, TcpListener};
use std::process::exit;
use std::time::Duration;

/// What was given on the command line.
pub struct Options(Vec<(String, String)>);

/// The address to listen at, for examples that have no other option.
pub fn addr(usage: &str, default: &str) -> String {
    Options::read(usage).value("--listen").unwrap_or(default).to_owned()
}

const OTHER_ADDRESS: &str = "Give another address: with port 0, as in `--listen 127.0.0.1:0`, the system chooses a free one. \
    `--help` shows the options.";

/// Ends the program, because it can't start like this: it says why, and where that is known also what helps.
pub fn fail<T>(why: impl Into<Box<dyn Error>>) -> T {
    let why = why.into();
    eprintln!("{why}");
    if matches!(why.downcast_ref(), Some(jackfield::Error::Bind(_))) {
        eprintln!("{OTHER_ADDRESS}");
    }
    exit(2)
}

/// A socket that listens there, for a program that needs its address before it begins something else.
#[must_use]
pub fn listen(addr: &str) -> TcpListener {
    let failed = |error| fail(format!("can't listen at {addr}: {error}\n{OTHER_ADDRESS}"));
    TcpListener::bind(addr).unwrap_or_else(failed)
}

/// Whether this is a name or an IP address with a port.
fn is_addr(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_host = if host.contains(':') { text.parse::<SocketAddr>().is_ok() } else { !host.is_empty() };
    is_host && port.parse::<u16>().is_ok()
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
        Self::parse(usage, std::env::args().skip(1))
            .unwrap_or_else(|wrong| fail(format!("{wrong}\nusage: {usage}")))
    }

    fn parse(usage: &str, args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let known: Vec<&str> = usage.split([' ', '[', ']']).filter(|word| !word.is_empty()).collect();
        let mut args = args.into_iter();
        let mut given = Vec::new();
        while let Some(arg) = args.next() {
            if arg == "--help" || arg == "-h" {
                println!("usage: {usage}");
                exit(0);
            }
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (arg, None),
            };
            let at = known.iter().position(|word| name.starts_with("--") && *word == name);
            let at = at.ok_or_else(|| format!("`{name}` is not an option"))?;
            let has_value = known.get(at + 1).is_some_and(|next| !next.starts_with("--"));
            let value = match (has_value, value) {
                (true, value) => {
                    value.or_else(|| args.next()).ok_or_else(|| format!("`{name}` needs a value"))?
                }
                (false, None) => String::new(),
                (false, Some(_)) => return Err(format!("`{name}` takes no value")),
            };
            if known.get(at + 1) == Some(&"ADDR") && !is_addr(&value) {
                return Err(format!("`{name} {value}`: not an address, such as 127.0.0.1:8080"));
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
        self.value(name)
            .map(|value| read(value).unwrap_or_else(|| fail(format!("`{name} {value}`: not {what}"))))
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
