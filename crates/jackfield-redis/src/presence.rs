//! The report of each server about its subscribers: a key for each server, which expires, and a set of all servers with
//! a key.

use crate::pipeline;
use jackfield::BrokerInbox;
use redis::{Connection, RedisResult};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A server without a report for this many intervals is forgotten.
const SPANS: u32 = 3;

/// The most other servers whose reports are read.
const NODES_MAX: usize = 256;

pub(crate) struct Presence {
    /// The interval of this server's reports; disabled by zero.
    every: Duration,
    prefix: String,
    node: u64,
    /// When this server last sent its report, or tried to.
    told: Option<Instant>,
    /// When the reports of the others were last read.
    heard: Option<Instant>,
    /// Servers whose reports were given to the inbox.
    known: BTreeSet<u64>,
}

impl Presence {
    pub(crate) fn new(every: Duration, prefix: &str, node: u64) -> Self {
        Self { every, prefix: prefix.to_owned(), node, told: None, heard: None, known: BTreeSet::new() }
    }

    /// The time until the next report.
    pub(crate) fn time_to_report(&self) -> Duration {
        match self.told {
            _ if self.every.is_zero() => Duration::MAX,
            None => Duration::ZERO,
            Some(told) => self.every.saturating_sub(told.elapsed()),
        }
    }

    /// The connection is new: Redis may have no report of this server.
    pub(crate) fn begin(&mut self) {
        self.told = None;
    }

    /// Sends this server's report, and gives those of the others to the inbox.
    pub(crate) fn sync(&mut self, connection: &mut Connection, inbox: &BrokerInbox) -> RedisResult<()> {
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

    /// Sends the report. Returns the other servers in the set, which may have died since.
    fn tell(&self, connection: &mut Connection, told: &[u8]) -> RedisResult<Vec<u64>> {
        let lives = self.lifetime().as_millis().max(1) as u64;
        let mut pipeline = redis::pipe();
        pipeline.cmd("SET").arg(self.key(self.node)).arg(told).arg("PX").arg(lives);
        pipeline.cmd("SADD").arg(self.set()).arg(names(&[self.node]));
        pipeline.cmd("PEXPIRE").arg(self.set()).arg(lives);
        pipeline.cmd("SMEMBERS").arg(self.set());
        let (_, _, _, names): ((), (), (), BTreeSet<String>) = pipeline::query(connection, &pipeline)?;
        let nodes = names.iter().filter_map(|name| u64::from_str_radix(name, 16).ok());
        Ok(nodes.filter(|node| *node != self.node).take(NODES_MAX).collect())
    }

    /// Deletes the report of a server that ends, so that the others need not wait until it expires.
    pub(crate) fn delete_report(&self, connection: &mut Connection) -> RedisResult<()> {
        if self.told.is_none() {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        pipeline.del(self.key(self.node)).srem(self.set(), names(&[self.node]));
        pipeline::query(connection, &pipeline)
    }

    /// Forgets the other servers if their reports could not be read for long.
    pub(crate) fn forget_if_old(&mut self, inbox: &BrokerInbox) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k2_a_report_holds_for_three_times_the_interval() {
        assert_eq!(Presence::new(Duration::from_secs(2), "", 1).lifetime(), Duration::from_secs(6));
    }
}
