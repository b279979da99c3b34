//! The plan of a run, the same for all modes.

use crate::base::sessions::Sessions;
use crate::base::target::Target;
use crate::base::trust;
use jackfield_reactor::Above;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// One run of the load generator.
#[derive(Clone, Debug)]
pub struct Plan {
    pub play: Play,
    pub target: Option<Target>,
    pub server_pid: Option<u32>,
    pub connections: usize,
    pub slow_readers: usize,
    /// Operations a second, on all connections together.
    pub rate: Option<f64>,
    /// Operations in flight on one connection.
    pub pipeline: usize,
    /// Bytes of a message.
    pub size: usize,
    pub path: String,
    pub publish_path: String,
    pub duration: Duration,
    /// An answer that takes longer is an error.
    pub timeout: Duration,
    /// Threads that put the load on.
    pub threads: usize,
    /// So many operations, then it is over; `duration` is the longest that they may take.
    pub operations: Option<u64>,
    /// How many of the connections publish, where each could.
    pub publishers: usize,
    /// How TLS is spoken, if it is.
    pub tls: Option<Tls>,
    /// Requests have the header fields that a browser sends.
    pub has_browser_head: bool,
    pub method: String,
    /// Header fields that the user wants besides, by name and value.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// How often this request is sent in relation to the others.
    pub weight: u32,
    /// Further requests, which take turns with the first.
    pub others: Vec<OtherRequest>,
    /// A WebSocket message that the user wants, in place of one of `size` bytes.
    pub message: Option<Vec<u8>>,
    /// WebSocket messages are text.
    pub is_text: bool,
    /// WebSocket subprotocols that are offered.
    pub protocols: Vec<String>,
    /// What the server publishes is always the same, and not what it was given. Messages count as they come, and events
    /// are asked for in bursts, each when the last one has come everywhere: so each server has the same to do.
    pub is_constant: bool,
}

/// A request besides the first.
#[derive(Clone, Debug)]
pub struct OtherRequest {
    pub method: String,
    pub path: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub weight: u32,
}

/// How TLS is spoken.
#[derive(Clone, Debug)]
pub struct Tls {
    pub config: Arc<ClientConfig>,
    /// Whose certificate it is.
    pub name: ServerName<'static>,
    /// Any certificate is believed.
    pub is_insecure: bool,
    /// Sessions of earlier connections are resumed.
    pub resumes: bool,
}

impl Tls {
    /// What a target with TLS needs; `None` for one without.
    ///
    /// # Errors
    /// It can't be spoken, as a sentence.
    pub fn of(
        target: Option<&Target>,
        insecure: bool,
        ca_file: Option<&Path>,
    ) -> Result<Option<Self>, String> {
        if insecure && ca_file.is_some() {
            return Err(
                "insecure and ca_file: any certificate is trusted, or those of a file; leave one out".into(),
            );
        }
        let Some(target) = target.filter(|target| target.is_tls) else {
            return if insecure || ca_file.is_some() {
                Err("--insecure and --ca-file are for targets with TLS, which begin with https:// or wss://"
                    .into())
            } else {
                Ok(None)
            };
        };
        let name = target.name().to_owned();
        let config = if insecure { trust::trusting_anybody() } else { trust::trusting(ca_file) }?;
        Ok(Some(Self {
            config: Arc::new(config),
            name: name
                .clone()
                .try_into()
                .map_err(|_| format!("`{name}` is not a name that a certificate could have"))?,
            is_insecure: insecure,
            resumes: false,
        }))
    }

    /// The number of connections at a time that resume sessions. Without this each handshake is a full one.
    #[must_use]
    pub fn resuming(mut self, connections: usize) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::store(Arc::new(Sessions::new(connections)));
        (self.config, self.resumes) = (Arc::new(config), true);
        self
    }

    /// What is spoken above a connection.
    pub fn above(tls: Option<&Self>) -> Above {
        tls.map_or(Above::Plain, |tls| Above::Tls(tls.config.clone(), tls.name.clone()))
    }
}

/// A WebSocket message.
#[derive(Clone, Debug)]
pub struct Payload {
    pub is_text: bool,
    pub bytes: Vec<u8>,
}

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Play {
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
    /// One connection of each kind of load, as fast as it can, on the built-in server.
    pub fn new(play: Play, duration: Duration) -> Self {
        Self {
            play,
            target: None,
            server_pid: None,
            connections: 1,
            slow_readers: 0,
            rate: None,
            pipeline: 1,
            size: 0,
            path: play.built_in_path().to_owned(),
            publish_path: "/publish".to_owned(),
            duration,
            timeout: TIMEOUT,
            threads: 1,
            operations: None,
            publishers: usize::MAX,
            tls: None,
            has_browser_head: false,
            method: "GET".to_owned(),
            fields: Vec::new(),
            body: Vec::new(),
            weight: 1,
            others: Vec::new(),
            message: None,
            is_text: false,
            protocols: Vec::new(),
            is_constant: false,
        }
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// It does not, as a sentence.
    pub fn check(self) -> Result<Self, String> {
        if self.slow_readers >= self.connections {
            return Err("there must be more `--connections` than `--slow-readers`".into());
        }
        if self.threads > self.connections {
            return Err("there must be at least as many `--connections` as `--threads`".into());
        }
        if self.threads > 1 && self.play == Play::Sse {
            return Err(
                "`sse` runs on one thread: what is published depends on what came on all streams".into()
            );
        }
        if self.duration < DURATION_MIN {
            return Err("nothing can be measured in less than 50ms".into());
        }
        Ok(self)
    }

    /// What a WebSocket message says.
    pub fn payload(&self) -> Payload {
        let bytes = self.message.clone().unwrap_or_else(|| vec![b'x'; self.size]);
        Payload { is_text: self.is_text, bytes }
    }

    /// What goes before and is not counted.
    pub fn warm_up(&self) -> Duration {
        if self.play.is_idle() { Duration::ZERO } else { warm_up_of(self.duration) }
    }
}

/// What goes before a measured time of this length.
pub(crate) fn warm_up_of(measured: Duration) -> Duration {
    (measured / 10).min(WARM_UP_MAX)
}

impl Play {
    /// Where the built-in server does what this needs.
    pub fn built_in_path(self) -> &'static str {
        match self {
            Self::Http | Self::Connect | Self::IdleHttp => "/plaintext",
            Self::Fanout => "/fanout",
            Self::Sse => "/feed",
            Self::Ws | Self::IdleWs | Self::Raw => "/",
        }
    }

    /// The mode's name on the command line.
    pub fn name(self) -> &'static str {
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
    pub fn unit(self) -> &'static str {
        match self {
            Self::Http => "requests",
            Self::Ws | Self::Raw => "echoes",
            Self::Sse | Self::Fanout => "deliveries",
            Self::IdleHttp | Self::IdleWs | Self::Connect => "connections",
        }
    }

    /// True if what one connection sends comes on all.
    pub fn publishes(self) -> bool {
        matches!(self, Self::Sse | Self::Fanout)
    }

    /// True if nothing happens once the connections are up.
    pub fn is_idle(self) -> bool {
        matches!(self, Self::IdleHttp | Self::IdleWs)
    }
}

/// The shortest run.
const DURATION_MIN: Duration = Duration::from_millis(50);
/// How long an answer may take, if nothing else is said.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest warm-up.
const WARM_UP_MAX: Duration = Duration::from_secs(1);
