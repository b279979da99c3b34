//! Who is connected, and what each has yet to be sent. For one thread, so without a lock, and one `Vec` for each seat
//! that changes places with its reader's: it costs less than any channel, which can only be to a peer's advantage.

use std::cell::RefCell;
use std::task::{Context, Poll, Waker};
use std::thread::LocalKey;

/// How many messages may wait for one connection. A connection with more is given up.
const MOST: usize = 1 << 16;

pub struct Hub<T>(RefCell<Seats<T>>);

struct Seats<T> {
    queues: Vec<Queue<T>>,
    free: Vec<usize>,
}

struct Queue<T> {
    taken: bool,
    late: bool,
    waiting: Vec<T>,
    waker: Option<Waker>,
}

impl<T> Default for Hub<T> {
    fn default() -> Self {
        Self(RefCell::new(Seats { queues: Vec::new(), free: Vec::new() }))
    }
}

impl<T: Clone> Hub<T> {
    /// Gives everyone at the hub a copy of the message.
    pub fn publish(&self, message: T) {
        for queue in self.0.borrow_mut().queues.iter_mut().filter(|queue| queue.taken && !queue.late) {
            queue.late = queue.waiting.len() == MOST;
            queue.waiting.push(message.clone());
            if let Some(waker) = queue.waker.take() {
                waker.wake();
            }
        }
    }
}

/// One connection's place at a hub, left when dropped.
pub struct Seat<T: 'static> {
    hub: &'static LocalKey<Hub<T>>,
    id: usize,
}

impl<T> Seat<T> {
    pub fn take(hub: &'static LocalKey<Hub<T>>) -> Self {
        let id = hub.with(|Hub(seats)| {
            let seats = &mut *seats.borrow_mut();
            let id = seats.free.pop().unwrap_or(seats.queues.len());
            if id == seats.queues.len() {
                seats.queues.push(Queue { taken: true, late: false, waiting: Vec::new(), waker: None });
            }
            seats.queues[id].taken = true;
            id
        });
        Self { hub, id }
    }

    /// Puts what waits for this seat into the batch, which is empty: `Ready(false)` if it was more than may wait.
    pub fn poll_take(&self, cx: &mut Context<'_>, batch: &mut Vec<T>) -> Poll<bool> {
        self.hub.with(|Hub(seats)| {
            let queue = &mut seats.borrow_mut().queues[self.id];
            if queue.late {
                return Poll::Ready(false);
            }
            if queue.waiting.is_empty() {
                match &mut queue.waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
                return Poll::Pending;
            }
            std::mem::swap(&mut queue.waiting, batch);
            Poll::Ready(true)
        })
    }
}

impl<T: Clone> Seat<T> {
    pub fn publish(&self, message: T) {
        self.hub.with(|hub| hub.publish(message));
    }
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        // The thread's hub may be dropped before the thread's connections: then there is nothing to do.
        let _ = self.hub.try_with(|Hub(seats)| {
            let seats = &mut *seats.borrow_mut();
            seats.queues[self.id] = Queue { taken: false, late: false, waiting: Vec::new(), waker: None };
            seats.free.push(self.id);
        });
    }
}
