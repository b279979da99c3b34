//! A few threads for blocking work, so that reactors do not block.

use crate::guard::{discard, guard, panic_text};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The result of a job of [`Connection::offload`](crate::Connection::offload): what it returned, or that it panicked.
pub type Offloaded<T> = Result<T, JobPanicked>;

/// A job panicked. Its thread goes on with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPanicked(String);

impl JobPanicked {
    /// The message of the panic; empty if it was not a text.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the job panicked: {}", self.0)
    }
}

impl std::error::Error for JobPanicked {}

/// Runs a job, and returns its result or that it panicked.
pub(crate) fn attempt<T>(job: impl FnOnce() -> T) -> Offloaded<T> {
    guard(job).map_err(|payload| {
        let text = panic_text(&*payload).to_owned();
        discard(payload);
        JobPanicked(text)
    })
}

/// Threads that are started when they are needed, up to a number, and jobs that wait for them.
pub(crate) enum Pool {
    Threads(Arc<Queue>),
    /// Jobs run at once on the caller's thread. For a server in memory, whose order must always be the same.
    #[cfg(feature = "test-util")]
    Inline,
    /// Jobs wait until they are taken. For a simulation, which decides when each is done.
    #[cfg(feature = "sim")]
    Held(HeldJobs),
}

/// Jobs that wait until they are taken.
#[cfg(feature = "sim")]
#[derive(Clone, Default)]
pub(crate) struct HeldJobs(Arc<Mutex<VecDeque<Job>>>);

pub(crate) type Job = Box<dyn FnOnce() + Send>;

pub(crate) struct Queue {
    inside: Mutex<Inside>,
    has_work: Condvar,
    /// The name of its threads, for the tools of the system.
    name: &'static str,
    threads_max: usize,
}

#[derive(Default)]
struct Inside {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    is_over: bool,
}

impl Pool {
    pub(crate) fn new(name: &'static str, threads_max: usize) -> Self {
        let (inside, has_work) = (Mutex::default(), Condvar::new());
        Self::Threads(Arc::new(Queue { inside, has_work, name, threads_max }))
    }

    /// Adds a job. False, and the job is not made, if [`JOBS_MAX`] jobs wait already, no thread can be started, or the
    /// server has ended.
    pub(crate) fn submit(&self, make: impl FnOnce() -> Job) -> bool {
        self.put(JOBS_MAX, make)
    }

    /// The same for a job that must not be refused. Each connection has at most one such job.
    pub(crate) fn submit_reserved(&self, job: Job) -> bool {
        self.put(usize::MAX, || job)
    }

    fn put(&self, jobs_max: usize, make: impl FnOnce() -> Job) -> bool {
        match self {
            Self::Threads(queue) => queue.put(jobs_max, make),
            #[cfg(feature = "test-util")]
            Self::Inline => {
                make()();
                true
            }
            #[cfg(feature = "sim")]
            Self::Held(jobs) => {
                jobs.lock().push_back(make());
                true
            }
        }
    }

    /// Jobs that wait are dropped; those that run go on, and their threads end after them.
    pub(crate) fn end(&self) {
        match self {
            Self::Threads(queue) => queue.end(),
            #[cfg(feature = "test-util")]
            Self::Inline => {}
            #[cfg(feature = "sim")]
            Self::Held(jobs) => jobs.lock().clear(),
        }
    }
}

#[cfg(feature = "sim")]
impl HeldJobs {
    /// Takes the job that has waited longest.
    pub(crate) fn take(&self) -> Option<Job> {
        self.lock().pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn put(self: &Arc<Self>, jobs_max: usize, make: impl FnOnce() -> Job) -> bool {
        let mut inside = self.lock();
        if inside.is_over || inside.jobs.len() >= jobs_max {
            return false;
        }
        if inside.idle <= inside.jobs.len() && inside.threads < self.threads_max {
            match self.start_thread() {
                Ok(()) => inside.threads += 1,
                Err(error) if inside.threads == 0 => {
                    log::error!(target: "jackfield::offload", "can't start a thread for blocking work: {error}");
                    return false;
                }
                Err(_) => {}
            }
        }
        inside.jobs.push_back(make());
        drop(inside);
        self.has_work.notify_one();
        true
    }

    fn start_thread(self: &Arc<Self>) -> io::Result<()> {
        let queue = self.clone();
        thread::Builder::new().name(self.name.into()).spawn(move || queue.run()).map(drop)
    }

    fn run(&self) {
        let mut inside = self.lock();
        loop {
            if let Some(job) = inside.jobs.pop_front() {
                drop(inside);
                // A panic of the job is in its result. A panic of its `Drop` must not end the thread.
                let _ = attempt(job);
                inside = self.lock();
            } else if inside.is_over {
                return;
            } else {
                inside.idle += 1;
                inside = self.has_work.wait(inside).unwrap_or_else(PoisonError::into_inner);
                inside.idle -= 1;
            }
        }
    }

    fn end(&self) {
        let mut inside = self.lock();
        inside.is_over = true;
        let jobs = std::mem::take(&mut inside.jobs);
        drop(inside);
        self.has_work.notify_all();
        // The user's jobs, whose `Drop` may panic: each by itself, because a panic while another is under way aborts.
        for job in jobs {
            let _ = attempt(|| drop(job));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Jobs that wait for a thread.
pub(crate) const JOBS_MAX: usize = 1024;
/// Threads of the pool, unless the server was given another number.
pub(crate) const THREADS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// With all threads busy and the queue full, the next job is refused.
    #[test]
    fn x8_a_full_pool_is_reported() {
        let pool = Pool::new("test", 2);
        let (started, starts) = mpsc::channel();
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for _ in 0..2 {
            let (started, gate) = (started.clone(), gate.clone());
            assert!(pool.submit(|| Box::new(move || {
                started.send(()).unwrap();
                let _ = gate.lock().unwrap().recv();
            })));
        }
        starts.recv().unwrap();
        starts.recv().unwrap();
        for _ in 0..JOBS_MAX {
            let started = started.clone();
            assert!(pool.submit(|| Box::new(move || started.send(()).unwrap())));
        }
        assert!(!pool.submit(|| unreachable!("it is not made")));
        let reserved = started.clone();
        assert!(pool.submit_reserved(Box::new(move || reserved.send(()).unwrap())));
        drop(release);
        (0..=JOBS_MAX).for_each(|_| starts.recv().unwrap());
        pool.end();
        assert!(!pool.submit(|| unreachable!("it has ended")));
    }

    fn threads(pool: &Pool) -> (usize, usize) {
        let Pool::Threads(queue) = pool else { unreachable!("it has threads") };
        let inside = queue.lock();
        (inside.threads, inside.idle)
    }

    #[test]
    fn x8_four_threads_are_started_when_they_are_needed() {
        let pool = Pool::new("test", THREADS_MAX);
        assert_eq!(threads(&pool), (0, 0));
        let (sender, results) = mpsc::channel();
        for number in 0..3 {
            let sender = sender.clone();
            pool.submit(|| Box::new(move || sender.send(number).unwrap()));
            assert_eq!(results.recv(), Ok(number));
            // One job after the other needs one thread.
            while threads(&pool) != (1, 1) {
                thread::yield_now();
            }
        }
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for busy in [1, 2, 3, 4, 4, 4] {
            let gate = gate.clone();
            pool.submit(|| {
                Box::new(move || {
                    let _ = gate.lock().unwrap().recv();
                })
            });
            // A thread that is waking up counts as idle, so the next job waits until it has its own.
            while threads(&pool).1 > 0 {
                thread::yield_now();
            }
            assert_eq!(threads(&pool).0, busy);
        }
        drop(release);
        pool.end();
    }

    struct Bomb(mpsc::Sender<()>);

    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
            panic!("a bomb goes off");
        }
    }

    /// The fault: the second panic came while the first one was under way, and aborted the process.
    #[test]
    fn i376_each_job_that_waits_at_the_end_may_panic_when_it_is_dropped() {
        const BOMBS: usize = 3;
        let pool = Pool::new("test", 1);
        let (started, starts) = mpsc::channel();
        let (release, gate) = mpsc::channel::<()>();
        pool.submit(|| {
            Box::new(move || {
                started.send(()).unwrap();
                let _ = gate.recv();
            })
        });
        starts.recv().unwrap();
        let (sender, dropped) = mpsc::channel();
        for _ in 0..BOMBS {
            let bomb = Bomb(sender.clone());
            assert!(pool.submit(|| Box::new(move || drop(bomb))));
        }
        pool.end();
        assert_eq!(dropped.try_iter().count(), BOMBS);
        drop(release);
    }

    #[test]
    fn x8_a_panic_is_reported_and_costs_no_thread() {
        let pool = Pool::new("test", 1);
        let (sender, results) = mpsc::channel();
        for number in 0..3 {
            let sender = sender.clone();
            let job = move || if number == 1 { panic!("number {number}") } else { number };
            pool.submit(|| Box::new(move || sender.send(attempt(job)).unwrap()));
        }
        let results: Vec<_> = results.iter().take(3).collect();
        assert_eq!(results, [Ok(0), Err(JobPanicked("number 1".into())), Ok(2)]);
    }
}
