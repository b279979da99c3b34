//! New certificates without a restart.

use crate::config::ListenerSettings;
#[cfg(feature = "expiry")]
use crate::config::TlsHosts;
use crate::shared::handle::Handle;
#[cfg(all(feature = "signals", unix))]
use crate::shared::observer::Observer;
#[cfg(all(feature = "signals", unix))]
use crate::shared::offload::attempt;
#[cfg(feature = "expiry")]
use crate::shared::settings::Settings;
use crate::shared::state::Busy;
use std::sync::Arc;

impl Handle {
    /// Reads the certificates and keys of all listeners once more, from the files that [`Listener::tls`](crate::Listener::tls)
    /// and [`Host`](crate::Host) name. New handshakes use the new certificates; open connections go on with the old ones. It
    /// reads files, so call it on a thread that may block.
    ///
    /// ```no_run
    /// use jackfield::Handle;
    ///
    /// fn renewed(handle: &Handle) {
    ///     if let Err(faults) = handle.reload_tls() {
    ///         eprintln!("the old certificates stay: {}", faults.join("; "));
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with any of the files, such as a key that does not belong to its certificate; or that the
    /// server has ended. Then nothing changes, for no listener.
    #[doc(alias = "RecheckSslCerts")]
    #[doc(alias = "reloadListenerCertificate")]
    pub fn reload_tls(&self) -> Result<(), Vec<String>> {
        if self.has_ended() {
            return Err(vec![Busy::Stopped.to_string()]);
        }
        let all = self.shared().tls_hosts.get().map_or(&[][..], |all| all);
        let (mut loaded, mut faults) = (Vec::new(), Vec::new());
        for hosts in all {
            match hosts.read() {
                Ok(read) => loaded.push((Arc::clone(hosts), read)),
                Err(wrong) => faults.extend(wrong),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        loaded.into_iter().for_each(|(hosts, read)| hosts.install(read));
        Ok(())
    }

    /// The same on a thread for blocking work. The observer gets the result.
    #[cfg(all(feature = "signals", unix))]
    pub(crate) fn reload_tls_later(&self, observer: Arc<dyn Observer>) {
        let handle = self.clone();
        // A server that has ended shows no certificates any more.
        let _ = self.shared().pool.submit_reserved(Box::new(move || {
            // A closure that makes certificates may panic.
            let reloaded =
                attempt(|| handle.reload_tls()).unwrap_or_else(|panicked| Err(vec![panicked.to_string()]));
            let faults = reloaded.err().unwrap_or_default();
            if !handle.has_ended() {
                observer.on_tls_reload(&faults);
            }
        }));
    }

    /// Keeps the hosts that can be reloaded. All addresses of a name have the same hosts.
    pub(crate) fn keep_hosts(&self, listeners: &[ListenerSettings]) {
        let mut all: Vec<_> = listeners.iter().filter_map(ListenerSettings::tls_hosts).cloned().collect();
        all.dedup_by(|one, other| Arc::ptr_eq(one, other));
        // Set once, because a server is bound once.
        let _ = self.shared().tls_hosts.set(all);
    }

    /// For each host: the number of its listener, its name, and the last valid second of its certificates, since 1970.
    #[cfg(feature = "expiry")]
    pub(crate) fn certificate_expiries(&self, settings: &Settings) -> Vec<(usize, String, i64)> {
        let all = self.shared().tls_hosts.get().map_or(&[][..], |all| all);
        let of = |hosts: &Arc<TlsHosts>| {
            let is_its = |listener: &&ListenerSettings| {
                listener.tls_hosts().is_some_and(|its| Arc::ptr_eq(its, hosts))
            };
            let number = settings.listeners.iter().find(is_its).map_or(0, |listener| listener.number);
            hosts
                .expiries()
                .into_iter()
                .map(move |(host, expires_at)| (number, host, expires_at))
                .collect::<Vec<_>>()
        };
        all.iter().flat_map(of).collect()
    }
}
