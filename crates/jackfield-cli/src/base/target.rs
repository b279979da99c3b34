//! Where the load goes.

use jackfield_proto::http1::Authority;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::num::NonZeroU16;
use std::str::FromStr;
use std::time::Duration;

/// A server, as it was named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The value of `Host`: as it was written, without a port if there was none.
    pub host: String,
    /// Host and port, to be resolved.
    authority: String,
    /// TLS is spoken there.
    pub is_tls: bool,
    /// The path of a URL, `/` if it has none. `None`: it was an address and no URL, which says nothing about a path.
    pub path: Option<String>,
}

/// How long each of several addresses has to answer before the next one is tried.
const TRIAL_MAX: Duration = Duration::from_secs(1);

impl Target {
    /// The host's name without its port, as its certificate has it.
    pub fn name(&self) -> &str {
        let (name, _) = self.authority.rsplit_once(':').unwrap_or((&self.authority, ""));
        name.trim_start_matches('[').trim_end_matches(']')
    }

    /// The address behind the name. Of several, the first one that takes a connection: `localhost` has often two, and a
    /// server listens on one of them.
    ///
    /// # Errors
    /// The name is unknown, as a sentence.
    pub fn resolve(&self) -> Result<SocketAddr, String> {
        let unknown = |why: String| format!("`{}` has no address: {why}", self.authority);
        let addrs = self.authority.to_socket_addrs().map_err(|error| unknown(error.to_string()))?;
        let addrs: Vec<SocketAddr> = addrs.collect();
        let answers = |addr: &&SocketAddr| TcpStream::connect_timeout(addr, TRIAL_MAX).is_ok();
        match &addrs[..] {
            [] => Err(unknown("the name is empty".into())),
            [only] => Ok(*only),
            [first, ..] => Ok(*addrs.iter().find(answers).unwrap_or(first)),
        }
    }
}

/// Looks for options, by name and whether they are given, that say something about a server that runs already, while there is none.
///
/// # Errors
/// There is such an option, as a sentence.
pub(crate) fn check_own(target: Option<&Target>, options: &[(&str, bool)]) -> Result<(), String> {
    match options.iter().find(|(_, is_given)| *is_given && target.is_none()) {
        Some((option, _)) => Err(format!("{option} is for a server of your own: add its address")),
        None => Ok(()),
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        match scheme {
            "" | "http" | "https" | "ws" | "wss" | "tcp" => {}
            _ => return Err(format!("`{scheme}` is not a known scheme; use http, https, ws, wss or tcp")),
        }
        let is_tls = matches!(scheme, "https" | "wss");
        let is_url = is_tls || matches!(scheme, "http" | "ws");
        // A fragment is never sent.
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (host, path) = match rest.find(['/', '?']) {
            Some(at) if is_url && rest[at..].starts_with('?') => (&rest[..at], format!("/{}", &rest[at..])),
            Some(at) if is_url => (&rest[..at], rest[at..].to_owned()),
            Some(_) => {
                return Err("a path needs http:// or ws:// before it, as in `http://host:80/path`".into());
            }
            None => (rest, "/".to_owned()),
        };
        if host.is_empty() || host.contains('@') || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("not an address such as `127.0.0.1:8080`, and not a URL".into());
        }
        // The colons of an IPv6 address are in brackets.
        let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
        if port.is_some_and(|port| port.parse::<NonZeroU16>().is_err()) {
            return Err("the port is a number from 1 to 65535, as in `127.0.0.1:8080`".into());
        }
        if Authority::parse(host).is_none() {
            return Err(format!("`{host}` is no host that a request can name"));
        }
        let has_port = port.is_some();
        if !has_port && !is_url {
            return Err("the port is missing, as in `127.0.0.1:8080`".into());
        }
        let authority =
            if has_port { host.to_owned() } else { format!("{host}:{}", if is_tls { 443 } else { 80 }) };
        Ok(Self { host: host.to_owned(), authority, is_tls, path: is_url.then_some(path) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_urls_are_understood() {
        let cases = [
            ("127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", None),
            ("tcp://[::1]:80", "[::1]:80", "[::1]:80", None),
            ("http://localhost", "localhost", "localhost:80", Some("/")),
            ("http://localhost:81/", "localhost:81", "localhost:81", Some("/")),
            ("http://a.example?x=1#y", "a.example", "a.example:80", Some("/?x=1")),
            ("ws://a.example:9001/chat?x=1", "a.example:9001", "a.example:9001", Some("/chat?x=1")),
            ("https://a.example/", "a.example", "a.example:443", Some("/")),
            ("wss://[::1]:9001", "[::1]:9001", "[::1]:9001", Some("/")),
        ];
        for (text, host, authority, path) in cases {
            let is_tls = text.starts_with("https:") || text.starts_with("wss:");
            let path = path.map(Into::into);
            let target = Target { host: host.into(), authority: authority.into(), is_tls, path };
            assert_eq!(text.parse(), Ok(target), "{text}");
        }
        for text in [
            "",
            "localhost",
            "tcp://h",
            "tcp://h:1/a",
            "ftp://a/",
            "a:1/b",
            "http://",
            "http://a b/",
            "http://me@a/",
            "http://a:99999/",
            "http://a:/",
            "http://a:0/",
            // Requests with these would not be sent.
            "ws://[fe80::1%2]:9001/",
            "ws://a[b:80/",
            "ws://::1:80/",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_name_has_no_port() {
        for (text, name) in
            [("https://a.example:1/", "a.example"), ("wss://[::1]", "::1"), ("127.0.0.1:1", "127.0.0.1")]
        {
            assert_eq!(text.parse::<Target>().map(|target| target.name().to_owned()).as_deref(), Ok(name));
        }
    }

    #[test]
    fn of_several_addresses_the_one_that_answers_is_taken() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("it has an address");
        let target: Target = format!("localhost:{}", addr.port()).parse().expect("it is an address");
        assert_eq!(target.resolve(), Ok(addr));
    }
}
