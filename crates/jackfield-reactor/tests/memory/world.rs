//! A world without sockets: a reactor, a service that does what the bytes tell it, and the peers' ends.
//!
//! The protocol is lines of commands, parted by semicolons: `say hi; @1 close` answers on the wire it came from and
//! closes wire number 1. What the service hears is written to a log, one entry a call, and each entry can be given
//! commands of its own to react with.

use jackfield_reactor::{
    ConnectionId, FarEnd, Incoming, Limits, MemoryDriver, Ready, Reason, Service, Wires,
};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The service: its log, and what each wire was promised.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) log: Vec<String>,
    pub(crate) ids: Vec<ConnectionId>,
    /// Everything that was accepted for a wire: what its peer must get, in this order.
    pub(crate) promised: Vec<Vec<u8>>,
    /// `on_bytes` calls, and the bytes shown in them.
    pub(crate) shows: usize,
    pub(crate) bytes_shown: usize,
    reactions: HashMap<String, String>,
    /// Wires that were told to close, or have closed: they must have no further events.
    ending: Vec<bool>,
    closed: Vec<bool>,
    /// Wires that were shown a whole line and did not use it.
    has_unheard: Vec<bool>,
    /// Wires that gave way in this event.
    yielded: Vec<usize>,
    fill: u8,
}

pub(crate) struct World {
    pub(crate) driver: MemoryDriver,
    pub(crate) service: Script,
    pub(crate) far: Vec<FarEnd>,
    /// What each peer has got so far.
    pub(crate) got: Vec<Vec<u8>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let driver = MemoryDriver::new(3, limits);
        Self { driver, service: Script::default(), far: Vec::new(), got: Vec::new() }
    }

    /// Whenever the log gets this entry, these commands are carried out.
    pub(crate) fn on(&mut self, entry: &str, commands: &str) {
        self.service.reactions.insert(entry.into(), commands.into());
    }

    /// A new connection: its number.
    pub(crate) fn connect(&mut self) -> usize {
        let far = self.driver.connect(&mut self.service, ([127, 0, 0, 1], 4000).into(), 0);
        self.far.push(far);
        self.got.push(Vec::new());
        self.run();
        self.far.len() - 1
    }

    pub(crate) fn connect_many(&mut self, count: usize) {
        for _ in 0..count {
            self.connect();
        }
    }

    pub(crate) fn send(&mut self, wire: usize, bytes: &str) {
        self.far[wire].send(bytes.as_bytes());
        self.run();
    }

    pub(crate) fn finish(&mut self, wire: usize) {
        self.far[wire].finish();
        self.run();
    }

    pub(crate) fn reset(&mut self, wire: usize) {
        self.far[wire].reset();
        self.run();
    }

    pub(crate) fn room(&mut self, wire: usize, room: Option<usize>) {
        self.far[wire].set_room(room);
        self.run();
    }

    /// Turns until nothing moves any more; and then nothing is left that could.
    pub(crate) fn run(&mut self) {
        self.driver.run(&mut self.service);
        for (wire, &id) in self.service.ids.iter().enumerate() {
            let (wires, far) = (&self.driver.reactor.wires, &self.far[wire]);
            if wires.may_handle_bytes(id) {
                assert_eq!(far.unread_bytes(), 0, "wire {wire} is not read");
                assert!(!self.service.has_unheard[wire], "wire {wire} is not shown its rest");
            }
            if far.room() != Some(0) && !far.is_reset() {
                assert_eq!(wires.queued_bytes(id), 0, "wire {wire} is not flushed");
            }
        }
    }

    pub(crate) fn advance(&mut self, ms: u64) {
        self.driver.advance(Duration::from_millis(ms), &mut self.service);
        self.run();
    }

    /// Commands from outside of any callback.
    pub(crate) fn act(&mut self, wire: usize, commands: &str) {
        self.service.act(&mut self.driver.reactor.wires, wire, commands);
        self.run();
    }

    /// One turn with exactly this news.
    pub(crate) fn turn(&mut self, ready: &[Ready]) {
        let now = self.driver.now();
        self.driver.reactor.turn(now, ready.iter().copied(), &mut self.service);
    }

    pub(crate) fn id(&self, wire: usize) -> ConnectionId {
        self.service.ids[wire]
    }

    pub(crate) fn wires(&mut self) -> &mut Wires {
        &mut self.driver.reactor.wires
    }

    /// What was logged since this was last asked.
    #[track_caller]
    pub(crate) fn expect(&mut self, entries: &[&str]) {
        assert_eq!(std::mem::take(&mut self.service.log), entries);
    }

    /// What the peer got since this was last asked.
    pub(crate) fn take(&mut self, wire: usize) -> String {
        let bytes = self.far[wire].take();
        self.got[wire].extend(&bytes);
        String::from_utf8(bytes).expect("scripts write text")
    }

    /// The peer has got everything that was promised.
    #[track_caller]
    pub(crate) fn all_arrived(&mut self, wire: usize) {
        self.take(wire);
        assert!(self.got[wire] == self.service.promised[wire], "wire {wire} lost bytes or their order");
    }

    /// Nothing is left of any wire.
    #[track_caller]
    pub(crate) fn is_empty(&mut self) {
        assert_eq!((self.wires().len(), self.wires().timers()), (0, 0));
        assert!(self.service.closed.iter().all(|closed| *closed));
        self.advance(1_000_000);
        assert_eq!(self.driver.reactor.timeout(self.driver.now()), None, "nothing is left to wait for");
    }
}

impl Script {
    /// The number of a wire that is being called about, which must not have closed.
    fn number(&self, id: ConnectionId) -> usize {
        let number = self.ids.iter().position(|known| *known == id).expect("a wire that was taken up");
        assert!(!self.closed[number], "called after on_close: wire {number}");
        number
    }

    /// The same for calls that must not come once the wire was told to close.
    fn alive(&self, id: ConnectionId) -> usize {
        let number = self.number(id);
        assert!(!self.ending[number], "called after close or abort: wire {number}");
        number
    }

    fn note(&mut self, wires: &mut Wires, number: usize, what: &str) {
        let entry = format!("{number} {what}");
        self.log.push(entry.clone());
        if let Some(commands) = self.reactions.get(&entry).cloned() {
            self.act(wires, number, &commands);
        }
    }

    pub(crate) fn act(&mut self, wires: &mut Wires, me: usize, commands: &str) {
        for command in commands.split(';').map(str::trim) {
            let (whom, command) = match command.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
                Some((number, rest)) => (number.parse().expect("a number"), rest),
                None => (me, command),
            };
            if whom < self.ids.len() {
                let (verb, value) = command.split_once(' ').unwrap_or((command, ""));
                self.obey(wires, whom, verb, value);
            }
        }
    }

    fn obey(&mut self, wires: &mut Wires, whom: usize, verb: &str, value: &str) {
        let id = self.ids[whom];
        let mut numbers = value.split(' ').map(|word| word.parse().unwrap_or(0u64));
        let number = numbers.next().unwrap_or(0);
        let wait = Duration::from_millis(numbers.next().unwrap_or(0));
        let reason = if number == 0 { Reason::Local } else { Reason::Service(number as u8) };
        match verb {
            "say" => {
                self.give(wires, whom, |outbox| outbox.tail().extend(value.as_bytes()), value.as_bytes());
            }
            "fill" | "share" | "body" | "own" => self.give_many(wires, whom, verb, number as usize),
            "through" => self.give_through(wires, whom, number as usize),
            "touch" => drop(wires.outbox(id).is_some()),
            "flush_early" => drop(wires.flush_early(id)),
            "close" => {
                self.ending[whom] = true;
                wires.close(id, reason);
            }
            "abort" => {
                self.ending[whom] = true;
                wires.abort(id, reason);
            }
            "close_output" => wires.close_output(id),
            "pause" => wires.pause(id),
            "resume" => wires.resume(id),
            "throttle" => wires.throttle(id),
            "unthrottle" => wires.unthrottle(id),
            "hold" => wires.pause_for_answer(id),
            "release" => wires.resume_after_answer(id),
            "yield" => {
                self.yielded.push(whom);
                wires.yield_turn(id);
            }
            "idle" => wires.set_idle_timeout(id, Duration::from_millis(number)),
            "look" => wires.read_finally(id),
            "sound" => wires.set_writes_as_activity(id, true),
            "timer" => wires.set_timer(id, number as u32, wait),
            "cancel" => drop(wires.cancel_timer(id, number as u32)),
            "halt" => wires.halt(),
            _ => {}
        }
    }

    fn give(
        &mut self,
        wires: &mut Wires,
        whom: usize,
        write: impl FnOnce(&mut jackfield_reactor::Outbox),
        bytes: &[u8],
    ) {
        let (id, high) = (self.ids[whom], wires.limits().outbox_bytes_high);
        let Some(outbox) = wires.outbox(id) else { return };
        write(outbox);
        let queued = outbox.queued_bytes();
        self.promised[whom].extend(bytes);
        if queued > high {
            wires.flush_early(id);
        }
    }

    fn give_many(&mut self, wires: &mut Wires, whom: usize, how: &str, count: usize) {
        let bytes = self.pattern(count);
        let copy = bytes.clone();
        let write = move |outbox: &mut jackfield_reactor::Outbox| match how {
            "share" => outbox.push_shared(&Arc::from(copy)),
            "body" => outbox.push_shared_body(Arc::from(copy)),
            "own" => outbox.push_owned_body(copy),
            _ => outbox.tail().extend(copy),
        };
        self.give(wires, whom, write, &bytes);
    }

    fn give_through(&mut self, wires: &mut Wires, whom: usize, count: usize) {
        let bytes = self.pattern(count);
        if wires.write_through(self.ids[whom], b"<head>", &bytes).is_some() {
            self.promised[whom].extend(b"<head>");
            self.promised[whom].extend(bytes);
        }
    }

    /// Commands that tell one stretch from another.
    fn pattern(&mut self, count: usize) -> Vec<u8> {
        (0..count)
            .map(|_| {
                self.fill = (self.fill + 1) % 23;
                b'a' + self.fill
            })
            .collect()
    }
}

impl Service for Script {
    fn on_accept(&mut self, wires: &mut Wires, incoming: Incoming) {
        let Ok(id) = wires.insert(incoming.stream.into(), incoming.peer) else { return };
        self.ids.push(id);
        self.promised.push(Vec::new());
        self.ending.push(false);
        self.closed.push(false);
        self.has_unheard.push(false);
        self.note(wires, self.ids.len() - 1, "accept");
    }

    fn on_established(&mut self, _: &mut Wires, _: ConnectionId) {
        unreachable!("memory has no handshake");
    }

    fn on_bytes(&mut self, wires: &mut Wires, id: ConnectionId, rx: &mut [u8]) -> usize {
        let number = self.alive(id);
        assert!(wires.may_handle_bytes(id), "wire {number} is read although it should not be");
        if rx.is_empty() {
            // Asked again after a pause or the like: this protocol has nothing to say without bytes.
            return 0;
        }
        self.shows += 1;
        self.bytes_shown += rx.len();
        self.yielded.clear();
        let mut used = 0;
        while let Some(len) = rx[used..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&rx[used..used + len]).into_owned();
            used += len + 1;
            self.note(wires, number, &format!("line {line}"));
            self.act(wires, number, &line);
            if self.yielded.contains(&number) || !wires.may_handle_bytes(id) {
                break;
            }
        }
        self.has_unheard[number] = rx[used..].contains(&b'\n');
        used
    }

    fn on_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        let number = self.alive(id);
        // Behind all that it has sent, whether it is read or not.
        assert!(!self.has_unheard[number] || wires.may_handle_bytes(id));
        // After a last look the peer has not ended.
        self.note(wires, number, if wires.has_peer_ended(id) { "end" } else { "looked" });
    }

    fn on_peer_closed(&mut self, wires: &mut Wires, id: ConnectionId) {
        let number = self.alive(id);
        assert!(!wires.may_handle_bytes(id) && !wires.has_peer_ended(id));
        self.note(wires, number, "peer closed");
    }

    fn on_drain(&mut self, wires: &mut Wires, id: ConnectionId) {
        let number = self.alive(id);
        assert!(!wires.is_congested(id) && wires.queued_bytes(id) <= wires.limits().outbox_bytes_low);
        self.note(wires, number, "drain");
    }

    fn on_idle(&mut self, wires: &mut Wires, id: ConnectionId, quiet: Duration) {
        let number = self.alive(id);
        self.note(wires, number, &format!("idle {}", quiet.as_millis()));
    }

    fn on_timer(&mut self, wires: &mut Wires, id: ConnectionId, key: u32) {
        let number = self.alive(id);
        self.note(wires, number, &format!("timer {key}"));
    }

    fn on_wake(&mut self, _: &mut Wires) {
        self.log.push("wake".into());
    }

    fn on_close(&mut self, wires: &mut Wires, id: ConnectionId, reason: Reason) {
        let number = self.number(id);
        assert!(wires.contains(id) && wires.outbox(id).is_none());
        self.note(wires, number, &format!("close {reason:?}"));
        self.closed[number] = true;
    }

    fn on_accept_error(&mut self, _: &mut Wires, _: usize, error: &io::Error) {
        unreachable!("{error}");
    }
}
