//! A monitored server: metrics for Prometheus and health on a separate listener, an access log as JSON, and an observer
//! that counts answers by status.
//!
//! ```text
//! $ cargo run --example metrics -- --listen 127.0.0.1:8080 --status 127.0.0.1:9090
//! listening on 127.0.0.1:8080
//! listening on 127.0.0.1:9090
//! try: curl http://127.0.0.1:8080/, curl http://127.0.0.1:9090/metrics, curl http://127.0.0.1:9090/health
//! {"time":"2026-11-29T13:53:30Z","peer":"127.0.0.1:46872","listener":0,"method":"GET","path":"/", ..}
//!
//! $ curl http://127.0.0.1:8080/; curl http://127.0.0.1:8080/
//! 0 good, 0 not found
//! 1 good, 0 not found
//! $ curl http://127.0.0.1:9090/health
//! running
//! $ curl -s http://127.0.0.1:9090/metrics | grep http_requests
//! # HELP jackfield_http_requests_total Requests whose head has come.
//! # TYPE jackfield_http_requests_total counter
//! jackfield_http_requests_total 4
//! ```

use jackfield::{AccessLog, Client, Exchange, Finished, Listener, Observer, Request, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Answers by the first digit of their status.
#[derive(Clone, Default)]
struct ByStatus(Arc<[AtomicU64; 6]>);

impl Observer for ByStatus {
    fn wants_finished(&self, listener: usize) -> bool {
        listener == 0
    }

    fn on_finished(&self, finished: &Finished<'_>) {
        self.0[usize::from(finished.status / 100).min(5)].fetch_add(1, Ordering::Relaxed);
    }
}

struct Page {
    counts: ByStatus,
}

impl Client for Page {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/" => {
                let counts = self.counts.0.each_ref().map(|count| count.load(Ordering::Relaxed));
                exchange.ok("text/plain", format!("{} good, {} not found\n", counts[2], counts[4]));
            }
            _ => exchange.not_found(),
        }
    }
}

fn main() -> jackfield::Result<()> {
    let options = options::Options::read("metrics [--listen ADDR] [--status ADDR]");
    let counts = ByStatus::default();
    let server = Server::builder()
        .listen(options.value("--listen").unwrap_or("127.0.0.1:8080"))
        .listen(Listener::tcp(options.value("--status").unwrap_or("127.0.0.1:9090")).status())
        .access_log(AccessLog::json(std::io::stderr()).queries(true))
        .observer(counts.clone())
        .shutdown_on_signals()
        .bind()
        .unwrap_or_else(options::fail);
    let addrs = server.local_addrs();
    addrs.iter().for_each(|addr| println!("listening on {addr}"));
    println!("try: curl http://{}/, curl http://{1}/metrics, curl http://{1}/health", addrs[0], addrs[1]);
    server.serve(move |_peer| Page { counts: counts.clone() })
}
