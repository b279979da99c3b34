//! Reads all followed topics at once, on a separate connection and thread, because the read blocks in Redis.

use crate::queue::{Item, Queue};
use crate::stream::{self, Page};
use jackfield::{BrokerInbox, Position};
use redis::{Cmd, Connection, ErrorKind, RedisResult, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a read blocks in Redis if there is nothing new.
pub(crate) const BLOCK: Duration = Duration::from_secs(1);

/// The topics that are read, each with the position up to which it was read.
#[derive(Default)]
pub(crate) struct Followed(Mutex<BTreeMap<Arc<str>, (String, Position)>>);

pub(crate) struct Reader {
    pub(crate) followed: Arc<Followed>,
    /// A stream that gets an entry when the followed topics change.
    pub(crate) wake_key: String,
    pub(crate) queue: Arc<Queue>,
    pub(crate) inbox: BrokerInbox,
    /// The other connection is gone, or the server ends.
    pub(crate) is_over: Arc<AtomicBool>,
}

impl Followed {
    pub(crate) fn insert(&self, topic: &Arc<str>, key: String, position: Position) {
        self.lock().insert(topic.clone(), (key, position));
    }

    pub(crate) fn remove(&self, topic: &str) -> Option<Position> {
        self.lock().remove(topic).map(|(_, position)| position)
    }

    fn list(&self) -> Vec<(Arc<str>, String, Position)> {
        self.lock().iter().map(|(topic, (key, position))| (topic.clone(), key.clone(), *position)).collect()
    }

    fn move_on(&self, topic: &str, to: Position) {
        if let Some((_, position)) = self.lock().get_mut(topic) {
            *position = to.max(*position);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, (String, Position)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    pub(crate) fn run(self, mut connection: Connection) {
        let (mut woken, mut is_readable) = ("0-0".to_owned(), false);
        let mut page = Page::first();
        while !self.is_over() {
            let followed = self.followed.list();
            match self.read(&mut connection, &followed, &mut woken, &mut page) {
                // Another connection has the word.
                _ if self.is_over() => return,
                Ok(()) if is_readable => {}
                Ok(()) => {
                    is_readable = true;
                    self.queue.push(Item::Readable);
                }
                // Redis answers, but refuses to read one of the topics. It does not say which.
                Err(error) if error.kind() != ErrorKind::IoError && !error.is_unrecoverable_error() => {
                    is_readable = false;
                    let topics = followed.into_iter().map(|(topic, ..)| topic).collect();
                    self.queue.push(Item::Refused(topics, error.to_string()));
                    self.queue.sleep(BLOCK);
                    if self.queue.is_stopped() {
                        return;
                    }
                }
                Err(_) => return self.queue.set_broken(),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    fn read(
        &self,
        connection: &mut Connection,
        followed: &[(Arc<str>, String, Position)],
        woken: &mut String,
        page: &mut Page,
    ) -> RedisResult<()> {
        let mut command = Cmd::new();
        command
            .arg("XREAD")
            .arg("COUNT")
            .arg(page.count(followed.len()))
            .arg("BLOCK")
            .arg(BLOCK.as_millis() as u64);
        command.arg("STREAMS");
        let (keys, ids): (Vec<&str>, Vec<String>) =
            followed.iter().map(|(_, key, position)| (&**key, stream::id(*position))).unzip();
        command.arg(keys).arg(&self.wake_key).arg(ids).arg(&*woken);
        self.hand_in(command.query(connection)?, followed, woken, page);
        Ok(())
    }

    /// Gives the inbox what an answer has.
    pub(crate) fn hand_in(
        &self,
        answer: Value,
        followed: &[(Arc<str>, String, Position)],
        woken: &mut String,
        page: &mut Page,
    ) {
        let Value::Array(streams) = answer else { return };
        let (mut entries_read, mut bytes_read) = (Vec::new(), 0);
        for read in streams {
            let Value::Array(mut parts) = read else { continue };
            let [Value::BulkString(key), entries] = &mut parts[..] else { continue };
            let entries = stream::read_entries(std::mem::replace(entries, Value::Nil));
            let Some((last, _)) = entries.last() else { continue };
            if *key == self.wake_key.as_bytes() {
                *woken = stream::id(*last);
            } else if let Some((topic, ..)) = followed.iter().find(|(_, known, _)| known.as_bytes() == key) {
                if self.is_over() {
                    // Another connection has the word, perhaps to another Redis, while this answer was waited for.
                    return;
                }
                self.inbox.receive(topic, &entries);
                self.followed.move_on(topic, *last);
                entries_read.push(entries.len());
                bytes_read += stream::bytes(&entries);
            }
        }
        page.learn(followed.len(), &entries_read, bytes_read);
    }
}
