//! The same with a router of 100 routes, in a program of its own: a second type of client changes what is inlined.

use jackfield::{Client, Exchange, Found, Request, Router, Server};
use std::sync::Arc;

struct Routed(Arc<Router<usize>>);

impl Client for Routed {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match self.0.at(request) {
            Found::Route(99, _) => exchange.ok("text/plain", "Hello, World!"),
            Found::Route(..) => exchange.error(500),
            other => other.refuse(exchange),
        }
    }
}

/// A hundred, some static, some with parameters. What is asked for is the last one, or the last with one parameter.
fn routes() -> Arc<Router<usize>> {
    let routes = (0..33).fold(Router::builder(), |routes, number| {
        let path = format!("/api/v1/things{number}");
        let one = format!("{path}/{{id}}");
        let of_one = if number == 32 { 99 } else { number * 3 + 1 };
        let routes = routes.get(&path, number * 3).get(&one, of_one);
        routes.post(&format!("{one}/parts/{{*part}}"), number * 3 + 2)
    });
    Arc::new(routes.get("/plaintext", 99).build().expect("the routes are right"))
}

fn main() -> jackfield::Result<()> {
    let routes = routes();
    let server = Server::builder().listen("127.0.0.1:0").reactors(1).shutdown_on_signals().bind()?;
    println!("listening on {}", server.local_addr());
    server.serve(move |_peer| Routed(routes.clone()))
}
