//! `slow-heads` and `silent-handshakes`: connections that never ask for anything. They send a request's head byte by byte, as
//! long as the server allows; or no more of a TLS handshake than its first bytes.

use super::answer;
use super::crowd::{Crowd, Leave, PACE, Role, Turn, describe_crowd};
use super::effect::{Others, judge_normal};
use super::goal::{Figure, NEVER, Sheet, Unit, growth};
use super::normal::Normal;
use super::task::Task;
use super::victim::{Place, Victim};
use super::what::What;
use crate::base::error::Error;
use jackfield::sim::Random;
use std::time::{Duration, Instant};

/// What the connections do instead of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// They send the head of a request slowly. Every second one continues after the server has ended its side.
    Slow,
    /// They send nothing of a TLS handshake, or every second one its first bytes.
    Silent,
}

impl Manner {
    fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow-heads",
            Self::Silent => "silent-handshakes",
        }
    }

    fn attack(self) -> What {
        match self {
            Self::Slow => What::SlowHeads,
            Self::Silent => What::SilentHandshakes,
        }
    }
}

/// The role of all of them.
#[derive(Debug)]
struct Unfinished {
    manner: Manner,
    random: Random,
    opened: usize,
    /// The number of connections that have ended.
    ended: usize,
    answered: usize,
    /// The longest from the first byte to the server's end.
    longest: Duration,
}

#[derive(Debug)]
struct Dribbler {
    since: Instant,
    sent: usize,
    is_stubborn: bool,
    is_ended: bool,
}

/// The bytes that are sent one by one; the last one is repeated.
const HEAD: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: a.example\r\nUser-Agent: x";
/// The begin of a ClientHello that announces 508 bytes (RFC 8446 sections 4 and 5.1).
const GREETING: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
/// The shortest pause between two bytes.
const PAUSE_MS_MIN: usize = 500;
const PAUSE_MS_MAX: usize = 1500;
/// How much this side may be late.
const SLACK: Duration = Duration::from_secs(2);
/// The time between two checks.
const LOOK: Duration = Duration::from_millis(100);
/// How long the normal client runs before the attack: as long as during it, but at most this.
const BEFORE_MAX: Duration = Duration::from_secs(10);

pub(crate) fn run(task: &Task<'_>, manner: Manner) -> Result<Sheet, Error> {
    let (args, progress, name) = (task.args, &task.progress, manner.name());
    let head_timeout = args.head_timeout();
    if manner == Manner::Silent && !args.is_tls() {
        return Err(Error::Usage(format!("{name}: needs the URL of a server that speaks TLS, https://...")));
    }
    let wanted = args.connections_of(manner.attack());
    let options = [("head-timeout", head_timeout), ("linger", args.linger())];
    let victim = Victim::new(args, &options.map(|(name, time)| format!("--{name}={}ms", time.as_millis())))?;
    let normal = Normal::start(&victim, true, &task.stop)?;
    let others = Others::new(&victim);
    task.sleep(head_timeout.min(BEFORE_MAX))?;
    let before = normal.lap();
    let (memory, descriptors) = (victim.memory(), victim.descriptors());

    let place = victim.place();
    let tls = place.tls.filter(|_| manner == Manner::Slow);
    let role = Unfinished::new(manner, args.seed());
    let mut crowd = Crowd::new(role, Place { tls, ..place }, &task.stop)?;
    crowd.open(wanted, PACE, |open| describe_crowd(progress, name, open, wanted))?;
    let opened_at = Instant::now();
    // What silence costs others is seen when all are there.
    let opening = (manner == Manner::Silent).then(|| normal.lap());
    // All connections are open until the first one's timeout. Reading the server's memory takes milliseconds, which
    // would delay the normal client, so it is done once.
    crowd.play_until(opened_at + head_timeout / 2, |_| false)?;
    let each = growth_of_each(growth(&memory, &victim.memory()), crowd.role().remaining());
    let deadline = opened_at + head_timeout + args.linger() + SLACK;
    let are_gone = wait_until_gone(&mut crowd, deadline, &victim, &descriptors, |ended, opened| {
        progress.counted(name, ended as u64, opened as u64, format!("{ended} of {opened} are gone"));
    })?;
    let rid = descriptors.map(|_| if are_gone { opened_at.elapsed().as_secs_f64() } else { NEVER });

    let mut sheet = Sheet::new(name);
    sheet.at_least("connections", wanted as f64, Unit::Count, Ok(crowd.role().opened as f64));
    crowd.role().judge_ends([head_timeout + SLACK, args.linger()], rid, &mut sheet);
    sheet.figure("memory for each", Unit::Bytes, each).note("growth of its own pages");
    let mut during = normal.lap();
    if let Some(opening) = opening {
        sheet.figure(
            "the normal client's p99 while they come",
            Unit::Seconds,
            opening.p99().ok_or_else(|| "no answer came".into()),
        );
        during.failures += opening.failures;
        during.failure = opening.failure.or(during.failure);
    }
    judge_normal(&before, &during, &others.share(&victim), &mut sheet);
    Ok(sheet)
}

/// The growth of memory for each connection that is open.
fn growth_of_each(grown: Figure, open: usize) -> Figure {
    let grown = grown?;
    if open == 0 { Err("no connection was open any more".into()) } else { Ok(grown / open as f64) }
}

/// Waits until the server has none of them any more. False if it still has some in the end.
fn wait_until_gone(
    crowd: &mut Crowd<Unfinished>,
    deadline: Instant,
    victim: &Victim,
    start: &Figure,
    meanwhile: impl Fn(usize, usize),
) -> Result<bool, Error> {
    let mut next = Instant::now();
    crowd.play_until(deadline, |crowd| {
        if Instant::now() < next {
            return false;
        }
        next = Instant::now() + LOOK;
        let Unfinished { ended, opened, .. } = *crowd.role();
        meanwhile(ended, opened);
        // A connection that ignores the end notices only at its next byte that it is gone.
        ended >= opened
            && match (victim.descriptors(), start) {
                (Ok(now), Ok(start)) => now <= *start,
                _ => crowd.len() == 0,
            }
    })
}

impl Unfinished {
    fn new(manner: Manner, seed: u64) -> Self {
        let random = Random::new(seed);
        Self { manner, random, opened: 0, ended: 0, answered: 0, longest: Duration::ZERO }
    }

    /// The number of connections that the server has not ended.
    fn remaining(&self) -> usize {
        self.opened - self.ended
    }

    /// How the server has ended them. `rid` is when it was rid of the last one, in seconds.
    fn judge_ends(&self, [life_max, linger]: [Duration; 2], rid: Figure, sheet: &mut Sheet) {
        let lasting = self.remaining();
        // All of none would meet each goal.
        let known = |figure| if self.opened == 0 { Err("no connection came up".to_owned()) } else { figure };
        let not_ended = known(Ok(lasting as f64));
        let ended = sheet.at_most("not ended by the server", 0.0, Unit::Count, not_ended);
        if self.manner == Manner::Slow {
            ended.note(format!("{} got 408", self.answered));
        }
        let longest = match lasting {
            0 => Ok(self.longest.as_secs_f64()),
            _ => Err(format!("the server did not end {lasting} of them")),
        };
        sheet.at_most("longest life", life_max.as_secs_f64(), Unit::Seconds, known(longest));
        let what = match self.manner {
            Manner::Slow => {
                "time until the last one is closed, though every second one ignores the server's end"
            }
            Manner::Silent => "time until the last one is closed",
        };
        let bound = (life_max + linger).as_secs_f64();
        let rid = known(rid);
        let is_never = matches!(rid, Ok(NEVER));
        let row = sheet.at_most(what, bound, Unit::Seconds, rid);
        if is_never {
            row.note(format!("not closed within {}", Unit::Seconds.show(bound)));
        }
    }

    /// The pause before the next byte, if one is to come.
    fn pause(&mut self) -> Option<Duration> {
        if self.manner == Manner::Silent {
            return None;
        }
        Some(Duration::from_millis(self.random.between(PAUSE_MS_MIN, PAUSE_MS_MAX) as u64))
    }
}

impl Role for Unfinished {
    type State = Dribbler;

    fn open(&mut self, turn: &mut Turn<'_>) -> Dribbler {
        self.opened += 1;
        let is_second = self.opened % 2 == 0;
        match self.manner {
            Manner::Slow => turn.out.push(HEAD[0]),
            Manner::Silent if is_second => turn.out.extend_from_slice(GREETING),
            Manner::Silent => {}
        }
        turn.alarm = self.pause();
        let is_stubborn = is_second && self.manner == Manner::Slow;
        Dribbler { since: turn.now, sent: 1, is_stubborn, is_ended: false }
    }

    fn hear(&mut self, _dribbler: &mut Dribbler, rx: &[u8], _turn: &mut Turn<'_>) -> usize {
        self.answered += usize::from(answer::status(rx) == Some(408));
        rx.len()
    }

    fn tick(&mut self, dribbler: &mut Dribbler, turn: &mut Turn<'_>) {
        turn.out.push(HEAD[dribbler.sent.min(HEAD.len() - 1)]);
        dribbler.sent += 1;
        turn.alarm = self.pause();
    }

    fn end(&mut self, dribbler: &mut Dribbler, turn: &mut Turn<'_>) {
        self.note_end(dribbler, turn.now);
        if !dribbler.is_stubborn {
            turn.leave = Leave::Finish;
        }
    }

    fn gone(&mut self, mut dribbler: Dribbler) {
        self.note_end(&mut dribbler, Instant::now());
    }
}

impl Unfinished {
    fn note_end(&mut self, dribbler: &mut Dribbler, now: Instant) {
        if !dribbler.is_ended {
            dribbler.is_ended = true;
            self.ended += 1;
            self.longest = self.longest.max(now - dribbler.since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::goal::{Row, Verdict};
    use super::super::table;
    use super::super::task::Stop;
    use super::*;
    use serde_json::Value;
    use socket2::{Domain, SockRef, Socket, Type};
    use std::io::Read;
    use std::net::{SocketAddr, TcpListener};
    use std::thread;

    fn judged(opened: usize, ended: usize, rid: f64) -> Vec<Row> {
        let longest = Duration::from_secs(ended as u64);
        let role = Unfinished { opened, ended, longest, ..Unfinished::new(Manner::Slow, 1) };
        let mut sheet = Sheet::new("a");
        role.judge_ends([4, 30].map(Duration::from_secs), Ok(rid), &mut sheet);
        sheet.rows
    }

    /// Opens ten connections to this address, and says how many of them came up and how many are open when it is known of all.
    fn ten_at(addr: SocketAddr, open: usize) -> (usize, usize) {
        let (role, place) = (Unfinished::new(Manner::Slow, 1), Place { addr, tls: None });
        let mut crowd = Crowd::new(role, place, &Stop::default()).expect("there is an event queue");
        crowd.open(10, f64::INFINITY, |_| {}).expect("nobody interrupts it");
        let is_known = |_| {
            crowd.turn().expect("nobody interrupts it");
            crowd.len() == open
        };
        assert!((0..60_000).any(is_known));
        (crowd.role().opened, crowd.role().remaining())
    }

    /// The fault: what had been begun was a connection, and its share of the memory was taken as if it were open.
    #[test]
    fn i463_connections_that_are_refused_or_reset_are_not_open() {
        let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor is free");
        nobody.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port is free");
        let addr = nobody.local_addr().ok().and_then(|addr| addr.as_socket());
        assert_eq!(ten_at(addr.expect("it has an address"), 0), (0, 0));

        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("it has an address");
        // It keeps every second one, and resets the others at their first byte.
        thread::spawn(move || {
            let mut kept = Vec::new();
            for (number, mut stream) in listener.incoming().flatten().enumerate() {
                SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("it is a socket");
                let is_heard = stream.read(&mut [0]).is_ok();
                kept.extend((is_heard && number % 2 == 0).then_some(stream));
            }
        });
        assert_eq!(ten_at(addr, 5), (10, 5));
        assert_eq!(growth_of_each(Ok(1000.0), 5), Ok(200.0));
        assert!(growth_of_each(Ok(1000.0), 0).is_err());
    }

    #[test]
    fn how_long_they_live_is_unknown_while_some_do() {
        let verdicts = |ended| judged(2, ended, 3.0).iter().map(Row::verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(2), [Verdict::Met; 3]);
        assert_eq!(verdicts(1), [Verdict::Missed, Verdict::Gap, Verdict::Met]);
    }

    /// The fault: all of none had ended in time, so three goals were met.
    #[test]
    fn i533_of_connections_that_did_not_come_up_nothing_is_known() {
        for rid in [0.0, NEVER] {
            for row in judged(0, 0, rid) {
                assert_eq!((row.verdict(), row.figure), (Verdict::Gap, Err("no connection came up".into())));
            }
        }
    }

    /// The fault: the time that was waited was shown as the time after which the last one was closed.
    #[test]
    fn i414_what_is_never_closed_has_no_time() {
        let rows = judged(2, 2, NEVER);
        let row = rows.last().expect("there are rows");
        assert_eq!((row.verdict(), row.shown().as_str()), (Verdict::Missed, "not closed within 34.0 s"));
        let json = &table::json(&rows)["rows"][2];
        assert_eq!((&json["figure"], &json["verdict"]), (&Value::Null, &"missed".into()));
        assert_eq!(json["detail"], "not closed within 34.0 s");
    }
}
