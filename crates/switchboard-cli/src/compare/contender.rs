//! Who is compared.

use super::rows::Row;
use std::path::{Path, PathBuf};

/// A server that takes part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contender {
    /// Its name in the table, and on the command line.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Its program's name, for a peer.
    program: &'static str,
    /// What it is told besides.
    more: &'static [&'static str],
    /// The only row that it takes part in.
    only: Option<&'static str>,
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
}

/// What is to be started.
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
    Contender { kind: Kind::Nginx, ..peer("nginx", &[]) },
];

const fn peer(name: &'static str, packages: &'static [&'static str]) -> Contender {
    Contender { name, kind: Kind::Peer, program: name, more: &[], only: None, packages }
}

/// A peer built on tungstenite once more, with the read buffer that may suit long messages better.
const fn large(name: &'static str, program: &'static str) -> Contender {
    Contender { name, program, more: &["--read-buffer", "32768"], only: Some("ws-16k"), ..peer(name, &[]) }
}

/// Where the peers are that have the system's allocator, below where the others are.
const PLAIN: &str = "plain";

impl Contender {
    /// True if it is in the row's table at all.
    pub(crate) fn takes_part(&self, row: &Row) -> bool {
        self.only.is_none_or(|only| only == row.id)
    }

    /// True if it counts as one of those that this server is measured against.
    pub(crate) fn is_peer(&self) -> bool {
        !matches!(self.kind, Kind::Ours | Kind::Limit)
    }

    /// What is to be started for a row, which listens at `listen`.
    ///
    /// # Errors
    /// It isn't there, as a sentence.
    pub(crate) fn recipe(&self, row: &Row, places: &Places, listen: &str) -> Result<Recipe, String> {
        let program = self.program(row, places)?;
        let mut args: Vec<String> = match self.kind {
            Kind::Ours => vec!["serve".into(), "--tied".into()],
            Kind::Nginx => return self.nginx(row, program),
            Kind::Bun => vec![places.root.join("benches/peers/bun/server.ts").to_string_lossy().into()],
            Kind::Limit | Kind::Peer => Vec::new(),
        };
        if self.kind != Kind::Ours {
            args.push(row.peer_mode().into());
        }
        args.extend(["--listen".into(), listen.to_owned()]);
        if self.kind == Kind::Limit {
            args.extend(row.limit_args());
        }
        args.extend(self.more.iter().map(|arg| (*arg).to_owned()));
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

    /// What makes its figure in this row another than one may think.
    pub(crate) fn remark(&self, row: &Row, places: &Places) -> Option<&'static str> {
        let is_plain = plain(&places.peers).is_some_and(|peers| peers.join(self.program).is_file());
        (self.kind == Kind::Peer && row.is_idle() && !is_plain)
            .then_some("with mimalloc, not the system's allocator")
    }

    fn nginx(&self, row: &Row, program: PathBuf) -> Result<Recipe, String> {
        if row.peer_mode() != "http" {
            return Err("it has no code of ours for this".into());
        }
        Ok(Recipe { program, args: Vec::new() })
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
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    directories.map(|directory| directory.join("nginx")).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::super::rows::ROWS;
    use super::*;

    fn named(name: &str) -> &'static Contender {
        CONTENDERS.iter().find(|contender| contender.name == name).expect(name)
    }

    #[test]
    fn who_is_missing_is_told() {
        let places = Places { root: "/nowhere".into(), peers: "/nowhere/target/release".into() };
        for (name, why) in [("hyper", "not built"), ("limit", "not built"), ("bun", "not installed")] {
            assert_eq!(named(name).recipe(&ROWS[0], &places, "a"), Err(why.to_owned()));
        }
        assert_eq!(plain(&places.peers), Some("/nowhere/target/plain/release".into()));
    }

    #[test]
    fn the_built_in_server_is_there() {
        let places = Places { root: "/nowhere".into(), peers: "/nowhere".into() };
        let recipe = named("ours").recipe(&ROWS[0], &places, "127.0.0.1:0").expect("it is there");
        assert_eq!(recipe.args, ["serve", "--tied", "--listen", "127.0.0.1:0"]);
        assert!(!named("ours").is_peer() && !named("limit").is_peer() && named("nginx").is_peer());
    }

    #[test]
    fn a_variant_is_in_its_row_only() {
        let contender = named("axum, buffer 32 KiB");
        let rows: Vec<&str> = ROWS.iter().filter(|row| contender.takes_part(row)).map(|row| row.id).collect();
        assert_eq!(rows, ["ws-16k"]);
    }
}
