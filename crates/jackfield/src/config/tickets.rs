//! Session tickets, and the keys that encrypt them.

use rustls::Error;
use rustls::server::ProducesTickets;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Encrypts and decrypts session tickets (RFC 8446 section 4.6.1, RFC 5077). Time is divided into periods of six hours, each
/// with a key of its own. A ticket is decrypted in the period in which it was made and in the next one, so for six to twelve
/// hours.
///
/// The rotation of rustls is not enough. It happens when a ticket is made or decrypted, and keeps the last key however old that
/// is. So if nobody came for a week, it accepts the tickets of last week.
#[derive(Debug)]
pub(super) struct Tickets {
    start: Instant,
    make: MakeKey,
    keys: RwLock<Keys>,
}

/// A ticketer of rustls, whose key is used as one key here.
type Key = Arc<dyn ProducesTickets>;

type MakeKey = fn() -> Result<Key, Error>;

#[derive(Clone, Debug)]
struct Keys {
    /// Counted from zero.
    period: u64,
    current: Key,
    /// Of the period before.
    last: Option<Key>,
}

const PERIOD: Duration = Duration::from_secs(6 * 3600);

impl Tickets {
    /// # Errors
    /// No cryptography was built in, or the system gives no random numbers.
    pub(super) fn new() -> Result<Self, Error> {
        Self::with_keys(new_key)
    }

    fn with_keys(make: MakeKey) -> Result<Self, Error> {
        let keys = Keys { period: 0, current: make()?, last: None };
        Ok(Self { start: Instant::now(), make, keys: RwLock::new(keys) })
    }

    /// The keys at a time after the start. `None`: the system gives no random numbers, and there are no tickets meanwhile.
    fn keys_at(&self, time: Duration) -> Option<Keys> {
        let period = time.as_secs() / PERIOD.as_secs();
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        if keys.period >= period {
            return Some(keys);
        }
        // No lock is held here. If another thread makes a key too, the first one is used.
        let current = (self.make)().ok()?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.period < period {
            let last = (keys.period + 1 == period).then(|| keys.current.clone());
            *keys = Keys { period, current, last };
        }
        Some(keys.clone())
    }

    fn encrypt_at(&self, time: Duration, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys_at(time)?.current.encrypt(plain)
    }

    fn decrypt_at(&self, time: Duration, ticket: &[u8]) -> Option<Vec<u8>> {
        let Keys { current, last, .. } = self.keys_at(time)?;
        current.decrypt(ticket).or_else(|| last?.decrypt(ticket))
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    /// The hint for clients, in seconds.
    fn lifetime(&self) -> u32 {
        2 * PERIOD.as_secs() as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.encrypt_at(self.start.elapsed(), plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.decrypt_at(self.start.elapsed(), ticket)
    }
}

/// Where both kinds of cryptography are, that of [`provider`](super::tls::provider).
fn new_key() -> Result<Key, Error> {
    #[cfg(feature = "tls-aws-lc")]
    return rustls::crypto::aws_lc_rs::Ticketer::new();
    #[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc")))]
    return rustls::crypto::ring::Ticketer::new();
    #[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
    Err(Error::General("no cryptography was built in".into()))
}

#[cfg(all(test, any(feature = "tls-ring", feature = "tls-aws-lc")))]
mod tests {
    use super::*;

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    /// When a ticket is made and when it comes back, in minutes, and whether it is accepted then.
    const ROWS: [(u64, u64, bool); 13] = [
        (0, 0, true),
        (0, 359, true),
        (0, 360, true),
        (0, 719, true),
        (0, 720, false),
        (359, 719, true),
        (359, 720, false),
        (360, 1079, true),
        (360, 1080, false),
        // A server without visitors.
        (0, 1000, false),
        (0, 7 * 24 * 60, false),
        (100_000, 100_019, true),
        (100_000, 200_000, false),
    ];

    #[test]
    fn t9_a_ticket_is_accepted_for_six_to_twelve_hours() {
        for (made, back, is_accepted) in ROWS {
            // So often others make tickets, or never.
            for others in [None, Some(7), Some(360), Some(500)] {
                let tickets = Tickets::new().expect("random numbers");
                let visits = |from, to| {
                    for time in others.into_iter().flat_map(|step| (from..to).step_by(step)) {
                        assert!(tickets.encrypt_at(minutes(time), b"another").is_some());
                    }
                };
                visits(0, made);
                let ticket = tickets.encrypt_at(minutes(made), b"session").expect("a key");
                visits(made, back);
                let session = tickets.decrypt_at(minutes(back), &ticket);
                assert_eq!(
                    session.as_deref(),
                    is_accepted.then_some(&b"session"[..]),
                    "made at {made}, back at {back}, others each {others:?}"
                );
            }
        }
        let tickets = Tickets::new().expect("random numbers");
        assert!(tickets.enabled() && tickets.lifetime() == 12 * 3600);
        let ticket = tickets.encrypt(b"session").expect("a key");
        assert_eq!(tickets.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
    }

    #[test]
    fn t9_the_key_of_tickets_changes_every_six_hours() {
        let tickets = Tickets::new().expect("random numbers");
        let key = |time| tickets.keys_at(minutes(time)).expect("a key").current;
        let keys = [0, 359, 360, 719, 720, 2000].map(key);
        let changes = keys.windows(2).map(|pair| !Arc::ptr_eq(&pair[0], &pair[1]));
        assert_eq!(changes.collect::<Vec<_>>(), [false, true, false, true, true]);
        // An earlier time brings no old key back.
        assert!(Arc::ptr_eq(&key(700), &keys[5]));
    }

    /// Without random numbers for a new key there are no tickets: the old key is not used for longer.
    #[test]
    fn t9_without_a_new_key_the_old_one_makes_no_more_tickets() {
        let tickets =
            Tickets { make: || Err(Error::FailedToGetRandomBytes), ..Tickets::new().expect("random") };
        let ticket = tickets.encrypt_at(minutes(359), b"session").expect("a key");
        assert_eq!(tickets.encrypt_at(minutes(360), b"session"), None);
        assert_eq!(tickets.decrypt_at(minutes(360), &ticket), None);
    }
}
