//! A topic that two servers have: the one that is simulated, and one beside it that publishes too. Between them is a
//! broker that is cut off, doubles, delays and loses. Readers come back with the id of what they got last: what each has
//! got over all of its connections is what was sent, once, in the order of each publisher, or as much less as it was told.

use crate::hub::{Faults, Hub, Node};
use jackfield::proto::sse::DecodedEvent;
use jackfield::sim::peer::{Events, Peer, PeerConnection};
use jackfield::sim::{Options, Outside, Random, Sim};
use jackfield::test::{TestOptions, TestServer};
use jackfield::{Client, EventStream, History};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Where readers come in, before the id of what they got last.
pub(crate) const PATH: &str = "/topic/";
const TOPIC: &str = "topic";

/// How the day of this seed is to be.
#[derive(Clone)]
pub(crate) struct Cluster {
    ours: Node,
    theirs: Node,
    history: History,
    plan: Plan,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    messages: usize,
    doubles: bool,
    loses: bool,
    cuts: bool,
}

impl Cluster {
    /// Nearly always none.
    pub(crate) fn of(seed: u64, options: &mut Options) -> Option<Self> {
        let mut random = Random::new(seed ^ 0xc1a5);
        if !random.chance(80) {
            return None;
        }
        let (hub, messages) = (Hub::default(), random.between(3, 60));
        let history = aged(History::new(if random.chance(300) { random.between(1, 20) } else { 1000 }), seed);
        let [ours, theirs] = [0xa, 0xb].map(|number| hub.node(number, 1000));
        let plan = Plan {
            messages,
            doubles: random.chance(300),
            loses: random.chance(200),
            cuts: random.chance(300),
        };
        options.broker = Some(Arc::new(ours.clone()));
        Some(Self { ours, theirs, history, plan })
    }

    /// Readers, and the server beside.
    pub(crate) fn add(self, sim: &mut Sim, seed: u64) {
        let mut random = Random::new(seed ^ 0x5eade5);
        sim.handle().declare_topic(TOPIC, self.history);
        let sent = Rc::new(RefCell::new(Sent::new(self.plan)));
        for _ in 0..random.between(1, 2) {
            let reader = Rc::new(RefCell::new(Reader::default()));
            for _ in 0..random.below(4) {
                sim.add(Visit::new(&reader, &sent, Some(random.between(1, 12))));
            }
            sim.add(Visit::new(&reader, &sent, None));
        }
        let options = TestOptions { broker: Some(Arc::new(self.theirs.clone())), ..TestOptions::default() };
        let mut beside = TestServer::with_options(options, |_peer: &jackfield::Peer| Nobody);
        beside.handle().declare_topic(TOPIC, self.history);
        [&self.ours, &self.theirs].into_iter().for_each(|node| node.set_up(true));
        sim.outside(move |outside| self.act(outside, &mut beside, &mut sent.borrow_mut()));
    }

    /// Somebody publishes, and something moves.
    fn act(&self, outside: &mut Outside<'_>, beside: &mut TestServer, sent: &mut Sent) {
        let Plan { doubles, loses, cuts, .. } = self.plan;
        let calm = outside.is_calm();
        while sent.left > 0 && (calm || outside.random().chance(300)) {
            let is_ours = outside.random().chance(500);
            let text = sent.next(if is_ours { 'a' } else { 'b' });
            let handle = if is_ours { outside.handle().clone() } else { beside.handle() };
            handle.publish(TOPIC, text.as_str());
            outside.note(&text);
        }
        beside.run();
        if cuts && (calm || outside.random().chance(50)) {
            self.ours.set_up(calm || outside.random().chance(500));
        }
        for (node, is_ours) in [(&self.theirs, false), (&self.ours, true)] {
            if calm || outside.random().chance(300) {
                let mut often = |per_mille| !calm && outside.random().chance(per_mille);
                let faults = Faults {
                    doubles: doubles && often(300),
                    loses: is_ours && loses && often(200),
                    hand_in_max: None,
                };
                let hand_in_max = often(300).then(|| outside.random().below(4));
                node.pump(Faults { hand_in_max, ..faults });
            }
        }
    }
}

/// By chance of its own: a seed without it is what it was.
fn aged(history: History, seed: u64) -> History {
    let mut random = Random::new(seed ^ 0xa6e5);
    match random.chance(300) {
        true => history.max_age(Duration::from_millis(random.between(1, 20_000) as u64)),
        false => history,
    }
}

/// Everything of the topic that the reader has not got.
pub(crate) fn enter(events: &mut EventStream<'_>, path: &str) {
    events.subscribe_from(TOPIC, path.strip_prefix(PATH).unwrap_or_default());
}

struct Nobody;

impl Client for Nobody {}

/// What was published.
struct Sent {
    by: BTreeMap<char, usize>,
    left: usize,
    /// The size of a gap may count what came twice, or ahead of its position.
    gaps_are_larger: bool,
}

impl Sent {
    fn new(plan: Plan) -> Self {
        Self { by: BTreeMap::new(), left: plan.messages, gaps_are_larger: plan.doubles || plan.cuts }
    }

    fn next(&mut self, publisher: char) -> String {
        self.left -= 1;
        let number = self.by.entry(publisher).or_default();
        *number += 1;
        format!("{publisher}{}", *number - 1)
    }

    fn total(&self) -> usize {
        self.by.values().sum()
    }
}

/// One reader, over all of its connections.
#[derive(Clone, Debug, Default)]
struct Reader {
    last: String,
    /// By publisher, the number that comes next.
    next: BTreeMap<char, usize>,
    got: usize,
    /// Missed publications that were reported and have not been found as gaps yet.
    missed: usize,
    /// Publications were missed, and their number is unknown.
    has_lost: bool,
}

impl Reader {
    fn hear(&mut self, event: &DecodedEvent<'_>) -> Result<(), String> {
        self.last = event.last_event_id.to_owned();
        if event.event == "resync" {
            let count = event.data.strip_prefix("{\"missed\":").and_then(|rest| rest.strip_suffix('}'));
            match count.map(str::parse::<usize>) {
                Some(Ok(0)) => return Err("`resync` reports 0 missed events".into()),
                Some(Ok(count)) => self.missed += count,
                _ => self.has_lost = true,
            }
            return Ok(());
        }
        let (publisher, number) = event.data.split_at_checked(1).ok_or("an empty event")?;
        let number: usize = number.parse().map_err(|_| format!("nobody has sent {}", event.data))?;
        let next = self.next.entry(publisher.chars().next().unwrap_or_default()).or_default();
        let gap = number.checked_sub(*next);
        let gap = gap.ok_or_else(|| format!("{} came where {next} was to come", event.data))?;
        *next = number + 1;
        self.got += 1;
        match self.missed.checked_sub(gap) {
            Some(left) => self.missed = left,
            None if self.has_lost => self.missed = 0,
            None => {
                return Err(format!("{} came, {gap} before it did not, and nothing was told", event.data));
            }
        }
        self.got += gap;
        Ok(())
    }

    fn has_all(&self, sent: &Sent) -> bool {
        let accounted = self.got + self.missed;
        self.has_lost || accounted == sent.total() || (sent.gaps_are_larger && accounted > sent.total())
    }
}

/// One connection of a reader: it goes on where the one before was.
struct Visit {
    events: Option<Events>,
    reader: Rc<RefCell<Reader>>,
    /// As far as this connection knows.
    own: Rc<RefCell<Reader>>,
    sent: Rc<RefCell<Sent>>,
    /// It leaves after this number of messages.
    leaves_at: Option<usize>,
}

impl Visit {
    fn new(reader: &Rc<RefCell<Reader>>, sent: &Rc<RefCell<Sent>>, leaves_at: Option<usize>) -> Self {
        Self { events: None, reader: reader.clone(), own: Rc::default(), sent: sent.clone(), leaves_at }
    }
}

impl Peer for Visit {
    fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
        let known = self.reader.borrow().clone();
        let last = if known.last.is_empty() { "e.0" } else { &known.last };
        let target = format!("{PATH}{last}");
        let (reader, own) = (self.reader.clone(), self.own.clone());
        *own.borrow_mut() = known;
        let judge = move |_: usize, event: &DecodedEvent<'_>| {
            let mut own = own.borrow_mut();
            own.hear(event)?;
            if own.got + own.missed > reader.borrow().got + reader.borrow().missed || own.has_lost {
                *reader.borrow_mut() = own.clone();
            }
            Ok(())
        };
        let mut events = match self.leaves_at {
            Some(count) => Events::new(target, count, judge),
            None => Events::endless(target, judge),
        };
        events.on_connect(line);
        self.events = Some(events);
    }

    fn on_bytes(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        if let Some(events) = &mut self.events {
            events.on_bytes(line, bytes);
        }
    }

    fn on_end(&mut self, line: &mut PeerConnection<'_>, _clean: bool) {
        line.finish();
    }

    fn is_done(&self) -> bool {
        let sent = self.sent.borrow();
        let has_left = self.leaves_at.is_some() && self.events.as_ref().is_some_and(Peer::is_done);
        has_left || (sent.left == 0 && self.events.is_some() && self.own.borrow().has_all(&sent))
    }

    fn has_said_all(&self) -> bool {
        false
    }

    fn may_fall_silent(&self) -> bool {
        false
    }

    fn expects_close(&self) -> bool {
        false
    }

    fn waits_for(&self) -> String {
        format!("{:?} of {:?}", self.own.borrow(), self.sent.borrow().by)
    }
}
