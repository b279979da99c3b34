//! HTTP's events.

use crate::client::{BodyPlan, Client, Connection, Exchange, Upgrade, WebSocket, last_event_id};
use crate::disconnect::{ProtocolError, Reason};
use crate::dispatch::call::{Stepped, call, call_named, must_stop};
use crate::gate::Verdict;
use crate::links::{Awaited, Checks, Protocol};
use crate::shared::Callback;
use jackfield_proto::Step;
use jackfield_proto::http1::{self, Event, Owed, Request, Version};
use jackfield_proto::websocket::Offer;

/// Handles the next event that the machine makes of the bytes.
#[inline(always)]
pub(super) fn take<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    step: Step<Event<'_>, http1::Error>,
    bytes: usize,
) -> Stepped {
    match step {
        Step::Event(used, event) => Stepped::On(self::event(client, connection, event, used, bytes - used)),
        Step::Need(used) => {
            connection.links.set_request_deadline(connection.wires, connection.id);
            Stepped::Stop(used)
        }
        Step::Paused => {
            connection.links.limit_early_bytes(connection.wires, connection.id, bytes);
            Stepped::Stop(0)
        }
        Step::Fault(error) => {
            connection.links.close(
                connection.wires,
                connection.id,
                Reason::Protocol(ProtocolError::Http(error)),
            );
            Stepped::Stop(bytes)
        }
    }
}

/// Returns how many of the bytes are used up.
#[inline(always)]
fn event<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    event: Event<'_>,
    mut used: usize,
    rest_bytes: usize,
) -> usize {
    let link = connection.links.link(connection.id);
    let checks = link.checks;
    if link.awaited != Awaited::Nothing {
        connection.links.settle_deadline(connection.wires, connection.id);
    }
    match event {
        Event::Request(request) if !request.has_body() => {
            connection.links.metrics.requests.add(1);
            if checks.checks_requests() {
                asked_about(client, connection, checks, request);
            } else {
                self::request(client, connection, &request);
            }
            return used;
        }
        Event::Request(request) => {
            if request_with_body(client, connection, &request) == BodyIs::PutOff {
                used = request.head_bytes();
            }
        }
        Event::Upgrade(request) => upgrade(client, connection, &request, rest_bytes),
        Event::Head(request) => head(client, connection, &request),
        Event::Body(part) => {
            connection.links.count_body(connection.id, part);
            body(client, connection, part);
        }
        Event::End(request) => end(client, connection, &request),
    }
    if checks.records_exchanges() {
        connection.links.settle_exchange(connection.wires, connection.id);
    }
    used
}

/// A request without a body that has checks to pass, or is recorded. It gets a copy, so that the usual path need not
/// have the request in memory.
#[inline(never)]
fn asked_about<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    checks: Checks,
    request: Request<'_>,
) {
    if !checks.records_exchanges() {
        if is_admitted(connection, checks, &request) {
            self::request(client, connection, &request);
        }
        return;
    }
    connection.links.begin_exchange(connection.wires, connection.id, &request);
    let Recorded { connection, request } = &mut Recorded { connection, request: &request };
    if is_admitted(connection, checks, request) {
        self::request(client, connection, request);
    }
}

/// A recorded exchange, in the event that has its request. Dropping it settles the record, after a panic too.
struct Recorded<'r, 'c, 'b> {
    connection: &'r mut Connection<'c>,
    request: &'r Request<'b>,
}

impl Drop for Recorded<'_, '_, '_> {
    fn drop(&mut self) {
        let Connection { id, wires, links } = &mut *self.connection;
        links.end_event(wires, *id, self.request);
    }
}

/// Makes the checks of a request, if it has any. False if the request is refused.
#[cold]
#[inline(never)]
fn passes_gate(connection: &mut Connection<'_>, request: &Request<'_>) -> bool {
    let Connection { id, wires, links } = connection;
    let checks = links.link(*id).checks;
    if checks.records_exchanges() {
        links.begin_long_exchange(wires, *id, request);
    }
    is_admitted(connection, checks, request)
}

/// False if the request is refused.
#[inline(always)]
fn is_admitted(connection: &mut Connection<'_>, checks: Checks, request: &Request<'_>) -> bool {
    let Connection { id, wires, links } = connection;
    if checks.counts_requests() {
        links.close_after_last_request(*id);
    }
    !checks.asks_gate() || links.admit_or_answer(wires, *id, request)
}

fn asks_about_requests(connection: &mut Connection<'_>) -> bool {
    connection.links.link(connection.id).checks.checks_requests()
}

/// A request is complete, and its head was announced before.
#[inline(never)]
fn end<C: Client>(client: &mut C, connection: &mut Connection<'_>, request: &Request<'_>) {
    connection.links.count_body(connection.id, request.body());
    self::request(client, connection, request);
}

/// A request is complete.
#[inline(always)]
fn request<C: Client>(client: &mut C, connection: &mut Connection<'_>, request: &Request<'_>) {
    call(client, connection, |client, connection| {
        client.on_request(Exchange { connection: connection.reborrow() }, request);
    });
    match connection.protocol() {
        Protocol::Http(machine) if machine.owed() == Owed::Idle => {}
        Protocol::Http(machine) if machine.owed() == Owed::Deferred => deferred(client, connection, request),
        Protocol::Events => call_on_events(client, connection, last_event_id(request)),
        _ => after_callback(client, connection, 500),
    }
}

/// The answer comes later. It may be a stream of events, and the request is gone by then.
#[inline(never)]
fn deferred<C: Client>(client: &mut C, connection: &mut Connection<'_>, request: &Request<'_>) {
    let Connection { id, wires, links } = connection;
    links.keep_last_event_id(wires, *id, last_event_id(request));
    after_callback(client, connection, 500);
}

/// A stream of events has begun.
#[inline(never)]
pub(super) fn call_on_events<C: Client>(client: &mut C, connection: &mut Connection<'_>, last: Option<&str>) {
    if connection.wires.is_open(connection.id) {
        call_named(client, connection, Callback::Open, |client, connection| {
            if let Some(mut events) = connection.as_events() {
                client.on_events(&mut events, last);
            }
        });
    }
    after_callback(client, connection, 500);
}

#[inline(never)]
fn body<C: Client>(client: &mut C, connection: &mut Connection<'_>, part: &[u8]) {
    call_named(client, connection, Callback::Body, |client, connection| client.on_body(connection, part));
}

/// What was done with a body that was whole in the buffer.
#[derive(PartialEq, Eq)]
enum BodyIs {
    Done,
    /// Reading has stopped at the head: the body is delivered later.
    PutOff,
}

/// A request whose body is whole in the buffer: its head was not announced, so `on_head` is called now.
#[inline(never)]
fn request_with_body<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    request: &Request<'_>,
) -> BodyIs {
    connection.links.metrics.requests.add(1);
    if asks_about_requests(connection) && !passes_gate(connection, request) {
        return BodyIs::Done;
    }
    let head = request.head_only();
    let plan = call_named(client, connection, Callback::Head, |client, connection| {
        client.on_head(connection, &head)
    });
    if connection.wires.is_closing(connection.id) {
        return BodyIs::Done;
    }
    match plan {
        BodyPlan::Reject(status) => {
            connection.links.respond_with_status(connection.wires, connection.id, status);
        }
        _ if must_stop(connection) => {
            connection.links.put_off_body(connection.wires, connection.id, request);
            follow(connection, plan);
            return BodyIs::PutOff;
        }
        BodyPlan::Stream => stream_whole(client, connection, request),
        BodyPlan::Collect | BodyPlan::CollectUpTo(_) => {
            if request.body().len() as u64 > body_bytes_max(connection, plan) {
                refuse_request(connection, http1::Error::BodyTooLarge);
            } else {
                end(client, connection, request);
            }
        }
    }
    BodyIs::Done
}

/// The most that this plan collects.
fn body_bytes_max(connection: &Connection<'_>, plan: BodyPlan) -> u64 {
    match plan {
        BodyPlan::CollectUpTo(bytes) => bytes,
        _ => connection.links.limits_of(connection.id).body_bytes_max,
    }
}

/// Refuses a request that breaks the rules, or a limit.
#[cold]
fn refuse_request(connection: &mut Connection<'_>, error: http1::Error) {
    let why = Reason::Protocol(ProtocolError::Http(error));
    connection.links.close(connection.wires, connection.id, why);
}

/// Streams a body that is whole in the buffer: it is one part. Its end follows at once, unless the client pauses.
fn stream_whole<C: Client>(client: &mut C, connection: &mut Connection<'_>, request: &Request<'_>) {
    let part = request.body();
    if !part.is_empty() {
        connection.links.count_body(connection.id, part);
        body(client, connection, part);
    }
    if connection.wires.is_closing(connection.id) {
        return;
    }
    if must_stop(connection) {
        connection.links.put_off_end(connection.wires, connection.id, request);
    } else {
        self::request(client, connection, &request.without_body());
    }
}

/// Handles a head whose body is still to come.
#[inline(never)]
fn head<C: Client>(client: &mut C, connection: &mut Connection<'_>, request: &Request<'_>) {
    connection.links.metrics.requests.add(1);
    if asks_about_requests(connection) && !passes_gate(connection, request) {
        return connection.links.set_body_deadline(connection.wires, connection.id);
    }
    let plan = call_named(client, connection, Callback::Head, |client, connection| {
        client.on_head(connection, request)
    });
    if follow(connection, plan) {
        connection.links.set_body_deadline(connection.wires, connection.id);
    }
}

/// Follows the plan for an announced body. False: the body will not be read.
fn follow(connection: &mut Connection<'_>, plan: BodyPlan) -> bool {
    let body_bytes_max = body_bytes_max(connection, plan);
    let Connection { id, wires, links } = connection;
    let Some(outbox) = wires.outbox(*id) else { return false };
    let Protocol::Http(machine) = &mut links.link(*id).protocol else { return false };
    let planned = match plan {
        BodyPlan::Collect | BodyPlan::CollectUpTo(_) => machine.collect(body_bytes_max),
        BodyPlan::Stream => {
            machine.stream();
            Ok(())
        }
        BodyPlan::Reject(status) => {
            links.respond_with_status(wires, *id, status);
            return true;
        }
    };
    match planned {
        Ok(()) => machine.encode_continue(outbox.tail()),
        Err(error) => refuse_request(connection, error),
    }
    planned.is_ok()
}

#[inline(never)]
fn upgrade<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    request: &Request<'_>,
    rest_bytes: usize,
) {
    connection.links.metrics.requests.add(1);
    if asks_about_requests(connection) && !passes_gate(connection, request) {
        return;
    }
    if !connection.links.settings.gate.may_upgrade(request.path()) {
        return self::request(client, connection, request);
    }
    let is_http11 = request.version() == Version::Http11;
    let offer = match Offer::check(request.method(), is_http11, request.headers()) {
        Ok(offer) => offer,
        Err(error) => return connection.links.decline_upgrade(connection.wires, connection.id, error),
    };
    match connection.links.judge_upgrade(connection.wires, request, offer.origin()) {
        Verdict::Pass | Verdict::Serve(_) => {}
        Verdict::Refuse(status) => {
            return connection.links.respond_with_status(connection.wires, connection.id, status);
        }
        Verdict::TryLater => {
            return connection.links.refuse_try_again_later(connection.wires, connection.id, &offer);
        }
    }
    call_named(client, connection, Callback::Upgrade, |client, connection| {
        let connection = connection.reborrow();
        client.on_upgrade(Upgrade::new(connection, &offer), request);
    });
    match connection.protocol() {
        Protocol::Http(machine) if machine.owed() == Owed::Deferred => {
            connection.links.link(connection.id).awaited = Awaited::Early;
            connection.links.limit_early_bytes(connection.wires, connection.id, rest_bytes);
        }
        Protocol::Http(_) => after_callback(client, connection, 503),
        _ => handle_open(client, connection),
    }
}

/// The connection has become a WebSocket.
pub(super) fn handle_open<C: Client>(client: &mut C, connection: &mut Connection<'_>) {
    if matches!(connection.protocol(), Protocol::WebSocket(_)) {
        let is_client = connection.is_websocket_client();
        if client.wants_frames() {
            let link = connection.links.link(connection.id);
            link.checks.set_shows_frames();
            // The state of its frames is there.
            link.extra();
            connection.links.charge(connection.wires, connection.id);
        }
        call_named(client, connection, Callback::Open, |client, connection| {
            client.on_open(&mut WebSocket { connection: connection.reborrow(), is_client });
        });
        connection.links.drain_if_draining(connection.wires, connection.id);
    }
}

/// After a callback: an answer may be missing, deferred or given, or the connection may be ending.
#[cold]
#[inline(never)]
fn after_callback<C: Client>(client: &C, connection: &mut Connection<'_>, unanswered: u16) {
    let Connection { id, wires, links } = connection;
    let Protocol::Http(machine) = &links.link(*id).protocol else {
        return links.drain_if_draining(wires, *id);
    };
    match machine.owed() {
        Owed::Open => {
            if wires.is_open(*id) {
                links.report_unanswered(client.type_name(), unanswered);
            }
            links.respond_with_status(wires, *id, unanswered);
        }
        Owed::Deferred => wires.pause_for_answer(*id),
        Owed::Streaming => {
            wires.pause_for_answer(*id);
            links.start_answer_timeout(wires, *id);
        }
        Owed::Done => links.end_answered(wires, *id),
        Owed::Idle | Owed::Switched => {}
    }
}
