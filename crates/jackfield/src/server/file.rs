//! A server's options from a file.

use crate::config::file::{LISTEN, Reader, Value, listener};
use crate::server::ServerBuilder;
use serde::de::{Deserialize, Deserializer, Error};

/// Reads the options of a server from a file, in whatever format serde knows (feature `serde`): the names are those of the
/// methods of [`ServerBuilder`] and [`Listener`](crate::Listener), and of the fields of [`Limits`](crate::Limits). What is
/// not in the file has its default, and further calls may follow.
///
/// A time is a text with `ms`, `s`, `min` or `h`, and a size a number of bytes or a text with `KiB`, `MiB` or `GiB`. What has no
/// value in the code is `true`. A listener is an address or a table, with `tcp` or `unix` for its place; `tls` has its two files
/// in a list.
///
/// ```
/// let text = r#"
///     listen = [
///         "127.0.0.1:0",
///         { tcp = "127.0.0.1:0", name = "admin", limits.connections_max = 10 },
///     ]
///     preset = "internet"
///     reactors = 2
///     allowed_hosts = ["a.example"]
///
///     [limits]
///     http_idle = "10 s"
///     body_bytes_max = "4 MiB"
///     http.head_bytes_max = 8192
/// "#;
/// let server = toml::from_str::<jackfield::ServerBuilder>(text)?.bind()?;
/// assert_eq!(server.local_addrs().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What the format itself forbids is an error of its reader. Everything else that is wrong, such as a key that there is not, is
/// kept, and an error of [`ServerBuilder::bind`] that lists all of it at once:
///
/// ```
/// let text = r#"
///     listen = "127.0.0.1:0"
///     reacters = 2
///     limits.http_idle = 10
/// "#;
/// let error = toml::from_str::<jackfield::ServerBuilder>(text)?.bind().unwrap_err().to_string();
/// assert!(error.contains("`reacters` is not an option"), "{error}");
/// assert!(error.contains("`limits.http_idle` must be a time"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<'de> Deserialize<'de> for ServerBuilder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Table(options) = Value::deserialize(deserializer)? else {
            return Err(D::Error::custom("the options of a server are a table"));
        };
        let mut reader = Reader::default();
        reader.check("", &options);
        let mut builder = options
            .iter()
            .fold(Self::default(), |builder, (key, value)| set(&mut reader, builder, key, value));
        builder.faults = reader.faults;
        Ok(builder)
    }
}

const KNOWN: &[&str] = &[
    LISTEN,
    "reactors",
    "preset",
    "limits",
    "allowed_origins",
    "only_origins",
    "any_origin",
    "allowed_hosts",
    "overload_exempt",
    "websocket_paths",
    "status_paths",
    "expose_errors",
    "watchdog",
    "offload_threads",
    "allow_partial_bind",
    "expiry_days",
    "handshake_threads",
    "shutdown_on_signals",
    "reload_tls_on_sighup",
];

/// Sets one option.
fn set(reader: &mut Reader, builder: ServerBuilder, key: &str, value: &Value) -> ServerBuilder {
    match key {
        LISTEN => listen(reader, builder, value),
        "reactors" => reader.set(builder, key, value, ServerBuilder::reactors),
        "preset" => reader.set(builder, key, value, ServerBuilder::preset),
        "limits" => builder.limits(reader.limits(key, value)),
        "allowed_origins" => {
            reader.set(builder, key, value, |builder, all: Vec<String>| builder.allowed_origins(all))
        }
        "only_origins" => {
            reader.set(builder, key, value, |builder, all: Vec<String>| builder.only_origins(all))
        }
        "any_origin" => if_so(reader, builder, key, value, ServerBuilder::any_origin),
        "allowed_hosts" => {
            reader.set(builder, key, value, |builder, all: Vec<String>| builder.allowed_hosts(all))
        }
        "overload_exempt" => reader.set(builder, key, value, |builder, paths: Vec<String>| {
            paths.into_iter().fold(builder, ServerBuilder::overload_exempt)
        }),
        "websocket_paths" => {
            reader.set(builder, key, value, |builder, all: Vec<String>| builder.websocket_paths(all))
        }
        "status_paths" => reader.set(builder, key, value, |builder, (metrics, health): (String, String)| {
            builder.status_paths(metrics, health)
        }),
        "expose_errors" => reader.set(builder, key, value, ServerBuilder::expose_errors),
        "watchdog" => reader.set(builder, key, value, ServerBuilder::watchdog),
        "offload_threads" => reader.set(builder, key, value, ServerBuilder::offload_threads),
        "allow_partial_bind" => reader.set(builder, key, value, ServerBuilder::allow_partial_bind),
        #[cfg(all(feature = "signals", unix))]
        "shutdown_on_signals" => if_so(reader, builder, key, value, ServerBuilder::shutdown_on_signals),
        #[cfg(feature = "expiry")]
        "expiry_days" => reader.set(builder, key, value, ServerBuilder::expiry_days),
        #[cfg(feature = "tls")]
        "handshake_threads" => reader.set(builder, key, value, ServerBuilder::handshake_threads),
        #[cfg(all(feature = "signals", feature = "tls", unix))]
        "reload_tls_on_sighup" => if_so(reader, builder, key, value, ServerBuilder::reload_tls_on_sighup),
        _ => {
            reader.unknown(key, KNOWN);
            builder
        }
    }
}

/// One listener, or a list of them.
fn listen(reader: &mut Reader, builder: ServerBuilder, value: &Value) -> ServerBuilder {
    let listeners: Vec<_> = match value {
        Value::List(all) => {
            let numbered = all.iter().enumerate();
            numbered.map(|(number, value)| listener(reader, &format!("{LISTEN}[{number}]"), value)).collect()
        }
        one => vec![listener(reader, LISTEN, one)],
    };
    listeners.into_iter().fold(builder, ServerBuilder::listen)
}

fn if_so(
    reader: &mut Reader,
    builder: ServerBuilder,
    key: &str,
    value: &Value,
    set: fn(ServerBuilder) -> ServerBuilder,
) -> ServerBuilder {
    reader.set(builder, key, value, |builder, is_so: bool| if is_so { set(builder) } else { builder })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::method_names;

    #[test]
    fn every_option_of_a_server_has_its_name_in_files() {
        let in_code_only = ["authenticator", "observer", "access_log", "broker", "acme"];
        let mut options = method_names(include_str!("builder/mod.rs"), "impl ServerBuilder {");
        options.retain(|name| !in_code_only.contains(name));
        let mut known = KNOWN.to_vec();
        options.sort_unstable();
        known.sort_unstable();
        assert_eq!(options, known);
    }
}
