//! Lines that wait to be written: a buffer for each reactor, and a thread that empties them.

use super::fast_line::LINE_BYTES;
use super::stamp::Stamp;
use crate::guard::{discard, guard, panic_text};
use std::io::{self, Write};
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
    /// Since the thread last looked, a line came into an empty lane, or the end.
    is_due: AtomicBool,
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
            is_due: AtomicBool::new(false),
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
            self.wake();
        }
        is_appended
    }

    fn wake(&self) {
        self.lanes.is_due.store(true, Ordering::Release);
        self.writer.unpark();
    }

    pub(super) fn dropped(&self) -> Arc<AtomicU64> {
        self.lanes.dropped.clone()
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.lanes.is_over.store(true, Ordering::Release);
        self.wake();
        if let Some(join) = self.join.take() {
            // The thread panics only if the user's sink does when it is dropped, and that does not concern the server.
            if let Err(payload) = join.join() {
                discard(payload);
            }
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
            self.wait();
            if !self.is_over.load(Ordering::Acquire) {
                thread::sleep(GATHER);
            }
        }
    }

    /// Sleeps until there is something to do. A sink that parks this thread itself may have used up the wake-up of a line; so a
    /// flag says what is due, and between a look at it and `park` nothing of the user's runs.
    fn wait(&self) {
        while !self.is_due.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

fn write(sink: &mut Box<dyn Write + Send>, lines: &[u8], has_failed: &mut bool) {
    if lines.is_empty() {
        return;
    }
    let written = guard(|| sink.write_all(lines).and_then(|()| sink.flush())).unwrap_or_else(|payload| {
        let error = io::Error::other(panic_text(&*payload));
        discard(payload);
        Err(error)
    });
    match written {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{self, Receiver, Sender};

    /// What does not come about is waited for with an end.
    const LONG: Duration = Duration::from_secs(60);

    /// A sink that parks its thread until there is room, as many channels do. It says when it begins to wait, and looks for room
    /// only when it was woken.
    struct Parks {
        begun: Sender<()>,
        room: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Parks {
        fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
            let _ = self.begun.send(());
            thread::park();
            while self.room.try_recv().is_err() {
                thread::park();
            }
            self.written.lock().unwrap().extend_from_slice(lines);
            Ok(lines.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The fault: what woke the thread for a line, or for the end, was used up by the sink. So the line was not written, and the
    /// server never ended.
    #[test]
    fn i340_a_sink_may_park_its_thread() {
        let (begun, begins) = mpsc::channel();
        let (give_room, room) = mpsc::channel();
        let (ended, ends) = mpsc::channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let spool = Spool::start(Box::new(Parks { begun, room, written: written.clone() })).unwrap();
        thread::spawn(move || {
            for line in ["one ", "two ", "three"] {
                spool.append(0, 0, |lines| {
                    lines.bytes.extend_from_slice(line.as_bytes());
                    true
                });
                begins.recv().unwrap();
                give_room.send(()).unwrap();
            }
            drop(spool);
            ended.send(()).unwrap();
        });
        ends.recv_timeout(LONG).expect("all lines are written, and it ends");
        assert_eq!(*written.lock().unwrap(), b"one two three");
    }
}
