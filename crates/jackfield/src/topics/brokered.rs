//! The additional state of a history whose publications go through a broker: they are sent to it, and come back with
//! their position.
//!
//! While the broker can't be reached, the members here get the publications of this node at once, ahead of their
//! position. When such a publication comes back, its number identifies it, so that no member gets it twice.

use crate::topics::position::{MessageOrigin, Position, ReadPosition};
use jackfield_reactor::ConnectionId;
use jackfield_reactor::planted::planted;
use std::collections::VecDeque;

/// The most publications of a topic that may be out; more are refused. `docs/limits.md` and `Redis::queue_limits` name it.
const OUT_MAX: usize = 1 << 14;

/// The most nodes whose last number is kept. The node that has published nothing for the longest time is dropped first.
const NODES_MAX: usize = 256;

/// Of so many publications without followers it is kept who does not get them. The oldest is forgotten first.
const WITHHELD_MAX: usize = 256;

#[derive(Debug)]
pub(crate) struct Brokered<T> {
    pub(crate) node: u64,
    /// The number of the last publication of this node.
    sequence: u64,
    begin: Begin,
    /// All messages of the broker were received, and new ones are received too.
    is_live: bool,
    /// The broker can be reached, or is not known to be away yet, and does not refuse the topic.
    is_up: bool,
    /// The broker can be reached, and refuses the topic.
    pub(crate) is_refused: bool,
    /// The broker was asked for all that it has, because a client has got more than was received here.
    is_asked: bool,
    /// The newest offset when it became live, in the present epoch.
    live_from: u64,
    /// Messages that are out up to this number may lie in a gap: they were out when the broker handed in less than it had.
    skipped: u64,
    followers: usize,
    /// The publications that are out, in their order.
    out: VecDeque<Own<T>>,
    /// Of publications that are out and not kept, because nobody followed: the number, and the publisher that does not get it.
    withheld: VecDeque<(u64, ConnectionId)>,
    /// The last number of each node, the node that has published nothing for the longest time first.
    nodes: Vec<MessageOrigin>,
}

/// What was known when the first follower came.
#[derive(Debug, Default)]
struct Begin {
    /// The position of the newest message.
    head: Position,
    /// The last number of this node.
    sequence: u64,
    /// The last number of this node that had come back.
    returned: u64,
}

/// A publication of this node that has not come back.
#[derive(Debug)]
pub(crate) struct Own<T> {
    pub(crate) sequence: u64,
    pub(crate) item: T,
    pub(crate) bytes: usize,
    pub(crate) but: ConnectionId,
}

/// The result of sending a publication to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendOutcome {
    /// It is out, and will come back.
    Out,
    /// It waits for the broker, but the members here get it at once.
    Ahead,
    /// No more publications may wait: no other node gets it.
    Full { is_up: bool },
}

/// A message that came from the broker.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// A publication of this node, which still has it.
    Own(Own<T>),
    /// With its publisher, if that was here and does not get it.
    New(ConnectionId),
    /// It came before.
    Twice,
}

impl<T: Clone> Brokered<T> {
    pub(crate) fn new(node: u64) -> Self {
        Self {
            node,
            sequence: 0,
            begin: Begin::default(),
            is_live: false,
            is_up: false,
            is_refused: false,
            is_asked: false,
            live_from: 0,
            skipped: 0,
            followers: 0,
            out: VecDeque::new(),
            withheld: VecDeque::new(),
            nodes: Vec::new(),
        }
    }

    pub(crate) fn send_out(
        &mut self,
        item: &T,
        bytes: usize,
        but: ConnectionId,
        send: impl FnOnce(MessageOrigin) -> bool,
    ) -> SendOutcome {
        let sequence = self.sequence + 1;
        if self.out.len() >= OUT_MAX || !send(MessageOrigin { node: self.node, sequence }) {
            return SendOutcome::Full { is_up: self.is_up };
        }
        self.sequence = sequence;
        if self.followers > 0 {
            self.out.push_back(Own { sequence, item: item.clone(), bytes, but });
        } else {
            self.withhold(sequence, but);
        }
        if self.is_up { SendOutcome::Out } else { SendOutcome::Ahead }
    }

    pub(crate) fn take_in(&mut self, origin: MessageOrigin) -> Outcome<T> {
        // Without a number it can't be told from others.
        if origin.sequence > 0 && !self.is_news(origin) {
            return Outcome::Twice;
        }
        if origin.node == self.node && !planted(73) {
            let older = self.out.partition_point(|own| own.sequence < origin.sequence);
            self.out.drain(..older);
            if self.out.front().is_some_and(|own| own.sequence == origin.sequence) {
                return self.out.pop_front().map_or(Outcome::New(ConnectionId::NONE), Outcome::Own);
            }
            return Outcome::New(self.take_withheld(origin.sequence));
        }
        Outcome::New(ConnectionId::NONE)
    }

    /// Keeps that this publication, which is not kept itself, is not for its publisher: it may follow before it comes back.
    fn withhold(&mut self, sequence: u64, but: ConnectionId) {
        if but != ConnectionId::NONE {
            if self.withheld.len() >= WITHHELD_MAX {
                self.withheld.pop_front();
            }
            self.withheld.push_back((sequence, but));
        }
    }

    /// The publisher that does not get the publication with this number, which has come back.
    fn take_withheld(&mut self, sequence: u64) -> ConnectionId {
        let mut but = ConnectionId::NONE;
        while let Some((number, publisher)) =
            self.withheld.front().copied().filter(|(number, _)| *number <= sequence)
        {
            if number == sequence {
                but = publisher;
            }
            self.withheld.pop_front();
        }
        but
    }

    /// Whether this number is higher than all earlier numbers of its node. Stores it.
    fn is_news(&mut self, origin: MessageOrigin) -> bool {
        let known = self.nodes.iter().position(|known| known.node == origin.node);
        if known.is_some_and(|at| self.nodes[at].sequence >= origin.sequence) && !planted(71) {
            return false;
        }
        match known {
            Some(at) => drop(self.nodes.remove(at)),
            None if self.nodes.len() >= NODES_MAX => drop(self.nodes.remove(0)),
            None => {}
        }
        self.nodes.push(origin);
        true
    }

    /// A new epoch begins: all its messages are new to the present members.
    pub(crate) fn begin_epoch(&mut self) {
        self.live_from = 0;
    }

    /// Messages up to here were not handed in, and never will be.
    pub(crate) fn skip(&mut self) {
        self.skipped = self.out.back().map_or(0, |own| own.sequence);
    }

    /// While the broker can't be reached: if messages that are out may lie in a gap, for a client that has got those up to
    /// `got` the number up to which they may. It may have got them before the gap, so they are not sent to it again. When a
    /// later one comes in, they are not out any more: they would have come in before it.
    pub(crate) fn doubtful_up_to(&self, got: MessageOrigin) -> Option<MessageOrigin> {
        let got = if got.node == self.node { got.sequence } else { 0 };
        let is_in_doubt = self.out.front().is_some_and(|own| own.sequence <= self.skipped);
        (is_in_doubt && !self.is_up && got < self.skipped)
            .then_some(MessageOrigin { node: self.node, sequence: self.skipped })
    }

    pub(crate) fn set_live(&mut self, offset: u64) {
        if !self.is_live {
            self.live_from = offset;
        }
        (self.is_live, self.is_up, self.is_asked) = (self.followers > 0, true, false);
        self.is_refused = false;
    }

    pub(crate) fn mark_down(&mut self) -> bool {
        self.is_asked = false;
        std::mem::replace(&mut self.is_up, false)
    }

    /// `read` makes the broker read the topic after `head`, and returns whether its answer is waited for.
    pub(crate) fn follow(&mut self, head: Position, read: impl FnOnce() -> bool) {
        self.followers += 1;
        if self.followers == 1 {
            let returned = self.last(self.node);
            self.begin = Begin { head, sequence: self.sequence, returned };
            self.is_up = read() && !self.is_refused;
        }
    }

    pub(crate) fn unfollow(&mut self, stop: impl FnOnce()) {
        self.followers -= 1;
        if self.followers == 0 {
            (self.is_live, self.is_asked) = (false, false);
            for own in std::mem::take(&mut self.out) {
                self.withhold(own.sequence, own.but);
            }
            stop();
        }
    }

    /// The broker may be handing in what it had before the followers came. Until it has said that this is all, nobody can tell
    /// which of it is new to whom.
    pub(crate) fn is_loading(&self) -> bool {
        !self.is_live && !self.is_refused
    }

    /// The place of a new client, if it is known. `head` is the position of the newest message.
    pub(crate) fn newcomer_place(&self, head: Position) -> Option<ReadPosition> {
        if !self.is_live && self.is_up {
            return None;
        }
        if self.is_loading() {
            return Some(self.begin_place(self.sequence));
        }
        let ahead = self.remaining_ahead(self.own(if self.is_up { 0 } else { self.sequence }));
        Some(ReadPosition { position: head, ahead })
    }

    /// The same for clients that came before the broker reported their position. If it can't be reached before that, what was
    /// sent since the first of them came is out, and was not delivered.
    pub(crate) fn awaited_place(&self, head: Position) -> Option<ReadPosition> {
        if self.is_live {
            let position = Position { offset: self.live_from, ..head };
            return Some(ReadPosition { position, ahead: self.own(0) });
        }
        (!self.is_up).then(|| self.begin_place(self.begin.sequence))
    }

    /// The place at which the first follower came, for a client that needs none of the messages up to this number.
    fn begin_place(&self, sequence: u64) -> ReadPosition {
        let is_ahead = sequence > self.begin.returned;
        ReadPosition { position: self.begin.head, ahead: self.own(if is_ahead { sequence } else { 0 }) }
    }

    /// A message of this node.
    fn own(&self, sequence: u64) -> MessageOrigin {
        MessageOrigin { node: self.node, sequence }
    }

    /// How far ahead a client is that has got all received messages and also this one. Zero if this one was received
    /// too.
    pub(crate) fn remaining_ahead(&self, ahead: MessageOrigin) -> MessageOrigin {
        let has_come = ahead.sequence <= self.last(ahead.node);
        if has_come { MessageOrigin { node: self.node, sequence: 0 } } else { ahead }
    }

    /// The last number of a node.
    fn last(&self, node: u64) -> u64 {
        self.nodes.iter().find(|known| known.node == node).map_or(0, |known| known.sequence)
    }

    /// The newest offset when it became live, or else this one: clients from before that get all messages after it.
    pub(crate) fn live_from_or(&self, newest: u64) -> u64 {
        if self.is_live { self.live_from } else { newest }
    }

    pub(crate) fn is_awaited(&self) -> bool {
        (!self.is_live || self.is_asked) && self.is_up
    }

    /// Asks the broker for all that it has, unless it can't be reached. False: asking would not help.
    pub(crate) fn ask_broker(&mut self, read: impl FnOnce()) -> bool {
        let is_of_use = self.is_live && self.is_up;
        if is_of_use && !std::mem::replace(&mut self.is_asked, true) {
            read();
        }
        is_of_use
    }

    /// Checks how far ahead a client claims to be. `None`: this server can't know it.
    pub(crate) fn locate(&self, ahead: MessageOrigin) -> Option<MessageOrigin> {
        let is_known = match ahead.node {
            _ if !self.is_live => false,
            _ if ahead.sequence == 0 => return Some(MessageOrigin { node: self.node, sequence: 0 }),
            node if node == self.node => ahead.sequence <= self.sequence,
            node => ahead.sequence <= self.last(node),
        };
        is_known.then_some(ahead)
    }

    /// Messages that were delivered before they had a position, after one client's position and up to another's.
    pub(crate) fn ahead_of(
        &self,
        got: MessageOrigin,
        up_to: Option<MessageOrigin>,
    ) -> impl Iterator<Item = &Own<T>> {
        let number = |ahead: MessageOrigin| if ahead.node == self.node { ahead.sequence } else { 0 };
        let (from, to) = (number(got), up_to.map_or(u64::MAX, number));
        let is_ahead = move |own: &&Own<T>| !self.is_up && own.sequence > from && own.sequence <= to;
        self.out.iter().filter(is_ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that came then would have waited for a position until the broker takes the topic again.
    #[test]
    fn a_topic_that_is_refused_is_not_waited_for() {
        let mut brokered = Brokered::<()>::new(1);
        let come_and_ask = |brokered: &mut Brokered<()>| {
            brokered.follow(Position::default(), || true);
            (brokered.is_awaited(), brokered.newcomer_place(Position::default()).is_some())
        };
        assert_eq!(come_and_ask(&mut brokered), (true, false));
        brokered.mark_down();
        brokered.is_refused = true;
        brokered.unfollow(|| ());
        assert_eq!(come_and_ask(&mut brokered), (false, true));
        brokered.set_live(3);
        brokered.unfollow(|| ());
        assert_eq!(come_and_ask(&mut brokered), (true, false));
    }
}
