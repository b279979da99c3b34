//! The TLS hosts that peers ask for: the usual one, hosts that are found on another thread on demand, and one that does not
//! exist.

use super::Random;
use super::options::Options;
use crate::config::{Host, Listener, MissingHost};
use rustls::pki_types::ServerName;

/// The host that a peer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedHost {
    Usual {
        tag: Option<u64>,
    },
    /// By its number.
    Late(u64),
    /// A host that does not exist: the peer gets the usual one, or is refused.
    Nobody {
        tag: Option<u64>,
        is_refused: bool,
    },
}

/// The number of hosts that are found on demand: few, so that some are asked for twice.
const LATE_HOSTS: usize = 3;
/// The tag of the first of them.
const LATE_TAG: u64 = 1000;

impl AskedHost {
    /// At random, with its own random numbers, if there are hosts at all.
    pub(super) fn by(peer: usize, seed: u64, options: &Options) -> Option<Self> {
        let tag = options.host.as_ref()?.tag;
        let mut random = Random::new(seed ^ 0x4057 ^ (peer as u64) << 32);
        Some(match random.below(8) {
            0..=4 => Self::Late(random.below(LATE_HOSTS) as u64),
            5 => Self::Nobody { tag, is_refused: is_strict(seed) },
            _ => Self::Usual { tag },
        })
    }

    /// The name that it asks for, if it is not the usual host's.
    pub(super) fn name(&self) -> Option<ServerName<'static>> {
        let name = match self {
            Self::Usual { .. } => return None,
            Self::Late(number) => format!("late-{number}.hosts.sim"),
            Self::Nobody { .. } => "nobody.hosts.sim".to_owned(),
        };
        ServerName::try_from(name).ok()
    }

    /// Whether it is looked for on another thread.
    pub(super) fn is_looked_for(&self) -> bool {
        !matches!(self, Self::Usual { .. })
    }

    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Self::Nobody { is_refused: true, .. })
    }

    /// The tag of the host that it gets.
    pub(super) fn tag(&self) -> Option<u64> {
        match self {
            Self::Usual { tag } | Self::Nobody { tag, .. } => *tag,
            Self::Late(number) => Some(LATE_TAG + number),
        }
    }
}

/// Whether peers that ask for a missing host are refused.
fn is_strict(seed: u64) -> bool {
    seed & 16 != 0
}

/// A listener with all of them.
pub(super) fn with_hosts(listener: Listener, usual: &Host, seed: u64) -> Listener {
    let like = usual.clone();
    // Each peer names `sim` in its requests, whatever its server name is. The usual host has the same rule as all the others, so that is
    // no misdirected request.
    let listener = listener.host(usual.clone().name("sim")).strict_sni(is_strict(seed));
    listener.missing_host(move |missing| find(missing, &like))
}

fn find(missing: &MissingHost, like: &Host) -> Option<Host> {
    let number = missing.name().strip_prefix("late-")?.strip_suffix(".hosts.sim")?;
    let tag = LATE_TAG + number.parse::<u64>().ok()?;
    Some(Host { names: vec![missing.name().to_owned()], ..like.clone() }.tag(tag))
}
