//! The keys of a file of options, compared with the methods of the same names.

use super::ServerBuilder;
use crate::config::{Limits, Listener};
use jackfield_reactor::KeepAlive;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// All that the two can set, but for the limits, which have a test of their own.
fn shown(builder: &ServerBuilder) -> String {
    let ServerBuilder { listeners, reactors, presets, origins, hosts, reserved, websockets, status, .. } =
        builder;
    let ServerBuilder { exposes_errors, watchdog, offload_threads, allows_partial_bind, expiry_days, .. } =
        builder;
    let ServerBuilder { handshake_threads, signals, reloads, given, faults, .. } = builder;
    format!(
        "{listeners:#?} {reactors:?} {presets:?} {origins:?} {hosts:?} {reserved:?} {websockets:?} {status:?} {exposes_errors} \
         {watchdog:?} {offload_threads} {allows_partial_bind} {expiry_days} {handshake_threads} {signals} {reloads} {given:?} {faults:?}"
    )
}

#[track_caller]
fn check(text: &str, expected: &ServerBuilder) {
    let read: ServerBuilder = toml::from_str(text).unwrap();
    assert_eq!(shown(&read), shown(expected), "{text}");
}

#[test]
fn each_key_of_a_server_is_the_method_of_its_name() {
    type Set = fn(ServerBuilder) -> ServerBuilder;
    let rows: [(&str, Set); 17] = [
        ("reactors = 3", |builder| builder.reactors(3)),
        ("preset = 'internet'", |builder| builder.preset(Limits::internet())),
        ("allowed_origins = ['https://a.example']", |builder| builder.allowed_origins(["https://a.example"])),
        ("only_origins = ['https://a.example']", |builder| builder.only_origins(["https://a.example"])),
        ("any_origin = true", ServerBuilder::any_origin),
        ("allowed_hosts = ['a.example', 'b']", |builder| builder.allowed_hosts(["a.example", "b"])),
        ("overload_exempt = ['/a', '/b']", |builder| builder.overload_exempt("/a").overload_exempt("/b")),
        ("websocket_paths = ['/a', '/b']", |builder| builder.websocket_paths(["/a", "/b"])),
        ("status_paths = ['/m', '/h']", |builder| builder.status_paths("/m", "/h")),
        ("expose_errors = true", |builder| builder.expose_errors(true)),
        ("watchdog = false", |builder| builder.watchdog(false)),
        ("offload_threads = 7", |builder| builder.offload_threads(7)),
        ("allow_partial_bind = true", |builder| builder.allow_partial_bind(true)),
        ("shutdown_on_signals = true", ServerBuilder::shutdown_on_signals),
        ("expiry_days = 8", |builder| builder.expiry_days(8)),
        ("handshake_threads = 9", |builder| builder.handshake_threads(9)),
        ("reload_tls_on_sighup = true", ServerBuilder::reload_tls_on_sighup),
    ];
    for (text, set) in rows {
        let expected = set(ServerBuilder::default());
        check(text, &expected);
        assert_ne!(shown(&expected), shown(&ServerBuilder::default()), "{text}: it is the default");
    }
}

#[test]
fn there_is_no_access_log_by_default() {
    assert!(ServerBuilder::default().access_log.is_none());
}

#[test]
fn each_key_of_a_listener_is_the_method_of_its_name() {
    type Set = fn(Listener) -> Listener;
    let rows: [(&str, Set); 24] = [
        ("name = 'a'", |listener| listener.name("a")),
        ("raw = true", Listener::raw),
        ("lines = true", Listener::lines),
        ("lines_until = 0", |listener| listener.lines_until(0)),
        ("status = true", Listener::status),
        ("banner = 'a'", |listener| listener.banner("a")),
        ("busy_banner = 'a'", |listener| listener.busy_banner("a")),
        ("allowed_networks = ['10.0.0.0/8']", |listener| listener.allowed_networks(["10.0.0.0/8"])),
        ("denied_networks = ['10.0.0.0/8']", |listener| listener.denied_networks(["10.0.0.0/8"])),
        ("trusted_proxies = ['10.0.0.0/8']", |listener| listener.trusted_proxies(["10.0.0.0/8"])),
        ("proxy_required = ['10.0.0.0/8']", |listener| listener.proxy_required(["10.0.0.0/8"])),
        ("reads_forwarded = true", Listener::reads_forwarded),
        ("backlog = 7", |listener| listener.backlog(7)),
        ("reuse_port = true", |listener| listener.reuse_port(true)),
        ("each_reactor = true", |listener| listener.each_reactor(true)),
        ("dual_stack = true", |listener| listener.dual_stack(true)),
        ("nodelay = false", |listener| listener.nodelay(false)),
        ("keep_alive = { after = '1 min', interval = '10 s', probes = 3 }", |listener| {
            listener.keep_alive(KeepAlive::after(MINUTE).interval(Duration::from_secs(10)).probes(3))
        }),
        ("reset_on_close = true", |listener| listener.reset_on_close(true)),
        ("send_buffer = '20 KiB'", |listener| listener.send_buffer(20 << 10)),
        ("receive_buffer = '30 KiB'", |listener| listener.receive_buffer(30 << 10)),
        ("notsent_lowat = '40 KiB'", |listener| listener.notsent_lowat(40 << 10)),
        ("defer_accept = true", |listener| listener.defer_accept(true)),
        ("strict_sni = true", |listener| listener.strict_sni(true)),
    ];
    let listener = || Listener::tcp("127.0.0.1:0");
    for (text, set) in rows {
        let expected = ServerBuilder::default().listen(set(listener()));
        check(&format!("[listen]\ntcp = '127.0.0.1:0'\n{text}"), &expected);
        assert_ne!(
            shown(&expected),
            shown(&ServerBuilder::default().listen(listener())),
            "{text}: it is the default"
        );
    }
    let expected = Listener::unix("/tmp/a").mode(0o600).owner(Some(1), Some(2));
    let text = "[listen]\nunix = '/tmp/a'\nmode = 0o600\nowner = { user = 1, group = 2 }";
    check(text, &ServerBuilder::default().listen(expected));
}
