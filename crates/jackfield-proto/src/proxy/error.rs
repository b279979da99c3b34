//! Errors of headers.

use std::fmt;

/// Why the first bytes of a connection are not a valid header. It is an error of the peer. The protocol has no way to answer
/// it: close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// They do not begin like either version of the protocol.
    NoHeader,
    /// The header is longer than the limit of its version.
    TooLong,
    /// A line of version 1 that breaks the format of section 2.1.
    Line,
    /// A version beyond 2.
    Version,
    /// A command other than LOCAL and PROXY.
    Command,
    /// An unknown address family or transport.
    Family,
    /// The header is too short for the addresses of its family.
    Addresses,
    /// The type-length-value vectors do not exactly fill the rest of the header.
    Tlv,
    /// The checksum of the header is wrong.
    Checksum,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHeader => "the connection does not begin with a PROXY header",
            Self::TooLong => "the PROXY header is too long",
            Self::Line => "the line of the PROXY header is malformed",
            Self::Version => "the PROXY header has a version beyond 2",
            Self::Command => "the PROXY header has a command that is neither LOCAL nor PROXY",
            Self::Family => "the PROXY header has a family of addresses that is not specified",
            Self::Addresses => "the PROXY header is too short for its addresses",
            Self::Tlv => "the vectors of the PROXY header do not fill it",
            Self::Checksum => "the checksum of the PROXY header is wrong",
        })
    }
}

impl std::error::Error for Error {}
