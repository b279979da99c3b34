//! What the buffers of each wire hold, and what follows from it: who is not read for want of memory, and who goes.

use super::Wires;
use crate::budget::{Account, Budget, Eviction, Pressure};
use crate::carry::Carry;
use crate::id::WireId;
use crate::outbox::Outbox;
use crate::reason::{Limit, Reason};
use crate::time::Time;
use crate::timer::NIL;
use crate::wire::{Phase, Wire, flag};
use crate::wires::timers::key;
use slab::Slab;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

/// What is to be done about memory once the present event is over.
#[derive(Debug)]
pub(crate) struct Care {
    /// Something is, and the end of the turn will see to it at the latest.
    pub(crate) is_due: bool,
    /// Those that must go.
    doomed: Vec<(WireId, Eviction)>,
    /// Those that are not read, and since when.
    squeezed: Vec<(WireId, Time)>,
    /// The timer that looks after them, which is no wire's.
    timer: u32,
}

/// How often those that are not read for want of memory are looked at: another reactor may have given some back.
const LOOK: Duration = Duration::from_secs(1);
/// Carries that the pool keeps.
const CARRIES_KEPT_MAX: usize = 64;
/// What an evicted connection may still hold, for its last word.
const LAST_WORD_BYTES: usize = 4 << 10;

impl Care {
    pub(crate) fn new() -> Self {
        Self { is_due: false, doomed: Vec::new(), squeezed: Vec::new(), timer: NIL }
    }
}

impl Wires {
    /// Lets this reactor share a budget with others. To be called before there are connections; without it any
    /// number of bytes may be held, of all connections together.
    pub fn share_budget(&mut self, budget: Arc<Budget>) {
        debug_assert_eq!(self.account.total(), 0, "the old budget would be left with what was booked");
        self.account = Account::new(budget);
    }

    /// The budget that this reactor shares.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.account.budget
    }

    /// Bytes that the buffers of this reactor's connections hold on the heap, those in its pools included.
    pub fn memory_bytes(&self) -> usize {
        self.account.total()
    }

    /// Bytes that the buffers of one connection hold on the heap: what was read and not used, what the layer above has
    /// booked, and what waits for the kernel without what is shared with others.
    pub fn memory_of(&self, id: WireId) -> usize {
        let cork = if id == self.current { self.cork.booked as usize } else { 0 };
        cork + self.peek(id).map_or(0, Wire::booked)
    }

    /// Books what the layer above holds for a connection on the heap, in place of what it has booked before. What is
    /// shared with others is not to be counted.
    #[cold]
    #[inline(never)]
    pub fn book_above(&mut self, id: WireId, bytes: usize) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        let grew = self.account.book(&mut wire.above, bytes);
        self.booked(id, grew);
        // What has to be done about it is done as soon as this event is over.
        self.stopped |= self.care.is_due && id == self.current;
    }

    pub(crate) fn book_outbox(&mut self, id: WireId) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        let Some(outbox) = &mut wire.outbox else { return };
        let bytes = outbox.heap_bytes();
        let grew = self.account.book(&mut outbox.booked, bytes);
        self.booked(id, grew);
    }

    /// What the transport keeps of what it was given; it is no part of the outbox any more. Returns it.
    pub(crate) fn book_sealed(&mut self, id: WireId) -> usize {
        let Some(wire) = wire_of(&mut self.slab, id) else { return 0 };
        let Some((place, bytes)) = wire.transport.sealed() else { return 0 };
        let grew = self.account.book(place, bytes);
        self.booked(id, grew);
        bytes
    }

    pub(crate) fn book_carry(&mut self, id: WireId) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        let Some(carry) = &mut wire.carry else { return };
        let bytes = carry.heap_bytes();
        let grew = self.account.book(&mut carry.booked, bytes);
        self.booked(id, grew);
    }

    /// An outbox from the pool, or a new one.
    pub(crate) fn take_outbox(&mut self) -> Box<Outbox> {
        pooled_outbox(&mut self.outboxes, &mut self.account)
    }

    pub(crate) fn recycle(&mut self, mut outbox: Box<Outbox>) {
        self.account.book(&mut outbox.booked, 0);
        outbox.reset();
        if self.outboxes.len() < self.slab.len() && self.account.pool(outbox.heap_bytes()) {
            self.outboxes.push(outbox);
        }
        self.booked(WireId::IDLE, false);
    }

    /// The cork was written whole, which had been a wire's backlog.
    #[cold]
    pub(super) fn unbook_cork(&mut self) {
        self.account.book(&mut self.cork.booked, 0);
        self.booked(WireId::IDLE, false);
    }

    pub(crate) fn take_carry(&mut self) -> Box<Carry> {
        match self.carries.pop() {
            Some(carry) => {
                self.account.unpool(carry.heap_bytes());
                carry
            }
            None => Box::new(Carry::new(self.limits.carry_bytes_first)),
        }
    }

    /// A wire's carry, to be shown. It is booked again when it is put back: nobody may come to that if there is a panic.
    pub(crate) fn lift_carry(&mut self, id: WireId) -> Option<Box<Carry>> {
        let mut carry = self.get(id)?.carry.take()?;
        self.account.book(&mut carry.booked, 0);
        Some(carry)
    }

    pub(crate) fn give_back_carry(&mut self, mut carry: Box<Carry>) {
        self.account.book(&mut carry.booked, 0);
        let most = self.slab.len().min(CARRIES_KEPT_MAX);
        if carry.reset() && self.carries.len() < most && self.account.pool(carry.heap_bytes()) {
            self.carries.push(carry);
        }
        self.booked(WireId::IDLE, false);
    }

    /// A wire is about to go: nothing of it stays booked.
    pub(super) fn unbook_wire(&mut self, id: WireId) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        if wire.above > 0 {
            self.account.book(&mut wire.above, 0);
        }
        if let Some((place, _)) = wire.transport.sealed() {
            self.account.book(place, 0);
        }
        self.booked(WireId::IDLE, false);
    }

    /// There are never more buffers in the pools than connections that could use them, and without connections no timer.
    pub(super) fn trim_pools(&mut self) {
        let most = self.slab.len();
        while self.outboxes.len() > most {
            drop(self.take_outbox());
        }
        while self.carries.len() > most {
            drop(self.take_carry());
        }
        if self.is_empty() {
            self.care.squeezed.clear();
            self.look_later();
        }
        self.tell_memory();
    }

    /// Something was booked: is there something to be done about it?
    fn booked(&mut self, id: WireId, grew: bool) {
        self.tell_memory();
        if grew {
            self.mind_growth(id);
        }
        // Another reactor may have given it back.
        if (self.account.is_strained() || !self.care.squeezed.is_empty()) && self.account.is_relieved() {
            self.care_later();
        }
    }

    fn tell_memory(&mut self) {
        self.account.publish();
        self.stats.memory_bytes.set(self.account.total() as u64);
    }

    fn mind_growth(&mut self, id: WireId) {
        let bytes = self.memory_of(id);
        if bytes > self.limits.wire_memory_bytes_max && self.is_too_large(id) {
            self.care.doomed.push((id, Eviction::TooLarge));
            self.care_later();
        }
        let is_news = self.mind_pressure();
        let is_pressed = self.account.is_pressed() && !self.account.is_relieved();
        if !is_news && is_pressed && self.account.is_large(bytes) {
            self.squeeze(id);
        }
    }

    /// To be called where another reactor has found pressure on the budget: what is large here is not read either. True
    /// if that is news.
    pub fn mind_pressure(&mut self) -> bool {
        let was_pressed = self.account.is_pressed();
        if !self.account.is_high() {
            return false;
        }
        self.care_later();
        if !was_pressed {
            self.drop_pools();
            self.squeeze_the_large();
        }
        !was_pressed
    }

    /// The mark was passed just now: who holds much does not get the chance to grow once more.
    fn squeeze_the_large(&mut self) {
        let wires = self.slab.iter().map(|(_, wire)| wire);
        let large = wires.filter(|wire| self.account.is_large(wire.booked())).map(|wire| wire.id);
        for id in large.collect::<Vec<_>>() {
            self.squeeze(id);
        }
    }

    /// The end of the turn sees to it, or the end of this event.
    fn care_later(&mut self) {
        if !self.care.is_due {
            self.care.is_due = true;
            // Nobody's name: the list must not be empty.
            self.ending.push(WireId::IDLE);
        }
    }

    fn drop_pools(&mut self) {
        while !self.outboxes.is_empty() {
            drop(self.take_outbox());
        }
        while !self.carries.is_empty() {
            drop(self.take_carry());
        }
        self.tell_memory();
    }

    /// It is not read until there is room again.
    fn squeeze(&mut self, id: WireId) {
        let Some(wire) = self.get(id).filter(|wire| wire.phase < Phase::Closing) else { return };
        if wire.has(flag::SQUEEZED) {
            return;
        }
        self.block(id, flag::SQUEEZED);
        self.care.squeezed.push((id, self.now));
        if self.care.timer == NIL {
            self.look_later();
        }
    }

    /// Reads on where there is room again, or gives up those that have waited for too long, the largest first.
    pub(crate) fn look_after_squeezed(&mut self) {
        let (now, wait, mut surplus) = (self.now, self.limits.memory_wait, self.account.surplus());
        if surplus == 0 {
            return self.release_squeezed();
        }
        let mut squeezed = std::mem::take(&mut self.care.squeezed);
        squeezed.retain(|&(id, _)| {
            // Who holds nothing has nothing to give back.
            if self.memory_of(id) == 0 {
                self.unblock(id, flag::SQUEEZED);
            }
            self.is_squeezed(id)
        });
        squeezed.sort_by_key(|&(id, _)| Reverse(self.memory_of(id)));
        for &(id, since) in &squeezed {
            if surplus > 0 && now.since(since) >= wait {
                surplus = surplus.saturating_sub(self.memory_of(id));
                self.care.doomed.push((id, Eviction::Scarce));
            }
        }
        self.care.squeezed = squeezed;
        if !self.care.doomed.is_empty() {
            self.care_later();
        }
        self.look_later();
    }

    /// Lets as many be read again as may double what they hold without bringing the pressure back, the smallest first,
    /// and one in any case.
    fn release_squeezed(&mut self) {
        let (mut room, mut is_first) = (self.account.room(), true);
        while let Some(&(id, _)) = self.care.squeezed.last() {
            if self.is_squeezed(id) {
                let bytes = self.memory_of(id);
                if bytes > room && !is_first {
                    break;
                }
                (room, is_first) = (room.saturating_sub(bytes), false);
                self.unblock(id, flag::SQUEEZED);
            }
            self.care.squeezed.pop();
        }
        self.look_later();
    }

    fn is_squeezed(&self, id: WireId) -> bool {
        self.peek(id).is_some_and(|wire| wire.has(flag::SQUEEZED))
    }

    /// The timer is there as long as somebody waits.
    fn look_later(&mut self) {
        match (self.care.squeezed.is_empty(), self.care.timer) {
            (true, NIL) => return,
            (true, timer) => {
                self.wheel.remove(timer);
                self.care.timer = NIL;
                return;
            }
            (false, NIL) => self.care.timer = self.wheel.insert(WireId::IDLE, key::MEMORY, NIL),
            (false, _) => {}
        }
        self.wheel.set(self.care.timer, self.now.after(LOOK).0);
    }

    /// What is to be told, and who has to go: the largest that hold enough for some room to be there again.
    pub(crate) fn take_care(&mut self) -> (Option<Pressure>, Vec<(WireId, Eviction)>) {
        self.care.is_due = false;
        let news = self.account.news();
        if self.account.is_relieved() {
            self.release_squeezed();
        }
        let mut doomed = std::mem::take(&mut self.care.doomed);
        if doomed.is_empty() && self.account.is_over() {
            doomed = self.largest();
        }
        // As long as somebody is found, there may be more to do.
        self.care.is_due |= !doomed.is_empty();
        (news, doomed)
    }

    /// Whether it still has to go, for others may have gone before it, or its memory.
    pub(crate) fn is_doomed(&self, id: WireId, why: Eviction) -> bool {
        let gains = self.peek(id).is_some_and(|wire| wire.evictable_bytes() > 0);
        gains && (why != Eviction::TooLarge || self.is_too_large(id))
    }

    /// A body that the layer above handed over whole is no fault of the peer's.
    fn is_too_large(&self, id: WireId) -> bool {
        let cork = if id == self.current { self.cork.body_bytes() } else { 0 };
        let outbox = self.peek(id).and_then(|wire| wire.outbox.as_ref());
        let bodies = cork + outbox.map_or(0, |outbox| outbox.body_bytes());
        self.memory_of(id) > self.limits.wire_memory_bytes_max.saturating_add(bodies)
    }

    /// In the order of the table those that hold at least half as much as the one that holds most.
    fn largest(&self) -> Vec<(WireId, Eviction)> {
        let wires = || self.slab.iter().map(|(_, wire)| (wire.id, wire.evictable_bytes()));
        let least = wires().map(|(_, bytes)| bytes).max().unwrap_or_default().div_ceil(2).max(1);
        let mut excess = self.account.excess();
        let large = wires().filter(|(_, bytes)| *bytes >= least).take_while(|(_, bytes)| {
            let is_needed = excess > 0;
            excess = excess.saturating_sub(*bytes);
            is_needed
        });
        large.map(|(id, _)| (id, Eviction::Scarce)).collect()
    }

    /// The layer above has said its last word to an evicted connection, or has none: what is left of it goes.
    pub(crate) fn shed(&mut self, id: WireId) {
        if let Some(carry) = self.get(id).and_then(|wire| wire.carry.take()) {
            self.give_back_carry(carry);
        }
        self.flush(id);
        let Some(wire) = self.peek(id) else { return };
        if wire.phase < Phase::Closing || wire.booked() > LAST_WORD_BYTES {
            self.abort(id, Reason::Limit(Limit::Memory));
            if let Some(outbox) = self.get(id).and_then(|wire| wire.outbox.take()) {
                self.recycle(outbox);
            }
        }
    }
}

impl Wires {
    /// What must hold between two turns: each buffer is booked for what it takes.
    ///
    /// # Errors
    /// Whose is not.
    pub(crate) fn check_account(&self) -> Result<(), String> {
        let mut held = 0;
        for (_, wire) in &self.slab {
            let outbox = wire.outbox.as_ref().map_or(0, |outbox| outbox.heap_bytes());
            let carry = wire.carry.as_ref().map_or(0, |carry| carry.heap_bytes());
            let bytes = outbox + carry + wire.above as usize;
            if bytes != wire.booked() {
                return Err(format!("{} holds {bytes} bytes, and {} are booked", wire.id, wire.booked()));
            }
            held += bytes;
        }
        let pooled = self.outboxes.iter().map(|outbox| outbox.heap_bytes()).sum::<usize>()
            + self.carries.iter().map(|carry| carry.heap_bytes()).sum::<usize>();
        match self.account.parts() {
            parts if parts == [held, pooled] => Ok(()),
            parts => Err(format!("{held} and {pooled} bytes are held and pooled, {parts:?} are booked")),
        }
    }
}

impl Wire {
    /// What its buffers are booked for.
    fn booked(&self) -> usize {
        let outbox = self.outbox.as_ref().map_or(0, |outbox| outbox.booked as usize);
        let carry = self.carry.as_ref().map_or(0, |carry| carry.booked as usize);
        outbox + carry + self.above as usize + self.transport.sealed_booked() as usize
    }

    /// What would be gained if it went. Who is closing already with no more than a last word would gain nothing.
    fn evictable_bytes(&self) -> usize {
        match self.phase {
            Phase::Dead => 0,
            Phase::Closing | Phase::Lingering if self.booked() <= LAST_WORD_BYTES => 0,
            _ => self.booked(),
        }
    }
}

/// A wire, while the account is borrowed too.
fn wire_of(slab: &mut Slab<Wire>, id: WireId) -> Option<&mut Wire> {
    slab.get_mut(id.slot()).filter(|wire| wire.id == id)
}

/// An outbox from the pool, or a new one.
#[expect(clippy::vec_box, reason = "the boxes are what is pooled")]
pub(super) fn pooled_outbox(outboxes: &mut Vec<Box<Outbox>>, account: &mut Account) -> Box<Outbox> {
    match outboxes.pop() {
        Some(outbox) => {
            account.unpool(outbox.heap_bytes());
            outbox
        }
        None => Box::default(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Budget, FarEnd, Incoming, Limits, Pipe, Reactor, Reason, Service, Time, Transport, WireId, Wires,
    };
    use std::sync::Arc;
    use std::time::Duration;

    /// Drops what it hears, and has no last word.
    struct Deaf;

    impl Service for Deaf {
        fn on_accept(&mut self, _: &mut Wires, _: Incoming) {}
        fn on_secured(&mut self, _: &mut Wires, _: WireId) {}
        fn on_bytes(&mut self, _: &mut Wires, _: WireId, rx: &mut [u8]) -> usize {
            rx.len()
        }
        fn on_end(&mut self, _: &mut Wires, _: WireId) {}
        fn on_drain(&mut self, _: &mut Wires, _: WireId) {}
        fn on_silence(&mut self, _: &mut Wires, _: WireId, _: Duration) {}
        fn on_timer(&mut self, _: &mut Wires, _: WireId, _: u32) {}
        fn on_wake(&mut self, _: &mut Wires) {}
        fn on_close(&mut self, _: &mut Wires, _: WireId, _: Reason) {}
        fn on_accept_error(&mut self, _: &mut Wires, _: usize, _: &std::io::Error) {}
    }

    /// Two reactors that share a million bytes.
    fn pair() -> [Reactor; 2] {
        let budget = Arc::new(Budget::new(1_000_000));
        [0, 1].map(|number| {
            let mut reactor = Reactor::new(number, Time(0), Limits::default(), None);
            reactor.wires.share_budget(budget.clone());
            reactor
        })
    }

    /// A connection for which so much is booked.
    fn connect(reactor: &mut Reactor, bytes: usize) -> (WireId, FarEnd) {
        let (near, far) = Pipe::pair(([127, 0, 0, 1], 1).into());
        let id = reactor.wires.insert(Transport::Memory(near)).expect("there is room");
        reactor.wires.book_above(id, bytes);
        (id, far)
    }

    #[test]
    fn pressure_is_minded_and_ends_on_all_reactors() {
        let [mut one, mut other] = pair();
        let (large, _far) = connect(&mut one, 600_000);
        let (late, _far) = connect(&mut other, 250_000);
        other.settle(&mut Deaf);
        assert!(one.wires.goes_on(large) && !other.wires.goes_on(late), "only one knows of it");
        assert!(one.wires.mind_pressure() && !one.wires.goes_on(large));
        one.settle(&mut Deaf);
        other.wires.book_above(late, 0);
        other.settle(&mut Deaf);
        assert!(other.wires.goes_on(late) && !one.wires.goes_on(large));
        one.turn(Time(1000), [], &mut Deaf);
        assert!(one.wires.goes_on(large), "it is looked after");
        assert_eq!((one.wires.timers(), other.wires.timers()), (0, 0));
    }

    /// Its timer went on for a second, for nobody.
    #[test]
    fn with_the_last_connection_nobody_is_looked_after() {
        let [mut one, _other] = pair();
        let (large, _far) = connect(&mut one, 900_000);
        one.settle(&mut Deaf);
        assert_eq!((one.wires.goes_on(large), one.wires.timers()), (false, 1));
        one.wires.abort(large, Reason::Local);
        one.settle(&mut Deaf);
        assert_eq!((one.wires.len(), one.wires.timers()), (0, 0));
    }

    /// It was neither read nor evicted, for nothing would have been gained, for as long as others held on.
    #[test]
    fn who_has_given_all_back_is_read_again_whatever_others_hold() {
        let [mut one, mut other] = pair();
        let (_large, _far) = connect(&mut one, 750_000);
        one.settle(&mut Deaf);
        let (late, _far) = connect(&mut other, 100_000);
        other.settle(&mut Deaf);
        other.wires.book_above(late, 0);
        other.settle(&mut Deaf);
        assert!(!other.wires.goes_on(late), "there is pressure still");
        other.turn(Time(1000), [], &mut Deaf);
        assert!(other.wires.goes_on(late));
        assert_eq!(other.wires.timers(), 0);
    }

    /// It had heard of pressure, and not of its end: the first to send it something was not read for a second.
    #[test]
    fn nobody_is_squeezed_when_the_pressure_is_over_elsewhere() {
        let [mut one, mut other] = pair();
        let (large, _far) = connect(&mut one, 900_000);
        one.settle(&mut Deaf);
        assert!(other.wires.mind_pressure());
        other.settle(&mut Deaf);
        one.wires.book_above(large, 0);
        one.settle(&mut Deaf);
        assert!(!one.wires.budget().is_pressed());
        let (late, _far) = connect(&mut other, 100_000);
        other.settle(&mut Deaf);
        assert!(other.wires.goes_on(late), "nine tenths are free");
    }

    #[test]
    fn who_holds_less_than_its_share_evicts_no_more_than_it_needs() {
        let [mut one, mut other] = pair();
        let (large, _far) = connect(&mut one, 900_000);
        let some = [20_000, 25_000, 60_000].map(|bytes| connect(&mut other, bytes).0);
        other.settle(&mut Deaf);
        assert_eq!(some.map(|id| other.wires.is_open(id)), [true, true, false]);
        one.wires.book_above(large, 1_000_000);
        one.settle(&mut Deaf);
        assert!(!one.wires.contains(large), "who holds more makes room for others");
    }
}
