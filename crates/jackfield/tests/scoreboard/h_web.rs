//! HTTP for the first day: routes, JSON, forms, authentication, CORS.

use crate::support;
use jackfield::proto::forms::MultipartError;
use jackfield::proto::json::JsonError;
use jackfield::test::{TestOptions, TestServer};
use jackfield::{
    Access, Authenticator, Basic, BasicAuth, BearerAuth, Client, Cors, Exchange, Found, Limits, Message,
    Request, Router, Server, Upgrade, WebSocket, bearer, is_same_secret,
};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use support::probe::Probe;
use support::{Lab, get, socket, statuses, text};

/// Answers what a function makes of the request.
struct Page(fn(Exchange<'_>, &Request<'_>));

impl Client for Page {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        (self.0)(exchange, request);
    }
}

fn answer_with(options: TestOptions, page: fn(Exchange<'_>, &Request<'_>), request: &str) -> String {
    let mut server = TestServer::with_options(options, move |_peer| Page(page));
    let far = server.connect();
    far.send(request.as_bytes());
    server.run();
    text(&far.take())
}

fn answer(page: fn(Exchange<'_>, &Request<'_>), request: &str) -> String {
    answer_with(TestOptions::default(), page, request)
}

fn body_of(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("there is a head").1
}

fn ask(method: &str, path: &str, lines: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
}

fn post(content_type: &str, body: &str) -> String {
    let length = body.len();
    let line =
        if content_type.is_empty() { String::new() } else { format!("Content-Type: {content_type}\r\n") };
    ask("POST", "/", &format!("{line}Content-Length: {length}\r\n")) + body
}

#[derive(Debug, PartialEq)]
enum Route {
    Root,
    User,
    Me,
    AddUser,
    File,
    OwnFile,
    Chat,
    OwnHead,
}

static ROUTES: LazyLock<Router<Route>> = LazyLock::new(|| {
    let routes = Router::builder()
        .get("/", Route::Root)
        .get("/users/{id}", Route::User)
        .get("/users/me", Route::Me)
        .post("/users", Route::AddUser)
        .route("PURGE", "/users", Route::Root)
        .get("/files/{*path}", Route::File)
        .get("/files/own", Route::OwnFile)
        .get("/head", Route::Root)
        .route("HEAD", "/head", Route::OwnHead)
        .websocket("/chat", Route::Chat)
        .websocket("/rooms/{id}", Route::Chat)
        .get("/both", Route::Root)
        .websocket("/both", Route::Chat);
    routes.build().unwrap()
});

fn routed(exchange: Exchange<'_>, request: &Request<'_>) {
    match ROUTES.at(request) {
        Found::Route(route, params) => {
            let params: Vec<_> =
                params.iter().map(|(name, _)| format!("{name}={}", params.get(name).unwrap())).collect();
            let _ = exchange.response(200).header("X-Route", format!("{route:?} {params:?}")).body("", "");
        }
        other => other.refuse(exchange),
    }
}

#[test]
fn h13_paths_and_methods_lead_to_the_users_own_routes() {
    for (method, path, expected) in [
        ("GET", "/", "Root []"),
        ("GET", "/?a=b", "Root []"),
        ("GET", "http://h/users/7?x", "User [\"id=7\"]"),
        ("GET", "/users/me", "Me []"),
        ("GET", "/users/a%20b%2Fc", "User [\"id=a b/c\"]"),
        ("GET", "/users/%C3%A9", "User [\"id=é\"]"),
        ("POST", "/users", "AddUser []"),
        ("PURGE", "/users", "Root []"),
        ("GET", "/files/a/b.txt", "File [\"path=a/b.txt\"]"),
        ("GET", "/files/own", "OwnFile []"),
        ("GET", "/files/owner", "File [\"path=owner\"]"),
        ("GET", "/files/own/b.txt", "File [\"path=own/b.txt\"]"),
        ("HEAD", "/users/7", "User [\"id=7\"]"),
        ("HEAD", "/head", "OwnHead []"),
    ] {
        let answer = answer(routed, &ask(method, path, ""));
        assert!(answer.contains(&format!("\r\nX-Route: {expected}\r\n")), "{method} {path}: {answer}");
    }
}

#[test]
fn h13_a_request_without_a_route_is_404_405_204_or_400() {
    for (method, path, status, allow) in [
        ("GET", "/none", 404, ""),
        ("GET", "/users/", 404, ""),
        ("GET", "/files/", 404, ""),
        ("GET", "/users/7/x", 404, ""),
        ("get", "/", 405, "GET, HEAD, OPTIONS"),
        ("GET", "/users", 405, "POST, PURGE, OPTIONS"),
        ("HEAD", "/users", 405, "POST, PURGE, OPTIONS"),
        // A GET is allowed there, but only for a WebSocket.
        ("GET", "/chat", 426, ""),
        ("POST", "/chat", 405, "GET, OPTIONS"),
        ("HEAD", "/chat", 405, "GET, OPTIONS"),
        ("OPTIONS", "/chat", 204, "GET, OPTIONS"),
        ("POST", "/both", 405, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/head", 204, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/none", 404, ""),
        // Not UTF-8, and a slash in more bytes than it has.
        ("GET", "/users/%FF", 400, ""),
        ("GET", "/users/%C0%AF", 400, ""),
    ] {
        let answer = answer(routed, &ask(method, path, ""));
        assert_eq!(statuses(answer.as_bytes()), [status], "{method} {path}");
        let line = format!("\r\nAllow: {allow}\r\n");
        assert_eq!(answer.contains(&line), !allow.is_empty(), "{method} {path}: {answer}");
        // It says what to upgrade to (RFC 9110 section 15.5.22).
        let upgrade = "\r\nUpgrade: websocket\r\nConnection: upgrade";
        assert_eq!(answer.contains(upgrade), status == 426, "{method} {path}: {answer}");
    }
}

#[test]
fn h13_wrong_routes_are_listed_when_the_router_is_made() {
    let routes = Router::builder()
        .get("nothing", 1)
        .get("/a", 2)
        .get("/a", 3)
        .post("/a", 13)
        .post("/a", 14)
        .post("/a", 15)
        .get("/b/{x}", 4)
        .post("/b/{y}", 5)
        .get("/{", 6)
        .websocket("/c", 7)
        .websocket("/c", 8)
        .get("/d/{x}", 9)
        .get("/d/{*y}", 10)
        .get("/e/{*x}", 11)
        .get("/e/{y}", 12);
    let text = routes.build().unwrap_err().to_string();
    let twice = ["`/a` has GET twice", "`/a` has POST twice", "`/c` has WebSocket twice"];
    let wrong = ["`nothing` does not begin", "`/b/{y}`", "`/{`", "`/d/{*y}`", "`/e/{y}`"];
    for named in wrong.into_iter().chain(twice) {
        assert!(text.contains(named), "{named}: {text}");
    }
}

/// Elsewhere the wish is ignored, and the request is as any other.
#[test]
fn w1_paths_for_websocket_are_declared() {
    struct Chat;
    impl Client for Chat {
        fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
            exchange.ok("text/plain", "a page");
        }

        fn on_upgrade(&mut self, upgrade: Upgrade<'_>, request: &Request<'_>) {
            match ROUTES.websocket_at(request) {
                Found::Route(Route::Chat, _) => upgrade.accept(),
                _ => upgrade.reject(404),
            }
        }

        fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
            socket.send(message);
        }
    }
    let paths = Some(vec!["/chat".into(), "/halls/".into()]);
    let mut server =
        TestServer::with_options(TestOptions { websocket_paths: paths, ..TestOptions::default() }, |_peer| {
            Chat
        });
    for (path, expected) in [("/chat", 101), ("/halls/7", 404), ("/other", 200), ("/chat/", 200)] {
        let far = server.connect();
        far.send(socket::UPGRADE.replace("/ws", path).as_bytes());
        server.run();
        assert_eq!(statuses(&far.take()), [expected], "{path}");
        if expected == 200 {
            // It goes on as HTTP.
            far.send(get("/").as_bytes());
            server.run();
            assert_eq!(statuses(&far.take()), [200], "{path}");
        }
    }
    let mut server = TestServer::with_options(
        TestOptions { websocket_paths: Some(vec!["/".into()]), ..TestOptions::default() },
        |_peer| Chat,
    );
    for (path, expected) in [("/chat", 101), ("/halls/7", 404), ("/", 404)] {
        let far = server.connect();
        far.send(socket::UPGRADE.replace("/ws", path).as_bytes());
        server.run();
        assert_eq!(statuses(&far.take()), [expected], "{path}, and all paths may become one");
    }
    let error = Server::builder().listen("127.0.0.1:0").websocket_paths(["chat"]).bind().unwrap_err();
    assert!(error.to_string().contains("`chat` is not a path"), "{error}");
    // The router tells its paths, so that nobody has to write them twice.
    assert_eq!(ROUTES.websocket_paths().collect::<Vec<_>>(), ["/both", "/chat", "/rooms/{id}"]);
    let paths = Some(ROUTES.websocket_paths().map(str::to_owned).collect());
    let mut server =
        TestServer::with_options(TestOptions { websocket_paths: paths, ..TestOptions::default() }, |_peer| {
            Chat
        });
    for (path, expected) in [
        ("/chat", 101),
        ("/rooms/7", 101),
        ("/both", 101),
        ("/rooms/", 200),
        ("/rooms/7/8", 200),
        ("/users/7", 200),
    ] {
        let far = server.connect();
        far.send(socket::UPGRADE.replace("/ws", path).as_bytes());
        server.run();
        assert_eq!(statuses(&far.take()), [expected], "{path}");
    }
}

/// The fault: a WebSocket never began at a path with something after its parameter, and began below a path that ends with `/`.
#[test]
fn w1_the_paths_of_a_router_are_those_that_it_matches() {
    let routes = Router::builder()
        .websocket("/", ())
        .websocket("/lists/", ())
        .websocket("/rooms/{name}/", ())
        .websocket("/feeds/{name}.json", ())
        .build()
        .unwrap();
    let paths = Some(routes.websocket_paths().map(str::to_owned).collect());
    let options = TestOptions { websocket_paths: paths, ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| Probe::default());
    for path in [
        "/",
        "/lists/",
        "/lists",
        "/lists/a",
        "/rooms/a/",
        "/rooms/a",
        "/rooms/a/b",
        "/feeds/a.json",
        "/feeds/a",
        "/a",
    ] {
        let far = server.connect();
        far.send(socket::UPGRADE.replace("/ws", path).as_bytes());
        server.run();
        let is_matched = ["/", "/lists/", "/rooms/a/", "/feeds/a.json"].contains(&path);
        assert_eq!(statuses(&far.take()) == [101], is_matched, "{path}");
    }
}

/// The fault: a WebSocket began at a path of another route, if the path of a WebSocket fitted too, with a parameter.
#[test]
fn w1_the_route_that_goes_first_decides_whether_a_websocket_begins() {
    let routes = Router::builder()
        .get("/admin", ())
        .websocket("/admin/", ())
        .websocket("/{room}", ())
        .websocket("/rooms/{n}", ())
        .post("/rooms/{n}.json", ())
        .websocket("/rooms/7.json", ())
        .websocket("/{a}/x", ())
        .get("/b/{c}", ())
        .websocket("/b/{c}/x", ())
        .get("/=/!", ())
        .websocket("/={a}/{*rest}", ())
        .websocket("/files/{*rest}", ())
        .get("/files/list", ())
        .get("/files/{{a}}", ())
        .build()
        .unwrap();
    let paths = Some(routes.websocket_paths().map(str::to_owned).collect());
    let options = TestOptions { websocket_paths: paths, ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| Probe::default());
    for (path, expected) in [
        ("/admin", false),
        ("/admin/", true),
        ("/admins", true),
        ("/rooms/7", true),
        ("/rooms/6.json", false),
        ("/rooms/7.json", true),
        ("/a/x", true),
        ("/b/x", false),
        ("/b/y", false),
        ("/b/y/x", true),
        ("/=/!", false),
        ("/=a/!", true),
        ("/files/a", true),
        ("/files/list", false),
        ("/files/list/a", true),
        ("/files/{a}", false),
        ("/files/{b}", true),
    ] {
        let far = server.connect();
        far.send(socket::UPGRADE.replace("/ws", path).as_bytes());
        server.run();
        assert_eq!(statuses(&far.take()) == [101], expected, "{path}");
    }
}

#[test]
fn h18_query_and_cookies_are_read_from_the_request() {
    let page = |exchange: Exchange<'_>, request: &Request<'_>| {
        let query: Vec<_> = request.query_pairs().collect();
        let cookies: Vec<_> = request.cookies().collect();
        exchange.ok("text/plain", format!("{query:?} {cookies:?} {:?}", request.cookie("b")));
    };
    let answer = answer(page, &ask("GET", "/?q=a+b%21&q&%C3%A9=1", "Cookie: a=1; b=2\r\ncookie: b=3; c\r\n"));
    let expected = "[(\"q\", \"a b!\"), (\"q\", \"\"), (\"é\", \"1\")] [(\"a\", \"1\"), (\"b\", \"2\"), (\"b\", \"3\")] Some(\"2\")";
    assert_eq!(body_of(&answer), expected);
}

fn formed(exchange: Exchange<'_>, request: &Request<'_>) {
    match request.form() {
        Some(pairs) => exchange.ok("text/plain", format!("{:?}", pairs.collect::<Vec<_>>())),
        None => exchange.error(415),
    }
}

#[test]
fn h18_a_form_is_read_from_the_body() {
    let sent = answer(formed, &post("application/x-www-form-urlencoded; charset=utf-8", "a=1&b=%26"));
    assert_eq!(body_of(&sent), "[(\"a\", \"1\"), (\"b\", \"&\")]");
    for kind in ["text/plain", ""] {
        assert_eq!(statuses(answer(formed, &post(kind, "a=1")).as_bytes()), [415]);
    }
}

fn uploaded(exchange: Exchange<'_>, request: &Request<'_>) {
    let parts = || -> Result<String, MultipartError> {
        let parts = request
            .multipart()?
            .map(|part| part.map(|part| format!("{}:{} ", part.name(), part.body().len())));
        let parts: Vec<String> = parts.collect::<Result<_, _>>()?;
        Ok(parts.concat().chars().take(100).collect())
    };
    match parts() {
        Ok(parts) => exchange.ok("text/plain", parts),
        Err(error) => exchange.respond(error.status(), "text/plain", error.to_string()),
    }
}

/// A form without end, with thousands of parts, with a header that is too long: nothing of it is kept.
#[test]
fn h18_a_form_with_parts_is_read_or_refused() {
    let part = |name: &str, head: &str, body: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n{head}\r\n{body}\r\n")
    };
    let good = part("a", "", "1") + &part("file", "Content-Type: image/png\r\n", "12345") + "--b--\r\n";
    let long = format!("X: {}\r\n", "x".repeat(17 << 10));
    for (kind, body, status) in [
        ("multipart/form-data; boundary=b", good.clone(), 200),
        ("multipart/form-data; boundary=b", good.replace("--b--", "--b"), 400),
        ("multipart/form-data; boundary=b", part("a", "", "").repeat(1000) + "--b--", 200),
        ("multipart/form-data; boundary=b", part("a", "", "").repeat(1001) + "--b--", 413),
        ("multipart/form-data; boundary=b", part("a", &long, "") + "--b--", 400),
        ("multipart/form-data", good.clone(), 400),
        ("text/plain; boundary=b", good.clone(), 415),
        ("multipart/form-data; boundary=b", part("a", &format!("X: {}\r\n", "x".repeat(1 << 20)), ""), 413),
    ] {
        let answer = answer(uploaded, &post(kind, &body));
        assert_eq!(statuses(answer.as_bytes()), [status], "{kind} {body:.200}");
        if status == 200 && body == good {
            assert_eq!(body_of(&answer), "a:1 file:5 ");
        }
    }
}

/// A form that is collected whole, because the limits allow it, is refused for the header of its part, and nothing of it is kept.
#[test]
fn h18_nothing_is_kept_of_a_form_with_a_header_of_1_mib() {
    let limits = Limits::local().with(|limits| limits.body_bytes_max = 16 << 20);
    let options = TestOptions { limits, ..TestOptions::default() };
    let mut lab = Lab::with_options(options, || Probe {
        on_request: |_, exchange, request| uploaded(exchange, request),
        ..Probe::default()
    });
    let far = lab.connect();
    let head = "x".repeat(1 << 20);
    let body =
        format!("--b\r\nContent-Disposition: form-data; name=\"a\"\r\nX: {head}\r\n\r\n1\r\n--b--\r\n");
    for _ in 0..3 {
        let answer = text(&lab.say(&far, post("multipart/form-data; boundary=b", &body)));
        assert_eq!(statuses(answer.as_bytes()), [400], "{answer:.300}");
        let held = lab.server.wires().memory_bytes();
        assert!(held < 1024, "{held} bytes are held");
    }
}

#[derive(serde::Deserialize, serde::Serialize)]
struct Order<'b> {
    item: &'b str,
    pieces: u32,
}

fn ordered(exchange: Exchange<'_>, request: &Request<'_>) {
    match request.json::<Order<'_>>() {
        Ok(order) => exchange.json(&Order { pieces: order.pieces + 1, ..order }),
        Err(error) => exchange.respond(error.status(), "text/plain", error.to_string()),
    }
}

#[test]
fn h21_json_comes_and_goes() {
    let answer = answer(ordered, &post("application/json", r#"{"item":"tea","pieces":1}"#));
    assert!(answer.contains("\r\nContent-Type: application/json\r\n"), "{answer}");
    assert_eq!(body_of(&answer), r#"{"item":"tea","pieces":2}"#);
}

#[test]
fn h21_json_may_have_header_lines_of_ones_own() {
    let page = |exchange: Exchange<'_>, _request: &Request<'_>| {
        exchange.response(201).header("X-A", 1).json(&[1, 2]).unwrap();
    };
    let answer = answer(page, &get("/"));
    assert_eq!((statuses(answer.as_bytes()), body_of(&answer)), (vec![201], "[1,2]"));
    for line in ["\r\nContent-Type: application/json\r\n", "\r\nX-A: 1\r\n"] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
}

#[test]
fn h21_wrong_json_is_a_400_that_says_where() {
    let deep = "[".repeat(10_000);
    for (kind, body, status, says) in [
        ("text/plain", "{}", 415, "Content-Type of the request"),
        ("", "{}", 415, "Content-Type of the request"),
        ("application/json", "{\"item\":\"tea\",\n\"pieces\":\"many\"}", 400, "line 2 column 15"),
        ("application/json", "{\"item\":\"tea\"", 400, "line 1 column 13"),
        ("application/json", "", 400, "line 1 column 0"),
        ("application/problem+json", "{\"item\":\"\",\"pieces\":-1}", 400, "-1"),
        ("application/json", &deep, 400, "column"),
    ] {
        let answer = answer(ordered, &post(kind, body));
        assert_eq!(statuses(answer.as_bytes()), [status], "{body:.50}");
        assert!(body_of(&answer).contains(says), "{answer}");
    }
    assert_eq!(JsonError::MediaType.status(), 415);
}

/// A value that is no JSON is the server's fault.
#[test]
fn h21_a_value_that_cant_be_written_is_a_500() {
    let page = |exchange: Exchange<'_>, request: &Request<'_>| {
        let wrong = std::collections::BTreeMap::from([((1, 2), 3)]);
        match request.path() {
            "/whole" => exchange.json(&wrong),
            _ => drop(exchange.response(200).header("Cache-Control", "max-age=60").json(&wrong)),
        }
    };
    for path in ["/whole", "/header"] {
        let answer = answer(page, &get(path));
        assert_eq!(statuses(answer.as_bytes()), [500]);
        // The fault: a failure could be cached as long as what it stands for.
        assert!(!answer.contains("Cache-Control"), "{answer}");
    }
}

fn whoami(exchange: Exchange<'_>, request: &Request<'_>) {
    let user = Basic::of(request).map(|basic| basic.user);
    exchange.ok("text/plain", format!("{user:?} {:?}", bearer(request)));
}

fn guarded(authenticator: impl Authenticator + 'static, request: &str) -> String {
    let options = TestOptions {
        authenticator: Some(Arc::new(authenticator)),
        status_paths: Some(["/metrics".into(), "/health".into()]),
        ..TestOptions::default()
    };
    answer_with(options, whoami, request)
}

#[test]
fn h15_basic_admits_requests_with_the_password() {
    let auth = || {
        BasicAuth::new("the \"cellar\"", |user, password| {
            is_same_secret(user, "alice") & is_same_secret(password, "a:b")
        })
    };
    let challenge = "\r\nWWW-Authenticate: Basic realm=\"the \\\"cellar\\\"\", charset=\"UTF-8\"\r\n";
    for (line, status) in [
        ("Authorization: Basic YWxpY2U6YTpi\r\n", 200),
        ("authorization: bASIC  YWxpY2U6YTpi\r\n", 200),
        ("Authorization: Basic YWxpY2U6YTpj\r\n", 401),
        ("Authorization: Basic YWxpY2U6YTpi\r\nAuthorization: Basic YWxpY2U6YTpi\r\n", 401),
        ("Authorization: Basic YWxpY2U\r\n", 401),
        ("Authorization: Basic ///\r\n", 401),
        ("Authorization: Bearer YWxpY2U6YTpi\r\n", 401),
        ("Authorization: Basic\r\n", 401),
        ("", 401),
    ] {
        for path in ["/", "/metrics"] {
            let answer = guarded(auth(), &ask("GET", path, line));
            assert_eq!(statuses(answer.as_bytes()), [status], "{line}");
            assert_eq!(answer.contains(challenge), status == 401, "{answer}");
            assert!(path != "/" || status == 401 || body_of(&answer) == "Some(\"alice\") None", "{answer}");
        }
    }
    // A WebSocket's handshake too, and a body is not read first.
    assert_eq!(statuses(guarded(auth(), socket::UPGRADE).as_bytes()), [401]);
    assert_eq!(statuses(guarded(auth(), &ask("POST", "/", "Content-Length: 9\r\n")).as_bytes()), [401]);
}

#[test]
fn h15_bearer_admits_requests_with_the_token() {
    for (line, status, challenge) in [
        ("Authorization: Bearer t0k3n\r\n", 200, ""),
        ("Authorization: Bearer t0k3m\r\n", 401, "Bearer realm=\"r\", error=\"invalid_token\""),
        ("Authorization: Bearer t0k3nt0k3n\r\n", 401, "Bearer realm=\"r\", error=\"invalid_token\""),
        ("Authorization: Bearer \r\n", 401, "Bearer realm=\"r\""),
        ("", 401, "Bearer realm=\"r\""),
    ] {
        let answer =
            guarded(BearerAuth::new("r", |token| is_same_secret(token, "t0k3n")), &ask("GET", "/", line));
        assert_eq!(statuses(answer.as_bytes()), [status], "{line}");
        let found = answer.split("\r\n").find_map(|line| line.strip_prefix("WWW-Authenticate: "));
        assert_eq!(found.unwrap_or_default(), challenge);
    }
}

/// One of one's own may allow by address, and deny. What can't be written as a challenge is a 500.
#[test]
fn h15_an_authenticator_allows_challenges_or_denies() {
    struct Own;
    impl Authenticator for Own {
        fn check(&self, request: &Request<'_>, peer: Option<SocketAddr>) -> Access {
            match request.path() {
                "/deny" => Access::Deny,
                "/evil" => Access::Challenge("a\r\nb".into()),
                _ if peer.is_some_and(|peer| peer.ip().is_loopback()) => Access::Allow,
                _ => Access::Deny,
            }
        }
    }
    for (path, status) in [("/", 200), ("/deny", 403), ("/evil", 500)] {
        assert_eq!(statuses(guarded(Own, &get(path)).as_bytes()), [status], "{path}");
    }
}

#[test]
fn h15_secrets_are_compared_whole() {
    for (given, secret, same) in [
        ("a", "a", true),
        ("a", "b", false),
        ("", "a", false),
        ("a", "", false),
        ("", "", false),
        ("ab", "a", false),
        ("aa", "a", false),
        ("a", "aa", false),
    ] {
        assert_eq!(is_same_secret(given, secret), same, "{given} {secret}");
    }
}

fn shared(cors: &Cors, exchange: Exchange<'_>, request: &Request<'_>) {
    let Some(exchange) = cors.preflight(exchange, request) else { return };
    let _ = cors.allow(exchange.response(200), request).body("", "");
}

#[test]
fn h24_pages_of_listed_origins_may_read() {
    let page = |exchange: Exchange<'_>, request: &Request<'_>| {
        let cors = Cors::origins(["https://a.example"]).methods(["GET", "PUT"]).headers(["X-Token", "X-B"]);
        let cors = cors.exposes(["X-C"]).credentials(true).max_age(std::time::Duration::from_secs(600));
        shared(&cors, exchange, request);
    };
    let asks = "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-token,  X-B\r\n";
    let origin = "Origin: https://a.example\r\n";
    let reads = "Access-Control-Allow-Origin: https://a.example";
    for (method, lines, status, has) in [
        ("GET", origin.to_owned(), 200, true),
        ("GET", "Origin: https://b.example\r\n".into(), 200, false),
        ("GET", String::new(), 200, false),
        ("OPTIONS", format!("{origin}{asks}"), 204, true),
        ("OPTIONS", format!("{origin}{}", asks.replace("PUT", "DELETE")), 403, false),
        ("OPTIONS", format!("{origin}{}", asks.replace("X-B", "X-D")), 403, false),
        ("OPTIONS", format!("Origin: null\r\n{asks}"), 403, false),
        // Not a preflight: it is a plain OPTIONS request.
        ("OPTIONS", origin.into(), 200, true),
    ] {
        let answer = answer(page, &ask(method, "/", &lines));
        assert_eq!(statuses(answer.as_bytes()), [status], "{method} {lines}");
        assert_eq!(answer.contains(reads), has, "{method} {lines}: {answer}");
        assert_eq!(answer.contains("Access-Control-Allow-Credentials: true\r\n"), has, "{answer}");
        assert_eq!(answer.contains("Access-Control-Expose-Headers: X-C\r\n"), has, "{answer}");
        assert!(answer.contains("\r\nVary: Origin\r\n"), "{answer}");
        let describes = answer.contains("Access-Control-Allow-Methods: GET, PUT\r\n")
            && answer.contains("Access-Control-Allow-Headers: X-Token, X-B\r\n")
            && answer.contains("Access-Control-Max-Age: 600\r\n");
        assert_eq!(describes, status == 204, "{answer}");
    }
}

/// The fault: origins were compared as text, and a listed one with its usual port could match none that a browser sends.
#[test]
fn h24_origins_are_compared_by_scheme_host_and_port() {
    let page = |exchange: Exchange<'_>, request: &Request<'_>| {
        let listed = ["https://a.example:443", "HTTP://B.example", "http://localhost:3000", "null"];
        shared(&Cors::origins(listed), exchange, request);
    };
    for (origin, may_read) in [
        ("https://a.example", true),
        ("https://a.example:443", true),
        ("https://a.example:444", false),
        ("http://a.example", false),
        ("http://b.example", true),
        ("http://localhost:3000", true),
        ("http://localhost", false),
        ("https://x.a.example", false),
        ("null", true),
        ("", false),
    ] {
        let answer = answer(page, &ask("GET", "/", &format!("Origin: {origin}\r\n")));
        let line = format!("\r\nAccess-Control-Allow-Origin: {origin}\r\n");
        assert_eq!(answer.contains(&line), may_read, "{origin}: {answer}");
        assert_eq!(answer.contains("Access-Control-Allow-Origin"), may_read, "{origin}: {answer}");
    }
}

#[test]
fn h24_pages_of_any_origin_get_no_cookies() {
    let page = |exchange: Exchange<'_>, request: &Request<'_>| {
        shared(&Cors::any_origin().credentials(true), exchange, request);
    };
    let answer = answer(page, &ask("GET", "/", "Origin: https://b.example\r\n"));
    assert!(answer.contains("\r\nAccess-Control-Allow-Origin: *\r\n"), "{answer}");
    assert!(!answer.contains("Credentials") && !answer.contains("Vary"), "{answer}");
}

/// The fault: behind a proxy on the same machine every request came from this machine.
#[test]
fn h15_an_authenticator_gets_the_address_that_a_trusted_proxy_names() {
    struct Local;
    impl Authenticator for Local {
        fn check(&self, _request: &Request<'_>, peer: Option<SocketAddr>) -> Access {
            if peer.is_some_and(|peer| peer.ip().is_loopback()) { Access::Allow } else { Access::Deny }
        }
    }
    for (trusted, line, status) in [
        (true, "X-Forwarded-For: 203.0.113.7\r\n", 403),
        (true, "X-Forwarded-For: 127.0.0.1, 203.0.113.7\r\n", 403),
        (true, "X-Forwarded-For: 127.0.0.1\r\n", 200),
        (true, "", 200),
        (false, "X-Forwarded-For: 203.0.113.7\r\n", 200),
    ] {
        let options =
            TestOptions {
                authenticator: Some(Arc::new(Local)),
                listener: Box::new(move |listener| {
                    if trusted { listener.trusted_proxies(["127.0.0.0/8"]) } else { listener }
                }),
                ..TestOptions::default()
            };
        let answer = answer_with(options, whoami, &ask("GET", "/", line));
        assert_eq!(statuses(answer.as_bytes()), [status], "{trusted} {line}");
    }
}

/// Lets preflight requests pass, and nothing else.
struct OnlyPreflights;

impl Authenticator for OnlyPreflights {
    fn check(&self, request: &Request<'_>, _peer: Option<SocketAddr>) -> Access {
        if Cors::is_preflight(request) { Access::Allow } else { Access::Deny }
    }
}

#[test]
fn h24_an_authenticator_can_let_preflight_requests_pass() {
    let page = |exchange: Exchange<'_>, request: &Request<'_>| shared(&Cors::any_origin(), exchange, request);
    let (origin, asks) = ("Origin: https://a.example\r\n", "Access-Control-Request-Method: GET\r\n");
    for (method, lines, status) in [
        ("OPTIONS", format!("{origin}{asks}"), 204),
        ("OPTIONS", origin.into(), 403),
        ("OPTIONS", asks.into(), 403),
        ("GET", format!("{origin}{asks}"), 403),
    ] {
        let options = TestOptions { authenticator: Some(Arc::new(OnlyPreflights)), ..TestOptions::default() };
        let answer = answer_with(options, page, &ask(method, "/", &lines));
        assert_eq!(statuses(answer.as_bytes()), [status], "{method} {lines}");
    }
}
