//! How the bytes are cut is no matter.

use crate::support::probe::Probe;
use crate::support::{Lab, get, outcome_of, socket, text};
use jackfield::BodyPlan;
use jackfield::test::listener;
use proptest::prelude::*;

/// A piece of a session.
fn http_piece() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(b'a'..=b'z', 0..300);
    prop_oneof![
        "[a-z]{1,8}".prop_map(|path| get(&format!("/{path}")).into_bytes()),
        Just(b"HEAD /head HTTP/1.1\r\nHost: h\r\nX-Long: value\r\n\r\n".to_vec()),
        body.clone().prop_map(|body| {
            let head = format!("POST /whole HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
            [head.into_bytes(), body].concat()
        }),
        body.clone().prop_map(|body| {
            let head = format!("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
            [head.into_bytes(), body].concat()
        }),
        (body, 1..50_usize).prop_map(|(body, chunk)| {
            let mut input =
                b"POST /chunks HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for chunk in body.chunks(chunk) {
                input.extend(format!("{:x};ext\r\n", chunk.len()).into_bytes());
                input.extend([chunk, b"\r\n"].concat());
            }
            input.extend(b"0\r\nX-Trailer: t\r\n\r\n");
            input
        }),
        Just(b"POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz".to_vec()),
        Just(b"GET /bad HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n".to_vec()),
    ]
}

fn socket_piece() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::collection::vec(any::<u8>(), 0..400);
    prop_oneof![
        4 => "\\PC{0,60}".prop_map(|text| socket::text(&text)),
        4 => payload.clone().prop_map(|bytes| socket::binary(&bytes)),
        2 => prop::collection::vec(any::<u8>(), 0..126).prop_map(|bytes| socket::ping(&bytes)),
        3 => (payload, 1..100_usize).prop_map(|(bytes, size)| {
            let mut input = socket::masked(socket::BINARY, b"");
            for part in bytes.chunks(size) {
                input.extend(socket::masked(socket::CONTINUATION, part));
                input.extend(socket::ping(b"between"));
            }
            input.extend(socket::masked(socket::FIN, b""));
            input
        }),
        1 => Just(socket::masked(socket::FIN | socket::TEXT, b"not \xff text")),
        1 => Just(socket::masked(socket::FIN | 5, b"opcode 5")),
        1 => Just(socket::close(1000, "bye")),
    ]
}

pub(crate) fn session() -> impl Strategy<Value = Vec<u8>> {
    let http = prop::collection::vec(http_piece(), 0..6);
    let frames = prop::collection::vec(socket_piece(), 0..10);
    (http, any::<bool>(), frames).prop_map(|(http, upgrades, frames)| {
        let upgrade = if upgrades { socket::UPGRADE.as_bytes().to_vec() } else { Vec::new() };
        [http.concat(), upgrade, if upgrades { frames.concat() } else { Vec::new() }].concat()
    })
}

pub(crate) fn mixed() -> Probe {
    Probe {
        on_head: |_, _, request| match request.path() {
            "/stream" => BodyPlan::Stream,
            "/refused" => BodyPlan::Reject(403),
            _ => BodyPlan::Collect,
        },
        ..Probe::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_the_bytes_gives_the_same_events(
        input in session(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let whole = outcome_of(mixed, listener::HTTP, &[&input]);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts {
            parts.push(&input[from..cut]);
            from = cut;
        }
        parts.push(&input[from..]);
        let split = outcome_of(mixed, listener::HTTP, &parts);
        prop_assert_eq!(&whole, &split, "whole:\n{}\nsplit:\n{}", whole, split);
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        let single = outcome_of(mixed, listener::HTTP, &bytes);
        prop_assert_eq!(&whole, &single, "whole:\n{}\nin single bytes:\n{}", whole, single);
    }

    #[test]
    fn short_reads_and_short_writes_change_nothing(
        input in session(),
        read_max in 1..40_usize,
        room in 1..60_usize,
    ) {
        let whole = outcome_of(mixed, listener::HTTP, &[&input]);
        let mut lab = Lab::new(mixed);
        let far = lab.connect();
        far.set_read_max(Some(read_max));
        far.set_room(Some(room));
        far.send(&input);
        let mut output = Vec::new();
        for _ in 0..100_000 {
            lab.run();
            let more = far.take();
            if more.is_empty() {
                break;
            }
            output.extend(more);
            far.set_room(Some(room));
        }
        prop_assert_eq!(text(&output), text(&whole.output));
        prop_assert_eq!(lab.log.events(), whole.log);
        prop_assert_eq!(&*lab.log.requests(), &whole.requests);
    }
}
