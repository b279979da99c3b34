//! The attacks, and their names on the command line.

use crate::base::target::Target;
use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command, ValueEnum};
use std::ffi::OsStr;

/// An attack by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Send the heads of requests slowly, a byte at a time
    SlowHeads,
    /// Open connections to a server that speaks TLS, and send no more than the first bytes of a handshake
    SilentHandshakes,
    /// Open connections that do nothing after a request
    Idle,
    /// Open more connections than the server has file descriptors
    Descriptors,
    /// Send requests and WebSocket messages that were changed at random
    Mutants,
    /// Ask for a large body, stop reading it, and disappear
    SlowReaders,
    /// Make all attacks, one after the other
    All,
}

impl What {
    /// Attacks that open as many connections as `--connections` says, and how many if it says nothing.
    pub(super) const CROWDS: [(Self, usize); 5] = [
        (Self::SlowHeads, 5000),
        (Self::SilentHandshakes, 1000),
        (Self::Idle, 15_000),
        (Self::Descriptors, 600),
        (Self::SlowReaders, 3000),
    ];

    /// Its name on the command line.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Reads the name. The address of a server in its place is the likely mistake, so its message says what is missing.
#[derive(Clone, Debug)]
pub(super) struct Name;

impl TypedValueParser for Name {
    type Value = What;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<What, clap::Error> {
        match value.to_str().filter(|text| text.parse::<Target>().is_ok()) {
            Some(target) => {
                let why = format!("name the attack first: `jackfield attack all {target}`");
                Err(command.clone().error(ErrorKind::InvalidValue, why))
            }
            None => EnumValueParser::<What>::new().parse_ref(command, arg, value),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(What::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}
