//! Wakes the reactor when an operation is due, because the reactor's own timers have only milliseconds.

use jackfield_reactor::Driver;
use std::io;
use std::time::Duration;

/// Wakes a reactor after a time that is exact to some microseconds.
///
/// It is a timer of the kernel in the reactor's own event queue: no other thread is woken for it.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Alarm {
    /// # Errors
    /// If the system gives no timer.
    pub(crate) fn new(driver: &mut Driver) -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        // The driver only waits for it to be readable, which a timer is as well as a stream.
        driver.wake_on(timer.try_clone()?.into())?;
        Ok(Self { timer })
    }

    /// Wakes the reactor after this time, and not before.
    pub(crate) fn set(&self, after: Duration) {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        // Zero would mean never.
        let after = after.max(Duration::from_nanos(1));
        let value = Timespec {
            tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: after.subsec_nanos().into(),
        };
        let spec = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        // It fails only for invalid times.
        let set = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &spec);
        debug_assert!(set.is_ok());
    }
}

/// The same with a sleeping thread, for kernels without such a timer.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct Alarm {
    times: std::sync::mpsc::Sender<Duration>,
}

#[cfg(not(target_os = "linux"))]
impl Alarm {
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn new(driver: &mut Driver) -> io::Result<Self> {
        let waker = driver.waker()?;
        let (times, wanted) = std::sync::mpsc::channel::<Duration>();
        std::thread::Builder::new().name("alarm".into()).spawn(move || {
            while let Ok(after) = wanted.recv() {
                std::thread::sleep(after);
                if waker.wake().is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { times })
    }

    /// Wakes the reactor after this time, and not before.
    pub(crate) fn set(&self, after: Duration) {
        // The thread has ended only if the reactor has.
        let _ = self.times.send(after);
    }
}
