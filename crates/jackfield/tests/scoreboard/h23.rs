//! Async code behind a server: a deferred answer in a task of another runtime, here one of a few lines.

use crate::support;
use jackfield::{Client, Exchange, Reply, Request, Server};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use support::get;
use support::real::{self, Live};

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a task to its end, as the runtimes do: the thread sleeps until the task can go on.
fn block_on<T>(task: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut task = pin!(task);
    loop {
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

/// What comes from elsewhere, asked for by a thread that wakes the task.
async fn from_elsewhere(query: String) -> String {
    let (tell, told) = channel();
    let mut asked = Some((query, tell));
    poll_fn(move |context| {
        if let Some((query, tell)) = asked.take() {
            let waker = context.waker().clone();
            thread::spawn(move || {
                tell.send(format!("{query} from elsewhere")).unwrap();
                waker.wake();
            });
        }
        match told.try_recv() {
            Ok(found) => Poll::Ready(found),
            Err(TryRecvError::Empty) => Poll::Pending,
            Err(TryRecvError::Disconnected) => panic!("nobody tells"),
        }
    })
    .await
}

struct Asker(Sender<(Reply, String)>);

impl Client for Asker {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let path = request.path().to_owned();
        self.0.send((exchange.defer(), path)).unwrap();
    }
}

/// The runtime: a task for each reply.
fn run(tasks: &Receiver<(Reply, String)>) {
    for (reply, path) in tasks {
        let task = async move {
            match &*path {
                "/forget" => {}
                _ => {
                    reply.ok("text/plain", from_elsewhere(path).await);
                }
            }
        };
        thread::spawn(move || block_on(task));
    }
}

#[test]
fn h23_a_reply_moves_into_a_task_that_answers_later() {
    let (tasks, runtime) = channel();
    thread::spawn(move || run(&runtime));
    let live =
        Live::serve(Server::builder().listen("127.0.0.1:0").reactors(1), move |_peer| Asker(tasks.clone()));
    let mut stream = live.connect();
    for path in ["/one", "/two"] {
        assert!(real::ask(&mut stream, get(path)).ends_with(&format!("{path} from elsewhere")));
    }
    assert!(
        real::ask(&mut stream, get("/forget")).starts_with("HTTP/1.1 500"),
        "a task that ends without an answer"
    );
    assert!(
        real::ask(&mut stream, get("/three")).ends_with("/three from elsewhere"),
        "the connection goes on"
    );
}
