//! A well-behaved client during an attack. The effect on it is measured.

use super::line::Line;
use super::task::Stop;
use super::victim::{Place, Victim};
use crate::base::error::Error;
use crate::base::machine::without_values;
use crate::bench::http::{Answers, Found};
use crate::bench::request::Request;
use crate::bench::tally::new_histogram;
use hdrhistogram::Histogram;
use jackfield_proto::http1::Limits;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A thread that sends requests on an open connection. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Normal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    is_over: AtomicBool,
    rests: AtomicBool,
    lap: Mutex<Lap>,
}

/// Its results since the last call.
#[derive(Debug)]
pub(crate) struct Lap {
    /// Latencies in nanoseconds.
    pub(crate) latencies: Histogram<u64>,
    pub(crate) failures: u64,
    /// The first failure.
    pub(crate) failure: Option<String>,
}

struct Asker {
    place: Place,
    request: Vec<u8>,
    renews: bool,
    /// An answer that takes longer has failed.
    patience: Duration,
    stop: Stop,
    connection: Option<Box<dyn Line>>,
}

/// The time between two requests.
const PERIOD: Duration = Duration::from_millis(5);
/// One request in this many is made on a new connection: too few to matter for the 99th percentile.
const NEW_EVERY: u64 = 128;
/// An answer that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(5);

impl Normal {
    /// Starts it. With `renews` it sometimes opens a new connection, and so fails if the server accepts none.
    ///
    /// # Errors
    /// The first request fails already.
    pub(crate) fn start(victim: &Victim, renews: bool, stop: &Stop) -> Result<Self, Error> {
        let (place, request) = (victim.place(), Request::get(victim.host(), &victim.path).encode());
        let mut asker =
            Asker { place, request, renews, patience: PATIENCE, stop: stop.clone(), connection: None };
        let path = without_values(&victim.path);
        asker.ask(0).map_err(|error| Error::Refused(format!("the first request, for {path}: {error}")))?;
        let shared = Arc::new(Shared {
            is_over: AtomicBool::new(false),
            rests: AtomicBool::new(false),
            lap: Mutex::new(Lap::new()),
        });
        let theirs = shared.clone();
        let thread = thread::Builder::new().spawn(move || asker.run(&theirs))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Takes the results since the last call.
    pub(crate) fn lap(&self) -> Lap {
        let mut lap = self.shared.lap.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut lap, Lap::new())
    }

    /// Stops or continues the requests.
    pub(crate) fn set_resting(&self, rests: bool) {
        self.shared.rests.store(rests, Ordering::Relaxed);
    }
}

impl Drop for Normal {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // A panic was printed already.
        self.thread.take().map(JoinHandle::join);
    }
}

impl Lap {
    pub(crate) fn new() -> Self {
        Self { latencies: new_histogram(), failures: 0, failure: None }
    }

    /// The 99th percentile in seconds, if there was an answer.
    pub(crate) fn p99(&self) -> Option<f64> {
        (!self.latencies.is_empty()).then(|| self.latencies.value_at_quantile(0.99) as f64 / 1e9)
    }

    /// How many requests were answered or failed.
    pub(crate) fn asked(&self) -> u64 {
        self.latencies.len() + self.failures
    }

    /// A description for a table.
    pub(crate) fn describe(&self) -> String {
        let asked = self.asked();
        match &self.failure {
            Some(failure) => format!("of {asked} requests; the first: {failure}"),
            None => format!("of {asked} requests"),
        }
    }
}

impl Asker {
    fn run(mut self, shared: &Shared) {
        let mut number = 0;
        while !shared.is_over.load(Ordering::Relaxed) {
            let begin = Instant::now();
            if !shared.rests.load(Ordering::Relaxed) {
                number += 1;
                let asked = self.ask(number);
                let mut lap = shared.lap.lock().unwrap_or_else(PoisonError::into_inner);
                match asked {
                    Ok(taken) => lap.latencies += u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX),
                    // What fails after Ctrl-C says nothing about the server.
                    Err(_) if self.stop.load(Ordering::Relaxed) => {}
                    Err(error) => {
                        self.connection = None;
                        lap.failures += 1;
                        lap.failure.get_or_insert_with(|| error.to_string());
                    }
                }
            }
            thread::sleep(PERIOD.saturating_sub(begin.elapsed()));
        }
    }

    /// Makes a request, and returns how long the answer took.
    fn ask(&mut self, number: u64) -> io::Result<Duration> {
        let is_new = self.renews && number % NEW_EVERY == 1;
        let begin = Instant::now();
        // The earlier connection stays until the new one is served, so that the server always has the same number: the
        // descriptors before and after the attack are compared.
        let (mut connection, _before) = match self.connection.take() {
            Some(mut connection) if !is_new => {
                connection.give(self.patience);
                (connection, None)
            }
            before => (self.place.connect(self.patience, &self.stop)?, before),
        };
        connection.write_all(&self.request)?;
        if read_answer(&mut *connection)? {
            self.connection = Some(connection);
        }
        Ok(begin.elapsed())
    }
}

/// Reads an answer. Returns whether the connection serves another request.
fn read_answer(connection: &mut dyn Line) -> io::Result<bool> {
    let (mut answers, mut bytes, mut room) = (Answers::new(), Vec::new(), [0; 4096]);
    let status = loop {
        let count = connection.read(&mut room)?;
        if count == 0 {
            break answers.end().ok_or_else(|| io::Error::other("closed without an answer"))?;
        }
        bytes.extend_from_slice(&room[..count]);
        match answers.step("GET", &bytes, &Limits::default()) {
            Ok(Found::Part(used)) => drop(bytes.drain(..used)),
            Ok(Found::Whole(_, status)) => break status,
            Err(fault) => return Err(io::Error::other(fault.0)),
        }
    };
    match status {
        200..=299 => Ok(answers.keeps_alive()),
        status => Err(io::Error::other(format!("status {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::tests::attack;
    use super::*;
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpListener;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    /// More than anybody waits for.
    const EVENTS_MAX: usize = 60_000;

    /// Asks for an answer that goes on, and gives the kind of the failure. Between two events the server does this.
    fn ask(patience: Duration, stop: &Stop, meanwhile: impl Fn() + Send + 'static) -> Option<ErrorKind> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let place = Place { addr: listener.local_addr().expect("it has an address"), tls: None };
        let server = thread::spawn(move || {
            let (mut client, _) = listener.accept().expect("a client comes");
            let mut said = client.read(&mut [0; 100]).and_then(|_| client.write_all(HEAD));
            let mut events = 0;
            while said.is_ok() && events < EVENTS_MAX {
                meanwhile();
                thread::sleep(Duration::from_millis(1));
                said = client.write_all(b"data: still here\n\n");
                events += 1;
            }
        });
        let request = b"GET / HTTP/1.1\r\n\r\n".to_vec();
        let mut asker =
            Asker { place, request, renews: false, patience, stop: stop.clone(), connection: None };
        let asked = asker.ask(0);
        server.join().expect("it ends with its client");
        asked.err().map(|error| error.kind())
    }

    /// The fault: each read had a time of its own. So an answer that went on was waited for as long as it did, and Ctrl-C
    /// changed nothing.
    #[test]
    fn an_answer_that_goes_on_is_given_up_in_time_and_after_ctrl_c() {
        let nobody = Stop::default();
        assert_eq!(ask(Duration::from_millis(300), &nobody, || {}), Some(ErrorKind::TimedOut));
        let pressed = Stop::default();
        let press = pressed.clone();
        let meanwhile = move || press.store(true, Ordering::Relaxed);
        assert_eq!(ask(Duration::from_secs(3600), &pressed, meanwhile), Some(ErrorKind::Other));
    }

    /// The fault: it said the whole path, and so it stood in the figures of an attack, which others may see.
    #[test]
    fn i496_a_request_that_fails_is_named_without_what_is_secret() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("it has an address");
        let server = thread::spawn(move || listener.accept().map(drop));
        let args = attack(&format!("mutants http://{addr}/a?key=SECRET"));
        let victim = Victim::new(&args, &[]).expect("it has an address");
        let started = Normal::start(&victim, false, &Stop::default());
        assert!(server.join().is_ok_and(|came| came.is_ok()));
        let said = started.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains("/a?key=...: ") && !said.contains("SECRET"), "{said}");
    }
}
