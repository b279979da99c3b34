//! What other threads asked for, and the end of the server.

use super::{http, run};
use crate::client::Client;
use crate::client::{ClientFactory, Connection};
use crate::disconnect::{Reason, Timeout};
use crate::dispatch::Dispatcher;
use crate::links::{Protocol, key};
use crate::message::Body;
use crate::shared::{Acceptance, Answer, Callback, Command, Drain, Refused};
use jackfield_proto::http1::{Phase, ResponseHead};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Wires};
use std::any::Any;

impl<F: ClientFactory> Dispatcher<F> {
    pub(super) fn read_commands(&mut self, wires: &mut Wires) {
        let mut commands = std::mem::take(&mut self.commands);
        if let Some(remote) = self.links.handle.remote(wires.reactor()) {
            remote.mailbox.take(&mut commands);
        }
        for command in commands.drain(..) {
            self.read(wires, command);
        }
        #[cfg(feature = "planted-bugs")]
        self.links
            .handle
            .shared()
            .remotes
            .iter()
            .filter(|_| planted(16))
            .for_each(|s| s.mailbox.clear_woken());
        self.commands = commands;
    }

    fn read(&mut self, wires: &mut Wires, command: Command) {
        match command {
            Command::Adopt(incoming, _) if self.links.drain_until.is_some() => {
                self.uncount(wires.reactor());
                self.refused(&self.peer_of(&incoming, wires.reactor()), Refused::Shutdown);
            }
            Command::Adopt(incoming, is_provisional) => self.adopt(wires, incoming, is_provisional),
            Command::Send(id, message) => self.links.send_prepared(wires, id, &message),
            Command::Publish(topic, message) => {
                self.links.publish_here(wires, &topic, &message);
            }
            Command::Post(id, value) => self.hand_out(wires, id, value),
            Command::Close(id) => self.links.close(wires, id, Reason::Local),
            Command::Abort(id) => self.links.abort(wires, id, Reason::Local),
            Command::Answer(answer) => self.answer(wires, *answer),
            Command::Accept(acceptance) => self.accept(wires, &acceptance),
            Command::Heartbeat(heartbeat) => self.links.set_heartbeat(wires, heartbeat),
            Command::StandIn(stands_in) => wires.stand_in(stands_in),
            Command::Shutdown(drain) => self.shut_down(wires, drain),
            Command::Pressure => drop(wires.mind_pressure()),
        }
    }

    /// A posted value, unless there is nobody any more to take it.
    fn hand_out(&mut self, wires: &mut Wires, id: ConnectionId, value: Box<dyn Any + Send>) {
        let mut value = Some(value);
        self.with_client(wires, id, Callback::Post, |client, connection| {
            if let Some(value) = value.take() {
                client.on_post(connection, value);
            }
        });
        self.drop_guarded(id, value);
    }

    /// A deferred answer, unless its exchange is over for another reason.
    fn answer(&mut self, wires: &mut Wires, answer: Answer) {
        let Answer { id, sequence, status, content_type, fields, body } = answer;
        if self.is_owed(wires, id, sequence) && !planted(40) {
            wires.cancel_timer(id, key::UPGRADE);
            let head = ResponseHead { status, content_type: &content_type, fields: &fields };
            self.links.respond(wires, id, &head, body);
            self.links.after_answer(wires, id);
        }
    }

    fn accept(&mut self, wires: &mut Wires, acceptance: &Acceptance) {
        let Acceptance { id, sequence, accept, fields } = acceptance;
        if !self.is_owed(wires, *id, *sequence) {
            return;
        }
        let Self { clients, links, .. } = self;
        wires.cancel_timer(*id, key::UPGRADE);
        if wires.has_ended(*id) {
            return links.end(wires, *id, Reason::Peer);
        }
        links.switch_to_websocket(wires, *id, accept, fields);
        links.read_on(wires, *id);
        if let Some(Some(client)) = clients.get_mut(id.slot()) {
            run(client, &mut Connection { id: *id, wires, links }, http::opened);
        }
    }

    fn is_owed(&mut self, wires: &Wires, id: ConnectionId, sequence: u32) -> bool {
        wires.contains(id)
            && matches!(&self.links.link(id).protocol, Protocol::Http(machine)
                if machine.sequence() == sequence && machine.phase() == Phase::Deferred)
    }

    /// Nobody decided on an upgrade in time.
    pub(super) fn on_undecided(&mut self, wires: &mut Wires, id: ConnectionId) {
        if let Protocol::Http(machine) = &mut self.links.link(id).protocol {
            if machine.phase() == Phase::Deferred {
                machine.close_after();
                self.links.link(id).reason.get_or_insert(Reason::Timeout(Timeout::Upgrade));
                self.links.respond(wires, id, &ResponseHead::new(503, ""), Body::Borrowed(&[]));
                self.links.after_answer(wires, id);
            }
        }
    }

    /// No new connections any more, and all connections are drained.
    fn shut_down(&mut self, wires: &mut Wires, drain: Drain) {
        let deadline = wires.now().after(drain.deadline);
        let is_news = self.links.drain_until.is_none();
        self.links.drain_until =
            Some(self.links.drain_until.map_or(deadline, |earlier| earlier.min(deadline)));
        wires.stop_listening();
        wires.set_alarm(self.links.drain_until.unwrap_or(deadline).since(wires.now()));
        if is_news {
            let ids: Vec<ConnectionId> = wires.ids().collect();
            for id in ids {
                self.links.drain(wires, id, drain.close_code, Reason::Shutdown);
            }
        }
    }

    /// While the server shuts down: aborts what is left at the deadline, and ends when nothing is left but the
    /// connections that are `leaving` just now.
    pub(super) fn drain_on(&mut self, wires: &mut Wires, leaving: usize) {
        let Some(deadline) = self.links.drain_until else { return };
        if wires.now() >= deadline {
            let ids: Vec<ConnectionId> = wires.ids().collect();
            for id in ids {
                self.links.abort(wires, id, Reason::Shutdown);
            }
        }
        if wires.len() <= leaving {
            wires.halt();
        }
    }
}
