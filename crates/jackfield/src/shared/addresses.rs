//! Limits by address: the connections of each address, and its rate of new ones.
//!
//! An IPv4 address counts by itself, an IPv6 address by its /64, which is what one subscriber has. If no listener has such a
//! limit, nothing is kept or locked. The cost of a connection here does not depend on the number of connections.

use jackfield_reactor::Time;
use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Shards of the table of counts: while one grows, few other connections wait for it, and not for long.
const SHARDS: usize = 64;

/// The table of rates has this many rows of `RATE_PLACES` places. In a full row a new address takes the place of the one
/// that has connected least lately; that one starts again.
const RATE_ROWS: usize = 4096;
const RATE_PLACES: usize = 4;

/// Makes different keys of the same address for different rates, in rows that are as good as random.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Rates count time in microseconds.
const SECOND_MICROS: u64 = 1_000_000;

/// The counts and rates of addresses.
#[derive(Default)]
pub(crate) struct Addresses {
    /// Random, or from a seed, so that no peer can choose addresses that share a row.
    keyed: OnceLock<DefaultHasher>,
    counts: OnceLock<Box<[Part]>>,
    rates: OnceLock<Mutex<Box<[[Rated; RATE_PLACES]]>>>,
}

/// The number of connections of some addresses, by key.
type Part = Mutex<HashMap<u64, usize>>;

/// An address that has connected lately.
#[derive(Clone, Copy, Debug, Default)]
struct Rated {
    key: u64,
    /// The time at which its connections so far would be allowed at the highest rate, in microseconds. 0: a free place.
    due: u64,
}

impl Addresses {
    /// With a seed the addresses that share a row are always the same.
    pub(crate) fn seed(&self, seed: Option<u64>) {
        let _ = self.keyed.get_or_init(|| {
            let mut keyed = match seed {
                None => RandomState::new().build_hasher(),
                Some(_) => DefaultHasher::new(),
            };
            keyed.write_u64(seed.unwrap_or_default());
            keyed
        });
    }

    /// The key of an address: 64 bits of a keyed hash. Two addresses with the same key count as one; the chance of that is 1
    /// in 2 to the power of 64.
    pub(crate) fn key(&self, ip: IpAddr) -> u64 {
        self.seed(None);
        let mut keyed = self.keyed.get().cloned().unwrap_or_default();
        match ip.to_canonical() {
            IpAddr::V4(ip) => keyed.write_u32(ip.to_bits()),
            IpAddr::V6(ip) => keyed.write_u64((ip.to_bits() >> 64) as u64),
        }
        keyed.finish()
    }

    /// Counts one more connection of an address. False, and not counted: it has as many as it may.
    pub(crate) fn try_count(&self, key: u64, most: usize) -> bool {
        let mut part = self.part(key);
        match part.entry(key) {
            Entry::Occupied(count) if *count.get() >= most => false,
            entry => {
                *entry.or_default() += 1;
                true
            }
        }
    }

    pub(crate) fn uncount(&self, key: u64) {
        let mut part = self.part(key);
        if let Entry::Occupied(mut count) = part.entry(key) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    fn part(&self, key: u64) -> MutexGuard<'_, HashMap<u64, usize>> {
        let parts = self.counts.get_or_init(|| (0..SHARDS).map(|_| Mutex::default()).collect());
        lock(&parts[key as usize % SHARDS])
    }

    /// Whether an address may connect now. A new address may use the connections of one second at once. Each rate has its own
    /// count, because a connection at a low rate stands for many at a high one.
    pub(crate) fn take(&self, key: u64, now: Time, a_second: u32) -> bool {
        let key = key.wrapping_add(u64::from(a_second).wrapping_mul(ODD));
        let rates =
            self.rates.get_or_init(|| Mutex::new(vec![[Rated::default(); RATE_PLACES]; RATE_ROWS].into()));
        let mut rates = lock(rates);
        let row = &mut rates[key as usize / SHARDS % RATE_ROWS];
        let known = row.iter().position(|rated| rated.due > 0 && rated.key == key);
        let least = || (0..RATE_PLACES).min_by_key(|place| row[*place].due).unwrap_or_default();
        let place = known.unwrap_or_else(least);
        let now = now.0 * 1000;
        let due = known.map_or(now, |place| row[place].due.max(now)) + SECOND_MICROS / u64::from(a_second);
        let may = due <= now + SECOND_MICROS;
        if may {
            row[place] = Rated { key, due };
        }
        may
    }

    /// The number of addresses that have a connection.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.counts.get().map_or(0, |parts| parts.iter().map(|part| lock(part).len()).sum())
    }
}

/// A panic while this is locked can only come from a lack of memory.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_is_known_by_itself_or_by_its_network_of_64_bits() {
        let addresses = Addresses::default();
        let rows = [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ];
        for (a, b, is_same) in rows {
            assert_eq!(addresses.key(ip(a)) == addresses.key(ip(b)), is_same, "{a} and {b}");
        }
    }

    #[test]
    fn an_address_without_a_connection_takes_no_room() {
        let addresses = Addresses::default();
        for round in 0..3 {
            for key in 0..1000 {
                assert!(
                    addresses.try_count(key, 2)
                        && addresses.try_count(key, 2)
                        && !addresses.try_count(key, 2)
                );
            }
            assert_eq!(addresses.len(), 1000, "round {round}");
            (0..1000).for_each(|key| (0..2).for_each(|_| addresses.uncount(key)));
            assert_eq!(addresses.len(), 0, "round {round}");
        }
    }

    #[test]
    fn an_address_may_connect_as_often_as_its_rate_allows() {
        let addresses = Addresses::default();
        let takes = |now| addresses.take(7, Time(now), 4);
        assert_eq!([0; 5].map(takes), [true, true, true, true, false], "a second's worth at once");
        assert!(!takes(249) && takes(250) && !takes(250), "and then one in each quarter");
        assert_eq!([10_000; 5].map(takes), [true, true, true, true, false], "no more is saved");
        assert!(addresses.take(8, Time(10_000), 4), "others have a rate of their own");
    }

    /// Even with many addresses, one that connects often is not dropped for others that connect once.
    #[test]
    fn the_table_of_rates_does_not_grow() {
        let addresses = Addresses::default();
        let row = |number: u64| number * (RATE_ROWS * SHARDS) as u64;
        (0..4).for_each(|_| assert!(addresses.take(row(1), Time(0), 4)));
        for number in 2..1000 {
            assert!(addresses.take(row(number), Time(0), 4), "{number}");
        }
        assert!(!addresses.take(row(1), Time(0), 4));
        let places = || lock(addresses.rates.get().expect("it is in use")).as_flattened().len();
        assert_eq!(places(), 16_384);
        (0..20_000).for_each(|key| assert!(addresses.take(key, Time(0), 1), "{key}"));
        assert_eq!(places(), 16_384);
    }
}
