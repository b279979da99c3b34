//! Uploads that are streamed to disk: the server's pool writes them, the reactor never waits for the disk, and nothing is
//! read from a client while its last piece is being written. How far it is, a stream of events at the same path tells. Of a
//! client that leaves in the middle no file stays.
//!
//! ```text
//! $ cargo run --example upload -- --listen 127.0.0.1:8080 --folder /tmp
//! listening on 127.0.0.1:8080
//! try: http://127.0.0.1:8080/ in a browser
//!
//! $ head -c 131072 /dev/zero | curl -T - http://127.0.0.1:8080/photo
//! 131072 bytes in "/tmp/..
//! ```
//!
//! Meanwhile `curl -N http://127.0.0.1:8080/photo` shows how far it is: lines such as `data: 65536`.

use jackfield::{BodyPlan, Client, Connection, Exchange, Offloaded, Request, Server};
use std::io::{self, Write};
use std::{any::Any, path::PathBuf};
use tempfile::NamedTempFile;

/// What a browser shows: a file to choose, and how much of it is written.
const PAGE: &str = r#"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<meta name=color-scheme content="light dark"><style>html { background: Canvas; font-family: system-ui }
input { font: inherit; max-width: 100% }</style>
<link rel=icon href="data:,"><title>Upload</title><h1>Upload</h1>
<input type=file id=file><p id=state>choose a file</p><script>
const state = document.getElementById('state');
document.getElementById('file').onchange = async event => {
    const name = 'web' + Date.now(), progress = new EventSource(name);
    progress.onmessage = event => state.textContent = event.data;
    progress.onopen = async () => {
        // It comes again when a lost stream is back.
        progress.onopen = null;
        try {
            const done = await fetch(name, { method: 'PUT', body: event.target.files[0] });
            state.textContent = await done.text();
        } catch (error) {
            state.textContent = error.message;
        }
        // A browser has six connections for a server, and this stream takes one.
        progress.close();
    };
};
</script>"#;

/// A larger file ends its connection.
const BYTES_MAX: usize = 1 << 30;

#[derive(Default)]
struct Uploader {
    folder: PathBuf,
    topic: String,
    /// The first part makes it, and it is removed if it is not kept. While a part is being written the pool has it.
    file: Option<NamedTempFile>,
    written: usize,
}

impl Client for Uploader {
    fn on_head(&mut self, _connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        (self.topic, self.file, self.written) = (request.path().to_owned(), None, 0);
        BodyPlan::Stream
    }

    fn on_body(&mut self, connection: &mut Connection<'_>, part: &[u8]) {
        // No further part comes until this one is written.
        connection.pause_read();
        self.written += part.len();
        let (file, folder, part) = (self.file.take(), self.folder.clone(), part.to_vec());
        let job = move || {
            let mut file = file.map_or_else(|| NamedTempFile::with_prefix_in("upload-", folder), Ok)?;
            file.write_all(&part).map(|()| file)
        };
        if self.written > BYTES_MAX || connection.offload(job).is_err() {
            connection.close();
        }
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        let written = value.downcast::<Offloaded<io::Result<NamedTempFile>>>().map(|written| *written);
        let Ok(Ok(Ok(file))) = written else { return connection.close() };
        self.file = Some(file);
        connection.publish(&self.topic, self.written.to_string());
        connection.resume_read();
    }

    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match (request.method(), request.path()) {
            ("GET", "/") => exchange.ok("text/html", PAGE),
            ("GET", topic) => _ = exchange.events().subscribe(topic),
            // It comes when the last part is written and reading goes on.
            _ => exchange.respond(201, "text/plain", self.keep()),
        }
    }
}

impl Uploader {
    /// Keeps the file, and returns the text for the client.
    fn keep(&mut self) -> String {
        let kept = self.file.take().and_then(|file| file.keep().ok());
        kept.map_or_else(String::new, |(_, path)| format!("{} bytes in {path:?}\n", self.written))
    }
}

fn main() -> jackfield::Result<()> {
    let options = options::Options::read("upload [--listen ADDR] [--folder FOLDER]");
    let folder = options.value("--folder").map_or_else(std::env::temp_dir, PathBuf::from);
    let failed = |error| options::fail(format!("`--folder`: no file can be made there: {error}"));
    drop(NamedTempFile::new_in(&folder).unwrap_or_else(failed));
    let addr = options.value("--listen").unwrap_or("127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    println!("listening on {0}\ntry: http://{0}/ in a browser", server.local_addr());
    server.serve(move |_peer| Uploader { folder: folder.clone(), ..Uploader::default() })
}
