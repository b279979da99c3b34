//! What is compared: the rows of the table.

use jackfield_cli::bench;
use jackfield_cli::bench::plan::{Plan, Play};
use jackfield_cli::bench::request::Request;
use std::time::Duration;

/// One row: a load that every server is put under.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its name on the command line.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) play: Play,
    /// In a row about memory the number comes from the command line.
    pub(crate) connections: usize,
    pub(crate) pipeline: usize,
    pub(crate) size: usize,
    pub(crate) slow_readers: usize,
    /// How many of the connections publish, in a row in which each could.
    pub(crate) publishers: usize,
    pub(crate) has_browser_head: bool,
    /// The requested file, in a row about files.
    pub(crate) file: Option<&'static str>,
    /// The row runs over TLS.
    pub(crate) is_tls: bool,
    /// Each connection resumes the TLS session of an earlier one.
    pub(crate) resumes: bool,
    /// Latencies are measured at fixed rates as well.
    pub(crate) is_paced: bool,
}

/// The `Host` of all requests, for every address: the limit has to know how long a request is.
pub(crate) const HOST: &str = "localhost:8080";

/// A row with nothing special.
pub(crate) const fn row(id: &'static str, title: &'static str, play: Play) -> Row {
    Row {
        id,
        title,
        play,
        connections: 64,
        pipeline: 1,
        size: 0,
        slow_readers: 0,
        publishers: usize::MAX,
        has_browser_head: false,
        file: None,
        is_tls: false,
        resumes: false,
        is_paced: false,
    }
}

/// The same over TLS.
const fn over_tls(row: Row) -> Row {
    Row { is_tls: true, ..row }
}

/// All of them, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    Row { is_paced: true, ..row("http", "HTTP, 64 connections, one request in flight on each", Play::Http) },
    Row { pipeline: 16, ..row("http-16", "HTTP, 64 connections, 16 requests pipelined on each", Play::Http) },
    Row {
        has_browser_head: true,
        ..row("http-browser", "HTTP with a browser's head of 900 bytes, 64 connections", Play::Http)
    },
    Row {
        size: 20,
        is_paced: true,
        ..row("ws", "WebSocket echo of 20 B, 64 connections, one in flight on each", Play::Ws)
    },
    Row {
        size: 20,
        pipeline: 16,
        ..row("ws-16", "WebSocket echo of 20 B, 64 connections, 16 in flight on each", Play::Ws)
    },
    Row {
        size: 1 << 10,
        ..row("ws-1k", "WebSocket echo of 1 KiB, 64 connections, one in flight on each", Play::Ws)
    },
    Row {
        size: 16 << 10,
        ..row("ws-16k", "WebSocket echo of 16 KiB, 64 connections, one in flight on each", Play::Ws)
    },
    Row { size: 20, ..row("fanout", "WebSocket fan-out of 20 B, 64 publishers to 64 clients", Play::Fanout) },
    Row { connections: 100, ..row("sse", "Event stream to 100 clients, one event at a time", Play::Sse) },
    Row {
        connections: 100,
        pipeline: 16,
        ..row("sse-16", "Event stream to 100 clients, 16 events at a time", Play::Sse)
    },
    Row { size: 20, ..row("raw", "Echo of 20 B over bare TCP, 64 connections", Play::Raw) },
    Row { file: Some("/1k.bin"), ..row("file-1k", "A static file of 1 KiB, 64 connections", Play::Http) },
    Row { file: Some("/1m.bin"), ..row("file-1m", "A static file of 1 MiB, 64 connections", Play::Http) },
    row("connect", "Connections made, used for one request and closed, 64 at a time", Play::Connect),
    over_tls(row("tls-http", "HTTP over TLS, 64 connections, one request in flight on each", Play::Http)),
    over_tls(Row {
        size: 16 << 10,
        ..row(
            "tls-ws-16k",
            "WebSocket echo of 16 KiB over TLS, 64 connections, one in flight on each",
            Play::Ws,
        )
    }),
    // Few at a time: 64 handshakes in one turn are overload for a slow build.
    over_tls(Row {
        connections: 8,
        ..row(
            "tls-full",
            "Full TLS handshakes: connections made, used for one request and closed, 8 at a time",
            Play::Connect,
        )
    }),
    over_tls(Row {
        connections: 8,
        resumes: true,
        ..row(
            "tls-resumed",
            "Resumed TLS handshakes: connections made, used for one request and closed, 8 at a time",
            Play::Connect,
        )
    }),
    over_tls(row("tls-idle", "Memory of an idle HTTP connection over TLS", Play::IdleHttp)),
    row("idle-http", "Memory of an idle HTTP connection", Play::IdleHttp),
    Row { size: 20, ..row("idle-ws", "Memory of an idle WebSocket", Play::IdleWs) },
];

impl Row {
    /// The load, as much as the server can do; on `idle_connections` connections if the row has no number of its own.
    pub(crate) fn plan(&self, duration: Duration, idle_connections: usize) -> Plan {
        let plan = Plan::new(self.play, duration);
        Plan {
            path: self.file.map_or(plan.path.clone(), str::to_owned),
            connections: if self.is_idle() { idle_connections } else { self.connections },
            slow_readers: self.slow_readers,
            publishers: self.publishers,
            has_browser_head: self.has_browser_head,
            pipeline: self.pipeline,
            size: self.size,
            is_constant: true,
            ..plan
        }
    }

    /// The mode of a peer, for its command line.
    pub(crate) fn peer_mode(&self) -> &'static str {
        match self.play {
            Play::Http | Play::Connect | Play::IdleHttp => "http",
            Play::Ws | Play::IdleWs => "ws",
            Play::Raw => "raw",
            Play::Fanout => "fanout",
            Play::Sse => "sse",
        }
    }

    /// The arguments of the limit, which parses nothing.
    pub(crate) fn limit_args(&self) -> [String; 2] {
        let plan = self.plan(Duration::ZERO, 0);
        let request = |bytes: usize| ["--request-bytes".into(), bytes.to_string()];
        let get = Request {
            is_browser: self.has_browser_head,
            closes: self.play == Play::Connect,
            ..Request::get(HOST, &plan.path)
        };
        match self.play {
            Play::Http | Play::IdleHttp | Play::Connect => request(get.encode().len()),
            Play::Sse => request(bench::publication_bytes(&plan, HOST)),
            Play::Raw => ["--block-bytes".into(), self.size.to_string()],
            Play::Ws | Play::Fanout | Play::IdleWs => {
                ["--frame-bytes".into(), bench::frame_bytes(self.size).to_string()]
            }
        }
    }

    /// The unit that is counted, in the singular.
    pub(crate) fn unit(&self) -> &'static str {
        match self.play {
            Play::Http => "request",
            Play::Ws | Play::Raw => "echo",
            Play::Sse | Play::Fanout => "delivery",
            Play::IdleHttp | Play::IdleWs | Play::Connect => "connection",
        }
    }

    /// True if it is about memory.
    pub(crate) fn is_idle(&self) -> bool {
        self.play.is_idle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_program_gets_the_expected_request_size() {
        let arg = |id| ROWS.iter().find(|row| row.id == id).map(|row| row.limit_args()[1].clone());
        let head = "GET /plaintext HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";
        assert_eq!(arg("http"), Some(head.len().to_string()));
        assert!(
            arg("http-browser")
                .is_some_and(|bytes| bytes.parse().is_ok_and(|bytes: usize| (890..=910).contains(&bytes)))
        );
        assert_eq!(arg("connect"), Some((head.len() + "Connection: close\r\n".len()).to_string()));
        assert_eq!(
            ["ws", "ws-1k", "ws-16k"].map(arg),
            ["26", "1032", "16392"].map(|bytes| Some(bytes.to_owned()))
        );
        assert_eq!(arg("raw").as_deref(), Some("20"));
    }
}
