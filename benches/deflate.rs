//! Time of compression: a message there and back beside bare zlib-rs, and a message to many. `cargo bench -p jackfield-benches
//! --bench deflate`.

use divan::{Bencher, black_box, counter::BytesCount};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{Client, Deflate, Message, WebSocket};
use jackfield_proto::websocket::deflate::{Deflater, Inflater, Options};
use std::cell::RefCell;

fn main() {
    divan::main();
}

const SIZES: [usize; 3] = [1 << 10, 16 << 10, 256 << 10];

/// Text as services send it: records with the same names and different numbers.
fn records(bytes: usize) -> String {
    let record = |n: usize| {
        format!("{{\"id\":{n},\"price\":{}.{:02},\"side\":\"buy\"}},", n * 7919 % 1000, n * 31 % 100)
    };
    let mut text: String = (0..bytes / 30).map(record).collect();
    text.truncate(bytes);
    text
}

/// A message compressed as a frame, and decompressed within a limit.
#[divan::bench(args = SIZES)]
fn round_trip(bencher: Bencher<'_, '_>, size: usize) {
    let text = records(size);
    let (mut deflater, mut inflater) = (Deflater::new(&Options::default(), 15, false), Inflater::new(false));
    let mut out = Vec::new();
    bencher.counter(BytesCount::new(size)).bench_local(|| {
        let Some((_, payload)) = deflater.compress(Message::Text(black_box(&text))) else {
            panic!("it is long")
        };
        assert!(inflater.inflate(payload, &mut out, 1 << 20).is_ok());
        black_box(&out);
    });
}

/// The same with nothing around it: the best that there can be.
#[divan::bench(args = SIZES)]
fn round_trip_of_bare_zlib_rs(bencher: Bencher<'_, '_>, size: usize) {
    let text = records(size);
    let (mut deflate, mut inflate) = (Compress::new(Compression::new(1), false), Decompress::new(false));
    let (mut compressed, mut out) = (Vec::with_capacity(size + 100), Vec::with_capacity(size + 100));
    bencher.counter(BytesCount::new(size)).bench_local(|| {
        compressed.clear();
        out.clear();
        let deflated = deflate.compress_vec(black_box(text.as_bytes()), &mut compressed, FlushCompress::Sync);
        let inflated = inflate.decompress_vec(&compressed, &mut out, FlushDecompress::Sync);
        assert!(deflated.is_ok() && inflated.is_ok() && out.len() == size);
        deflate.reset();
        inflate.reset(false);
        black_box(&out);
    });
}

struct Member;

impl Client for Member {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.subscribe("room");
    }
}

/// A message of 4 KiB to this number of members that have agreed on compression: it is compressed once.
#[divan::bench(args = [1_000, 10_000], sample_count = 20, sample_size = 1)]
fn publish_compressed(bencher: Bencher<'_, '_>, members: usize) {
    publish(bencher, members, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
}

/// The same to members that have not.
#[divan::bench(args = [1_000, 10_000], sample_count = 20, sample_size = 1)]
fn publish_plain(bencher: Bencher<'_, '_>, members: usize) {
    publish(bencher, members, "");
}

fn publish(bencher: Bencher<'_, '_>, members: usize, line: &str) {
    let mut options = TestOptions::default();
    options.limits.deflate = Deflate::shared();
    let mut server = TestServer::with_options(options, |_peer| Member);
    let request = format!(
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{line}\r\n"
    );
    let ends: Vec<FarEnd> = (0..members).map(|_| server.connect()).collect();
    ends.iter().for_each(|far| far.send(request.as_bytes()));
    server.run();
    let (server, text) = (RefCell::new(server), records(4 << 10));
    let drained = || ends.iter().for_each(|far| drop(far.take()));
    bencher.with_inputs(drained).bench_local_values(|()| {
        let mut server = server.borrow_mut();
        server.handle().publish("room", &text);
        server.run();
    });
    let metrics = server.borrow().handle().metrics();
    let published = metrics.messages_out / members as u64;
    assert_eq!(metrics.compressed, if line.is_empty() { 0 } else { published }, "once for all");
}
