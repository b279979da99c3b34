//! A small REST service: routes, JSON, a token for who writes, and a tokio runtime behind it for what waits elsewhere.
//!
//! The server has no async. Where a library needs it (a database, a client for another service), its future runs on a
//! runtime of its own threads: the exchange is deferred, and the `Reply` moves into the task, which may answer whenever it
//! likes. A task that is dropped or panics answers 500, and one that takes too long 503.
//!
//! ```sh
//! cargo run --example rest -- --listen 127.0.0.1:8080 --token secret
//! curl http://127.0.0.1:8080/notes/1
//! curl -H 'Authorization: Bearer secret' --json '"milk"' http://127.0.0.1:8080/notes
//! curl http://127.0.0.1:8080/slow/500
//! ```

use jackfield::{Client, Exchange, Found, Request, Router, Server, bearer, is_same_secret};
use std::sync::{Arc, Mutex};
use std::time::Duration;

enum Route {
    Note,
    Add,
    Slow,
}

struct Api {
    routes: Router<Route>,
    notes: Mutex<Vec<String>>,
    token: String,
    runtime: tokio::runtime::Runtime,
}

impl Api {
    fn add(&self, exchange: Exchange<'_>, request: &Request<'_>) {
        if !bearer(request).is_some_and(|token| is_same_secret(token, &self.token)) {
            let _ = exchange.response(401).header("WWW-Authenticate", "Bearer realm=\"notes\"").body("", "");
            return;
        }
        match request.json() {
            Ok(note) => {
                let mut notes = self.notes.lock().unwrap();
                notes.push(note);
                let _ =
                    exchange.response(201).header("Location", format!("/notes/{}", notes.len())).body("", "");
            }
            Err(error) => exchange.respond(error.status(), "text/plain", error.to_string()),
        }
    }
}

struct Visitor(Arc<Api>);

impl Client for Visitor {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match self.0.routes.at(request) {
            Found::Route(Route::Note, params) => {
                let notes = self.0.notes.lock().unwrap();
                match params.parse::<usize>("id").and_then(|id| notes.get(id.checked_sub(1)?)) {
                    Some(note) => exchange.json(note),
                    None => exchange.not_found(),
                }
            }
            Found::Route(Route::Add, _) => self.0.add(exchange, request),
            Found::Route(Route::Slow, params) => {
                let wait = Duration::from_millis(params.parse("ms").unwrap_or(100));
                let reply = exchange.defer_within(Duration::from_secs(2));
                self.0.runtime.spawn(async move {
                    tokio::time::sleep(wait).await;
                    reply.ok("text/plain", format!("{wait:?} later\n"));
                });
            }
            other => other.refuse(exchange),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = options::Options::read("rest [--listen ADDR] [--token TOKEN]");
    let routes = Router::routes()
        .get("/notes/{id}", Route::Note)
        .post("/notes", Route::Add)
        .get("/slow/{ms}", Route::Slow);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    let token = options.value("--token").unwrap_or("secret").to_owned();
    let api = Api { routes: routes.build()?, notes: Mutex::new(vec!["bread".into()]), token, runtime };
    let api = Arc::new(api);
    let addr = options.value("--listen").unwrap_or("127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind()?;
    println!("listening on {}", server.local_addr());
    Ok(server.serve(move |_peer| Visitor(api.clone()))?)
}
