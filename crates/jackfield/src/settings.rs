//! What the reactors of a server share and never change.

use crate::limits::Limits;
use crate::observer::Observer;
use std::sync::Arc;

/// What the reactors of a server share and never change.
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) listeners: Box<[ListenerSettings]>,
    pub(crate) origins: Origins,
    pub(crate) reserved: Vec<String>,
    pub(crate) watchdog: bool,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) clock: WallClock,
}

/// What is special to one listener.
#[derive(Clone, Default)]
pub(crate) struct ListenerSettings {
    pub(crate) speaks: Speaks,
    pub(crate) banner: Vec<u8>,
    pub(crate) busy_banner: Vec<u8>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

/// What a listener's connections speak at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP, and from there on WebSocket or event streams.
    #[default]
    Http,
    /// A protocol of the user's own, in bytes.
    Raw,
    /// A protocol of the user's own, in lines.
    Lines,
}

/// Which pages may open a WebSocket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origins {
    /// Those of the same host.
    #[default]
    Same,
    /// These, and those of the same host.
    Listed(Vec<String>),
    Any,
}

/// Where the time of day comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WallClock {
    System,
    /// A reactor's time zero is this second: simulations always have the same one.
    #[cfg(feature = "test-util")]
    From(u64),
}

impl ListenerSettings {
    pub(crate) fn is_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }

    /// What a new connection hears when there is no room for it; `refused` counts those before it.
    pub(crate) fn busy(&self, refused: u64) -> &[u8] {
        match self.speaks {
            Speaks::Http => BUSY[retry_after(refused) - 1],
            Speaks::Raw | Speaks::Lines => &self.busy_banner,
        }
    }
}

/// After how many seconds the so-manieth that is refused should come back: 1 to 8, each as often as the others, so
/// that they don't come back together. No chance is in it: the same acts give the same bytes.
fn retry_after(refused: u64) -> usize {
    const STEP: u64 = 5;
    1 + (refused.wrapping_mul(STEP).wrapping_add(STEP - 1) % BUSY.len() as u64) as usize
}

macro_rules! busy {
    ($seconds:literal) => {
        concat!(
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: ",
            $seconds,
            "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .as_bytes()
    };
}

const BUSY: [&[u8]; 8] = [busy!(1), busy!(2), busy!(3), busy!(4), busy!(5), busy!(6), busy!(7), busy!(8)];

impl Settings {
    /// True if a request for this path is served even by an overloaded reactor.
    pub(crate) fn is_reserved(&self, path: &str) -> bool {
        self.reserved.iter().any(|reserved| match reserved.strip_suffix('/') {
            Some(above) if !above.is_empty() => {
                path.strip_prefix(above).is_some_and(|below| below.is_empty() || below.starts_with('/'))
            }
            _ => path == reserved,
        })
    }
}

impl Origins {
    /// Whether a page of this origin may open a WebSocket here. No origin is no browser.
    pub(crate) fn allow(&self, origin: Option<&str>, host: &str) -> bool {
        let Some(origin) = origin else { return true };
        match self {
            Self::Any => true,
            Self::Same => is_same_host(origin, host),
            Self::Listed(origins) => {
                is_same_host(origin, host)
                    || origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
            }
        }
    }
}

/// Whether an origin names the host that was asked, the scheme's own port left out on either side.
fn is_same_host(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let bare = |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
    bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_are_refused_come_back_at_different_times() {
        let mut seconds: Vec<usize> = (0..8).map(retry_after).collect();
        assert_eq!(seconds[0], 5);
        seconds.sort_unstable();
        assert_eq!(seconds, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn origins() {
        let listed = Origins::Listed(vec!["https://a.example".into()]);
        let rows = [
            (&Origins::Same, None, "h", true),
            (&Origins::Same, Some("http://h"), "h", true),
            (&Origins::Same, Some("http://H:80"), "h", true),
            (&Origins::Same, Some("https://h"), "h:443", true),
            (&Origins::Same, Some("http://h"), "h:8080", false),
            (&Origins::Same, Some("http://h:8080"), "h:8080", true),
            (&Origins::Same, Some("http://evil"), "h", false),
            (&Origins::Same, Some("null"), "h", false),
            (&listed, Some("https://A.example"), "h", true),
            (&listed, Some("https://b.example"), "h", false),
            (&Origins::Any, Some("null"), "h", true),
        ];
        for (origins, origin, host, allowed) in rows {
            assert_eq!(origins.allow(origin, host), allowed, "{origins:?} {origin:?} {host}");
        }
    }
}
