//! `mutants`: mutated requests and WebSocket sessions, on many connections.

use super::answer::{self, VERSION_BYTES};
use super::breed::Breeder;
use super::crowd::{Crowd, Leave, Role, Turn};
use super::effect::judge_failures;
use super::goal::{Figure, Sheet, Unit, growth, larger};
use super::normal::Normal;
use super::task::Task;
use super::victim::Victim;
use crate::base::error::Error;
use crate::base::units;
use std::time::{Duration, Instant};

/// Connections on which mutated requests are sent, several in one write.
#[derive(Debug)]
struct Requests {
    breeder: Breeder,
    score: Score,
}

/// Connections that become WebSockets, on which mutated frames are sent.
#[derive(Debug)]
struct Sessions {
    breeder: Breeder,
    score: Score,
}

/// The results of the mutants.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    /// Mutants that the server has seen; those after a refused one do not count.
    reached: u64,
    connections: u64,
    /// Answers of any status, or handshakes that were accepted.
    answers: u64,
    /// Connections that the server has ended.
    ended: u64,
    /// Connections that were refused with 503.
    refused: u64,
}

/// One connection.
#[derive(Debug, Default)]
struct Mutants {
    sent: u64,
    answers: u64,
    writes: u64,
    /// How often it was waited for longer, because nothing had come.
    silences: u32,
    /// The server has sent bytes on this connection.
    is_heard: bool,
    is_ended: bool,
    /// This side has left it, after it was established and the server had some time.
    is_left: bool,
    /// The server has refused it with 503.
    is_refused: bool,
}

/// A role with a score.
trait Scored: Role {
    fn score(&self) -> Score;
}

/// How many requests there are, if no number is asked for.
const COUNT: u64 = 1_000_000;
/// Connections at a time.
const POOL: usize = 64;
/// Writes on one connection.
const WRITES_MAX: u64 = 8;
/// A server that sends nothing for this time waits for more bytes.
const QUIET: Duration = Duration::from_millis(20);
/// The status of an overloaded server. No mutant gets it otherwise.
const BUSY: u16 = 503;
/// How long the server may take to close everything.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long sending may take: a base, which is for machines that are busy elsewhere, and a second for so many mutants.
const SENDING: Duration = Duration::from_secs(60);
const PER_SECOND_MIN: u64 = 1000;
/// How often a busy server is given time to answer a session.
const SILENCES_MAX: u32 = 50;
/// There are ten requests for each session.
const REQUESTS_PER_SESSION: u64 = 10;
/// Mutants before memory is first read, so that memory that is needed only once does not count.
const WARM_UP: u64 = 500;

pub(crate) fn run(task: &Task<'_>) -> Result<Sheet, Error> {
    let args = task.args;
    let (count, seed) = (args.count.unwrap_or(COUNT), args.seed());
    let mut sheet = Sheet::new("mutants");
    let victim = Victim::new(args, &[])?;
    let role = |seed| Requests { breeder: Breeder::new(seed), score: Score::default() };
    let counts = [count, count / REQUESTS_PER_SESSION];
    let what = ["mutated requests", "mutated WebSocket sessions"];
    let goal = (what[0], counts[0]);
    attack(task, &victim, goal, [role(seed.wrapping_neg()), role(seed)], &mut sheet)?;
    let role = |seed| Sessions { breeder: Breeder::new(seed), score: Score::default() };
    let goal = (what[1], counts[1]);
    let roles = [role(seed.wrapping_neg()), role(seed)];
    match attack(task, &victim, goal, roles, &mut sheet) {
        Err(Error::Interrupted) => Err(Error::Interrupted),
        Err(error) => {
            sheet.gave_out(&error);
            Ok(sheet)
        }
        Ok(()) => Ok(sheet),
    }
}

/// Sends mutants, and notes the results. The first role is for the warm-up.
fn attack<R: Scored>(
    task: &Task<'_>,
    victim: &Victim,
    (what, count): (&'static str, u64),
    [warm_up, role]: [R; 2],
    sheet: &mut Sheet,
) -> Result<(), Error> {
    let normal = Normal::start(victim, true, &task.stop)?;
    let descriptors = victim.descriptors();
    send(&mut Crowd::new(warm_up, victim.place(), &task.stop)?, WARM_UP.min(count), |_| {})?;
    // The rows below show the result.
    let _ = victim.settle(&descriptors, PATIENCE);
    let memory = victim.memory();
    let mut most: Figure = Ok(0.0);
    let begin = Instant::now();
    let mut crowd = Crowd::new(role, victim.place(), &task.stop)?;
    let mut next = begin;
    send(&mut crowd, count, |score| {
        if Instant::now() >= next {
            next += Duration::from_millis(200);
            most = larger(&most, &growth(&memory, &victim.memory()));
            task.progress.counted(
                "mutants",
                score.reached,
                count,
                format!("{} {what}", units::count(score.reached as f64)),
            );
        }
    })?;
    let took = begin.elapsed();
    let score = crowd.role().score();
    drop(crowd);
    let left = growth(&descriptors, &victim.settle(&descriptors, PATIENCE));
    let grown = growth(&memory, &victim.memory());
    let lap = normal.lap();

    let Score { connections, answers, ended, refused, .. } = score;
    let [connections, answers, ended, refused] =
        [connections, answers, ended, refused].map(|count| units::count(count as f64));
    sheet.at_least(what, count as f64, Unit::Count, Ok(score.reached as f64)).note(format!(
        "on {connections} connections in {:.0} s: {answers} answers, {ended} ends, {refused} refusals for want of time",
        took.as_secs_f64()
    ));
    let most = most.map_or_else(|gap| gap, |most| format!("{} at the peak", units::bytes(most)));
    sheet.figure("memory against before", Unit::Bytes, grown).note(most);
    sheet.at_most("descriptors that are left", 0.0, Unit::Count, left);
    judge_failures(&lap, sheet);
    Ok(())
}

/// Keeps a pool of connections until `count` mutants have reached the server, or it takes too long. A server that is gone is
/// not waited for as long as all of them would take.
fn send<R: Scored>(crowd: &mut Crowd<R>, count: u64, mut meanwhile: impl FnMut(Score)) -> Result<(), Error> {
    let begin = Instant::now();
    let deadline = begin + SENDING + Duration::from_secs(count / PER_SECOND_MIN);
    let (mut reached, mut last) = (0, begin);
    crowd.play_until(deadline, |crowd| {
        let missing = POOL.saturating_sub(crowd.len());
        if missing > 0 {
            crowd.connect(missing);
        }
        let score = crowd.role().score();
        meanwhile(score);
        if score.reached > reached {
            (reached, last) = (score.reached, Instant::now());
        }
        reached >= count || last.elapsed() > SENDING
    })?;
    crowd.dismiss(usize::MAX);
    crowd.play_until(Instant::now() + PATIENCE, |crowd| crowd.len() == 0)?;
    Ok(())
}

impl Score {
    /// Counts a connection that has ended, with the mutants that have reached the server on it.
    fn count(&mut self, mutants: &Mutants, reached: u64) {
        self.ended += u64::from(mutants.is_ended);
        self.refused += u64::from(mutants.is_refused);
        if !mutants.is_refused {
            self.reached += reached;
            self.answers += mutants.answers;
        }
    }
}

impl Mutants {
    /// Handles the first bytes that come.
    fn hear_first(&mut self, rx: &[u8]) -> bool {
        let is_first = !self.is_heard;
        if is_first {
            self.is_heard = true;
            self.is_refused = answer::status(rx) == Some(BUSY);
        }
        is_first
    }

    /// How many requests the server has seen: those that it answered, and one more, for which it ended the connection or waited
    /// for more bytes. Where it has said nothing, a reset does not show that it has read anything.
    fn seen(&self) -> u64 {
        let is_seen = self.is_heard || self.is_ended || self.is_left;
        self.sent.min(self.answers + u64::from(is_seen))
    }
}

impl Requests {
    fn write(&mut self, mutants: &mut Mutants, turn: &mut Turn<'_>) {
        let count = [1, 1, 2, 3, 4, 12][self.breeder.random().below(6)];
        for _ in 0..count {
            self.breeder.request(turn.out);
        }
        mutants.sent += count;
        mutants.writes += 1;
        turn.alarm = Some(QUIET);
    }
}

impl Role for Requests {
    type State = Mutants;

    fn open(&mut self, turn: &mut Turn<'_>) -> Mutants {
        self.score.connections += 1;
        let mut mutants = Mutants::default();
        self.write(&mut mutants, turn);
        mutants
    }

    fn hear(&mut self, mutants: &mut Mutants, rx: &[u8], turn: &mut Turn<'_>) -> usize {
        mutants.hear_first(rx);
        mutants.answers +=
            rx.windows(VERSION_BYTES).filter(|window| answer::is_version(window)).count() as u64;
        if mutants.answers >= mutants.sent && mutants.writes < WRITES_MAX {
            self.write(mutants, turn);
        } else {
            turn.alarm = Some(QUIET);
        }
        // The rest may contain the beginning of an answer.
        rx.len().saturating_sub(VERSION_BYTES - 1)
    }

    fn tick(&mut self, mutants: &mut Mutants, turn: &mut Turn<'_>) {
        mutants.is_left = true;
        turn.leave = some_way(&mut self.breeder);
    }

    fn end(&mut self, mutants: &mut Mutants, turn: &mut Turn<'_>) {
        mutants.is_ended = true;
        turn.leave = Leave::Reset;
    }

    fn gone(&mut self, mutants: Mutants) {
        self.score.count(&mutants, mutants.seen());
    }
}

impl Sessions {
    /// Most sessions end before the server has come to them, as on a machine that is busy elsewhere.
    fn is_server_behind(&self) -> bool {
        self.score.connections > POOL as u64 + 2 * self.score.reached
    }
}

impl Role for Sessions {
    type State = Mutants;

    fn open(&mut self, turn: &mut Turn<'_>) -> Mutants {
        self.score.connections += 1;
        self.breeder.handshake(turn.out);
        // Some don't wait for the answer.
        let is_early = self.breeder.random().below(2) == 0;
        if is_early {
            self.breeder.frames(turn.out);
        }
        turn.alarm = Some(QUIET);
        Mutants { writes: u64::from(is_early), ..Mutants::default() }
    }

    fn hear(&mut self, mutants: &mut Mutants, rx: &[u8], turn: &mut Turn<'_>) -> usize {
        if mutants.hear_first(rx) {
            mutants.answers = u64::from(answer::status(rx) == Some(101));
        }
        if mutants.answers > 0 && mutants.writes < 2 {
            mutants.writes += 1;
            self.breeder.frames(turn.out);
        }
        turn.alarm = Some(QUIET);
        rx.len()
    }

    fn tick(&mut self, mutants: &mut Mutants, turn: &mut Turn<'_>) {
        if !mutants.is_heard && mutants.silences < SILENCES_MAX && self.is_server_behind() {
            mutants.silences += 1;
            turn.alarm = Some(QUIET);
        } else {
            turn.leave = some_way(&mut self.breeder);
        }
    }

    fn end(&mut self, mutants: &mut Mutants, turn: &mut Turn<'_>) {
        mutants.is_ended = true;
        turn.leave = Leave::Reset;
    }

    fn gone(&mut self, mutants: Mutants) {
        // A session that was not begun does not count.
        let reached = u64::from(mutants.is_heard || mutants.is_ended);
        self.score.count(&mutants, reached);
    }
}

fn some_way(breeder: &mut Breeder) -> Leave {
    if breeder.random().below(2) == 0 { Leave::Finish } else { Leave::Reset }
}

impl Scored for Requests {
    fn score(&self) -> Score {
        self.score
    }
}

impl Scored for Sessions {
    fn score(&self) -> Score {
        self.score
    }
}

#[cfg(test)]
mod tests {
    use super::super::task::Stop;
    use super::super::victim::Place;
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::net::{SocketAddr, TcpListener};
    use std::{io, thread};

    #[test]
    fn a_server_is_behind_if_most_sessions_end_unheard() {
        let is_behind = |(connections, reached)| {
            let score = Score { connections, reached, ..Score::default() };
            Sessions { breeder: Breeder::new(1), score }.is_server_behind()
        };
        assert_eq!([(64, 0), (65, 0), (1000, 900), (1000, 10)].map(is_behind), [false, true, false, true]);
    }

    #[test]
    fn a_request_is_seen_by_a_server_that_has_reacted_or_waited() {
        for (answers, is_heard, is_ended, is_left, seen) in [
            (0, false, false, false, 0),
            (0, false, false, true, 1),
            (0, false, true, false, 1),
            (0, true, false, false, 1),
            (2, true, false, false, 3),
            (4, true, true, false, 4),
        ] {
            let mutants = Mutants { sent: 4, answers, is_heard, is_ended, is_left, ..Mutants::default() };
            assert_eq!(mutants.seen(), seen, "{mutants:?}");
        }
    }

    /// How many requests on one connection to this address are seen there.
    fn seen_at(addr: SocketAddr) -> u64 {
        let role = Requests { breeder: Breeder::new(1), score: Score::default() };
        let mut crowd =
            Crowd::new(role, Place { addr, tls: None }, &Stop::default()).expect("there is an event queue");
        crowd.connect(1);
        while crowd.len() > 0 {
            crowd.turn().expect("nobody interrupts it");
        }
        crowd.role().score().reached
    }

    /// The fault: each connection counted one request at least, so the goal was met where nobody listened.
    #[test]
    fn nobody_sees_a_request_where_nobody_listens() {
        let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor is free");
        nobody.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port is free");
        let addr = nobody.local_addr().ok().and_then(|addr| addr.as_socket());
        assert_eq!(seen_at(addr.expect("it has an address")), 0);

        let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = silent.local_addr().expect("it has an address");
        let server = thread::spawn(move || {
            let (mut client, _) = silent.accept().expect("a client comes");
            // The client may reset it.
            let _ = io::copy(&mut client, &mut io::sink());
        });
        assert_eq!(seen_at(addr), 1);
        server.join().expect("it ends with its client");
    }
}
