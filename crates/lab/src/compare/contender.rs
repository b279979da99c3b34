//! The servers that are compared.

use super::identity::Identity;
use super::rows::Row;
use jackfield_cli::bench::plan::Play;
use std::path::{Path, PathBuf};

/// A server that takes part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contender {
    /// Its name in the table, and on the command line.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Its program's name, for a peer.
    program: &'static str,
    /// Further arguments.
    more: &'static [&'static str],
    /// The only rows that it takes part in; none: all of them.
    only: &'static [&'static str],
    /// The packages whose versions are named, as a lock file has them.
    pub(crate) packages: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The built-in server.
    Ours,
    /// The loop that does nothing.
    Limit,
    /// A program in `benches/peers`.
    Peer,
    Bun,
    Nginx,
}

/// Where things are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) root: PathBuf,
    /// The directory of the peers' programs.
    pub(crate) peers: PathBuf,
    /// The certificate and key of the servers.
    pub(crate) identity: Identity,
}

/// The program to start, and its arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
}

/// All of them, in the order in which they take their turns.
pub(crate) const CONTENDERS: &[Contender] = &[
    Contender { kind: Kind::Ours, ..peer("ours", &[]) },
    Contender { kind: Kind::Limit, ..peer("limit", &[]) },
    peer("hyper", &["hyper"]),
    peer("actix", &["actix-web", "actix-ws"]),
    peer("axum", &["axum"]),
    large("axum, buffer 32 KiB", "axum"),
    peer("may_minihttp", &["may_minihttp"]),
    peer("ntex", &["ntex"]),
    peer("fastwebsockets", &["fastwebsockets"]),
    peer("tokio-tungstenite", &["tokio-tungstenite"]),
    large("tokio-tungstenite, buffer 32 KiB", "tokio-tungstenite"),
    peer("tokio-websockets", &["tokio-websockets"]),
    Contender { kind: Kind::Bun, ..peer("bun", &[]) },
    Contender {
        kind: Kind::Bun,
        more: &[HANDLER],
        only: &["http", "http-16", "http-browser", "connect"],
        ..peer("bun, handler", &[])
    },
    Contender { kind: Kind::Nginx, ..peer("nginx", &[]) },
];

const fn peer(name: &'static str, packages: &'static [&'static str]) -> Contender {
    Contender { name, kind: Kind::Peer, program: name, more: &[], only: &[], packages }
}

/// A peer built on tungstenite once more, with the read buffer that may suit long messages better.
const fn large(name: &'static str, program: &'static str) -> Contender {
    Contender { name, program, more: &["--read-buffer", "32768"], only: &["ws-16k"], ..peer(name, &[]) }
}

/// Bun's mode in which a function makes the answer.
const HANDLER: &str = "http-handler";

/// The directory of the peers with the system's allocator, below that of the others.
const PLAIN: &str = "plain";

impl Contender {
    /// True if it is in the row's table at all.
    pub(crate) fn takes_part(&self, row: &Row) -> bool {
        self.only.is_empty() || self.only.contains(&row.id)
    }

    /// True if this server is compared with it.
    pub(crate) fn is_peer(&self) -> bool {
        !matches!(self.kind, Kind::Ours | Kind::Limit)
    }

    /// What is to be started for a row, which listens at `listen`.
    ///
    /// # Errors
    /// It isn't there, as a sentence.
    pub(crate) fn recipe(&self, row: &Row, places: &Places, listen: &str) -> Result<Recipe, String> {
        if let Some(why) = self.refuses(row) {
            return Err(why.to_owned());
        }
        let program = self.program(row, places)?;
        let mut args: Vec<String> = match self.kind {
            Kind::Ours if row.file.is_some() => vec!["serve-files".into()],
            Kind::Ours => vec!["serve".into(), "--tied".into(), "--deferred".into()],
            Kind::Nginx => Vec::new(),
            Kind::Bun => {
                let script = places.root.join("benches/peers/bun/server.ts");
                vec![script.to_string_lossy().into(), self.bun_mode(row).into()]
            }
            Kind::Limit | Kind::Peer => vec![row.peer_mode().into()],
        };
        if self.kind == Kind::Nginx {
            return Ok(Recipe { program, args });
        }
        args.extend(["--listen".into(), listen.to_owned()]);
        if row.is_tls {
            args.extend(places.identity.args());
        }
        if self.kind == Kind::Limit {
            args.extend(row.limit_args());
        }
        if self.kind == Kind::Peer {
            args.extend(self.more.iter().map(|arg| (*arg).to_owned()));
        }
        Ok(Recipe { program, args })
    }

    /// Its program.
    ///
    /// # Errors
    /// It isn't there, as a sentence.
    pub(crate) fn program(&self, row: &Row, places: &Places) -> Result<PathBuf, String> {
        let found = match self.kind {
            Kind::Ours => std::env::current_exe().ok(),
            Kind::Nginx => nginx(),
            Kind::Bun => Some(places.root.join("benches/peers/bun/node_modules/.bin/bun")),
            Kind::Limit | Kind::Peer => {
                let plain = plain(&places.peers).map(|peers| peers.join(self.program));
                let plain = plain.filter(|path| row.is_idle() && path.is_file());
                Some(plain.unwrap_or_else(|| places.peers.join(self.program)))
            }
        };
        found.filter(|path| path.is_file()).ok_or_else(|| match self.kind {
            Kind::Nginx | Kind::Bun => "not installed".into(),
            _ => "not built".into(),
        })
    }

    /// What a reader has to know about its figure in this row.
    pub(crate) fn remark(&self, row: &Row, places: &Places) -> Option<&'static str> {
        let is_plain = plain(&places.peers).is_some_and(|peers| peers.join(self.program).is_file());
        (self.kind == Kind::Peer && row.is_idle() && !is_plain)
            .then_some("with mimalloc, not the system's allocator")
    }

    /// The number of the row's address among those that it prints, counted from one.
    pub(crate) fn which_address(&self, row: &Row) -> usize {
        if self.kind == Kind::Ours && row.play == Play::Raw { 2 } else { 1 }
    }

    /// The API that it uses in this row, where there are several.
    pub(crate) fn api(&self, row: &Row) -> Option<&'static str> {
        let is_connect = row.play == Play::Connect;
        match self.kind {
            Kind::Ours if row.is_tls && is_connect => Some("rustls with ring, `Listener::defer_accept`"),
            Kind::Ours | Kind::Limit if row.is_tls => Some("rustls with ring"),
            Kind::Peer if row.is_tls => Some("tokio-rustls with ring"),
            Kind::Nginx if row.is_tls => Some("OpenSSL"),
            Kind::Bun if row.is_tls => Some("BoringSSL"),
            Kind::Ours if is_connect => Some("`Listener::defer_accept`, as Bun's listener is by default"),
            Kind::Ours if row.file.is_some() => Some("`Files::answer`: the file is in its cache"),
            Kind::Nginx if row.file.is_some() => Some("`sendfile on`"),
            Kind::Nginx if is_connect => Some("`listen ... deferred`"),
            Kind::Bun => Some(self.bun_api(row)),
            _ => None,
        }
    }

    fn bun_api(&self, row: &Row) -> &'static str {
        match self.bun_mode(row) {
            HANDLER => "`Bun.serve`, a function for each request",
            "http" => "`Bun.serve`, a static route: no JavaScript runs for a request",
            "ws" => "`Bun.serve`, its `websocket` handler with `socket.send`",
            "fanout" => "`Bun.serve`, its `websocket` handler with `server.publish`",
            _ => "`Bun.serve`, a direct `ReadableStream` for each connection",
        }
    }

    fn bun_mode(&self, row: &Row) -> &'static str {
        self.more.first().copied().unwrap_or_else(|| row.peer_mode())
    }

    fn speaks_tls(&self) -> bool {
        match self.kind {
            Kind::Ours | Kind::Limit | Kind::Nginx | Kind::Bun => true,
            Kind::Peer => matches!(self.program, "axum" | "hyper"),
        }
    }

    /// Why it has no part in a row, for programs that do not report that.
    fn refuses(&self, row: &Row) -> Option<&'static str> {
        if row.is_tls && !self.speaks_tls() {
            Some("it is not set up for TLS here")
        } else if row.file.is_some() && !matches!(self.kind, Kind::Ours | Kind::Nginx) {
            Some("it serves no files here")
        } else if row.play == Play::Raw && self.is_peer() {
            Some("no bare TCP in it")
        } else if self.name == "may_minihttp" && row.has_browser_head {
            Some("it takes at most 16 header fields, and a browser sends 17")
        } else if self.kind == Kind::Nginx && row.peer_mode() != "http" {
            Some("it has no code of ours for this")
        } else {
            None
        }
    }
}

/// `TARGET/plain/release` for `TARGET/release`.
fn plain(peers: &Path) -> Option<PathBuf> {
    Some(peers.parent()?.join(PLAIN).join(peers.file_name()?))
}

/// The one that the environment names, or the first that is found where programs are.
fn nginx() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NGINX").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    jackfield_cli::base::machine::program("nginx")
}

#[cfg(test)]
mod tests {
    use super::super::rows::ROWS;
    use super::*;

    fn places() -> Places {
        Places {
            root: "/nowhere".into(),
            peers: "/nowhere".into(),
            identity: Identity::new().expect("files can be written"),
        }
    }

    fn named(name: &str) -> &'static Contender {
        CONTENDERS.iter().find(|contender| contender.name == name).expect(name)
    }

    #[test]
    fn a_missing_server_is_reported() {
        let places = Places { peers: "/nowhere/target/release".into(), ..places() };
        for (name, why) in [("hyper", "not built"), ("limit", "not built"), ("bun", "not installed")] {
            assert_eq!(named(name).recipe(&ROWS[0], &places, "a"), Err(why.to_owned()));
        }
        assert_eq!(plain(&places.peers), Some("/nowhere/target/plain/release".into()));
    }

    #[test]
    fn the_built_in_server_is_there() {
        let places = places();
        let recipe = named("ours").recipe(&ROWS[0], &places, "127.0.0.1:0").expect("it is there");
        assert_eq!(recipe.args, ["serve", "--tied", "--deferred", "--listen", "127.0.0.1:0"]);
        let over_tls = ROWS.iter().find(|row| row.is_tls).expect("it is there");
        let recipe = named("ours").recipe(over_tls, &places, "127.0.0.1:0").expect("it is there");
        assert_eq!(recipe.args[5..], places.identity.args());
        assert!(recipe.args[6].ends_with("/cert.pem") && recipe.args[8].ends_with("/key.pem"));
        assert!(named("ntex").recipe(over_tls, &places, "a").is_err_and(|why| why.contains("for TLS")));
        assert!(!named("ours").is_peer() && !named("limit").is_peer() && named("nginx").is_peer());
    }

    #[test]
    fn a_variant_is_in_its_row_only() {
        let contender = named("axum, buffer 32 KiB");
        let rows: Vec<&str> = ROWS.iter().filter(|row| contender.takes_part(row)).map(|row| row.id).collect();
        assert_eq!(rows, ["ws-16k"]);
    }

    #[test]
    fn the_api_that_bun_uses_is_named() {
        let places = places();
        let api = |name| named(name).api(&ROWS[0]).unwrap_or_default();
        assert!(api("bun").contains("static route") && api("bun, handler").contains("function"));
        assert_eq!(named("bun, handler").bun_mode(&ROWS[0]), "http-handler");
        let browser = ROWS.iter().find(|row| row.has_browser_head).expect("it is there");
        let refused = named("may_minihttp").recipe(browser, &places, "a");
        assert!(refused.is_err_and(|why| why.contains("16 header fields")));
    }
}
