//! Two servers and a Redis with one command. If a client moves from one server to the other, or if its server or the
//! Redis is away for a while, the client continues where it was: it misses nothing, and gets nothing twice.
//!
//! ```sh
//! cargo run --example cluster -- --listen 127.0.0.1:8080 --second 127.0.0.1:8081
//! curl -sN http://127.0.0.1:8080/news                       # what both publish, in one order
//! curl -sN http://127.0.0.1:8081/news?lastEventId=ID        # from an event on, at the other server
//! curl -s http://127.0.0.1:8080/readers                     # how many readers both have
//! ```
//!
//! It starts its own `redis-server` in a new folder, and ends it; `--broker URL` uses a running one instead. Both servers
//! serve the page, which is a client of both.

use jackfield::{Client, Cors, Event, Exchange, History, Listener, Reactor, Request, Server, last_event_id};
use options::Options;
use std::{net::TcpListener, thread, time::Duration};

const PAGE: &str = include_str!("cluster.html");
const STYLE: &str = include_str!("showcase/page.css");
const NEWS: &str = "news";
const TICK: Duration = Duration::from_millis(100);
/// How often each server reports its number of readers to the other.
const TOLD_EVERY: Duration = Duration::from_millis(500);

/// One for each connection. It knows the ports of both servers.
struct Reader {
    ports: &'static str,
}

impl Client for Reader {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/" => exchange.ok("text/html; charset=utf-8", PAGE),
            "/page.css" => exchange.ok("text/css; charset=utf-8", STYLE),
            "/ports" => exchange.ok("application/json", self.ports),
            "/readers" => {
                let readers = exchange.handle().cluster_subscribers(NEWS);
                exchange.ok("application/json", readers.to_string());
            }
            "/news" => {
                // The page of one server reads the news of the other.
                let answer = Cors::any_origin().allow(exchange.response(200), request);
                if let Ok(mut events) = answer.events() {
                    events.send(Event::empty().retry(500));
                    events.subscribe_from(NEWS, last_event_id(request).unwrap_or_default());
                }
            }
            _ => exchange.not_found(),
        }
    }
}

/// Publishes `A 1`, `A 2` and so on, if the server is A. They come back from the Redis, which gives them their order.
fn publisher(server: char) -> impl FnMut(&mut Reactor<'_>) {
    let mut number = 0;
    move |reactor| {
        number += 1;
        reactor.publish(NEWS, Event::data(format!("{server} {number}")));
    }
}

fn bind(socket: TcpListener, redis: &str) -> jackfield::Result<Server> {
    let broker = options::broker(redis).presence_interval(TOLD_EVERY);
    let listener = Listener::from_std(socket);
    let server = Server::builder().listen(listener).broker(broker).shutdown_on_signals().bind()?;
    server.handle().declare_topic(NEWS, History::new(10_000));
    Ok(server)
}

fn serve(server: Server, name: char, ports: &'static str) -> jackfield::Result<()> {
    server.serve_with(move |setup| {
        if setup.reactor() == 0 {
            setup.every(TICK, publisher(name));
        }
        move |_peer| Reader { ports }
    })
}

fn main() -> jackfield::Result<()> {
    let options = Options::read("cluster [--listen ADDR] [--second ADDR] [--broker URL]");
    // Both addresses before the Redis: if one of them is taken, nothing has started.
    let a = options::listen(options.value("--listen").unwrap_or("127.0.0.1:8080"));
    let b = options::listen(options.value("--second").unwrap_or("127.0.0.1:8081"));
    let (redis, _own) = options::redis(options.value("--broker"));
    let (a, b) = (bind(a, &redis)?, bind(b, &redis)?);
    println!("listening on {0}\nlistening on {1}\nopen http://{0}/", a.local_addr(), b.local_addr());
    // Leaked, because both servers run as long as the program.
    let ports = format!("[{},{}]", a.local_addr().port(), b.local_addr().port()).leak();
    let other = thread::spawn(|| serve(b, 'B', ports));
    serve(a, 'A', ports)?;
    other.join().expect("a server does not panic")
}
