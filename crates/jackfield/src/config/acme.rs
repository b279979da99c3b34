//! Answers to the challenges by which an ACME server checks that a host is ours.

use crate::config::host_facts::HostConfig;
use crate::config::tls::acme_host_config;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Answers to the challenges of an ACME server (RFC 8555), such as Let's Encrypt: the listeners of the server give the
/// answers that are stored here. The ACME client is not included: a crate such as `instant-acme` provides the answers. When
/// it has got a certificate, [`Handle::reload_tls`](crate::Handle::reload_tls) loads it. All clones share the same answers.
///
/// ```no_run
/// use jackfield::{AcmeChallenges, Server};
///
/// let challenges = AcmeChallenges::default();
/// let server = Server::builder().listen("[::]:80").acme(challenges.clone()).bind()?;
/// // On the thread that speaks ACME:
/// challenges.add_http_answer("token", "token.thumbprint");
/// # Ok::<(), jackfield::Error>(())
/// ```
#[doc(alias = "letsencrypt")]
#[derive(Clone, Debug, Default)]
pub struct AcmeChallenges(Arc<RwLock<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    /// By token.
    http: HashMap<String, Arc<str>>,
    /// By name, in lower case.
    tls: HashMap<String, Arc<HostConfig>>,
}

/// The most answers of each kind.
const ANSWERS_MAX: usize = 1024;

/// The path of HTTP challenges (RFC 8555 section 8.3).
pub(crate) const HTTP_PATH: &str = "/.well-known/acme-challenge/";

impl AcmeChallenges {
    /// Stores this text, the key authorization (RFC 8555 section 8.3), as the answer at `/.well-known/acme-challenge/` and this
    /// token. Every listener for HTTP gives it, before a client sees the request, except one for the status pages. False: 1024
    /// answers are stored already.
    #[doc(alias = "http-01")]
    pub fn add_http_answer(&self, token: impl Into<String>, authorization: impl Into<Arc<str>>) -> bool {
        put(&mut self.write().http, token.into(), authorization.into())
    }

    /// Stores this certificate and its key, both as PEM, for peers that ask for this host with the ALPN name `acme-tls/1`
    /// (RFC 8737). Every listener with hosts or with certificates from files shows it, and closes when the handshake is over.
    /// The certificate contains the key authorization.
    ///
    /// # Errors
    /// Everything that is wrong with the pair; or that 1024 answers are stored already.
    #[doc(alias = "tls-alpn-01")]
    pub fn add_tls_answer(
        &self,
        name: &str,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Result<(), Vec<String>> {
        let config = Arc::new(acme_host_config(chain.into(), key.into())?);
        let has_room = put(&mut self.write().tls, name.to_ascii_lowercase(), config);
        has_room.then_some(()).ok_or_else(|| vec!["there are too many answers already".into()])
    }

    /// Removes the answer for this token or this host.
    pub fn remove(&self, token_or_name: &str) {
        let mut inside = self.write();
        inside.http.remove(token_or_name);
        inside.tls.remove(&token_or_name.to_ascii_lowercase());
    }

    pub(crate) fn http_answer(&self, token: &str) -> Option<Arc<str>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).http.get(token).cloned()
    }

    pub(crate) fn tls_answer(&self, name: &str) -> Option<Arc<HostConfig>> {
        let name = name.to_ascii_lowercase();
        self.0.read().unwrap_or_else(PoisonError::into_inner).tls.get(&name).cloned()
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Inside> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds an answer. False: there is no room.
fn put<V>(answers: &mut HashMap<String, V>, key: String, value: V) -> bool {
    let has_room = answers.len() < ANSWERS_MAX || answers.contains_key(&key);
    if has_room {
        answers.insert(key, value);
    }
    has_room
}
