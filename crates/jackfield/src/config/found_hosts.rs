//! The hosts that were found on demand.

use crate::config::host::Host;
use crate::config::host_facts::HostConfig;
use std::collections::VecDeque;
use std::sync::Arc;

/// The most hosts found on demand that are kept.
const FOUND_MAX: usize = 1024;

/// Hosts that were found on demand, the oldest first.
#[derive(Debug, Default)]
pub(super) struct FoundHosts(VecDeque<FoundHost>);

#[derive(Debug)]
struct FoundHost {
    host: Host,
    /// The name that was asked for, if only a star of the host stands for it. The star answers for no other name: the closure may have
    /// a host with stricter rules for that.
    by_star: Option<String>,
    config: Arc<HostConfig>,
}

impl FoundHosts {
    /// Keeps a host that was found for this name. It takes the place of one with the same names, unless a star stands for what was
    /// asked for: then each name has its own place.
    pub(super) fn keep(&mut self, asked: &str, host: Host, config: Arc<HostConfig>) {
        let is_by_star = !host.has_exactly(asked) && host.has_star_for(asked);
        let by_star = is_by_star.then(|| asked.to_ascii_lowercase());
        self.0.retain(|kept| kept.host.names != host.names || kept.by_star != by_star);
        if self.0.len() >= FOUND_MAX {
            self.0.pop_front();
        }
        self.0.push_back(FoundHost { host, by_star, config });
    }

    /// The host with this name, or one that was found for it.
    pub(super) fn get(&self, asked: &str) -> Option<Arc<HostConfig>> {
        // The newest first: hosts with different names may have some in common.
        let newest =
            |is_it: fn(&FoundHost, &str) -> bool| self.0.iter().rev().find(|found| is_it(found, asked));
        let found = newest(FoundHost::has_name).or_else(|| newest(FoundHost::was_asked_for))?;
        Some(found.config.clone())
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    #[cfg(feature = "expiry")]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Host, &Arc<HostConfig>)> {
        self.0.iter().map(|found| (&found.host, &found.config))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl FoundHost {
    fn has_name(&self, asked: &str) -> bool {
        self.host.has_exactly(asked)
    }

    fn was_asked_for(&self, asked: &str) -> bool {
        self.by_star.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(asked))
    }
}
