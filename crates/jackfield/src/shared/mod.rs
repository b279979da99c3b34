//! What the reactors of one server share. Any thread may come here.
//!
//! This room knows no wire, no link, no context and no type of the user.

mod addresses;
mod assign;
mod broker;
mod callback;
mod changes;
mod cluster;
mod command;
mod ending;
mod entry;
mod finished;
mod handle;
mod inbox;
mod listeners;
mod listening;
mod metrics;
mod not_posted;
mod observer;
mod offload;
mod owned_bytes;
mod peer;
mod presence;
mod prometheus;
mod publish;
mod pull;
mod quota;
#[cfg(feature = "tls")]
mod reload;
#[cfg(all(feature = "signals", feature = "tls", unix))]
mod reload_wish;
mod remote;
mod resolve;
mod resolver;
mod send_window;
mod settings;
mod state;
#[cfg(feature = "tls")]
mod tls_info;

use addresses::Addresses;
pub use broker::{Broker, BrokerEvent, BrokerInbox, QueueFull, SharedTopic};
pub(crate) use callback::{Callback, NAMES};
use cluster::Cluster;
pub(crate) use command::PUBLICATIONS_PER_DELIVERY;
pub(crate) use command::{Acceptance, Answer, AnswerKind, Command, Copies, Part, PartKind, Switching};
pub(crate) use ending::Ending;
pub use finished::{AnsweredAs, Finished};
pub(crate) use finished::{FinishedSink, LogEntry};
pub use handle::Handle;
pub(crate) use inbox::Following;
pub use listeners::{ListenerInfo, ListenerState, WhichListener};
pub(crate) use listeners::{Listeners, backlog_max};
pub use metrics::Metrics;
pub(crate) use metrics::ReactorMetrics;
pub use not_posted::NotPosted;
#[cfg(feature = "expiry")]
pub use observer::ExpiringCertificate;
pub use observer::{FailedHandshake, Observer, RefuseReason, SlowCallback};
pub(crate) use observer::{Guarded, NoObserver};
#[cfg(feature = "tls")]
pub(crate) use offload::attempt;
#[cfg(feature = "sim")]
pub(crate) use offload::{HeldJobs, Job};
pub use offload::{JobPanicked, Offloaded};
pub(crate) use offload::{Pool, THREADS_MAX};
pub use peer::Peer;
pub use presence::ClusterMember;
pub(crate) use prometheus::PROMETHEUS;
pub(crate) use publish::Unsent;
pub(crate) use remote::RemoteReactor;
pub(crate) use resolver::{LookUps, Resolver};
pub(crate) use send_window::{Permit, SendWindow, WindowSize};
#[cfg(feature = "expiry")]
pub(crate) use settings::EXPIRY_DAYS;
pub(crate) use settings::{Settings, WallClock};
pub use state::{Busy, Drain, ServerState};
#[cfg(feature = "tls")]
pub use tls_info::TlsInfo;

use crate::message::Prepared;
use crate::shared::changes::ChangeSink;
use crate::topics::{TopicIndex, TopicLogs};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};

pub(crate) struct Shared {
    pub(crate) remotes: Box<[RemoteReactor]>,
    pub(crate) topic_index: TopicIndex,
    /// The histories of topics that keep one.
    pub(crate) logs: TopicLogs<Prepared>,
    /// The broker that connects the histories of several servers.
    pub(crate) cluster: Option<Cluster>,
    /// Threads for blocking work.
    pub(crate) pool: Pool,
    #[cfg(feature = "sim")]
    simulated_epochs: AtomicU64,
    /// Threads for TLS handshakes.
    #[cfg(feature = "tls")]
    pub(crate) handshakes: OnceLock<Pool>,
    /// Connections of all reactors, handed over or not.
    pub(crate) connections: AtomicUsize,
    pub(crate) listeners: Listeners,
    pub(crate) addresses: Addresses,
    /// Outgoing connections of all reactors.
    pub(crate) outgoing: AtomicUsize,
    /// Lines that the access log has dropped, if there is one.
    access_log_dropped: OnceLock<Arc<AtomicU64>>,
    pub(crate) look_ups: LookUps,
    /// Hosts whose certificates can be reloaded. Set when the server is bound.
    #[cfg(feature = "tls")]
    pub(crate) tls_hosts: OnceLock<Vec<Arc<crate::config::TlsHosts>>>,
    /// New connections wait at a listener of some reactor until others end.
    pub(crate) waits_for_room: AtomicBool,
    pub(crate) changes: Box<dyn ChangeSink>,
    /// A signal asked for a shutdown. The reactor that it wakes also shuts down the others.
    pub(crate) signalled: Arc<AtomicBool>,
    /// A signal asks for certificates to be read again.
    #[cfg(all(feature = "signals", feature = "tls", unix))]
    pub(crate) reload: reload_wish::ReloadWish,
    state: AtomicU8,
}

#[cfg(feature = "sim")]
impl Shared {
    /// The number of connections of each listener.
    pub(crate) fn counts_of_listeners(&self) -> Vec<usize> {
        self.listeners.infos().iter().map(|listener| listener.connections).collect()
    }
}
