//! A small REST service: routes, JSON, a token for writing, and a tokio runtime behind it for work that waits.
//!
//! The server has no async. If a library needs it (a database, a client for another service), its future runs on a runtime
//! with its own threads: the exchange is deferred, and the `Reply` moves into the task, which may answer at any time. If
//! the task is dropped or panics, the answer is a 500; if it takes too long, a 503.
//!
//! ```text
//! $ cargo run --example rest -- --listen 127.0.0.1:8080 --token secret
//! listening on 127.0.0.1:8080
//! try: curl http://127.0.0.1:8080/notes/1
//!
//! $ curl http://127.0.0.1:8080/notes/1
//! "bread"
//! $ curl -i -H 'Authorization: Bearer secret' --json '"milk"' http://127.0.0.1:8080/notes
//! HTTP/1.1 201 Created
//! Date: ..
//! Content-Length: 0
//! Location: /notes/2
//!
//! $ curl http://127.0.0.1:8080/notes/2
//! "milk"
//! $ curl -i --json '"tea"' http://127.0.0.1:8080/notes
//! HTTP/1.1 401 Unauthorized
//! Date: ..
//! Content-Length: 0
//! WWW-Authenticate: Bearer realm="notes"
//!
//! $ curl http://127.0.0.1:8080/slow/500
//! 500ms later
//! ```

use jackfield::{Client, Exchange, Found, Params, Request, Router, Server, bearer, is_same_secret};
use std::{sync::Arc, sync::Mutex, time::Duration};

/// The handler of a route.
type Handler = fn(&Api, Exchange<'_>, &Request<'_>, Params<'_, '_>);

struct Api {
    routes: Router<Handler>,
    notes: Mutex<Vec<String>>,
    token: String,
    runtime: tokio::runtime::Runtime,
}

impl Api {
    fn note(&self, exchange: Exchange<'_>, _request: &Request<'_>, params: Params<'_, '_>) {
        let notes = self.notes.lock().unwrap();
        match params.parse::<usize>("id").and_then(|id| notes.get(id.checked_sub(1)?)) {
            Some(note) => exchange.json(note),
            None => exchange.not_found(),
        }
    }

    fn add(&self, exchange: Exchange<'_>, request: &Request<'_>, _params: Params<'_, '_>) {
        if !bearer(request).is_some_and(|token| is_same_secret(token, &self.token)) {
            let refused = exchange.response(401).header("WWW-Authenticate", "Bearer realm=\"notes\"");
            return refused.body("", "").unwrap();
        }
        let mut notes = self.notes.lock().unwrap();
        match request.json() {
            // What a server keeps needs a bound.
            Ok(_) if notes.len() == 100 => return exchange.respond(507, "text/plain", "no room\n"),
            Ok(note) => notes.push(note),
            Err(error) => return exchange.respond(error.status(), "text/plain", error.to_string()),
        }
        exchange.response(201).header("Location", format!("/notes/{}", notes.len())).body("", "").unwrap();
    }

    fn slow(&self, exchange: Exchange<'_>, _request: &Request<'_>, params: Params<'_, '_>) {
        let wait = Duration::from_millis(params.parse("ms").unwrap_or(100)).min(Duration::from_secs(10));
        let reply = exchange.defer_within(Duration::from_secs(2));
        self.runtime.spawn(async move {
            tokio::time::sleep(wait).await;
            reply.ok("text/plain", format!("{wait:?} later\n"));
        });
    }
}

struct Visitor(Arc<Api>);

impl Client for Visitor {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match self.0.routes.at(request) {
            Found::Route(handler, params) => handler(&self.0, exchange, request, params),
            other => other.refuse(exchange),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = options::Options::read("rest [--listen ADDR] [--token TOKEN]");
    let routes = Router::<Handler>::builder().get("/notes/{id}", Api::note).post("/notes", Api::add);
    let routes = routes.get("/slow/{ms}", Api::slow).build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    let token = options.value("--token").unwrap_or("secret").to_owned();
    let api = Arc::new(Api { routes, notes: Mutex::new(vec!["bread".into()]), token, runtime });
    let addr = options.value("--listen").unwrap_or("127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    println!("listening on {0}\ntry: curl http://{0}/notes/1", server.local_addr());
    Ok(server.serve(move |_peer| Visitor(api.clone()))?)
}
