//! What a peer is told when its connection ends: one table.
//!
//! Three things decide: what the connection speaks, where it stands, and the reason. [`goodbye`] is the whole table, and
//! decides only; `links/close.rs` acts. The theory behind it:
//!
//! - A peer that can hear why is told why, in the words of its protocol: a status where an answer is owed or a request has
//!   begun, the code of a Close on a WebSocket. Protocols of the user's own have no such words.
//! - What was sent is not destroyed: a connection ends after what is queued. It is reset only if nobody is there to read
//!   that, if what is queued is the trouble, or if the end of a body that the close delimits would look like its end.
//! - Who leaves in good order waits for the peer's Close; who was wronged does not (RFC 6455 section 7.1.7).
//! - A drain answers first what was asked.

use crate::disconnect::reason::{Limit, ProtocolError, Reason, Timeout};
use jackfield_reactor::planted::planted;
use std::borrow::Cow;

/// The protocol of a connection, and its state in that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProtocolState {
    /// It has no client, and will get none.
    New,
    /// HTTP, and no answer is owed. At most a part of a request's head has come.
    Idle,
    /// HTTP, and an answer is owed that has not begun.
    Owed,
    /// HTTP, and an answer is being sent in parts.
    Streaming,
    /// HTTP, and the last answer was given.
    Done,
    WebSocket,
    Events,
    /// A protocol of the user's own.
    Own,
}

/// The state of a connection that is going to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClosingState {
    pub(crate) at: ProtocolState,
    /// The kernel has not taken all that was sent.
    pub(crate) has_backlog: bool,
    /// Memory is scarce in the whole server; the connection is not too large by itself.
    pub(crate) is_scarce: bool,
}

/// What a peer gets when its connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goodbye {
    /// An answer with this status, then the end.
    Status(u16),
    /// A Close with this code; then the peer's Close is awaited.
    Close(u16),
    /// A Close with this code, then the end.
    CloseAndEnd(u16),
    /// The queued bytes, then the end.
    End,
    /// A reset. The queued bytes are dropped.
    Reset,
    /// What has come is read and answered first.
    ReadFirst,
    /// The answer that is owed comes first, with `Connection: close`.
    AnswerFirst,
    /// A `retry:` of an event stream, then the end.
    Retry,
    /// 503 or the busy banner of the listener, then the end.
    Busy,
}

/// How a connection in this state ends for this reason.
#[expect(clippy::match_same_arms, reason = "a table is read row by row")]
pub(crate) fn goodbye(stands: ClosingState, why: Reason) -> Goodbye {
    let ClosingState { at, has_backlog, is_scarce } = stands;
    match (at, why) {
        (ProtocolState::New, _) => Goodbye::Busy,
        (_, Reason::PeerReset | Reason::Io(_) | Reason::Tls | Reason::Proxy | Reason::Connect(_)) => {
            Goodbye::Reset
        }
        (_, Reason::Timeout(Timeout::Heartbeat | Timeout::Write | Timeout::Handshake)) => Goodbye::Reset,
        // The queued bytes are the memory that it holds.
        (_, Reason::Limit(Limit::Memory)) if has_backlog => Goodbye::Reset,
        // Earlier answers are still being sent.
        (ProtocolState::Idle | ProtocolState::Done, Reason::Panic) if has_backlog => Goodbye::End,
        (ProtocolState::Idle | ProtocolState::Done, Reason::Panic) => Goodbye::Reset,
        (ProtocolState::Done, _) => Goodbye::End,
        (ProtocolState::WebSocket, why) => websocket_goodbye(why, is_scarce),
        (ProtocolState::Idle | ProtocolState::Own, Reason::Shutdown | Reason::Timeout(Timeout::Lifetime)) => {
            Goodbye::ReadFirst
        }
        (ProtocolState::Owed, Reason::Panic) if planted(49) => Goodbye::Status(200),
        (ProtocolState::Owed | ProtocolState::Streaming, Reason::Shutdown) if planted(56) => Goodbye::End,
        (
            ProtocolState::Owed | ProtocolState::Streaming,
            Reason::Shutdown | Reason::Timeout(Timeout::Lifetime),
        ) => Goodbye::AnswerFirst,
        (
            ProtocolState::Idle | ProtocolState::Owed | ProtocolState::Streaming,
            Reason::Limit(Limit::Backlog),
        ) => Goodbye::Reset,
        (ProtocolState::Idle | ProtocolState::Owed, why) => {
            status(why, is_scarce).map_or(Goodbye::End, Goodbye::Status)
        }
        (ProtocolState::Streaming, Reason::Local | Reason::Timeout(Timeout::Idle)) => Goodbye::End,
        (ProtocolState::Streaming, _) => Goodbye::Reset,
        (ProtocolState::Events, Reason::Shutdown | Reason::Timeout(Timeout::Lifetime)) => Goodbye::Retry,
        (ProtocolState::Events | ProtocolState::Own, Reason::Panic | Reason::Limit(Limit::Line)) => {
            Goodbye::Reset
        }
        // The server does not know where its messages end.
        (ProtocolState::Own, Reason::Limit(Limit::Backlog)) => Goodbye::Reset,
        (ProtocolState::Events | ProtocolState::Own, _) => Goodbye::End,
    }
}

/// The status for this reason, if there is one.
fn status(why: Reason, is_scarce: bool) -> Option<u16> {
    Some(match why {
        Reason::Protocol(ProtocolError::Http(error)) => error.status(),
        Reason::Timeout(Timeout::Head | Timeout::Body) => 408,
        Reason::Timeout(Timeout::Upgrade | Timeout::Answer) | Reason::Limit(Limit::Overload) => 503,
        Reason::Limit(Limit::Memory) if is_scarce => 503,
        Reason::Limit(Limit::Memory | Limit::ReadBuffer) => 413,
        Reason::Limit(Limit::Rate | Limit::ControlFrames) => 429,
        Reason::Panic => 500,
        _ => return None,
    })
}

/// The close code for this reason (RFC 6455 section 7.4.1, and IANA's registry for 1012 to 1014). Each may be sent.
fn websocket_goodbye(why: Reason, is_scarce: bool) -> Goodbye {
    match why {
        Reason::Local => Goodbye::Close(1000),
        Reason::Shutdown | Reason::Timeout(Timeout::Idle | Timeout::Lifetime) => Goodbye::Close(1001),
        Reason::Timeout(_) => Goodbye::Close(1008),
        Reason::Limit(Limit::Overload | Limit::Connections) => Goodbye::Close(1013),
        Reason::Protocol(ProtocolError::WebSocket(error)) => {
            Goodbye::CloseAndEnd(if planted(70) { 1002 } else { error.close_code() })
        }
        Reason::Protocol(ProtocolError::Http(_)) => Goodbye::CloseAndEnd(1002),
        Reason::Limit(Limit::Memory) if is_scarce => Goodbye::CloseAndEnd(1013),
        Reason::Limit(Limit::Memory | Limit::ReadBuffer | Limit::Line) => Goodbye::CloseAndEnd(1009),
        Reason::Limit(Limit::Rate | Limit::ControlFrames) => Goodbye::CloseAndEnd(1008),
        Reason::Limit(Limit::Backlog) => Goodbye::CloseAndEnd(1013),
        Reason::Panic => Goodbye::CloseAndEnd(1011),
        // The peer is gone.
        Reason::Peer
        | Reason::PeerReset
        | Reason::Io(_)
        | Reason::Tls
        | Reason::Proxy
        | Reason::Connect(_) => Goodbye::End,
    }
}

/// The reason text of a Close; empty if the code is enough.
pub(crate) fn close_text(why: Reason) -> Cow<'static, str> {
    Cow::Borrowed(match why {
        Reason::Protocol(ProtocolError::WebSocket(error)) => return error.to_string().into(),
        Reason::Timeout(Timeout::Idle) => "idle",
        Reason::Timeout(Timeout::Message) | Reason::Limit(Limit::Backlog) => "too slow",
        Reason::Limit(Limit::Memory) => "out of memory",
        Reason::Limit(Limit::Rate) => "too much at once",
        Reason::Limit(Limit::ControlFrames) => "too many control frames",
        Reason::Limit(Limit::Overload) => "overloaded",
        _ => "",
    })
}

/// The `retry:` for the peer of an event stream. `number` spreads the times, as in [`busy_response`].
pub(crate) fn retry_event(number: u64) -> &'static [u8] {
    RETRY[retry_after(number) - 1]
}

/// The 503 for a new HTTP connection. `refused`, the number of earlier refusals, varies its `Retry-After`.
pub(crate) fn busy_response(refused: u64) -> &'static [u8] {
    BUSY[retry_after(refused) - 1]
}

/// The seconds after which a refused peer should come back: 1 to 8, each equally often, so that peers don't come back
/// together. It is not random: the same acts give the same bytes.
fn retry_after(refused: u64) -> usize {
    const STEP: u64 = 5;
    1 + (refused.wrapping_mul(STEP).wrapping_add(STEP - 1) % BUSY.len() as u64) as usize
}

macro_rules! busy {
    ($seconds:literal) => {
        concat!(
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: ",
            $seconds,
            "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .as_bytes()
    };
}

macro_rules! retry {
    ($seconds:literal) => {
        concat!("retry: ", $seconds, "000\n\n").as_bytes()
    };
}

const RETRY: [&[u8]; 8] =
    [retry!(1), retry!(2), retry!(3), retry!(4), retry!(5), retry!(6), retry!(7), retry!(8)];

const BUSY: [&[u8]; 8] = [busy!(1), busy!(2), busy!(3), busy!(4), busy!(5), busy!(6), busy!(7), busy!(8)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disconnect::{CLASSES, ConnectError};
    use jackfield_proto::{http1, websocket};
    use std::io::ErrorKind;

    #[test]
    fn refused_connections_get_different_retry_times() {
        let mut seconds: Vec<usize> = (0..8).map(retry_after).collect();
        assert_eq!(seconds[0], 5);
        assert_eq!((busy_response(0), retry_event(0)), (busy!(5), retry!(5)));
        seconds.sort_unstable();
        assert_eq!(seconds, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    const PLACES: [ProtocolState; 8] = [
        ProtocolState::New,
        ProtocolState::Idle,
        ProtocolState::Owed,
        ProtocolState::Streaming,
        ProtocolState::Done,
        ProtocolState::WebSocket,
        ProtocolState::Events,
        ProtocolState::Own,
    ];

    /// Without a backlog, and with enough memory. One reason of each class.
    const ROWS: [(Reason, &str); CLASSES] = [
        // in the order of `PLACES`: New, Idle, Owed, Streaming, Done, WebSocket, Events, Own
        (Reason::Peer, "busy end end reset end end end end"),
        (Reason::PeerReset, "busy reset reset reset reset reset reset reset"),
        (Reason::Local, "busy end end end end close:1000 end end"),
        (Reason::Timeout(Timeout::Idle), "busy end end end end close:1001 end end"),
        (Reason::Timeout(Timeout::Head), "busy 408 408 reset end close:1008 end end"),
        (Reason::Timeout(Timeout::Body), "busy 408 408 reset end close:1008 end end"),
        (Reason::Timeout(Timeout::Message), "busy end end reset end close:1008 end end"),
        (Reason::Timeout(Timeout::Heartbeat), "busy reset reset reset reset reset reset reset"),
        (Reason::Timeout(Timeout::Write), "busy reset reset reset reset reset reset reset"),
        (Reason::Timeout(Timeout::Handshake), "busy reset reset reset reset reset reset reset"),
        (Reason::Timeout(Timeout::Upgrade), "busy 503 503 reset end close:1008 end end"),
        (Reason::Timeout(Timeout::Answer), "busy 503 503 reset end close:1008 end end"),
        (Reason::Timeout(Timeout::Lifetime), "busy read answer answer end close:1001 retry read"),
        (
            Reason::Protocol(ProtocolError::Http(http1::Error::Target)),
            "busy 400 400 reset end end:1002 end end",
        ),
        (
            Reason::Protocol(ProtocolError::WebSocket(websocket::Error::MessageTooLong)),
            "busy end end reset end end:1009 end end",
        ),
        (Reason::Limit(Limit::Backlog), "busy reset reset reset end end:1013 end reset"),
        (Reason::Limit(Limit::ReadBuffer), "busy 413 413 reset end end:1009 end end"),
        (Reason::Limit(Limit::Line), "busy end end reset end end:1009 reset reset"),
        (Reason::Limit(Limit::Memory), "busy 413 413 reset end end:1009 end end"),
        (Reason::Limit(Limit::Rate), "busy 429 429 reset end end:1008 end end"),
        (Reason::Limit(Limit::ControlFrames), "busy 429 429 reset end end:1008 end end"),
        (Reason::Limit(Limit::Overload), "busy 503 503 reset end close:1013 end end"),
        (Reason::Limit(Limit::Connections), "busy end end reset end close:1013 end end"),
        (Reason::Tls, "busy reset reset reset reset reset reset reset"),
        (Reason::Proxy, "busy reset reset reset reset reset reset reset"),
        (Reason::Connect(ConnectError::Timeout), "busy reset reset reset reset reset reset reset"),
        (Reason::Io(ErrorKind::Other), "busy reset reset reset reset reset reset reset"),
        (Reason::Panic, "busy reset 500 reset reset end:1011 reset reset"),
        (Reason::Shutdown, "busy read answer answer end close:1001 retry read"),
    ];

    /// Rows that differ with a backlog.
    const WITH_BACKLOG: [(Reason, &str); 2] = [
        (Reason::Limit(Limit::Memory), "busy reset reset reset reset reset reset reset"),
        (Reason::Panic, "busy end 500 reset end end:1011 reset reset"),
    ];

    /// Rows that differ if memory is scarce.
    const SCARCE: [(Reason, &str); 1] =
        [(Reason::Limit(Limit::Memory), "busy 503 503 reset end end:1013 end end")];

    fn expected(why: Reason, has_backlog: bool, is_scarce: bool) -> &'static str {
        let special = [(has_backlog, &WITH_BACKLOG[..]), (is_scarce, &SCARCE[..])];
        let special = special.iter().filter(|(applies, _)| *applies).flat_map(|(_, rows)| rows.iter());
        let rows = special.chain(&ROWS);
        rows.map(|&(reason, row)| (reason, row)).find(|(reason, _)| *reason == why).map_or("", |(_, row)| row)
    }

    fn shown(goodbye: Goodbye) -> String {
        match goodbye {
            Goodbye::Status(status) => status.to_string(),
            Goodbye::Close(code) => format!("close:{code}"),
            Goodbye::CloseAndEnd(code) => format!("end:{code}"),
            Goodbye::End => "end".into(),
            Goodbye::Reset => "reset".into(),
            Goodbye::ReadFirst => "read".into(),
            Goodbye::AnswerFirst => "answer".into(),
            Goodbye::Retry => "retry".into(),
            Goodbye::Busy => "busy".into(),
        }
    }

    #[test]
    fn every_end_in_every_state_has_its_last_message() {
        let mut classes: Vec<usize> = ROWS.iter().map(|(why, _)| why.class()).collect();
        classes.sort_unstable();
        assert_eq!(classes, (0..CLASSES).collect::<Vec<_>>(), "a row for each reason");
        for (why, _) in ROWS {
            for (has_backlog, is_scarce) in [(false, false), (true, false), (false, true), (true, true)] {
                let told = PLACES.map(|at| shown(goodbye(ClosingState { at, has_backlog, is_scarce }, why)));
                assert_eq!(
                    told.join(" "),
                    expected(why, has_backlog, is_scarce),
                    "{why:?}, backlog: {has_backlog}, scarce: {is_scarce}"
                );
            }
        }
    }

    /// With a code that must not be sent, no Close would be sent.
    #[test]
    fn each_code_may_be_sent_and_its_text_fits() {
        for (why, _) in ROWS {
            for is_scarce in [false, true] {
                if let Goodbye::Close(code) | Goodbye::CloseAndEnd(code) = websocket_goodbye(why, is_scarce) {
                    assert!(websocket::is_valid_close_code(code), "{why:?}: {code}");
                    assert!(close_text(why).len() <= 123, "{why:?}");
                }
            }
        }
    }
}
