//! The origins of pages that may open a WebSocket.

use jackfield_proto::http1::{Authority, Origin};

/// The pages that may open a WebSocket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origins {
    /// Pages of the request's own host, and requests without an origin.
    #[default]
    Same,
    /// Also pages of these origins.
    Listed(Vec<Allowed>),
    /// Only pages of these origins: no other page of the same host, and no request without an origin.
    Only(Vec<Allowed>),
    Any,
}

/// An allowed origin, or all hosts of one label below a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    scheme: Box<str>,
    /// The host. With a star, the part after `*.`.
    host: Box<str>,
    port: Option<u16>,
    has_any_label: bool,
}

impl Origins {
    /// Whether a page of this origin may open a WebSocket at this host. Requests without an origin don't come from
    /// browsers.
    pub(crate) fn allows(&self, origin: Option<&str>, host: &str) -> bool {
        let (listed, is_strict) = match self {
            Self::Any => return true,
            Self::Same => (&[][..], false),
            Self::Listed(listed) => (&listed[..], false),
            Self::Only(listed) => (&listed[..], true),
        };
        let Some(origin) = origin else { return !is_strict };
        let Some(origin) = Origin::parse(origin) else { return false };
        (!is_strict && Authority::parse(host).is_some_and(|host| origin.is_at(host)))
            || listed.iter().any(|allowed| allowed.includes(&origin))
    }
}

impl Allowed {
    /// The origins of a list, or the mistakes in it.
    pub(crate) fn parse_all<O: AsRef<str>>(
        texts: impl IntoIterator<Item = O>,
    ) -> Result<Vec<Self>, Vec<String>> {
        let (mut allowed, mut faults) = (Vec::new(), Vec::new());
        for text in texts {
            match Self::parse(text.as_ref()) {
                Ok(origin) => allowed.push(origin),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(allowed) } else { Err(faults) }
    }

    /// Reads an origin of the server's options.
    ///
    /// # Errors
    /// The mistake in it.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{text}` {why}"));
        if text == "null" {
            return wrong("is what every page without an origin says: it can't be told from others");
        }
        if !text.is_ascii() {
            return wrong("is not in ASCII: write its host as browsers send it (`xn--..`)");
        }
        // A star stands for one label.
        let below = text.replacen("://*.", "://", 1);
        if below.contains('*') || below.ends_with("://") && below != text {
            return wrong("has a `*` that is not one whole label in front, as in `https://*.example`");
        }
        let Some(origin) = Origin::parse(&below) else {
            return wrong("is not an origin; one looks like `https://a.example`");
        };
        Ok(Self {
            scheme: origin.scheme().into(),
            host: origin.host().into(),
            port: origin.port(),
            has_any_label: below != text,
        })
    }

    fn includes(&self, origin: &Origin<'_>) -> bool {
        let is_same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        if !is_same(origin.scheme(), &self.scheme) || origin.port() != self.port {
            return false;
        }
        match (self.has_any_label, origin.host().split_once('.')) {
            (false, _) => is_same(origin.host(), &self.host),
            (true, Some((label, below))) => !label.is_empty() && is_same(below, &self.host),
            (true, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(origins: &[&str]) -> Vec<Allowed> {
        origins
            .iter()
            .map(|origin| Allowed::parse(origin).unwrap_or_else(|fault| panic!("{fault}")))
            .collect()
    }

    /// The origin of a page, the host that it asks, and whether it may.
    #[track_caller]
    fn check(origins: &Origins, rows: &[(Option<&str>, &str, bool)]) {
        for &(origin, host, allowed) in rows {
            assert_eq!(origins.allows(origin, host), allowed, "{origins:?} {origin:?} {host}");
        }
    }

    #[test]
    fn pages_of_the_same_host() {
        let rows = [
            (None, "h", true),
            (Some("http://h"), "h", true),
            (Some("http://H:80"), "h", true),
            (Some("https://h"), "h:443", true),
            (Some("https://h:443"), "h", true),
            (Some("wss://h"), "h:443", true),
            (Some("wss://h"), "h:80", false),
            (Some("ws://h"), "h:80", true),
            (Some("https://h"), "h:80", false),
            (Some("http://h"), "h:8080", false),
            (Some("http://h:8080"), "h:8080", true),
            (Some("http://[::1]:8080"), "[::1]:8080", true),
            (Some("http://evil"), "h", false),
            (Some("http://h.evil"), "h", false),
            (Some("http://h@evil"), "h", false),
            (Some("http://h/"), "h", false),
            (Some("null"), "h", false),
            (Some("null"), "null", false),
            (Some("http://h"), "", false),
            (Some(""), "h", false),
        ];
        check(&Origins::Same, &rows);
        check(&Origins::Listed(Vec::new()), &rows);
    }

    #[test]
    fn listed_origins_are_compared_by_scheme_host_and_port() {
        let origins = listed(&[
            "https://A.example",
            "http://b.example:8080",
            "https://*.c.example",
            "app://d",
            "http://[::1]",
        ]);
        let rows = [
            (Some("https://a.example"), true),
            (Some("https://a.EXAMPLE:443"), true),
            (Some("https://a.example:444"), false),
            (Some("http://a.example"), false),
            (Some("http://a.example:443"), false),
            (Some("https://x.a.example"), false),
            (Some("http://b.example:8080"), true),
            (Some("http://b.example"), false),
            (Some("https://x.c.example"), true),
            (Some("https://X.C.example:443"), true),
            (Some("https://x.y.c.example"), false),
            (Some("https://c.example"), false),
            (Some("https://.c.example"), false),
            (Some("https://xc.example"), false),
            (Some("app://d"), true),
            (Some("app://d:80"), false),
            (Some("http://[::1]:80"), true),
            (Some("null"), false),
        ];
        let own = rows.map(|(origin, allowed)| (origin, "h", allowed));
        check(&Origins::Listed(origins.clone()), &own);
        check(&Origins::Listed(origins.clone()), &[(None, "h", true), (Some("http://h"), "h", true)]);
        check(&Origins::Only(origins.clone()), &own);
        check(&Origins::Only(origins), &[(None, "h", false), (Some("http://h"), "h", false)]);
        check(&Origins::Any, &[(Some("null"), "h", true), (None, "h", true), (Some("?"), "", true)]);
    }

    #[test]
    fn an_origin_that_can_match_nothing_is_refused_with_a_reason() {
        let rows = [
            ("example.com", "not an origin"),
            ("https://", "not an origin"),
            ("https://a.example/", "not an origin"),
            ("https://a.example:99999", "not an origin"),
            ("://a.example", "not an origin"),
            ("null", "without an origin"),
            ("https://*", "`*`"),
            ("https://*.", "`*`"),
            ("https://a.*.example", "`*`"),
            ("https://*a.example", "`*`"),
            ("https://*.*.example", "`*`"),
            ("https://b\u{fc}cher.example", "xn--"),
        ];
        for (text, word) in rows {
            let fault = Allowed::parse(text).expect_err(text);
            assert!(fault.contains(text) && fault.contains(word), "{fault}");
        }
    }
}
