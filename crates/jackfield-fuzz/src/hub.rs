//! A broker in memory: what several servers publish gets one order there. It moves when it is told to, and can be made to
//! lose, delay and double.

use jackfield::{Broker, Inbox, Position, QueueFull, SharedTopic};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all servers share: as a Redis has it.
#[derive(Clone, Default)]
pub struct Hub(Arc<Mutex<BTreeMap<String, Stream>>>);

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
    inbox: Option<Inbox>,
    is_up: bool,
    queue: VecDeque<(SharedTopic, Vec<u8>)>,
    /// To where each topic was read, and whether that was all at some time.
    followed: BTreeMap<String, (SharedTopic, Option<Position>, bool)>,
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
        for stream in self.lock().values_mut() {
            *stream = Stream { epoch: stream.epoch + 1, ..Stream::default() };
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, topic: &SharedTopic, message: Vec<u8>) {
        let mut streams = self.lock();
        let stream = streams.entry(topic.name.to_string()).or_default();
        stream.head += 1;
        stream.messages.push_back((Position { epoch: stream.epoch, offset: stream.head }, message));
        while stream.messages.len() > topic.history.events() {
            stream.messages.pop_front();
        }
    }

    /// What comes behind a position, and where it ends.
    fn read(&self, topic: &str, after: Option<Position>) -> (Vec<(Position, Vec<u8>)>, Position) {
        let mut streams = self.lock();
        let stream = streams.entry(topic.to_owned()).or_default();
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

    fn hand_in(
        &self,
        inbox: &Inbox,
        name: &str,
        (topic, after, is_live): (&SharedTopic, Option<Position>, bool),
        faults: Faults,
    ) {
        let (mut new, head) = self.0.hub.read(name, after);
        if after.is_none() {
            let surplus = new.len().saturating_sub(topic.history.events());
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
            inbox.live(name, head);
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
    fn start(&self, inbox: Inbox) {
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
        self.lock().inbox = None;
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
