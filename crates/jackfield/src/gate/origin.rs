//! Which pages may open a WebSocket.

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

/// A scheme and an authority, and nothing behind them (RFC 6454 section 6.2).
pub(crate) fn is_origin(origin: &str) -> bool {
    origin.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty() && !rest.is_empty() && !rest.contains(['/', '?', '#', ' '])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
