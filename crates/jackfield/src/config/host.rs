//! A host, and its certificates.

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// None: it is shown to whoever asks for no other.
    pub(crate) names: Vec<String>,
    /// Files of a chain and of its key.
    pub(crate) pairs: Vec<(PathBuf, PathBuf)>,
}

impl Host {
    /// A host of this name. `*.a.example` stands for all names with one label in place of the star.
    pub fn new(name: impl Into<String>) -> Self {
        Self { names: vec![name.into()], pairs: Vec::new() }
    }

    /// One more of its names.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// A certificate chain and its key from PEM files. With several, each peer is shown the first whose kind of key it
    /// understands.
    #[must_use]
    pub fn certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.pairs.push((chain.into(), key.into()));
        self
    }

    /// The host of those who ask for no other.
    pub(crate) fn default_of(chain: PathBuf, key: PathBuf) -> Self {
        Self { names: Vec::new(), pairs: vec![(chain, key)] }
    }

    /// Whether this is one of its names.
    pub(crate) fn is_called(&self, asked: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => asked
                .split_once('.')
                .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent)),
            None => name.eq_ignore_ascii_case(asked),
        })
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        let wrong = self.names.iter().filter(|name| {
            let host = name.strip_prefix("*.").unwrap_or(name);
            rustls_pki_types::DnsName::try_from(host).is_err() || host.contains('*')
        });
        let mut faults: Vec<String> =
            wrong.map(|name| format!("`{name}` is no host such as `a.example` or `*.a.example`")).collect();
        if self.pairs.is_empty() {
            faults.push(format!("the host `{}` has no certificate", self.names.join("`, `")));
        }
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
            ("a.example", true),
            ("A.Example", true),
            ("x.a.example", false),
            ("x.b.example", true),
            ("X.B.EXAMPLE", true),
            ("b.example", false),
            (".b.example", false),
            ("x.y.b.example", false),
            ("", false),
        ] {
            assert_eq!(host.is_called(asked), is_it, "{asked}");
        }
    }

    #[test]
    fn what_is_no_host_is_named() {
        let host = Host::new("two words").name("*.*.a").name("*").name("ok.example");
        let faults = host.faults();
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(Host::new("*.a.example").certificate("a", "b").faults().is_empty());
    }
}
