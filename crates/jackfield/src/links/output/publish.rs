//! A message to the members of a topic: encoded once for each protocol, copied if it is small and shared if it is
//! large.
//!
//! If a turn has many small messages for one topic, only the first visits each member. The others are gathered in a
//! broadcast of the reactor, which copies them to all members at once. Congested members stand apart: each message visits
//! these only.

use crate::links::Links;
use crate::links::compression::Compressors;
use crate::links::fan_out::{DeliveryFormat, FanOut};
use crate::links::masks::Masks;
use crate::message::{Content, MessageFormat, Prepared, Published};
use crate::topics::MembersGeneration;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Outbox, SHARE_BYTES_MIN, Wires};
use std::cell::OnceCell;

/// For fewer members a broadcast saves nothing.
const BROADCAST_MEMBERS_MIN: usize = 4;

/// If more members are congested, nothing is gathered. This bounds their list to 32 KiB for each reactor.
const LEFT_OUT_MAX: usize = 4096;

/// The receivers of a published message.
#[derive(Clone, Copy)]
struct To {
    /// The topic.
    place: usize,
    /// The member that does not get it: its publisher.
    but: ConnectionId,
    /// The message is long enough to be compressed.
    is_long: bool,
    /// The window for which it is compressed, as a power of two.
    window: Option<u8>,
}

/// What a publish learns on its way through the members: whether the next messages of this turn can go to all of them at once.
struct BroadcastPlan {
    /// How the first member gets it. All others have to get the same bytes.
    common: Option<DeliveryFormat>,
    /// No member has been found yet that rules a broadcast out.
    is_possible: bool,
    /// Congested members, which stand apart.
    left_out: Vec<ConnectionId>,
    /// The most bytes that are queued for a member which does not stand apart.
    fullest: usize,
}

impl Links {
    /// Publishes on all reactors.
    pub(crate) fn publish(
        &mut self,
        wires: &mut Wires,
        topic: &str,
        content: Content<'_>,
        but: ConnectionId,
    ) -> Published {
        let published = self.publish_everywhere(wires, topic, content, but);
        self.let_leave(wires);
        published
    }

    fn publish_everywhere(
        &mut self,
        wires: &mut Wires,
        topic: &str,
        content: Content<'_>,
        but: ConnectionId,
    ) -> Published {
        if let Some(log) = self.handle.shared().logs.find(topic) {
            return self.publish_to_log(wires, &log, content, but);
        }
        let reactor = wires.reactor();
        let Some((place, local)) = self.topics.find(topic) else {
            // No subscriber here, but another reactor may have some.
            return self.handle.publish_but(topic, content, reactor);
        };
        if local.counts.total() == local.counts.of(reactor) {
            return Published {
                here: self.publish_to_place(wires, place, content, but),
                ..Published::default()
            };
        }
        let prepared = content.prepare();
        let published = self.handle.pass_on(&local.name, &local.counts, &prepared, reactor);
        Published {
            here: self.publish_to_place(wires, place, Content::Prepared(&prepared), but),
            ..published
        }
    }

    /// Publishes what came from elsewhere to the subscribers of this reactor, if there are still some of this generation.
    pub(crate) fn publish_on_this_reactor(
        &mut self,
        wires: &mut Wires,
        topic: &str,
        generation: MembersGeneration,
        message: &Prepared,
    ) {
        if let Some(place) = self.topics.place_of(topic, wires.reactor(), generation) {
            let with_id = self.with_id_of_members(topic, message);
            let content = Content::Prepared(with_id.as_ref().unwrap_or(message));
            self.publish_to_place(wires, place, content, ConnectionId::NONE);
            self.let_leave(wires);
        }
    }

    pub(crate) fn publish_to_place(
        &mut self,
        wires: &mut Wires,
        place: usize,
        content: Content<'_>,
        but: ConnectionId,
    ) -> usize {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut compressors = std::mem::take(&mut self.compressors);
        scratch.clear();
        let is_long = content.len() >= compressors.message_bytes_min();
        let window = compressors.window_bits().filter(|_| is_long);
        let to = To { place, but, is_long, window };
        let count = match content.len() < SHARE_BYTES_MIN {
            true => match self.gather(wires, to, content, &mut scratch, &mut compressors) {
                Some(count) => count,
                None => self.copy_to_each(wires, to, content, &mut scratch, &mut compressors),
            },
            false => self.share_with_each(wires, to, content, &mut compressors),
        };
        compressors.trim();
        self.compressors = compressors;
        if to.is_long {
            self.charge_tables(wires);
        }
        self.return_scratch(scratch);
        count
    }

    /// Adds a small message to the running broadcast for the same topic, so that only congested members have to be
    /// visited.
    fn gather(
        &mut self,
        wires: &mut Wires,
        to: To,
        content: Content<'_>,
        scratch: &mut Vec<u8>,
        compressors: &mut Compressors,
    ) -> Option<usize> {
        let is_same = |fan_out: &&FanOut| fan_out.place == to.place && fan_out.is_long == to.is_long;
        let fan_out = *self.fan_out.as_ref().filter(is_same)?;
        // Asked first, so that it is not compressed here and again for each member.
        if fan_out.look.is_deflated && !wires.accepts_broadcast() {
            return None;
        }
        let form = if planted(46) { MessageFormat::Frame } else { fan_out.look.form };
        let is_deflated = fan_out.look.is_deflated && compressors.append(content, scratch);
        if !(is_deflated || content.encode(form, scratch)) || !wires.extend_broadcast(scratch, to.but) {
            return None;
        }
        let count = fan_out.members - usize::from(self.is_member(wires, to.but, to.place));
        if fan_out.has_left_out {
            let (refused, queued) = self.publish_to_left_out(wires, to, content, scratch);
            self.metrics.messages_out.add((count - refused - queued) as u64);
            return Some(count - refused);
        }
        self.metrics.messages_out.add(count as u64);
        Some(count)
    }

    /// Publishes to the members that stand apart from the broadcast, each by its policy. Returns how many of them don't
    /// get it, and how many have it in their queue.
    #[cold]
    #[inline(never)]
    fn publish_to_left_out(
        &mut self,
        wires: &mut Wires,
        to: To,
        content: Content<'_>,
        encoded: &[u8],
    ) -> (usize, usize) {
        // Members that are closed now leave their topics after the publish, because the list of members is lent.
        let fan_out = self.fan_out.take();
        let (high, mut prepared) = (wires.lowest_marks().high, None);
        let (mut refused, mut queued) = (0, 0);
        for number in 0.. {
            let Some(id) = wires.left_out(number) else { break };
            wires.stats().visits.add(1);
            if id == to.but {
                continue;
            }
            if wires.is_congested(id) && self.waits(wires, to, id, content, &mut prepared) {
                queued += 1;
                continue;
            }
            let Some(outbox) = self.outbox_for_published(wires, id, to.place) else {
                refused += 1;
                continue;
            };
            outbox.tail().extend_from_slice(encoded);
            if outbox.queued_bytes() > high {
                Self::flush_early(wires, id);
            }
        }
        self.fan_out = fan_out;
        (refused, queued)
    }

    /// Copies a small message to each subscriber, without an allocation.
    fn copy_to_each(
        &mut self,
        wires: &mut Wires,
        to: To,
        content: Content<'_>,
        scratch: &mut Vec<u8>,
        compressors: &mut Compressors,
    ) -> usize {
        scratch.clear();
        let has_frame = content.encode(MessageFormat::Frame, scratch);
        let frame_end = scratch.len();
        let has_event = content.encode(MessageFormat::Event, scratch);
        // Made when the first member needs it.
        let mut deflated = None;
        let (frame, event) = scratch.split_at(frame_end);
        let has_form = |form: MessageFormat| if form == MessageFormat::Event { has_event } else { has_frame };
        self.append_to_each(wires, to, content, true, has_form, |look, outbox, masks| {
            let deflated = match look.is_deflated {
                true => deflated.get_or_insert_with(|| compressors.shared_frame(content)).as_deref(),
                false => None,
            };
            let bytes = match look.form {
                MessageFormat::Masked => {
                    content.encode_masked(masks.mask(), deflated, outbox.tail());
                    return;
                }
                MessageFormat::Frame => deflated.unwrap_or(frame),
                MessageFormat::Event => event,
                MessageFormat::Bytes => content.payload().unwrap_or_default(),
            };
            outbox.tail().extend_from_slice(bytes);
        })
    }

    /// Encodes a large message when the first subscriber needs a form, and shares it with all others of that form.
    fn share_with_each(
        &mut self,
        wires: &mut Wires,
        to: To,
        content: Content<'_>,
        compressors: &mut Compressors,
    ) -> usize {
        let (mut frame, mut deflated, event) = (None, None, OnceCell::new());
        let event = || event.get_or_init(|| content.encode_shared(MessageFormat::Event));
        // It has a payload, so only the event may be missing.
        let has_form = |form: MessageFormat| form != MessageFormat::Event || event().is_some();
        self.append_to_each(wires, to, content, false, has_form, |look, outbox, masks| {
            let deflated = match look.is_deflated {
                true => deflated.get_or_insert_with(|| compressors.shared_frame(content)),
                false => &None,
            };
            let shared = match look.form {
                MessageFormat::Masked => {
                    content.encode_masked(masks.mask(), deflated.as_deref(), outbox.tail());
                    return;
                }
                MessageFormat::Frame if deflated.is_some() => deflated,
                MessageFormat::Frame => {
                    frame.get_or_insert_with(|| content.encode_shared(MessageFormat::Frame))
                }
                MessageFormat::Event => event(),
                MessageFormat::Bytes => {
                    outbox.tail().extend_from_slice(content.payload().unwrap_or_default());
                    return;
                }
            };
            shared.iter().for_each(|bytes| outbox.push_shared(bytes));
        })
    }

    /// Appends a message to the outbox of each member but its publisher, and returns to how many. A member whose form the
    /// message does not have gets nothing. If all members have one form, a broadcast begins for those that are not congested.
    #[inline(always)]
    fn append_to_each(
        &mut self,
        wires: &mut Wires,
        to: To,
        content: Content<'_>,
        may_go_on: bool,
        has_form: impl Fn(MessageFormat) -> bool,
        mut append: impl FnMut(DeliveryFormat, &mut Outbox, &mut Masks),
    ) -> usize {
        let To { place, but, window, .. } = to;
        self.end_fan_out(wires);
        let (high, holds) = (wires.lowest_marks().high, self.fragmenting > 0);
        // Lent, because the policy for a slow member needs all of the links. It changes no membership.
        let members = self.topics.take_members(place);
        wires.stats().visits.add(members.len() as u64);
        let mut plan = BroadcastPlan {
            common: members.first().and_then(|id| self.look(*id, window)),
            is_possible: may_go_on && members.len() >= BROADCAST_MEMBERS_MIN,
            left_out: Vec::new(),
            fullest: 0,
        };
        // Members with the message in their queue, or behind the fragments of another: it is counted as sent there.
        let (mut count, mut held_back, mut prepared) = (0, 0, None);
        for &id in &members {
            let look = self.look(id, window);
            plan.is_possible &= look == plan.common;
            if id == but {
                self.plan_for_publisher(wires, id, look, &mut plan);
                continue;
            }
            // Asked first, so that what a member can't get takes nothing from its queue and does not close it.
            let Some(format) = look.filter(|look| has_form(look.form)) else {
                plan.is_possible = false;
                continue;
            };
            if holds {
                if let Some(sent) = self.hold_back_published(wires, id, content, place, &mut prepared) {
                    plan.is_possible = false;
                    held_back += usize::from(sent.is_accepted());
                    continue;
                }
            }
            let outbox = match wires.gathering_outbox(id) {
                Some(outbox) if outbox.queued_bytes() < high => outbox,
                _ => {
                    let is_congested = wires.is_congested(id);
                    if is_congested {
                        self.leave_out(id, look, &mut plan);
                        if self.waits(wires, to, id, content, &mut prepared) {
                            held_back += 1;
                            continue;
                        }
                    }
                    match self.outbox_for_published(wires, id, place) {
                        Some(outbox) => outbox,
                        None => {
                            let waits = self.waits_for_handshake(wires, to, id, content, &mut prepared);
                            held_back += usize::from(waits);
                            plan.is_possible &= is_congested && !waits;
                            continue;
                        }
                    }
                }
            };
            append(format, outbox, &mut self.masks);
            count += 1;
            let queued = outbox.queued_bytes();
            if queued <= high {
                plan.fullest = plan.fullest.max(queued);
            } else {
                // A member that was congested before is left out already. Otherwise this message has congested it.
                plan.is_possible &= plan.left_out.last() == Some(&id);
                Self::flush_early(wires, id);
            }
            if format.is_deflated && self.link(id).protocol.compression().has_own() {
                self.pass_by_own(id);
                plan.is_possible = false;
            }
        }
        self.begin_fan_out(wires, to, members, plan);
        self.metrics.messages_out.add(count as u64);
        count + held_back
    }

    /// Begins a broadcast for the next messages to this topic, or gives the members back.
    fn begin_fan_out(&mut self, wires: &mut Wires, to: To, members: Vec<ConnectionId>, plan: BroadcastPlan) {
        let To { place, is_long, .. } = to;
        let BroadcastPlan { common, is_possible, left_out, fullest } = plan;
        let has_enough = members.len() - left_out.len() >= BROADCAST_MEMBERS_MIN;
        match common.filter(|look| is_possible && has_enough && look.form != MessageFormat::Masked) {
            Some(look) => {
                let (members_count, has_left_out) = (members.len(), !left_out.is_empty());
                self.fan_out = Some(FanOut { place, members: members_count, has_left_out, look, is_long });
                let room = self.lowest_backlog_max(wires, place).saturating_sub(fullest);
                wires.begin_broadcast(members, left_out, room);
            }
            None => self.topics.put_members_back(place, members),
        }
    }

    /// The publisher does not get this message, but may get the next ones.
    #[inline(never)]
    fn plan_for_publisher(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        look: Option<DeliveryFormat>,
        plan: &mut BroadcastPlan,
    ) {
        if wires.is_congested(id) {
            return self.leave_out(id, look, plan);
        }
        let queued = wires.outbox(id).map_or(usize::MAX, |outbox| outbox.queued_bytes());
        plan.fullest = plan.fullest.max(queued);
        plan.is_possible &= queued < wires.lowest_marks().high && !self.needs_own_frames(id, look);
    }

    /// Puts a congested member apart from those that get the broadcast. No broadcast is possible if too many stand apart, or if
    /// this member can't get the same bytes.
    #[cold]
    #[inline(never)]
    fn leave_out(&mut self, id: ConnectionId, look: Option<DeliveryFormat>, plan: &mut BroadcastPlan) {
        plan.is_possible =
            plan.is_possible && plan.left_out.len() < LEFT_OUT_MAX && !self.needs_own_frames(id, look);
        if plan.is_possible {
            plan.left_out.push(id);
        }
    }

    /// Whether a member can't get the same bytes as the others: a message in fragments is being sent to it, or its own
    /// compressor must know its messages.
    #[inline(never)]
    fn needs_own_frames(&mut self, id: ConnectionId, look: Option<DeliveryFormat>) -> bool {
        let has_own =
            look.is_some_and(|look| look.is_deflated) && self.link(id).protocol.compression().has_own();
        has_own || (self.fragmenting > 0 && self.fragments(id).is_some())
    }

    /// How a member gets published messages. `None`: it gets none.
    #[inline(always)]
    fn look(&self, id: ConnectionId, window: Option<u8>) -> Option<DeliveryFormat> {
        let link = &self.table[id.slot()];
        let is_deflated = window.is_some_and(|bits| link.protocol.compression().has_window(bits));
        Some(DeliveryFormat { form: link.protocol.message_format()?, is_deflated })
    }

    /// Queues a published message for a congested connection, if its policy or the topic's has a queue. It is encoded once
    /// for all of them.
    #[cold]
    #[inline(never)]
    fn waits(
        &mut self,
        wires: &mut Wires,
        to: To,
        id: ConnectionId,
        content: Content<'_>,
        prepared: &mut Option<Prepared>,
    ) -> bool {
        let waits = self.policy_of(id, to.place).has_queue() && wires.is_open(id);
        if waits {
            self.wait_in_queue(wires, to, id, content, prepared);
        }
        waits
    }

    /// The same for a connection in a handshake of STARTTLS, whatever the policy: nothing can be sent to it before the end of that.
    #[cold]
    #[inline(never)]
    fn waits_for_handshake(
        &mut self,
        wires: &mut Wires,
        to: To,
        id: ConnectionId,
        content: Content<'_>,
        prepared: &mut Option<Prepared>,
    ) -> bool {
        let waits = wires.is_handshaking(id);
        if waits {
            self.wait_in_queue(wires, to, id, content, prepared);
        }
        waits
    }

    fn wait_in_queue(
        &mut self,
        wires: &mut Wires,
        to: To,
        id: ConnectionId,
        content: Content<'_>,
        prepared: &mut Option<Prepared>,
    ) {
        let message = prepared.get_or_insert_with(|| content.prepare()).clone();
        let bounds = (self.policy_of(id, to.place), self.backlog_max(wires, id, to.place));
        self.queue_up(wires, id, message, to.place, bounds);
    }

    /// Ends the broadcast, and takes the lent list of members back. Called before a connection joins or leaves a topic.
    pub(crate) fn end_fan_out(&mut self, wires: &mut Wires) {
        if let Some(FanOut { place, .. }) = self.fan_out.take() {
            self.topics.put_members_back(place, wires.end_broadcast());
        }
    }

    /// Whether it is a member of a topic here. It may be of another reactor, or gone.
    fn is_member(&self, wires: &Wires, id: ConnectionId, place: usize) -> bool {
        let extra = self.table.get(id.slot()).and_then(|link| link.extra.as_deref());
        wires.contains(id) && extra.is_some_and(|extra| extra.topics.iter().any(|topic| topic.topic == place))
    }
}
