//! Version 1: a line of text (section 2.1).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::limits::V1_BYTES_MAX;
use super::tlv::Tlvs;
use super::{Addresses, Error, Header, Transport, Version};

/// What each line begins with.
pub(super) const PREFIX: &[u8] = b"PROXY ";

/// Reads a line that begins as it should, as far as that has come.
pub(super) fn parse(rx: &[u8]) -> Result<Option<(usize, Header<'_>)>, Error> {
    let visible = rx.get(..V1_BYTES_MAX).unwrap_or(rx);
    let Some(end) = visible.iter().position(|byte| !matches!(byte, b' '..=b'~')) else {
        return if rx.len() < V1_BYTES_MAX { Ok(None) } else { Err(Error::TooLong) };
    };
    match &visible[end..] {
        [b'\r', b'\n', ..] => {
            let text = std::str::from_utf8(&visible[PREFIX.len()..end]).map_err(|_| Error::Line)?;
            let addresses = addresses(text).ok_or(Error::Line)?;
            Ok(Some((end + 2, Header::proxied(Version::V1, addresses, Tlvs::NONE))))
        }
        [b'\r'] if rx.len() < V1_BYTES_MAX => Ok(None),
        [b'\r'] => Err(Error::TooLong),
        _ => Err(Error::Line),
    }
}

/// What follows the prefix.
fn addresses(text: &str) -> Option<Addresses<'static>> {
    // The rest of the line after `UNKNOWN` is ignored.
    if text == "UNKNOWN" || text.starts_with("UNKNOWN ") {
        return Some(Addresses::Unknown);
    }
    let mut words = text.split(' ');
    let address: fn(&str) -> Option<IpAddr> = match words.next()? {
        "TCP4" => |word| word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => |word| word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => return None,
    };
    let (source, destination) = (address(words.next()?)?, address(words.next()?)?);
    let (source_port, destination_port) = (port(words.next()?)?, port(words.next()?)?);
    words.next().is_none().then_some(Addresses::Ip {
        transport: Transport::Stream,
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
    })
}

/// A decimal number without leading zeros.
fn port(word: &str) -> Option<u16> {
    let is_canonical = word == "0" || word.starts_with(|first: char| matches!(first, '1'..='9'));
    if is_canonical { word.parse().ok() } else { None }
}
