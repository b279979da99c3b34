//! Where a server listens, and what is spoken there.

#[cfg(feature = "tls")]
use crate::config::tls::{self, Tls};
use jackfield_reactor::ListenOptions;
#[cfg(feature = "tls")]
use std::path::PathBuf;
#[cfg(feature = "tls")]
use std::sync::Arc;

/// Where a server listens, and what is spoken there: HTTP (and from there on WebSocket and event streams) unless told
/// otherwise.
#[derive(Clone, Debug)]
pub struct Listener {
    pub(crate) addr: String,
    pub(crate) options: ListenOptions,
    pub(crate) speaks: Speaks,
    pub(crate) banner: Vec<u8>,
    pub(crate) busy_banner: Vec<u8>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
}

/// What is special to one listener.
#[derive(Clone, Default)]
pub(crate) struct ListenerSettings {
    pub(crate) speaks: Speaks,
    pub(crate) banner: Vec<u8>,
    pub(crate) busy_banner: Vec<u8>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

/// What a listener's connections speak at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP, and from there on WebSocket or event streams.
    #[default]
    Http,
    /// A protocol of the user's own, in bytes.
    Raw,
    /// A protocol of the user's own, in lines.
    Lines,
}

impl Listener {
    /// Listens at an address such as `127.0.0.1:8080`, `[::]:0` or `localhost:80`. Port 0 takes any that is free.
    #[doc(alias = "PortNum")]
    pub fn tcp(addr: impl ToString) -> Self {
        Self {
            addr: addr.to_string(),
            options: ListenOptions::default(),
            speaks: Speaks::Http,
            banner: Vec::new(),
            busy_banner: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// A protocol of the user's own, in bytes: `on_data`.
    #[must_use]
    pub fn raw(mut self) -> Self {
        self.speaks = Speaks::Raw;
        self
    }

    /// A protocol of the user's own, in lines: `on_line`.
    #[must_use]
    pub fn lines(mut self) -> Self {
        self.speaks = Speaks::Lines;
        self
    }

    /// What every new connection hears first, on a listener for a protocol of the user's own. Default: nothing.
    #[doc(alias = "Banner")]
    #[must_use]
    pub fn banner(mut self, banner: impl Into<Vec<u8>>) -> Self {
        self.banner = banner.into();
        self
    }

    /// What a new connection hears when there is no room, on a listener for a protocol of the user's own; HTTP says
    /// 503. Default: nothing.
    #[doc(alias = "BannerTooBusy")]
    #[must_use]
    pub fn busy_banner(mut self, banner: impl Into<Vec<u8>>) -> Self {
        self.busy_banner = banner.into();
        self
    }

    /// New connections that the system keeps waiting; the kernel has an upper bound of its own. Default: 1024.
    #[doc(alias = "ListenBacklog")]
    #[must_use]
    pub fn backlog(mut self, connections: u32) -> Self {
        self.options.backlog = connections;
        self
    }

    /// Lets several sockets listen at the same address, in this process or others. Default: off.
    #[must_use]
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.options.reuse_port = reuse;
        self
    }

    /// Sends small writes at once. Default: on.
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.options.nodelay = nodelay;
        self
    }

    /// Bytes of a connection that the system may keep before it has sent them; zero: as many as it likes. The rest
    /// waits in the server, within its bounds: without this, peers that don't read can use up the memory that the
    /// system has for all sockets, and then nobody is served. Large bodies for fast peers cost more calls. Linux
    /// only. Default: 64 KiB.
    #[must_use]
    pub fn unsent_bytes(mut self, bytes: u32) -> Self {
        self.options.unsent_bytes = bytes;
        self
    }

    /// Leaves new connections that have said nothing yet to the system for about a second. Nearly all are accepted
    /// when their first bytes are there, so that a connection for one request costs one wake-up and not two: a
    /// quarter less of the processor, where that is what a server does. The price: of one who is silent nothing is
    /// known in that time, no limit and no timeout concerns it, and `on_connect` comes late. Not for protocols in
    /// which the server speaks first. Linux only. Default: off.
    #[must_use]
    pub fn deferred(mut self, deferred: bool) -> Self {
        self.options.deferred = deferred;
        self
    }

    /// TLS 1.2 and 1.3 below whatever is spoken, with a certificate chain and a key from PEM files, read when the
    /// server is bound.
    #[cfg(feature = "tls")]
    #[doc(alias = "SslContext")]
    #[must_use]
    pub fn tls(mut self, certificates: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls = Some(Tls::Files { certificates: certificates.into(), key: key.into() });
        self
    }

    /// TLS below whatever is spoken, configured elsewhere.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_config(mut self, config: Arc<rustls::ServerConfig>) -> Self {
        self.tls = Some(Tls::Config(config));
        self
    }

    /// What its connections need to know, or what is wrong.
    pub(crate) fn settings(&self) -> Result<ListenerSettings, String> {
        if self.speaks == Speaks::Http && !(self.banner.is_empty() && self.busy_banner.is_empty()) {
            return Err(format!("`{}` speaks HTTP, where a banner has no place", self.addr));
        }
        if self.options.deferred && !self.banner.is_empty() {
            return Err(format!("`{}` speaks first, and its newcomers can't be deferred", self.addr));
        }
        Ok(ListenerSettings {
            speaks: self.speaks,
            banner: self.banner.clone(),
            busy_banner: self.busy_banner.clone(),
            #[cfg(feature = "tls")]
            tls: self.tls.as_ref().map(tls::load).transpose()?,
        })
    }
}

impl<A: ToString> From<A> for Listener {
    fn from(addr: A) -> Self {
        Self::tcp(addr)
    }
}

impl ListenerSettings {
    pub(crate) fn is_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }
}
