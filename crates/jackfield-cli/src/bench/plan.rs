//! What is to be done: the command line, checked and the same for all modes.

use super::target::Target;
use crate::args::bench::{self as args, Common, Mode, Talk};
use std::time::Duration;

/// One run of the load generator.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) play: Play,
    pub(crate) target: Option<Target>,
    pub(crate) server_pid: Option<u32>,
    pub(crate) connections: usize,
    pub(crate) slow_readers: usize,
    /// Operations a second, on all connections together.
    pub(crate) rate: Option<f64>,
    /// Operations in flight on one connection.
    pub(crate) pipeline: usize,
    /// Bytes of a message.
    pub(crate) size: usize,
    pub(crate) path: String,
    pub(crate) publish_path: String,
    pub(crate) duration: Duration,
    /// So many operations, then it is over; `duration` is the longest that they may take.
    pub(crate) operations: Option<u64>,
    /// How many of the connections publish, where each could.
    pub(crate) publishers: usize,
    /// Requests have the header fields that a browser sends.
    pub(crate) has_browser_head: bool,
    /// What the server publishes is always the same, and not what it was given. Messages count as they come, and events
    /// are asked for in bursts, each when the last one has come everywhere: so each server has the same to do.
    pub(crate) is_constant: bool,
}

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Play {
    Http,
    Ws,
    Sse,
    Raw,
    IdleHttp,
    IdleWs,
    Connect,
    Fanout,
}

impl Plan {
    /// What the command line asks for.
    ///
    /// # Errors
    /// What makes no sense together, as a sentence.
    pub(crate) fn new(mode: &Mode) -> Result<Self, String> {
        let mut plan = Self::base(mode);
        match mode {
            Mode::Http(args) => plan.talk(&args.talk),
            Mode::Ws(args) => plan.talk(&args.talk),
            Mode::Sse(args) => plan.talk(&args.talk),
            Mode::Raw(args) => plan.talk(&args.talk),
            Mode::Fanout(args) => plan.talk(&args.talk),
            Mode::Connect(args) => plan.rate = args.rate.rate,
            Mode::Idle(_) => {}
        }
        match mode {
            Mode::Ws(args::Ws { size, .. }) | Mode::Raw(args::Raw { size, .. }) => plan.size = *size,
            Mode::Sse(args) => {
                plan.size = args.size.max(super::sse::PUBLICATION_BYTES_MIN);
                plan.publish_path.clone_from(&args.publish_path);
            }
            Mode::Fanout(args) => plan.size = args.size.max(super::fanout::MESSAGE_BYTES_MIN),
            Mode::Http(_) | Mode::Idle(_) | Mode::Connect(_) => {}
        }
        if let Some(path) = plan.target.as_ref().and_then(|target| target.path.clone()) {
            plan.path = path;
        }
        plan.check()
    }

    fn base(mode: &Mode) -> Self {
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
        Self {
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

    fn talk(&mut self, talk: &Talk) {
        self.rate = talk.rate.rate;
        self.pipeline = talk.pipeline as usize;
        self.slow_readers = talk.slow_readers as usize;
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// It does not, as a sentence.
    pub(crate) fn check(self) -> Result<Self, String> {
        if self.slow_readers >= self.connections {
            return Err("there must be more `--connections` than `--slow-readers`".into());
        }
        if self.duration < DURATION_MIN {
            return Err("nothing can be measured in less than 50ms".into());
        }
        Ok(self)
    }

    /// What goes before and is not counted.
    pub(crate) fn warm_up(&self) -> Duration {
        if self.play.is_idle() { Duration::ZERO } else { (self.duration / 10).min(WARM_UP_MAX) }
    }
}

impl Play {
    /// The mode's name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Ws => "ws",
            Self::Sse => "sse",
            Self::Raw => "raw",
            Self::IdleHttp | Self::IdleWs => "idle",
            Self::Connect => "connect",
            Self::Fanout => "fanout",
        }
    }

    /// What is counted.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Http => "requests",
            Self::Ws | Self::Raw => "echoes",
            Self::Sse | Self::Fanout => "deliveries",
            Self::IdleHttp | Self::IdleWs | Self::Connect => "connections",
        }
    }

    /// True if what one connection sends comes on all.
    pub(crate) fn publishes(self) -> bool {
        matches!(self, Self::Sse | Self::Fanout)
    }

    /// True if nothing happens once the connections are up.
    pub(crate) fn is_idle(self) -> bool {
        matches!(self, Self::IdleHttp | Self::IdleWs)
    }
}

impl Mode {
    /// What every mode has.
    pub(crate) fn common(&self) -> &Common {
        match self {
            Self::Http(args) => &args.talk.common,
            Self::Ws(args) => &args.talk.common,
            Self::Sse(args) => &args.talk.common,
            Self::Raw(args) => &args.talk.common,
            Self::Idle(args) => &args.common,
            Self::Connect(args) => &args.common,
            Self::Fanout(args) => &args.talk.common,
        }
    }
}

/// A shorter run says nothing.
const DURATION_MIN: Duration = Duration::from_millis(50);
/// The longest warm-up.
const WARM_UP_MAX: Duration = Duration::from_secs(1);
