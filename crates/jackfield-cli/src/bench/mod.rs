//! The load generator.
//!
//! [`Plan`] says what is done, and [`Server`] to which server. The [`engine`] is the client on all connections. Each
//! mode has a file: [`http`], [`ws`], [`sse`], [`raw`], [`idle`], [`fanout`]. [`run`] leads through the phases of a
//! run, and [`Outcome`] is the result.

pub(crate) mod alarm;
pub(crate) mod engine;
pub(crate) mod fanout;
pub(crate) mod http;
pub(crate) mod idle;
pub(crate) mod laps;
pub mod outcome;
pub(crate) mod pace;
pub mod plan;
pub(crate) mod published;
pub(crate) mod raw;
pub mod request;
pub(crate) mod run;
#[cfg(test)]
mod run_tests;
pub mod server;
pub(crate) mod speaker;
#[cfg(test)]
mod speaker_tests;
pub(crate) mod sse;
pub(crate) mod tally;
pub(crate) mod worker;
pub(crate) mod ws;

use crate::base::error::Error;
use crate::base::progress::Progress;
use fanout::{Fanout, Members};
use http::Http;
use idle::Idle;
use outcome::Outcome;
use plan::{Plan, Play};
use raw::Raw;
use request::Request;
use server::Server;
use sse::{Feed, Sse};
use std::sync::atomic::AtomicBool;
use ws::{Opening, Sockets, Ws};

/// Carries the plan out, to its end.
///
/// # Errors
/// If nothing can be measured.
pub fn bench(plan: &Plan, server: &Server) -> Result<Outcome, Error> {
    bench_until(&AtomicBool::new(false), plan, server, Progress::new())?.complete()
}

/// Carries the plan out until it is interrupted.
///
/// # Errors
/// If the system fails this process.
pub(crate) fn bench_until(
    stop: &AtomicBool,
    plan: &Plan,
    server: &Server,
    progress: Progress,
) -> Result<Outcome, Error> {
    let (host, path) = (&*server.host, &*plan.path);
    let request = Request {
        method: &plan.method,
        path,
        host,
        fields: &plan.fields,
        is_browser: plan.has_browser_head,
        closes: plan.play == Play::Connect,
        body: &plan.body,
    };
    let opening = Opening { host, path, protocols: &plan.protocols, fields: &plan.fields };
    match plan.play {
        Play::Http | Play::Connect => {
            let others = plan.others.iter().map(|other| {
                let request = Request {
                    method: &other.method,
                    path: &other.path,
                    fields: &other.fields,
                    body: &other.body,
                    ..request
                };
                (request, other.weight)
            });
            let requests: Vec<(Request<'_>, u32)> =
                [(request, plan.weight)].into_iter().chain(others).collect();
            run::run(|| Http::of(&requests), plan, server, stop, progress)
        }
        Play::Ws => run::run(|| Ws::new(&opening, &plan.payload()), plan, server, stop, progress),
        Play::Raw => run::run(|| Raw::new(plan.size), plan, server, stop, progress),
        Play::IdleHttp => run::run(|| Idle::Http(Http::new(&request)), plan, server, stop, progress),
        Play::IdleWs => run::run(|| Idle::WebSocket(Sockets::new(&opening)), plan, server, stop, progress),
        Play::Fanout => run::run(|| Fanout::new(&opening, &Members::of(plan)), plan, server, stop, progress),
        Play::Sse => run::run(|| Sse::new(&feed(plan, host)), plan, server, stop, progress),
    }
}

/// Bytes of the frame of a message of this size.
pub fn frame_bytes(size: usize) -> usize {
    Ws::frame_bytes(size)
}

/// Bytes of the request that has something published to the event streams of a plan.
pub fn publication_bytes(plan: &Plan, host: &str) -> usize {
    Sse::new(&feed(plan, host)).publication_bytes()
}

fn feed<'a>(plan: &'a Plan, host: &'a str) -> Feed<'a> {
    Feed {
        host,
        path: &plan.path,
        publish_path: &plan.publish_path,
        bytes: plan.size,
        streams: plan.connections,
        slow_readers: plan.slow_readers,
        ahead: plan.rate.is_none().then_some(plan.pipeline),
        is_bursty: plan.is_constant,
    }
}
