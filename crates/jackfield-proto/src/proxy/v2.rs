//! Version 2: binary (section 2.2).

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::checksum::crc32c;
use super::tlv::{Tlv, Tlvs};
use super::{Addresses, Error, Header, Limits, Transport, Version};

/// What each header begins with: nothing that another protocol could be taken for.
pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Reads a header that begins as it should, as far as that has come.
pub(super) fn parse<'b>(rx: &'b [u8], limits: &Limits) -> Result<Option<(usize, Header<'b>)>, Error> {
    let Some(command) = rx.get(SIGNATURE.len()) else { return Ok(None) };
    let is_local = match (command >> 4, command & 0x0f) {
        (2, 0) => true,
        (2, 1) => false,
        (2, _) => return Err(Error::Command),
        _ => return Err(Error::Version),
    };
    let Some(family) = rx.get(SIGNATURE.len() + 1) else { return Ok(None) };
    // For a connection of the proxy's own the rest is ignored, the family too.
    let family = if is_local { None } else { Some(Family::new(*family)?) };
    let [high, low, ..] = &rx[SIGNATURE.len() + 2..] else { return Ok(None) };
    let rest_bytes = usize::from(u16::from_be_bytes([*high, *low]));
    let end = FIXED_BYTES + rest_bytes;
    if end > limits.header_bytes_max {
        return Err(Error::TooLong);
    }
    if family.is_some_and(|family| rest_bytes < family.bytes()) {
        return Err(Error::Addresses);
    }
    let Some(header) = rx.get(..end) else { return Ok(None) };
    let parsed = family.map_or(Ok(Header::local()), |family| proxied(family, header))?;
    Ok(Some((end, parsed)))
}

/// The kind of addresses that a header has.
#[derive(Clone, Copy)]
enum Family {
    /// The proxy does not know them, and the rest is ignored.
    Unknown,
    Ipv4(Transport),
    Ipv6(Transport),
    Unix(Transport),
}

impl Family {
    fn new(byte: u8) -> Result<Self, Error> {
        let transport = match byte & 0x0f {
            0 if byte == 0 => return Ok(Self::Unknown),
            1 => Transport::Stream,
            2 => Transport::Datagram,
            _ => return Err(Error::Family),
        };
        match byte >> 4 {
            1 => Ok(Self::Ipv4(transport)),
            2 => Ok(Self::Ipv6(transport)),
            3 => Ok(Self::Unix(transport)),
            _ => Err(Error::Family),
        }
    }

    /// What its addresses and ports take.
    const fn bytes(self) -> usize {
        match self {
            Self::Unknown => 0,
            Self::Ipv4(_) => 2 * (4 + 2),
            Self::Ipv6(_) => 2 * (16 + 2),
            Self::Unix(_) => 2 * UNIX_BYTES,
        }
    }
}

/// A header that is whole, of a connection that the proxy passes on.
fn proxied(family: Family, header: &[u8]) -> Result<Header<'_>, Error> {
    let rest = &header[FIXED_BYTES..];
    let (addresses, rest) = match family {
        Family::Unknown => return Ok(Header::proxied(Version::V2, Addresses::Unknown, Tlvs::NONE)),
        Family::Ipv4(transport) => ipv4(transport, rest),
        Family::Ipv6(transport) => ipv6(transport, rest),
        Family::Unix(transport) => unix(transport, rest),
    }
    .ok_or(Error::Addresses)?;
    let tlvs = Tlvs::parse(rest).ok_or(Error::Tlv)?;
    check_sum(header, tlvs)?;
    Ok(Header::proxied(Version::V2, addresses, tlvs))
}

fn ipv4(transport: Transport, rest: &[u8]) -> Option<(Addresses<'_>, &[u8])> {
    let (source, rest) = rest.split_first_chunk::<4>()?;
    let (destination, rest) = rest.split_first_chunk::<4>()?;
    let (ports, rest) = ports(rest)?;
    let [source, destination] = [*source, *destination].map(Ipv4Addr::from);
    Some((ip(transport, (source, ports[0]).into(), (destination, ports[1]).into()), rest))
}

fn ipv6(transport: Transport, rest: &[u8]) -> Option<(Addresses<'_>, &[u8])> {
    let (source, rest) = rest.split_first_chunk::<16>()?;
    let (destination, rest) = rest.split_first_chunk::<16>()?;
    let (ports, rest) = ports(rest)?;
    let [source, destination] = [*source, *destination].map(Ipv6Addr::from);
    Some((ip(transport, (source, ports[0]).into(), (destination, ports[1]).into()), rest))
}

fn ports(rest: &[u8]) -> Option<([u16; 2], &[u8])> {
    let ([a, b, c, d], rest) = rest.split_first_chunk()?;
    Some(([u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])], rest))
}

const fn ip(transport: Transport, source: SocketAddr, destination: SocketAddr) -> Addresses<'static> {
    Addresses::Ip { transport, source, destination }
}

fn unix(transport: Transport, rest: &[u8]) -> Option<(Addresses<'_>, &[u8])> {
    let (source, rest) = rest.split_first_chunk::<UNIX_BYTES>()?;
    let (destination, rest) = rest.split_first_chunk::<UNIX_BYTES>()?;
    Some((Addresses::Unix { transport, source: path(source), destination: path(destination) }, rest))
}

/// A path without its padding. An abstract name, which begins with a NUL, may have more of them in it.
fn path(padded: &[u8]) -> &[u8] {
    let end = if padded.starts_with(&[0]) {
        padded.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
    } else {
        padded.iter().position(|byte| *byte == 0).unwrap_or(padded.len())
    };
    &padded[..end]
}

/// Whether the checksum is right, if there is one: that of the header with zeros in its place.
fn check_sum(header: &[u8], tlvs: Tlvs<'_>) -> Result<(), Error> {
    let mut behind = tlvs;
    let Some(vector) = behind.find(|tlv| tlv.kind == Tlv::CRC32C) else { return Ok(()) };
    let Ok(sum) = vector.value.try_into() else { return Err(Error::Checksum) };
    let end = header.len() - behind.bytes_left();
    let found = crc32c(&[&header[..end - size_of_val(&sum)], &[0; 4], &header[end..]]);
    if found == u32::from_be_bytes(sum) { Ok(()) } else { Err(Error::Checksum) }
}

/// The signature, the command, the family and the length.
const FIXED_BYTES: usize = SIGNATURE.len() + 4;
/// The bytes of one path.
const UNIX_BYTES: usize = 108;
