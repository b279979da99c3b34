//! Every option as a checked value with its default.
//!
//! This room knows no thread, no socket, no connection, and no other room.

#[cfg(feature = "tls")]
mod acme;
mod address_rules;
#[cfg_attr(not(feature = "deflate"), path = "no_agreement.rs")]
mod agreement;
#[cfg(feature = "tls")]
mod alpn;
#[cfg(feature = "tls")]
mod certificate;
mod changes;
mod check;
#[cfg(feature = "tls")]
mod client_auth;
mod defences;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(feature = "expiry")]
mod expiry;
#[cfg(feature = "serde")]
pub(crate) mod file;
#[cfg(feature = "tls")]
mod found_hosts;
mod heartbeat;
#[cfg(feature = "tls")]
mod host;
#[cfg(feature = "tls")]
mod host_facts;
mod limits;
mod listener;
#[cfg(feature = "tls")]
mod misdirected;
#[cfg(feature = "tls")]
mod missing_host;
mod network;
mod outgoing;
mod place;
mod presets;
mod rate;
mod refuse;
#[cfg(any(feature = "tls-webpki-roots", feature = "tls-native-roots"))]
pub mod roots;
mod speaks;
mod table;
#[cfg(feature = "tls")]
mod tickets;
#[cfg(feature = "tls")]
mod tls;
mod when_full;

#[cfg(feature = "tls")]
pub use acme::AcmeChallenges;
#[cfg(feature = "tls")]
pub(crate) use acme::HTTP_PATH as ACME_HTTP_PATH;
pub(crate) use address_rules::{AddressRules, canonical};
pub(crate) use agreement::{Agreed, Offering};
#[cfg(feature = "tls")]
pub(crate) use alpn::ACME;
pub(crate) use changes::Changes;
pub(crate) use check::contradiction;
#[cfg(feature = "tls")]
pub use client_auth::ClientAuth;
pub(crate) use defences::{AppliesTo, DEFENCES};
#[cfg(feature = "deflate")]
pub use deflate::{Deflate, DeflateMode};
pub use heartbeat::Heartbeat;
#[cfg(feature = "tls")]
pub use host::Host;
#[cfg(feature = "tls")]
pub(crate) use host_facts::{HostConfig, HostFacts};
pub use limits::Limits;
pub use listener::Listener;
pub(crate) use listener::ListenerSettings;
#[cfg(feature = "tls")]
pub use missing_host::MissingHost;
pub use outgoing::Outgoing;
pub(crate) use outgoing::{Target, WebSocketRequest};
pub(crate) use place::Place;
pub use rate::{OnRateExceeded, Rate};
pub use refuse::Refuse;
pub(crate) use speaks::{LF, Speaks};
pub use table::LimitRow;
#[cfg(feature = "tls")]
pub(crate) use tls::{HostAnswer, ListenerTls, TlsHosts};
pub use when_full::WhenFull;
