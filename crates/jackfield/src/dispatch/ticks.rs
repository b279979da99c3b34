//! Closures on the reactor's thread: periodic ticks, and closures from other threads.

use crate::client::{ClientFactory, Job, Reactor};
use crate::dispatch::Dispatcher;
use crate::guard::guard;
use crate::shared::{Callback, Command, Copies};
use jackfield_reactor::{ConnectionId, Wires};
use std::any::Any;
use std::time::Duration;

impl<F: ClientFactory> Dispatcher<F> {
    /// The reactor starts: begins its outgoing connections and its ticks.
    pub(crate) fn start_up(&mut self, wires: &mut Wires) {
        for outgoing in std::mem::take(&mut self.outgoing) {
            self.connect(wires, &outgoing);
        }
        if !self.ticks.is_empty() {
            wires.request_next_turn();
        }
    }

    /// Runs the ticks that are due, and sets the alarm for the next.
    #[cold]
    pub(super) fn run_ticks(&mut self, wires: &mut Wires) {
        let now = Duration::from_millis(wires.now().0);
        let mut ticks = std::mem::take(&mut self.ticks);
        for tick in &mut ticks {
            if let Some(missed) = tick.take_due(now) {
                self.links.metrics.ticks_missed.add(missed);
                self.run_on_reactor(wires, |reactor| (tick.run)(reactor));
            }
        }
        // Its deadline has done its work when it is over: it would wake the reactor each millisecond.
        let deadline = self.links.shutdown_deadline().map(|until| Duration::from_millis(until.0));
        let deadline = deadline.filter(|until| *until > now);
        if let Some(next) = ticks.iter().filter_map(|tick| tick.next).chain(deadline).min() {
            wires.set_alarm(next.saturating_sub(now));
        }
        self.ticks = ticks;
    }

    /// Runs a closure that another thread has sent.
    pub(super) fn run_job(&mut self, wires: &mut Wires, job: Box<dyn Any + Send>) {
        if let Ok(job) = job.downcast::<Job>() {
            self.run_on_reactor(wires, |reactor| job(reactor));
        }
    }

    /// A copy of a value for each of these subscribers of a topic that it was posted to. Those who come or go while it is
    /// handed out change nothing. Each copy counts as a command: those that are left over go on in the next turn, before all
    /// other commands.
    pub(super) fn hand_out_copies(
        &mut self,
        wires: &mut Wires,
        mut members: std::vec::IntoIter<ConnectionId>,
        mut copies: Copies,
    ) {
        while let Some(id) = members.next() {
            wires.stats().visits.add(1);
            match guard(|| (copies.make)()) {
                Ok(copy) => self.hand_out(wires, id, copy),
                Err(payload) => {
                    self.links.report_panic(ConnectionId::NONE, payload);
                    break;
                }
            }
            self.batch.copies_left = self.batch.copies_left.saturating_sub(1);
            if self.batch.copies_left == 0 && members.len() > 0 {
                self.batch.unfinished = Some(Command::PostToRest(members, copies));
                return;
            }
        }
        self.drop_guarded(ConnectionId::NONE, copies);
    }

    /// Runs a closure. A panic ends only this run.
    fn run_on_reactor(&mut self, wires: &mut Wires, run: impl FnOnce(&mut Reactor<'_>)) {
        let links = &mut self.links;
        wires.show_watchdog(ConnectionId::NONE, Callback::Reactor as u8);
        links.metrics.callbacks.add(1);
        if let Err(payload) = guard(|| run(&mut Reactor { wires, links })) {
            self.links.report_panic(ConnectionId::NONE, payload);
        }
        wires.clear_watchdog();
    }
}
