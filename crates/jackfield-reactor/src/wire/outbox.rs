//! Bytes to be sent, in order.

use crate::planted::planted;
use crate::session::Session;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// The bytes that are queued for one peer, in order. Encoders append to the *tail*. Before it there can be *pieces*: whole
/// bodies, and bytes that are shared with other outboxes.
///
/// After [`Outbox::begin_messages`] it can tell which message the kernel has begun to take. A buffer is freed only when the
/// kernel has all of it. So the first buffer begins at a message or at a part of one, or with bytes from before all messages,
/// or it is the rest of one message or part.
#[derive(Debug, Default)]
pub struct Outbox {
    tail: Vec<u8>,
    /// Bytes at the front of the tail that the kernel has taken.
    sent: usize,
    /// Bytes at the front of the tail, sent or not, that come before the first message.
    head: usize,
    pieces: VecDeque<Piece>,
    /// Unsent bytes of the pieces.
    piece_bytes: usize,
    /// The part of them that counts towards the bound.
    piece_bytes_counted: usize,
    /// Bytes on the heap that its own pieces take.
    owned_bytes: usize,
    /// The part of them that are whole bodies.
    body_bytes: usize,
    /// Its charge in the account of its reactor.
    pub(crate) charged: u32,
}

#[derive(Debug)]
struct Piece {
    bytes: PieceBytes,
    /// Bytes at its front that the kernel has taken. Only the first piece has any.
    sent: usize,
    /// Bytes at its front, sent or not, that come before the first message.
    head: usize,
    /// It is the rest of a message, or of a part of one, that has begun. Only the first piece is.
    is_rest: bool,
    counts: bool,
}

#[derive(Debug)]
enum PieceBytes {
    Owned(Vec<u8>),
    Shared(Arc<[u8]>),
}

/// The smallest piece that is kept by reference, in bytes. A shorter piece is copied: that costs less than a reference
/// count and an own slice in the write.
pub const SHARE_BYTES_MIN: usize = 2048;
/// From this size on, in bytes, a payload should be written without a copy into the outbox: see
/// [`Wires::write_through`](crate::Wires::write_through).
pub const WRITE_THROUGH_BYTES_MIN: usize = 8 << 10;
/// A pooled outbox keeps at most this capacity.
const TAIL_BYTES_KEPT: usize = 64 << 10;
/// Slices in one write: few in nearly every case, otherwise the most that the system takes.
const SLICES_FEW: usize = 32;
const SLICES_MAX: usize = 1024;

impl Outbox {
    /// The end of the queue, where encoders append.
    #[inline(always)]
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// Queued bytes that the kernel has not taken.
    #[inline(always)]
    pub fn queued_bytes(&self) -> usize {
        self.piece_bytes + self.tail.len() - self.sent
    }

    /// The queued bytes that count towards [`Limits::outbox_bytes_max`](crate::Limits::outbox_bytes_max): all but whole
    /// bodies.
    #[inline(always)]
    pub fn counted_bytes(&self) -> usize {
        self.queued_bytes() - (self.piece_bytes - self.piece_bytes_counted)
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.piece_bytes | self.tail.len() == 0
    }

    /// Bytes that it takes on the heap. Shared bytes belong to their maker and do not count.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.tail.capacity()
            + self.pieces.capacity() * size_of::<Piece>()
            + self.owned_bytes
    }

    /// The part of [`Outbox::heap_bytes`] that whole bodies take.
    pub(crate) fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    /// Appends bytes that other outboxes have too. From [`SHARE_BYTES_MIN`] on they are shared; fewer are copied.
    pub fn push_shared(&mut self, bytes: &Arc<[u8]>) {
        if bytes.len() < SHARE_BYTES_MIN {
            return self.tail.extend_from_slice(bytes);
        }
        self.push(PieceBytes::Shared(bytes.clone()), true);
    }

    /// Appends a whole shared body. From [`SHARE_BYTES_MIN`] on it does not count towards the limit; a shorter one is
    /// copied and counts.
    pub fn push_shared_body(&mut self, bytes: Arc<[u8]>) {
        if bytes.len() < SHARE_BYTES_MIN {
            return self.tail.extend_from_slice(&bytes);
        }
        self.push(PieceBytes::Shared(bytes), false);
    }

    /// Appends a whole body and takes ownership of it. From [`SHARE_BYTES_MIN`] on it does not count towards the limit; a
    /// shorter one is copied and counts.
    pub fn push_owned_body(&mut self, bytes: Vec<u8>) {
        if bytes.len() < SHARE_BYTES_MIN {
            return self.tail.extend_from_slice(&bytes);
        }
        self.push(PieceBytes::Owned(bytes), false);
    }

    /// Marks the beginning of the messages. Bytes that were appended before belong to no message, and are never dropped.
    /// From now on each message must be appended whole, or in parts that show that they are parts, so that
    /// [`Wires::drop_backlog`](crate::Wires::drop_backlog) can tell which one has begun.
    pub fn begin_messages(&mut self) {
        self.head = self.tail.len();
        self.pieces.iter_mut().for_each(|piece| piece.head = piece.bytes().len());
    }

    /// Queued bytes, without those that come before the first message.
    pub(crate) fn queued_message_bytes(&self) -> usize {
        let heads = self.pieces.iter().map(Piece::unsent_head).take_while(|bytes| *bytes > 0);
        self.queued_bytes() - heads.sum::<usize>() - self.head.saturating_sub(self.sent)
    }

    /// Drops all messages that have not begun, and returns the number of dropped bytes. `begun_bytes` gets whole messages, or
    /// parts of them, and how many of these bytes the kernel has taken. It returns the length of those at their front that
    /// belong to messages which have begun.
    #[cold]
    pub(crate) fn drop_unbegun(&mut self, begun_bytes: fn(&[u8], usize) -> usize) -> usize {
        let before = self.queued_bytes();
        // Behind the first byte that is dropped nothing has begun.
        let mut is_dropping = false;
        let mut kept = |bytes: &[u8], sent: usize, head: usize| {
            let begun = || head + begun_bytes(&bytes[head..], sent.saturating_sub(head));
            let end = if is_dropping { 0 } else { begun().min(bytes.len()) };
            is_dropping = end < bytes.len();
            end
        };
        let mut pieces = std::mem::take(&mut self.pieces);
        (self.piece_bytes, self.piece_bytes_counted, self.owned_bytes, self.body_bytes) = (0, 0, 0, 0);
        for mut piece in pieces.drain(..) {
            if !piece.is_rest {
                match kept(piece.bytes(), piece.sent, piece.head) {
                    0 => continue,
                    end => piece.shorten(end),
                }
            }
            self.push_piece(piece);
        }
        let end = kept(&self.tail, self.sent, self.head);
        self.tail.truncate(end);
        self.tail.shrink_to(TAIL_BYTES_KEPT);
        self.take_from_tail(0);
        before - self.queued_bytes()
    }

    fn push(&mut self, bytes: PieceBytes, counts: bool) {
        if !self.tail.is_empty() && !planted(13) {
            self.turn_tail_into_piece();
        }
        self.push_piece(Piece { bytes, sent: 0, head: 0, is_rest: false, counts });
    }

    fn turn_tail_into_piece(&mut self) {
        let bytes = PieceBytes::Owned(std::mem::take(&mut self.tail));
        let (sent, head) = (std::mem::take(&mut self.sent), std::mem::take(&mut self.head));
        self.push_piece(Piece { bytes, sent, head, is_rest: false, counts: true });
    }

    fn push_piece(&mut self, piece: Piece) {
        let len = piece.unsent().len();
        if len == 0 {
            return;
        }
        self.piece_bytes += len;
        self.piece_bytes_counted += if piece.counts { len } else { 0 };
        self.owned_bytes += piece.owned_bytes();
        self.body_bytes += piece.body_bytes();
        self.pieces.push_back(piece);
    }

    /// One write. Returns how many bytes were taken.
    #[inline(always)]
    pub(crate) fn write_to(&mut self, session: &mut Session) -> io::Result<usize> {
        if self.piece_bytes != 0 {
            return self.write_pieces(session, &[]);
        }
        let taken = session.write(&self.tail[self.sent..])?;
        self.take_from_tail(taken);
        Ok(taken)
    }

    /// Writes up to this number of bytes, until the kernel takes less than it is given.
    #[cold]
    pub(crate) fn write_some(&mut self, session: &mut Session, bytes_max: usize) -> io::Result<usize> {
        let mut total = 0;
        while total < bytes_max && !self.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_FEW];
            let own = self.pieces.iter().map(Piece::unsent).chain([&self.tail[self.sent..]]);
            let (mut count, mut given) = (0, 0);
            for (slice, bytes) in slices.iter_mut().zip(own) {
                let bytes = &bytes[..bytes.len().min(bytes_max - total - given)];
                *slice = IoSlice::new(bytes);
                count += 1;
                given += bytes.len();
            }
            let taken = match session.write_vectored(&slices[..count]) {
                Err(_) if total > 0 => return Ok(total),
                written => written?,
            };
            self.take(taken);
            total += taken;
            if taken < given {
                break;
            }
        }
        Ok(total)
    }

    /// Writes the queued bytes, then `header` and `payload`, in one call. Only what the kernel does not take is copied.
    pub(crate) fn write_through(
        &mut self,
        session: &mut Session,
        header: &[u8],
        payload: &[u8],
    ) -> io::Result<usize> {
        let written = if self.piece_bytes == 0 {
            self.write_plain_through(session, header, payload)
        } else {
            self.write_pieces(session, &[header, payload])
        };
        if written.is_err() {
            self.keep_unsent(&[header, payload], 0);
        }
        written
    }

    /// The usual case: no piece waits.
    fn write_plain_through(
        &mut self,
        session: &mut Session,
        header: &[u8],
        payload: &[u8],
    ) -> io::Result<usize> {
        let slices = [&self.tail[self.sent..], header, payload].map(IoSlice::new);
        // Often nothing waits, so an empty slice is left out.
        let from = usize::from(slices[0].is_empty());
        let taken = session.write_vectored(&slices[from..])?;
        let left = self.take(taken);
        if left < header.len() + payload.len() {
            self.keep_unsent(&[header, payload], left);
        }
        Ok(taken)
    }

    /// Writes until the kernel takes less than it is given, nearly always once. More than one write is needed if there
    /// are more pieces than slices: for the rest no writable event would come.
    #[inline(never)]
    fn write_pieces(&mut self, session: &mut Session, extra: &[&[u8]]) -> io::Result<usize> {
        let mut total = 0;
        loop {
            let slices = self.pieces.len() + 1 + extra.len();
            let now = if slices <= SLICES_MAX { extra } else { &[] };
            let written = if slices <= SLICES_FEW {
                self.write_slices::<SLICES_FEW>(session, now)
            } else {
                self.write_slices::<SLICES_MAX>(session, now)
            };
            let (given, taken) = match written {
                Err(_) if total > 0 => (1, 0),
                written => written?,
            };
            total += taken;
            let left = self.take(taken);
            if taken < given || slices <= SLICES_MAX {
                self.keep_unsent(extra, if planted(15) { 0 } else { left });
                return Ok(total);
            }
        }
    }

    /// Keeps a copy of the bytes that the kernel did not take of a message that was written without a copy.
    fn keep_unsent(&mut self, extra: &[&[u8]], taken: usize) {
        let mut gone = taken;
        for bytes in extra {
            let begin = gone.min(bytes.len());
            gone -= begin;
            self.tail.extend_from_slice(&bytes[begin..]);
        }
        if taken > 0 && !self.tail.is_empty() {
            let bytes = PieceBytes::Owned(std::mem::take(&mut self.tail));
            self.push_piece(Piece { bytes, sent: 0, head: 0, is_rest: true, counts: true });
        }
    }

    /// One write. Returns how many bytes were offered, and how many were taken.
    fn write_slices<const N: usize>(
        &self,
        session: &mut Session,
        extra: &[&[u8]],
    ) -> io::Result<(usize, usize)> {
        let mut slices = [IoSlice::new(&[]); N];
        let own = self.pieces.iter().map(Piece::unsent).chain([&self.tail[self.sent..]]);
        let (mut count, mut given) = (0, 0);
        for (slice, bytes) in slices.iter_mut().zip(own.chain(extra.iter().copied())) {
            *slice = IoSlice::new(bytes);
            count += 1;
            given += bytes.len();
        }
        Ok((given, session.write_vectored(&slices[..count])?))
    }

    /// The kernel took `taken` bytes. Returns how many of them were not from this outbox.
    fn take(&mut self, mut taken: usize) -> usize {
        while let Some(piece) = self.pieces.front_mut() {
            let left = piece.unsent().len();
            let gone = taken.min(left);
            self.piece_bytes -= gone;
            self.piece_bytes_counted -= if piece.counts { gone } else { 0 };
            taken -= gone;
            if gone < left {
                piece.sent += if planted(14) { 0 } else { gone };
                return 0;
            }
            self.owned_bytes -= piece.owned_bytes();
            self.body_bytes -= piece.body_bytes();
            self.pieces.pop_front();
        }
        let own = taken.min(self.tail.len() - self.sent);
        self.take_from_tail(own);
        taken - own
    }

    #[inline(always)]
    fn take_from_tail(&mut self, taken: usize) {
        self.sent += taken;
        if self.sent == self.tail.len() {
            self.tail.clear();
            (self.sent, self.head) = (0, 0);
        } else if self.sent > TAIL_BYTES_KEPT && self.sent > self.tail.len() / 2 {
            // Otherwise the tail of a stream that is never empty would grow for ever.
            self.turn_tail_into_piece();
        }
    }

    /// Takes all queued bytes as one piece. The outbox is empty after it.
    #[cfg(feature = "tls")]
    pub(crate) fn take_all(&mut self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.queued_bytes());
        for piece in self.pieces.iter().map(Piece::unsent).chain([&self.tail[self.sent..]]) {
            all.extend_from_slice(piece);
        }
        *self = Self { charged: self.charged, ..Self::default() };
        all
    }

    /// Empties it for the pool, and frees a large buffer.
    #[inline(always)]
    pub(crate) fn reset(&mut self) {
        if self.heap_bytes() > size_of::<Self>() + TAIL_BYTES_KEPT || !self.is_empty() {
            *self = Self::default();
        }
    }
}

impl Piece {
    fn owned_bytes(&self) -> usize {
        match &self.bytes {
            PieceBytes::Owned(bytes) => bytes.capacity(),
            PieceBytes::Shared(_) => 0,
        }
    }

    fn body_bytes(&self) -> usize {
        if self.counts { 0 } else { self.owned_bytes() }
    }

    fn bytes(&self) -> &[u8] {
        match &self.bytes {
            PieceBytes::Owned(bytes) => bytes,
            PieceBytes::Shared(bytes) => bytes,
        }
    }

    fn unsent(&self) -> &[u8] {
        &self.bytes()[self.sent..]
    }

    fn unsent_head(&self) -> usize {
        self.head.saturating_sub(self.sent)
    }

    /// Keeps this many of its bytes, and drops the rest. A shared piece is one message, and stays whole.
    fn shorten(&mut self, bytes: usize) {
        if let PieceBytes::Owned(own) = &mut self.bytes {
            own.truncate(bytes);
            own.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;
    use crate::stream::pipe::Pipe;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Act {
        Append(Vec<u8>),
        Share(Vec<u8>),
        Own(Vec<u8>),
        Through(Vec<u8>),
        Room(usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        let bytes = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..50),
            prop::collection::vec(any::<u8>(), SHARE_BYTES_MIN..SHARE_BYTES_MIN + 50),
        ];
        prop_oneof![
            bytes.clone().prop_map(Act::Append),
            bytes.clone().prop_map(Act::Share),
            bytes.clone().prop_map(Act::Own),
            bytes.prop_map(Act::Through),
            (0usize..4000).prop_map(Act::Room),
        ]
    }

    proptest! {
        /// All bytes leave in order, however they were appended and however little the kernel takes at a time.
        #[test]
        fn an_outbox_writes_all_bytes_in_order(acts in prop::collection::vec(act(), 0..60)) {
            let (near, far) = Pipe::pair();
            let mut session = Session::Plain(Stream::Memory(near));
            let (mut outbox, mut wanted) = (Outbox::default(), Vec::new());
            far.set_room(Some(0));
            for act in acts {
                match act {
                    Act::Append(bytes) => { wanted.extend(&bytes); outbox.tail().extend(&bytes) }
                    Act::Share(bytes) => { wanted.extend(&bytes); outbox.push_shared(&bytes.into()) }
                    Act::Own(bytes) => { wanted.extend(&bytes); outbox.push_owned_body(bytes) }
                    Act::Through(bytes) => {
                        wanted.extend(b"head");
                        wanted.extend(&bytes);
                        let _ = outbox.write_through(&mut session, b"head", &bytes);
                    }
                    Act::Room(room) => {
                        far.set_room(Some(room));
                        let _ = outbox.write_to(&mut session);
                    }
                }
                prop_assert_eq!(outbox.queued_bytes(), wanted.len() - far.bytes_received());
                prop_assert!(outbox.counted_bytes() <= outbox.queued_bytes());
            }
            far.set_room(None);
            while outbox.queued_bytes() > 0 {
                outbox.write_to(&mut session).unwrap();
            }
            prop_assert!(outbox.is_empty());
            prop_assert_eq!(far.take(), wanted);
        }
    }

    /// In the length of a part: it goes on with the message before it.
    const GOES_ON: u32 = 1 << 31;

    /// A message or a part of one: its length in four bytes, and then its bytes.
    fn part(len: usize, fill: u8, goes_on: bool) -> Vec<u8> {
        let mark = if goes_on { GOES_ON } else { 0 };
        [&(len as u32 | mark).to_be_bytes()[..], &vec![fill; len]].concat()
    }

    fn begun_bytes(bytes: &[u8], taken: usize) -> usize {
        let mut end = 0;
        while end < bytes.len() {
            let length = u32::from_be_bytes(bytes[end..end + 4].try_into().unwrap());
            if end >= taken && length & GOES_ON == 0 {
                break;
            }
            end += 4 + (length & !GOES_ON) as usize;
        }
        end
    }

    proptest! {
        /// Whenever the backlog is dropped, the peer gets the head, all messages that have begun, and later output, and
        /// nothing else.
        #[test]
        fn a_message_that_has_begun_is_kept_and_no_other(
            head in prop::collection::vec(0usize..5000, 0..3),
            acts in prop::collection::vec(
                (0usize..6, prop_oneof![0usize..50, 2000usize..9000], 0usize..9000), 0..40,
            ),
            drops in 1usize..20,
        ) {
            let (near, far) = Pipe::pair();
            let mut session = Session::Plain(Stream::Memory(near));
            let mut outbox = Outbox::default();
            let mut wanted = Vec::new();
            far.set_room(Some(0));
            for len in head {
                wanted.extend(vec![b'h'; len]);
                if len % 2 == 0 { outbox.push_owned_body(vec![b'h'; len]) } else { outbox.tail().extend(vec![b'h'; len]) }
            }
            outbox.begin_messages();
            // The ends of the messages that are still in the outbox.
            let mut ends = vec![wanted.len()];
            let mut may_go_on = false;
            for (number, (how, len, room)) in acts.into_iter().enumerate() {
                let goes_on = how % 2 == 1 && may_go_on;
                let bytes = part(len, number as u8, goes_on);
                wanted.extend(&bytes);
                if goes_on {
                    ends.pop();
                }
                ends.push(wanted.len());
                may_go_on = true;
                match how % 4 {
                    0 => outbox.push_shared(&bytes.into()),
                    1 => drop(outbox.write_through(&mut session, &bytes[..4], &bytes[4..])),
                    _ => outbox.tail().extend(bytes),
                }
                prop_assert_eq!(outbox.queued_message_bytes(), wanted.len() - far.bytes_received().max(ends[0]));
                far.set_room(Some(room));
                let _ = outbox.write_to(&mut session);
                far.set_room(Some(room % 300));
                if number % drops == drops - 1 {
                    let end = ends.iter().copied().find(|end| *end >= far.bytes_received()).unwrap();
                    let dropped = outbox.drop_unbegun(begun_bytes);
                    may_go_on = false;
                    prop_assert_eq!(dropped, wanted.len() - end);
                    wanted.truncate(end);
                    ends.retain(|earlier| *earlier <= end);
                    prop_assert_eq!(outbox.queued_bytes(), wanted.len() - far.bytes_received());
                    prop_assert!(outbox.heap_bytes() < 3 * outbox.queued_bytes() + 2 * TAIL_BYTES_KEPT + 20_000);
                }
            }
            far.set_room(None);
            while outbox.queued_bytes() > 0 {
                outbox.write_to(&mut session).unwrap();
            }
            prop_assert!(outbox.is_empty());
            prop_assert_eq!(far.take(), wanted);
        }
    }

    #[test]
    fn a_stream_that_never_runs_dry_stays_small() {
        let (near, far) = Pipe::pair();
        let (mut session, mut outbox) = (Session::Plain(Stream::Memory(near)), Outbox::default());
        outbox.tail().extend([0; 1000]);
        for _ in 0..10_000 {
            outbox.tail().extend([0; 1000]);
            far.set_room(Some(1000));
            outbox.write_to(&mut session).unwrap();
            far.take();
        }
        assert_eq!(outbox.queued_bytes(), 1000);
        assert!(outbox.heap_bytes() < 4 * TAIL_BYTES_KEPT);
    }
}
