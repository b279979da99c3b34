//! Outgoing connections on the side of the network: answers attempts, and checks what the server reports of each
//! connection in the end.

use super::book::{Attempt, Book, Ended, Record};
use super::dial_target::{Answer, DialTarget, Fate};
use super::network::{Party, Told};
use super::places::{place_of, place_of_ip};
use crate::config::Limits;
use crate::disconnect::{ConnectError, Limit, Reason};
use jackfield_reactor::{Dial, FarEnd, MemoryDriver};
use std::io::ErrorKind;
use std::net::SocketAddr;

/// Takes the attempts that a reactor has made since the last call.
pub(super) fn take_dials(driver: &mut MemoryDriver, parties: &mut [Party], book: &Book, now: u64) {
    for Dial { id, addr, far } in driver.take_dials() {
        let place = place_of(&addr);
        let party = place.and_then(|(number, at)| Some((parties.get_mut(number)?, at)));
        let Some((party, at)) = party.filter(|(party, _)| party.dial_target.is_some()) else {
            return book.note_wrong("promises", format!("{id} is connected to {addr}, where nobody is"));
        };
        book.note_dial(party.number, id, at);
        party.dialled(far, at, now);
    }
}

impl Party {
    fn dialled(&mut self, far: FarEnd, at: usize, now: u64) {
        let Some(target) = &mut self.dial_target else { return };
        if self.far.is_some() {
            // It was accepted, but too late for the server. Its listener accepts no second attempt.
            (target.open_attempt, target.failed) = (None, Some(ErrorKind::ConnectionRefused));
            return far.refuse(ErrorKind::ConnectionRefused);
        }
        target.open_attempt = Some((far, at));
        self.wake = now + target.fates.get(at).map_or(0, |fate| fate.delay);
    }

    /// Answers the present attempt.
    pub(super) fn answer(&mut self, now: u64, calm: bool, book: &Book) {
        let Some(target) = &mut self.dial_target else { return };
        let Some((far, at)) = target.open_attempt.take().filter(|(far, _)| !far.is_released()) else {
            return;
        };
        let answer = target.fates.get(at).map_or(Answer::Silence, |fate| fate.answer);
        book.note(format_args!("call {} at its address {at}: {answer:?}", self.number));
        match answer {
            Answer::Silence => {}
            Answer::Refuse(why) => {
                target.failed = Some(why);
                far.refuse(why);
            }
            Answer::Reset => {
                target.failed = Some(ErrorKind::ConnectionReset);
                far.reset();
            }
            Answer::Accept => {
                far.accept();
                self.connected(far);
                if calm {
                    self.calm_down(now);
                }
            }
        }
    }

    /// Checks what the server reports of a connection that failed.
    pub(super) fn judge_call(&self, record: &Record, was_told: &Told<'_>) -> Result<(), String> {
        let (Some(target), Some(call)) = (&self.dial_target, &record.call) else { return Ok(()) };
        let Some(end) = record.end else {
            return match call.attempt {
                Attempt::None => Ok(()),
                // On its way to the reactor.
                Attempt::Posted if was_told.may_end || was_told.may_be_full => Ok(()),
                _ if call.is_declined => Ok(()),
                _ => Err("nobody was told what became of a connection that was begun".into()),
            };
        };
        if self.explains_failure(target, record, end, was_told) {
            return Ok(());
        }
        let DialTarget { fates, failed, .. } = target;
        Err(format!(
            "it was not connected for {:?} after {:?} of {:?}, and there is no reason for that: {} tries, {fates:?}, {failed:?}",
            end.reason, end.age, call.within, call.tried
        ))
    }

    fn explains_failure(
        &self,
        target: &DialTarget,
        record: &Record,
        end: Ended,
        was_told: &Told<'_>,
    ) -> bool {
        let Some(call) = &record.call else { return false };
        let (is_last, is_answered) = (call.tried == target.fates.len(), self.far.is_some());
        let is_late = |fate: &Fate| fate.answer == Answer::Silence || fate.delay > 0;
        match end.reason {
            Reason::Connect(ConnectError::Name) => target.fates.is_empty(),
            Reason::Connect(ConnectError::Io(_)) if is_answered && self.has_broken_off() => true,
            Reason::Connect(ConnectError::Io(why)) => is_last && target.failed == Some(why),
            Reason::Connect(ConnectError::Timeout) => {
                let is_looked_up = target.is_named && call.tried == 0;
                // It is not read while there is little memory.
                let is_held_up = is_looked_up
                    || target.fates.iter().any(is_late)
                    || self.is_hindered()
                    || has_little_memory(&was_told.settings.limits);
                end.age >= call.within && (is_held_up || !self.peer.is_fair())
            }
            Reason::Connect(
                ConnectError::Closed | ConnectError::Tls | ConnectError::WebSocket | ConnectError::Status,
            ) => {
                let is_cut = self.has_broken_off() || self.has_finished() || !self.peer.is_fair();
                is_answered && is_cut
            }
            Reason::Local => record.commanded,
            Reason::Shutdown => was_told.may_end,
            Reason::Limit(Limit::Memory) => has_little_memory(&was_told.settings.limits),
            Reason::Panic => record.bombed,
            _ => false,
        }
    }
}

/// With little memory large connections are evicted, and an eviction is reported only for connections with a client.
fn has_little_memory(limits: &Limits) -> bool {
    let usual = Limits::default();
    limits.memory_bytes_max < usual.memory_bytes_max
        || limits.reactor.wire_memory_bytes_max < usual.reactor.wire_memory_bytes_max
}

/// A call that was begun must be up or have failed within its time. If the clock jumps over the end of that time, it has one more
/// millisecond.
pub(super) fn check_deadlines(book: &Book, now: u64) {
    let mut pages = book.pages();
    let overdue = pages.records.iter_mut().position(|record| {
        let (begin, is_up) = (record.accepted_at, record.id.is_some());
        let begun = record.call.as_mut().filter(|call| call.attempt == Attempt::Begun && !call.is_declined);
        let late = begun.filter(|call| !is_up && now > begin + call.within.as_millis() as u64);
        late.is_some_and(|call| now > *call.overdue_since.get_or_insert(now) + 1)
    });
    drop(pages);
    if let Some(number) = overdue {
        book.note_wrong("liveness", format!("call {number} is neither up nor has it failed in time"));
    }
}

/// Whether this is the address of a call's peer. A call that has reached no address has none.
pub(super) fn is_place_of(peer: usize, found: Option<SocketAddr>) -> bool {
    found.is_none_or(|found| place_of_ip(&found).is_some_and(|(number, _)| number == peer))
}
