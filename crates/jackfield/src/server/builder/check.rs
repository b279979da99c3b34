//! Finds all mistakes in a server's options.

use super::ServerBuilder;
use crate::config::{Limits, ListenerSettings, Place, contradiction};
use crate::gate::PathList;
use crate::server::error::{Error, Result};
use jackfield_reactor::REACTORS_MAX;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// Options without mistakes.
pub(super) struct Checked {
    pub(super) limits: Limits,
    /// The addresses of each listener; empty for those without IP, or with a ready socket.
    pub(super) addrs: Vec<Vec<SocketAddr>>,
    pub(super) listeners: Vec<ListenerSettings>,
}

/// The most listening sockets: a link has the index of its settings in one byte, and outgoing connections need some
/// too.
const LISTENERS_MAX: usize = 250;

/// The options for origins, which exclude each other.
const ORIGINS: [&str; 3] = ["allowed_origins", "only_origins", "any_origin"];

impl ServerBuilder {
    /// # Errors
    /// All mistakes.
    pub(super) fn check(&self, reactors: usize) -> Result<Checked> {
        let limits = self.changes.made_to(self.presets.first().cloned().unwrap_or_default());
        let mut faults = self.faults.clone();
        faults.extend(limits.faults());
        faults.extend(self.faults_of_counts(reactors));
        let (mut addrs, mut listeners) = (Vec::new(), Vec::new());
        for (number, listener) in self.listeners.iter().enumerate() {
            match resolve(&listener.place) {
                Ok(found) => addrs.push(found),
                Err(error) => faults.push(format!("`{}` is not an address: {error}", listener.place)),
            }
            match listener.settings(number, &limits) {
                Ok(settings) => listeners.push(settings),
                Err(wrong) => faults.extend(wrong),
            }
        }
        faults.extend(self.faults_of_names());
        faults.extend(self.access_log.iter().flat_map(|log| log.faults(self.listeners.len())));
        if addrs.iter().map(|addrs| addrs.len().max(1)).sum::<usize>() > LISTENERS_MAX {
            faults.push(format!(
                "there are more than {LISTENERS_MAX} listeners (each address of a name counts)",
            ));
        }
        faults.extend(self.faults_of_gate());
        faults.extend(self.faults_of_given());
        if faults.is_empty() { Ok(Checked { limits, addrs, listeners }) } else { Err(Error::Options(faults)) }
    }

    fn faults_of_counts(&self, reactors: usize) -> Vec<String> {
        let mut faults = Vec::new();
        if self.presets.len() > 1 {
            faults.push("`preset` is given more than once: give one, and change it with `limits`".into());
        }
        if self.listeners.is_empty() {
            faults.push("there is no listener: add one with `listen`".into());
        }
        if !(1..=REACTORS_MAX).contains(&reactors) {
            faults.push(format!("`reactors` must be 1 to {REACTORS_MAX}"));
        }
        if !(1..=1024).contains(&self.offload_threads) {
            faults.push("`offload_threads` must be 1 to 1024".into());
        }
        #[cfg(feature = "tls")]
        if self.handshake_threads > 64 {
            faults.push("`handshake_threads` must be 0 to 64".into());
        }
        faults
    }

    fn faults_of_names(&self) -> Vec<String> {
        let names: Vec<_> = self.listeners.iter().filter_map(|listener| listener.name.as_ref()).collect();
        let twice = names.iter().enumerate().filter(|(at, name)| names[..*at].contains(name));
        twice.map(|(_, name)| format!("two listeners are named `{name}`: give each its own name")).collect()
    }

    /// Options that were given twice, or that exclude each other.
    fn faults_of_given(&self) -> Vec<String> {
        let numbered = self.given.iter().enumerate();
        let twice = numbered.filter(|(at, name)| self.given[..*at].contains(name));
        let twice = twice.map(|(_, name)| format!("`{name}` is given more than once: give it once"));
        let origins = ORIGINS.into_iter().filter(|name| self.given.contains(name)).collect::<Vec<_>>();
        twice.chain(contradiction(&origins)).collect()
    }

    /// Mistakes in origins, hosts and paths.
    fn faults_of_gate(&self) -> Vec<String> {
        let mut faults: Vec<String> = Vec::new();
        faults.extend(self.origins.as_ref().err().into_iter().flatten().cloned());
        faults.extend(self.hosts.as_ref().err().into_iter().flatten().cloned());
        let (reserved, websockets) = (&self.reserved[..], self.websockets.as_deref().unwrap_or_default());
        let wrong = PathList::malformed(reserved);
        faults.extend(wrong.map(|path| format!("`{path}` is not a path such as `/health`")));
        let wrong = PathList::malformed(websockets);
        faults.extend(wrong.map(|path| format!("`{path}` is not a path such as `/chat`")));
        let crowded = [reserved, websockets].into_iter().flat_map(PathList::crowded);
        faults.extend(
            crowded.map(|path| format!("`{path}` has two parameters in one segment: one is allowed")),
        );
        let wrong = self.status.0.iter().flatten().filter(|path| !path.starts_with('/'));
        faults.extend(wrong.map(|path| format!("`{path}` is not a path such as `/metrics`")));
        faults
    }
}

/// All addresses of a name, each once, in the order of the system.
fn resolve(place: &Place) -> io::Result<Vec<SocketAddr>> {
    let Place::Tcp(addr) = place else { return Ok(Vec::new()) };
    let mut addrs = Vec::new();
    for addr in addr.to_socket_addrs()? {
        if !addrs.contains(&addr) {
            addrs.push(addr);
        }
    }
    if addrs.is_empty() { Err(io::Error::other("the name has no address")) } else { Ok(addrs) }
}

#[cfg(test)]
mod tests {
    use crate::config::Listener;
    use crate::observe::AccessLog;
    use crate::server::ServerBuilder;

    #[test]
    fn a_listener_has_its_own_options() {
        let listener = Listener::tcp("127.0.0.1:0").backlog(7).nodelay(false).reuse_port(true);
        let options = listener.options;
        assert_eq!((options.backlog, options.socket.nodelay, options.reuse_port), (7, false, true));
    }

    /// The fault: the log was of no listener, and nothing said so.
    #[test]
    fn an_access_log_of_a_listener_that_is_not_there_is_an_error() {
        let log = AccessLog::common(std::io::sink()).listener(1).listener(2);
        let builder = ServerBuilder::default().listen("127.0.0.1:0").listen("127.0.0.1:0").access_log(log);
        let fault = builder.bind().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(fault.contains("listener 2") && !fault.contains("listener 1"), "{fault:?}");
    }

    #[test]
    fn a_banner_and_deferred_accepts_are_an_error() {
        let listener = Listener::tcp("127.0.0.1:0").lines().banner("hello").defer_accept(true);
        let fault = ServerBuilder::default().listen(listener).bind().err().map(|error| error.to_string());
        assert!(fault.as_ref().is_some_and(|fault| fault.contains("sends first")), "{fault:?}");
    }
}
