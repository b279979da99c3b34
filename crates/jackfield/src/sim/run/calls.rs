//! Peers to which the server connects.

use super::Sim;
use crate::config::{Outgoing, Target};
use crate::sim::Call;
use crate::sim::book::Record;
use crate::sim::dial::take_dials;
use crate::sim::dial_target::DialTarget;
use crate::sim::network::Party;
use crate::sim::peer::Peer;
use crate::sim::places::socket_path;

impl Sim {
    /// Adds a peer that the server may connect to, once, with the [`Call`] that is returned. The closure `outgoing` gets
    /// the host and port of the peer and says how to connect. A peer that is not [fair](Peer::is_fair) has no TLS.
    ///
    /// ```
    /// use jackfield::sim::{Call, Options, Sim, peer};
    /// use jackfield::{Client, Connection, Outgoing, Raw};
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// struct Caller(Rc<Cell<Option<Call>>>);
    ///
    /// impl Client for Caller {
    ///     fn on_connect(&mut self, connection: &mut Connection<'_>) {
    ///         if let Some(call) = self.0.take() {
    ///             call.begin(connection);
    ///         }
    ///     }
    ///
    ///     fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
    ///         raw.send([line, b"\n"].concat());
    ///     }
    /// }
    ///
    /// let next = Rc::new(Cell::new(None));
    /// let calls = next.clone();
    /// let mut sim = Sim::new(1, Options::default(), move |_peer| Caller(calls.clone()));
    /// // The peer at the other end says two lines, and expects them back.
    /// let call = sim.add_outgoing(peer::Bytes::lines(["one", "two"]), |to| Outgoing::tcp(to).lines());
    /// next.set(Some(call));
    /// sim.add(peer::Silent::default());
    /// sim.run();
    /// ```
    ///
    /// # Panics
    /// `outgoing` asks for TLS, and [`Options::tls`](crate::sim::Options::tls) is `None`.
    pub fn add_outgoing(
        &mut self,
        peer: impl Peer + 'static,
        outgoing: impl FnOnce(&str) -> Outgoing,
    ) -> Call {
        let number = self.parties.len();
        let mut random = self.random.fork();
        let target = DialTarget::new(&mut random, self.options.faults.dials);
        let mut outgoing = outgoing(&target.place(number)).tag(number as u64);
        let is_bare = !outgoing.is_secure && outgoing.websocket.is_none();
        if is_bare && !target.is_named && random.chance(500) {
            outgoing.target = Target::Unix(socket_path(number));
        }
        self.book.pages().records.push(Record::of_call(outgoing.within));
        let secure = (outgoing.tls.is_some() && peer.is_fair())
            .then(|| self.options.tls.as_ref().expect("TLS of the simulation").server_side());
        let mut party = Party::new(number, Box::new(peer), secure, &self.options.faults, random);
        party.dial_target = Some(target);
        self.parties.push(party);
        let outgoing_max = self.options.limits.outgoing_max;
        Call { number, outgoing, book: self.book.clone(), outgoing_max }
    }

    /// Takes the new attempts of all reactors.
    pub(super) fn take_dials(&mut self) {
        for reactor in &mut self.reactors {
            take_dials(&mut reactor.driver, &mut self.parties, &self.book, self.now);
        }
    }
}
