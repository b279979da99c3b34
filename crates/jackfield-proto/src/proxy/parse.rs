//! Finds the version, and reads the header.

use super::v2::SIGNATURE;
use super::{Error, Header, Limits, v1, v2};
use crate::step::Step;

/// Reads the header at the front of `rx`, the first bytes of a connection.
///
/// It keeps nothing between two calls. [`Step::Need`] uses no bytes: call it again with the same bytes and those that have
/// come since. Bytes that cannot become a valid header are a [`Step::Fault`]: by what they begin with, and in version 2 by command,
/// family and length, as soon as these are there; by what is in the line or behind the length, when the header is whole, which
/// has a bound. The beginning of a valid header never is one.
pub fn parse<'b>(rx: &'b [u8], limits: &Limits) -> Step<Header<'b>, Error> {
    let parsed = if begins(rx, SIGNATURE) {
        v2::parse(rx, limits)
    } else if begins(rx, v1::PREFIX) {
        v1::parse(rx)
    } else {
        Err(Error::NoHeader)
    };
    match parsed {
        Ok(Some((used, header))) => Step::Event(used, header),
        Ok(None) => Step::Need(0),
        Err(error) => Step::Fault(error),
    }
}

/// Whether `rx` begins with this, or is the beginning of it.
fn begins(rx: &[u8], with: &[u8]) -> bool {
    rx.iter().zip(with).all(|(byte, wanted)| byte == wanted)
}
