//! Mutated requests and WebSocket sessions: the fuzzer's seeds and valid inputs, changed by the fuzzer's mutator.

use jackfield::sim::Random;
use jackfield_fuzz::{Mutator, Target};
use jackfield_proto::websocket::{Opcode, encode_masked};

/// Makes mutants. The same seed gives the same mutants.
#[derive(Debug)]
pub(crate) struct Breeder {
    random: Random,
    requests: Brood,
    frames: Brood,
    handshakes: Brood,
}

/// Inputs of one kind, and their mutator.
#[derive(Debug)]
struct Brood {
    mutator: Mutator<'static>,
    parents: Vec<Vec<u8>>,
    /// One input in this many is not changed.
    sound_every: usize,
    spare: Vec<u8>,
}

/// Requests that the built-in server answers, so that mutants get past the head.
const REQUESTS: &[&[u8]] = &[
    b"GET /plaintext HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"HEAD /plaintext?a=b&c=%20 HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n",
    b"GET http://a.example/plaintext HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"GET /plaintext HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /publish HTTP/1.1\r\nHost: a.example\r\nContent-Length: 11\r\n\r\nhello world",
    b"POST /publish HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n\
      5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\n\r\n",
    b"PUT /nowhere HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
    b"GET /plaintext HTTP/1.1\r\nHost: a.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
      Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
      Accept-Encoding: gzip, deflate, br\r\nCookie: session=0123456789abcdef; theme=dark\r\n\
      Cache-Control: max-age=0\r\nUpgrade-Insecure-Requests: 1\r\n\r\n",
];

/// A valid handshake.
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The longest mutant: longer than a head may be, so that this limit is tested too.
const BYTES_MAX: usize = 20_000;
/// Payload lengths of valid frames.
const PAYLOADS: [usize; 6] = [0, 5, 125, 126, 4000, 70_000];

impl Breeder {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut brood = |target, sound: &[&[u8]], sound_every| {
            Brood::new(random.fork(), target, sound.iter().map(|bytes| bytes.to_vec()).collect(), sound_every)
        };
        let requests = brood("http1_machine", REQUESTS, 8);
        // Most handshakes are valid, so that most sessions begin.
        let handshakes = brood("websocket_handshake", &[UPGRADE], 16);
        let mut frames = brood("websocket_server", &[], 4);
        frames.parents.extend(PAYLOADS.map(echo));
        Self { random, requests, frames, handshakes }
    }

    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Appends a request.
    pub(crate) fn request(&mut self, out: &mut Vec<u8>) {
        self.requests.breed(out);
    }

    /// Appends a handshake, which is seldom mutated.
    pub(crate) fn handshake(&mut self, out: &mut Vec<u8>) {
        if self.random.chance(60) { self.handshakes.breed(out) } else { out.extend_from_slice(UPGRADE) }
    }

    /// Appends some frames.
    pub(crate) fn frames(&mut self, out: &mut Vec<u8>) {
        for _ in 0..self.random.between(1, 6) {
            self.frames.breed(out);
        }
    }
}

impl Brood {
    /// The valid inputs, and the seeds of a target of the fuzzer.
    fn new(random: Random, target: &str, mut parents: Vec<Vec<u8>>, sound_every: usize) -> Self {
        let target = Target::named(target).expect("it is one of the fuzzer's targets");
        parents.extend(target.seeds.iter().map(|seed| seed.to_vec()));
        let mutator = Mutator { random, dictionary: target.dictionary, bytes_max: BYTES_MAX };
        Self { mutator, parents, sound_every, spare: Vec::new() }
    }

    fn breed(&mut self, out: &mut Vec<u8>) {
        let Self { mutator, parents, sound_every, spare } = self;
        let parent = mutator.random.pick(parents).map_or(&[][..], Vec::as_slice);
        if mutator.random.below(*sound_every) == 0 {
            out.extend_from_slice(parent);
            return;
        }
        spare.clear();
        spare.extend_from_slice(parent);
        mutator.mutate(spare, parents);
        out.extend_from_slice(spare);
    }
}

/// A message that the server echoes.
fn echo(bytes: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_masked(Opcode::Binary, true, &vec![b'x'; bytes], [1, 2, 3, 4], &mut frame);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_same_seed_makes_the_same_mutants_and_few_are_alike() {
        let make = |seed| {
            let mut breeder = Breeder::new(seed);
            let kinds: [fn(&mut Breeder, &mut Vec<u8>); 3] =
                [Breeder::request, Breeder::handshake, Breeder::frames];
            let mut made = Vec::new();
            for kind in kinds.iter().cycle().take(6000) {
                let mut bytes = Vec::new();
                kind(&mut breeder, &mut bytes);
                made.push(bytes);
            }
            made
        };
        let first = make(1);
        assert_eq!(first, make(1));
        assert_ne!(first, make(2));
        assert!(first.iter().collect::<HashSet<_>>().len() > 3000);
    }
}
