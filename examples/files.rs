//! Serves a folder, with ranges, conditions and compressed files beside the originals, and writes an access log.
//!
//! ```sh
//! cargo run --example files -- --listen 127.0.0.1:8080 --root docs
//! curl -r 0-99 http://127.0.0.1:8080/features.md
//! ```

use jackfield::{AccessLog, Client, Exchange, Files, Request, Server};

struct Page {
    files: Files,
}

impl Client for Page {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        self.files.answer(exchange, request);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = options::Options::read("files [--listen ADDR] [--root FOLDER]");
    let files = Files::folder(options.value("--root").unwrap_or("."))?;
    let files = files.precompressed(true).cache_control("no-cache");
    let server = Server::builder()
        .listen(options.value("--listen").unwrap_or("127.0.0.1:8080"))
        .access_log(AccessLog::common(std::io::stderr()))
        .shutdown_on_signals()
        .bind()?;
    println!("listening on {}", server.local_addr());
    server.serve(move |_peer| Page { files: files.clone() })?;
    Ok(())
}
