//! How a peer's bytes travel: in which pieces, how late, and whether they arrive.

use super::Random;
use super::book::{Book, Ended, Record, digest};
use super::dial_target::DialTarget;
use super::options::Faults;
use super::peer::{Peer, PeerConnection, Saying};
use crate::config::WhenFull;
use crate::disconnect::{Limit, Reason, Timeout};
use crate::secure::Secure;
use crate::shared::{RefuseReason, Settings};
use jackfield_reactor::{Bandwidth, FarEnd};

/// A peer that trickles takes at most this many bytes each time, and waits between two times.
const TRICKLE_BYTES: usize = 50;
const TRICKLE_INTERVAL: u64 = 5000;

/// Longer than the line of any first request.
const FIRST_LINE_BYTES: usize = 200;

/// One peer, its connection, and what the network does to it.
pub(super) struct Party {
    pub(super) number: usize,
    pub(super) peer: Box<dyn Peer>,
    /// It does nothing before this time.
    pub(super) wake: u64,
    pub(super) far: Option<FarEnd>,
    pub(super) conduct: Conduct,
    /// Set if the server connects to it.
    pub(super) dial_target: Option<DialTarget>,
    plan: Plan,
    /// TLS above its connection, if there is any.
    secure: Option<Secure>,
    before_tls: BeforeTls,
    said: Saying,
    random: Random,
    /// Bytes that have come and that the peer has not used.
    came: Vec<u8>,
    taken: usize,
    sent: usize,
    /// The beginning of what it has sent: the line of its first request.
    first_line: Vec<u8>,
    sent_end: bool,
    /// It has seen the end of the connection.
    pub(super) ended: bool,
    /// It has left before the farewell, so that another has its place.
    has_left: bool,
}

/// The bytes in plain text before TLS, on a connection on which that begins later.
#[derive(Clone, Copy, Debug, Default)]
struct BeforeTls {
    /// With those that have not left yet: they are in front of the first record.
    sent: usize,
    received: usize,
}

/// The record of an alert that is not encrypted.
const ALERT_BYTES: usize = 7;

/// What may explain that a connection ended without a client.
pub(super) struct Told<'a> {
    pub(super) settings: &'a Settings,
    /// The server was shut down, or has evicted a connection without a client.
    pub(super) may_end: bool,
    /// The server may have reached its limit on outgoing connections.
    pub(super) may_be_full: bool,
}

impl Told<'_> {
    /// Bytes may wait in both directions, however fast the other side reads.
    fn limits_bandwidth(&self) -> bool {
        self.settings.limits.bandwidth != Bandwidth::default()
    }

    /// A new connection may take the place of an idle one.
    fn evicts_idle(&self) -> bool {
        self.settings.listeners.iter().any(|listener| listener.limits.when_full == WhenFull::EvictIdle)
    }

    /// The server may stop reading connections for a while, also new ones.
    fn is_short_of_memory(&self) -> bool {
        self.settings.limits.memory_bytes_max < 1 << 20
    }
}

/// What is going to happen to a peer, decided at random before it connects.
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
    /// It takes a few bytes at a time, until the end.
    trickles: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Finish,
    Reset,
    ResetAfterSent,
    /// One bit of a record is flipped on its way.
    Forge,
}

/// Acts of a peer because of which the server may end its connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conduct {
    reset: bool,
    /// It ended its side before it had sent everything.
    cut: bool,
    /// One of its records was forged on the way.
    forged: bool,
    finished: bool,
    /// It did so before it saw the server's end.
    left_first: bool,
    /// The peer, or a jump of the clock, left the server waiting.
    pub(super) slow: bool,
    /// It did not always take all bytes at once.
    slow_reader: bool,
    pub(super) never_reads: bool,
}

impl Plan {
    fn new(random: &mut Random, faults: &Faults, is_secure: bool) -> Self {
        let often = |random: &mut Random, per_mille: u16| if random.chance(300) { per_mille } else { 0 };
        let mut plan = Plan {
            splits: random.chance(faults.splits),
            stumbles: often(random, faults.stumbles),
            spurious: often(random, faults.spurious),
            delays: often(random, faults.delays),
            window: random.chance(faults.slow_readers).then(|| random.size(2000) + 1),
            never_reads: random.chance(faults.never_readers),
            cut: None,
            half_close: random.chance(faults.half_closes),
            trickles: false,
        };
        if random.chance(faults.cuts) {
            let how = [Cut::Finish, Cut::Reset, Cut::ResetAfterSent][random.below(3)];
            plan.cut = Some((random.size(3000), how));
        }
        if is_secure && random.chance(faults.cuts / 2) {
            plan.cut = Some((random.size(3000), Cut::Forge));
        }
        if plan.never_reads {
            plan.window = Some(random.size(300));
        }
        if !plan.never_reads && random.chance(faults.tricklers) {
            // For the server this is like a peer that takes nothing, only later.
            (plan.trickles, plan.window, plan.cut) = (true, Some(random.size(300)), None);
        }
        plan
    }
}

impl Conduct {
    fn of(plan: &Plan, faults: &Faults) -> Self {
        Self {
            // It acts so seldom that it also sends late.
            slow: plan.delays > 0 || plan.trickles,
            slow_reader: plan.window.is_some() || plan.splits || plan.stumbles > 0 || faults.held > 0,
            never_reads: plan.never_reads || plan.trickles,
            ..Self::default()
        }
    }
}

impl Party {
    pub(super) fn new(
        number: usize,
        peer: Box<dyn Peer>,
        secure: Option<Secure>,
        faults: &Faults,
        mut random: Random,
    ) -> Self {
        let plan = Plan::new(&mut random, faults, secure.is_some() || peer.starts_tls());
        let conduct = Conduct::of(&plan, faults);
        let comes_late = faults.lags > 0 && random.chance(500);
        // Several connect at the same time, so that a reactor that lags refuses some.
        let wake = if comes_late { [150, 400, 1000, 2000][random.below(4)] } else { random.size(200) } as u64;
        let (said, came) = (Saying::default(), Vec::new());
        let (taken, sent, first_line, sent_end, ended, far) = (0, 0, Vec::new(), false, false, None);
        Self {
            number,
            peer,
            wake,
            far,
            conduct,
            dial_target: None,
            plan,
            secure,
            before_tls: BeforeTls::default(),
            said,
            random,
            came,
            taken,
            sent,
            first_line,
            sent_end,
            ended,
            has_left: false,
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

    fn tell<T>(&mut self, call: impl FnOnce(&mut dyn Peer, &mut PeerConnection<'_>) -> T) -> T {
        let mut line = PeerConnection { said: &mut self.said, random: &mut self.random };
        let told = call(&mut *self.peer, &mut line);
        self.begin_tls();
        told
    }

    /// Puts TLS above its connection, if it has asked for that. What it said before still leaves in plain text.
    fn begin_tls(&mut self) {
        let Some((tls, plain)) = self.said.tls.take() else { return };
        assert!(self.secure.is_none(), "peer {} has TLS already", self.number);
        let mut secure = tls.client_side(None);
        secure.records.extend(self.said.bytes.drain(..plain));
        self.first_line.extend(secure.records.iter().take(FIRST_LINE_BYTES - self.first_line.len()));
        self.before_tls = BeforeTls { sent: self.sent + plain, received: self.taken };
        if let Some((at, Cut::Forge)) = &mut self.plan.cut {
            // A record is forged, not plain text.
            *at += self.before_tls.sent;
        }
        self.secure = Some(secure);
    }

    /// True if it will do something when its time comes.
    pub(super) fn has_work(&self) -> bool {
        let Some(far) = &self.far else {
            return self.dial_target.as_ref().is_none_or(DialTarget::has_open_attempt);
        };
        let comes = !self.plan.never_reads && far.waiting_bytes() > 0;
        comes
            || self.has_to_tell()
            || self.has_to_send()
            || (!self.ended && (far.has_server_finished() || far.is_reset()))
    }

    /// It has something to send, although nothing has come.
    fn has_to_tell(&self) -> bool {
        !self.sent_end && !self.said.silent && self.peer.has_news()
    }

    fn has_to_send(&self) -> bool {
        !self.sent_end
            && !self.said.silent
            && (!self.said.bytes.is_empty() || self.said.reset || self.has_records() || self.may_finish())
    }

    fn has_records(&self) -> bool {
        self.secure.as_ref().is_some_and(Secure::has_records)
    }

    /// It wants to end its side, and all that it has sent is on its way.
    fn may_finish(&self) -> bool {
        let is_open = !self.secure.as_ref().is_some_and(Secure::is_handshaking);
        is_open && (self.said.finished || self.closes_half())
    }

    fn closes_half(&self) -> bool {
        self.plan.half_close && self.peer.outlives_half_close() && self.peer.has_said_all()
    }

    /// Does one act at random. `calm`: no more faults.
    pub(super) fn act(&mut self, now: u64, calm: bool, book: &Book) {
        if !calm {
            self.stumble();
        }
        if calm || self.random.chance(800) {
            self.take_in(calm, book);
        }
        if self.has_to_tell() {
            self.tell(|peer, line| peer.on_news(line));
        }
        if calm || self.random.chance(800) {
            self.send_out(calm, book);
        }
        self.notice_end(book);
        self.wake = now;
        if self.plan.trickles {
            self.wake += TRICKLE_INTERVAL;
        } else if !calm {
            let is_late = self.random.chance(self.plan.delays);
            let wait = if is_late { self.random.size(5000) } else { self.random.below(3) };
            self.wake += wait as u64;
        }
        if let Some(text) = self.said.wrong.take() {
            book.note_wrong("protocol", format!("peer {}: {text}", self.number));
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
        let Some(far) = self.far.clone().filter(|far| !self.plan.never_reads && far.waiting_bytes() > 0)
        else {
            return;
        };
        let bytes = far.take();
        let bytes = self.decrypt(bytes, book);
        book.note(format_args!("peer {} takes {} ({:08x})", self.number, bytes.len(), digest(&bytes)));
        self.taken += bytes.len();
        if self.plan.window.is_some() && !calm || self.plan.trickles {
            let most = if self.plan.trickles { TRICKLE_BYTES } else { 2000 };
            far.set_room(Some(self.random.size(most) + 1));
        }
        self.deliver(&bytes, book);
    }

    fn deliver(&mut self, bytes: &[u8], book: &Book) {
        let (mut rest, had_tls) = (bytes, self.secure.is_some());
        while !rest.is_empty() && !self.said.silent {
            let cut = if self.plan.splits { self.random.size(rest.len()).max(1) } else { rest.len() };
            let (piece, behind) = rest.split_at(cut);
            self.came.extend_from_slice(piece);
            let mut came = std::mem::take(&mut self.came);
            self.tell(|peer, line| peer.on_bytes(line, &mut came));
            rest = behind;
            if self.secure.is_some() != had_tls {
                came.extend_from_slice(rest);
                return self.take_first_records(came, book);
            }
            self.came = came;
        }
    }

    /// TLS has begun: these bytes have come together with the last plain text.
    fn take_first_records(&mut self, records: Vec<u8>, book: &Book) {
        self.before_tls.received -= records.len();
        if !records.is_empty() {
            let bytes = self.decrypt(records, book);
            self.deliver(&bytes, book);
        }
    }

    /// Decrypts what has come. The bytes of TLS are different in each run, so the trace has only their number.
    fn decrypt(&mut self, bytes: Vec<u8>, book: &Book) -> Vec<u8> {
        let Some(secure) = &mut self.secure else { return bytes };
        book.note(format_args!("peer {} takes records of {}", self.number, bytes.len()));
        secure.decrypt(&bytes).unwrap_or_else(|text| {
            // A client that gives up its handshake may send an alert, which the server reports as an error.
            let is_given_up = self.dial_target.is_some() && secure.is_handshaking();
            // The server answers plain text in place of a record with an alert.
            let is_refused = self.peer.allows(Reason::Tls);
            if !self.conduct.forged && !is_given_up && !is_refused {
                book.note_wrong("protocol", format!("peer {} can't decrypt what came: {text}", self.number));
            }
            // It can neither send nor receive any more.
            self.said.reset = true;
            Vec::new()
        })
    }

    /// Encrypts what it has said, after what TLS itself sends.
    fn encrypt(&mut self, book: &Book) {
        let may_finish = self.may_finish();
        let Some(secure) = &mut self.secure else { return };
        let plain = std::mem::take(&mut self.said.bytes);
        if !plain.is_empty() {
            book.note(format_args!("peer {} says {} ({:08x})", self.number, plain.len(), digest(&plain)));
            self.first_line.extend(plain.iter().take(FIRST_LINE_BYTES - self.first_line.len()));
        }
        secure.encrypt(&plain);
        if may_finish && !self.said.reset {
            secure.send_close_notify();
        }
    }

    fn send_out(&mut self, calm: bool, book: &Book) {
        let Some(far) = self.far.clone().filter(|_| self.has_to_send()) else { return };
        self.encrypt(book);
        let is_secure = self.secure.is_some();
        let out = self.secure.as_mut().map_or(&mut self.said.bytes, |secure| &mut secure.records);
        let all = out.len();
        let mut count = if self.plan.splits && !calm { self.random.size(all).max(all.min(1)) } else { all };
        let reaches = |at: usize, how: Cut| match how {
            Cut::Forge => is_secure && at < self.sent + all,
            _ => at <= self.sent + count,
        };
        let cut = self.plan.cut.filter(|(at, how)| reaches(*at, *how));
        if let Some((at, _)) = cut {
            count = at.saturating_sub(self.sent);
        }
        if count > 0 {
            let bytes: Vec<u8> = out.drain(..count).collect();
            far.send(&bytes);
            self.sent += count;
            if is_secure {
                book.note(format_args!("peer {} sends records of {count}", self.number));
            } else {
                book.note(format_args!("peer {} sends {count} ({:08x})", self.number, digest(&bytes)));
                let room = FIRST_LINE_BYTES - self.first_line.len();
                self.first_line.extend_from_slice(&bytes[..count.min(room)]);
            }
        }
        if let Some((_, Cut::Forge)) = cut {
            out[0] ^= 1 << self.random.below(8);
            (self.plan.cut, self.conduct.cut, self.conduct.forged) = (None, true, true);
            book.note_forged();
            return book.note(format_args!("a record of peer {} is forged", self.number));
        }
        if let Some((_, how)) = cut {
            book.note(format_args!("peer {} is cut: {how:?}", self.number));
            self.conduct.cut = true;
            self.said.bytes.clear();
            return self.end(&far, how);
        }
        if self.said.bytes.is_empty() && !self.has_records() {
            if self.said.reset {
                self.end(&far, Cut::Reset);
            } else if self.may_finish() {
                self.end(&far, Cut::Finish);
                book.note(format_args!("peer {} ends its side", self.number));
            }
        }
    }

    fn end(&mut self, far: &FarEnd, how: Cut) {
        self.sent_end = true;
        match how {
            Cut::Finish => {
                (self.conduct.finished, self.conduct.left_first) = (true, !self.ended);
                return far.finish();
            }
            Cut::Reset => far.reset(),
            Cut::ResetAfterSent => far.reset_after_sent(),
            Cut::Forge => {}
        }
        self.conduct.reset = true;
        self.ended = true;
    }

    fn notice_end(&mut self, book: &Book) {
        let Some(far) = &self.far else { return };
        let is_over = far.has_server_finished() || far.is_reset();
        if self.ended || !is_over || (far.waiting_bytes() > 0 && !self.plan.never_reads) {
            return;
        }
        let clean = !far.is_reset() && !self.plan.never_reads;
        // Before the end of the handshake a close_notify is in plain text, and might be forged.
        let is_cut = self
            .secure
            .as_ref()
            .is_some_and(|secure| !secure.is_handshaking() && !secure.has_received_close_notify);
        if clean && is_cut && !self.conduct.forged {
            book.note_wrong(
                "protocol",
                format!("peer {} hears no goodbye of TLS before the end", self.number),
            );
        }
        self.ended = true;
        book.note(format_args!("peer {} sees the end, clean: {clean}", self.number));
        // After an alert the end does not show that all bytes arrived.
        let clean = clean && !self.conduct.forged;
        if !self.said.silent && !self.plan.never_reads {
            self.tell(|peer, line| peer.on_end(line, clean));
        }
    }

    /// The faults stop: the network delivers what it has held back.
    pub(super) fn calm_down(&mut self, now: u64) {
        self.wake = self.wake.min(now);
        self.plan.cut = None;
        if let Some(far) = self.far.as_ref().filter(|_| !self.conduct.never_reads) {
            far.stumble(0, 0);
            far.set_read_max(None);
            far.set_write_max(None);
            far.set_room(None);
        }
    }

    /// The simulation does not wait for it any more.
    pub(super) fn is_settled(&self) -> bool {
        self.ended
            || self.conduct.never_reads
            || self.conduct.cut
            || (self.far.is_some() && self.peer.is_done())
            || (self.far.is_none()
                && self.dial_target.as_ref().is_some_and(|target| !target.has_open_attempt()))
    }

    /// Leaves so that another can have its place, if the simulation does not wait for it any more. False: it stays, or has left.
    pub(super) fn make_room(&mut self) -> bool {
        let is_there = self.far.is_some() && self.dial_target.is_none() && !self.ended && !self.sent_end;
        if !is_there || self.has_left || !self.is_settled() {
            return false;
        }
        self.has_left = true;
        if self.conduct.never_reads || self.conduct.cut {
            // At once, also if it trickles.
            (self.said.reset, self.wake) = (true, 0);
        } else {
            self.tell(|peer, line| peer.leave(line));
        }
        true
    }

    /// It trickles until the server ends its connection.
    pub(super) fn trickles(&self) -> bool {
        self.plan.trickles && !self.ended
    }

    /// It leaves, in one way or another.
    pub(super) fn leave(&mut self, faults: &Faults, book: &Book) {
        if self.ended || self.sent_end || self.conduct.never_reads {
            return;
        }
        // A called peer that is not connected yet has sent nothing.
        self.conduct.cut |= self.dial_target.is_some() && self.far.is_none();
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

    /// Checks that the server's account of the end is true, and explains what is missing.
    pub(super) fn judge(&self, record: &Record, was_told: &Told<'_>) -> Result<(), String> {
        if self.dial_target.is_some() && !record.is_up {
            return self.judge_call(record, was_told);
        }
        let Some(far) = &self.far else { return Ok(()) };
        if record.waits && (record.id.is_some() || record.refused.is_some()) {
            return Err("a listener that was stopped has accepted it".into());
        }
        let Some(end) = record.end else { return self.judge_refusal(record, was_told) };
        self.judge_bytes(far, end)?;
        if !self.explains(record, end.reason, was_told) {
            return Err(format!(
                "it ended with {:?}, and there is no reason for that: {:?}",
                end.reason, self.conduct
            ));
        }
        let Conduct { reset, cut, left_first, never_reads, .. } = self.conduct;
        let is_left = reset || cut || left_first || never_reads;
        // A client that may end its connection at any time may do so in a drain, whose reason it has then.
        let is_ended = record.bombed || record.commanded || record.evicted || self.peer.allows(Reason::Local);
        if let Some(owed) = record.cut_off.as_ref().filter(|_| !is_left && !is_ended) {
            return Err(format!("the shutdown did not wait for the answer to {owed}"));
        }
        let is_excused = record.bombed
            || record.commanded
            || self.peer.allows(end.reason)
            || !matches!(end.reason, Reason::Peer | Reason::Local)
            || (self.conduct.slow && (self.peer.expects_close() || far.is_reset()))
            // While its connection closes, a peer must take `flush_interval_bytes_min`.
            || (self.conduct.slow_reader && far.is_reset() && end.unsent > 0)
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

    /// The most plain bytes that can have left the server for it: with TLS those that it has decrypted, and all that may
    /// become some. `None`: unknown, because bytes that were on their way over TLS are lost.
    pub(super) fn bytes_left(&self) -> Option<u64> {
        let Some(far) = &self.far else { return Some(0) };
        let Some(secure) = &self.secure else { return Some(far.bytes_received() as u64) };
        let is_lost = self.said.reset || far.is_reset();
        let plain = self.before_tls.received + secure.received;
        (!is_lost).then(|| (plain + secure.begun.len() + far.waiting_bytes()) as u64)
    }

    /// Checks the server's account of the bytes.
    fn judge_bytes(&self, far: &FarEnd, end: Ended) -> Result<(), String> {
        // Bytes that were given to TLS may have been lost below it, unless both sides have sent a close_notify.
        let read = self.sent.saturating_sub(far.unread_bytes());
        let (arrived, sent, is_whole) = match &self.secure {
            None => (far.bytes_received() - self.alert_bytes(far, end), read, true),
            Some(secure) => {
                let BeforeTls { sent, received } = self.before_tls;
                let is_whole = secure.has_received_close_notify;
                (received + secure.received, sent.min(read) + secure.sent, is_whole)
            }
        };
        if end.bytes_out < arrived as u64 || (is_whole && end.bytes_out != arrived as u64) {
            return Err(format!("{} bytes left the server, and {arrived} arrived", end.bytes_out));
        }
        if end.bytes_in > sent as u64 {
            return Err(format!("{} bytes were read of {sent} that were sent", end.bytes_in));
        }
        // Only a bound: how many were used is not known here.
        if end.unread > end.bytes_in {
            return Err(format!("{} bytes were not used of {} that were read", end.unread, end.bytes_in));
        }
        let is_in_order = far.has_server_finished() && !far.is_reset();
        // A backlog that is too long is dropped. A client that ends it at any time may not have ended its message in fragments.
        let may_drop =
            matches!(end.reason, Reason::Limit(_) | Reason::Panic) || self.peer.allows(Reason::Local);
        if end.unsent > 0 && is_in_order && !may_drop {
            return Err(format!("{} bytes were not sent before it was closed in good order", end.unsent));
        }
        Ok(())
    }

    /// How many bytes of an alert have come, if the server has begun TLS and the peer does not know yet. The server does not count
    /// them.
    fn alert_bytes(&self, far: &FarEnd, end: Ended) -> usize {
        let uncounted = (far.bytes_received() as u64).saturating_sub(end.bytes_out) as usize;
        if self.peer.starts_tls() { uncounted.min(ALERT_BYTES) } else { 0 }
    }

    /// It may have ended during its handshake: then it never had a client. TLS that begins later needs one.
    fn may_never_have_been_heard(&self, was_told: &Told<'_>) -> bool {
        let may_wait = was_told.limits_bandwidth() || was_told.is_short_of_memory();
        let has_tls = self.secure.is_some() && !self.peer.starts_tls();
        has_tls && (self.is_hindered() || was_told.may_end || may_wait)
    }

    /// The host that it asks for does not exist, and it will get an alert.
    pub(super) fn is_refused_by_tls(&mut self) {
        (self.conduct.cut, self.conduct.forged) = (true, true);
    }

    /// The peer or the network has broken the connection.
    pub(super) fn has_broken_off(&self) -> bool {
        self.conduct.reset || self.conduct.cut || self.conduct.forged
    }

    /// It has ended its side in good order.
    pub(super) fn has_finished(&self) -> bool {
        self.conduct.finished
    }

    /// Something keeps it from sending everything in time.
    pub(super) fn is_hindered(&self) -> bool {
        let Conduct { reset, cut, slow, slow_reader, never_reads, .. } = self.conduct;
        reset || cut || slow || slow_reader || never_reads || self.said.silent
    }

    /// The path of its first request, if the line of that was sent.
    fn first_path(&self) -> Option<&str> {
        let end = self.first_line.iter().position(|&byte| byte == b'\n')?;
        let line = std::str::from_utf8(&self.first_line[..end]).unwrap_or_default();
        Some(line.split(' ').nth(1).unwrap_or_default())
    }

    /// Checks that there is a reason why it never had a client.
    fn judge_refusal(&self, record: &Record, was_told: &Told<'_>) -> Result<(), String> {
        let Conduct { reset, cut, slow, .. } = self.conduct;
        let has_left = reset || cut || slow || self.said.silent || self.first_path().is_none();
        match record.refused {
            Some(RefuseReason::Overload) if record.may_be_provisional => match self.first_path() {
                Some(path) if was_told.settings.gate.reserved.contains(path) => {
                    Err(format!("it asked for {path}, which is reserved, and was refused"))
                }
                Some(_) => Ok(()),
                None if !self.peer.is_fair() => Ok(()),
                None => Err("it was refused before it had asked for something".into()),
            },
            Some(RefuseReason::Full) if self.may_wait_for_room(was_told) => {
                Err("it was refused by a listener that lets it wait until there is room".into())
            }
            Some(RefuseReason::Untrusted) => Err("its proxy is trusted".into()),
            Some(RefuseReason::Proxy) if !self.is_hindered() && !was_told.may_end => {
                Err("its proxy has said for whom it speaks".into())
            }
            Some(_) => Ok(()),
            // The server has closed its listeners before.
            None if record.waits => Ok(()),
            // It ended while it was provisional.
            None if record.may_be_provisional && (has_left || was_told.may_end) => Ok(()),
            None if self.may_never_have_been_heard(was_told) => Ok(()),
            None => Err("it was neither refused nor told of its end".into()),
        }
    }

    /// Its listener accepts it only when there is room for it.
    fn may_wait_for_room(&self, was_told: &Told<'_>) -> bool {
        let listener = was_told.settings.listeners.get(self.peer.listener());
        listener.is_some_and(|listener| listener.limits.when_full == WhenFull::Wait)
    }

    /// The server has read all that it sent, and a part of that is a request without an answer.
    fn is_within_exchange(&self, record: &Record) -> bool {
        let Conduct { reset, cut, never_reads, .. } = self.conduct;
        let has_heard_all = !reset && !cut && !never_reads && !self.said.silent && self.secure.is_none();
        let is_read = record.end.is_some_and(|end| end.bytes_in == self.sent as u64);
        has_heard_all && is_read && self.peer.unanswered_bytes() > self.said.bytes.len()
    }

    fn explains(&self, record: &Record, reason: Reason, was_told: &Told<'_>) -> bool {
        let conduct = &self.conduct;
        match reason {
            reason if self.peer.allows(reason) => true,
            Reason::Peer => {
                // A close_notify ends the peer's side, even if the stream below is cut before its FIN.
                let has_sent_close_notify =
                    self.secure.as_ref().is_some_and(|secure| secure.has_sent_close_notify);
                conduct.finished || has_sent_close_notify || self.peer.is_done() || !self.peer.is_fair()
            }
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
            // These ends come from the user's client and settings, not from the peer.
            Reason::Timeout(Timeout::Upgrade | Timeout::Lifetime | Timeout::Answer)
            | Reason::Limit(Limit::Rate)
            | Reason::Shutdown => true,
            Reason::Limit(Limit::Connections) => was_told.evicts_idle(),
            Reason::Timeout(Timeout::Idle) if self.is_within_exchange(record) => false,
            Reason::Timeout(Timeout::Idle) if self.peer.is_done() => true,
            // TLS that begins later may have to wait for memory.
            Reason::Timeout(Timeout::Handshake) if was_told.is_short_of_memory() => true,
            Reason::Timeout(_) => conduct.slow || conduct.slow_reader || conduct.cut,
            Reason::Protocol(_) | Reason::Limit(Limit::ReadBuffer | Limit::Line | Limit::ControlFrames) => {
                !self.peer.is_fair()
            }
            Reason::Limit(Limit::Backlog) => {
                conduct.slow_reader || conduct.slow || was_told.limits_bandwidth()
            }
            Reason::Limit(Limit::Memory) => record.evicted,
            Reason::Limit(Limit::Overload) => record.overloaded,
            Reason::Tls => conduct.forged,
            Reason::Io(_) | Reason::Connect(_) | Reason::Proxy => false,
            Reason::Panic => record.bombed,
        }
    }
}
