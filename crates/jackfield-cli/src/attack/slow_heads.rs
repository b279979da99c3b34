//! `slow-heads`: connections that slowly send a request's head byte by byte, as long as the server allows.

use super::args::Attack;
use super::crowd::{Crowd, Leave, PACE, Role, Turn, describe_crowd};
use super::goal::{Figure, Sheet, Unit, growth};
use super::normal::{Lap, Normal};
use super::victim::Victim;
use crate::base::error::Error;
use crate::base::progress::Progress;
use crate::base::units;
use jackfield::sim::Random;
use std::time::{Duration, Instant};

/// Connections with heads that never end. Every second one continues after the server has ended its side.
#[derive(Debug)]
struct SlowHeads {
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
/// The shortest pause between two bytes.
const PAUSE_MS_MIN: usize = 500;
const PAUSE_MS_MAX: usize = 1500;
/// After its own end the server reads a peer that still sends for at most this long (`reactor.linger_max`).
const LINGER_MAX: Duration = Duration::from_secs(30);
/// How much this side may be late.
const SLACK: Duration = Duration::from_secs(2);
/// The time between two checks.
const LOOK: Duration = Duration::from_millis(100);
/// How long the normal client runs before the attack: as long as during it, but at most this.
const BEFORE_MAX: Duration = Duration::from_secs(10);
/// If other processes use more of a core than this, a 99th percentile shows their effect.
const OTHERS_MAX: f64 = 0.2;

pub(crate) fn run(args: &Attack, progress: &Progress) -> Result<Sheet, Error> {
    let wanted = args.connections.map_or(5000, |count| count as usize);
    let victim = Victim::new(args, &[format!("--head-timeout={}ms", args.head_timeout.as_millis())])?;
    let normal = Normal::start(&victim, true)?;
    let others = Others::new(&victim);
    std::thread::sleep(args.head_timeout.min(BEFORE_MAX));
    let before = normal.lap();
    let (memory, descriptors) = (victim.memory(), victim.descriptors());

    let role = SlowHeads {
        random: Random::new(args.seed),
        opened: 0,
        ended: 0,
        answered: 0,
        longest: Duration::ZERO,
    };
    let mut crowd = Crowd::new(role, victim.place())?;
    let opened = crowd.open(wanted, PACE, |open| describe_crowd(progress, "slow-heads", open, wanted))?;
    let opened_at = Instant::now();
    // All connections are open until the first one's timeout. Reading the server's memory takes milliseconds, which
    // would delay the normal client, so it is done once.
    crowd.play_until(opened_at + args.head_timeout / 2, |_| false)?;
    let most = growth(&memory, &victim.memory());
    let deadline = opened_at + args.head_timeout + LINGER_MAX + SLACK;
    wait_until_gone(&mut crowd, deadline, &victim, &descriptors, (opened, progress))?;
    let rid = opened_at.elapsed();

    let mut sheet = Sheet::new("slow-heads");
    let role = crowd.role();
    sheet.at_least("connections", wanted as f64, Unit::Count, Ok(opened as f64));
    sheet
        .at_most("not ended by the server", 0.0, Unit::Count, Ok((opened - role.ended) as f64))
        .note(format!("{} got 408", role.answered));
    let life_max = args.head_timeout + SLACK;
    sheet.at_most("longest life", life_max.as_secs_f64(), Unit::Seconds, Ok(role.longest.as_secs_f64()));
    let what = "time until the last one is closed, though every second one ignores the server's end";
    sheet.at_most(
        what,
        (life_max + LINGER_MAX).as_secs_f64(),
        Unit::Seconds,
        descriptors.map(|_| rid.as_secs_f64()),
    );
    let each = most.map(|most| most / opened.max(1) as f64);
    sheet.figure("memory for each", Unit::Bytes, each).note("growth of its own pages");
    judge_normal(&before, &normal.lap(), &others.share(&victim), &mut sheet);
    Ok(sheet)
}

/// Waits until the server has none of them any more.
fn wait_until_gone(
    crowd: &mut Crowd<SlowHeads>,
    deadline: Instant,
    victim: &Victim,
    start: &Figure,
    (opened, progress): (usize, &Progress),
) -> Result<(), Error> {
    let mut next = Instant::now();
    crowd.play_until(deadline, |crowd| {
        if Instant::now() < next {
            return false;
        }
        next = Instant::now() + LOOK;
        let ended = crowd.role().ended;
        progress.counted("slow-heads", ended as u64, opened as u64, format!("{ended} of {opened} are gone"));
        // A connection that ignores the end notices only at its next byte that it is gone.
        ended >= opened
            && match (victim.descriptors(), start) {
                (Ok(now), Ok(start)) => now <= *start,
                _ => crowd.len() == 0,
            }
    })?;
    Ok(())
}

/// The effect on the normal client.
fn judge_normal(before: &Lap, during: &Lap, others: &Figure, sheet: &mut Sheet) {
    let ratio = during.p99() / before.p99().max(1e-9);
    let [then, now] = [before, during].map(|lap| units::time(lap.p99() * 1e9));
    let figure = match others {
        Ok(share) if *share > OTHERS_MAX => Err(format!(
            "other processes used {:.0} % of a core, so {then} before and {now} during it say nothing",
            share * 100.0
        )),
        _ => Ok(ratio),
    };
    sheet
        .figure("the normal client's p99 against before", Unit::Times, figure)
        .note(format!("{then} and {now}"));
    sheet
        .at_most("failures of the normal client", 0.0, Unit::Count, Ok(during.failures as f64))
        .note(during.describe());
}

/// The processor time of other processes, since the beginning.
struct Others {
    begin: Instant,
    used: Figure,
}

impl Others {
    fn new(victim: &Victim) -> Self {
        Self { begin: Instant::now(), used: victim.cpu_of_others() }
    }

    /// The share of a core.
    fn share(&self, victim: &Victim) -> Figure {
        let used = growth(&self.used, &victim.cpu_of_others());
        used.map(|seconds| seconds / self.begin.elapsed().as_secs_f64())
    }
}

impl SlowHeads {
    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_millis(self.random.between(PAUSE_MS_MIN, PAUSE_MS_MAX) as u64))
    }
}

impl Role for SlowHeads {
    type State = Dribbler;

    fn open(&mut self, turn: &mut Turn<'_>) -> Dribbler {
        self.opened += 1;
        turn.out.push(HEAD[0]);
        turn.alarm = self.next();
        Dribbler { since: turn.now, sent: 1, is_stubborn: self.opened % 2 == 0, is_ended: false }
    }

    fn hear(&mut self, _dribbler: &mut Dribbler, rx: &[u8], _turn: &mut Turn<'_>) -> usize {
        self.answered += usize::from(rx.starts_with(b"HTTP/1.1 408"));
        rx.len()
    }

    fn tick(&mut self, dribbler: &mut Dribbler, turn: &mut Turn<'_>) {
        turn.out.push(HEAD[dribbler.sent.min(HEAD.len() - 1)]);
        dribbler.sent += 1;
        turn.alarm = self.next();
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

impl SlowHeads {
    fn note_end(&mut self, dribbler: &mut Dribbler, now: Instant) {
        if !dribbler.is_ended {
            dribbler.is_ended = true;
            self.ended += 1;
            self.longest = self.longest.max(now - dribbler.since);
        }
    }
}
