//! A monitored server: metrics for Prometheus and health on a separate listener, an access log as JSON, and an observer
//! that counts answers by status.
//!
//! ```sh
//! cargo run --example metrics -- --listen 127.0.0.1:8080 --status 127.0.0.1:9090
//! curl http://127.0.0.1:8080/; curl http://127.0.0.1:9090/metrics; curl http://127.0.0.1:9090/health
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
        .bind()?;
    server.local_addrs().iter().for_each(|addr| println!("listening on {addr}"));
    server.serve(move |_peer| Page { counts: counts.clone() })
}
