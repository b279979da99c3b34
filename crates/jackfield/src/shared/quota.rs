//! How many new connections an overloaded reactor still admits.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The new connections that an overloaded reactor still admits. The accepting reactor takes from it.
#[derive(Debug)]
pub(crate) struct Quota(AtomicUsize);

impl Quota {
    const ENDLESS: usize = usize::MAX;

    /// `None`: any number.
    pub(crate) fn set(&self, quota: Option<usize>) {
        self.0.store(quota.unwrap_or(Self::ENDLESS), Ordering::Relaxed);
    }

    /// Takes a place for one new connection. False: there is none.
    pub(crate) fn take(&self) -> bool {
        let one_less = |quota: usize| if quota == Self::ENDLESS { None } else { quota.checked_sub(1) };
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        taken.is_ok() || taken == Err(Self::ENDLESS)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Default for Quota {
    fn default() -> Self {
        Self(AtomicUsize::new(Self::ENDLESS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_is_taken_once_each() {
        let quota = Quota::default();
        assert!(quota.take() && quota.take());
        quota.set(Some(1));
        assert!(quota.take() && !quota.take() && quota.is_empty());
    }
}
