//! What each server tells the others of its subscribers: a key of its own that expires, and a set of all that have one.

use jackfield::Inbox;
use redis::{Connection, RedisResult};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A server that has told nothing for this number of spans is forgotten.
const SPANS: u32 = 3;

/// Other servers that are asked for at most.
const NODES_MAX: usize = 256;

pub(crate) struct Presence {
    /// How often this server tells the others; disabled by zero.
    every: Duration,
    prefix: String,
    node: u64,
    /// When it was told last, or tried.
    told: Option<Instant>,
    /// When the others were heard last.
    heard: Option<Instant>,
    /// Servers that have been handed in.
    known: BTreeSet<u64>,
}

impl Presence {
    pub(crate) fn new(every: Duration, prefix: &str, node: u64) -> Self {
        Self { every, prefix: prefix.to_owned(), node, told: None, heard: None, known: BTreeSet::new() }
    }

    /// How long there is until it is to be told.
    pub(crate) fn wait(&self) -> Duration {
        match self.told {
            _ if self.every.is_zero() => Duration::MAX,
            None => Duration::ZERO,
            Some(told) => self.every.saturating_sub(told.elapsed()),
        }
    }

    /// Redis is new, or was away: it may know nothing.
    pub(crate) fn begin(&mut self) {
        self.told = None;
    }

    /// Tells what there is here, and hands in what the others have told.
    pub(crate) fn exchange(&mut self, connection: &mut Connection, inbox: &Inbox) -> RedisResult<()> {
        self.told = Some(Instant::now());
        let nodes = self.tell(connection, &inbox.presence())?;
        let keys: Vec<String> = nodes.iter().map(|node| self.key(*node)).collect();
        let told: Vec<Option<Vec<u8>>> = match keys.is_empty() {
            true => Vec::new(),
            false => redis::cmd("MGET").arg(keys).query(connection)?,
        };
        let mut gone = std::mem::take(&mut self.known);
        for (node, told) in nodes.iter().zip(&told) {
            match told {
                Some(told) => {
                    inbox.set_presence(*node, Some(told));
                    gone.remove(node);
                    self.known.insert(*node);
                }
                None => drop(gone.insert(*node)),
            }
        }
        gone.iter().for_each(|node| inbox.set_presence(*node, None));
        self.heard = Some(Instant::now());
        match gone.is_empty() {
            true => Ok(()),
            false => redis::cmd("SREM").arg(self.set()).arg(names(&gone)).exec(connection),
        }
    }

    /// Gives the other servers that have told something, and may have died since.
    fn tell(&self, connection: &mut Connection, told: &[u8]) -> RedisResult<Vec<u64>> {
        let lives = self.lifetime().as_millis().max(1) as u64;
        let mut pipeline = redis::pipe();
        pipeline.cmd("SET").arg(self.key(self.node)).arg(told).arg("PX").arg(lives).ignore();
        pipeline.cmd("SADD").arg(self.set()).arg(names(&[self.node])).ignore();
        pipeline.cmd("PEXPIRE").arg(self.set()).arg(lives).ignore();
        pipeline.cmd("SMEMBERS").arg(self.set());
        let (names,): (BTreeSet<String>,) = pipeline.query(connection)?;
        let nodes = names.iter().filter_map(|name| u64::from_str_radix(name, 16).ok());
        Ok(nodes.filter(|node| *node != self.node).take(NODES_MAX).collect())
    }

    /// The server ends: the others need not wait until it is forgotten.
    pub(crate) fn end(&self, connection: &mut Connection) -> RedisResult<()> {
        if self.told.is_none() {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        pipeline.del(self.key(self.node)).srem(self.set(), names(&[self.node]));
        pipeline.exec(connection)
    }

    /// If nothing is heard of the others for long, they are forgotten.
    pub(crate) fn forget_if_old(&mut self, inbox: &Inbox) {
        let is_old = self.heard.is_some_and(|heard| heard.elapsed() >= self.lifetime());
        if is_old {
            std::mem::take(&mut self.known).into_iter().for_each(|node| inbox.set_presence(node, None));
        }
    }

    fn lifetime(&self) -> Duration {
        self.every.saturating_mul(SPANS)
    }

    fn key(&self, node: u64) -> String {
        format!("{}:node:{node:x}", self.prefix)
    }

    fn set(&self) -> String {
        format!("{}:nodes", self.prefix)
    }
}

fn names<'a>(nodes: impl IntoIterator<Item = &'a u64>) -> Vec<String> {
    nodes.into_iter().map(|node| format!("{node:x}")).collect()
}
