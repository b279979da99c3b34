//! The book of a simulation: its trace, the record of each connection, and the first finding.

use super::Random;
use super::hosts::AskedHost;
use crate::disconnect::{Disconnect, Reason};
use crate::links::moment_within;
use crate::shared::{Drain, Finished, Peer, RefuseReason, TlsInfo};
use jackfield_reactor::{Addr, ConnectionId};
use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Clients, the observer, peers and the simulation write into the same book, all on one thread. The lock is there only
/// because an observer must be `Sync`.
#[derive(Clone, Default)]
pub(super) struct Book(Arc<Mutex<BookState>>);

#[derive(Default)]
pub(super) struct BookState {
    pub(super) trace: Trace,
    /// By the number of the peer.
    pub(super) records: Vec<Record>,
    /// The first finding.
    pub(super) wrong: Option<Wrong>,
    /// The callback that is running.
    inside: Option<(usize, &'static str)>,
    bombs: Option<(Random, u16)>,
    /// How often a notice of what was sent is requested.
    notices: Option<(Random, u16)>,
    /// Peers, and how many bytes the server says have left for them.
    left: Vec<(usize, u64)>,
    /// The reactors that report overload.
    pub(super) overloaded: Vec<usize>,
    /// Until this time a lag that a reactor was told of may have an effect.
    lags_until: u64,
    /// A connection without a client was evicted.
    pub(super) nobody_was_evicted: bool,
    /// A TLS record was forged on its way.
    pub(super) is_forged: bool,
    /// Before this time a shutdown ends no exchange that its peer waits for.
    pub(super) drains_until: Option<u64>,
    /// The milliseconds that the clock has jumped over.
    pub(super) leapt: u64,
    /// Exchanges that were reported as finished.
    pub(super) finished: u64,
    /// Timers of clients that have fired.
    pub(super) timers: usize,
    /// Messages that were reported as dropped.
    pub(super) dropped: u64,
    /// Listeners that code outside of the reactors has paused and not resumed, and listeners that it has stopped.
    pub(super) paused: Vec<usize>,
    pub(super) stopped: Vec<usize>,
}

/// A finding: the oracle, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) oracle: &'static str,
    pub(super) text: String,
}

pub(super) type Judged = Result<(), Wrong>;

pub(super) fn wrong(oracle: &'static str, text: String) -> Wrong {
    Wrong { oracle, text }
}

/// One connection, as its client has seen it.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) id: Option<ConnectionId>,
    pub(super) end: Option<Ended>,
    /// The client was dropped.
    pub(super) dropped: bool,
    pub(super) bombed: bool,
    pub(super) refused: Option<RefuseReason>,
    /// It may be provisional: the head of its first request decides on it, and before that it has no client.
    pub(super) may_be_provisional: bool,
    /// Its reactor was overloaded while it was there.
    pub(super) overloaded: bool,
    /// It held too much memory.
    pub(super) evicted: bool,
    /// Code outside of the reactors has closed or aborted it.
    pub(super) commanded: bool,
    /// When it was accepted, and when its client got `on_connect`.
    pub(super) accepted_at: u64,
    connected_at: u64,
    /// When it was requested from outside of the reactor, which begins it then or later.
    posted_at: Option<u64>,
    /// Notices that its client waits for, in their order: the tag, and how many bytes must have left before it.
    pub(super) notices: VecDeque<(u64, u64)>,
    /// An exchange that had not finished when the connection ended.
    unfinished: Option<String>,
    /// The same, if a shutdown has ended the connection before its deadline.
    pub(super) cut_off: Option<String>,
    /// The TLS host that it asks for, and how long its handshake may take.
    host: Option<(AskedHost, Duration)>,
    /// A shutdown does not end it before this time.
    drains_at: Option<u64>,
    /// The milliseconds that the clock had jumped over when it was accepted.
    pub(super) leapt_before: u64,
    /// It has not been accepted yet.
    pub(super) waits: bool,
    /// Its client has got `on_connect`.
    pub(super) is_up: bool,
    /// It is an outgoing connection.
    pub(super) call: Option<CallRecord>,
}

/// The record of an outgoing connection.
#[derive(Clone, Debug, Default)]
pub(super) struct CallRecord {
    pub(super) attempt: Attempt,
    pub(super) within: Duration,
    /// Its id while it is being connected.
    dialled: Option<ConnectionId>,
    /// Addresses that were tried.
    pub(super) tried: usize,
    /// Its client was made.
    is_made: bool,
    /// The factory made none.
    pub(super) is_declined: bool,
    /// Since when it is overdue: its time is over, but it is neither up nor has it failed.
    pub(super) overdue_since: Option<u64>,
}

/// The state of an outgoing connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Attempt {
    #[default]
    None,
    /// It was requested from outside, and it is not known whether a reactor has begun it.
    Posted,
    Begun,
}

/// The server's account of a connection's end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) reason: Reason,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) unread: u64,
    pub(super) unsent: u64,
    pub(super) age: Duration,
}

/// What has happened, in lines, and the hash of these bytes.
pub(super) struct Trace {
    hash: u64,
    text: Option<String>,
    now: u64,
}

/// For this many milliseconds after a shutdown only its own deadline ends exchanges.
const PATIENT: u64 = 1000;
/// Milliseconds that a new connection may take to reach its reactor.
const HANDED_OVER: u64 = 100;

/// The payload of an injected panic.
pub(super) struct Bomb;

/// Notes the end of a callback when it returns or panics.
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

    pub(super) fn pages(&self) -> MutexGuard<'_, BookState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, line: fmt::Arguments<'_>) {
        self.pages().trace.note(line);
    }

    /// Notes that the server may see an invalid handshake.
    pub(super) fn note_forged(&self) {
        self.pages().is_forged = true;
    }

    /// Notes a finding. Only the first one is kept.
    pub(super) fn note_wrong(&self, oracle: &'static str, text: String) {
        let mut pages = self.pages();
        pages.trace.note(format_args!("WRONG ({oracle}): {text}"));
        pages.wrong.get_or_insert(Wrong { oracle, text });
    }

    pub(super) fn set_now(&self, now: u64) {
        self.pages().trace.now = now;
    }

    pub(super) fn stop_panics(&self) {
        self.pages().bombs = None;
    }

    /// Runs a callback: notes it, checks its order, and sometimes injects a panic.
    pub(super) fn run_callback<T>(
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
        pages.timers += usize::from(what == "timer");
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
            self.note_wrong("callbacks", format!("on_{what} of peer {peer} ({id}) was called {finding}"));
        }
    }

    pub(super) fn note_disconnected(&self, peer: usize, end: &Disconnect) {
        let mut pages = self.pages();
        let Disconnect { reason, bytes_in, bytes_out, unread, unsent, age, .. } = *end;
        pages.trace.note(format_args!("peer {peer} ended: {reason:?}, {bytes_in} in, {bytes_out} out"));
        let (now, drains_until) = (pages.trace.now, pages.drains_until);
        let record = &mut pages.records[peer];
        record.end = Some(Ended { reason, bytes_in, bytes_out, unread, unsent, age });
        let begun_at = record.posted_at.unwrap_or(record.accepted_at);
        let ages = now - record.connected_at..=now - begun_at;
        let is_known = ages.contains(&(age.as_millis() as u64));
        let is_early = reason == Reason::Shutdown && drains_until.is_some_and(|until| now < until);
        record.cut_off = record.unfinished.take().filter(|_| is_early);
        let moment = record.drains_at.filter(|at| reason == Reason::Shutdown && now < *at);
        drop(pages);
        if let Some(at) = moment {
            self.note_wrong("promises", format!("a shutdown has ended peer {peer}, whose moment is {at}"));
        }
        if !is_known {
            self.note_wrong("promises", format!("peer {peer} has an age of {age:?}, and not of {ages:?} ms"));
        }
    }

    /// Notes the own moment of each connection that has a client when the first shutdown begins. A later one can only make it
    /// come earlier.
    pub(super) fn note_shutdown(&self, drain: Drain, seed: u64) {
        let mut pages = self.pages();
        let (now, is_first) = (pages.trace.now, pages.drains_until.is_none());
        let ends_none_until = now + (drain.deadline.as_millis() as u64).min(PATIENT);
        pages.drains_until = Some(pages.drains_until.map_or(ends_none_until, |at| at.min(ends_none_until)));
        let spread = drain.spread.min(drain.deadline);
        for record in pages.records.iter_mut().filter(|record| record.end.is_none()) {
            let Some(id) = record.id else { continue };
            let at = now + moment_within(spread, seed, id).as_millis() as u64;
            record.drains_at =
                if is_first { Some(at) } else { record.drains_at.map(|before| before.min(at)) };
        }
    }

    pub(super) fn note_dropped(&self, peer: usize) {
        let mut pages = self.pages();
        let record = &mut pages.records[peer];
        let is_early = record.id.is_some() && record.end.is_none();
        record.dropped = true;
        drop(pages);
        if is_early {
            self.note_wrong(
                "callbacks",
                format!("the client of peer {peer} was dropped before on_disconnect"),
            );
        }
    }

    /// Notes that a reactor was told of a lag, which has an effect until some time after its window. If the lag was not the
    /// reactor's own work, no overload begins, but a present one lasts for another window.
    pub(super) fn note_lag(&self, lag: Duration, window: Duration) {
        let mut pages = self.pages();
        if !lag.is_zero() || !pages.overloaded.is_empty() {
            pages.lags_until = pages.lags_until.max(pages.trace.now + (lag + window).as_millis() as u64);
        }
    }

    pub(super) fn note_overloaded(&self, reactor: usize, is_on: bool) {
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

    pub(super) fn note_refused(&self, peer: usize, why: RefuseReason) {
        let mut pages = self.pages();
        pages.trace.note(format_args!("peer {peer} is refused: {why:?}"));
        pages.records[peer].refused = Some(why);
        let is_overloaded = !pages.overloaded.is_empty() && pages.trace.now <= pages.lags_until;
        drop(pages);
        if why == RefuseReason::Overload && !is_overloaded {
            self.note_wrong("promises", format!("peer {peer} is refused for an overload that there is not"));
        }
    }

    /// Notes that a peer asks for this TLS host, and how long its handshake may take.
    pub(super) fn expect_host(&self, peer: usize, asked: AskedHost, within: Duration) {
        self.pages().records[peer].host = Some((asked, within));
    }

    /// Checks that a peer whose handshake is done got the host that it has asked for, in time.
    pub(super) fn check_tls_host(&self, peer: usize, remote: &Peer) {
        let pages = self.pages();
        let (record, now, leapt) = (&pages.records[peer], pages.trace.now, pages.leapt);
        let Some((asked, within)) = record.host else { return };
        let took = now - record.accepted_at - (leapt - record.leapt_before);
        let is_late = took > within.as_millis() as u64 + HANDED_OVER && !record.may_be_provisional;
        drop(pages);
        let shown = remote.tls().map(TlsInfo::host_tag);
        if asked.is_refused() || shown != Some(asked.tag()) {
            self.note_wrong("promises", format!("peer {peer} asks for {asked:?} and is shown {shown:?}"));
        }
        if is_late {
            self.note_wrong(
                "limits",
                format!("the handshake of peer {peer} took {took} ms, and may take {within:?}"),
            );
        }
    }

    /// Notes the state of an outgoing connection that was begun, or could not be begun.
    pub(super) fn note_call(&self, peer: usize, attempt: Attempt) {
        let mut pages = self.pages();
        pages.trace.note(format_args!("call {peer}: {attempt:?}"));
        let now = pages.trace.now;
        let record = &mut pages.records[peer];
        record.accepted_at = now;
        if let Some(call) = &mut record.call {
            call.attempt = attempt;
        }
    }

    /// Notes that a reactor tries this address of a call. The addresses must be tried in their order.
    pub(super) fn note_dial(&self, peer: usize, id: ConnectionId, at: usize) {
        self.note_call_begun(peer);
        let mut pages = self.pages();
        pages.trace.note(format_args!("{id} is connected to address {at} of call {peer}"));
        let Some(call) = &mut pages.records[peer].call else { return };
        let next = std::mem::replace(&mut call.tried, at + 1);
        call.dialled = Some(id);
        drop(pages);
        if next != at {
            self.note_wrong("promises", format!("call {peer} tries its address {at} in place of {next}"));
        }
    }

    /// Notes that a reactor has begun it, at this time at the latest.
    fn note_call_begun(&self, peer: usize) {
        let is_posted = |call: &CallRecord| call.attempt == Attempt::Posted;
        if self.pages().records[peer].call.as_ref().is_some_and(is_posted) {
            let posted_at = self.pages().records[peer].accepted_at;
            self.note_call(peer, Attempt::Begun);
            self.pages().records[peer].posted_at = Some(posted_at);
        }
    }

    /// Notes that the factory is asked for the client of a call. False: it is no call.
    pub(super) fn note_client_of_call(&self, peer: usize) -> bool {
        if self.pages().records.get(peer).is_none_or(|record| record.call.is_none()) {
            self.note_wrong("promises", format!("a client is made for call {peer}, which there is not"));
            return false;
        }
        self.note_call_begun(peer);
        let mut pages = self.pages();
        pages.trace.note(format_args!("call {peer} gets a client"));
        let Some(call) = &mut pages.records[peer].call else { return false };
        let is_second = std::mem::replace(&mut call.is_made, true);
        drop(pages);
        if is_second {
            self.note_wrong("callbacks", format!("a second client is made for call {peer}"));
        }
        true
    }

    /// The factory has made no client for it.
    pub(super) fn note_declined_call(&self, peer: usize) {
        if let Some(call) = &mut self.pages().records[peer].call {
            call.is_declined = true;
        }
    }

    /// Whether a notice is requested now.
    pub(super) fn wants_notice(&self) -> bool {
        self.pages().notices.as_mut().is_some_and(|(random, per_mille)| random.chance(*per_mille))
    }

    /// Notes that a notice was requested after this many bytes.
    pub(super) fn note_notice_request(&self, peer: usize, tag: u64, behind: u64) {
        self.pages().records[peer].notices.push_back((tag, behind));
    }

    /// Checks a notice: each comes once, in the order of the requests.
    pub(super) fn note_notice(&self, peer: usize, tag: u64) {
        let mut pages = self.pages();
        pages.trace.note(format_args!("peer {peer}: notice {tag}"));
        let first = pages.records[peer].notices.pop_front();
        if let Some((_, behind)) = first {
            pages.left.push((peer, behind));
        }
        drop(pages);
        if first.map(|(tag, _)| tag) != Some(tag) {
            self.note_wrong(
                "callbacks",
                format!("the notice {tag} of peer {peer} came in place of {first:?}"),
            );
        }
    }

    /// The peers for which the server has said since the last call how many bytes have left.
    pub(super) fn take_sent_reports(&self) -> Vec<(usize, u64)> {
        std::mem::take(&mut self.pages().left)
    }

    pub(super) fn note_finished(&self, finished: &Finished<'_>) {
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
            self.note_wrong("promises", format!("{connection}: {method} {path} is whole, with {status}"));
        }
    }

    pub(super) fn note_evicted(&self, id: ConnectionId, bytes: usize) {
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
            // Without the panic hook, which would print it.
            std::panic::resume_unwind(Box::new(Bomb));
        }
    }
}

impl Record {
    /// The record of an outgoing connection that must be up within this time.
    pub(super) fn of_call(within: Duration) -> Self {
        Self { call: Some(CallRecord { within, ..CallRecord::default() }), ..Self::default() }
    }

    /// An outgoing connection may end before it is up.
    fn may_fail(&self, what: &str) -> bool {
        self.call.is_some() && what == "disconnect"
    }

    /// Its id, known to its client or from the attempt.
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
        // Writing to memory can't fail.
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

/// A short hash of bytes, for the trace.
pub(super) fn digest(bytes: &[u8]) -> u32 {
    let hash = fnv(FNV_BEGIN, bytes);
    (hash ^ (hash >> 32)) as u32
}

/// Each peer has its own address, by which the factory identifies it.
pub(super) fn address(peer: usize) -> SocketAddr {
    numbered(10, peer)
}

/// The address of the proxy of a peer.
pub(super) fn proxy_of(peer: usize) -> SocketAddr {
    numbered(11, peer)
}

/// The network of all proxies.
pub(super) const PROXIES: &str = "11.0.0.0/8";

/// The PROXY header of a peer's proxy.
pub(super) fn proxy_header(peer: usize) -> String {
    let (from, to) = (address(peer), numbered(10, 0));
    let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
    let to = if from.is_ipv4() { to } else { numbered(10, 1) };
    format!("PROXY {family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port())
}

pub(super) fn numbered(network: u8, peer: usize) -> SocketAddr {
    let [_, a, b, c] = (peer as u32 + 1).to_be_bytes();
    let v4 = Ipv4Addr::new(network, a, b, c);
    // The reactor stores the two kinds of addresses differently, so both occur.
    if peer % 2 == 0 { (v4, 1000).into() } else { (v4.to_ipv6_mapped(), 1000).into() }
}

/// The peer with this address.
pub(super) fn peer_of(addr: &Addr) -> usize {
    match addr.ip().map(|ip| ip.to_canonical()) {
        Some(IpAddr::V4(ip)) => {
            let [_, a, b, c] = ip.octets();
            u32::from_be_bytes([0, a, b, c]).saturating_sub(1) as usize
        }
        _ => 0,
    }
}
