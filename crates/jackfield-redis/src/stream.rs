//! A topic as a Redis stream: the commands, and the meaning of the answers.
//!
//! The id of an entry is `epoch-offset`. A stream begins with an entry `epoch-0` that has no message; its epoch is the
//! time at which it was made, so a stream that was lost and made again has a higher one.

use jackfield::{History, Position};
use redis::{Cmd, Connection, ErrorKind, FromRedisValue, RedisError, RedisResult, Value};
use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

/// The most entries of a stream that are asked for with one command, and how many of all streams at first.
const ENTRIES_MAX: usize = 1000;
const ENTRIES_FIRST: usize = 16;

/// How many bytes of messages an answer should have at most. Redis can be told only how many entries.
const BYTES: usize = 4 << 20;

/// How often it is tried to find or make a stream, if others make and lose it.
const TRIES: usize = 8;

/// The one field of an entry.
const FIELD: &str = "m";

pub(crate) type Entry = (Position, Vec<u8>);

/// How many entries one answer may have, of all streams together: as many as have room, if they are as large as those before.
#[derive(Clone, Copy)]
pub(crate) struct Page(usize);

impl Page {
    pub(crate) fn first() -> Self {
        Self(ENTRIES_FIRST)
    }

    /// How many entries of each of this number of streams are asked for with one command.
    pub(crate) fn count(self, streams: usize) -> usize {
        (self.0 / streams.max(1)).clamp(1, ENTRIES_MAX)
    }

    /// Learns from the answer about this number of streams: how many entries it had of each that had some, and how many bytes of
    /// messages. If none had as many as were asked for, no more are asked for the next time.
    pub(crate) fn learn(&mut self, streams: usize, found: &[usize], bytes: usize) {
        let (entries, longest) = (found.iter().sum::<usize>(), found.iter().max());
        let Some(longest) = longest.filter(|longest| **longest > 0) else { return };
        // A message without bytes counts as one byte.
        let fits = BYTES.saturating_mul(entries) / bytes.max(entries);
        let most = if *longest < self.count(streams) { self.0 } else { 4 * self.0 };
        self.0 = fits.clamp(1, most);
    }

    fn learn_from(&mut self, entries: &[Entry]) {
        self.learn(1, &[entries.len()], bytes(entries));
    }
}

/// The bytes of all messages.
pub(crate) fn bytes(entries: &[Entry]) -> usize {
    entries.iter().map(|(_, message)| message.len()).sum()
}

/// The key of a topic.
pub(crate) fn key(prefix: &str, topic: &str) -> String {
    format!("{prefix}:topic:{topic}")
}

pub(crate) fn id(position: Position) -> String {
    format!("{}-{}", position.epoch, position.offset)
}

fn position(id: &str) -> Option<Position> {
    let (epoch, offset) = id.split_once('-')?;
    Some(Position { epoch: epoch.parse().ok()?, offset: offset.parse().ok()? })
}

/// The command that adds a message to a stream, within its epoch. If there is no stream, none is made. Everything but the
/// message is encoded once, because it is always the same.
pub(crate) struct Addition(Vec<u8>);

impl Addition {
    pub(crate) fn new(key: &str, history: &History, epoch: u64) -> Self {
        // Redis reads a number with a sign.
        let most = history.events_max().min(i64::MAX as usize).to_string();
        let at = format!("{epoch}-*");
        let parts = ["XADD", key, "NOMKSTREAM", "MAXLEN", "~", &most, &at, FIELD];
        let mut command = format!("*{}\r\n", parts.len() + 1).into_bytes();
        parts.iter().for_each(|part| push_bulk(part.as_bytes(), &mut command));
        Self(command)
    }

    pub(crate) fn push(&self, message: &[u8], pipeline: &mut Vec<u8>) {
        pipeline.extend_from_slice(&self.0);
        push_bulk(message, pipeline);
    }
}

/// Commands that Redis carries out all or none.
pub(crate) fn transaction(commands: &[u8]) -> Vec<u8> {
    [b"*1\r\n$5\r\nMULTI\r\n", commands, b"*1\r\n$4\r\nEXEC\r\n"].concat()
}

/// A string of the protocol RESP.
fn push_bulk(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("${}\r\n", text.len()).as_bytes());
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

/// The result of adding a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    At(Position),
    /// The stream is gone, or has another epoch.
    Elsewhere,
    Refused(String),
}

pub(crate) fn parse_added(answer: &Value) -> Added {
    match answer {
        Value::Nil => Added::Elsewhere,
        Value::ServerError(error) => {
            let text = error.details().unwrap_or_default();
            match text.contains("equal or smaller") {
                true => Added::Elsewhere,
                // In the words that an error of a whole pipeline has: they are compared.
                false => Added::Refused(RedisError::from(error.clone()).to_string()),
            }
        }
        answer => match String::from_redis_value(answer).ok().as_deref().and_then(position) {
            Some(position) => Added::At(position),
            None => Added::Refused("an answer that is no id".into()),
        },
    }
}

/// The position of the newest entry. If there is no stream, one is made, with a higher epoch than `known`.
pub(crate) fn head(connection: &mut Connection, key: &str, known: u64) -> RedisResult<Position> {
    for _ in 0..TRIES {
        if let Some(head) = newest(connection, key)? {
            return Ok(head);
        }
        begin(connection, key, known)?;
    }
    Err(RedisError::from((ErrorKind::TryAgain, "the stream vanishes as soon as it is made")))
}

fn newest(connection: &mut Connection, key: &str) -> RedisResult<Option<Position>> {
    let newest =
        entries(connection, Cmd::new().arg("XREVRANGE").arg(key).arg("+").arg("-").arg("COUNT").arg(1))?;
    Ok(newest.last().map(|(position, _)| *position))
}

/// Begins a new epoch, higher than `known`, unless another server has just done so.
pub(crate) fn begin(connection: &mut Connection, key: &str, known: u64) -> RedisResult<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let id = id(Position { epoch: now.max(known + 1), offset: 0 });
    match Cmd::new().arg("XADD").arg(key).arg(id).arg(FIELD).arg("").query::<Value>(connection) {
        Err(error) if error.detail().is_some_and(|detail| detail.contains("equal or smaller")) => Ok(()),
        answer => answer.map(drop),
    }
}

/// A page of entries after a position.
pub(crate) fn entries_after(
    connection: &mut Connection,
    key: &str,
    after: Position,
    page: &mut Page,
) -> RedisResult<Vec<Entry>> {
    let from = format!("({}", id(after));
    let command =
        Cmd::new().arg("XRANGE").arg(key).arg(from).arg("+").arg("COUNT").arg(page.count(1)).to_owned();
    let entries = entries(connection, &command)?;
    page.learn_from(&entries);
    Ok(entries)
}

/// The newest entries after a position and at least up to `head`, as many as the history keeps. Those that come meanwhile are for the
/// reader: there may be no end of them. They are handed in together: who reads meanwhile must not find one gap after the other.
pub(crate) fn newest_after(
    connection: &mut Connection,
    key: &str,
    after: Position,
    head: Position,
    history: &History,
) -> RedisResult<Vec<Entry>> {
    let (mut newest, mut size, mut at, mut page) = (VecDeque::new(), 0, after, Page::first());
    while at < head {
        let entries = entries_after(connection, key, at, &mut page)?;
        let Some((last, _)) = entries.last() else { break };
        at = *last;
        size += bytes(&entries);
        newest.extend(entries);
        while newest.len() > 1 && (newest.len() > history.events_max() || size > history.bytes_max()) {
            size -= newest.pop_front().map_or(0, |(_, message): Entry| message.len());
        }
    }
    Ok(newest.into())
}

/// The newest entries of an epoch, as many as the history keeps.
pub(crate) fn tail(
    connection: &mut Connection,
    key: &str,
    head: Position,
    history: &History,
) -> RedisResult<Vec<Entry>> {
    let (mut tail, mut size, mut to, mut page) = (Vec::new(), 0, id(head), Page::first());
    let first = id(Position { offset: 0, ..head });
    while tail.len() < history.events_max() && size < history.bytes_max() {
        let most = page.count(1).min(history.events_max() - tail.len());
        let mut found = entries(
            connection,
            Cmd::new().arg("XREVRANGE").arg(key).arg(&to).arg(&first).arg("COUNT").arg(most),
        )?;
        found.reverse();
        let Some((oldest, _)) = found.last() else { break };
        to = format!("({}", id(*oldest));
        page.learn_from(&found);
        let has_room = |entry: &Entry| {
            let has_room = size < history.bytes_max();
            size += entry.1.len();
            has_room
        };
        tail.extend(found.into_iter().take_while(has_room));
    }
    tail.reverse();
    Ok(tail)
}

/// Reads entries, the oldest first.
fn entries(connection: &mut Connection, command: &Cmd) -> RedisResult<Vec<Entry>> {
    let mut entries = read_entries(command.query(connection)?);
    entries.sort_by_key(|(position, _)| *position);
    Ok(entries)
}

/// The entries of a list. Entries of another form are left out, and leave a gap.
pub(crate) fn read_entries(answer: Value) -> Vec<Entry> {
    let Value::Array(entries) = answer else { return Vec::new() };
    entries.into_iter().filter_map(read_entry).collect()
}

fn read_entry(entry: Value) -> Option<Entry> {
    let Value::Array(mut parts) = entry else { return None };
    let [id, Value::Array(fields)] = &mut parts[..] else { return None };
    let position = position(&String::from_redis_value(id).ok()?)?;
    let message = match &mut fields[..] {
        [_, Value::BulkString(message), ..] => std::mem::take(message),
        _ => Vec::new(),
    };
    Some((position, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn ids_are_positions() {
        for (text, expected) in [
            ("7-3", Some((7, 3))),
            ("18446744073709551615-0", Some((u64::MAX, 0))),
            ("7", None),
            ("7-", None),
            ("-3", None),
            ("7-3-1", None),
            ("x-1", None),
        ] {
            let found = position(text);
            assert_eq!(found.map(|position| (position.epoch, position.offset)), expected, "{text}");
            assert!(found.is_none_or(|found| id(found) == text));
        }
    }

    #[test]
    fn an_invalid_entry_is_left_out() {
        let entry = |id: &str, message: &str| {
            Value::Array(vec![bulk(id), Value::Array(vec![bulk("m"), bulk(message)])])
        };
        let answer = Value::Array(vec![
            entry("1-1", "one"),
            entry("nonsense", "x"),
            Value::Nil,
            Value::Array(vec![bulk("1-2")]),
            Value::Array(vec![bulk("1-3"), Value::Array(vec![])]),
            entry("1-4", "four"),
        ]);
        let found: Vec<_> = read_entries(answer)
            .into_iter()
            .map(|(at, message)| (at.offset, String::from_utf8(message).unwrap()))
            .collect();
        assert_eq!(found, [(1, "one".to_owned()), (3, String::new()), (4, "four".to_owned())]);
        assert!(read_entries(Value::Nil).is_empty());
    }

    /// The fault: one command asked for 1000 entries, however large they were.
    #[test]
    fn i374_as_many_entries_are_asked_for_as_have_room() {
        const KIB: usize = 1 << 10;
        for (before, streams, found, bytes, expected) in [
            (16, 1, &[16][..], 16 * 100, 64),
            (64, 1, &[64], 64 * 100, 256),
            (1000, 1, &[1000], 1000 * 100, 1000),
            (1000, 1, &[], 0, 1000),
            (1000, 1, &[1000], 0, 1000),
            (1000, 1, &[40], 40 * 100 * KIB, 40),
            (40, 4, &[10; 4], 40 * 100 * KIB, 10),
            (16, 1, &[16], 16 << 20, 4),
            (16, 1, &[1], 16 << 20, 1),
            (16, 1, &[16], 64 << 20, 1),
            (400, 100, &[4; 100], 400 * 100 * KIB, 1),
            // Answers that were not full say nothing of how many may come at once.
            (4, 1, &[1], 100, 4),
            (8, 2, &[3, 4], 700, 16),
            (8, 2, &[3], 300, 4),
        ] {
            let mut page = Page(before);
            page.learn(streams, found, bytes);
            assert_eq!(
                page.count(streams),
                expected,
                "{before} before, {found:?} of {streams} with {bytes} bytes"
            );
        }
    }

    /// The fault: so many were asked for of each stream, however many streams came after that was learnt.
    #[test]
    fn i451_all_streams_together_are_asked_for_what_has_room() {
        assert_eq!([0, 1, 4, 1000].map(|streams| Page::first().count(streams)), [16, 16, 4, 1]);
        let mut page = Page::first();
        while page.count(1) < ENTRIES_MAX {
            let asked = page.count(1);
            page.learn(1, &[asked], asked * 1000);
        }
        assert!(page.count(500) * 500 * 1000 <= BYTES, "{}", page.count(500));
        assert!(page.count(2) >= 500, "{}", page.count(2));
    }

    #[test]
    fn additions_are_encoded_as_the_client_of_redis_does() {
        let history = History::new(500);
        for message in [&b""[..], b"text", &[0, 13, 10, 255], &[7; 1000]] {
            let mut expected = redis::pipe();
            expected.atomic();
            let mut commands = Vec::new();
            let addition = Addition::new("a key", &history, 12);
            for _ in 0..2 {
                expected.cmd("XADD").arg("a key").arg("NOMKSTREAM").arg("MAXLEN").arg("~").arg(500);
                expected.arg("12-*").arg("m").arg(message);
                addition.push(message, &mut commands);
            }
            assert_eq!(transaction(&commands), expected.get_packed_pipeline());
        }
    }

    /// The fault: Redis refuses a larger number, and so all that was written to a topic bounded in bytes only.
    #[test]
    fn i457_a_history_without_a_bound_of_entries_has_the_highest_that_redis_knows() {
        let addition = Addition::new("key", &History::new(usize::MAX).max_bytes(1000), 1);
        let command = String::from_utf8(addition.0).unwrap();
        assert!(command.contains("\r\n9223372036854775807\r\n"), "{command}");
    }

    /// The fault: what others wrote meanwhile was read too, so there was no end while they wrote without a pause.
    #[test]
    fn i452_what_comes_while_a_topic_is_loaded_is_left_to_the_reader() {
        let (at, mut offset) = (|offset| Position { epoch: 1, offset }, 0);
        // Others write one entry before each of its answers, until it was asked 100 times.
        let mut busy = stub::connect(move |command| {
            offset += usize::from(command == "XRANGE");
            match offset {
                0 => "+OK\r\n".to_owned(),
                1..=100 => format!("*1\r\n*2\r\n+1-{offset}\r\n*2\r\n+m\r\n$1\r\nx\r\n"),
                _ => "*0\r\n".to_owned(),
            }
        });
        let newest = newest_after(&mut busy, "key", at(0), at(3), &History::new(10)).unwrap();
        assert_eq!(newest.iter().map(|(position, _)| position.offset).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn answers_to_additions_are_distinguished() {
        assert_eq!(parse_added(&bulk("5-2")), Added::At(Position { epoch: 5, offset: 2 }));
        assert_eq!(parse_added(&Value::Nil), Added::Elsewhere);
        assert!(matches!(parse_added(&Value::Okay), Added::Refused(_)));
    }
}
