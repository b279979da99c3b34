//! From the command line to a plan.

use super::args::{self, Mode, Talk};
use crate::bench::fanout::MESSAGE_BYTES_MIN;
use crate::bench::plan::{Plan, Play};
use crate::bench::sse::PUBLICATION_BYTES_MIN;

/// What the command line asks for.
///
/// # Errors
/// What makes no sense together, as a sentence.
pub(crate) fn plan(mode: &Mode) -> Result<Plan, String> {
    let mut plan = base(mode);
    match mode {
        Mode::Http(args) => talk(&mut plan, &args.talk),
        Mode::Ws(args) => talk(&mut plan, &args.talk),
        Mode::Sse(args) => talk(&mut plan, &args.talk),
        Mode::Raw(args) => talk(&mut plan, &args.talk),
        Mode::Fanout(args) => talk(&mut plan, &args.talk),
        Mode::Connect(args) => plan.rate = args.rate.rate,
        Mode::Idle(_) => {}
    }
    match mode {
        Mode::Ws(args::Ws { size, .. }) | Mode::Raw(args::Raw { size, .. }) => plan.size = *size,
        Mode::Sse(args) => {
            plan.size = args.size.max(PUBLICATION_BYTES_MIN);
            plan.publish_path.clone_from(&args.publish_path);
        }
        Mode::Fanout(args) => plan.size = args.size.max(MESSAGE_BYTES_MIN),
        Mode::Http(_) | Mode::Idle(_) | Mode::Connect(_) => {}
    }
    if let Some(path) = plan.target.as_ref().and_then(|target| target.path.clone()) {
        plan.path = path;
    }
    plan.check()
}

fn base(mode: &Mode) -> Plan {
    let (play, path) = match mode {
        Mode::Http(args) => (Play::Http, &*args.path),
        Mode::Ws(args) => (Play::Ws, &*args.path),
        Mode::Sse(args) => (Play::Sse, &*args.path),
        Mode::Raw(_) => (Play::Raw, ""),
        Mode::Idle(args) if args.ws => (Play::IdleWs, args.path.as_deref().unwrap_or("/")),
        Mode::Idle(args) => (Play::IdleHttp, args.path.as_deref().unwrap_or("/plaintext")),
        Mode::Connect(args) => (Play::Connect, &*args.path),
        Mode::Fanout(args) => (Play::Fanout, &*args.path),
    };
    let common = mode.common();
    Plan {
        play,
        target: common.target.clone(),
        server_pid: common.server_pid,
        connections: common.connections as usize,
        slow_readers: 0,
        rate: None,
        pipeline: 1,
        size: 0,
        path: path.to_owned(),
        publish_path: String::new(),
        duration: common.duration,
        operations: None,
        publishers: usize::MAX,
        has_browser_head: matches!(mode, Mode::Http(args::Http { browser: true, .. })),
        is_constant: false,
    }
}

fn talk(plan: &mut Plan, talk: &Talk) {
    plan.rate = talk.rate.rate;
    plan.pipeline = talk.pipeline as usize;
    plan.slow_readers = talk.slow_readers as usize;
}
