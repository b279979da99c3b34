//! Time of what the protocol crate does for one message. `cargo bench -p jackfield-benches`.

use divan::{Bencher, black_box, counter::BytesCount};
use jackfield_benches::{BROWSER_REQUEST, SMALL_REQUEST, mixed_text};
use jackfield_proto::http1::{self, DateBlock, HeaderSlots, ResponseToSend};
use jackfield_proto::websocket::{self, Message, Opcode, Scratch};
use jackfield_proto::{Step, sse};

fn main() {
    divan::main();
}

const SIZES: [usize; 4] = [20, 126, 1 << 10, 16 << 10];

/// A head parsed and a short answer encoded.
#[divan::bench(args = ["small", "browser"])]
fn http_exchange(bencher: Bencher<'_, '_>, head: &str) {
    let request = if head == "small" { SMALL_REQUEST } else { BROWSER_REQUEST };
    let (mut machine, limits, date) = (http1::Machine::new(), http1::Limits::default(), DateBlock::new(0));
    let (mut slots, mut whole, mut out) = (HeaderSlots::new(), Vec::new(), Vec::new());
    let head = ResponseToSend::new(200, "text/plain");
    bencher.counter(BytesCount::new(request.len())).bench_local(|| {
        let step = machine.step(black_box(request), &mut slots, &mut whole, &limits);
        assert!(matches!(step, Step::Event(..)));
        out.clear();
        let _ = machine.respond(&head, 13, &date, &mut out);
        black_box(&out);
    });
}

/// Unmasking alone, in place.
#[divan::bench(args = SIZES)]
fn websocket_mask(bencher: Bencher<'_, '_>, size: usize) {
    let mut payload = vec![7; size];
    bencher.counter(BytesCount::new(size)).bench_local(|| {
        websocket::mask(black_box(&mut payload), [1, 2, 3, 4], 0);
    });
}

/// A masked binary frame taken apart, and its echo encoded. The frame is copied first, because it is unmasked in place.
#[divan::bench(args = SIZES)]
fn websocket_binary_echo(bencher: Bencher<'_, '_>, size: usize) {
    echo(bencher, Message::Binary(&vec![7; size]));
}

/// The same with text that is not all ASCII: the difference is the check of its UTF-8.
#[divan::bench(args = SIZES)]
fn websocket_text_echo(bencher: Bencher<'_, '_>, size: usize) {
    echo(bencher, Message::Text(&mixed_text(size)));
}

fn echo(bencher: Bencher<'_, '_>, message: Message<'_>) {
    let opcode = if matches!(message, Message::Text(_)) { Opcode::Text } else { Opcode::Binary };
    let mut frame = Vec::new();
    websocket::encode_masked(opcode, true, message.as_bytes(), [1, 2, 3, 4], &mut frame);
    let (mut machine, limits) = (websocket::Machine::server(), websocket::Limits::default());
    let (mut scratch, mut out, mut rx) = (Scratch::new(), Vec::new(), frame.clone());
    bencher.counter(BytesCount::new(message.len())).bench_local(|| {
        rx.copy_from_slice(&frame);
        let step = machine.step(black_box(&mut rx), &mut scratch, &limits);
        let Step::Event(_, websocket::Event::Message(message)) = step else { panic!("no message") };
        out.clear();
        websocket::encode(message, &mut out);
        black_box(&out);
    });
}

/// An event with one line of data.
#[divan::bench(args = SIZES)]
fn sse_encode(bencher: Bencher<'_, '_>, size: usize) {
    let (data, mut out) = ("x".repeat(size), Vec::new());
    bencher.counter(BytesCount::new(size)).bench_local(|| {
        out.clear();
        let encoded = sse::Event::data(black_box(&data)).encode(&mut out);
        assert!(encoded.is_ok());
        black_box(&out);
    });
}
