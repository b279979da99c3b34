//! What is wrong with a header.

use std::fmt;

/// Why the first bytes of a connection are no header that can be used. The blame is the peer's, and there is no way to tell
/// it: close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// They begin like neither version.
    NoHeader,
    /// The header is longer than the limit of its version.
    TooLong,
    /// A line of version 1 that is not as section 2.1 has it.
    Line,
    /// A version beyond 2.
    Version,
    /// A command other than LOCAL and PROXY.
    Command,
    /// A family of addresses, or a transport, that is not specified.
    Family,
    /// The header has no room for the addresses of its family.
    Addresses,
    /// The type-length-value vectors do not fill what is left of the header.
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
