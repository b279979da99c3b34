//! From the command line to a plan.

use super::args::{self, Asked, Mode, Talk, Upgrade};
use crate::base::target;
use crate::bench::plan::{Plan, Play, Tls};
use jackfield_proto::websocket::is_handshake_field;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Makes the plan of a command line.
///
/// # Errors
/// Options that contradict each other, as a sentence.
pub(crate) fn plan(mode: &Mode) -> Result<Plan, String> {
    let mut plan = base(mode)?;
    match mode {
        Mode::Http(args) => talk(&mut plan, &args.talk),
        Mode::Ws(args) => talk(&mut plan, &args.talk),
        Mode::Sse(args) => talk(&mut plan, &args.talk),
        Mode::Raw(args) => talk(&mut plan, &args.talk),
        Mode::Fanout(args) => talk(&mut plan, &args.talk),
        Mode::Connect(args) => (plan.rate, plan.operations) = (args.rate.rate, args.number.number),
        Mode::Idle(_) => {}
    }
    match mode {
        Mode::Http(args) => {
            plan.has_browser_head = args.browser;
            asked(&mut plan, &args.asked)?;
        }
        Mode::Connect(args) => {
            asked(&mut plan, &args.asked)?;
            resume(&mut plan, args.resume)?;
        }
        Mode::Ws(args) => {
            upgrade(&mut plan, &args.upgrade)?;
            message(&mut plan, args)?;
        }
        Mode::Raw(args) => plan.size = args.size,
        Mode::Fanout(args) => {
            upgrade(&mut plan, &args.upgrade)?;
            plan.size = args.size;
        }
        Mode::Sse(args) => {
            plan.size = args.size;
            plan.publish_path = publish_path(args)?;
        }
        Mode::Idle(args) if args.ws => upgrade(&mut plan, &args.upgrade)?,
        Mode::Idle(args) if !args.upgrade.protocols.is_empty() => {
            return Err("--protocol is for WebSockets: add --ws".into());
        }
        Mode::Idle(args) => plan.fields.clone_from(&args.upgrade.headers.fields),
    }
    if mode.common().duration.is_none() && plan.operations.is_some() {
        plan.duration = NUMBER_MAX;
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
    target::check_own(
        common.target.as_ref(),
        &[
            ("--server-pid", common.server_pid.is_some()),
            ("--ca-file", common.ca_file.is_some()),
            ("--insecure", common.insecure),
            ("--resume", matches!(mode, Mode::Connect(args) if args.resume)),
        ],
    )?;
    Ok(Plan {
        target: common.target.clone(),
        server_pid: common.server_pid,
        connections: common.connections as usize,
        path: path(mode, play)?,
        timeout: common.timeout,
        threads: common.threads.into(),
        tls: Tls::of(common.target.as_ref(), common.insecure, common.ca_file.as_deref())?,
        ..Plan::new(play, common.duration.unwrap_or(DURATION))
    })
}

/// The path of the requests: a user's server has its own paths, and the built-in server has those of this tool.
fn path(mode: &Mode, play: Play) -> Result<String, String> {
    let target = mode.common().target.as_ref();
    let path = target.and_then(|target| target.path.as_deref());
    if play == Play::Raw && path.is_some_and(|path| path != "/") {
        return Err("`raw` has no path, it sends bytes over bare TCP; leave the path out of the URL".into());
    }
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
    plan.operations = talk.number.number;
}

fn asked(plan: &mut Plan, asked: &Asked) -> Result<(), String> {
    plan.method.clone_from(&asked.method);
    plan.fields.clone_from(&asked.headers.fields);
    plan.body = match (&asked.body, &asked.body_file) {
        (Some(body), _) => body.clone().into_bytes(),
        (None, Some(file)) => read(file)?,
        (None, None) => Vec::new(),
    };
    Ok(())
}

fn resume(plan: &mut Plan, resumes: bool) -> Result<(), String> {
    plan.tls = match plan.tls.take() {
        Some(tls) if resumes => Some(tls.resuming(plan.connections)),
        None if resumes => {
            return Err("--resume is for targets with TLS, which begin with https:// or wss://".into());
        }
        tls => tls,
    };
    Ok(())
}

fn upgrade(plan: &mut Plan, upgrade: &Upgrade) -> Result<(), String> {
    if let Some((name, _)) = upgrade.headers.fields.iter().find(|(name, _)| is_handshake_field(name)) {
        return Err(format!("`{name}` is written by this tool itself, to open a WebSocket"));
    }
    let mut others = upgrade.protocols.iter();
    while let Some(protocol) = others.next() {
        if others.as_slice().contains(protocol) {
            return Err(format!("--protocol {protocol} is given twice; leave one of them out"));
        }
    }
    plan.fields.clone_from(&upgrade.headers.fields);
    plan.protocols.clone_from(&upgrade.protocols);
    Ok(())
}

fn message(plan: &mut Plan, args: &args::Ws) -> Result<(), String> {
    let message = match (&args.message, &args.message_file) {
        (Some(message), _) => Some(message.clone().into_bytes()),
        (None, Some(file)) => Some(read(file)?),
        (None, None) => None,
    };
    if args.text && message.as_ref().is_some_and(|message| std::str::from_utf8(message).is_err()) {
        return Err("--text sends UTF-8 only, and the file has something else".into());
    }
    plan.is_text = args.text;
    plan.size = message.as_ref().map_or(args.size, Vec::len);
    plan.message = message;
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// The default duration.
const DURATION: Duration = Duration::from_secs(10);
/// The default of the longest time for a number of operations.
const NUMBER_MAX: Duration = Duration::from_secs(3600);
