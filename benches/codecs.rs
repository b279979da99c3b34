//! What an answer that is compressed, or JSON, costs beyond one whose bytes are ready, and a body that is read as JSON beyond one
//! that is taken as bytes, beside what the library alone takes for the same. `cargo bench -p jackfield-benches --bench codecs`.
//!
//! The three take their turns, so that whatever the machine does otherwise falls on all alike; what is shown are medians.

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use jackfield::test::{FarEnd, TestServer};
use jackfield::{Client, Compression, Exchange, Request};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: usize = 101;
/// How many bytes of bodies one timed round handles: so few that the system seldom interrupts a round.
const ROUND_BYTES: usize = 256 << 10;

#[derive(Serialize, Deserialize)]
struct Entry {
    id: usize,
    name: String,
    price: f64,
}

/// Answers with its list, by the path: as a value, as bytes that are ready, and compressed here or before; or takes a list.
struct Shop(Arc<Goods>);

struct Goods {
    list: Vec<Entry>,
    text: Vec<u8>,
    compressed: Vec<u8>,
}

impl Client for Shop {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let goods = &*self.0;
        // Copies, as what is made for an answer is given away too.
        match request.path() {
            "/json" => exchange.json(&goods.list),
            "/text" => exchange.ok("application/json", goods.text.clone()),
            "/gzip" => {
                let answer = exchange.response(200).compressed(Compression::accepted_by(request));
                answer.body("application/json", &goods.text).expect("the lines can be written");
            }
            "/ready" => exchange.ok("application/json", goods.compressed.clone()),
            "/take" => {
                black_box(request.body());
                exchange.ok("text/plain", "taken");
            }
            _ => {
                black_box(request.json::<Vec<Entry>>().expect("it is a list"));
                exchange.ok("text/plain", "read");
            }
        }
    }
}

impl Goods {
    fn new(count: usize) -> Self {
        let entry = |id| Entry { id, name: format!("thing number {id}"), price: id as f64 / 4.0 };
        let list: Vec<Entry> = (0..count).map(entry).collect();
        let text = serde_json::to_vec(&list).expect("it is JSON");
        let compressed = gzip(&text);
        Self { list, text, compressed }
    }
}

/// As the server does: the lowest level, into a quarter of the length.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Level::new(1));
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes it")
}

fn main() {
    println!("| what | bytes | ready bytes | made or read by the server | the library alone | ratio |");
    for count in [40, 400, 4000] {
        let goods = Arc::new(Goods::new(count));
        let theirs = goods.clone();
        let mut server = TestServer::new(move |_peer| Shop(theirs.clone()));
        let far = server.connect();
        let mut ask = |request: &[u8]| ask(&mut server, &far, request);
        compare("JSON, made", &goods, &mut ask, ["/text", "/json"].map(get), &|goods| {
            drop(black_box(serde_json::to_vec(&goods.list)));
        });
        compare("gzip, made", &goods, &mut ask, ["/ready", "/gzip"].map(get), &|goods| {
            drop(black_box(gzip(&goods.text)));
        });
        compare(
            "JSON, read",
            &goods,
            &mut ask,
            ["/take", "/read"].map(|path| post(path, &goods.text)),
            &|goods| {
                drop(black_box(serde_json::from_slice::<Vec<Entry>>(&goods.text)));
            },
        );
    }
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n").into_bytes()
}

fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    [format!("POST {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n").as_bytes(), body].concat()
}

/// One request and its answer, which is thrown away.
fn ask(server: &mut TestServer, far: &FarEnd, request: &[u8]) {
    far.send(request);
    server.run();
    assert!(black_box(far.take()).starts_with(b"HTTP/1.1 200 "));
}

fn compare(
    name: &str,
    goods: &Goods,
    ask: &mut impl FnMut(&[u8]),
    [ready, made]: [Vec<u8>; 2],
    library: &dyn Fn(&Goods),
) {
    let times = ROUND_BYTES.div_ceil(goods.text.len());
    let mut all = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        all[0].push(timed(times, || ask(&ready)));
        all[1].push(timed(times, || ask(&made)));
        all[2].push(timed(times, || library(black_box(goods))));
    }
    let [ready, made, bare] = all.map(|mut times| {
        times.sort_unstable_by(f64::total_cmp);
        times[ROUNDS / 2]
    });
    let (bytes, ratio) = (goods.text.len(), (made - ready) / bare);
    println!("| {name} | {bytes} | {ready:.1} µs | {made:.1} µs | {bare:.1} µs | {ratio:.2} |");
}

/// Microseconds for each time.
fn timed(times: usize, mut act: impl FnMut()) -> f64 {
    let begin = Instant::now();
    (0..times).for_each(|_| act());
    begin.elapsed().as_secs_f64() * 1e6 / times as f64
}
