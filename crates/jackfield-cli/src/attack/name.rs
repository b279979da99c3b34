//! The name of an attack on the command line.

use super::args::What;
use crate::base::target::Target;
use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command, ValueEnum};
use std::ffi::OsStr;

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
