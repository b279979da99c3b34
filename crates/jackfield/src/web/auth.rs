//! The schemes Basic and Bearer.

use crate::gate::{Access, Authenticator};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jackfield_proto::http1::Request;
use std::fmt;
use std::hint::black_box;
use std::net::SocketAddr;

/// A name and a password that came with a request (RFC 7617). `Debug` leaves the password out.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Basic {
    /// The name; it has no `:` in it.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Basic {
    /// The name and password of a request, if it has them and they are UTF-8.
    #[must_use]
    pub fn of(request: &Request<'_>) -> Option<Self> {
        let encoded = credentials(request, "basic")?;
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Self { user: user.into(), password: password.into() })
    }
}

impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basic").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The token that came with a request as `Authorization: Bearer ..` (RFC 6750 section 2.1).
#[must_use]
pub fn bearer<'b>(request: &Request<'b>) -> Option<&'b str> {
    credentials(request, "bearer").filter(|token| !token.is_empty())
}

/// The text after the scheme in `Authorization`. Two such fields count as none.
fn credentials<'b>(request: &Request<'b>, scheme: &str) -> Option<&'b str> {
    let mut fields = request.header_all("authorization");
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let (given, rest) = std::str::from_utf8(field).ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim_matches(' '))
}

/// Whether a given secret is the right one, in constant time: the time depends only on the length of the given secret.
/// An empty secret is never right.
///
/// ```
/// assert!(jackfield::is_same_secret("t0k3n", "t0k3n"));
/// assert!(!jackfield::is_same_secret("t0k3m", "t0k3n"));
/// assert!(!jackfield::is_same_secret("", ""));
/// ```
#[must_use]
pub fn is_same_secret(given: impl AsRef<[u8]>, secret: impl AsRef<[u8]>) -> bool {
    is_same(given.as_ref().iter(), secret.as_ref().iter())
}

/// Takes each byte that was given and, whatever differs, as many of the secret: from its begin again after its end.
fn is_same<'b>(
    given: impl ExactSizeIterator<Item = &'b u8>,
    secret: impl ExactSizeIterator<Item = &'b u8> + Clone,
) -> bool {
    if secret.len() == 0 {
        return false;
    }
    let is_other_length = u8::from(given.len() != secret.len());
    let pairs = given.zip(secret.cycle());
    let difference = pairs.fold(is_other_length, |difference, (a, b)| black_box(difference | (a ^ b)));
    black_box(difference) == 0
}

/// An [`Authenticator`] that asks for a name and a password (RFC 7617). Without TLS both can be read on the way.
///
/// ```
/// use jackfield::{BasicAuth, Server, is_same_secret};
///
/// let auth = BasicAuth::new("the cellar", |user, password| {
///     // Both are looked at always, so that the time doesn't tell which was wrong.
///     is_same_secret(user, "alice") & is_same_secret(password, "wonderland")
/// });
/// let server = Server::builder().listen("127.0.0.1:0").authenticator(auth).bind()?;
/// # Ok::<(), jackfield::Error>(())
/// ```
pub struct BasicAuth<F> {
    challenge: String,
    is_known: F,
}

impl<F: Fn(&str, &str) -> bool + Send + Sync> BasicAuth<F> {
    /// The realm is what a browser shows. The closure gets name and password; compare secrets with [`is_same_secret`].
    pub fn new(realm: &str, is_known: F) -> Self {
        Self { challenge: format!("Basic realm=\"{}\", charset=\"UTF-8\"", quoted(realm)), is_known }
    }
}

impl<F: Fn(&str, &str) -> bool + Send + Sync> Authenticator for BasicAuth<F> {
    fn check(&self, request: &Request<'_>, _peer: Option<SocketAddr>) -> Access {
        match Basic::of(request) {
            Some(Basic { user, password }) if (self.is_known)(&user, &password) => Access::Allow,
            _ => Access::Challenge(self.challenge.clone()),
        }
    }
}

impl<F> fmt::Debug for BasicAuth<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BasicAuth").field(&self.challenge).finish()
    }
}

/// An [`Authenticator`] that asks for a token (RFC 6750).
pub struct BearerAuth<F> {
    challenge: String,
    is_known: F,
}

impl<F: Fn(&str) -> bool + Send + Sync> BearerAuth<F> {
    /// The closure gets the token; compare secrets with [`is_same_secret`].
    pub fn new(realm: &str, is_known: F) -> Self {
        Self { challenge: format!("Bearer realm=\"{}\"", quoted(realm)), is_known }
    }
}

impl<F: Fn(&str) -> bool + Send + Sync> Authenticator for BearerAuth<F> {
    fn check(&self, request: &Request<'_>, _peer: Option<SocketAddr>) -> Access {
        match bearer(request) {
            Some(token) if (self.is_known)(token) => Access::Allow,
            Some(_) => Access::Challenge(format!("{}, error=\"invalid_token\"", self.challenge)),
            None => Access::Challenge(self.challenge.clone()),
        }
    }
}

impl<F> fmt::Debug for BearerAuth<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BearerAuth").field(&self.challenge).finish()
    }
}

/// Escapes a text for a quoted string. Characters that a field can't have are left out.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars().filter(|character| !character.is_control()) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// The result, and how many bytes of each were taken.
    fn taken(given: &[u8], secret: &[u8]) -> (bool, [usize; 2]) {
        let counts = [Cell::new(0), Cell::new(0)];
        let [given, secret] = [(given, &counts[0]), (secret, &counts[1])]
            .map(|(bytes, count)| bytes.iter().inspect(move |_| count.set(count.get() + 1)));
        let is_same = is_same(given, secret);
        (is_same, counts.map(Cell::into_inner))
    }

    #[test]
    fn h15_a_comparison_takes_as_many_bytes_whatever_differs() {
        for secret in ["t0k3n-t0k3n-t0k3n", "y0k3n", "t", "t0k3n-t0k3n-t0k3n-and-more"] {
            for (given, is_same) in [
                ("t0k3n-t0k3n-t0k3n", secret == "t0k3n-t0k3n-t0k3n"),
                ("x0k3n-t0k3n-t0k3n", false),
                ("t0k3n-t0k3n-t0k3x", false),
                ("xxxxxxxxxxxxxxxxx", false),
            ] {
                assert_eq!(
                    taken(given.as_bytes(), secret.as_bytes()),
                    (is_same, [17, 17]),
                    "{given} {secret}"
                );
            }
        }
    }
}
