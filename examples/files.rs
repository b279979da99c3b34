//! Serves a folder, with ranges, conditions and compressed files beside the originals, and writes an access log.
//!
//! ```text
//! $ cargo run --example files -- --listen 127.0.0.1:8080 --root docs
//! listening on 127.0.0.1:8080
//! try: curl -r 0-99 http://127.0.0.1:8080/NAME for a file in docs
//!
//! $ curl -i -r 0-9 http://127.0.0.1:8080/features.md
//! HTTP/1.1 206 Partial Content
//! Date: ..
//! Content-Type: text/markdown; charset=utf-8
//! Content-Length: 10
//! ETag: ..
//! Accept-Ranges: bytes
//! Last-Modified: ..
//! Vary: Accept-Encoding
//! Cache-Control: no-cache
//! Content-Range: bytes 0-9/..
//!
//! # Features
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

fn main() -> jackfield::Result<()> {
    let options = options::Options::read("files [--listen ADDR] [--root FOLDER]");
    let root = options.value("--root").unwrap_or(".");
    let files =
        Files::folder(root).unwrap_or_else(|error| options::fail(format!("`--root {root}`: {error}")));
    let files = files.precompressed(true).cache_control("no-cache");
    let server = Server::builder()
        .listen(options.value("--listen").unwrap_or("127.0.0.1:8080"))
        .access_log(AccessLog::common(std::io::stderr()))
        .shutdown_on_signals()
        .bind()
        .unwrap_or_else(options::fail);
    println!("listening on {0}\ntry: curl -r 0-99 http://{0}/NAME for a file in {root}", server.local_addr());
    server.serve(move |_peer| Page { files: files.clone() })
}
