//! From the hosts of a listener to a configuration of TLS for each, and to newer ones.

use crate::config::alpn::{HTTP, fault_of_alpn};
use crate::config::client_auth::ClientAuth;
use crate::config::host::Host;
use crate::config::speaks::Speaks;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::{Arc, PoisonError, RwLock};

/// TLS on a listener, as it is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsOptions {
    /// A ready configuration.
    pub(crate) ready: Option<Arc<ServerConfig>>,
    pub(crate) hosts: Vec<Host>,
    /// Who asks for a name of no host is shown none.
    pub(crate) is_strict: bool,
    /// For hosts that have none of their own. `None`: what is usual for what is spoken.
    pub(crate) alpn: Option<Vec<Vec<u8>>>,
    /// For hosts that have none of their own.
    pub(crate) client_auth: Option<ClientAuth>,
}

/// TLS on a listener, as it is.
#[derive(Clone, Debug)]
pub(crate) enum ListenerTls {
    /// A ready configuration for all.
    Ready(Arc<ServerConfig>),
    /// The host that a peer asks for has one.
    Hosts(Arc<TlsHosts>),
}

/// The hosts of a listener, as they are shown now.
#[derive(Debug)]
pub(crate) struct TlsHosts {
    options: TlsOptions,
    speaks: Speaks,
    provider: Arc<CryptoProvider>,
    /// In the order of the hosts. Read once for each handshake.
    shown: RwLock<Loaded>,
}

/// A host's configuration.
#[derive(Debug)]
pub(crate) struct HostConfig {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) tag: Option<u64>,
}

/// Of each host, its configuration.
pub(crate) type Loaded = Vec<Arc<HostConfig>>;

impl TlsOptions {
    /// TLS of a listener that speaks so, if it has any.
    ///
    /// # Errors
    /// Everything that is wrong, with its files too.
    pub(crate) fn load(&self, speaks: Speaks) -> Result<Option<ListenerTls>, Vec<String>> {
        let has_defaults = self.alpn.is_some() || self.client_auth.is_some();
        match &self.ready {
            Some(_) if !self.hosts.is_empty() => {
                Err(vec!["it has a ready configuration of TLS and hosts: give one of them".into()])
            }
            _ if has_defaults && self.hosts.is_empty() => Err(vec![
                "`alpn` and `client_auth` are for hosts and certificates from files, of which it has none"
                    .into(),
            ]),
            Some(config) => Ok(Some(ListenerTls::Ready(config.clone()))),
            None if self.hosts.is_empty() => Ok(None),
            None => TlsHosts::load(self, speaks).map(|hosts| Some(ListenerTls::Hosts(Arc::new(hosts)))),
        }
    }

    /// The protocols that a host names by ALPN.
    fn alpn_of(&self, host: &Host, speaks: Speaks) -> Vec<Vec<u8>> {
        let usual = || match speaks {
            Speaks::Http => HTTP.map(<[u8]>::to_vec).into(),
            Speaks::Raw | Speaks::Lines => Vec::new(),
        };
        host.alpn.clone().or_else(|| self.alpn.clone()).unwrap_or_else(usual)
    }
}

impl TlsHosts {
    fn load(options: &TlsOptions, speaks: Speaks) -> Result<Self, Vec<String>> {
        let mut faults: Vec<String> = options.hosts.iter().flat_map(Host::faults).collect();
        faults.extend(options.alpn.iter().flatten().filter_map(|name| fault_of_alpn(name)));
        if !faults.is_empty() {
            return Err(faults);
        }
        let missing = || vec!["TLS from files needs the feature `tls-ring` or `tls-aws-lc`".to_owned()];
        let provider = provider().ok_or_else(missing)?;
        let hosts = Self { options: options.clone(), speaks, provider, shown: RwLock::default() };
        let loaded = hosts.read()?;
        hosts.show(loaded);
        Ok(hosts)
    }

    /// Reads the files, once more if need be.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn read(&self) -> Result<Loaded, Vec<String>> {
        let before = self.shown.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (mut loaded, mut faults) = (Vec::new(), Vec::new());
        for (number, host) in self.options.hosts.iter().enumerate() {
            match self.configure(host, before.get(number).map(|before| &**before)) {
                Ok(config) => loaded.push(Arc::new(config)),
                Err(wrong) => faults.extend(wrong),
            }
        }
        if faults.is_empty() { Ok(loaded) } else { Err(faults) }
    }

    /// From now on these are used for new handshakes.
    pub(crate) fn show(&self, loaded: Loaded) {
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    }

    /// The configuration for a peer that asks for this name, or for none. `None`: it is not to be answered.
    pub(crate) fn find(&self, asked: Option<&str>) -> Option<Arc<HostConfig>> {
        let hosts = &self.options.hosts;
        let named = asked.and_then(|asked| hosts.iter().position(|host| host.is_called(asked)));
        let default = || hosts.iter().position(|host| host.names.is_empty()).unwrap_or(0);
        let host = named.or_else(|| (!self.options.is_strict).then(default))?;
        self.shown.read().unwrap_or_else(PoisonError::into_inner).get(host).cloned()
    }

    /// The configuration of a host. Each has keys of its own for its tickets, so that no session is resumed where other rules
    /// hold; they outlive a reload, but where the roots of clients are read anew.
    fn configure(&self, host: &Host, before: Option<&HostConfig>) -> Result<HostConfig, Vec<String>> {
        let Self { options, provider, .. } = self;
        let (mut keys, mut faults) = (Vec::new(), Vec::new());
        for pair in &host.pairs {
            match pair.load(provider) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(wrong) => faults.extend(wrong),
            }
        }
        let usual = options.client_auth.clone().unwrap_or_default();
        let client_auth = host.client_auth.clone().unwrap_or(usual);
        let verifier = client_auth.load(provider).unwrap_or_else(|wrong| {
            faults.push(wrong);
            None
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        let wrong = |error: rustls::Error| vec![format!("TLS can't be set up: {error}")];
        let config = ServerConfig::builder_with_provider(provider.clone());
        let config = config.with_safe_default_protocol_versions().map_err(wrong)?;
        let config = match verifier {
            Some(verifier) => config.with_client_cert_verifier(verifier),
            None => config.with_no_client_auth(),
        };
        let mut config = config.with_cert_resolver(Arc::new(Keys(keys)));
        config.alpn_protocols = options.alpn_of(host, self.speaks);
        match before.filter(|_| client_auth.is_none()) {
            Some(HostConfig { config: before, .. }) => {
                config.session_storage = before.session_storage.clone();
                config.ticketer = before.ticketer.clone();
            }
            None => config.ticketer = tickets().map_err(wrong)?,
        }
        Ok(HostConfig { config: Arc::new(config), tag: host.tag })
    }
}

/// The keys of a host, of one kind or several.
#[derive(Debug)]
struct Keys(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_understood =
            |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        self.0.iter().find(is_understood).or(self.0.first()).cloned()
    }
}

/// The cryptography that was built in.
fn provider() -> Option<Arc<CryptoProvider>> {
    #[cfg(feature = "tls-ring")]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(all(feature = "tls-aws-lc", not(feature = "tls-ring")))]
    return Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
    None
}

/// Makes and reads tickets, by keys that change every six hours and are good for twelve.
fn tickets() -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    #[cfg(feature = "tls-ring")]
    return rustls::crypto::ring::Ticketer::new();
    #[cfg(all(feature = "tls-aws-lc", not(feature = "tls-ring")))]
    return rustls::crypto::aws_lc_rs::Ticketer::new();
    #[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
    Err(rustls::Error::General("no cryptography was built in".into()))
}
