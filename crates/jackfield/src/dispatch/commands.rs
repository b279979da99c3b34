//! Commands of other threads.

use super::http;
use crate::client::{Client, ClientFactory, Connection, Visit};
use crate::disconnect::Reason;
use crate::dispatch::Dispatcher;
use crate::dispatch::call::run;
use crate::links::{Links, Protocol};
use crate::message::Prepared;
use crate::shared::{
    Acceptance, Answer, AnswerKind, Callback, Command, PUBLICATIONS_PER_DELIVERY, RefuseReason,
};
use crate::topics::TopicLog;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Wires};
use std::any::Any;
use std::sync::Arc;

/// A publish to one member costs about as little as a sixty-fourth of a command.
const VISITS_PER_COMMAND: u64 = 64;

impl<F: ClientFactory> Dispatcher<F> {
    /// Carries out as many commands as one turn may, and no more when their visits have passed the budget. Those that are left
    /// wait in the mailbox, in front of the others.
    pub(super) fn read_commands(&mut self, wires: &mut Wires) {
        let mut commands = std::mem::take(&mut self.commands);
        if let Some(remote) = self.links.handle.remote(wires.reactor()) {
            let most = if planted(101) { usize::MAX } else { wires.limits().commands_per_turn };
            if remote.take(&mut commands, most) {
                wires.request_next_turn();
            }
        }
        self.read_batch(wires, commands.drain(..));
        #[cfg(feature = "tls")]
        self.go_on_with_found_hosts(wires);
        #[cfg(feature = "planted-bugs")]
        self.links.handle.shared().remotes.iter().filter(|_| planted(16)).for_each(|s| s.clear_woken());
        self.commands = commands;
    }

    fn read_batch(&mut self, wires: &mut Wires, mut commands: std::vec::Drain<'_, Command>) {
        let most = wires.limits().commands_per_turn;
        let visits_max = VISITS_PER_COMMAND.saturating_mul(most as u64);
        self.batch.visits_end = wires.stats().visits.value().saturating_add(visits_max);
        self.batch.copies_left = most;
        for command in commands.by_ref() {
            self.read(wires, command);
            if self.batch.unfinished.is_some() || wires.stats().visits.value() >= self.batch.visits_end {
                break;
            }
        }
        if self.batch.unfinished.is_some() || commands.len() > 0 {
            self.put_back(wires, commands);
        }
    }

    /// The order stays: what comes behind a command for a connection or a topic must not overtake it.
    #[cold]
    fn put_back(&mut self, wires: &mut Wires, commands: std::vec::Drain<'_, Command>) {
        let unfinished = self.batch.unfinished.take();
        if let Some(remote) = self.links.handle.remote(wires.reactor()) {
            remote.put_back(unfinished.into_iter().chain(commands));
        }
        wires.request_next_turn();
    }

    /// Delivers so many publications of a history, or as many as the turn has room for.
    fn deliver(&mut self, wires: &mut Wires, log: Arc<TopicLog<Prepared>>, most: usize) {
        let (_, left) = self.links.deliver(wires, &log, most, self.batch.visits_end);
        self.batch.unfinished = (left > 0).then_some(Command::DeliverRest(log, left));
    }

    fn read(&mut self, wires: &mut Wires, command: Command) {
        match command {
            Command::Adopt(incoming, _) if self.links.is_shutting_down() => {
                self.links.handle.uncount_peer(wires.reactor(), &incoming.peer);
                self.report_refused(&self.peer_of(&incoming, wires.reactor()), RefuseReason::Shutdown);
            }
            Command::Adopt(incoming, is_provisional) => self.adopt(wires, incoming, is_provisional),
            Command::Send(id, message) => self.links.send_or_count(wires, id, &message),
            Command::Publish(topic, generation, message) => {
                self.links.publish_on_this_reactor(wires, &topic, generation, &message);
            }
            Command::Deliver(log) => {
                // Only here: as long as a command waits, nothing else may ask for a second one.
                log.clear_notified(wires.reactor());
                self.deliver(wires, log, PUBLICATIONS_PER_DELIVERY);
            }
            Command::DeliverRest(log, most) => self.deliver(wires, log, most),
            Command::Post(id, value, _) => self.hand_out(wires, id, value),
            Command::PostToTopic(topic, generation, copies) => {
                let members = self.links.members_of(wires, &topic, generation);
                self.hand_out_copies(wires, members.into_iter(), copies);
            }
            Command::PostToRest(members, copies) => self.hand_out_copies(wires, members, copies),
            Command::Run(job, _) => self.run_job(wires, job),
            Command::RunWith(id, job, _) => self.visit(wires, id, job),
            Command::Connect(outgoing) => self.connect(wires, &outgoing),
            Command::Resolved(id, addrs) => self.links.on_resolved(wires, id, addrs),
            Command::Close(id) => self.links.close(wires, id, Reason::Local),
            Command::CloseWith(id, code, reason) => self.links.close_with(wires, id, code, &reason),
            Command::Abort(id) => self.links.abort(wires, id, Reason::Local),
            Command::Answer(answer) => self.answer(wires, *answer),
            Command::Part(part) => self.links.continue_deferred(wires, *part),
            Command::Accept(acceptance) => self.accept(wires, *acceptance),
            Command::Heartbeat(heartbeat) => self.links.set_heartbeat(wires, heartbeat),
            #[cfg(feature = "tls")]
            Command::HostFound(..) if planted(86) => {}
            #[cfg(feature = "tls")]
            Command::HostFound(id, found) => self.found_hosts.push_back((id, found)),
            #[cfg(feature = "tls")]
            Command::Secured(id, answer) => wires.answer_hello(id, *answer),
            Command::LookAtListeners => self.look_at_listeners(wires),
            Command::StandIn(stands_in) => self.stand_in(wires, stands_in),
            Command::Shutdown(drain) => {
                self.links.shut_down(wires, drain);
                self.place_held(wires);
            }
            Command::Pressure => drop(wires.mind_pressure()),
        }
    }

    /// Hands a posted value to the client, if it is still there.
    pub(super) fn hand_out(&mut self, wires: &mut Wires, id: ConnectionId, value: Box<dyn Any + Send>) {
        let mut value = Some(value);
        self.with_client(wires, id, Callback::Post, |client, connection| {
            if let Some(value) = value.take() {
                client.on_post(connection, value);
            }
        });
        self.drop_guarded(id, value);
    }

    /// Runs a closure with the client, if it is still there.
    fn visit(&mut self, wires: &mut Wires, id: ConnectionId, job: Box<dyn Any + Send>) {
        let Ok(visit) = job.downcast::<Visit>() else { return };
        let mut visit = Some(*visit);
        self.with_client(wires, id, Callback::Visit, |client, connection| {
            let ran = visit.take().map(|visit| visit(client.as_client(), connection));
            if let Some(Err(wanted)) = ran {
                log::error!(target: "jackfield::client", connection:% = id; "{id}: its client is not a `{wanted}`");
            }
        });
        self.drop_guarded(id, visit);
    }

    /// Gives a deferred answer, which may begin an event stream.
    fn answer(&mut self, wires: &mut Wires, answer: Answer) {
        let id = answer.id;
        let is_stream = |links: &mut Links| matches!(links.link(id).protocol, Protocol::Events);
        let may_begin =
            matches!(answer.kind, AnswerKind::Events) && wires.is_open(id) && !is_stream(&mut self.links);
        self.links.answer_deferred(wires, answer);
        let Self { clients, links, .. } = self;
        if may_begin && wires.is_open(id) && is_stream(links) {
            let last = links.take_last_event_id(wires, id);
            if let Some(Some(client)) = clients.get_mut(id.slot()) {
                let mut connection = Connection { id, wires, links };
                run(client, &mut connection, |client, connection| {
                    http::call_on_events(client, connection, last.as_deref());
                });
                connection.wires.clear_watchdog();
            }
        }
    }

    /// Carries out a deferred decision: the connection becomes a WebSocket, if the decision is still owed.
    fn accept(&mut self, wires: &mut Wires, acceptance: Acceptance) {
        let id = acceptance.id;
        if !self.links.accept_deferred(wires, acceptance) {
            return;
        }
        let Self { clients, links, .. } = self;
        if let Some(Some(client)) = clients.get_mut(id.slot()) {
            let mut connection = Connection { id, wires, links };
            run(client, &mut connection, http::handle_open);
            connection.wires.clear_watchdog();
        }
    }
}
