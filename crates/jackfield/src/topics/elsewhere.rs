//! The subscribers of other servers, as these report them; and the report of a server's own subscribers.
//!
//! A report is one version byte; then for each topic the length of its name, the name, the number of its subscribers, the
//! number of listed IDs, and the IDs.

use crate::sync::{Mutex, MutexGuard, PoisonError};
use jackfield_reactor::ConnectionId;
use std::collections::BTreeMap;

const VERSION: u8 = 1;

/// The most other servers whose reports are kept. More are ignored.
const NODES_MAX: usize = 256;

/// The most bytes of a report. Topics that do not fit are left out.
const TOLD_BYTES_MAX: usize = 256 << 10;

/// After this many bytes of a report subscribers are only counted, and their IDs not listed.
const NAMED_BYTES_MAX: usize = 128 << 10;

/// The most IDs that are listed for a topic. All subscribers are counted.
const NAMED_MAX: usize = 1000;

const NUMBER: usize = size_of::<u32>();
const ID: usize = size_of::<u64>();

/// The last report of each server, by its node.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere(Mutex<BTreeMap<u64, Vec<Told>>>);

/// A server's report about one topic.
#[derive(Debug)]
struct Told {
    topic: Box<str>,
    count: usize,
    named: Vec<ConnectionId>,
}

impl Elsewhere {
    /// Replaces the report of a server. `None`, or a report that can't be read, removes it.
    pub(crate) fn set(&self, node: u64, told: Option<&[u8]>) {
        let told = told.and_then(read).unwrap_or_default();
        let mut nodes = self.lock();
        if told.is_empty() {
            nodes.remove(&node);
        } else if nodes.len() < NODES_MAX || nodes.contains_key(&node) {
            nodes.insert(node, told);
        }
    }

    pub(crate) fn count(&self, topic: &str) -> usize {
        let counts = |told: &Vec<Told>| find(told, topic).map_or(0, |told| told.count);
        self.lock().values().map(counts).fold(0, usize::saturating_add)
    }

    /// The listed IDs of a topic, with their servers.
    pub(crate) fn members(&self, topic: &str) -> Vec<(u64, ConnectionId)> {
        let nodes = self.lock();
        let of_topic = nodes.iter().filter_map(|(node, told)| Some((*node, find(told, topic)?)));
        of_topic.flat_map(|(node, told)| told.named.iter().map(move |id| (node, *id))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<Told>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find<'a>(told: &'a [Told], topic: &str) -> Option<&'a Told> {
    let at = told.binary_search_by(|told| (*told.topic).cmp(topic)).ok()?;
    told.get(at)
}

/// Writes the report about these topics and their subscribers.
pub(crate) fn tell<'a>(topics: impl Iterator<Item = (&'a str, Vec<ConnectionId>)>) -> Vec<u8> {
    let mut out = vec![VERSION];
    for (topic, members) in topics.filter(|(_, members)| !members.is_empty()) {
        if out.len() + 3 * NUMBER + topic.len() > TOLD_BYTES_MAX {
            continue;
        }
        let room = NAMED_BYTES_MAX.saturating_sub(out.len()) / ID;
        let named = &members[..members.len().min(NAMED_MAX).min(room)];
        push_number(topic.len(), &mut out);
        out.extend_from_slice(topic.as_bytes());
        push_number(members.len(), &mut out);
        push_number(named.len(), &mut out);
        named.iter().for_each(|id| out.extend(id.to_bits().to_be_bytes()));
    }
    out
}

fn push_number(number: usize, out: &mut Vec<u8>) {
    out.extend(u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
}

/// Reads a report that [`tell`] has written. `None`: it is malformed.
fn read(told: &[u8]) -> Option<Vec<Told>> {
    let (&VERSION, mut rest) = told.split_first()? else { return None };
    if told.len() > TOLD_BYTES_MAX + NAMED_MAX * ID {
        return None;
    }
    let mut topics = Vec::new();
    while !rest.is_empty() {
        let (length, behind) = read_number(rest)?;
        let (name, behind) = behind.split_at_checked(length)?;
        let (count, behind) = read_number(behind)?;
        let (named, behind) = read_number(behind)?;
        let (ids, behind) = behind.split_at_checked(named.checked_mul(ID)?)?;
        let id = |bytes: &[u8]| Some(ConnectionId::from_bits(u64::from_be_bytes(bytes.try_into().ok()?)));
        let named = ids.chunks_exact(ID).map(id).collect::<Option<_>>()?;
        topics.push(Told { topic: std::str::from_utf8(name).ok()?.into(), count, named });
        rest = behind;
    }
    topics.sort_by(|one, other| one.topic.cmp(&other.topic));
    Some(topics)
}

fn read_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_be_bytes(*number)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::model;

    fn ids(count: usize) -> Vec<ConnectionId> {
        (0..count).map(|slot| ConnectionId::new(1, 2, slot)).collect()
    }

    #[test]
    fn only_valid_presence_messages_are_read() {
        model(|| {
            let topics = [("room", ids(3)), ("empty", ids(0)), ("crowd", ids(1005))];
            let told = tell(topics.into_iter());
            let elsewhere = Elsewhere::default();
            elsewhere.set(7, Some(&told));
            elsewhere.set(9, Some(&tell([("room", ids(1))].into_iter())));
            let counts = ["room", "empty", "crowd", "other"].map(|topic| elsewhere.count(topic));
            assert_eq!(counts, [4, 0, 1005, 0], "all are counted");
            assert_eq!(elsewhere.members("crowd").len(), 1000);
            let room: Vec<_> =
                ids(3).into_iter().map(|id| (7, id)).chain(ids(1).into_iter().map(|id| (9, id))).collect();
            assert_eq!(elsewhere.members("room"), room);
            // A report that is cut within a topic, or has another version, is malformed.
            let of_room = tell([("room", ids(3))].into_iter()).len();
            for end in 0..of_room + 10 {
                elsewhere.set(7, Some(&told[..end]));
                let expected = if end == of_room { 4 } else { 1 };
                assert_eq!(elsewhere.count("room"), expected, "cut at {end}");
            }
            elsewhere.set(7, Some(&[&[VERSION + 1], &told[1..]].concat()));
            assert_eq!(elsewhere.count("room"), 1);
            for length in [u32::MAX, 1 << 31, 100] {
                elsewhere.set(7, Some(&[&[VERSION][..], &length.to_be_bytes(), b"room"].concat()));
            }
            elsewhere.set(9, None);
            assert_eq!(elsewhere.count("room"), 0);
            assert!(elsewhere.lock().is_empty());
        });
    }

    #[test]
    fn the_reported_text_has_a_limit() {
        let names: Vec<String> = (0..2000).map(|number| format!("{number:0255}")).collect();
        let told = tell(names.iter().map(|name| (&**name, ids(20))));
        let topics = read(&told).unwrap();
        let (named, counted): (Vec<_>, Vec<_>) = topics.iter().partition(|told| told.named.len() == 20);
        assert!(counted.iter().all(|told| told.named.is_empty()), "first they are named, then only counted");
        let (name_bytes, named_bytes) = (3 * NUMBER + 255, 3 * NUMBER + 255 + 20 * ID);
        let left = (256 << 10) - told.len();
        assert!(left < name_bytes, "{left} bytes are left");
        let up_to = named.len() * named_bytes;
        assert!(up_to.abs_diff(128 << 10) < named_bytes, "named up to {up_to}");
        assert!(topics.iter().all(|told| told.count == 20));
        assert!(read(&[&told[..], &[0; TOLD_BYTES_MAX]].concat()).is_none(), "it is too long");
    }

    #[test]
    fn more_servers_than_the_most_are_passed_over() {
        model(|| {
            let elsewhere = Elsewhere::default();
            let told = tell([("room", ids(2))].into_iter());
            (0..259).for_each(|node| elsewhere.set(node, Some(&told)));
            assert_eq!(elsewhere.count("room"), 256 * 2);
            elsewhere.set(0, None);
            elsewhere.set(1000, Some(&told));
            assert_eq!(elsewhere.members("room").last(), Some(&(1000, ids(2)[1])));
        });
    }
}
