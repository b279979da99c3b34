//! The book of a simulation: its trace, what became of each connection, and what was found to be wrong.

use super::Random;
use super::hosts::Asked;
use crate::disconnect::{Disconnect, Reason};
use crate::shared::{Finished, Peer, RefuseReason, TlsInfo};
use jackfield_reactor::{Addr, ConnectionId};
use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Clients, the observer, peers and the simulation write into the same book. One thread does; the lock is there
/// because an observer must be `Sync`.
#[derive(Clone, Default)]
pub(super) struct Book(Arc<Mutex<Pages>>);

#[derive(Default)]
pub(super) struct Pages {
    pub(super) trace: Trace,
    /// By the number of the peer.
    pub(super) records: Vec<Record>,
    /// The first thing that was wrong.
    pub(super) wrong: Option<Wrong>,
    /// The callback that runs.
    inside: Option<(usize, &'static str)>,
    bombs: Option<(Random, u16)>,
    /// How often a notice of what was sent is asked for.
    notices: Option<(Random, u16)>,
    /// Peers of which the server said that so many bytes have left.
    left: Vec<(usize, u64)>,
    /// The reactors that say they are overloaded.
    pub(super) overloaded: Vec<usize>,
    /// So long what one of them was told of a lag may count.
    lags_until: u64,
    /// A connection was evicted that had no client yet.
    pub(super) nobody_was_evicted: bool,
    /// A record of TLS was forged on its way.
    pub(super) is_forged: bool,
    /// Before that a shutdown ends no exchange that its peer waits for.
    pub(super) drains_until: Option<u64>,
    /// So many milliseconds the clock has leapt over.
    pub(super) leapt: u64,
    /// Exchanges that were told to be over.
    pub(super) finished: u64,
}

/// What was wrong: by which oracle, and how so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) oracle: &'static str,
    pub(super) text: String,
}

pub(super) type Judged = Result<(), Wrong>;

pub(super) fn wrong(oracle: &'static str, text: String) -> Wrong {
    Wrong { oracle, text }
}

/// One connection, as its client saw it.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) id: Option<ConnectionId>,
    pub(super) end: Option<Ended>,
    /// The client was dropped.
    pub(super) dropped: bool,
    pub(super) bombed: bool,
    pub(super) refused: Option<RefuseReason>,
    /// Under overload the head of its first request decides on it, and before that it has no client.
    pub(super) may_be_provisional: bool,
    /// Its reactor was overloaded while it was there.
    pub(super) overloaded: bool,
    /// It held too much memory.
    pub(super) evicted: bool,
    /// Somebody outside closed or aborted it.
    pub(super) commanded: bool,
    /// When it was accepted, and when its client heard of it.
    pub(super) accepted_at: u64,
    connected_at: u64,
    /// When it was asked for from outside: its reactor has begun it then or later.
    posted_at: Option<u64>,
    /// Notices that its client waits for, the first first: the tag, and how many bytes must have left before.
    pub(super) notices: VecDeque<(u64, u64)>,
    /// An exchange that was not over when the connection ended.
    unfinished: Option<String>,
    /// The same, where a shutdown has ended the connection before its deadline.
    pub(super) cut_off: Option<String>,
    /// The host that it asks for by TLS, and how long its handshake may take.
    host: Option<(Asked, Duration)>,
    /// What the clock had leapt over when it was accepted.
    pub(super) leapt_before: u64,
    /// Its client has heard that it is there.
    pub(super) is_up: bool,
    /// The server begins it.
    pub(super) call: Option<CallRecord>,
}

/// What is known of a connection that the server begins.
#[derive(Clone, Debug, Default)]
pub(super) struct CallRecord {
    pub(super) attempt: Attempt,
    pub(super) within: Duration,
    /// Its id on the way there.
    dialled: Option<ConnectionId>,
    /// Addresses that were tried.
    pub(super) tried: usize,
    /// A client was made for it.
    is_made: bool,
    /// The factory made none.
    pub(super) is_declined: bool,
    /// Its time was over, and it was still under way: since when.
    pub(super) overdue_since: Option<u64>,
}

/// How far a connection is that the server begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Attempt {
    #[default]
    None,
    /// It was asked for from outside, and no reactor is known to have begun it.
    Posted,
    Begun,
}

/// What the server said of a connection's end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) reason: Reason,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) age: Duration,
}

/// What has happened, in lines. Its hash is of the same bytes.
pub(super) struct Trace {
    hash: u64,
    text: Option<String>,
    now: u64,
}

/// A new connection may be so many milliseconds on its way to its reactor.
const HANDED_OVER: u64 = 100;

/// What an injected panic carries.
pub(super) struct Bomb;

/// Ends a callback in the book, whether it returned or panicked.
struct Leave<'b>(&'b Book);

impl Book {
    pub(super) fn new(keep_text: bool, bombs: (Random, u16), notices: (Random, u16)) -> Self {
        let book = Self::default();
        let mut pages = book.pages();
        pages.trace.text = keep_text.then(String::new);
        (pages.bombs, pages.notices) = (Some(bombs), Some(notices));
        drop(pages);
        book
    }

    pub(super) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, line: fmt::Arguments<'_>) {
        self.pages().trace.note(line);
    }

    /// The server may find a handshake that is not in order.
    pub(super) fn forged(&self) {
        self.pages().is_forged = true;
    }

    /// Something is wrong. The first finding stands.
    pub(super) fn wrong(&self, oracle: &'static str, text: String) {
        let mut pages = self.pages();
        pages.trace.note(format_args!("WRONG ({oracle}): {text}"));
        pages.wrong.get_or_insert(Wrong { oracle, text });
    }

    pub(super) fn set_now(&self, now: u64) {
        self.pages().trace.now = now;
    }

    pub(super) fn defuse(&self) {
        self.pages().bombs = None;
    }

    /// A callback: noted, checked against those before it, and now and then blown up.
    pub(super) fn during<T>(
        &self,
        peer: usize,
        id: ConnectionId,
        what: &'static str,
        call: impl FnOnce() -> T,
    ) -> T {
        self.enter(peer, id, what);
        let leave = Leave(self);
        self.maybe_blow_up(peer);
        let value = call();
        self.maybe_blow_up(peer);
        drop(leave);
        value
    }

    fn enter(&self, peer: usize, id: ConnectionId, what: &'static str) {
        let mut pages = self.pages();
        pages.trace.note(format_args!("{id} {what}"));
        let outer = pages.inside.replace((peer, what));
        let is_overloaded = pages.overloaded.contains(&id.reactor());
        let now = pages.trace.now;
        let record = &mut pages.records[peer];
        let finding = match (record.id, record.end, outer) {
            (_, _, Some((outer, within))) => Some(format!("inside {within} of peer {outer}")),
            (None, ..) if what == "connect" || record.may_fail(what) => {
                (record.id, record.overloaded, record.connected_at) = (Some(id), is_overloaded, now);
                record.is_up = what == "connect";
                None
            }
            (None, ..) => Some("before on_connect".into()),
            (_, Some(_), _) => Some("after on_disconnect".into()),
            (Some(_), ..) if what == "connect" => Some("a second time".into()),
            (Some(own), ..) if own != id => Some(format!("with the id {own} of another")),
            _ => None,
        };
        drop(pages);
        if let Some(finding) = finding {
            self.wrong("callbacks", format!("on_{what} of peer {peer} ({id}) was called {finding}"));
        }
    }

    pub(super) fn disconnected(&self, peer: usize, end: &Disconnect) {
        let mut pages = self.pages();
        let Disconnect { reason, bytes_in, bytes_out, age, .. } = *end;
        pages.trace.note(format_args!("peer {peer} ended: {reason:?}, {bytes_in} in, {bytes_out} out"));
        let (now, drains_until) = (pages.trace.now, pages.drains_until);
        let record = &mut pages.records[peer];
        record.end = Some(Ended { reason, bytes_in, bytes_out, age });
        let begun_at = record.posted_at.unwrap_or(record.accepted_at);
        let ages = now - record.connected_at..=now - begun_at;
        let is_known = ages.contains(&(age.as_millis() as u64));
        let is_early = reason == Reason::Shutdown && drains_until.is_some_and(|until| now < until);
        record.cut_off = record.unfinished.take().filter(|_| is_early);
        drop(pages);
        if !is_known {
            self.wrong("promises", format!("peer {peer} has an age of {age:?}, and not of {ages:?} ms"));
        }
    }

    pub(super) fn dropped(&self, peer: usize) {
        let mut pages = self.pages();
        let record = &mut pages.records[peer];
        let is_early = record.id.is_some() && record.end.is_none();
        record.dropped = true;
        drop(pages);
        if is_early {
            self.wrong("callbacks", format!("the client of peer {peer} was dropped before on_disconnect"));
        }
    }

    /// A reactor is told that it is behind, which counts for so long after its window. Where it has done nothing itself, no
    /// overload begins, and one that there is lasts for a window more.
    pub(super) fn lags(&self, lag: Duration, window: Duration) {
        let mut pages = self.pages();
        if !lag.is_zero() || !pages.overloaded.is_empty() {
            pages.lags_until = pages.lags_until.max(pages.trace.now + (lag + window).as_millis() as u64);
        }
    }

    pub(super) fn overloaded(&self, reactor: usize, is_on: bool) {
        let mut pages = self.pages();
        pages.trace.note(format_args!("reactor {reactor} is overloaded: {is_on}"));
        pages.overloaded.retain(|other| *other != reactor);
        if is_on {
            if pages.trace.now > pages.lags_until {
                let text = format!("reactor {reactor} is overloaded by what others do");
                pages.wrong.get_or_insert(Wrong { oracle: "promises", text });
            }
            pages.overloaded.push(reactor);
            let here = |record: &&mut Record| record.id.is_some_and(|id| id.reactor() == reactor);
            pages.records.iter_mut().filter(here).for_each(|record| record.overloaded = true);
        }
    }

    pub(super) fn refused(&self, peer: usize, why: RefuseReason) {
        let mut pages = self.pages();
        pages.trace.note(format_args!("peer {peer} is refused: {why:?}"));
        pages.records[peer].refused = Some(why);
        let is_overloaded = !pages.overloaded.is_empty() && pages.trace.now <= pages.lags_until;
        drop(pages);
        if why == RefuseReason::Overload && !is_overloaded {
            self.wrong("promises", format!("peer {peer} is refused for an overload that there is not"));
        }
    }

    /// A peer asks for this host by TLS, and its handshake may take so long.
    pub(super) fn expect_host(&self, peer: usize, asked: Asked, within: Duration) {
        self.pages().records[peer].host = Some((asked, within));
    }

    /// Whether a peer that has come through its handshake was shown the host that it has asked for, and in time.
    pub(super) fn check_host(&self, peer: usize, newcomer: &Peer) {
        let pages = self.pages();
        let (record, now, leapt) = (&pages.records[peer], pages.trace.now, pages.leapt);
        let Some((asked, within)) = record.host else { return };
        let took = now - record.accepted_at - (leapt - record.leapt_before);
        let is_late = took > within.as_millis() as u64 + HANDED_OVER && !record.may_be_provisional;
        drop(pages);
        let shown = newcomer.tls().map(TlsInfo::host_tag);
        if asked.is_refused() || shown != Some(asked.tag()) {
            self.wrong("promises", format!("peer {peer} asks for {asked:?} and is shown {shown:?}"));
        }
        if is_late {
            self.wrong(
                "limits",
                format!("the handshake of peer {peer} took {took} ms, and may take {within:?}"),
            );
        }
    }

    /// A connection is begun by the server, or is not after all.
    pub(super) fn begin_call(&self, peer: usize, attempt: Attempt) {
        let mut pages = self.pages();
        pages.trace.note(format_args!("call {peer}: {attempt:?}"));
        let now = pages.trace.now;
        let record = &mut pages.records[peer];
        record.accepted_at = now;
        if let Some(call) = &mut record.call {
            call.attempt = attempt;
        }
    }

    /// A reactor wants to be connected to that address of a call: one after the other.
    pub(super) fn dialled(&self, peer: usize, id: ConnectionId, at: usize) {
        self.call_is_begun(peer);
        let mut pages = self.pages();
        pages.trace.note(format_args!("{id} is connected to address {at} of call {peer}"));
        let Some(call) = &mut pages.records[peer].call else { return };
        let next = std::mem::replace(&mut call.tried, at + 1);
        call.dialled = Some(id);
        drop(pages);
        if next != at {
            self.wrong("promises", format!("call {peer} tries its address {at} in place of {next}"));
        }
    }

    /// A reactor has begun it, now at the latest.
    fn call_is_begun(&self, peer: usize) {
        let is_posted = |call: &CallRecord| call.attempt == Attempt::Posted;
        if self.pages().records[peer].call.as_ref().is_some_and(is_posted) {
            let posted_at = self.pages().records[peer].accepted_at;
            self.begin_call(peer, Attempt::Begun);
            self.pages().records[peer].posted_at = Some(posted_at);
        }
    }

    /// The factory is asked for the client of a call. False: it is none.
    pub(super) fn made_for_call(&self, peer: usize) -> bool {
        if self.pages().records.get(peer).is_none_or(|record| record.call.is_none()) {
            self.wrong("promises", format!("a client is made for call {peer}, which there is not"));
            return false;
        }
        self.call_is_begun(peer);
        let mut pages = self.pages();
        pages.trace.note(format_args!("call {peer} gets a client"));
        let Some(call) = &mut pages.records[peer].call else { return false };
        let is_second = std::mem::replace(&mut call.is_made, true);
        drop(pages);
        if is_second {
            self.wrong("callbacks", format!("a second client is made for call {peer}"));
        }
        true
    }

    /// The factory has made no client for it.
    pub(super) fn declined_call(&self, peer: usize) {
        if let Some(call) = &mut self.pages().records[peer].call {
            call.is_declined = true;
        }
    }

    /// Whether a notice is to be asked for now.
    pub(super) fn wants_notice(&self) -> bool {
        self.pages().notices.as_mut().is_some_and(|(random, per_mille)| random.chance(*per_mille))
    }

    /// A notice was asked for, behind so many bytes.
    pub(super) fn asked_for_notice(&self, peer: usize, tag: u64, behind: u64) {
        self.pages().records[peer].notices.push_back((tag, behind));
    }

    /// A notice has come: each comes once, in the order in which they were asked for.
    pub(super) fn noticed(&self, peer: usize, tag: u64) {
        let mut pages = self.pages();
        pages.trace.note(format_args!("peer {peer}: notice {tag}"));
        let first = pages.records[peer].notices.pop_front();
        if let Some((_, behind)) = first {
            pages.left.push((peer, behind));
        }
        drop(pages);
        if first.map(|(tag, _)| tag) != Some(tag) {
            self.wrong("callbacks", format!("the notice {tag} of peer {peer} came in place of {first:?}"));
        }
    }

    /// Peers of which the server said since the last call that so many bytes have left.
    pub(super) fn take_left(&self) -> Vec<(usize, u64)> {
        std::mem::take(&mut self.pages().left)
    }

    pub(super) fn finished(&self, finished: &Finished<'_>) {
        let mut pages = self.pages();
        pages.finished += 1;
        let Finished { connection, method, path, status, .. } = finished;
        pages.trace.note(format_args!("{connection}: {method} {path} is finished with {status}"));
        if !finished.is_complete {
            let of = |record: &&mut Record| record.id == Some(*connection);
            if let Some(record) = pages.records.iter_mut().find(of) {
                record.unfinished = Some(format!("{method} {path}"));
            }
        }
        drop(pages);
        if finished.is_complete && !matches!(status, 101 | 200..=999) {
            self.wrong("promises", format!("{connection}: {method} {path} is whole, with {status}"));
        }
    }

    pub(super) fn evicted(&self, id: ConnectionId, bytes: usize) {
        let mut pages = self.pages();
        pages.trace.note(format_args!("{id} is evicted with {bytes} bytes"));
        match pages.records.iter_mut().find(|record| record.known_id() == Some(id)) {
            Some(record) => record.evicted = true,
            None => pages.nobody_was_evicted = true,
        }
    }

    fn maybe_blow_up(&self, peer: usize) {
        let mut pages = self.pages();
        let Some((random, per_mille)) = &mut pages.bombs else { return };
        let per_mille = *per_mille;
        if random.chance(per_mille) {
            pages.records[peer].bombed = true;
            pages.trace.note(format_args!("peer {peer}: its callback panics"));
            drop(pages);
            // Without the hook of panics, which would print it.
            std::panic::resume_unwind(Box::new(Bomb));
        }
    }
}

impl Record {
    /// Of a connection that the server may begin, and that has so much time then.
    pub(super) fn of_call(within: Duration) -> Self {
        Self { call: Some(CallRecord { within, ..CallRecord::default() }), ..Self::default() }
    }

    /// A connection of the server's own may end before it is up.
    fn may_fail(&self, what: &str) -> bool {
        self.call.is_some() && what == "disconnect"
    }

    /// The id that its client knows, or that it has on its way there.
    pub(super) fn known_id(&self) -> Option<ConnectionId> {
        self.id.or_else(|| self.attempt_id())
    }

    /// Its id, if the server has begun it and it is not up yet.
    pub(super) fn attempt_id(&self) -> Option<ConnectionId> {
        self.call.as_ref().filter(|_| self.id.is_none())?.dialled
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.pages().inside = None;
    }
}

impl Trace {
    pub(super) fn note(&mut self, line: fmt::Arguments<'_>) {
        let now = self.now;
        // Writing to memory does not fail.
        let _ = writeln!(self, "{now:>7} {line}");
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self { hash: FNV_BEGIN, text: None, now: 0 }
    }
}

impl Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.hash = fnv(self.hash, text.as_bytes());
        if let Some(kept) = &mut self.text {
            kept.push_str(text);
        }
        Ok(())
    }
}

const FNV_BEGIN: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A few digits that stand for these bytes in a trace.
pub(super) fn digest(bytes: &[u8]) -> u32 {
    let hash = fnv(FNV_BEGIN, bytes);
    (hash ^ (hash >> 32)) as u32
}

/// Each peer has an address of its own, by which the factory knows it again.
pub(super) fn address(peer: usize) -> SocketAddr {
    numbered(10, peer)
}

/// The address of the proxy of a peer.
pub(super) fn proxy_of(peer: usize) -> SocketAddr {
    numbered(11, peer)
}

/// Where all proxies are.
pub(super) const PROXIES: &str = "11.0.0.0/8";

/// What the proxy of a peer says first.
pub(super) fn proxy_header(peer: usize) -> String {
    let (from, to) = (address(peer), numbered(10, 0));
    let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
    let to = if from.is_ipv4() { to } else { numbered(10, 1) };
    format!("PROXY {family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port())
}

pub(super) fn numbered(network: u8, peer: usize) -> SocketAddr {
    let [_, a, b, c] = (peer as u32 + 1).to_be_bytes();
    let v4 = Ipv4Addr::new(network, a, b, c);
    // Of the two kinds the reactor keeps each in another way.
    if peer % 2 == 0 { (v4, 1000).into() } else { (v4.to_ipv6_mapped(), 1000).into() }
}

/// The peer of this address.
pub(super) fn peer_of(addr: &Addr) -> usize {
    match addr.ip().map(|ip| ip.to_canonical()) {
        Some(IpAddr::V4(ip)) => {
            let [_, a, b, c] = ip.octets();
            u32::from_be_bytes([0, a, b, c]).saturating_sub(1) as usize
        }
        _ => 0,
    }
}
