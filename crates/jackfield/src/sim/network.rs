//! How a peer's bytes travel: in which pieces, how late, and whether they arrive at all.

use super::Random;
use super::book::{Book, Record, digest};
use super::options::Faults;
use super::peer::{Line, Peer, Saying};
use crate::disconnect::{Limit, Reason, Timeout};
use crate::shared::{RefuseReason, Settings};
use jackfield_reactor::FarEnd;

/// The line of a first request is shorter.
const FIRST_LINE_BYTES: usize = 200;

/// One peer, its connection, and what the network does to it.
pub(super) struct Party {
    pub(super) number: usize,
    pub(super) peer: Box<dyn Peer>,
    /// It does nothing before this time.
    pub(super) wake: u64,
    pub(super) far: Option<FarEnd>,
    pub(super) conduct: Conduct,
    plan: Plan,
    said: Saying,
    random: Random,
    /// What came and was not used by the peer.
    came: Vec<u8>,
    taken: usize,
    sent: usize,
    /// The beginning of what it has sent: the line of its first request.
    first_line: Vec<u8>,
    sent_end: bool,
    /// It has seen the end of the connection.
    pub(super) ended: bool,
}

/// What the server was told that matters for a new connection without a client.
pub(super) struct Told<'a> {
    pub(super) settings: &'a Settings,
    /// It was shut down, or has evicted somebody who had no client.
    pub(super) may_end: bool,
}

/// What is going to happen to a peer, decided by chance before it comes.
#[derive(Debug, Default)]
struct Plan {
    splits: bool,
    stumbles: u16,
    spurious: u16,
    delays: u16,
    window: Option<usize>,
    never_reads: bool,
    cut: Option<(usize, Cut)>,
    half_close: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Finish,
    Reset,
    ResetBehind,
}

/// What a peer has done that the server may answer with an end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conduct {
    reset: bool,
    /// It ended its side, before it had said everything.
    cut: bool,
    finished: bool,
    /// It, or the time, left the server waiting.
    pub(super) slow: bool,
    /// Not all that was written for it was always taken at once.
    slow_reader: bool,
    pub(super) never_reads: bool,
}

impl Party {
    pub(super) fn new(number: usize, peer: Box<dyn Peer>, faults: &Faults, mut random: Random) -> Self {
        let often = |random: &mut Random, per_mille: u16| if random.chance(300) { per_mille } else { 0 };
        let mut plan = Plan {
            splits: random.chance(faults.splits),
            stumbles: often(&mut random, faults.stumbles),
            spurious: often(&mut random, faults.spurious),
            delays: often(&mut random, faults.delays),
            window: random.chance(faults.slow_readers).then(|| random.size(2000) + 1),
            never_reads: random.chance(faults.never_readers),
            cut: None,
            half_close: random.chance(faults.half_closes),
        };
        if random.chance(faults.cuts) {
            let how = [Cut::Finish, Cut::Reset, Cut::ResetBehind][random.below(3)];
            plan.cut = Some((random.size(3000), how));
        }
        if plan.never_reads {
            plan.window = Some(random.size(300));
        }
        let conduct = Conduct {
            slow: plan.delays > 0,
            slow_reader: plan.window.is_some() || plan.splits || plan.stumbles > 0 || faults.held > 0,
            never_reads: plan.never_reads,
            ..Conduct::default()
        };
        let comes_late = faults.lags > 0 && random.chance(500);
        // Several come at once, so that some of them are too many for a reactor that is behind.
        let wake = if comes_late { [150, 400, 1000, 2000][random.below(4)] } else { random.size(200) } as u64;
        let (said, came) = (Saying::default(), Vec::new());
        let (taken, sent, first_line, sent_end, ended, far) = (0, 0, Vec::new(), false, false, None);
        Self {
            number,
            peer,
            wake,
            far,
            conduct,
            plan,
            said,
            random,
            came,
            taken,
            sent,
            first_line,
            sent_end,
            ended,
        }
    }

    /// Its connection is up.
    pub(super) fn connected(&mut self, far: FarEnd) {
        if self.plan.window.is_some() {
            far.set_room(self.plan.window);
        }
        if self.plan.splits {
            far.set_read_max(self.random.chance(500).then(|| self.random.size(500) + 1));
            far.set_write_max(self.random.chance(500).then(|| self.random.size(500) + 1));
        }
        self.far = Some(far);
        self.tell(|peer, line| peer.on_connect(line));
    }

    fn tell<T>(&mut self, call: impl FnOnce(&mut dyn Peer, &mut Line<'_>) -> T) -> T {
        call(&mut *self.peer, &mut Line { said: &mut self.said, random: &mut self.random })
    }

    /// True if it would do something, had its time come.
    pub(super) fn has_work(&self) -> bool {
        let Some(far) = &self.far else { return true };
        let comes = !self.plan.never_reads && far.waiting() > 0;
        comes || self.has_to_send() || (!self.ended && (far.is_finished() || far.is_reset()))
    }

    fn has_to_send(&self) -> bool {
        !self.sent_end
            && !self.said.silent
            && (!self.said.bytes.is_empty() || self.said.finished || self.said.reset || self.closes_half())
    }

    fn closes_half(&self) -> bool {
        self.plan.half_close && self.peer.outlives_half_close() && self.peer.has_said_all()
    }

    /// Does one thing or another. `calm`: nothing goes wrong any more.
    pub(super) fn act(&mut self, now: u64, calm: bool, book: &Book) {
        if !calm {
            self.stumble();
        }
        if calm || self.random.chance(800) {
            self.take_in(calm, book);
        }
        if calm || self.random.chance(800) {
            self.send_out(calm, book);
        }
        self.notice_end(book);
        self.wake = now;
        if !calm {
            let is_late = self.random.chance(self.plan.delays);
            let wait = if is_late { self.random.size(5000) } else { self.random.below(3) };
            self.wake += wait as u64;
        }
        if let Some(text) = self.said.wrong.take() {
            book.wrong("protocol", format!("peer {}: {text}", self.number));
        }
    }

    fn stumble(&mut self) {
        let Some(far) = &self.far else { return };
        if self.random.chance(self.plan.stumbles) {
            far.stumble(self.random.below(3) as u32, self.random.below(3) as u32);
        }
        if self.random.chance(self.plan.spurious) {
            far.nudge(self.random.chance(500), self.random.chance(500));
        }
    }

    fn take_in(&mut self, calm: bool, book: &Book) {
        let Some(far) = self.far.clone().filter(|far| !self.plan.never_reads && far.waiting() > 0) else {
            return;
        };
        let bytes = far.take();
        book.note(format_args!("peer {} takes {} ({:08x})", self.number, bytes.len(), digest(&bytes)));
        self.taken += bytes.len();
        if self.plan.window.is_some() && !calm {
            let window = self.random.size(2000) + 1;
            far.set_room(Some(window));
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() && !self.said.silent {
            let cut = if self.plan.splits { self.random.size(rest.len()).max(1) } else { rest.len() };
            let (piece, behind) = rest.split_at(cut);
            self.came.extend_from_slice(piece);
            let mut came = std::mem::take(&mut self.came);
            self.tell(|peer, line| peer.on_bytes(line, &mut came));
            self.came = came;
            rest = behind;
        }
    }

    fn send_out(&mut self, calm: bool, book: &Book) {
        let Some(far) = self.far.clone().filter(|_| self.has_to_send()) else { return };
        let all = self.said.bytes.len();
        let mut count = if self.plan.splits && !calm { self.random.size(all).max(all.min(1)) } else { all };
        let cut = self.plan.cut.filter(|(at, _)| *at <= self.sent + count);
        if let Some((at, _)) = cut {
            count = at.saturating_sub(self.sent);
        }
        if count > 0 {
            let bytes: Vec<u8> = self.said.bytes.drain(..count).collect();
            book.note(format_args!("peer {} sends {count} ({:08x})", self.number, digest(&bytes)));
            far.send(&bytes);
            let room = FIRST_LINE_BYTES - self.first_line.len();
            self.first_line.extend_from_slice(&bytes[..count.min(room)]);
            self.sent += count;
        }
        if let Some((_, how)) = cut {
            book.note(format_args!("peer {} is cut: {how:?}", self.number));
            self.conduct.cut = true;
            self.said.bytes.clear();
            return self.end(&far, how);
        }
        if self.said.bytes.is_empty() {
            if self.said.reset {
                self.end(&far, Cut::Reset);
            } else if self.said.finished || self.closes_half() {
                self.end(&far, Cut::Finish);
                book.note(format_args!("peer {} ends its side", self.number));
            }
        }
    }

    fn end(&mut self, far: &FarEnd, how: Cut) {
        self.sent_end = true;
        match how {
            Cut::Finish => {
                self.conduct.finished = true;
                return far.finish();
            }
            Cut::Reset => far.reset(),
            Cut::ResetBehind => far.reset_behind(),
        }
        self.conduct.reset = true;
        self.ended = true;
    }

    fn notice_end(&mut self, book: &Book) {
        let Some(far) = &self.far else { return };
        let is_over = far.is_finished() || far.is_reset();
        if self.ended || !is_over || (far.waiting() > 0 && !self.plan.never_reads) {
            return;
        }
        let clean = !far.is_reset() && !self.plan.never_reads;
        self.ended = true;
        book.note(format_args!("peer {} sees the end, clean: {clean}", self.number));
        if !self.said.silent && !self.plan.never_reads {
            self.tell(|peer, line| peer.on_end(line, clean));
        }
    }

    /// The faults stop: what the network withheld comes now.
    pub(super) fn calm_down(&mut self, now: u64) {
        self.wake = self.wake.min(now);
        self.plan.cut = None;
        if let Some(far) = self.far.as_ref().filter(|_| !self.plan.never_reads) {
            far.stumble(0, 0);
            far.set_read_max(None);
            far.set_write_max(None);
            far.set_room(None);
        }
    }

    /// It is not waited for any more.
    pub(super) fn is_settled(&self) -> bool {
        self.ended || self.plan.never_reads || self.conduct.cut || (self.far.is_some() && self.peer.is_done())
    }

    /// It leaves, in one way or another.
    pub(super) fn leave(&mut self, faults: &Faults, book: &Book) {
        if self.ended || self.sent_end || self.plan.never_reads {
            return;
        }
        match self.random.below(3) {
            0 if faults.silence && self.peer.may_fall_silent() => {
                book.note(format_args!("peer {} falls silent", self.number));
                (self.said.silent, self.conduct.slow) = (true, true);
            }
            1 if faults.cuts > 0 => self.said.reset = true,
            _ => self.tell(|peer, line| peer.leave(line)),
        }
    }

    pub(super) fn waits_for(&self) -> String {
        let place = if self.far.is_some() { self.peer.waits_for() } else { "a connection".into() };
        format!("peer {}: {place}", self.number)
    }

    /// Whether what the server says of the end is true, and excuses what is missing.
    pub(super) fn judge(&self, record: &Record, was_told: &Told<'_>) -> Result<(), String> {
        let Some(far) = &self.far else { return Ok(()) };
        let Some(end) = record.end else { return self.judge_refusal(record, was_told) };
        if end.bytes_out != far.received() as u64 {
            return Err(format!("{} bytes left the server, and {} arrived", end.bytes_out, far.received()));
        }
        if end.bytes_in > (self.sent - far.unread()) as u64 {
            return Err(format!("{} bytes were read of {} that were sent", end.bytes_in, self.sent));
        }
        if !self.explains(record, end.reason) {
            return Err(format!(
                "it ended with {:?}, and there is no reason for that: {:?}",
                end.reason, self.conduct
            ));
        }
        let is_excused = record.bombed
            || record.commanded
            || !matches!(end.reason, Reason::Peer | Reason::Local)
            || (self.conduct.slow && (self.peer.expects_close() || far.is_reset()))
            || self.conduct.never_reads
            || self.conduct.cut
            || self.conduct.reset;
        match &self.said.suspicion {
            Some(text) if !is_excused => Err(format!("{text}, although it ended with {:?}", end.reason)),
            _ if is_excused || self.peer.is_done() => Ok(()),
            _ if self.peer.outlives_half_close() => {
                Err(format!("it ended with {:?}, and {} is missing", end.reason, self.peer.waits_for()))
            }
            _ => Ok(()),
        }
    }

    /// The path of its first request, if the line of that was sent.
    fn first_path(&self) -> Option<&str> {
        let end = self.first_line.iter().position(|&byte| byte == b'\n')?;
        let line = std::str::from_utf8(&self.first_line[..end]).unwrap_or_default();
        Some(line.split(' ').nth(1).unwrap_or_default())
    }

    /// Whether there is a reason for it never to have had a client.
    fn judge_refusal(&self, record: &Record, was_told: &Told<'_>) -> Result<(), String> {
        let Conduct { reset, cut, slow, .. } = self.conduct;
        let has_left = reset || cut || slow || self.said.silent || self.first_path().is_none();
        match record.refused {
            Some(RefuseReason::Overload) if record.may_be_provisional => match self.first_path() {
                Some(path) if was_told.settings.reserved.contains(path) => {
                    Err(format!("it asked for {path}, which is reserved, and was refused"))
                }
                Some(_) => Ok(()),
                None if !self.peer.is_fair() => Ok(()),
                None => Err("it was refused before it had asked for something".into()),
            },
            Some(_) => Ok(()),
            // It ended while it was provisional.
            None if record.may_be_provisional && (has_left || was_told.may_end) => Ok(()),
            None => Err("it was neither refused nor told of its end".into()),
        }
    }

    fn explains(&self, record: &Record, reason: Reason) -> bool {
        let conduct = &self.conduct;
        match reason {
            Reason::Peer => conduct.finished || self.peer.is_done() || !self.peer.is_fair(),
            Reason::PeerReset => conduct.reset,
            Reason::Local => {
                let torn = conduct.slow && self.far.as_ref().is_some_and(FarEnd::is_reset);
                let looked_away =
                    torn || conduct.never_reads || conduct.reset || conduct.cut || self.said.silent;
                looked_away
                    || record.commanded
                    || record.bombed
                    || self.peer.expects_close()
                    || !self.peer.is_fair()
            }
            // What the user's own client and settings bring about is no matter of the peer's.
            Reason::Timeout(Timeout::Upgrade | Timeout::Lifetime)
            | Reason::Limit(Limit::Rate)
            | Reason::Shutdown => true,
            Reason::Timeout(_) => conduct.slow || conduct.slow_reader || conduct.cut,
            Reason::Protocol(_) | Reason::Limit(Limit::ReadBuffer | Limit::Line | Limit::ControlFrames) => {
                !self.peer.is_fair()
            }
            Reason::Limit(Limit::Backlog) => conduct.slow_reader || conduct.slow,
            Reason::Limit(Limit::Memory) => record.evicted,
            Reason::Limit(Limit::Overload) => record.overloaded,
            Reason::Tls | Reason::Io(_) => false,
            Reason::Panic => record.bombed,
        }
    }
}
