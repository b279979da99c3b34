//! Headers of the PROXY protocol.

use crate::log::Log;
use crate::partition::same_however_cut;
use crate::tally::count_round_trips;
use jackfield_proto::Step;
use jackfield_proto::proxy::{
    Addresses, Error, Header, Limits, Tlv, Transport, V1_BYTES_MAX, Version, parse,
};
use std::net::{IpAddr, SocketAddr};

/// The first bytes of a connection: however they come the same header comes or the same refusal; limits hold; what is
/// read, written as the other version and read again is the same; and the bytes are carried as a vector.
pub fn proxy(data: &[u8]) {
    let limits = Limits { header_bytes_max: 300 };
    same_however_cut(data, |parts| read(parts, &limits));
    if let Step::Event(_, header) = parse(data, &limits) {
        round_trip(&header);
    }
    carry(data);
}

/// What comes, and how many bytes it takes.
fn read(parts: &[&[u8]], limits: &Limits) -> Log {
    let (mut rx, mut log) = (Vec::new(), Log::default());
    for part in parts {
        rx.extend_from_slice(part);
        match parse(&rx, limits) {
            Step::Need(used) => assert_eq!(used, 0, "all is shown again"),
            Step::Paused => panic!("nothing is owed"),
            Step::Event(used, header) => {
                let bytes_max =
                    if header.version() == Version::V1 { V1_BYTES_MAX } else { limits.header_bytes_max };
                assert!(used <= rx.len().min(bytes_max), "{used} bytes");
                log.note("header", format!("{used} {header:?}"));
                return log;
            }
            Step::Fault(error) => {
                log.fault(error);
                return log;
            }
        }
        assert!(rx.len() < V1_BYTES_MAX.max(limits.header_bytes_max), "more is kept than a header may have");
    }
    log
}

/// What a header says, said in the other version.
fn round_trip(header: &Header<'_>) {
    if header.is_local() {
        return assert!(header.addresses() == Addresses::Unknown && header.tlvs().next().is_none());
    }
    let written = match (header.version(), header.addresses()) {
        (Version::V2, Addresses::Ip { transport: Transport::Stream, source, destination }) => {
            line(source, destination)
        }
        _ => binary(header.addresses(), &[]),
    };
    match parse(&written, &Limits::default()) {
        Step::Event(used, again) => {
            assert_eq!((used, again.addresses()), (written.len(), header.addresses()));
            count_round_trips(1);
        }
        step => panic!("{header:?} is read as {step:?}"),
    }
}

fn line(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port()).into_bytes()
}

fn binary(addresses: Addresses<'_>, tlvs: &[u8]) -> Vec<u8> {
    let transport = |transport| if transport == Transport::Stream { 1 } else { 2 };
    let (family, mut rest) = match addresses {
        Addresses::Unknown => (0, Vec::new()),
        Addresses::Ip { transport: kind, source, destination } => {
            let family = if source.is_ipv4() { 0x10 } else { 0x20 };
            let mut rest = [octets(source.ip()), octets(destination.ip())].concat();
            rest.extend([source.port(), destination.port()].map(u16::to_be_bytes).concat());
            (family | transport(kind), rest)
        }
        Addresses::Unix { transport: kind, source, destination } => {
            let pad = |path: &[u8]| [path, &vec![0; 108 - path.len()]].concat();
            (0x30 | transport(kind), [pad(source), pad(destination)].concat())
        }
    };
    rest.extend_from_slice(tlvs);
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21".to_vec();
    bytes.push(family);
    bytes.extend((rest.len() as u16).to_be_bytes());
    [bytes, rest].concat()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The bytes as the value of a vector come back, if there is room for them.
fn carry(data: &[u8]) {
    let addresses = Addresses::Unix { transport: Transport::Stream, source: b"/a", destination: b"/b" };
    let value = &data[..data.len().min(1000)];
    let tlvs = [&[Tlv::UNIQUE_ID][..], &(value.len() as u16).to_be_bytes(), value].concat();
    let bytes = binary(addresses, &tlvs);
    let limits = Limits::default();
    match parse(&bytes, &limits) {
        Step::Event(used, header) => {
            assert_eq!((used, header.addresses()), (bytes.len(), addresses));
            assert!(header.tlvs().eq([Tlv { kind: Tlv::UNIQUE_ID, value }]));
            count_round_trips(1);
        }
        Step::Fault(Error::TooLong) => assert!(bytes.len() > limits.header_bytes_max),
        step => panic!("{step:?}"),
    }
}
