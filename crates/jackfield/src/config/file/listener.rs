//! A listener in a file: an address, or a table with the methods of `Listener` as keys.

#[cfg(feature = "tls")]
use crate::config::client_auth::ClientAuth;
use crate::config::file::reader::Reader;
use crate::config::file::value::Value;
#[cfg(feature = "tls")]
use crate::config::host::Host;
use crate::config::listener::Listener;
use jackfield_reactor::KeepAlive;
#[cfg(any(unix, feature = "tls"))]
use std::path::PathBuf;
use std::time::Duration;

/// The key of the listeners.
pub(crate) const LISTEN: &str = "listen";

const PLACES: &[&str] = &["tcp", "unix"];

pub(super) const KNOWN: &[&str] = &[
    "tcp",
    "unix",
    "mode",
    "owner",
    "name",
    "limits",
    "raw",
    "lines",
    "lines_until",
    "status",
    "banner",
    "busy_banner",
    "allowed_networks",
    "denied_networks",
    "trusted_proxies",
    "proxy_required",
    "reads_forwarded",
    "backlog",
    "reuse_port",
    "each_reactor",
    "dual_stack",
    "nodelay",
    "keep_alive",
    "reset_on_close",
    "send_buffer",
    "receive_buffer",
    "notsent_lowat",
    "defer_accept",
    "tls",
    "host",
    "alpn",
    "client_auth",
    "strict_sni",
];

/// The listener that a value describes. After a mistake it is one that stands in for it, so that all mistakes are found.
pub(crate) fn listener(reader: &mut Reader, path: &str, value: &Value) -> Listener {
    match value {
        Value::Text(addr) => Listener::tcp(addr),
        Value::Table(options) => {
            reader.check(&format!("{path}."), options);
            let listener = place(reader, path, options).unwrap_or_else(stand_in);
            options.iter().fold(listener, |listener, (key, value)| {
                set(reader, listener, &format!("{path}.{key}"), key, value)
            })
        }
        _ => {
            reader.faults.push(format!("`{path}` must be an address, or a table with `tcp` or `unix`"));
            stand_in()
        }
    }
}

/// For a listener whose place is wrong: nothing is ever bound to it.
fn stand_in() -> Listener {
    Listener::tcp("127.0.0.1:0")
}

fn place(reader: &mut Reader, path: &str, options: &[(String, Value)]) -> Option<Listener> {
    let mut places = options.iter().filter(|(key, _)| PLACES.contains(&key.as_str()));
    match (places.next(), places.next()) {
        #[cfg(unix)]
        (Some((key, value)), None) if key == "unix" => {
            reader.read::<PathBuf>(&format!("{path}.{key}"), value).map(Listener::unix)
        }
        (Some((key, value)), None) => {
            reader.read::<String>(&format!("{path}.{key}"), value).map(Listener::tcp)
        }
        _ => {
            reader.faults.push(format!("`{path}` must have one of `tcp` and `unix`"));
            None
        }
    }
}

/// A listener with one option set.
fn set(reader: &mut Reader, listener: Listener, path: &str, key: &str, value: &Value) -> Listener {
    let if_so = |set: fn(Listener) -> Listener| {
        move |listener: Listener, is_so: bool| if is_so { set(listener) } else { listener }
    };
    match key {
        "tcp" => listener,
        #[cfg(unix)]
        "unix" => listener,
        #[cfg(unix)]
        "mode" => reader.set(listener, path, value, Listener::mode),
        #[cfg(unix)]
        "owner" => owner(reader, listener, path, value),
        "name" => reader.set(listener, path, value, |listener, text: String| listener.name(text)),
        "limits" => listener.limits(reader.limits(path, value)),
        "raw" => reader.set(listener, path, value, if_so(Listener::raw)),
        "lines" => reader.set(listener, path, value, if_so(Listener::lines)),
        "lines_until" => reader.set(listener, path, value, Listener::lines_until),
        "status" => reader.set(listener, path, value, if_so(Listener::status)),
        "banner" => reader.set(listener, path, value, |listener, text: String| listener.banner(text)),
        "busy_banner" => {
            reader.set(listener, path, value, |listener, text: String| listener.busy_banner(text))
        }
        "allowed_networks" => {
            reader.set(listener, path, value, |listener, all: Vec<String>| listener.allowed_networks(all))
        }
        "denied_networks" => {
            reader.set(listener, path, value, |listener, all: Vec<String>| listener.denied_networks(all))
        }
        "trusted_proxies" => {
            reader.set(listener, path, value, |listener, all: Vec<String>| listener.trusted_proxies(all))
        }
        "proxy_required" => {
            reader.set(listener, path, value, |listener, all: Vec<String>| listener.proxy_required(all))
        }
        "reads_forwarded" => reader.set(listener, path, value, if_so(Listener::reads_forwarded)),
        "backlog" => reader.set(listener, path, value, Listener::backlog),
        "reuse_port" => reader.set(listener, path, value, Listener::reuse_port),
        "each_reactor" => reader.set(listener, path, value, Listener::each_reactor),
        "dual_stack" => reader.set(listener, path, value, Listener::dual_stack),
        "nodelay" => reader.set(listener, path, value, Listener::nodelay),
        "keep_alive" => keep_alive(reader, listener, path, value),
        "reset_on_close" => reader.set(listener, path, value, Listener::reset_on_close),
        "send_buffer" => reader.set(listener, path, value, Listener::send_buffer),
        "receive_buffer" => reader.set(listener, path, value, Listener::receive_buffer),
        "notsent_lowat" => reader.set(listener, path, value, Listener::notsent_lowat),
        "defer_accept" => reader.set(listener, path, value, Listener::defer_accept),
        #[cfg(feature = "tls")]
        "tls" => reader
            .set(listener, path, value, |listener, (chain, key): (String, String)| listener.tls(chain, key)),
        #[cfg(feature = "tls")]
        "host" => hosts(reader, path, value).into_iter().fold(listener, Listener::host),
        #[cfg(feature = "tls")]
        "alpn" => reader.set(listener, path, value, |listener, names: Vec<String>| listener.alpn(names)),
        #[cfg(feature = "tls")]
        "client_auth" => client_auth(reader, path, value).into_iter().fold(listener, Listener::client_auth),
        #[cfg(feature = "tls")]
        "strict_sni" => reader.set(listener, path, value, Listener::strict_sni),
        _ => {
            reader.unknown(path, KNOWN);
            listener
        }
    }
}

/// The owner of the file of a unix socket: a table with the numbers of the user, of the group, or of both.
#[cfg(unix)]
fn owner(reader: &mut Reader, listener: Listener, path: &str, value: &Value) -> Listener {
    const KNOWN: &[&str] = &["user", "group"];
    let Value::Table(options) = value else {
        reader.faults.push(format!("`{path}` must be a table with `user` or `group`"));
        return listener;
    };
    reader.check(&format!("{path}."), options);
    let (user, group) = options.iter().fold((None, None), |(user, group), (key, value)| {
        let path = format!("{path}.{key}");
        match key.as_str() {
            "user" => (reader.read(&path, value), group),
            "group" => (user, reader.read(&path, value)),
            _ => {
                reader.unknown(&path, KNOWN);
                (user, group)
            }
        }
    });
    listener.owner(user, group)
}

/// TCP keep-alive: a table with the idle time, and optionally the interval and the number of probes.
fn keep_alive(reader: &mut Reader, listener: Listener, path: &str, value: &Value) -> Listener {
    const KNOWN: &[&str] = &["after", "interval", "probes"];
    let options = if let Value::Table(options) = value { &options[..] } else { &[] };
    reader.check(&format!("{path}."), options);
    let after = match options.iter().find(|(key, _)| key == KNOWN[0]) {
        Some((_, after)) => reader.read(&format!("{path}.after"), after),
        None => {
            reader.faults.push(format!("`{path}` must be a table with `after`"));
            None
        }
    };
    // After a mistake any time will do: the other keys are still looked at.
    let first = KeepAlive::after(after.unwrap_or(Duration::from_secs(1)));
    let keep_alive = options.iter().fold(first, |keep_alive, (key, value)| {
        let path = format!("{path}.{key}");
        match key.as_str() {
            "after" => keep_alive,
            "interval" => reader.set(keep_alive, &path, value, KeepAlive::interval),
            "probes" => reader.set(keep_alive, &path, value, KeepAlive::probes),
            _ => {
                reader.unknown(&path, KNOWN);
                keep_alive
            }
        }
    });
    listener.keep_alive(keep_alive)
}

/// Hosts: a list of tables, each with the names and the pairs of files of one host.
#[cfg(feature = "tls")]
fn hosts(reader: &mut Reader, path: &str, value: &Value) -> Vec<Host> {
    let Value::List(all) = value else {
        reader.faults.push(format!("`{path}` must be a list of tables with `name` and `certificate`"));
        return Vec::new();
    };
    let numbered = all.iter().enumerate();
    numbered.filter_map(|(number, value)| host(reader, &format!("{path}[{number}]"), value)).collect()
}

#[cfg(feature = "tls")]
const KNOWN_OF_HOST: &[&str] = &["name", "certificate", "ocsp", "alpn", "client_auth", "tag"];

#[cfg(feature = "tls")]
fn host(reader: &mut Reader, path: &str, value: &Value) -> Option<Host> {
    let Value::Table(options) = value else {
        reader.faults.push(format!("`{path}` must be a table with `name` and `certificate`"));
        return None;
    };
    reader.check(&format!("{path}."), options);
    // A host without `name` is the fallback.
    let name = options.iter().find(|(key, _)| key == "name");
    let names = name.map(|(_, value)| reader.read::<Vec<String>>(&format!("{path}.name"), value));
    let names = names.flatten();
    if names.as_ref().is_some_and(Vec::is_empty) {
        reader
            .faults
            .push(format!("`{path}.name` has no name: leave it out for the host of all other names"));
    }
    let mut names = names.unwrap_or_default().into_iter();
    let host = names.next().map_or_else(Host::fallback, Host::new);
    let responses = options.iter().find(|(key, _)| key == "ocsp");
    let mut responses = responses
        .and_then(|(_, value)| reader.read::<Vec<String>>(&format!("{path}.ocsp"), value))
        .unwrap_or_default()
        .into_iter();
    let host = options.iter().fold(names.fold(host, Host::name), |host, (key, value)| {
        let path = format!("{path}.{key}");
        match key.as_str() {
            // The first file belongs to the first certificate, and so on.
            "name" | "ocsp" => host,
            "certificate" => reader.set(host, &path, value, |host, pairs: Vec<(PathBuf, PathBuf)>| {
                pairs.into_iter().fold(host, |host, (chain, key)| {
                    let host = host.certificate(chain, key);
                    responses.next().into_iter().fold(host, Host::ocsp)
                })
            }),
            "alpn" => reader.set(host, &path, value, |host, names: Vec<String>| host.alpn(names)),
            "client_auth" => client_auth(reader, &path, value).into_iter().fold(host, Host::client_auth),
            "tag" => reader.set(host, &path, value, Host::tag),
            _ => {
                reader.unknown(&path, KNOWN_OF_HOST);
                host
            }
        }
    });
    if responses.next().is_some() {
        reader.faults.push(format!("`{path}.ocsp` has more files than `{path}.certificate`"));
    }
    Some(host)
}

/// Client certificates: a table that names the file of the roots.
#[cfg(feature = "tls")]
fn client_auth(reader: &mut Reader, path: &str, value: &Value) -> Option<ClientAuth> {
    let options = if let Value::Table(options) = value { &options[..] } else { &[] };
    match options {
        [(key, roots)] if key == "requested" => {
            reader.read::<PathBuf>(&format!("{path}.{key}"), roots).map(ClientAuth::requested)
        }
        [(key, roots)] if key == "required" => {
            reader.read::<PathBuf>(&format!("{path}.{key}"), roots).map(ClientAuth::required)
        }
        _ => {
            reader.faults.push(format!("`{path}` must be a table with one of `requested` and `required`"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::method_names;

    #[test]
    fn every_option_of_a_listener_has_its_name_in_files() {
        // Methods whose arguments no file can hold.
        let in_code_only =
            ["from_std", "from_std_unix", "from_env", "refuse_if", "tls_config", "missing_host"];
        let sources = [
            include_str!("../listener/mod.rs"),
            include_str!("../listener/spoken.rs"),
            include_str!("../listener/edge.rs"),
            include_str!("../listener/socket.rs"),
            include_str!("../listener/tls.rs"),
        ];
        let mut options = sources.map(|source| method_names(source, "impl Listener {")).concat();
        options.retain(|name| !in_code_only.contains(name));
        let mut known = KNOWN.to_vec();
        options.sort_unstable();
        known.sort_unstable();
        assert_eq!(options, known);
    }

    #[cfg(feature = "tls")]
    #[test]
    fn every_option_of_a_host_has_its_name_in_files() {
        let in_code_only = ["new", "fallback", "certificate_from"];
        let mut options = method_names(include_str!("../host.rs"), "impl Host {");
        options.retain(|name| !in_code_only.contains(name));
        let mut known = KNOWN_OF_HOST.to_vec();
        options.sort_unstable();
        known.sort_unstable();
        assert_eq!(options, known);
    }
}
