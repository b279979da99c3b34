//! Makes and reloads the TLS configurations of a listener's hosts.

use crate::config::alpn::{ACME, HTTP, fault_of_alpn};
use crate::config::certificate::of_acme_challenge;
use crate::config::client_auth::ClientAuth;
#[cfg(feature = "expiry")]
use crate::config::expiry::not_after;
use crate::config::found_hosts::FoundHosts;
use crate::config::host::Host;
use crate::config::host_facts::{HostConfig, HostFacts};
use crate::config::missing_host::{FindHost, MissingHost};
use crate::config::speaks::Speaks;
use crate::config::tickets::Tickets;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
#[cfg(feature = "expiry")]
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The TLS options of a listener.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsOptions {
    /// A ready configuration.
    pub(crate) ready: Option<Arc<ServerConfig>>,
    pub(crate) hosts: Vec<Host>,
    /// A peer that names no known host gets an alert.
    pub(crate) is_strict: bool,
    /// For hosts that have none of their own. `None`: the default of the protocol.
    pub(crate) alpn: Option<Vec<Vec<u8>>>,
    /// For hosts that have none of their own.
    pub(crate) client_auth: Option<ClientAuth>,
    /// Finds missing hosts.
    pub(crate) find: Option<FindHost>,
}

/// The loaded TLS of a listener.
#[derive(Clone, Debug)]
pub(crate) enum ListenerTls {
    /// A ready configuration for all.
    Ready(Arc<ServerConfig>),
    /// A configuration for each host.
    Hosts(Arc<TlsHosts>),
}

/// The hosts of a listener with their present configurations.
#[derive(Debug)]
pub(crate) struct TlsHosts {
    pub(super) options: TlsOptions,
    speaks: Speaks,
    /// Hosts may have different rules for client certificates, so requests must come in the session of their host.
    pub(crate) rules_may_differ: bool,
    provider: Arc<CryptoProvider>,
    /// Read once for each handshake.
    installed: RwLock<Loaded>,
    /// How many times reading the files has begun.
    rounds: AtomicU64,
    found: RwLock<FoundHosts>,
}

/// The result of the search for a host.
#[derive(Debug)]
pub(crate) enum HostAnswer {
    Host(Arc<HostConfig>),
    /// The closure for missing hosts may find one.
    Perhaps,
    Nothing,
}

/// The configuration of each host.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// The number of the read. A later one has newer files.
    round: u64,
    /// In the order of the hosts.
    configs: Vec<Arc<HostConfig>>,
}

impl TlsOptions {
    /// Loads the TLS of a listener with this protocol, if it has TLS.
    ///
    /// # Errors
    /// All mistakes, those in files included.
    pub(crate) fn load(&self, speaks: Speaks) -> Result<Option<ListenerTls>, Vec<String>> {
        let has_defaults =
            self.alpn.is_some() || self.client_auth.is_some() || self.find.is_some() || self.is_strict;
        match &self.ready {
            Some(_) if !self.hosts.is_empty() => {
                Err(vec!["it has a ready configuration of TLS and hosts: give one of them".into()])
            }
            _ if has_defaults && self.hosts.is_empty() => Err(vec![
                "`alpn`, `client_auth`, `missing_host` and `strict_sni` are for hosts and certificates from files, of \
                 which it has none"
                    .into(),
            ]),
            Some(config) => Ok(Some(ListenerTls::Ready(config.clone()))),
            None if self.hosts.is_empty() => Ok(None),
            None => TlsHosts::load(self, speaks).map(|hosts| Some(ListenerTls::Hosts(Arc::new(hosts)))),
        }
    }

    /// The ALPN names of a host.
    fn alpn_of(&self, host: &Host, speaks: Speaks) -> Vec<Vec<u8>> {
        let usual = || match speaks {
            Speaks::Http => HTTP.map(<[u8]>::to_vec).into(),
            Speaks::Raw | Speaks::Lines => Vec::new(),
        };
        host.alpn.clone().or_else(|| self.alpn.clone()).unwrap_or_else(usual)
    }

    /// Which host has this name. A name goes before a star, because its host may have stricter rules.
    pub(super) fn place_of(&self, asked: &str) -> Option<usize> {
        let ways = [Host::has_exactly, Host::has_star_for];
        ways.iter().find_map(|has| self.hosts.iter().position(|host| has(host, asked)))
    }

    /// Which host peers get that name none, if they get one.
    pub(super) fn usual_place(&self) -> Option<usize> {
        let fallback = || self.hosts.iter().position(|host| host.names.is_empty()).unwrap_or(0);
        (!self.is_strict).then(fallback)
    }

    /// The rule for client certificates of a host.
    pub(super) fn client_auth_of<'a>(&'a self, host: &'a Host) -> &'a ClientAuth {
        host.client_auth.as_ref().or(self.client_auth.as_ref()).unwrap_or(ClientAuth::none_ref())
    }

    /// Whether two hosts may have different rules for client certificates. Of a host that is still to be found nobody knows.
    fn rules_may_differ(&self) -> bool {
        let rules = || self.hosts.iter().map(|host| self.client_auth_of(host));
        self.find.is_some() || rules().zip(rules().skip(1)).any(|(one, next)| !one.is_same_as(next))
    }
}

impl TlsHosts {
    fn load(options: &TlsOptions, speaks: Speaks) -> Result<Self, Vec<String>> {
        let mut faults: Vec<String> = options.hosts.iter().flat_map(Host::faults).collect();
        faults.extend(faults_of_names(&options.hosts));
        faults.extend(options.alpn.iter().flatten().filter_map(|name| fault_of_alpn(name)));
        let Some(provider) = provider() else {
            faults.push(no_provider_error());
            return Err(faults);
        };
        let hosts = Self {
            options: options.clone(),
            speaks,
            rules_may_differ: options.rules_may_differ(),
            provider,
            installed: RwLock::default(),
            rounds: AtomicU64::new(0),
            found: RwLock::default(),
        };
        match hosts.read() {
            Ok(loaded) if faults.is_empty() => {
                hosts.install(loaded);
                Ok(hosts)
            }
            read => {
                faults.extend(read.err().into_iter().flatten());
                Err(faults)
            }
        }
    }

    /// Reads all files, for the first time or for a reload.
    ///
    /// # Errors
    /// All errors in these options.
    pub(crate) fn read(&self) -> Result<Loaded, Vec<String>> {
        let round = self.rounds.fetch_add(1, Ordering::SeqCst) + 1;
        let before = self.installed.read().unwrap_or_else(PoisonError::into_inner).configs.clone();
        let (mut configs, mut faults) = (Vec::new(), Vec::new());
        for (number, host) in self.options.hosts.iter().enumerate() {
            match self.configure(host, before.get(number).map(|before| &**before)) {
                Ok(config) => configs.push(Arc::new(config)),
                Err(wrong) => faults.extend(wrong),
            }
        }
        if faults.is_empty() { Ok(Loaded { round, configs }) } else { Err(faults) }
    }

    /// Uses these configurations for new handshakes, unless newer ones are used already. Hosts that were found on demand
    /// are looked up again.
    pub(crate) fn install(&self, loaded: Loaded) {
        let mut installed = self.installed.write().unwrap_or_else(PoisonError::into_inner);
        if installed.round < loaded.round {
            *installed = loaded;
        }
        drop(installed);
        self.found.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The configuration for a peer that names this host, or none.
    pub(crate) fn find(&self, asked: Option<&str>) -> HostAnswer {
        let named = asked.and_then(|asked| self.named(asked));
        match named {
            Some(host) => HostAnswer::Host(host),
            None if asked.is_some() && self.options.find.is_some() => HostAnswer::Perhaps,
            None => self.usual(),
        }
    }

    /// Calls the closure for missing hosts, on a thread that may block. While this look-up waited for the thread, another one may have
    /// found the host.
    pub(crate) fn find_missing(&self, asked: &MissingHost) -> HostAnswer {
        if let Some(host) = self.named(&asked.name) {
            return HostAnswer::Host(host);
        }
        let Some(find) = &self.options.find else { return self.usual() };
        let round = self.rounds.load(Ordering::SeqCst);
        let Some(host) = (find.0)(asked) else { return self.usual() };
        let faults = host.faults();
        let config = if faults.is_empty() { self.configure(&host, None) } else { Err(faults) };
        match config.map(Arc::new) {
            Ok(config) => {
                self.keep(&asked.name, host, config.clone(), round);
                HostAnswer::Host(config)
            }
            Err(faults) => {
                log::error!(target: "jackfield::tls", "the host that was found for `{}` can't be used: {}", asked.name, faults.join("; "));
                // The usual host may ask for no certificate where this one would have.
                HostAnswer::Nothing
            }
        }
    }

    /// A host whose look-up began before a reload is not kept after it. Of two threads that have found the same host at the same time
    /// the second one replaces what the first has kept.
    fn keep(&self, asked: &str, host: Host, config: Arc<HostConfig>, round: u64) {
        let mut found = self.found.write().unwrap_or_else(PoisonError::into_inner);
        if round == self.rounds.load(Ordering::SeqCst) {
            found.keep(asked, host, config);
        }
    }

    /// The host with this name. A host of the listener goes before those that were found, so that the answer does not depend on what was
    /// looked up before.
    fn named(&self, asked: &str) -> Option<Arc<HostConfig>> {
        match self.options.place_of(asked) {
            Some(host) => self.installed(host),
            None => self.found.read().unwrap_or_else(PoisonError::into_inner).get(asked),
        }
    }

    /// The answer for peers that name no host.
    fn usual(&self) -> HostAnswer {
        let installed = self.options.usual_place().and_then(|host| self.installed(host));
        installed.map_or(HostAnswer::Nothing, HostAnswer::Host)
    }

    /// Each host with the last valid second of its certificates, since 1970.
    #[cfg(feature = "expiry")]
    pub(crate) fn expiries(&self) -> Vec<(String, i64)> {
        let installed = self.installed.read().unwrap_or_else(PoisonError::into_inner);
        let found = self.found.read().unwrap_or_else(PoisonError::into_inner);
        let hosts = self.options.hosts.iter().zip(&installed.configs);
        let hosts = hosts.chain(found.iter());
        let mut all = Vec::new();
        let mut told = HashSet::new();
        for row in hosts.filter_map(|(host, config)| Some((host.title(), config.expires_at?))) {
            // A host that was found for several names has several places.
            if told.insert(row.clone()) {
                all.push(row);
            }
        }
        all
    }

    fn installed(&self, host: usize) -> Option<Arc<HostConfig>> {
        self.installed.read().unwrap_or_else(PoisonError::into_inner).configs.get(host).cloned()
    }

    /// Makes the configuration of a host. Each host has its own ticket keys, so that no session is resumed under other rules.
    /// The keys survive a reload, unless the host has roots for client certificates.
    fn configure(&self, host: &Host, before: Option<&HostConfig>) -> Result<HostConfig, Vec<String>> {
        let Self { options, provider, .. } = self;
        let (mut keys, mut faults) = (Vec::new(), Vec::new());
        for certificate in &host.certificates {
            match certificate.load(provider) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(wrong) => faults.extend(wrong),
            }
        }
        let client_auth = options.client_auth_of(host);
        let verifier = client_auth.load(provider).unwrap_or_else(|wrong| {
            faults.push(wrong);
            None
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        #[cfg(feature = "expiry")]
        let expires_at = keys.iter().filter_map(|key: &Arc<CertifiedKey>| not_after(key.cert.first()?)).min();
        let wrong = |error: rustls::Error| vec![format!("TLS can't be set up: {error}")];
        let mut config = server_config(provider, verifier, keys).map_err(wrong)?;
        config.alpn_protocols = options.alpn_of(host, self.speaks);
        match before.filter(|_| client_auth.is_none()) {
            Some(HostConfig { config: before, .. }) => {
                config.session_storage = before.session_storage.clone();
                config.ticketer = before.ticketer.clone();
            }
            None => config.ticketer = Arc::new(Tickets::new().map_err(wrong)?),
        }
        Ok(HostConfig {
            config: Arc::new(config),
            facts: HostFacts::of(host.tag, client_auth, self.rules_may_differ),
            #[cfg(feature = "expiry")]
            expires_at,
        })
    }
}

/// Names that two hosts have, and fallbacks beside the first: such a host would not be found, and its rules would have no effect.
fn faults_of_names(hosts: &[Host]) -> Vec<String> {
    let mut owners = HashMap::new();
    let all = hosts.iter().enumerate();
    let names = all.flat_map(|(owner, host)| host.names.iter().map(move |name| (owner, name)));
    let twice =
        names.filter(|(owner, name)| *owners.entry(name.to_ascii_lowercase()).or_insert(*owner) != *owner);
    let faults = twice.map(|(_, name)| format!("two hosts have the name `{name}`: give it to one of them"));
    let more = hosts.iter().filter(|host| host.names.is_empty()).nth(1);
    let more =
        more.map(|_| "two hosts have no name, as the one that `tls` makes: give one of them".to_owned());
    faults.chain(more).collect()
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    keys: Vec<Arc<CertifiedKey>>,
) -> Result<ServerConfig, rustls::Error> {
    let config = ServerConfig::builder_with_provider(provider.clone());
    let config = config.with_safe_default_protocol_versions()?;
    let config = match verifier {
        Some(verifier) => config.with_client_cert_verifier(verifier),
        None => config.with_no_client_auth(),
    };
    Ok(config.with_cert_resolver(Arc::new(Keys(keys))))
}

/// The configuration for an ACME challenge, with this chain and key, both as PEM.
///
/// # Errors
/// All errors in these options.
pub(super) fn acme_host_config(chain: Vec<u8>, key: Vec<u8>) -> Result<HostConfig, Vec<String>> {
    let provider = provider().ok_or_else(|| vec![no_provider_error()])?;
    let pair = of_acme_challenge(chain, key, &provider)?;
    let mut config = server_config(&provider, None, vec![Arc::new(pair)])
        .map_err(|error| vec![format!("TLS can't be set up: {error}")])?;
    config.alpn_protocols = vec![ACME.to_vec()];
    Ok(HostConfig {
        config: Arc::new(config),
        facts: None,
        #[cfg(feature = "expiry")]
        expires_at: None,
    })
}

/// The error if there is no [`provider`].
pub(super) fn no_provider_error() -> String {
    "TLS from files or with these roots needs the feature `tls-ring` or `tls-aws-lc`".to_owned()
}

/// The keys of a host, of one or several kinds.
#[derive(Debug)]
struct Keys(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_understood =
            |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        self.0.iter().find(is_understood).or(self.0.first()).cloned()
    }
}

/// The cryptography that was built in. If both are, it is aws-lc, because ring is a default and aws-lc was chosen.
pub(super) fn provider() -> Option<Arc<CryptoProvider>> {
    #[cfg(feature = "tls-aws-lc")]
    return Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc")))]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
    None
}

#[cfg(all(test, any(feature = "tls-ring", feature = "tls-aws-lc")))]
mod tests {
    use super::*;

    /// Makes hosts, with the same certificate for all.
    fn maker() -> impl Fn(&str) -> Host + Clone {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let pair = (made.cert.pem().into_bytes(), made.signing_key.serialize_pem().into_bytes());
        move |name: &str| {
            let pair = pair.clone();
            Host::new(name).certificate_from(move || Ok(pair.clone()))
        }
    }

    /// The hosts of a listener that finds missing ones in this way.
    fn hosts(find: impl Fn(&MissingHost) -> Option<Host> + Send + Sync + 'static) -> TlsHosts {
        let find = Some(FindHost(Arc::new(find)));
        let options = TlsOptions { hosts: vec![maker()("usual.example")], find, ..TlsOptions::default() };
        TlsHosts::load(&options, Speaks::Raw).unwrap()
    }

    #[track_caller]
    fn look_up(hosts: &TlsHosts, name: &str) {
        let missing = MissingHost { name: name.to_owned(), alpn: Vec::new() };
        assert!(matches!(hosts.find_missing(&missing), HostAnswer::Host(_)));
    }

    #[test]
    fn of_the_hosts_that_were_found_the_newest_1024_are_kept() {
        let host = maker();
        let hosts = hosts(move |missing| Some(host(missing.name())));
        let name = |number: usize| format!("late{number}.example");
        (0..1025).for_each(|number| look_up(&hosts, &name(number)));
        let is_kept = |number| matches!(hosts.find(Some(&name(number))), HostAnswer::Host(_));
        assert_eq!(hosts.found.read().unwrap().len(), 1024);
        assert_eq!([0, 1, 1024].map(is_kept), [false, true, true]);
    }

    /// Look-ups for the same name that waited together were all made, and each pushed another host out.
    #[test]
    fn i353_a_host_is_looked_up_and_kept_once() {
        let (host, calls) = (maker(), Arc::new(AtomicU64::new(0)));
        let counted = calls.clone();
        let hosts = hosts(move |missing| {
            counted.fetch_add(1, Ordering::SeqCst);
            // As two threads find the same host at the same time.
            Some(host(if missing.name().starts_with('x') { "same.example" } else { missing.name() }))
        });
        for (name, calls_then, kept_then) in [
            ("a.example", 1, 1),
            ("a.example", 1, 1),
            ("A.Example", 1, 1),
            ("b.example", 2, 2),
            ("x1.example", 3, 3),
            ("x2.example", 4, 3),
            ("usual.example", 4, 3),
        ] {
            look_up(&hosts, name);
            let state = (calls.load(Ordering::SeqCst), hosts.found.read().unwrap().len());
            assert_eq!(state, (calls_then, kept_then), "{name}");
        }
    }
}
