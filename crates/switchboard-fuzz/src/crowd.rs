//! A crowd: many members of one topic on the same reactor, each of whose messages is answered by several things at once,
//! published and sent. What one member brings about reaches every other one in order and without a gap, and what is not
//! for the member itself never comes back to it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use switchboard::sim::peer::{Heard, Said, WebSocket as Peer};
use switchboard::sim::{Outside, Random};
use switchboard::{ConnectionId, Message, WebSocket};

/// Where its members come in.
pub(crate) const PATH: &str = "/crowd";
const TOPIC: &str = "crowd";

/// The members that are there.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    members: Vec<ConnectionId>,
    /// What was said from outside.
    outside: usize,
}

/// One thing that a message brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// To all others.
    Publish,
    /// To all.
    PublishToAll,
    /// To all others, for it is no member meanwhile.
    PublishAway,
    /// To itself.
    Send,
    /// To another member, if there is one on its reactor.
    SendTo,
    /// To itself, the last of all.
    End,
}

impl Act {
    /// Whether the member itself hears of it.
    fn comes_back(self) -> bool {
        matches!(self, Self::PublishToAll | Self::Send | Self::End)
    }

    /// Whether every other member does.
    fn reaches_all(self) -> bool {
        matches!(self, Self::Publish | Self::PublishToAll | Self::PublishAway)
    }
}

/// What the message of this number brings about, and how long each thing is: the same for whoever asks.
fn acts(salt: u64, name: usize, number: usize) -> Vec<(Act, usize)> {
    const ALL: [Act; 6] =
        [Act::Publish, Act::Publish, Act::PublishToAll, Act::PublishAway, Act::Send, Act::SendTo];
    let mut random = Random::new(salt ^ (name * 1000 + number) as u64);
    let many = if random.chance(50) { 200 } else { 10 };
    let (count, long) = (random.size(many), random.chance(200));
    let mut acts: Vec<(Act, usize)> = (0..count)
        .map(|_| {
            let size = if long && random.chance(200) { random.size(6000) } else { random.size(60) };
            (ALL[random.below(ALL.len())], size)
        })
        .collect();
    acts.push((Act::End, 0));
    acts
}

impl Crowd {
    pub(crate) fn leave(&mut self, id: ConnectionId) {
        self.members.retain(|member| *member != id);
    }
}

/// Somebody has come in.
pub(crate) fn enter(socket: &mut WebSocket<'_>, crowd: &RefCell<Crowd>) {
    socket.subscribe(TOPIC);
    crowd.borrow_mut().members.push(socket.id());
}

/// A member's message, `salt name number`, brings about what it has to.
pub(crate) fn answer(socket: &mut WebSocket<'_>, crowd: &RefCell<Crowd>, message: Message<'_>) {
    let Some([salt, name, number]) = numbers(&message) else { panic!("not of the crowd: {message:?}") };
    let me = socket.id();
    let mut others = crowd.borrow().members.clone();
    others.retain(|id| *id != me && id.reactor() == me.reactor());
    for (at, (act, size)) in acts(salt as u64, name, number).into_iter().enumerate() {
        let text = format!("{name} {number} {at} {}", "x".repeat(size));
        match act {
            Act::Publish => drop(socket.publish(TOPIC, text.as_str()).here),
            Act::PublishToAll => drop(socket.publish_to_all(TOPIC, text.as_str()).here),
            Act::PublishAway => {
                socket.unsubscribe(TOPIC);
                socket.publish_to_all(TOPIC, text.as_str());
                socket.subscribe(TOPIC);
            }
            Act::Send | Act::End => drop(socket.send(text.as_str())),
            Act::SendTo if others.is_empty() => {}
            Act::SendTo => drop(socket.send_to(others[(number + at) % others.len()], text.as_str())),
        }
    }
}

/// The three numbers at the beginning of a message.
fn numbers(message: &Message<'_>) -> Option<[usize; 3]> {
    let Message::Text(text) = message else { return None };
    let mut words = text.split(' ').map(|word| word.parse().ok());
    Some([words.next()??, words.next()??, words.next()??])
}

/// A member with this number.
pub(crate) fn member(random: &mut Random, salt: u32, name: usize) -> Peer {
    let messages = random.between(1, 12);
    let said = (0..messages).map(|number| Said::Text(format!("{salt} {name} {number}"))).collect();
    let mut ears = Ears { salt: salt.into(), name, messages, latest: HashMap::new(), outside: 0 };
    Peer::new(PATH, said).ahead(random.between(1, 8)).hearing(move |message| match ears.hear(message) {
        Ok(heard) => heard,
        Err(text) => Heard::Wrong(text),
    })
}

/// What a member has heard so far.
struct Ears {
    salt: u64,
    name: usize,
    messages: usize,
    /// Of each member: what comes next, by the number of the message and the place in it.
    latest: HashMap<usize, (usize, usize)>,
    outside: usize,
}

impl Ears {
    fn hear(&mut self, message: &Message<'_>) -> Result<Heard, String> {
        if let Message::Text(text) = message {
            if let Some(rest) = text.strip_prefix("outside ") {
                return self.hear_outside(rest);
            }
        }
        let Some([name, number, at]) = numbers(message) else { return Err("no numbers".into()) };
        let is_own = name == self.name;
        let first = if is_own { Some((0, 0)) } else { None };
        if let Some(from) = self.latest.get(&name).copied().or(first) {
            self.check_gap(name, from, (number, at))?;
        }
        self.latest.insert(name, (number, at + 1));
        match acts(self.salt, name, number).get(at) {
            None => Err(format!("{name} never said {number} {at}")),
            Some((act, _)) if is_own && !act.comes_back() => {
                Err(format!("{number} {at} is {act:?}, and has come back"))
            }
            Some((Act::End | Act::Send, _)) if !is_own => Err(format!("{name} {number} {at} is another's")),
            Some((Act::End, _)) => Ok(Heard::Answer),
            Some(_) => Ok(Heard::Other),
        }
    }

    /// Nothing that a member would have heard lies between what it waits for and what has come.
    fn check_gap(&self, name: usize, from: (usize, usize), to: (usize, usize)) -> Result<(), String> {
        if to < from {
            return Err(format!("{name} {to:?} came where {from:?} was next"));
        }
        for number in from.0..=to.0 {
            let begin = if number == from.0 { from.1 } else { 0 };
            let acts = acts(self.salt, name, number);
            let end = if number == to.0 { to.1 } else { acts.len() };
            let is_due = |act: Act| if name == self.name { act.comes_back() } else { act.reaches_all() };
            let missing = (begin..end).find(|&at| acts.get(at).is_some_and(|(act, _)| is_due(*act)));
            if let Some(at) = missing {
                return Err(format!("{name} {to:?} came before {number} {at}, of {}", self.messages));
            }
        }
        Ok(())
    }

    /// What one thread says to one connection arrives in order.
    fn hear_outside(&mut self, rest: &str) -> Result<Heard, String> {
        let number = rest.split(' ').next().and_then(|word| word.parse().ok());
        let Some(number) = number else { return Ok(Heard::Other) };
        if number <= std::mem::replace(&mut self.outside, number) {
            return Err(format!("from outside {number} came too late"));
        }
        Ok(Heard::Other)
    }
}

/// Somebody outside speaks to the crowd, and to one of it.
pub(crate) fn act_outside(outside: &mut Outside<'_>, crowd: &RefCell<Crowd>) {
    let mut crowd = crowd.borrow_mut();
    if crowd.members.is_empty() || !outside.random().chance(100) {
        return;
    }
    outside.note("the crowd is spoken to");
    for _ in 0..=outside.random().size(20) {
        crowd.outside += 1;
        let text = format!("outside {} {}", crowd.outside, "y".repeat(outside.random().size(100)));
        match outside.random().pick(&crowd.members).copied().filter(|_| outside.random().chance(300)) {
            Some(id) => drop(outside.handle().send(id, text.as_str())),
            None => drop(outside.handle().publish(TOPIC, text.as_str()).here),
        }
    }
}

/// Shared by the clients of one simulation.
pub(crate) type Shared = Rc<RefCell<Crowd>>;
