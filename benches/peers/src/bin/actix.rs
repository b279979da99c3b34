//! actix-web with actix-ws, one worker. The time limits on requests are off and keep-alive is the system's, as in its
//! authors' entry in public benchmarks.

use actix_web::http::{KeepAlive, header};
use actix_web::web::{self, Bytes, Payload, ServiceConfig};
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, rt};
use actix_ws::{AggregatedMessage, Message, Session};
use bytestring::ByteString;
use std::future::poll_fn;
use std::time::Duration;
use jackfield_peers::hub::{Hub, Seat};
use jackfield_peers::{EVENT, Events, HELLO, MAX_MESSAGE, Mode, announce, args, listener};

thread_local! {
    static STREAMS: Hub<Bytes> = Hub::default();
    static SOCKETS: Hub<Data> = Hub::default();
}

async fn plaintext() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain")))
        .body(Bytes::from_static(HELLO.as_bytes()))
}

async fn feed() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .streaming(Events::new(&STREAMS))
}

async fn publish() -> HttpResponse {
    STREAMS.with(|hub| hub.publish(Bytes::from_static(EVENT.as_bytes())));
    HttpResponse::Ok().finish()
}

async fn ws(request: HttpRequest, body: Payload) -> Result<HttpResponse, Error> {
    let (response, mut session, stream) = actix_ws::handle(&request, body)?;
    let mut stream = stream.max_frame_size(MAX_MESSAGE);
    rt::spawn(async move {
        while let Some(Ok(message)) = stream.recv().await {
            let sent = match message {
                Message::Text(text) => session.text(text).await,
                Message::Binary(bytes) => session.binary(bytes).await,
                // A fragment may go back as it came, so none has to be kept.
                Message::Continuation(item) => session.continuation(item).await,
                Message::Ping(bytes) => session.pong(&bytes).await,
                Message::Pong(_) | Message::Nop => Ok(()),
                Message::Close(_) => break,
            };
            if sent.is_err() {
                return;
            }
        }
        let _ = session.close(None).await;
    });
    Ok(response)
}

#[derive(Clone)]
enum Data {
    Text(ByteString),
    Binary(Bytes),
}

async fn everyone(request: HttpRequest, body: Payload) -> Result<HttpResponse, Error> {
    let (response, mut session, stream) = actix_ws::handle(&request, body)?;
    let stream = stream.max_frame_size(MAX_MESSAGE).aggregate_continuations();
    let mut stream = stream.max_continuation_size(MAX_MESSAGE);
    let sender = rt::spawn(deliver(session.clone()));
    rt::spawn(async move {
        while let Some(Ok(message)) = stream.recv().await {
            match message {
                AggregatedMessage::Text(text) => SOCKETS.with(|hub| hub.publish(Data::Text(text))),
                AggregatedMessage::Binary(bytes) => SOCKETS.with(|hub| hub.publish(Data::Binary(bytes))),
                AggregatedMessage::Ping(bytes) => drop(session.pong(&bytes).await),
                AggregatedMessage::Pong(_) => {}
                AggregatedMessage::Close(_) => break,
            }
        }
        sender.abort();
        let _ = session.close(None).await;
    });
    Ok(response)
}

async fn deliver(mut session: Session) {
    let (seat, mut batch) = (Seat::take(&SOCKETS), Vec::new());
    while poll_fn(|cx| seat.poll_take(cx, &mut batch)).await {
        for message in batch.drain(..) {
            let sent = match message {
                Data::Text(text) => session.text(text).await,
                Data::Binary(bytes) => session.binary(bytes).await,
            };
            if sent.is_err() {
                return;
            }
        }
    }
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let (mode, addr) = args(&[Mode::Http, Mode::Ws, Mode::Fanout, Mode::Sse], "");
    let listener = listener(addr);
    announce(&listener);
    let routes = move |config: &mut ServiceConfig| {
        match mode {
            Mode::Http => config.route("/plaintext", web::get().to(plaintext)),
            Mode::Sse => config.route("/feed", web::get().to(feed)).route("/publish", web::to(publish)),
            Mode::Ws => config.default_service(web::get().to(ws)),
            Mode::Fanout => config.default_service(web::get().to(everyone)),
        };
    };
    HttpServer::new(move || App::new().configure(routes))
        .workers(1)
        .keep_alive(KeepAlive::Os)
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(Duration::ZERO)
        .max_connections(100_000)
        .listen(listener)?
        .run()
        .await
}
