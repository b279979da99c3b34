//! HTTP's events.

use super::{Stepped, call, call_named, clear_deadline, limits, set_deadline};
use crate::client::{BodyPlan, Client, Connection, Exchange, Upgrade, WebSocket};
use crate::config::Limits;
use crate::disconnect::{Fault, Limit, Reason, Timeout};
use crate::links::{Awaited, Protocol, key};
use crate::message::Body;
use crate::shared::{Callback, Drain};
use jackfield_proto::Step;
use jackfield_proto::http1::{self, Awaits, Event, Fields, Phase, Request, ResponseHead, Version};
use jackfield_proto::websocket::{HandshakeError, Offer, VERSION};
use std::time::Duration;

/// Bytes that a client may send before it knows whether its WebSocket is accepted; fewer, if fewer may be carried.
const EARLY_BYTES_MAX: usize = 4 << 10;

/// Takes what the machine made of the bytes it was shown.
#[inline(always)]
pub(super) fn take<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    step: Step<Event<'_>, http1::Error>,
    bytes: usize,
) -> Stepped {
    match step {
        Step::Event(used, event) => {
            self::event(client, connection, event, bytes - used);
            Stepped::On(used)
        }
        Step::Need(used) => {
            watch(connection);
            Stepped::Stop(used)
        }
        Step::Paused => {
            paused(connection, bytes);
            Stepped::Stop(0)
        }
        Step::Fault(error) => {
            refuse(connection, error);
            Stepped::Stop(bytes)
        }
    }
}

#[inline(always)]
fn event<C: Client>(client: &mut C, connection: &mut Connection<'_>, event: Event<'_>, rest_bytes: usize) {
    if connection.links.link(connection.id).awaited != Awaited::Nothing {
        settle_watch(connection);
    }
    match event {
        Event::Request(request) if !request.has_body() => {
            connection.links.metrics.requests.add(1);
            self::request(client, connection, &request);
        }
        Event::Request(request) => request_with_body(client, connection, &request),
        Event::Upgrade(request) => upgrade(client, connection, &request, rest_bytes),
        Event::Head(request) => head(client, connection, &request),
        Event::Body(part) => body(client, connection, part),
        Event::End(request) => self::request(client, connection, &request),
    }
}

/// A request is there with all its body.
#[inline(always)]
fn request<C: Client>(client: &mut C, connection: &mut Connection<'_>, request: &Request<'_>) {
    call(client, connection, |client, connection| {
        client.on_request(Exchange { connection: connection.reborrow() }, request);
    });
    match connection.protocol() {
        Protocol::Http(machine) if machine.phase() == Phase::Idle => {}
        _ => after_callback(client, connection, 500),
    }
}

#[inline(never)]
fn body<C: Client>(client: &mut C, connection: &mut Connection<'_>, part: &[u8]) {
    call_named(client, connection, Callback::Body, |client, connection| client.on_body(connection, part));
}

/// A body that lay whole in the buffer was not announced: its plan is asked for now.
#[inline(never)]
fn request_with_body<C: Client>(client: &mut C, connection: &mut Connection<'_>, request: &Request<'_>) {
    connection.links.metrics.requests.add(1);
    let bodiless = request.without_body();
    let plan = call_named(client, connection, Callback::Head, |client, connection| {
        client.on_head(connection, &bodiless)
    });
    if connection.wires.is_closing(connection.id) {
        return;
    }
    let body_bytes_max = match plan {
        BodyPlan::Collect => limits(connection).body_bytes_max,
        BodyPlan::CollectUpTo(bytes) => bytes,
        BodyPlan::Reject(status) => return say(connection, status),
        BodyPlan::Stream => {
            let part = request.body();
            body(client, connection, part);
            if !connection.wires.is_closing(connection.id) {
                self::request(client, connection, &bodiless);
            }
            return;
        }
    };
    if request.body().len() as u64 > body_bytes_max {
        return refuse(connection, http1::Error::BodyTooLarge);
    }
    self::request(client, connection, request);
}

/// A head whose body is still to come.
#[inline(never)]
fn head<C: Client>(client: &mut C, connection: &mut Connection<'_>, request: &Request<'_>) {
    connection.links.metrics.requests.add(1);
    let plan = call_named(client, connection, Callback::Head, |client, connection| {
        client.on_head(connection, request)
    });
    let (body_bytes_max, interval) = (limits(connection).body_bytes_max, limits(connection).body_interval);
    let Connection { id, wires, links } = connection;
    let Some(outbox) = wires.outbox(*id) else { return };
    let Protocol::Http(machine) = &mut links.link(*id).protocol else { return };
    let planned = match plan {
        BodyPlan::Collect => machine.collect(body_bytes_max),
        BodyPlan::CollectUpTo(bytes) => machine.collect(bytes),
        BodyPlan::Stream => {
            machine.stream();
            Ok(())
        }
        BodyPlan::Reject(status) => {
            say(connection, status);
            return watch_body(connection, interval);
        }
    };
    if let Err(error) = planned {
        return refuse(connection, error);
    }
    machine.encode_continue(outbox.tail());
    watch_body(connection, interval);
}

/// From now on the body must flow, whether it is wanted or only drained.
fn watch_body(connection: &mut Connection<'_>, interval: Duration) {
    let Connection { id, wires, links } = connection;
    let so_far = wires.wire_stats(*id).map_or(0, |stats| stats.bytes_in);
    links.link(*id).extra().body_bytes = so_far;
    set_deadline(connection, Awaited::Body, interval);
}

#[inline(never)]
fn upgrade<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    request: &Request<'_>,
    rest_bytes: usize,
) {
    connection.links.metrics.requests.add(1);
    let is_http11 = request.version() == Version::Http11;
    let offer = match Offer::check(request.method(), is_http11, request.headers()) {
        Ok(offer) => offer,
        Err(error) => return decline(connection, error),
    };
    if !connection.links.settings.origins.allow(offer.origin(), request.host().unwrap_or_default()) {
        return say(connection, 403);
    }
    if has_no_room(connection, request.path()) {
        return try_again_later(connection, &offer);
    }
    call_named(client, connection, Callback::Upgrade, |client, connection| {
        let connection = connection.reborrow();
        client.on_upgrade(
            Upgrade { connection, offer: &offer, fields: Fields::new(), has_protocol: false },
            request,
        );
    });
    match connection.protocol() {
        Protocol::Http(machine) if machine.phase() == Phase::Deferred => {
            connection.links.link(connection.id).awaited = Awaited::Early;
            paused(connection, rest_bytes);
        }
        Protocol::Http(_) => after_callback(client, connection, 503),
        _ => opened(client, connection),
    }
}

/// An answer is owed and so much is behind its request. A client that is to become a WebSocket has nothing to say
/// before that.
#[cold]
#[inline(never)]
fn paused(connection: &mut Connection<'_>, rest_bytes: usize) {
    let Connection { id, links, .. } = connection;
    let early_bytes_max = EARLY_BYTES_MAX.min(links.settings.limits.reactor.carry_bytes_max);
    if rest_bytes <= early_bytes_max || links.link(*id).awaited != Awaited::Early {
        return;
    }
    if let Protocol::Http(machine) = &mut links.link(*id).protocol {
        machine.close_after();
    }
    say(connection, 400);
}

/// The connection has become a WebSocket.
pub(super) fn opened<C: Client>(client: &mut C, connection: &mut Connection<'_>) {
    if matches!(connection.protocol(), Protocol::WebSocket(_)) {
        call_named(client, connection, Callback::Open, |client, connection| {
            client.on_open(&mut WebSocket { connection: connection.reborrow() });
        });
        drain_if_draining(connection);
    }
}

/// What becomes a WebSocket or an event stream while the server shuts down is drained like those before it.
fn drain_if_draining(connection: &mut Connection<'_>) {
    let Connection { id, wires, links } = connection;
    if links.drain_until.is_some() {
        links.drain(wires, *id, Drain::default().close_code, Reason::Shutdown);
    }
}

/// What the callback left: an answer that is due, one that comes later, or the end.
#[cold]
#[inline(never)]
fn after_callback<C: Client>(client: &C, connection: &mut Connection<'_>, unanswered: u16) {
    let id = connection.id;
    let Protocol::Http(machine) = connection.protocol() else { return drain_if_draining(connection) };
    match machine.phase() {
        Phase::Open => {
            if connection.is_open() {
                connection.links.report_unanswered(client.type_name(), unanswered);
            }
            say(connection, unanswered);
        }
        Phase::Deferred | Phase::Streaming => connection.wires.hold(id),
        Phase::Done => connection.links.end_answered(connection.wires, id),
        Phase::Idle | Phase::Switched => {}
    }
}

/// Answers with a status alone, and goes on or closes as that says.
#[cold]
#[inline(never)]
fn say(connection: &mut Connection<'_>, status: u16) {
    let Connection { id, wires, links } = connection;
    links.respond(wires, *id, &ResponseHead::new(status, ""), Body::Borrowed(&[]));
    links.after_answer(wires, *id);
}

/// A request for WebSocket that is none: 426 says which version would do (RFC 6455 section 4.4).
#[cold]
fn decline(connection: &mut Connection<'_>, error: HandshakeError) {
    let Connection { id, wires, links } = connection;
    let mut fields = Fields::new();
    if error.status() == 426 {
        let pushed = fields.push("Sec-WebSocket-Version", VERSION);
        debug_assert!(pushed.is_ok(), "the line is valid");
    }
    let text = http1::reason_phrase(error.status());
    let head = ResponseHead { status: error.status(), content_type: "text/plain", fields: &fields };
    links.respond(wires, *id, &head, Body::from(text));
    links.after_answer(wires, *id);
}

/// The peer broke HTTP: it is told so with a status, if an answer can still be given, and the connection closes. What
/// exactly was wrong is in the reason of its end.
#[cold]
#[inline(never)]
fn refuse(connection: &mut Connection<'_>, error: http1::Error) {
    let Connection { id, wires, links } = connection;
    if let Protocol::Http(machine) = &mut links.link(*id).protocol {
        machine.close_after();
    }
    let text = http1::reason_phrase(error.status());
    links.respond(wires, *id, &ResponseHead::new(error.status(), "text/plain"), Body::from(text));
    links.end(wires, *id, Reason::Protocol(Fault::Http(error)));
}

/// After the bytes of a read: what was begun and is not there yet has a deadline.
#[inline(always)]
fn watch(connection: &mut Connection<'_>) {
    let Protocol::Http(machine) = connection.protocol() else { return };
    match machine.awaits() {
        Awaits::Head => {
            let deadline = limits(connection).head_timeout;
            set_deadline(connection, Awaited::Head, deadline);
        }
        // More of it is kept now, or nothing any more.
        Awaits::Nothing | Awaits::Body => connection.links.charge(connection.wires, connection.id),
    }
}

/// Something was waited for and an event has come: unless it is a part of what is waited for, the wait is over.
#[cold]
#[inline(never)]
fn settle_watch(connection: &mut Connection<'_>) {
    let Protocol::Http(machine) = connection.protocol() else { return };
    if machine.awaits() != Awaits::Body {
        clear_deadline(connection);
    }
}

/// An upgrade for which there is no room: 1013 says so in a way that scripts in browsers can see (RFC 6455 section
/// 7.4.2, and IANA's registry of codes).
#[cold]
fn try_again_later(connection: &mut Connection<'_>, offer: &Offer<'_>) {
    let Connection { id, wires, links } = connection;
    links.metrics.refused_overload.add(1);
    links.switch_to_websocket(wires, *id, &offer.accept(), &Fields::new());
    // 1013 may be sent.
    let _ = links.close_websocket(wires, *id, Some(1013), "overloaded", Reason::Limit(Limit::Overload));
}

/// Whether this reactor is overloaded and has no room for one WebSocket more.
fn has_no_room(connection: &mut Connection<'_>, path: &str) -> bool {
    let Connection { wires, links, .. } = connection;
    links.is_overloaded(wires.now())
        && !links.settings.reserved.contains(path)
        && !links.handle.remote(links.reactor).is_none_or(|remote| remote.quota.take())
}

/// Whether a body has come fast enough since this was last asked. If so, it is asked again later.
pub(super) fn flows(connection: &mut Connection<'_>, limits: &Limits) -> bool {
    let Connection { id, wires, links } = connection;
    let Some(stats) = wires.wire_stats(*id) else { return true };
    // A body that was only drained ends without an event.
    if !matches!(&links.link(*id).protocol, Protocol::Http(machine) if machine.awaits() == Awaits::Body) {
        return true;
    }
    let extra = links.link(*id).extra();
    let came = stats.bytes_in - extra.body_bytes;
    extra.body_bytes = stats.bytes_in;
    // Who is not read can't be reproached with sending nothing.
    let flows = came >= limits.body_interval_bytes_min || !wires.goes_on(*id);
    if flows {
        links.link(*id).awaited = Awaited::Body;
        wires.set_timer(*id, key::DEADLINE, limits.body_interval);
    }
    flows
}

/// What was begun did not come in time.
#[cold]
pub(super) fn time_out(connection: &mut Connection<'_>, timeout: Timeout) {
    turn_down(connection, 408, Reason::Timeout(timeout));
}

/// Ends an exchange, begun or not, with a status if an answer can still be given, and the connection with it.
#[cold]
pub(super) fn turn_down(connection: &mut Connection<'_>, status: u16, why: Reason) {
    let Connection { id, wires, links } = connection;
    if let Protocol::Http(machine) = &mut links.link(*id).protocol {
        machine.give_up();
    }
    links.respond(wires, *id, &ResponseHead::new(status, ""), Body::Borrowed(&[]));
    links.end(wires, *id, why);
}
