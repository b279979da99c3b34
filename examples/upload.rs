//! Uploads that are streamed to disk: the server's pool writes them, the reactor never waits for the disk, and nothing is
//! read from a client while its last piece is being written. How far it is, a stream of events at the same path tells. Of a
//! client that leaves in the middle no file stays.
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

use jackfield::{BodyPlan, Client, Connection, Disconnect, Exchange, Offloaded, Reply, Request, Server};
use std::any::Any;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// Of the upload that is not answered yet.
    target: Option<Arc<Target>>,
    written: usize,
    reply: Option<Reply>,
    topic: String,
}

/// The file of an upload. The pool has several threads, so its jobs take turns by the lock.
#[derive(Default)]
struct Target {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Missing,
    Open(File),
    Removed,
}

impl Target {
    /// The first part makes the file.
    fn append(&self, part: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        if matches!(*state, State::Missing) {
            *state = State::Open(File::create_new(&self.path)?);
        }
        let State::Open(file) = &mut *state else { return Err(io::ErrorKind::NotFound.into()) };
        file.write_all(part).map(|()| part.len())
    }

    fn remove(&self) -> io::Result<()> {
        match std::mem::replace(&mut *self.state(), State::Removed) {
            State::Open(_) => fs::remove_file(&self.path),
            State::Missing | State::Removed => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Uploader {
    /// All is written: the file stays, and this is told of it.
    fn finish(&mut self) -> String {
        let path = self.target.take().map(|target| target.path.clone()).unwrap_or_default();
        format!("{} bytes in {path:?}\n", self.written)
    }
}

impl Client for Uploader {
    fn on_head(&mut self, connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        // A name of ours, which no other upload has: theirs is only that of a topic.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let path = self.folder.join(format!("{now}-{}", connection.id()));
        (self.target, self.written) = (Some(Arc::new(Target { path, ..Target::default() })), 0);
        self.topic = request.path().to_owned();
        BodyPlan::Stream
    }

    fn on_body(&mut self, connection: &mut Connection<'_>, part: &[u8]) {
        let Some(target) = self.target.clone() else { return };
        // No further part comes until this one is written.
        connection.pause_read();
        let part = part.to_vec();
        if self.written > BYTES_MAX || connection.offload(move || target.append(&part)).is_err() {
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
            reply.respond(201, "text/plain", self.finish());
        }
    }

    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match (request.method(), request.path()) {
            ("GET", "/") => exchange.ok("text/html", PAGE),
            ("GET", topic) => _ = exchange.events().subscribe(topic),
            // The last part is still being written.
            _ if exchange.is_read_paused() => self.reply = Some(exchange.defer()),
            _ => exchange.respond(201, "text/plain", self.finish()),
        }
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        if let Some(target) = self.target.take() {
            // If too many jobs wait already, what there is of the file stays.
            let _ = connection.offload(move || target.remove());
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
