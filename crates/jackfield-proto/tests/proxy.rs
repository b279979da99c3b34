//! The PROXY protocol (D12): each row whole, with what follows it, and each of its beginnings.

use jackfield_proto::Step;
use jackfield_proto::proxy::{
    Addresses, Error, Header, Limits, Tlv, Transport, V1_BYTES_MAX, Version, parse,
};

/// What a header says, in words.
fn show(header: &Header<'_>) -> String {
    let words = match header.addresses() {
        Addresses::Unknown => "unknown".to_owned(),
        Addresses::Ip { transport, source, destination } => {
            format!("{} {source} {destination}", kind(transport))
        }
        Addresses::Unix { transport, source, destination } => {
            format!(
                "{} {:?} {:?}",
                kind(transport),
                source.escape_ascii().to_string(),
                destination.escape_ascii().to_string()
            )
        }
    };
    let local = if header.is_local() { "local " } else { "" };
    header.tlvs().fold(format!("{local}{words}"), |text, tlv| {
        format!("{text} {:02x}={}", tlv.kind, tlv.value.escape_ascii())
    })
}

fn kind(transport: Transport) -> &'static str {
    if transport == Transport::Stream { "stream" } else { "datagram" }
}

/// The one check: what comes of the bytes with others after them, and that no beginning says something else or says it
/// too early.
#[track_caller]
fn check(bytes: &[u8], want: Result<&str, Error>) {
    let limits = Limits::default();
    let followed = [bytes, b"GET / HTTP/1.1\r\n"].concat();
    for rx in [bytes, &followed] {
        match (parse(rx, &limits), want) {
            (Step::Event(used, header), Ok(want)) => {
                assert_eq!((show(&header).as_str(), used), (want, bytes.len()));
            }
            (Step::Fault(error), Err(want)) => assert_eq!(error, want),
            (step, want) => panic!("{step:?} for {want:?}: {}", rx.escape_ascii()),
        }
    }
    let mut has_failed = false;
    for length in 0..bytes.len() {
        match (parse(&bytes[..length], &limits), want) {
            (Step::Need(0), _) => assert!(!has_failed, "an error at {length} that is none"),
            (Step::Fault(error), Err(want)) => {
                assert_eq!(error, want, "{length} bytes");
                has_failed = true;
            }
            (step, want) => panic!("{step:?} for {want:?} with {length} bytes"),
        }
    }
}

#[test]
fn lines() {
    use Error::{Line, NoHeader};
    for (line, want) in [
        ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", Ok("stream 192.0.2.1:56324 198.51.100.1:443")),
        ("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", Ok("stream 255.255.255.255:65535 0.0.0.0:0")),
        ("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", Ok("stream [2001:db8::1]:1 [::1]:2")),
        ("PROXY TCP6 ::FFFF:192.0.2.1 :: 1 2\r\n", Ok("stream [::ffff:192.0.2.1]:1 [::]:2")),
        ("PROXY UNKNOWN\r\n", Ok("unknown")),
        ("PROXY UNKNOWN ffff::1 and anything 65536\r\n", Ok("unknown")),
        // What is no such line.
        ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n", Err(Line)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\r", Err(Line)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n", Err(Line)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 \r\n", Err(Line)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 1\r\n", Err(Line)),
        ("PROXY TCP4  192.0.2.1 198.51.100.1 56324 443\r\n", Err(Line)),
        ("PROXY  TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", Err(Line)),
        ("PROXY TCP4\t192.0.2.1 198.51.100.1 56324 443\r\n", Err(Line)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 056324 443\r\n", Err(Line)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n", Err(Line)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 +1 443\r\n", Err(Line)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 -1 443\r\n", Err(Line)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1  443\r\n", Err(Line)),
        ("PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n", Err(Line)),
        ("PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n", Err(Line)),
        ("PROXY TCP4 ::1 ::1 1 2\r\n", Err(Line)),
        ("PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n", Err(Line)),
        ("PROXY TCP6 fe80::1%1 ::1 1 2\r\n", Err(Line)),
        ("PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n", Err(Line)),
        ("PROXY tcp4 192.0.2.1 198.51.100.1 1 2\r\n", Err(Line)),
        ("PROXY UNKNOWNS\r\n", Err(Line)),
        ("PROXY UNKNOWN \0\r\n", Err(Line)),
        ("PROXY UNKNOWN \u{e9}\r\n", Err(Line)),
        ("PROXY \r\n", Err(Line)),
        // What is none at all.
        ("GET / HTTP/1.1\r\n", Err(NoHeader)),
        ("PROXX TCP4", Err(NoHeader)),
        ("proxy TCP4", Err(NoHeader)),
        ("PROXY\r\n", Err(NoHeader)),
        (" PROXY TCP4", Err(NoHeader)),
        ("\r\nPROXY TCP4", Err(NoHeader)),
        ("\x16\x03\x01\x02", Err(NoHeader)),
    ] {
        check(line.as_bytes(), want);
    }
}

#[test]
fn a_line_is_no_longer_than_it_may_be() {
    let longest = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    let all = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    assert_eq!(longest.len(), V1_BYTES_MAX - 3);
    check(longest.as_bytes(), Ok(&format!("stream [{all}]:65535 [{all}]:65535")));
    for (bytes, want) in [(V1_BYTES_MAX, Ok("unknown")), (V1_BYTES_MAX + 1, Err(Error::TooLong))] {
        check(format!("PROXY UNKNOWN {}\r\n", "x".repeat(bytes - 16)).as_bytes(), want);
    }
    check("PROXY UNKNOWN ".repeat(10).as_bytes(), Err(Error::TooLong));
}

/// A header of version 2 with this command, family and rest.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend_from_slice(&[command, family]);
    bytes.extend_from_slice(&u16::try_from(rest.len()).expect("it fits").to_be_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

const IPV4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 1, 0xbb];

fn ipv6() -> Vec<u8> {
    let mut bytes = vec![0; 32];
    (bytes[0], bytes[15], bytes[31]) = (0x20, 1, 2);
    [bytes, vec![0, 1, 0xff, 0xff]].concat()
}

fn unix(source: &[u8], destination: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 216];
    bytes[..source.len()].copy_from_slice(source);
    bytes[108..108 + destination.len()].copy_from_slice(destination);
    bytes
}

#[test]
fn binary_headers() {
    let long = [b'x'; 108];
    let xs = "x".repeat(108);
    for (family, rest, want) in [
        (0x11, IPV4.to_vec(), "stream 192.0.2.1:56324 198.51.100.1:443".to_owned()),
        (0x12, IPV4.to_vec(), "datagram 192.0.2.1:56324 198.51.100.1:443".to_owned()),
        (0x21, ipv6(), "stream [2000::1]:1 [::2]:65535".to_owned()),
        (0x22, ipv6(), "datagram [2000::1]:1 [::2]:65535".to_owned()),
        (0x31, unix(b"/run/a", b"/run/b"), "stream \"/run/a\" \"/run/b\"".to_owned()),
        (0x32, unix(b"/run/a\0dirt", b""), "datagram \"/run/a\" \"\"".to_owned()),
        (0x31, unix(b"\0a\0b", &long), format!("stream \"\\\\x00a\\\\x00b\" \"{xs}\"")),
        // Unknown families, which anything may follow.
        (0x00, vec![], "unknown".to_owned()),
        (0x00, IPV4.to_vec(), "unknown".to_owned()),
    ] {
        check(&binary(0x21, family, &rest), Ok(&want));
        // Of a connection of the proxy's own nothing else matters.
        check(&binary(0x20, family, &rest), Ok("local unknown"));
        check(&binary(0x20, 0xff, &rest), Ok("local unknown"));
    }
}

#[test]
fn broken_binary_headers() {
    for (command, family, rest, error) in [
        (0x22, 0x11, &IPV4[..], Error::Command),
        (0x2f, 0x11, &IPV4, Error::Command),
        (0x11, 0x11, &IPV4, Error::Version),
        (0x31, 0x11, &IPV4, Error::Version),
        (0x00, 0x00, &[], Error::Version),
        (0x21, 0x10, &IPV4, Error::Family),
        (0x21, 0x13, &IPV4, Error::Family),
        (0x21, 0x01, &IPV4, Error::Family),
        (0x21, 0x41, &IPV4, Error::Family),
        (0x21, 0xff, &IPV4, Error::Family),
        (0x21, 0x11, &IPV4[..11], Error::Addresses),
        (0x21, 0x11, &[], Error::Addresses),
        (0x21, 0x21, &IPV4, Error::Addresses),
        (0x21, 0x31, &IPV4, Error::Addresses),
    ] {
        check(&binary(command, family, rest), Err(error));
    }
    for broken in [&b"\r\n\r\n\0\r\nQUIX"[..], b"\r\n\r\nGET", b"\r\n\r\n\0\r\nQUIT\n\x31"] {
        let want = if broken.len() == 13 { Error::Version } else { Error::NoHeader };
        check(broken, Err(want));
    }
}

/// The fault: it was awaited whole, although its first bytes say that it is wrong.
#[test]
fn i474_a_wrong_binary_header_is_refused_before_it_is_whole() {
    for (family, length, error, at) in [
        (0x10, 12, Error::Family, 14),
        (0xff, 12, Error::Family, 14),
        (0x11, 11, Error::Addresses, 16),
        (0x22, 35, Error::Addresses, 16),
        (0x31, 215, Error::Addresses, 16),
        // The length is that of no header.
        (0xff, 0xffff, Error::Family, 14),
    ] {
        let bytes = binary(0x21, family, &vec![0; length]);
        for end in 0..bytes.len() {
            match parse(&bytes[..end], &Limits::default()) {
                Step::Need(0) => assert!(end < at, "{family:#x} {length} is not refused at {end}"),
                Step::Fault(found) => {
                    assert!(found == error && end >= at, "{family:#x} {length} {found:?} at {end}");
                }
                step => panic!("{step:?}"),
            }
        }
    }
}

#[test]
fn vectors() {
    let with = |tlvs: &[u8]| binary(0x21, 0x11, &[&IPV4, tlvs].concat());
    let base = "stream 192.0.2.1:56324 198.51.100.1:443";
    for (tlvs, want) in [
        (&b"\x01\0\x02h2"[..], Ok(" 01=h2")),
        (b"\x02\0\x0bexample.com\x04\0\0\xee\0\x01\0", Ok(" 02=example.com 04= ee=\\x00")),
        (b"\x05\0\x01a\x05\0\x01b", Ok(" 05=a 05=b")),
        (b"\x01", Err(Error::Tlv)),
        (b"\x01\0", Err(Error::Tlv)),
        (b"\x01\0\x01", Err(Error::Tlv)),
        (b"\x01\0\x02h2\x01\x01\0h", Err(Error::Tlv)),
    ] {
        let want = want.map(|words| format!("{base}{words}"));
        check(&with(tlvs), want.as_deref().map_err(|error| *error));
    }
    let bytes = with(b"\x02\0\x01a\x02\0\x01b");
    let Step::Event(_, header) = parse(&bytes, &Limits::default()) else { panic!("it is right") };
    assert_eq!(
        (header.tlvs().value(Tlv::AUTHORITY), header.tlvs().value(Tlv::ALPN)),
        (Some(&b"a"[..]), None)
    );
    assert_eq!(header.version(), Version::V2);
}

/// Against a sum that is taken in another way.
#[test]
fn checksums() {
    let with = |sum: &[u8]| {
        let length = u8::try_from(sum.len()).expect("it fits");
        binary(0x21, 0x11, &[&IPV4[..], &[0x03, 0, length], sum, b"\x04\0\x01z"].concat())
    };
    let right = crc32c(&with(&[0; 4])).to_be_bytes();
    let shown = right.escape_ascii();
    check(&with(&right), Ok(&format!("stream 192.0.2.1:56324 198.51.100.1:443 03={shown} 04=z")));
    for wrong in [&[0; 4][..], &[right[0], right[1], right[2], right[3] ^ 1], &right[..3], &[]] {
        check(&with(wrong), Err(Error::Checksum));
    }
}

/// By a table, as others do it.
fn crc32c(bytes: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256_u32)
        .map(|byte| {
            (0..8).fold(byte, |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 })
        })
        .collect();
    !bytes.iter().fold(u32::MAX, |sum, byte| table[((sum ^ u32::from(*byte)) & 0xff) as usize] ^ (sum >> 8))
}

#[test]
fn a_binary_header_is_no_longer_than_the_limit() {
    let padded = |bytes: usize| {
        let padding = vec![0; bytes - 16 - 12 - 3];
        let length = u16::try_from(padding.len()).expect("it fits").to_be_bytes();
        binary(0x21, 0x11, &[&IPV4[..], &[0x04], &length, &padding].concat())
    };
    let Step::Event(552, _) = parse(&padded(552), &Limits::default()) else {
        panic!("it is just short enough")
    };
    for bytes in [&padded(553)[..], &padded(553)[..16], &binary(0x20, 0, &[0; 537])] {
        assert!(matches!(parse(bytes, &Limits::default()), Step::Fault(Error::TooLong)));
    }
    assert!(matches!(parse(&padded(553)[..15], &Limits::default()), Step::Need(0)));
    let wide = Limits { header_bytes_max: usize::MAX };
    assert!(matches!(parse(&padded(60_000), &wide), Step::Event(60_000, _)));
}

#[test]
fn errors_say_what_is_wrong() {
    use Error::{Addresses, Checksum, Command, Family, Line, NoHeader, Tlv, TooLong, Version};
    let errors = [NoHeader, TooLong, Line, Version, Command, Family, Addresses, Tlv, Checksum];
    let mut sentences: Vec<String> = errors.iter().map(ToString::to_string).collect();
    sentences.sort_unstable();
    sentences.dedup();
    assert!(sentences.len() == errors.len() && sentences.iter().all(|sentence| sentence.contains("PROXY")));
}
