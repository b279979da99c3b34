//! A random client: what it knows of its connection, and the checks of what that says.

use crate::mail::Letter;
use jackfield::sim::Random;
use jackfield::{Connection, ConnectionId, Heartbeat, LateUpgrade, ReadPause, Reply, TimerId};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// The paths of those that come by HTTP begin like this.
pub(crate) const PATH: &str = "/random";
/// What those say first that speak bytes or lines; those that speak bytes are read four at a time.
pub(crate) const WORD: &str = "rand";
/// This topic keeps messages. Who resumes there is no member before it has caught up.
pub(super) const PAST: &str = "random past";

/// What the clients share.
#[derive(Default)]
pub(crate) struct Common {
    pub(super) is_ready: bool,
    pub(super) seed: u64,
    /// How many there were.
    pub(super) made: u64,
    pub(super) there: Vec<ConnectionId>,
    pub(super) replies: Vec<Reply>,
    pub(super) upgrades: Vec<LateUpgrade>,
}

/// Shared by the clients of one simulation.
pub(crate) type Shared = Rc<RefCell<Common>>;

/// The client, with what it knows of its connection.
pub(crate) struct RandomClient {
    pub(super) common: Shared,
    pub(super) me: ConnectionId,
    pub(super) random: Random,
    /// The acts that it will still do, so that it comes to rest.
    pub(super) left: usize,
    /// Its timers, and the milliseconds at which each is due.
    pub(super) timers: BTreeMap<u16, u64>,
    pub(super) topics: BTreeSet<String>,
    /// Its own heartbeat, if it is a WebSocket that has one.
    pub(super) heartbeat: Option<Heartbeat>,
    /// The tags of notices that have not come.
    pub(super) notices: VecDeque<u64>,
    pub(super) tags: u64,
    /// Jobs whose results have not come.
    pub(super) jobs: usize,
    pub(super) is_paused: bool,
    /// It was aborted by itself: only the end comes.
    pub(super) is_aborted: bool,
    pub(super) peer_has_closed: bool,
    /// It has closed its own side, and may still be told what comes.
    pub(super) has_half_closed: bool,
    pub(super) dropped: u64,
    /// The number of the latest value that was posted from outside.
    pub(super) latest: usize,
}

/// A value that one of them posts to another, or to a topic.
#[derive(Clone)]
pub(super) struct Note {
    pub(super) to: Option<ConnectionId>,
}

/// Ends a pause.
pub(super) const RESUME: u16 = 1;
/// Goes on with an answer or an event stream.
pub(super) const GO_ON: u16 = 2;
/// The first of those that only fire.
pub(super) const FIRST: u16 = 10;

impl RandomClient {
    /// The client that takes the place of the one that this connection had.
    pub(crate) fn new(common: &Shared, me: ConnectionId, latest: usize) -> Self {
        let mut all = common.borrow_mut();
        all.made += 1;
        all.there.push(me);
        let mut random = Random::new(all.seed ^ (all.made << 32));
        Self {
            common: common.clone(),
            me,
            left: random.between(5, 60),
            random,
            timers: BTreeMap::new(),
            topics: BTreeSet::new(),
            heartbeat: None,
            notices: VecDeque::new(),
            tags: 0,
            jobs: 0,
            is_paused: false,
            is_aborted: false,
            peer_has_closed: false,
            has_half_closed: false,
            dropped: 0,
            latest,
        }
    }

    pub(super) fn span(&mut self, least: usize, most: usize) -> Duration {
        Duration::from_millis(self.random.between(least, most) as u64)
    }

    pub(super) fn set_timer(&mut self, connection: &mut Connection<'_>, timer: u16, after: Duration) {
        connection.set_timer(TimerId(timer), after);
        let due = connection.now().after(after).0;
        // One that is closing may not be given another time.
        let before = self.timers.get(&timer).filter(|_| !connection.is_open());
        let due = before.map_or(due, |before| due.min(*before));
        self.timers.insert(timer, due);
    }

    /// A timer fires: it was set, not cancelled, and is due.
    pub(super) fn note_timer(&mut self, connection: &Connection<'_>, timer: u16) {
        let (now, due) = (connection.now().0, self.timers.remove(&timer));
        assert!(due.is_some_and(|due| due <= now), "timer {timer} fires at {now}, and was due at {due:?}");
    }

    /// Something of the peer is delivered.
    pub(super) fn awake(&self) {
        assert!(!self.is_paused, "something was read although it is paused");
        assert!(!self.is_aborted, "something was read although it was aborted");
    }

    /// What the connection says of itself is what is known of it.
    pub(super) fn check(&mut self, connection: &mut Connection<'_>) {
        let dropped = connection.dropped_messages();
        assert!(dropped >= self.dropped, "{dropped} messages were dropped, and before {}", self.dropped);
        self.dropped = dropped;
        let stats = connection.stats();
        let (queued, buffered) = (stats.map_or(0, |stats| stats.queued), connection.buffered());
        assert!(buffered <= queued, "{buffered} bytes of messages wait, of {queued}");
        if connection.is_open() {
            self.check_open(connection);
        }
    }

    pub(super) fn check_open(&self, connection: &mut Connection<'_>) {
        let topics: BTreeSet<String> =
            connection.topics().filter(|topic| *topic != PAST).map(Into::into).collect();
        assert_eq!(topics, self.topics, "its topics");
        let is_alone = |topic: &&String| connection.subscribers(topic) == 0;
        assert_eq!(self.topics.iter().find(is_alone), None, "a topic without subscribers");
        assert!(connection.handle().contains(self.me), "it is open, and unknown");
        let is_paused = connection.read_pause() == Some(ReadPause::User);
        assert!(!is_paused || self.is_paused, "it is paused, and by nobody");
        if let (Some(own), Some(socket)) = (&self.heartbeat, connection.as_websocket()) {
            assert_eq!(socket.heartbeat(), own, "its heartbeat");
        }
    }

    pub(super) fn note_letter(&mut self, letter: &Letter) {
        assert_eq!(letter.to, self.me, "a letter for another");
        letter.check(&mut self.latest);
    }
}

impl Drop for RandomClient {
    fn drop(&mut self) {
        self.common.borrow_mut().there.retain(|id| *id != self.me);
    }
}
