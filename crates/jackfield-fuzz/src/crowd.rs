//! A crowd: many members of one topic on the same reactor, each of whose messages is answered by several things at once,
//! published and sent. What one member brings about reaches every other one in order and without a gap, and what is not
//! for the member itself never comes back to it. Its members are WebSockets, bare lines, or event streams, which only
//! listen to what others say.

use jackfield::sim::peer::{Events, Heard, Lines, PeerMessage, WebSocket};
use jackfield::sim::{Outside, Random, Sim};
use jackfield::{Connection, ConnectionId, Message};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Where its members come in.
pub(crate) const PATH: &str = "/crowd";
/// Where somebody comes in who speaks to it, and is no member.
pub(crate) const STAGE: &str = "/crowd/stage";
/// What a line for it begins with.
pub(crate) const WORD: &str = "crowd ";
const TOPIC: &str = "crowd";
/// What a member says to itself when it has left.
const GONE: &str = "gone\n";
/// What it says to itself before it becomes a member, with the number of the last act that it must not hear of.
const BACK: &str = "back ";

/// What its members speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    WebSocket,
    Lines,
    Events,
}

/// The members that are there.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    members: Vec<ConnectionId>,
    /// Acts so far, of all.
    acts: usize,
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
    /// It is no member until its next message.
    Leave,
    /// To itself.
    Send,
    /// To another member, if there is one on its reactor.
    SendTo,
    /// To itself, the last of all.
    End,
}

impl Act {
    /// Whether every other member does.
    fn reaches_all(self) -> bool {
        matches!(self, Self::Publish | Self::PublishToAll | Self::PublishAway)
    }
}

/// What the message of this number brings about, and how long each thing is: the same for whoever asks.
fn acts(salt: u64, name: usize, number: usize) -> Vec<(Act, usize)> {
    use Act::{Leave, Publish, PublishAway, PublishToAll, Send, SendTo};
    const ALL: [Act; 7] = [Publish, Publish, PublishToAll, PublishAway, Leave, Send, SendTo];
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

/// Somebody is there who is to hear all that is said.
pub(crate) fn enter(connection: &mut Connection<'_>, crowd: &RefCell<Crowd>) {
    let (id, mut crowd) = (connection.id(), crowd.borrow_mut());
    if !crowd.members.contains(&id) {
        crowd.members.push(id);
        join(connection, crowd.acts);
    }
}

/// A message to the crowd, `salt name number`, brings about what it has to.
pub(crate) fn answer(connection: &mut Connection<'_>, crowd: &RefCell<Crowd>, message: &str) {
    let Some([salt, name, number]) = numbers(message) else { panic!("not of the crowd: {message}") };
    let me = connection.id();
    let is_member = crowd.borrow().members.contains(&me);
    if is_member {
        join(connection, crowd.borrow().acts);
    }
    let mut others = crowd.borrow().members.clone();
    others.retain(|id| *id != me && id.reactor() == me.reactor());
    for (at, (act, size)) in acts(salt as u64, name, number).into_iter().enumerate() {
        crowd.borrow_mut().acts += 1;
        let so_far = crowd.borrow().acts;
        // With an end that is the line's, where lines are spoken.
        let text = format!("{name} {number} {at} {so_far} {}\n", "x".repeat(size));
        match act {
            Act::Publish => drop(connection.publish(TOPIC, text.as_str()).here),
            Act::PublishToAll => drop(connection.publish_to_all(TOPIC, text.as_str()).here),
            Act::PublishAway => {
                let was_member = connection.unsubscribe(TOPIC);
                connection.publish_to_all(TOPIC, text.as_str());
                if was_member {
                    join(connection, so_far);
                }
            }
            Act::Leave if connection.unsubscribe(TOPIC) => say(connection, GONE),
            Act::Leave => {}
            Act::Send | Act::End => say(connection, &text),
            Act::SendTo if others.is_empty() => {}
            Act::SendTo => drop(connection.send_to(others[(number + at) % others.len()], text.as_str())),
        }
    }
}

/// Makes a connection a member, which is sent a line about it before. The first member of its reactor must hear of no
/// earlier act.
fn join(connection: &mut Connection<'_>, acts: usize) {
    if connection.topics().all(|topic| topic != TOPIC) {
        let reactor = connection.id().reactor();
        let is_first = connection.handle().members(TOPIC).iter().all(|id| id.reactor() != reactor);
        say(connection, &format!("{BACK}{}\n", if is_first { acts } else { 0 }));
        connection.subscribe(TOPIC);
    }
}

fn say(connection: &mut Connection<'_>, text: &str) {
    if let Some(mut socket) = connection.as_websocket() {
        socket.send(text);
    } else if let Some(mut raw) = connection.as_raw() {
        raw.send(text);
    }
}

/// The numbers at the beginning of a message.
fn numbers<const N: usize>(text: &str) -> Option<[usize; N]> {
    let words = text.split(' ').map_while(|word| word.trim_end().parse().ok());
    words.take(N).collect::<Vec<_>>().try_into().ok()
}

/// Lets some come in: all of one kind, or of several.
pub(crate) fn add(sim: &mut Sim, random: &mut Random) {
    use Speech::{Events, Lines, WebSocket};
    let salt = random.bits() as u32;
    let kinds: &[Speech] = match random.below(6) {
        0 | 1 => &[WebSocket],
        2 => &[Lines],
        3 | 4 => &[Events],
        _ => &[WebSocket, Lines, Events],
    };
    for name in 0..random.between(4, 9) {
        match kinds[random.below(kinds.len())] {
            WebSocket => sim.add(socket(random, salt, name, PATH)),
            Lines => sim.add(lines(random, salt, name)),
            Events => sim.add(listener(salt)),
        };
    }
    if kinds.contains(&Events) {
        // They say nothing themselves.
        for name in 10..random.between(11, 13) {
            sim.add(socket(random, salt, name, STAGE));
        }
    }
}

/// Somebody with this number who speaks at `path`.
fn socket(random: &mut Random, salt: u32, name: usize, path: &str) -> WebSocket {
    let messages = random.between(1, 12);
    let said = (0..messages).map(|number| PeerMessage::Text(format!("{salt} {name} {number}"))).collect();
    let mut ears = Ears::new(salt, Some(name), path == PATH);
    WebSocket::new(path, said).ahead(random.between(1, 8)).hearing(move |message| match message {
        Message::Text(text) => ears.judge(text),
        Message::Binary(_) => Heard::Wrong("no text".into()),
    })
}

fn lines(random: &mut Random, salt: u32, name: usize) -> Lines {
    let messages = random.between(1, 12);
    let said = (0..messages).map(|number| format!("{WORD}{salt} {name} {number}")).collect();
    let mut ears = Ears::new(salt, Some(name), true);
    Lines::new(said).ahead(random.between(1, 8)).hearing(move |line| ears.judge(line))
}

fn listener(salt: u32) -> Events {
    let mut ears = Ears::new(salt, None, true);
    Events::endless(PATH, move |_, event| match ears.judge(event.data) {
        Heard::Wrong(text) => Err(text),
        _ => Ok(()),
    })
}

/// What somebody has heard so far.
struct Ears {
    salt: u64,
    /// Who it is, if it speaks.
    name: Option<usize>,
    is_member: bool,
    /// It has left, and has not come back.
    is_away: bool,
    /// The last act that it must not hear of.
    before: usize,
    /// Of each who speaks: what comes next, by the number of the message and the place in it.
    latest: HashMap<usize, (usize, usize)>,
    outside: usize,
}

impl Ears {
    fn new(salt: u32, name: Option<usize>, is_member: bool) -> Self {
        Self {
            salt: salt.into(),
            name,
            is_member,
            is_away: false,
            before: 0,
            latest: HashMap::new(),
            outside: 0,
        }
    }

    fn judge(&mut self, text: &str) -> Heard {
        self.hear(text).unwrap_or_else(Heard::Wrong)
    }

    fn hear(&mut self, text: &str) -> Result<Heard, String> {
        if let Some(rest) = text.strip_prefix("outside ") {
            return self.hear_outside(rest);
        }
        if text.trim_end() == GONE.trim_end() {
            self.is_away = true;
            return Ok(Heard::Other);
        }
        if let Some([before]) = text.strip_prefix(BACK).and_then(numbers) {
            (self.is_away, self.before) = (false, before);
            self.latest.retain(|name, _| Some(*name) == self.name);
            return Ok(Heard::Other);
        }
        let Some([name, number, at, said]) = numbers(text) else { return Err(format!("no numbers: {text}")) };
        let is_own = Some(name) == self.name;
        let acts = acts(self.salt, name, number);
        if self.is_away && !is_own {
            return match acts.get(at) {
                Some((Act::SendTo, _)) => Ok(Heard::Other),
                _ => Err(format!("{name} {number} {at} came to one that has left")),
            };
        }
        if !is_own && said <= self.before {
            return Err(format!("{name} {number} {at} was said before it was a member"));
        }
        let first = if is_own { Some((0, 0)) } else { None };
        if let Some(from) = self.latest.get(&name).copied().or(first) {
            self.check_gap(name, from, (number, at))?;
        }
        self.latest.insert(name, (number, at + 1));
        match acts.get(at) {
            None => Err(format!("{name} never said {number} {at}")),
            Some((act, _)) if is_own && !self.comes_back(&acts, at) => {
                Err(format!("{number} {at} is {act:?}, and has come back"))
            }
            Some((Act::End | Act::Send, _)) if !is_own => Err(format!("{name} {number} {at} is another's")),
            Some((Act::End, _)) => Ok(Heard::Answer),
            Some(_) => Ok(Heard::Other),
        }
    }

    /// Whether one of the acts that it brought about is for itself too.
    fn comes_back(&self, acts: &[(Act, usize)], at: usize) -> bool {
        match acts[at].0 {
            Act::PublishToAll => self.is_member && acts[..at].iter().all(|(act, _)| *act != Act::Leave),
            act => matches!(act, Act::Send | Act::End),
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
            let is_own = Some(name) == self.name;
            let is_due =
                |at: usize| if is_own { self.comes_back(&acts, at) } else { acts[at].0.reaches_all() };
            let missing = (begin..end.min(acts.len())).find(|at| is_due(*at));
            if let Some(at) = missing {
                return Err(format!("{name} {to:?} came before {number} {at}"));
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
        let text = format!("outside {} {}\n", crowd.outside, "y".repeat(outside.random().size(100)));
        match outside.random().pick(&crowd.members).copied().filter(|_| outside.random().chance(300)) {
            Some(id) => drop(outside.handle().send(id, text.as_str())),
            None => drop(outside.handle().publish(TOPIC, text.as_str()).here),
        }
    }
}

/// Shared by the clients of one simulation.
pub(crate) type Shared = Rc<RefCell<Crowd>>;
