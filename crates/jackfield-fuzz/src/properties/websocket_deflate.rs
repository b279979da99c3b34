//! Compressed messages, for both ends of the negotiation and of the compression.

use super::websocket::{Encode, check, limits};
use crate::log::Log;
use crate::tally::{count_round_trips, hash};
use jackfield_proto::Step;
use jackfield_proto::websocket::deflate::{Agreed, Deflater, Options, WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use jackfield_proto::websocket::{
    Event, Extension, HandshakeError, Limits, Machine, Message, Offer, Scratch, encode_masked,
};

/// Frames that a server gets which has agreed on permessage-deflate, with and without context takeover: what holds for
/// frames that are not compressed holds for them. The bytes as the field of a handshake: an answer to them is an offer
/// that means the same. And the bytes as messages are compressed and read again.
pub fn websocket_deflate(data: &[u8]) {
    check(data, || server(false), None, MASKED);
    check(data, || server(true), None, MASKED);
    negotiate(data);
    round_trip(data);
}

const MASKED: Encode =
    |opcode, payload, out| encode_masked(opcode, true, payload, [0x12, 0x80, 0, 0xff], out);

fn with_takeover() -> Options {
    Options { server_context_takeover: true, client_context_takeover: true, ..Options::default() }
}

fn server(takeover: bool) -> Machine {
    let options = if takeover { with_takeover() } else { Options::default() };
    let mut machine = Machine::server();
    machine.accept_deflate(&agree(b"permessage-deflate", &options).expect("nothing is asked for"));
    machine
}

fn agree(field: &[u8], options: &Options) -> Option<Agreed> {
    offer(field).ok().and_then(|offer| Agreed::negotiate(offer.extensions(), options))
}

fn offer(field: &[u8]) -> Result<Offer<'_>, HandshakeError> {
    let fields = [
        ("Host", &b"h"[..]),
        ("Upgrade", b"websocket"),
        ("Connection", b"Upgrade"),
        ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", b"13"),
        ("Sec-WebSocket-Extensions", field),
    ];
    Offer::check("GET", true, fields.into_iter())
}

fn negotiate(data: &[u8]) {
    let mut log = Log::default();
    let offer = match offer(data) {
        Ok(offer) => offer,
        Err(error) => return assert_eq!(error, HandshakeError::Extensions),
    };
    let list: Vec<&str> = offer.extensions().map(|extension| extension.as_str()).collect();
    let joined = list.join(",");
    assert!(self::offer(joined.as_bytes()).is_ok_and(|again| again.extensions().eq(offer.extensions())));
    for bits in WINDOW_BITS_MIN..=WINDOW_BITS_MAX {
        let options = Options { window_bits_max: bits, ..with_takeover() };
        let Some(agreed) = Agreed::negotiate(offer.extensions(), &options) else {
            return assert!(
                bits == WINDOW_BITS_MIN,
                "whether an offer can be accepted does not depend on ours"
            );
        };
        assert!((WINDOW_BITS_MIN..=bits).contains(&agreed.server_window_bits()));
        assert!(
            offer.extensions().any(|offer| is_answer_to(&agreed, offer)),
            "{agreed} answers none of {list:?}"
        );
        let answer = agreed.to_string();
        log.note("agreed", &answer);
        assert_eq!(agree(answer.as_bytes(), &options).map(|again| again.to_string()), Some(answer));
        count_round_trips(1);
    }
}

/// Whether an offer lets its server answer so.
fn is_answer_to(agreed: &Agreed, offer: Extension<'_>) -> bool {
    let asks = |name| offer.params().find(|(given, _)| *given == name);
    offer.name() == "permessage-deflate"
        && !(agreed.server_context_takeover() && asks("server_no_context_takeover").is_some())
        && asks("server_max_window_bits").is_none_or(|(_, bits)| {
            bits.and_then(|bits| bits.parse().ok())
                .is_some_and(|bits: u8| agreed.server_window_bits() <= bits)
        })
}

/// The bytes as messages, by a deflater that depends on them.
fn round_trip(data: &[u8]) {
    let seed = hash(data);
    let takeover = seed & 1 == 0;
    let options = Options { level: (seed >> 8) as u8 % 9 + 1, message_bytes_min: 0, ..with_takeover() };
    let mut deflater = Deflater::new(&options, (seed >> 16) as u8, takeover);
    let (mut machine, mut scratch) = (server(takeover), Scratch::new());
    let limits = Limits { message_bytes_max: data.len(), ..limits() };
    let (first, second) = data.split_at((seed >> 24) as usize % (data.len() + 1));
    for payload in [first, second, first, data] {
        let mut bytes = Vec::new();
        deflater.encode(Message::Binary(payload), Some([1, 2, 3, 4]), &mut bytes);
        let room = Limits { frame_in_place_bytes_max: bytes.len(), ..limits.clone() };
        let length = bytes.len();
        match machine.step(&mut bytes, &mut scratch, &room) {
            Step::Event(used, Event::Message(message)) => {
                assert_eq!((used, message), (length, Message::Binary(payload)));
            }
            step => panic!("{step:?}"),
        }
    }
    count_round_trips(4);
}
