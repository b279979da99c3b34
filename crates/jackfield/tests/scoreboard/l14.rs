//! Options from a file.

use crate::{support, tls};
use jackfield::{Client, Error, Exchange, Request, ServerBuilder};
use support::get;
use support::real::{self, Live};

struct Greeter;

impl Client for Greeter {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let bytes = request.body().len();
        exchange.ok("text/plain", format!("{bytes} bytes"));
    }
}

fn options(text: &str) -> ServerBuilder {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn faults(text: &str) -> Vec<String> {
    match options(text).bind() {
        Err(Error::Options(faults)) => faults,
        other => panic!("{other:?}"),
    }
}

/// Everything that a file can say.
const WHOLE: &str = r#"
    reactors = 1
    preset = "lan"
    allowed_origins = ["https://a.example"]
    allowed_hosts = ["test"]
    overload_exempt = ["/health"]
    websocket_paths = ["/chat"]
    status_paths = ["/metrics", "/health"]
    watchdog = false
    offload_threads = 2
    allow_partial_bind = true
    shutdown_on_signals = false

    [limits]
    body_bytes_max = "2 KiB"
    lag_target = 0
    http = { headers_max = 20, head_bytes_max = "4 KiB" }
    rate.on_exceeded = "close"
    when_full = "wait"

    [[listen]]
    tcp = "127.0.0.1:0"
    name = "public"
    limits = { body_bytes_max = 1000, http_idle = "5 min" }
    backlog = 99
    nodelay = true
    reuse_port = false
    dual_stack = false
    defer_accept = false
    notsent_lowat = "32 KiB"
    trusted_proxies = ["10.0.0.0/8"]
    allowed_networks = ["127.0.0.0/8"]
    denied_networks = []
    keep_alive = { after = "1 min", interval = "10 s", probes = 3 }
    reset_on_close = false
    send_buffer = "64 KiB"
    receive_buffer = 0
    reads_forwarded = true

    [[listen]]
    tcp = "127.0.0.1:0"
    name = "lines"
    lines = true
    banner = "hello\n"
    busy_banner = "full\n"
    limits.connections_max = 7

    [[listen]]
    tcp = "127.0.0.1:0"
    status = true
"#;

#[test]
fn l14_a_server_is_made_from_a_file() {
    let live = Live::run(options(WHOLE).bind().unwrap(), |server| server.serve(|_peer| Greeter));
    let listeners = live.handle.listeners();
    assert_eq!(
        listeners.iter().map(|listener| listener.name.as_deref()).collect::<Vec<_>>(),
        [Some("public"), Some("lines"), None]
    );
    assert_eq!((listeners[0].backlog, live.handle.reactors()), (99, 1));
    // The limits of the listener hold there, and hosts and paths are as the file says.
    let mut stream = real::connect(live.addrs[0]);
    let post = |bytes: usize| {
        format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {bytes}\r\n\r\n{}", "x".repeat(bytes))
    };
    assert!(real::ask(&mut stream, post(1000)).ends_with("1000 bytes"));
    assert!(real::ask(&mut stream, post(1001)).starts_with("HTTP/1.1 413"));
    let mut stream = real::connect(live.addrs[0]);
    assert!(real::ask(&mut stream, "GET /health HTTP/1.1\r\nHost: test\r\n\r\n").starts_with("HTTP/1.1 200"));
    assert!(real::ask(&mut stream, "GET / HTTP/1.1\r\nHost: other\r\n\r\n").starts_with("HTTP/1.1 421"));
    // The second speaks lines, and the third has the server's own pages.
    assert_eq!(real::read_exactly(&mut real::connect(live.addrs[1]), 6), b"hello\n");
    assert!(real::ask(&mut real::connect(live.addrs[2]), get("/metrics")).contains("jackfield_"));
}

#[test]
fn l14_missing_keys_have_defaults_and_builder_calls_may_follow() {
    let server = options("listen = '127.0.0.1:0'").listen("127.0.0.1:0").reactors(3).bind().unwrap();
    assert_eq!((server.local_addrs().len(), server.handle().reactors()), (2, 3));
    let error = options("").bind().unwrap_err();
    assert!(error.to_string().contains("there is no listener"), "{error}");
}

#[test]
fn l14_all_errors_are_reported_together_by_name() {
    let wrong = r#"
        reacters = 2
        reactors = 0
        watchdog = "yes"
        preset = "moon"
        only_origins = ["https://a.example"]
        any_origin = true
        status_paths = ["/metrics"]

        [limits]
        http_idel = "10 s"
        http_idle = 10
        http.headers_max = -1
        http.headers = 5
        when_full = "Wait"
        line_bytes_max = 0

        [[listen]]
        tcp = "127.0.0.1:0"
        nam = "public"
        limits.body_byte_max = 5
        limits.reactor.read_bytes = 5
        raw = true
        lines = true

        [[listen]]
        nowhere = "127.0.0.1:0"
        limits.line_byte_max = 5
        keep_alive = { intervall = "1 s" }

        [[listen]]
        tcp = "127.0.0.1:0"
        unix = "/tmp/x"
    "#;
    let faults = faults(wrong);
    for part in [
        "`reacters` is not an option; the options are `listen`, `reactors`, ",
        "`reactors` must be 1 to ",
        "`watchdog` must be true or false",
        "`preset` must be `local`, `lan` or `internet`",
        "`only_origins` and `any_origin` contradict each other",
        "`status_paths` must be a list of two texts",
        "`limits.http_idel` is not a limit",
        "`limits.http_idle` must be a time such as",
        "`limits.http.headers_max` must be a whole number",
        "`limits.http.headers` is not a limit",
        "`limits.when_full` must be `refuse`, `wait` or `evict_idle`",
        "`line_bytes_max` must not be zero",
        "`listen[0].nam` is not an option; the options are `tcp`, ",
        "`listen[0].limits.body_byte_max` is not a limit",
        "listener `127.0.0.1:0`: `reactor.read_bytes` is a limit of the whole server",
        "listener `127.0.0.1:0`: `lines` and `raw` contradict each other",
        "`listen[1]` must have one of `tcp` and `unix`",
        "`listen[1].nowhere` is not an option; the options are `tcp`, ",
        "`listen[1].limits.line_byte_max` is not a limit",
        "`listen[1].keep_alive` must be a table with `after`",
        "`listen[1].keep_alive.intervall` is not an option",
        "`listen[2]` must have one of `tcp` and `unix`",
    ] {
        assert_eq!(faults.iter().filter(|fault| fault.contains(part)).count(), 1, "{part}: {faults:#?}");
    }
    assert_eq!(faults.len(), 22, "{faults:#?}");
}

#[test]
fn l14_any_format_works_and_reports_its_own_errors() {
    let server: ServerBuilder =
        serde_json::from_str(r#"{"listen": ["127.0.0.1:0"], "limits": {"raw_idle": "1 h"}}"#).unwrap();
    assert!(server.bind().is_ok());
    let twice = r#"{"listen": "127.0.0.1:0", "reactors": 1, "reactors": 2}"#;
    let error = serde_json::from_str::<ServerBuilder>(twice).unwrap().bind().unwrap_err().to_string();
    assert!(error.contains("`reactors` is given twice"), "{error}");
    assert!(serde_json::from_str::<ServerBuilder>("[1, 2]").is_err(), "no table");
    assert!(toml::from_str::<ServerBuilder>("listen = ").is_err(), "no TOML");
}

/// A body of that size fits into what the preset lets a connection hold, and not into the default.
#[test]
fn l14_limits_are_changes_of_a_preset() {
    let text = "listen = '127.0.0.1:0'\nlimits.body_bytes_max = '60 MiB'";
    assert_eq!(faults(text).len(), 1);
    assert!(options(&format!("{text}\npreset = 'local'")).bind().is_ok());
}

/// Certificates, hosts and clients' certificates; all that can't be read is named too.
#[test]
fn l14_tls_has_its_options() {
    let folder = std::env::temp_dir().join(format!("jackfield-l14-{}", std::process::id()));
    let (chain, key) = tls::Identity::of(&["a.example"]).files_in(&folder);
    let response = folder.join("response.der");
    std::fs::write(&response, "a response").unwrap();
    let (chain, key, response) = (chain.display(), key.display(), response.display());
    let text = format!(
        r#"
        [[listen]]
        tcp = "127.0.0.1:0"
        tls = ["{chain}", "{key}"]
        strict_sni = true
        alpn = ["http/1.1"]
        client_auth.requested = "{chain}"

        [[listen.host]]
        name = ["a.example", "*.a.example"]
        certificate = [["{chain}", "{key}"]]
        ocsp = ["{response}"]
        alpn = ["http/1.0"]
        client_auth.required = "{chain}"
        tag = 7
    "#
    );
    assert!(options(&text).bind().is_ok());
    let wrong = text.replace("client_auth.required", "client_auth.wanted").replace("tag", "tags");
    let faults = faults(&wrong);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("`listen[0].host[0].client_auth` must be a table"), "{faults:?}");
    assert!(faults[1].contains("`listen[0].host[0].tags` is not an option"), "{faults:?}");
    let more = text
        .replace(&format!("ocsp = [\"{response}\"]"), &format!("ocsp = [\"{response}\", \"{response}\"]"));
    let faults = self::faults(&more);
    assert_eq!(faults, ["`listen[0].host[0].ocsp` has more files than `listen[0].host[0].certificate`"]);
    // The fault: it became the host of all names that no other host has.
    let faults = self::faults(&text.replace(r#"["a.example", "*.a.example"]"#, "[]"));
    assert!(faults.iter().any(|fault| fault.contains("`listen[0].host[0].name` has no name")), "{faults:?}");
    std::fs::remove_file(folder.join("response.der")).unwrap();
    let faults = self::faults(&text);
    assert!(faults.len() == 1 && faults[0].contains("can't read an OCSP response"), "{faults:?}");
    std::fs::remove_dir_all(&folder).unwrap();
}
