//! A broker in memory: what several servers publish gets one order there. It moves on request, and can be made to lose,
//! delay and double.

use jackfield::{Broker, BrokerInbox, Position, QueueFull, SharedTopic};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a server has told of its subscribers is forgotten after this time.
pub const PRESENCE_TTL: Duration = Duration::from_secs(6);

/// What all servers share: as a Redis has it.
#[derive(Clone, Default)]
pub struct Hub(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    streams: BTreeMap<String, Stream>,
    /// What each server has told of its subscribers, and when.
    told: BTreeMap<u64, (Vec<u8>, Duration)>,
    now: Duration,
}

struct Stream {
    epoch: u64,
    messages: VecDeque<(Position, Vec<u8>)>,
    head: u64,
}

/// One server's connection with it.
#[derive(Clone)]
pub struct Node(Arc<Side>);

struct Side {
    hub: Hub,
    number: u64,
    /// Messages that wait to go out at most.
    queue_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    inbox: Option<BrokerInbox>,
    is_up: bool,
    queue: VecDeque<(SharedTopic, Vec<u8>)>,
    /// To where each topic was read, and whether that was all at some time.
    followed: BTreeMap<String, (SharedTopic, Option<Position>, bool)>,
    /// The time at which the others were heard last, and their ids.
    heard: Duration,
    known: BTreeSet<u64>,
}

/// What goes wrong while it moves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// At most so many of each topic are handed in, and the last ones that were are handed in again.
    pub hand_in_max: Option<usize>,
    /// The first that is sent out arrives twice.
    pub doubles: bool,
    /// The first that would be handed in is left out.
    pub loses: bool,
}

impl Hub {
    /// Another server's connection, by a number that no other has; so many messages may wait to go out.
    #[must_use]
    pub fn node(&self, number: u64, queue_max: usize) -> Node {
        let state = Mutex::default();
        Node(Arc::new(Side { hub: self.clone(), number, queue_max, state }))
    }

    /// It is started again, and has forgotten everything.
    pub fn forget(&self) {
        let mut kept = self.lock();
        kept.told.clear();
        for stream in kept.streams.values_mut() {
            *stream = Stream { epoch: stream.epoch + 1, ..Stream::default() };
        }
    }

    /// Time passes for what servers have told of their subscribers.
    pub fn pass(&self, time: Duration) {
        self.lock().now += time;
    }

    /// What all servers tell of their subscribers, one of them this, and what time it is.
    fn exchange(&self, node: u64, told: Vec<u8>) -> (BTreeMap<u64, (Vec<u8>, Duration)>, Duration) {
        let mut kept = self.lock();
        let now = kept.now;
        kept.told.insert(node, (told, now));
        kept.told.retain(|_, (_, when)| now - *when < PRESENCE_TTL);
        (kept.told.clone(), now)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, topic: &SharedTopic, message: Vec<u8>) {
        let mut kept = self.lock();
        let stream = kept.streams.entry(topic.name.to_string()).or_default();
        stream.head += 1;
        stream.messages.push_back((Position { epoch: stream.epoch, offset: stream.head }, message));
        while stream.messages.len() > topic.history.events_max() {
            stream.messages.pop_front();
        }
    }

    /// The messages after a position, and the position of the last one.
    fn read(&self, topic: &str, after: Option<Position>) -> (Vec<(Position, Vec<u8>)>, Position) {
        let mut kept = self.lock();
        let stream = kept.streams.entry(topic.to_owned()).or_default();
        let new = stream.messages.iter().filter(|(position, _)| Some(*position) > after).cloned();
        (new.collect(), Position { epoch: stream.epoch, offset: stream.head })
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self { epoch: 0xe, messages: VecDeque::new(), head: 0 }
    }
}

impl Node {
    /// It can be reached from now on, or not.
    pub fn set_up(&self, is_up: bool) {
        let inbox = {
            let mut state = self.lock();
            if state.is_up == is_up {
                return;
            }
            state.is_up = is_up;
            state.followed.values_mut().for_each(|(_, _, is_live)| *is_live = false);
            state.inbox.clone()
        };
        match inbox {
            Some(inbox) if is_up => inbox.up(),
            Some(inbox) => inbox.down("the cable is out"),
            None => {}
        }
    }

    /// What waits goes out, and what is new comes in.
    pub fn pump(&self, faults: Faults) {
        self.exchange_presence();
        let (inbox, mut out, followed) = {
            let mut state = self.lock();
            if !state.is_up {
                return;
            }
            (state.inbox.clone(), std::mem::take(&mut state.queue), state.followed.clone())
        };
        if let Some((topic, message)) = out.front().cloned().filter(|_| faults.doubles) {
            out.push_front((topic, message));
        }
        out.into_iter().for_each(|(topic, message)| self.0.hub.add(&topic, message));
        let Some(inbox) = inbox else { return };
        for (name, (topic, after, is_live)) in followed {
            self.hand_in(&inbox, &name, (&topic, after, is_live), faults);
        }
    }

    /// Each time it moves, it sends its subscribers and gets those of the others; servers that send nothing are
    /// forgotten.
    fn exchange_presence(&self) {
        let Some((inbox, is_up)) = ({
            let state = self.lock();
            state.inbox.clone().map(|inbox| (inbox, state.is_up))
        }) else {
            return;
        };
        let told = if is_up { inbox.presence() } else { Vec::new() };
        let mut state = self.lock();
        let (mut all, now) = match is_up {
            true => self.0.hub.exchange(self.0.number, told),
            false if self.0.hub.lock().now - state.heard < PRESENCE_TTL => return,
            false => (BTreeMap::new(), state.heard),
        };
        all.remove(&self.0.number);
        state.heard = now;
        let known = std::mem::replace(&mut state.known, all.keys().copied().collect());
        drop(state);
        all.iter().for_each(|(node, (told, _))| inbox.set_presence(*node, Some(told)));
        known.iter().filter(|node| !all.contains_key(node)).for_each(|node| inbox.set_presence(*node, None));
    }

    fn hand_in(
        &self,
        inbox: &BrokerInbox,
        name: &str,
        (topic, after, is_live): (&SharedTopic, Option<Position>, bool),
        faults: Faults,
    ) {
        let (mut new, head) = self.0.hub.read(name, after);
        if after.is_none() {
            let surplus = new.len().saturating_sub(topic.history.events_max());
            new.drain(..surplus);
        }
        if faults.loses && new.len() > 1 {
            new.remove(0);
        }
        if let Some(max) = faults.hand_in_max {
            new.truncate(max);
        }
        let last = new.last().map(|(position, _)| *position).or(after);
        let is_over = last.is_none_or(|last| last == head || last.epoch < head.epoch && new.is_empty());
        if is_over && new.is_empty() && is_live {
            // Nothing is new, and that is known.
            return;
        }
        inbox.receive(name, &new);
        if faults.hand_in_max.is_some() {
            inbox.receive(name, &new);
        }
        if is_over {
            inbox.receive(name, &[(Position { offset: 0, ..head }, Vec::new())]);
            inbox.topic_live(name, head);
        }
        if let Some(followed) = self.lock().followed.get_mut(name) {
            (followed.1, followed.2) = (last.or(Some(head)), is_over);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Broker for Node {
    fn start(&self, inbox: BrokerInbox) {
        let is_up = {
            let mut state = self.lock();
            state.inbox = Some(inbox.clone());
            state.is_up
        };
        if is_up {
            inbox.up();
        }
    }

    fn publish(&self, topic: &SharedTopic, message: Vec<u8>) -> Result<(), QueueFull> {
        let mut state = self.lock();
        if state.queue.len() >= self.0.queue_max {
            return Err(QueueFull);
        }
        state.queue.push_back((topic.clone(), message));
        Ok(())
    }

    fn follow(&self, topic: &SharedTopic, from: Option<Position>) {
        self.lock().followed.insert(topic.name.to_string(), (topic.clone(), from, false));
    }

    fn unfollow(&self, topic: &SharedTopic) {
        self.lock().followed.remove(&*topic.name);
    }

    fn stop(&self) {
        let mut state = self.lock();
        if state.is_up {
            self.0.hub.lock().told.remove(&self.0.number);
        }
        state.inbox = None;
    }

    fn node(&self) -> u64 {
        self.0.number
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hub")
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("number", &self.0.number).finish()
    }
}
