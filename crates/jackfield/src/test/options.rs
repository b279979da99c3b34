//! The options of a test server.

#[cfg(feature = "tls")]
use super::tls::TlsClient;
#[cfg(feature = "tls")]
use crate::config::{ACME_HTTP_PATH, AcmeChallenges, ListenerTls};
use crate::config::{Limits, Listener, ListenerSettings};
use crate::gate::{Allowed, Authenticator, Gate, Hosts, Origins, PathList, StatusPaths};
use crate::observe::AccessLog;
#[cfg(feature = "expiry")]
use crate::shared::EXPIRY_DAYS;
use crate::shared::{Broker, NoObserver, Observer, Resolver, Settings, WallClock};
use std::net::SocketAddr;
use std::sync::Arc;

/// Options of a [`TestServer`](crate::test::TestServer).
pub struct TestOptions {
    /// The server's limits. Default: [`Limits::default`].
    pub limits: Limits,
    /// The server's observer. Default: none.
    pub observer: Arc<dyn Observer>,
    /// Which origins may open a WebSocket, as [`ServerBuilder::allowed_origins`](crate::ServerBuilder::allowed_origins).
    /// `None`: all origins. Default: an empty list, which allows only the server's own host, and clients without `Origin`.
    pub origins: Option<Vec<String>>,
    /// The hosts that the server answers for, as [`ServerBuilder::allowed_hosts`](crate::ServerBuilder::allowed_hosts).
    /// Default: empty, which means all hosts.
    pub hosts: Vec<String>,
    /// Paths that are served even under overload, as
    /// [`ServerBuilder::overload_exempt`](crate::ServerBuilder::overload_exempt). Default: none.
    pub reserved: Vec<String>,
    /// The addresses of host names with a port, such as `db.example:5432`, for outgoing connections. A name that is not
    /// listed has no address. Default: empty.
    pub names: Vec<(String, Vec<SocketAddr>)>,
    /// The authenticator, which decides on each request, as
    /// [`ServerBuilder::authenticator`](crate::ServerBuilder::authenticator). Default: none.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// The paths at which a request may become a WebSocket, as
    /// [`ServerBuilder::websocket_paths`](crate::ServerBuilder::websocket_paths). `None`: all paths. Default: `None`.
    pub websocket_paths: Option<Vec<String>>,
    /// Whether the bodies of error responses say what went wrong, as
    /// [`ServerBuilder::expose_errors`](crate::ServerBuilder::expose_errors). Default: `false`.
    pub expose_errors: bool,
    /// The paths of metrics and health, as [`ServerBuilder::status_paths`](crate::ServerBuilder::status_paths). Default:
    /// none.
    pub status_paths: Option<[String; 2]>,
    /// The access log, as [`ServerBuilder::access_log`](crate::ServerBuilder::access_log). All lines have been written when
    /// the server has been dropped. A listener that is not there is a panic. Default: none.
    pub access_log: Option<AccessLog>,
    /// The broker that carries publications between servers, as [`ServerBuilder::broker`](crate::ServerBuilder::broker).
    /// Default: none.
    pub broker: Option<Arc<dyn Broker>>,
    /// Changes the three default listeners (HTTP, bytes and lines): it is called for each, as if with the methods of
    /// [`Listener`]. Changes of addresses have no effect. Default: no change.
    pub listener: Box<dyn Fn(Listener) -> Listener>,
    /// TLS on every listener, as [`Listener::tls_config`](crate::Listener::tls_config). The far ends then carry TLS
    /// records. Default: none.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// TLS for the clients of [`TestServer::get`](crate::test::TestServer::get) and the other methods for HTTP. Needed if
    /// the listeners have TLS. Default: none.
    #[cfg(feature = "tls")]
    pub tls_client: Option<TlsClient>,
    /// The answers to ACME challenges, as [`ServerBuilder::acme`](crate::ServerBuilder::acme). Default: none.
    #[cfg(feature = "tls")]
    pub acme: Option<AcmeChallenges>,
    /// How many days before its end a certificate is reported, as
    /// [`ServerBuilder::expiry_days`](crate::ServerBuilder::expiry_days). Default: 30.
    #[cfg(feature = "expiry")]
    pub expiry_days: u32,
    /// Listeners that replace the three of [`listener`](crate::test::listener). Their order gives the indexes. Addresses
    /// and system options have no effect. Default: empty, so there are the three.
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

    /// The settings that a server's reactors share and never change.
    ///
    /// # Panics
    /// If one of the allowed origins or hosts is malformed, or the access log is of a listener that is not there.
    pub(super) fn settings(
        self,
        listeners: Box<[ListenerSettings]>,
        observer: Arc<dyn Observer>,
    ) -> Settings {
        if let Some(fault) = self.access_log.iter().flat_map(|log| log.faults(listeners.len())).next() {
            panic!("{fault}");
        }
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
                reserved: PathList(self.reserved),
                status: StatusPaths(self.status_paths),
                authenticator: self.authenticator,
                websockets: self.websocket_paths.map(PathList),
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
            names: Resolver::Table(self.names),
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
