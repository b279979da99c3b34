//! Uploads that are streamed to disk: the server's pool writes them, the reactor never waits for the disk, and nothing is
//! read from a client while its last piece is being written. How far it is, a stream of events at the same path tells.
//!
//! ```text
//! $ cargo run --example upload -- --listen 127.0.0.1:8080 --folder /tmp
//! listening on 127.0.0.1:8080
//! try: http://127.0.0.1:8080/ in a browser
//!
//! $ curl -N http://127.0.0.1:8080/photo &
//! $ curl -T photo.jpg http://127.0.0.1:8080/photo
//! data: 65536
//! data: 131072
//! 131072 bytes in "/tmp/1764424800123456789-r0-2.1"
//! ```

use jackfield::{BodyPlan, Client, Connection, Exchange, Offloaded, Reply, Request, Server};
use std::any::Any;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a browser shows: a file to choose, and how much of it is written.
const PAGE: &str = r#"<!doctype html><title>Upload</title><h1>Upload</h1>
<input type=file id=file><p id=state>choose a file</p><script>
const state = document.getElementById('state');
document.getElementById('file').onchange = async event => {
    const name = 'web' + Date.now(), progress = new EventSource(name);
    progress.onmessage = event => state.textContent = event.data;
    progress.onopen = () => fetch(name, { method: 'PUT', body: event.target.files[0] });
};
</script>"#;

/// A larger file ends its connection.
const BYTES_MAX: usize = 1 << 30;

#[derive(Default)]
struct Uploader {
    folder: PathBuf,
    file: PathBuf,
    written: usize,
    reply: Option<Reply>,
    topic: String,
}

impl Client for Uploader {
    fn on_head(&mut self, connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        // A name of ours, which no other upload has: theirs is only that of a topic.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        (self.file, self.written) = (self.folder.join(format!("{now}-{}", connection.id())), 0);
        self.topic = request.path().to_owned();
        BodyPlan::Stream
    }

    fn on_body(&mut self, connection: &mut Connection<'_>, part: &[u8]) {
        // No further part comes until this one is written.
        connection.pause_read();
        let (file, part, is_first) = (self.file.clone(), part.to_vec(), self.written == 0);
        let job = move || -> io::Result<usize> {
            let mut file = OpenOptions::new().create_new(is_first).append(true).open(file)?;
            file.write_all(&part).map(|()| part.len())
        };
        if self.written > BYTES_MAX || connection.offload(job).is_err() {
            connection.close();
        }
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        let written = value.downcast::<Offloaded<io::Result<usize>>>().map(|written| *written);
        let Ok(Ok(Ok(bytes))) = written else { return connection.close() };
        self.written += bytes;
        connection.publish(&self.topic, self.written.to_string());
        connection.resume_read();
        if let Some(reply) = self.reply.take() {
            reply.respond(201, "text/plain", format!("{} bytes in {:?}\n", self.written, self.file));
        }
    }

    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match (request.method(), request.path()) {
            ("GET", "/") => exchange.ok("text/html", PAGE),
            ("GET", topic) => _ = exchange.events().subscribe(topic),
            // The last part is still being written.
            _ if exchange.is_read_paused() => self.reply = Some(exchange.defer()),
            _ => exchange.respond(201, "text/plain", format!("{} bytes in {:?}\n", self.written, self.file)),
        }
    }
}

fn main() -> jackfield::Result<()> {
    let options = options::Options::read("upload [--listen ADDR] [--folder FOLDER]");
    let folder = options.value("--folder").map_or_else(std::env::temp_dir, PathBuf::from);
    let addr = options.value("--listen").unwrap_or("127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind()?;
    println!("listening on {0}\ntry: http://{0}/ in a browser", server.local_addr());
    server.serve(move |_peer| Uploader { folder: folder.clone(), ..Uploader::default() })
}
