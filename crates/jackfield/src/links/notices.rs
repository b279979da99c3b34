//! Notices that tell a client when the kernel has taken all that was sent before.

use std::collections::VecDeque;

/// The notices of a connection, the oldest first. Each is due when the kernel has taken all that was sent before it.
#[derive(Debug, Default)]
pub(crate) struct Notices(VecDeque<Notice>);

#[derive(Debug)]
struct Notice {
    /// Due when the kernel has taken this many bytes of the connection.
    at: u64,
    tag: u64,
}

/// The most notices that may wait on a connection.
pub(crate) const NOTICES_MAX: usize = 1024;

/// Capacity that is kept when no notice waits.
const NOTICES_KEPT: usize = 8;

impl Notices {
    pub(crate) fn push(&mut self, at: u64, tag: u64) {
        self.0.push_back(Notice { at, tag });
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The number of notices that are due when the kernel has taken this many bytes.
    pub(crate) fn due(&self, written: u64) -> usize {
        self.0.iter().take_while(|notice| notice.at <= written).count()
    }

    pub(crate) fn pop(&mut self) -> Option<u64> {
        let notice = self.0.pop_front()?;
        if self.0.is_empty() {
            self.0.shrink_to(NOTICES_KEPT);
        }
        Some(notice.tag)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.0.capacity() * size_of::<Notice>()
    }
}
