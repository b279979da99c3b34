//! Options from a file, with the same names as in the code.
//!
//! A file is always read to its end. The mistakes are kept, and `bind` reports them together with those that it finds itself.

mod fields;
mod listener;
mod reader;
mod value;

pub(crate) use listener::{LISTEN, listener};
pub(crate) use reader::Reader;
pub(crate) use value::Value;

/// The public methods of a block of code, by their names.
#[cfg(test)]
pub(crate) fn method_names<'s>(source: &'s str, block: &str) -> Vec<&'s str> {
    let code = source.split(block).nth(1).and_then(|code| code.split("\n}\n").next()).unwrap_or_default();
    let methods = code.lines().filter_map(|line| line.strip_prefix("    pub fn "));
    methods.filter_map(|method| method.split(['(', '<']).next()).collect()
}
