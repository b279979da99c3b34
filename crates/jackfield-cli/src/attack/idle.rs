//! `idle`: the memory of connections that are idle after one request.

use super::answer;
use super::args::OTHER_DESCRIPTORS;
use super::goal::{Figure, Sheet, Unit};
use super::task::{self, Stop, Task};
use super::victim::Victim;
use super::what::What;
use crate::base::error::Error;
use crate::base::machine::without_values;
use crate::base::proc;
use crate::base::progress::Progress;
use crate::bench;
use crate::bench::plan::{Plan, Play};
use crate::bench::request::Request;
use jackfield_proto::websocket::encode_request;
use std::io::{self, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

/// How long the connections are idle before memory is read.
const REST: Duration = Duration::from_millis(300);
/// How long the server may take to notice that they have closed.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(task: &Task<'_>) -> Result<Sheet, Error> {
    let wanted = task.args.connections_of(What::Idle);
    let mut sheet = Sheet::new("idle");
    for (play, what) in [(Play::IdleHttp, "an HTTP connection"), (Play::IdleWs, "a WebSocket")] {
        let what = format!("memory for {what}, of {wanted}");
        let figure = match proc::descriptor_limit() {
            Some(limit) if limit < wanted + OTHER_DESCRIPTORS => {
                Err(format!("the system lets a process open only {limit} descriptors"))
            }
            _ => cost(task, play, wanted)?,
        };
        sheet.figure(&what, Unit::Bytes, figure).note("growth of its own pages");
    }
    Ok(sheet)
}

/// The growth of the server's pages between a tenth of the connections and all of them, for each connection. So memory
/// that is needed only once does not count.
fn cost(task: &Task<'_>, play: Play, wanted: usize) -> Result<Figure, Error> {
    let args = task.args;
    let victim = Victim::new(args, &[])?;
    let may_have_none = play == Play::IdleWs && args.target.is_some();
    if let Some(gap) = no_websocket(&victim, &task.stop).filter(|_| may_have_none) {
        return Ok(Err(gap));
    }
    let few = (wanted / 10).max(1);
    let start = victim.descriptors();
    let memory = |connections: usize| -> Result<Figure, Error> {
        let mut plan = Plan { connections, tls: victim.place().tls, ..Plan::new(play, REST) };
        if args.target.is_some() {
            plan.path.clone_from(&victim.path);
        }
        let outcome = bench::bench_until(&task.stop, &plan, victim.server(), Progress::new())?;
        task::check(&task.stop)?;
        let outcome = match outcome.complete() {
            // It may bound its connections, and that is no fault.
            Err(Error::Refused(why)) if is_alive(&victim, &task.stop) => return Ok(Err(why)),
            outcome => outcome?,
        };
        let memory = outcome.server.and_then(|server| server.own_memory_end);
        Ok(memory.map(|bytes| bytes as f64).ok_or_else(|| "the server's memory can't be read".to_owned()))
    };
    let first = memory(few)?;
    // Other errors show in the second figure.
    let _ = victim.settle(&start, PATIENCE);
    let second = memory(wanted)?;
    Ok(super::goal::growth(&first, &second).map(|grown| grown / (wanted - few) as f64))
}

/// Says that the path has no WebSocket, if the server says so: that is no fault of a server. Nothing, if it has one; and nothing if
/// the server does not answer or fails, for then the attack shows it.
fn no_websocket(victim: &Victim, stop: &Stop) -> Option<String> {
    let mut request = Vec::new();
    encode_request(&victim.path, victim.host(), [7; 16], &[], &[], &mut request).ok()?;
    let status = status(victim, &request, stop).ok()?;
    matches!(status, 200..=499)
        .then(|| format!("the server has no WebSocket at {}: status {status}", without_values(&victim.path)))
}

/// Whether the server answers a request, by what status ever. It may need a while to notice that other connections have closed.
fn is_alive(victim: &Victim, stop: &Stop) -> bool {
    let request = Request::get(victim.host(), &victim.path).encode();
    let deadline = Instant::now() + PATIENCE;
    loop {
        if status(victim, &request, stop).is_ok() {
            return true;
        }
        if Instant::now() >= deadline || task::check(stop).is_err() {
            return false;
        }
        thread::sleep(task::LOOK);
    }
}

/// The status of the answer to a request.
fn status(victim: &Victim, request: &[u8], stop: &Stop) -> io::Result<u16> {
    let mut connection = victim.place().connect(PATIENCE, stop)?;
    connection.write_all(request)?;
    let mut begin = [0; answer::STATUS_BYTES];
    connection.read_exact(&mut begin)?;
    answer::status(&begin).ok_or_else(|| io::Error::other("no answer of HTTP"))
}

#[cfg(test)]
mod tests {
    use super::super::args::tests::attack;
    use super::super::goal::{Row, Verdict};
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// How many connections this server takes at a time.
    const BOUND: usize = 20;

    /// What comes within this time comes together.
    const BURST: Duration = Duration::from_millis(100);

    /// Answers one request, and keeps the connection until the client leaves. If too many come together, all of them are refused: so
    /// none is answered, and the run ends at once.
    fn treat(mut client: TcpStream, open: &AtomicUsize) {
        open.fetch_add(1, Ordering::Relaxed);
        let mut room = [0; 1000];
        let heard = client.read(&mut room);
        thread::sleep(BURST);
        if open.load(Ordering::Relaxed) <= BOUND && heard.is_ok() {
            let said = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            while said.is_ok() && matches!(client.read(&mut room), Ok(1..)) {}
        } else {
            thread::sleep(BURST);
        }
        open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Attacks a server that takes `BOUND` connections at a time, and after so many in all none any more.
    fn check(served: usize) -> Result<Vec<Row>, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("it has an address");
        let open = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            for client in listener.incoming().take(served).flatten() {
                let open = open.clone();
                thread::spawn(move || treat(client, &open));
            }
        });
        let args = attack(&format!("idle -c 50 {addr} --server-pid {}", std::process::id()));
        let task = Task { args: &args, progress: Progress::new(), stop: Stop::default() };
        run(&task).map(|sheet| sheet.rows)
    }

    /// The fault: such a server was said to have ended, and the attacks behind this one were not tried.
    #[test]
    fn i493_a_server_that_bounds_its_connections_has_not_ended() {
        let rows = check(usize::MAX).expect("it lives");
        assert!(rows.iter().all(|row| row.verdict() == Verdict::Gap), "{rows:?}");
        let why = rows[0].shown();
        assert!(why.contains("closed by the server") || why.contains("came up"), "{why}");
        // A tenth of them came, and then nobody answers any more.
        assert!(matches!(check(5), Err(Error::Refused(_))), "it has ended");
    }
}
