//! `fanout`: every connection publishes, and every connection receives all messages.

use super::plan::Plan;
use super::speaker::{Fault, Heard, Opened, Part, Speaker};
use super::ws::{Opening, Socket, Sockets};
use std::ops::Range;

/// WebSockets at a server that sends each message to all of them. Deliveries are counted.
///
/// A message contains its due time and its publisher. So each receiver knows its latency, and the publisher knows when
/// its message has reached all.
#[derive(Debug)]
pub(crate) struct Fanout {
    sockets: Sockets,
    payload: Vec<u8>,
    members: Members,
}

/// The members, and their messages.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    /// Bytes of a message, [`MESSAGE_BYTES_MIN`] at least.
    pub(crate) bytes: usize,
    /// The first members. They publish nothing, because they would hold up their own messages.
    pub(crate) slow_readers: usize,
    /// How many of the others publish.
    pub(crate) publishers: usize,
    /// How many messages make a round, if any messages count and their content is ignored. For servers that send
    /// prepared messages.
    pub(crate) round: Option<usize>,
}

impl Members {
    pub(crate) fn of(plan: &Plan) -> Self {
        let slow_readers = plan.slow_readers;
        let publishers = plan.publishers.min(plan.connections - slow_readers);
        Self { bytes: plan.size, slow_readers, publishers, round: plan.is_constant.then_some(publishers) }
    }

    /// The places of those that publish.
    pub(crate) fn places(&self) -> Range<usize> {
        self.slow_readers..self.slow_readers + self.publishers
    }

    /// Their numbers in messages.
    fn numbers(&self) -> Range<u32> {
        let Range { start, end } = self.places();
        start as u32..end as u32
    }
}

/// A subscriber and publisher.
#[derive(Debug)]
pub(crate) struct Member {
    socket: Socket,
    number: u32,
    /// Messages that have come and do not belong to a round yet.
    pub(super) count: usize,
}

/// The due time of a message, and the number of its publisher.
pub(crate) const MESSAGE_BYTES_MIN: usize = 12;

impl Fanout {
    pub(crate) fn new(opening: &Opening<'_>, members: &Members) -> Self {
        let payload = vec![b'x'; members.bytes.max(MESSAGE_BYTES_MIN)];
        Self { sockets: Sockets::new(opening), payload, members: members.clone() }
    }
}

impl Speaker for Fanout {
    type State = Member;

    fn connect(&mut self, index: usize) -> (Member, Part) {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let part = if self.members.numbers().contains(&number) { Part::Talks } else { Part::Listens };
        (Member { socket: self.sockets.socket(), number, count: 0 }, part)
    }

    fn open(&mut self, member: &mut Member, out: &mut Vec<u8>) -> Opened {
        self.sockets.shake(&mut member.socket, out)
    }

    fn send(&mut self, member: &mut Member, due: u64, out: &mut Vec<u8>) {
        self.payload[..8].copy_from_slice(&due.to_le_bytes());
        self.payload[8..12].copy_from_slice(&member.number.to_le_bytes());
        self.sockets.send(&self.payload, out);
    }

    /// Messages that came while none was in flight count for the next one. Otherwise all might wait for each other.
    fn is_settled(&mut self, member: &mut Member) -> bool {
        let round = self.members.round.filter(|round| member.count >= *round);
        member.count -= round.unwrap_or(0);
        round.is_some()
    }

    fn receive(&mut self, member: &mut Member, rx: &mut [u8], heard: &mut Heard<'_>) -> Result<usize, Fault> {
        let Member { socket, number, count } = member;
        let (round, publishers) = (self.members.round, self.members.numbers());
        self.sockets.receive(socket, rx, heard, |message, heard| {
            if let Some(round) = round {
                heard.delivery(heard.now);
                *count += 1;
                if *count < round || heard.in_flight.is_empty() {
                    return Ok(());
                }
                *count -= round;
                return heard.acknowledge();
            }
            let stamp = read_stamp(message.as_bytes());
            let is_ours = |(due, number): &(u64, u32)| *due <= heard.now && publishers.contains(number);
            let Some((due, publisher)) = stamp.filter(is_ours) else {
                return Err(Fault("a message that nobody has published".into()));
            };
            heard.delivery(due);
            if publisher == *number && !heard.in_flight.is_empty() { heard.acknowledge() } else { Ok(()) }
        })
    }
}

/// The due time of a message, and its publisher.
fn read_stamp(message: &[u8]) -> Option<(u64, u32)> {
    let (due, rest) = message.split_first_chunk::<8>()?;
    let (publisher, _) = rest.split_first_chunk::<4>()?;
    Some((u64::from_le_bytes(*due), u32::from_le_bytes(*publisher)))
}
