//! Lines that wait to be written: a buffer for each reactor, and a thread that empties them.

use super::fast_line::LINE_BYTES;
use super::stamp::Stamp;
use crate::shared::panic_text;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

/// Writes appended lines until it is dropped. The drop returns when all lines are written.
pub(super) struct Spool {
    lanes: Arc<Lanes>,
    writer: Thread,
    join: Option<JoinHandle<()>>,
}

struct Lanes {
    /// If there are more reactors, several share a lane.
    lanes: [Lane; LANES],
    /// Lines that were dropped so far.
    dropped: Arc<AtomicU64>,
    is_over: AtomicBool,
}

/// On its own cache lines, because its reactor's thread locks it for each exchange.
#[derive(Default)]
#[repr(align(128))]
struct Lane(Mutex<Lines>);

#[derive(Default)]
pub(super) struct Lines {
    pub(super) bytes: Vec<u8>,
    pub(super) stamp: Stamp,
}

impl Spool {
    pub(super) fn start(sink: Box<dyn Write + Send>) -> io::Result<Self> {
        let lanes = Arc::new(Lanes {
            lanes: Default::default(),
            dropped: Arc::default(),
            is_over: AtomicBool::new(false),
        });
        let theirs = lanes.clone();
        let join = thread::Builder::new().name("access-log".into()).spawn(move || theirs.run(sink))?;
        Ok(Self { lanes, writer: join.thread().clone(), join: Some(join) })
    }

    /// Appends a line of this reactor, and returns the result of `append`. A line for which there is no room is dropped
    /// and counted.
    #[inline(always)]
    pub(super) fn append(
        &self,
        reactor: usize,
        unix_seconds: u64,
        line: impl FnOnce(&mut Lines) -> bool,
    ) -> bool {
        let lane = &self.lanes.lanes[reactor % LANES];
        let mut lines = lane.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.bytes.len() >= LANE_BYTES_MAX {
            self.lanes.dropped.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        let was_empty = lines.bytes.is_empty();
        if was_empty {
            // Reserves the whole bound: pages that are not used cost nothing.
            lines.bytes.reserve(LANE_BYTES_MAX + LINE_BYTES);
        }
        lines.stamp.renew(unix_seconds);
        let is_appended = line(&mut lines);
        drop(lines);
        if was_empty && is_appended {
            self.writer.unpark();
        }
        is_appended
    }

    pub(super) fn dropped(&self) -> Arc<AtomicU64> {
        self.lanes.dropped.clone()
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.lanes.is_over.store(true, Ordering::Release);
        self.writer.unpark();
        if let Some(join) = self.join.take() {
            // The thread panics only if the user's sink does when it is dropped, and that does not concern the server.
            let _ = join.join();
        }
    }
}

impl Lanes {
    /// Sleeps until the first line, lets more gather, and writes them.
    fn run(&self, mut sink: Box<dyn Write + Send>) {
        let (mut taken, mut has_failed, mut reported) = (Vec::new(), false, 0);
        loop {
            let is_over = self.is_over.load(Ordering::Acquire);
            for lane in &self.lanes {
                std::mem::swap(&mut lane.0.lock().unwrap_or_else(PoisonError::into_inner).bytes, &mut taken);
                write(&mut sink, &taken, &mut has_failed);
                taken.clear();
                let dropped = self.dropped.load(Ordering::Relaxed);
                if dropped > reported {
                    let more = dropped - reported;
                    log::warn!(target: "jackfield::access", "{more} lines of the access log were dropped: it is written too slowly");
                    reported = dropped;
                }
            }
            if is_over {
                return;
            }
            thread::park();
            if !self.is_over.load(Ordering::Acquire) {
                thread::sleep(GATHER);
            }
        }
    }
}

fn write(sink: &mut Box<dyn Write + Send>, lines: &[u8], has_failed: &mut bool) {
    if lines.is_empty() {
        return;
    }
    let written = catch_unwind(AssertUnwindSafe(|| sink.write_all(lines).and_then(|()| sink.flush())));
    match written.unwrap_or_else(|payload| Err(io::Error::other(panic_text(&*payload)))) {
        Ok(()) => *has_failed = false,
        Err(error) if !*has_failed => {
            *has_failed = true;
            log::error!(target: "jackfield::access", "the access log can't be written: {error}");
        }
        Err(_) => {}
    }
}

const LANES: usize = 16;
/// The most bytes of a reactor's waiting lines; the last line may exceed it.
const LANE_BYTES_MAX: usize = 1 << 20;
/// The time for which lines gather before they are written.
const GATHER: Duration = Duration::from_millis(50);
