//! `descriptors`: more connections than the server has descriptors.

use super::crowd::{Crowd, Leave, Role, Turn, describe_crowd};
use super::effect::judge_failures;
use super::goal::{Figure, NEVER, Sheet, Unit, growth};
use super::normal::Normal;
use super::task::Task;
use super::victim::Victim;
use super::what::What;
use crate::base::error::Error;
use crate::bench::request::Request;
use jackfield_reactor::Reason;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Each connection sends one request and stays.
#[derive(Debug, Default)]
struct Askers {
    request: Vec<u8>,
    served: usize,
    refused: usize,
    /// Ended or reset without an answer.
    closed: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    Waits,
    Served,
    Refused,
}

/// What happened to a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Welcome {
    Served,
    /// Answered otherwise, or closed.
    Refused,
    /// Left waiting.
    Ignored,
}

/// How many descriptors the built-in server has if no number is asked for.
const DESCRIPTORS: u64 = 256;
/// The time that the server has to answer or refuse all connections. Any machine has enough of it.
const OPENING: Duration = Duration::from_secs(10);
/// The time after that until the processor time is measured.
const CALMING: Duration = Duration::from_secs(1);
/// For how long the processor time is measured.
const WATCH: Duration = Duration::from_secs(3);
/// A new connection that has waited this long counts as ignored.
const PATIENCE: Duration = Duration::from_secs(1);
const NEW: usize = 20;
/// How often some connections leave.
const RELIEFS: usize = 5;
/// How many leave each time.
const LEAVING: usize = 20;

pub(crate) fn run(task: &Task<'_>) -> Result<Sheet, Error> {
    let (args, progress) = (task.args, &task.progress);
    let wanted = args.connections_of(What::Descriptors);
    let mut sheet = Sheet::new("descriptors");
    if args.target.is_some() {
        let gap = "only the built-in server can be told its limit".to_owned();
        sheet.at_most("new connections left waiting", 0.0, Unit::Count, Err(gap));
        return Ok(sheet);
    }
    let victim = Victim::new(args, &[format!("--descriptors={}", args.descriptors.unwrap_or(DESCRIPTORS))])?;
    let normal = Normal::start(&victim, false, &task.stop)?;
    let request = Request::get(victim.host(), &victim.path).encode();
    let role = Askers { request: request.clone(), ..Askers::default() };
    let mut crowd = Crowd::new(role, victim.place(), &task.stop)?;
    let opened = crowd.open(wanted, f64::INFINITY, |open| {
        describe_crowd(progress, "descriptors", open, wanted);
    })?;
    crowd.play_until(Instant::now() + OPENING, |crowd| crowd.role().treated() >= opened)?;
    crowd.play_until(Instant::now() + CALMING, |_| false)?;
    let Askers { served, refused, closed, .. } = *crowd.role();
    let waiting = opened - crowd.role().treated();
    sheet.at_most("left waiting", 0.0, Unit::Count, Ok(waiting as f64)).note(format!(
        "of {opened} connections {served} served, {refused} answered otherwise, {closed} closed"
    ));

    // The cost of the normal client must not be included.
    normal.set_resting(true);
    let percent = idle_cpu(&victim, &mut crowd)?;
    normal.set_resting(false);
    sheet.figure("processor time", Unit::Percent, percent).note("of a core, all places taken");

    let new: Vec<_> = (0..NEW).map(|_| greet(victim.place().addr, &request)).collect();
    let longest = new.iter().map(|(_, took)| *took).max().unwrap_or_default();
    let ignored = new.iter().filter(|(welcome, _)| *welcome == Welcome::Ignored).count();
    sheet
        .figure("longest wait of a new connection", Unit::Seconds, Ok(longest.as_secs_f64()))
        .note(format!("of {NEW} new connections {ignored} got neither an answer nor an end in {PATIENCE:?}"));

    let (service, note) = match relieve(&victim, &mut crowd, &request)? {
        Some(longest) => (longest.as_secs_f64(), format!("the longest of {RELIEFS} times")),
        None => (NEVER, format!("not served within {PATIENCE:?}")),
    };
    sheet.figure("service after relief", Unit::Seconds, Ok(service)).note(note);
    let lap = normal.lap();
    judge_failures(&lap, &mut sheet);
    Ok(sheet)
}

/// The percentage of a core that the server uses while no connection does anything.
fn idle_cpu(victim: &Victim, crowd: &mut Crowd<Askers>) -> Result<Figure, Error> {
    let (before, begin) = (victim.cpu(), Instant::now());
    crowd.play_until(begin + WATCH, |_| false)?;
    let used = growth(&before, &victim.cpu());
    Ok(used.map(|seconds| seconds / begin.elapsed().as_secs_f64() * 100.0))
}

/// Ends some connections, several times. Returns the longest time until a new connection was served, if one was each time.
fn relieve(victim: &Victim, crowd: &mut Crowd<Askers>, request: &[u8]) -> Result<Option<Duration>, Error> {
    let mut longest = Duration::ZERO;
    for _ in 0..RELIEFS {
        crowd.dismiss(LEAVING);
        crowd.turn()?;
        let begin = Instant::now();
        while greet(victim.place().addr, request).0 != Welcome::Served {
            if begin.elapsed() > PATIENCE {
                // Waiting longer would not help.
                return Ok(None);
            }
        }
        longest = longest.max(begin.elapsed());
    }
    Ok(Some(longest))
}

/// Opens a connection with a request. Returns what happened, and after how long.
fn greet(addr: SocketAddr, request: &[u8]) -> (Welcome, Duration) {
    let begin = Instant::now();
    let welcome = ask(addr, request).unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Welcome::Ignored,
        _ => Welcome::Refused,
    });
    (welcome, begin.elapsed())
}

fn ask(addr: SocketAddr, request: &[u8]) -> io::Result<Welcome> {
    let mut connection = TcpStream::connect_timeout(&addr, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(request)?;
    let mut status = [0; OK.len()];
    connection.read_exact(&mut status)?;
    Ok(if status == OK { Welcome::Served } else { Welcome::Refused })
}

/// The beginning of a successful answer.
const OK: [u8; 12] = *b"HTTP/1.1 200";

impl Askers {
    /// Connections that wait for nothing any more.
    fn treated(&self) -> usize {
        self.served + self.refused + self.closed
    }
}

impl Role for Askers {
    type State = Asker;

    fn open(&mut self, turn: &mut Turn<'_>) -> Asker {
        turn.out.extend_from_slice(&self.request);
        Asker::Waits
    }

    fn hear(&mut self, asker: &mut Asker, rx: &[u8], _turn: &mut Turn<'_>) -> usize {
        if *asker == Asker::Waits {
            let is_served = rx.starts_with(&OK);
            *asker = if is_served { Asker::Served } else { Asker::Refused };
            self.served += usize::from(is_served);
            self.refused += usize::from(!is_served);
        }
        rx.len()
    }

    fn end(&mut self, _asker: &mut Asker, turn: &mut Turn<'_>) {
        turn.leave = Leave::Finish;
    }

    fn gone(&mut self, asker: Asker) {
        self.closed += usize::from(asker == Asker::Waits);
    }

    fn refused(&mut self, reason: Reason) {
        // One that ended by the time of this side was left waiting by the server, such as in its full backlog.
        self.closed += usize::from(!matches!(reason, Reason::Timeout(_)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_reactor::Timeout;

    /// The fault: a connection whose own time was over counted as closed by the server.
    #[test]
    fn i534_a_connection_that_is_left_in_a_backlog_is_left_waiting() {
        for (reason, treated) in [
            (Reason::Timeout(Timeout::Handshake), 0),
            (Reason::Connect(io::ErrorKind::ConnectionRefused), 1),
            (Reason::Reset, 1),
        ] {
            let mut askers = Askers::default();
            askers.refused(reason);
            assert_eq!(askers.treated(), treated, "{reason:?}");
        }
    }
}
