//! A host: its names, its certificates, and the rules for its peers.

use crate::config::alpn::fault_of_alpn;
use crate::config::certificate::CertificateAndKey;
use crate::config::client_auth::ClientAuth;
use std::io;
use std::path::PathBuf;

/// A host of a listener with TLS: its names, and its certificates in files. A peer that asks for one of the names is shown
/// the certificate of this host.
///
/// ```no_run
/// use jackfield::{Host, Listener, Server};
///
/// let listener = Listener::tcp("[::]:443")
///     .tls("default.pem", "default.key")
///     .host(Host::new("a.example").name("*.a.example").certificate("a.pem", "a.key"))
///     .host(Host::new("b.example").certificate("b-ecdsa.pem", "b-ecdsa.key").certificate("b-rsa.pem", "b-rsa.key"));
/// let server = Server::builder().listen(listener).bind()?;
/// # Ok::<(), jackfield::Error>(())
/// ```
#[doc(alias = "IcsHosts")]
#[derive(Clone, Debug)]
pub struct Host {
    /// Empty: it is the fallback for peers that name no known host.
    pub(crate) names: Vec<String>,
    pub(crate) certificates: Vec<CertificateAndKey>,
    /// `None`: the listener's.
    pub(crate) alpn: Option<Vec<Vec<u8>>>,
    pub(crate) client_auth: Option<ClientAuth>,
    pub(crate) tag: Option<u64>,
}

impl Host {
    /// A host with this name. `*.a.example` stands for all names with one label in place of the star, but for those that are the name of
    /// another host of the listener, before or after this one.
    pub fn new(name: impl Into<String>) -> Self {
        Self::of_names(vec![name.into()])
    }

    /// The host for peers that ask for no other host, like the one that [`Listener::tls`](crate::Listener::tls) makes.
    #[must_use]
    pub fn fallback() -> Self {
        Self::of_names(Vec::new())
    }

    fn of_names(names: Vec<String>) -> Self {
        Self { names, certificates: Vec::new(), alpn: None, client_auth: None, tag: None }
    }

    /// Adds a name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// A certificate chain and its key from PEM files. With several, each peer gets the first whose kind of key it
    /// supports.
    #[must_use]
    pub fn certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.certificates.push(CertificateAndKey::files(chain.into(), key.into()));
        self
    }

    /// The same from a closure, which returns the chain and the key, both as PEM. It is called when the server is bound, and
    /// again by [`Handle::reload_tls`](crate::Handle::reload_tls), on the thread that calls them.
    ///
    /// ```
    /// use jackfield::Host;
    /// use std::sync::{Arc, Mutex};
    ///
    /// # fn issue() -> (String, String) { (String::new(), String::new()) }
    /// let newest = Arc::new(Mutex::new(issue()));
    /// let host = Host::new("a.example").certificate_from(move || {
    ///     let (chain, key) = newest.lock().unwrap().clone();
    ///     Ok((chain.into(), key.into()))
    /// });
    /// ```
    #[must_use]
    pub fn certificate_from(
        mut self,
        make: impl Fn() -> io::Result<(Vec<u8>, Vec<u8>)> + Send + Sync + 'static,
    ) -> Self {
        self.certificates.push(CertificateAndKey::made(make));
        self
    }

    /// A file with an OCSP response (RFC 6960) in DER, for the certificate that was added last. It is sent unchanged to
    /// peers that ask for one (RFC 6066 section 8), and read again together with the certificate. Without a certificate
    /// before it, it has no effect.
    #[doc(alias = "OCSP stapling")]
    #[must_use]
    pub fn ocsp(mut self, path: impl Into<PathBuf>) -> Self {
        if let Some(certificate) = self.certificates.last_mut() {
            certificate.set_ocsp(path.into());
        }
        self
    }

    /// The protocols that it offers by ALPN (RFC 7301), the preferred one first, instead of those of
    /// [`Listener::alpn`](crate::Listener::alpn). A peer that names only other protocols fails its handshake.
    #[must_use]
    pub fn alpn<N: AsRef<[u8]>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.alpn = Some(names.into_iter().map(|name| name.as_ref().to_vec()).collect());
        self
    }

    /// Whether its peers are asked for certificates, instead of
    /// [`Listener::client_auth`](crate::Listener::client_auth). The server name selects the host and its rule; a request that then
    /// names a host with another rule gets 421, and no client sees it.
    #[must_use]
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.client_auth = Some(client_auth);
        self
    }

    /// A number with which the factory can recognise it: [`TlsInfo::host_tag`](crate::TlsInfo::host_tag). Default:
    /// none.
    #[doc(alias = "HostTag")]
    #[must_use]
    pub fn tag(mut self, tag: u64) -> Self {
        self.tag = Some(tag);
        self
    }

    /// Its name in reports.
    #[cfg(feature = "expiry")]
    pub(crate) fn title(&self) -> String {
        self.names.first().map_or("the fallback", |name| name).to_owned()
    }

    /// Whether this is one of its names, without a star.
    pub(crate) fn has_exactly(&self, asked: &str) -> bool {
        self.names.iter().any(|name| name.eq_ignore_ascii_case(asked))
    }

    /// Whether one of its names has a star that stands for the first label of this one.
    pub(crate) fn has_star_for(&self, asked: &str) -> bool {
        let Some((_, rest)) = asked.split_once('.').filter(|(label, _)| !label.is_empty()) else {
            return false;
        };
        let mut parents = self.names.iter().filter_map(|name| name.strip_prefix("*."));
        parents.any(|parent| rest.eq_ignore_ascii_case(parent))
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        let wrong = self.names.iter().filter(|name| {
            let host = name.strip_prefix("*.").unwrap_or(name);
            // A server name never ends with a dot (RFC 6066 section 3).
            rustls_pki_types::DnsName::try_from(host).is_err() || host.contains('*') || host.ends_with('.')
        });
        let mut faults: Vec<String> = wrong
            .map(|name| format!("`{name}` is not a host such as `a.example` or `*.a.example`"))
            .collect();
        if self.certificates.is_empty() {
            faults.push(format!("the host `{}` has no certificate", self.names.join("`, `")));
        }
        faults.extend(self.alpn.iter().flatten().filter_map(|name| fault_of_alpn(name)));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        let host = Host::new("a.example").name("*.b.example");
        for (asked, is_it) in [
            ("a.example", [true, false]),
            ("A.Example", [true, false]),
            ("x.a.example", [false, false]),
            ("x.b.example", [false, true]),
            ("X.B.EXAMPLE", [false, true]),
            ("b.example", [false, false]),
            (".b.example", [false, false]),
            ("x.y.b.example", [false, false]),
            ("", [false, false]),
        ] {
            assert_eq!([host.has_exactly(asked), host.has_star_for(asked)], is_it, "{asked}");
        }
    }

    #[test]
    fn an_invalid_host_is_named() {
        let wrong = ["two words", "*.*.a", "*", "", "192.0.2.1", "a.example.", "*.a.example."];
        let host = wrong.into_iter().fold(Host::new("ok.example").certificate("a", "b"), Host::name);
        let faults = host.faults();
        assert_eq!(faults.len(), wrong.len(), "{faults:?}");
        assert_eq!(Host::new("ok.example").faults(), ["the host `ok.example` has no certificate"]);
        assert!(Host::new("*.a.example").certificate("a", "b").faults().is_empty());
    }
}
