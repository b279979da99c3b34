//! What a server in memory is made of.

#[cfg(feature = "tls")]
use super::tls::TlsClient;
#[cfg(feature = "tls")]
use crate::config::{ACME_HTTP_PATH, AcmeChallenges, ListenerTls};
use crate::config::{Limits, Listener, ListenerSettings};
use crate::gate::{Allowed, Authenticator, Gate, Hosts, Origins, Reserved, StatusPaths};
use crate::observe::AccessLog;
#[cfg(feature = "expiry")]
use crate::shared::EXPIRY_DAYS;
use crate::shared::{Broker, Names, NoObserver, Observer, Settings, WallClock};
use std::net::SocketAddr;
use std::sync::Arc;

/// Options of a [`TestServer`](crate::test::TestServer).
pub struct TestOptions {
    /// The server's limits.
    pub limits: Limits,
    /// What happens to the server as a whole is told to it.
    pub observer: Arc<dyn Observer>,
    /// Which pages may open a WebSocket, as
    /// [`ServerBuilder::allowed_origins`](crate::ServerBuilder::allowed_origins); `None`: any.
    pub origins: Option<Vec<String>>,
    /// Hosts that it answers for, as [`ServerBuilder::allowed_hosts`](crate::ServerBuilder::allowed_hosts); none: any.
    pub hosts: Vec<String>,
    /// Paths that are served even under overload, as [`ServerBuilder::overload_exempt`](crate::ServerBuilder::overload_exempt).
    pub reserved: Vec<String>,
    /// The addresses of names with their ports, such as `db.example:5432`, for connections that the server begins. Others
    /// have none.
    pub names: Vec<(String, Vec<SocketAddr>)>,
    /// It decides on every request, as [`ServerBuilder::authenticator`](crate::ServerBuilder::authenticator).
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Paths at which a request may become a WebSocket, as
    /// [`ServerBuilder::websocket_paths`](crate::ServerBuilder::websocket_paths); `None`: any.
    pub websocket_paths: Option<Vec<String>>,
    /// Whether bodies say what went wrong, as [`ServerBuilder::expose_errors`](crate::ServerBuilder::expose_errors).
    pub expose_errors: bool,
    /// Where metrics and health are served, as [`ServerBuilder::status_paths`](crate::ServerBuilder::status_paths).
    pub status_paths: Option<[String; 2]>,
    /// Where finished exchanges are written down, as [`ServerBuilder::access_log`](crate::ServerBuilder::access_log). All is
    /// written when the server has been dropped.
    pub access_log: Option<AccessLog>,
    /// What carries publications between servers, as [`ServerBuilder::broker`](crate::ServerBuilder::broker).
    pub broker: Option<Arc<dyn Broker>>,
    /// Changes the listeners for HTTP, bytes and lines, each by itself, as the methods of [`Listener`] do. Changes of
    /// addresses have no effect. Default: nothing.
    pub listener: Box<dyn Fn(Listener) -> Listener>,
    /// TLS on every listener, as [`Listener::tls_config`](crate::Listener::tls_config): the far ends then carry its
    /// records. Default: none.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// TLS of the clients that [`TestServer::get`](crate::test::TestServer::get) and its neighbours make. Default: none,
    /// which fits listeners without TLS.
    #[cfg(feature = "tls")]
    pub tls_client: Option<TlsClient>,
    /// Answers to challenges of ACME, as [`ServerBuilder::acme`](crate::ServerBuilder::acme). Default: none.
    #[cfg(feature = "tls")]
    pub acme: Option<AcmeChallenges>,
    /// As [`ServerBuilder::expiry_days`](crate::ServerBuilder::expiry_days). Default: 30.
    #[cfg(feature = "expiry")]
    pub expiry_days: u32,
    /// Listeners that replace the three of [`listener`](crate::test::listener); their order gives the index. Addresses and
    /// system options have no effect here. Default: empty, which means the three.
    pub listeners: Vec<Listener>,
}

/// 2026-01-01 00:00:00 UTC.
const BEGIN: u64 = 1_767_225_600;

impl Default for TestOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            observer: Arc::new(NoObserver),
            origins: Some(Vec::new()),
            hosts: Vec::new(),
            reserved: Vec::new(),
            names: Vec::new(),
            authenticator: None,
            websocket_paths: None,
            expose_errors: false,
            listener: Box::new(|listener| listener),
            status_paths: None,
            access_log: None,
            broker: None,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            tls_client: None,
            #[cfg(feature = "tls")]
            acme: None,
            #[cfg(feature = "expiry")]
            expiry_days: EXPIRY_DAYS,
            listeners: Vec::new(),
        }
    }
}

impl TestOptions {
    /// The settings of the listeners, before TLS.
    ///
    /// # Panics
    /// If something is wrong with them.
    pub(super) fn given_listeners(&self) -> Box<[ListenerSettings]> {
        match &self.listeners[..] {
            [] => ListenerSettings::one_of_each(&self.limits, &self.listener),
            given => settings_of(given, &self.limits),
        }
    }

    /// What a server's reactors share and never change.
    ///
    /// # Panics
    /// One of the allowed origins or hosts is none.
    pub(super) fn settings(
        self,
        listeners: Box<[ListenerSettings]>,
        observer: Arc<dyn Observer>,
    ) -> Settings {
        #[cfg(feature = "tls")]
        let listeners = listeners.into_iter().map(|listener| match &self.tls {
            Some(tls) => ListenerSettings { tls: Some(ListenerTls::Ready(tls.clone())), ..listener },
            None => listener,
        });
        let listeners = listeners.into_iter().chain(ListenerSettings::of_outgoing(&self.limits)).collect();
        Settings {
            listeners,
            limits: self.limits,
            gate: Gate {
                hosts: Hosts::parse_all(self.hosts).unwrap_or_else(|faults| panic!("{}", faults.join("; "))),
                origins: match self.origins.map(Allowed::parse_all) {
                    None => Origins::Any,
                    Some(Ok(allowed)) => Origins::Listed(allowed),
                    Some(Err(faults)) => panic!("{}", faults.join("; ")),
                },
                reserved: Reserved(self.reserved),
                status: StatusPaths(self.status_paths),
                authenticator: self.authenticator,
                websockets: self.websocket_paths.map(Reserved),
                #[cfg(feature = "tls")]
                challenges: self.acme.as_ref().map(|_| ACME_HTTP_PATH),
                #[cfg(not(feature = "tls"))]
                challenges: None,
            },
            exposes_errors: self.expose_errors,
            watchdog: false,
            offload_threads: 1,
            #[cfg(feature = "tls")]
            acme: self.acme,
            #[cfg(feature = "expiry")]
            expiry_days: self.expiry_days,
            #[cfg(feature = "tls")]
            handshake_threads: 0,
            observer,
            access_log: self.access_log.map(|log| log.start().expect("a thread can be started")),
            clock: WallClock::From(BEGIN),
            names: Names::Table(self.names),
            seed: Some(0),
        }
    }
}

/// # Panics
/// If something is wrong with them.
fn settings_of(listeners: &[Listener], limits: &Limits) -> Box<[ListenerSettings]> {
    let settings = listeners.iter().enumerate().map(|(number, listener)| listener.settings(number, limits));
    settings.map(|settings| settings.unwrap_or_else(|faults| panic!("{}", faults.join("; ")))).collect()
}
