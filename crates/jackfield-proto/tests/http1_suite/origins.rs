//! Where requests go to, and where pages come from.

use jackfield_proto::Step;
use jackfield_proto::http1::{Authority, Event, HeaderSlots, Limits, Machine, Origin};

#[test]
fn authorities_are_taken_apart() {
    for (text, expected) in [
        ("a.example", Some(("a.example", None))),
        ("a.example:80", Some(("a.example", Some(80)))),
        ("a.example:", Some(("a.example", None))),
        ("a:65535", Some(("a", Some(65_535)))),
        ("a:0", Some(("a", Some(0)))),
        ("a:00080", Some(("a", Some(80)))),
        ("127.0.0.1:8080", Some(("127.0.0.1", Some(8080)))),
        ("[::1]", Some(("[::1]", None))),
        ("[::1]:443", Some(("[::1]", Some(443)))),
        ("[::1]:", Some(("[::1]", None))),
        ("a%20b:1", Some(("a%20b", Some(1)))),
        ("", None),
        (":80", None),
        ("a:65536", None),
        ("a:x", None),
        ("a:-1", None),
        ("a:1:2", None),
        ("[::1", None),
        ("::1", None),
        ("user@a", None),
        ("a/b", None),
        ("a b", None),
    ] {
        let authority = Authority::parse(text);
        assert_eq!(authority.map(|authority| (authority.host(), authority.port())), expected, "{text:?}");
    }
}

#[test]
fn origins_are_taken_apart() {
    for (text, expected) in [
        ("https://a.example", Some(("https", "a.example", Some(443)))),
        ("HTTP://a", Some(("HTTP", "a", Some(80)))),
        ("ws://a", Some(("ws", "a", Some(80)))),
        ("wss://a", Some(("wss", "a", Some(443)))),
        ("https://a:8443", Some(("https", "a", Some(8443)))),
        ("http://[::1]:80", Some(("http", "[::1]", Some(80)))),
        ("moz-extension://0123-4567", Some(("moz-extension", "0123-4567", None))),
        ("null", None),
        ("", None),
        ("a.example", None),
        ("://a", None),
        ("1http://a", None),
        ("ht tp://a", None),
        ("https://", None),
        ("https://a/", None),
        ("https://a?b", None),
        ("https://a#b", None),
        ("https://user@a", None),
        ("https://a:port", None),
        ("file:///a", None),
    ] {
        let origin = Origin::parse(text);
        let parts = origin.map(|origin| (origin.scheme(), origin.host(), origin.port()));
        assert_eq!(parts, expected, "{text:?}");
    }
}

#[test]
fn the_same_origin_can_be_written_in_several_ways() {
    for (one, other, is_same) in [
        ("https://a.example", "https://a.example:443", true),
        ("https://a.example", "HTTPS://A.Example", true),
        ("http://a", "http://a:80", true),
        ("http://a:", "http://a", true),
        ("https://a", "http://a", false),
        ("https://a:80", "http://a:80", false),
        ("https://a", "https://a:8443", false),
        ("https://a", "https://b", false),
        ("https://a", "https://a.b", false),
        ("wss://a", "https://a", false),
        ("x://a", "x://a", true),
        ("x://a", "x://a:1", false),
    ] {
        let (one, other) = (Origin::parse(one).unwrap(), Origin::parse(other).unwrap());
        assert_eq!((one == other, other == one), (is_same, is_same), "{one:?} {other:?}");
    }
}

/// The first lines of a request, where it goes to, and origins that are at home there and elsewhere.
type Case =
    (&'static str, Option<(&'static str, Option<u16>)>, &'static [&'static str], &'static [&'static str]);

#[test]
fn the_target_says_where_a_request_goes_to() {
    let cases: &[Case] = &[
        (
            "GET / HTTP/1.1\r\nHost: a",
            Some(("a", None)),
            &["http://a", "https://a", "wss://a:443", "http://A:80"],
            &["http://a:443", "https://a:80", "http://b"],
        ),
        (
            "GET / HTTP/1.1\r\nHost: a:443",
            Some(("a", Some(443))),
            &["https://a", "wss://a", "http://a:443"],
            &["http://a", "ws://a"],
        ),
        (
            "GET / HTTP/1.1\r\nHost: a:80",
            Some(("a", Some(80))),
            &["http://a", "ws://a"],
            &["https://a", "wss://a"],
        ),
        (
            "GET http://a/ HTTP/1.1\r\nHost: b:99",
            Some(("a", Some(80))),
            &["http://a"],
            &["https://a", "http://b", "http://b:99"],
        ),
        (
            "GET https://a HTTP/1.1\r\nHost: b",
            Some(("a", Some(443))),
            &["https://a:443"],
            &["http://a", "https://b"],
        ),
        ("GET HTTPS://a:1?b HTTP/1.1\r\nHost: b", Some(("a", Some(1))), &["http://a:1"], &["https://a"]),
        ("GET / HTTP/1.1\r\nHost: a:99999", None, &[], &[]),
        ("GET / HTTP/1.0", None, &[], &[]),
    ];
    for (head, expected, at_home, elsewhere) in cases {
        let (bytes, mut slots, mut whole) = (format!("{head}\r\n\r\n"), HeaderSlots::new(), Vec::new());
        let step = Machine::new().step(bytes.as_bytes(), &mut slots, &mut whole, &Limits::default());
        let Step::Event(_, Event::Request(request)) = step else { panic!("{head:?}: {step:?}") };
        let authority = request.authority();
        assert_eq!(authority.map(|authority| (authority.host(), authority.port())), *expected, "{head:?}");
        for (origins, is_at) in [(at_home, true), (elsewhere, false)] {
            for origin in *origins {
                assert_eq!(
                    Origin::parse(origin).unwrap().is_at(authority.unwrap()),
                    is_at,
                    "{head:?}: {origin}"
                );
            }
        }
    }
}
