//! Time of JSON: a whole request and its answer in memory, with a value and with bytes that are ready, beside what serde_json
//! takes for the value alone. `cargo bench -p jackfield-benches --bench json`.

use divan::{Bencher, black_box};
use jackfield::test::TestServer;
use jackfield::{Client, Exchange, Request};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

fn main() {
    divan::main();
}

/// Entries of a list: 60 bytes of JSON each.
const ENTRIES: [usize; 3] = [1, 20, 400];

#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    id: u64,
    name: String,
    price: f64,
    in_stock: bool,
}

fn entries(count: usize) -> Vec<Entry> {
    let entry =
        |id| Entry { id, name: format!("thing number {id}"), price: id as f64 / 4.0, in_stock: id % 3 > 0 };
    (0..count as u64).map(entry).collect()
}

/// Answers GET with its list, and POST with how long the list in its body is.
struct Shop {
    list: Arc<Vec<Entry>>,
    ready: Arc<Vec<u8>>,
    is_ready: bool,
}

impl Client for Shop {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match (request.method(), self.is_ready) {
            // A copy, as a value must be one: what is shared would not be copied at all.
            ("GET", true) => exchange.ok("application/json", self.ready.to_vec()),
            ("GET", false) => exchange.json(&*self.list),
            (_, true) => {
                black_box(request.body());
                exchange.ok("text/plain", "taken");
            }
            (_, false) => match request.json::<Vec<Entry>>() {
                Ok(list) => {
                    black_box(list);
                    exchange.ok("text/plain", "taken");
                }
                Err(error) => exchange.respond(error.status(), "text/plain", error.to_string()),
            },
        }
    }
}

fn exchange(bencher: Bencher<'_, '_>, count: usize, method: &str, is_ready: bool) {
    let list = Arc::new(entries(count));
    let ready = Arc::new(serde_json::to_vec(&*list).expect("it is JSON"));
    let body = if method == "GET" { Vec::new() } else { ready.to_vec() };
    let head = format!(
        "{method} / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), &body].concat();
    let mut server =
        TestServer::new(move |_peer| Shop { list: list.clone(), ready: ready.clone(), is_ready });
    let far = server.connect();
    bencher.bench_local(|| {
        far.send(black_box(&request));
        server.run();
        let answer = far.take();
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
        answer
    });
}

#[divan::bench(args = ENTRIES)]
fn answer_of_a_value(bencher: Bencher<'_, '_>, count: usize) {
    exchange(bencher, count, "GET", false);
}

#[divan::bench(args = ENTRIES)]
fn answer_of_ready_bytes(bencher: Bencher<'_, '_>, count: usize) {
    exchange(bencher, count, "GET", true);
}

#[divan::bench(args = ENTRIES)]
fn answer_serde_json_alone(bencher: Bencher<'_, '_>, count: usize) {
    let list = entries(count);
    bencher.bench_local(|| serde_json::to_vec(black_box(&list)));
}

#[divan::bench(args = ENTRIES)]
fn body_as_a_value(bencher: Bencher<'_, '_>, count: usize) {
    exchange(bencher, count, "POST", false);
}

#[divan::bench(args = ENTRIES)]
fn body_as_bytes(bencher: Bencher<'_, '_>, count: usize) {
    exchange(bencher, count, "POST", true);
}

#[divan::bench(args = ENTRIES)]
fn body_serde_json_alone(bencher: Bencher<'_, '_>, count: usize) {
    let body = serde_json::to_vec(&entries(count)).expect("it is JSON");
    bencher.bench_local(|| serde_json::from_slice::<Vec<Entry>>(black_box(&body)));
}
