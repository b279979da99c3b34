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
use jackfield_proto::websocket::encode_request;
use std::io::{self, Read, Write};
use std::time::Duration;

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
        let outcome = outcome.complete()?;
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

/// The status of the answer to a request.
fn status(victim: &Victim, request: &[u8], stop: &Stop) -> io::Result<u16> {
    let mut connection = victim.place().connect(PATIENCE, stop)?;
    connection.write_all(request)?;
    let mut begin = [0; answer::STATUS_BYTES];
    connection.read_exact(&mut begin)?;
    answer::status(&begin).ok_or_else(|| io::Error::other("no answer of HTTP"))
}
