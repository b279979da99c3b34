//! From the command line to a plan.

use super::args::{self, Mode, Talk};
use crate::bench::plan::{Plan, Play};

/// What the command line asks for.
///
/// # Errors
/// What makes no sense together, as a sentence.
pub(crate) fn plan(mode: &Mode) -> Result<Plan, String> {
    let mut plan = base(mode)?;
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
        Mode::Http(args) => plan.has_browser_head = args.browser,
        Mode::Ws(args::Ws { size, .. })
        | Mode::Raw(args::Raw { size, .. })
        | Mode::Fanout(args::Fanout { size, .. }) => plan.size = *size,
        Mode::Sse(args) => {
            plan.size = args.size;
            plan.publish_path = publish_path(args)?;
        }
        Mode::Idle(_) | Mode::Connect(_) => {}
    }
    plan.check()
}

fn base(mode: &Mode) -> Result<Plan, String> {
    let play = match mode {
        Mode::Http(_) => Play::Http,
        Mode::Ws(_) => Play::Ws,
        Mode::Sse(_) => Play::Sse,
        Mode::Raw(_) => Play::Raw,
        Mode::Idle(args) if args.ws => Play::IdleWs,
        Mode::Idle(_) => Play::IdleHttp,
        Mode::Connect(_) => Play::Connect,
        Mode::Fanout(_) => Play::Fanout,
    };
    let common = mode.common();
    Ok(Plan {
        target: common.target.clone(),
        server_pid: common.server_pid,
        connections: common.connections as usize,
        path: path(mode, play)?,
        timeout: common.timeout,
        threads: common.threads.into(),
        ..Plan::new(play, common.duration)
    })
}

/// Where it goes: a server of the user's own has its own paths, and only the built-in one those of this tool.
fn path(mode: &Mode, play: Play) -> Result<String, String> {
    let target = mode.common().target.as_ref();
    match (mode.path(), target) {
        (Some(_), Some(target)) if target.path.is_some() => {
            Err("the path is given twice, in the URL and with --path; leave one of them out".into())
        }
        (Some(path), _) => Ok(path.clone()),
        (None, Some(target)) => Ok(target.path.clone().unwrap_or_else(|| "/".into())),
        (None, None) => Ok(play.built_in_path().to_owned()),
    }
}

fn publish_path(args: &args::Sse) -> Result<String, String> {
    match (&args.publish_path, &args.talk.common.target) {
        (Some(path), _) => Ok(path.clone()),
        (None, None) => Ok("/publish".into()),
        (None, Some(_)) => {
            Err("the path that events are posted to is missing: add --publish-path PATH".into())
        }
    }
}

fn talk(plan: &mut Plan, talk: &Talk) {
    plan.rate = talk.rate.rate;
    plan.pipeline = talk.pipeline as usize;
    plan.slow_readers = talk.slow_readers as usize;
}
