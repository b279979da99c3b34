//! Where the load goes.

use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// A server, as it was named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Host and port.
    pub(crate) authority: String,
    /// The path of a URL, if it was one and had any.
    pub(crate) path: Option<String>,
}

impl Target {
    /// The address behind the name.
    ///
    /// # Errors
    /// The name is unknown, as a sentence.
    pub(crate) fn resolve(&self) -> Result<SocketAddr, String> {
        let unknown = |why: String| format!("`{}` has no address: {why}", self.authority);
        let mut addrs = self.authority.to_socket_addrs().map_err(|error| unknown(error.to_string()))?;
        addrs.next().ok_or_else(|| unknown("the name is empty".into()))
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        match scheme {
            "" | "http" | "ws" | "tcp" => {}
            "https" | "wss" => return Err("TLS is not supported yet; use http:// or ws://".into()),
            _ => return Err(format!("`{scheme}` is no scheme that is known here; use http:// or ws://")),
        }
        let (authority, path) = match rest.find('/') {
            Some(at) if !scheme.is_empty() => (&rest[..at], Some(rest[at..].to_owned())),
            Some(_) => return Err("a path needs a scheme before it, as in `http://host:80/path`".into()),
            None => (rest, None),
        };
        if authority.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("neither an address such as `127.0.0.1:8080` nor a URL".into());
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if !has_port && matches!(scheme, "" | "tcp") {
            return Err("the port is missing, as in `127.0.0.1:8080`".into());
        }
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Self { authority, path: path.filter(|path| path != "/") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_urls_are_understood() {
        let cases = [
            ("127.0.0.1:8080", "127.0.0.1:8080", None),
            ("[::1]:80", "[::1]:80", None),
            ("http://localhost", "localhost:80", None),
            ("http://localhost:81/", "localhost:81", None),
            ("ws://a.example:9001/chat?x=1", "a.example:9001", Some("/chat?x=1")),
        ];
        for (text, authority, path) in cases {
            let target = Target { authority: authority.into(), path: path.map(Into::into) };
            assert_eq!(text.parse(), Ok(target), "{text}");
        }
        for text in ["", "localhost", "tcp://h", "https://a/", "ftp://a/", "a:1/b", "http://", "http://a b/"]
        {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
