//! `slow-readers`: readers of a large shared body that stop reading, and vanish.

use super::answer;
use super::crowd::{Crowd, Leave, Role, Turn, describe_crowd};
use super::effect::judge_failures;
use super::goal::{Figure, Sheet, Unit, growth, larger};
use super::normal::Normal;
use super::task::{self, Stop, Task};
use super::victim::{Place, Victim};
use super::what::What;
use crate::base::error::Error;
use crate::base::machine::without_values;
use crate::base::proc;
use crate::base::progress::Progress;
use crate::base::units;
use crate::bench::http::{Answers, Found};
use crate::bench::request::Request;
use jackfield_proto::http1::Limits;
use jackfield_reactor::Reason;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// Each sends a request, reads the beginning of the answer, and nothing more.
#[derive(Debug)]
struct SlowReaders {
    request: Vec<u8>,
    answered: usize,
    /// Those that got another answer, or did not come up.
    refused: usize,
    /// Those that the server has ended.
    cut_off: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Waits,
    /// It is known what became of it.
    Counted,
}

/// The path of the large body on the built-in server.
const PATH: &str = "/large";
/// A smaller body fits into the buffers on the way, so no reader of it is slow.
const BODY_BYTES_MIN: usize = 1 << 20;
/// How many are opened in a second.
const READERS_PER_SECOND: f64 = 1000.0;
/// The kernel's receive buffer of each reader.
const RECEIVE_BYTES: u32 = 4096;
/// How long they stay after the last one was answered.
const STAY: Duration = Duration::from_secs(2);
/// How long it may take until all are answered, and afterwards until the server has closed them.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(task: &Task<'_>) -> Result<Sheet, Error> {
    let (args, progress) = (task.args, &task.progress);
    let wanted = args.connections_of(What::SlowReaders);
    let victim = Victim::new(args, &[])?;
    // The user's own server gets requests for the path of its URL.
    let path = if args.target.is_some() { victim.path.clone() } else { PATH.to_owned() };
    let request = Request::get(victim.host(), &path).encode();
    let path = without_values(&path);
    let mut sheet = Sheet::new("slow-readers");
    // A server may make the body at the first request and keep it, so it is downloaded once before memory is read.
    let body = match download(&victim.place(), &request, PATIENCE, &task.stop) {
        Ok(bytes) if bytes >= BODY_BYTES_MIN => Ok(()),
        Ok(bytes) => {
            Err(format!("the body at {path} has only {bytes} bytes; name a path with 1 MiB or more"))
        }
        Err(error) => Err(format!("the body at {path} can't be read: {error}")),
    };
    // What fails after Ctrl-C says nothing about the server.
    task::check(&task.stop)?;
    if let Err(gap) = body {
        sheet.at_least("readers", wanted as f64, Unit::Count, Err(gap));
        return Ok(sheet);
    }
    let normal = Normal::start(&victim, true, &task.stop)?;
    let (memory, descriptors) = (victim.memory(), victim.descriptors());
    let mut crowd = Crowd::new(SlowReaders::new(request), victim.place(), &task.stop)?;
    crowd.set_receive_bytes(RECEIVE_BYTES);
    let opened = fill(&mut crowd, wanted, progress)?;
    let mut most = victim.memory();
    crowd.play_until(Instant::now() + STAY, |_| {
        most = larger(&most, &victim.memory());
        false
    })?;
    let kernel = proc::tcp_memory().map_or_else(String::new, |bytes| {
        format!("; the kernel has {} for all TCP sockets", units::bytes(bytes as f64))
    });
    let SlowReaders { answered, refused, cut_off, .. } = *crowd.role();
    crowd.dismiss(usize::MAX);
    crowd.play_until(Instant::now() + PATIENCE, |crowd| crowd.len() == 0)?;
    let left = growth(&descriptors, &victim.settle(&descriptors, PATIENCE));
    let memory_left = growth(&memory, &victim.memory());
    let lap = normal.lap();

    sheet.at_least("readers", wanted as f64, Unit::Count, Ok(answered as f64)).note(format!(
        "of {opened} connections {refused} were refused or answered otherwise, {cut_off} cut off early"
    ));
    let whole = growth(&memory, &most).map_or_else(|_| String::new(), units::bytes);
    sheet
        .figure("memory for each reader, without the body", Unit::Bytes, share(&memory, &most, answered))
        .note(format!("growth of its own pages: {whole}{kernel}"));
    sheet.figure("memory when all are gone, against before", Unit::Bytes, memory_left);
    sheet.at_most("descriptors that are left", 0.0, Unit::Count, left);
    judge_failures(&lap, &mut sheet);
    Ok(sheet)
}

/// What each reader takes. The memory before them has the body in it, if the server keeps that.
fn share(before: &Figure, most: &Figure, readers: usize) -> Figure {
    growth(before, most).map(|grown| grown / readers.max(1) as f64)
}

/// Opens connections until `wanted` are answered, or it takes too long. Returns how many are. Connections that a busy
/// server refuses are replaced.
fn fill(crowd: &mut Crowd<SlowReaders>, wanted: usize, progress: &Progress) -> Result<usize, Error> {
    let (begin, mut opened) = (Instant::now(), 0);
    while crowd.role().answered < wanted && begin.elapsed() < PATIENCE * 3 {
        let answered = crowd.role().answered;
        let missing = wanted - answered;
        opened += crowd.open(missing, READERS_PER_SECOND, |open| {
            describe_crowd(progress, "slow-readers", answered + open, wanted);
        })?;
        crowd.play_until(Instant::now() + PATIENCE, |crowd| {
            let role = crowd.role();
            role.answered + role.refused + role.cut_off >= opened
        })?;
    }
    Ok(opened)
}

/// Reads an answer to its end within this time, and returns its length.
fn download(place: &Place, request: &[u8], patience: Duration, stop: &Stop) -> io::Result<usize> {
    let mut connection = place.connect(patience, stop)?;
    connection.write_all(request)?;
    let (mut answers, mut room, mut length) = (Answers::new(), vec![0; 64 << 10], 0);
    let (mut kept, limits) = (0, Limits::default());
    loop {
        let count = connection.read(&mut room[kept..])?;
        if count == 0 {
            let is_whole = answers.end() == Some(200);
            let early = || io::Error::other(format!("it ends after {length} bytes"));
            return is_whole.then_some(length).ok_or_else(early);
        }
        let here = kept + count;
        match answers.step("GET", &room[..here], &limits).map_err(|fault| io::Error::other(fault.0))? {
            Found::Part(used) => {
                length += used;
                room.copy_within(used..here, 0);
                kept = here - used;
            }
            Found::Whole(used, 200) => return Ok(length + used),
            Found::Whole(_, status) => return Err(io::Error::other(format!("status {status}"))),
        }
    }
}

impl SlowReaders {
    fn new(request: Vec<u8>) -> Self {
        Self { request, answered: 0, refused: 0, cut_off: 0 }
    }
}

impl Role for SlowReaders {
    type State = Reader;

    fn open(&mut self, turn: &mut Turn<'_>) -> Reader {
        turn.out.extend_from_slice(&self.request);
        Reader::Waits
    }

    fn hear(&mut self, reader: &mut Reader, rx: &[u8], turn: &mut Turn<'_>) -> usize {
        if rx.len() < answer::STATUS_BYTES {
            return 0;
        }
        *reader = Reader::Counted;
        let is_answered = answer::status(rx) == Some(200);
        self.answered += usize::from(is_answered);
        self.refused += usize::from(!is_answered);
        if is_answered {
            turn.is_deaf = true;
        } else {
            turn.leave = Leave::Reset;
        }
        rx.len()
    }

    fn end(&mut self, reader: &mut Reader, turn: &mut Turn<'_>) {
        *reader = Reader::Counted;
        self.cut_off += 1;
        turn.leave = Leave::Reset;
    }

    fn gone(&mut self, reader: Reader) {
        self.cut_off += usize::from(reader == Reader::Waits);
    }

    fn refused(&mut self, _reason: Reason) {
        self.refused += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// The length of an answer, or why it has none.
    fn length(answer: &'static str) -> Result<usize, String> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let place = Place { addr: listener.local_addr().expect("it has an address"), tls: None };
        let server = thread::spawn(move || {
            let (mut client, _) = listener.accept().expect("a client comes");
            let heard = client.read(&mut [0; 100]).expect("it asks");
            client.write_all(answer.as_bytes()).map(|()| heard)
        });
        let length = download(&place, b"GET / HTTP/1.1\r\n\r\n", PATIENCE, &Stop::default());
        assert!(server.join().is_ok_and(|said| said.is_ok()));
        length.map_err(|error| error.to_string())
    }

    #[test]
    fn a_body_is_whole_if_its_answer_is() {
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Ok(40)),
            ("HTTP/1.0 200 OK\r\n\r\nhi", Ok(21)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", Err("it ends after 40 bytes")),
            ("HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n", Err("status 404")),
            ("", Err("it ends after 0 bytes")),
        ] {
            assert_eq!(length(answer), expected.map_err(str::to_owned), "{answer}");
        }
    }

    /// The fault: only an answer of HTTP/1.1 was one, and one that came in pieces was none.
    #[test]
    fn a_reader_is_answered_whatever_the_version_and_the_pieces() {
        for (pieces, answered, refused) in [
            (&["HTTP/1.1 200 OK\r\n"][..], 1, 0),
            (&["HTTP/1.0 200 OK\r\n"], 1, 0),
            (&["HTTP/1.1 2", "HTTP/1.1 200 OK\r\n"], 1, 0),
            (&["HTTP/1.1 503 Service Unavailable\r\n"], 0, 1),
            (&["220 ready, more or less\r\n"], 0, 1),
        ] {
            let (mut readers, mut reader) = (SlowReaders::new(Vec::new()), Reader::Waits);
            for piece in pieces {
                readers.hear(&mut reader, piece.as_bytes(), &mut Turn::new(&mut Vec::new()));
            }
            assert_eq!((readers.answered, readers.refused), (answered, refused), "{pieces:?}");
        }
    }

    /// The fault: a reader that was reset or refused counted as nothing, and was waited for.
    #[test]
    fn i532_of_each_reader_it_is_counted_once_what_became_of_it() {
        let (answered, unavailable) = ("HTTP/1.1 200 OK\r\n", "HTTP/1.1 503 Service Unavailable\r\n");
        for (heard, ends, counts) in [
            (answered, false, (1, 0, 0)),
            (unavailable, false, (0, 1, 0)),
            ("", true, (0, 0, 1)),
            ("", false, (0, 0, 1)),
            ("HTTP/1.1 2", false, (0, 0, 1)),
        ] {
            let mut readers = SlowReaders::new(Vec::new());
            let mut out = Vec::new();
            let turn = &mut Turn::new(&mut out);
            let mut reader = readers.open(turn);
            readers.hear(&mut reader, heard.as_bytes(), turn);
            if ends {
                readers.end(&mut reader, turn);
            }
            readers.gone(reader);
            assert_eq!((readers.answered, readers.refused, readers.cut_off), counts, "{heard:?} {ends}");
        }
        let mut readers = SlowReaders::new(Vec::new());
        readers.refused(Reason::Reset);
        assert_eq!((readers.answered, readers.refused, readers.cut_off), (0, 1, 0));
    }

    /// The fault: the length of the body was taken off, although a server that streams it never has it in memory.
    #[test]
    fn i497_a_body_that_is_not_kept_is_not_taken_off() {
        const MIB: f64 = 1_048_576.0;
        for (before, most, each) in [
            // It streams a body of 100 MiB, or it keeps one.
            (Ok(10.0 * MIB), Ok(70.0 * MIB), Ok(0.02 * MIB)),
            (Ok(110.0 * MIB), Ok(170.0 * MIB), Ok(0.02 * MIB)),
            (Ok(10.0 * MIB), Ok(9.0 * MIB), Ok(0.0)),
            (Ok(MIB), Err("gone".to_owned()), Err("gone".to_owned())),
        ] {
            assert_eq!(share(&before, &most, 3000), each);
        }
    }
}
