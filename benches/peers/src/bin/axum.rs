//! axum on tokio's single thread. Not `axum::serve`, which answers pipelined requests with one write each, but the
//! router on hyper's own HTTP/1 server with `pipeline_flush`, as in axum's entry in public benchmarks.
//! Its WebSocket is tungstenite's, and so is the matter of the read buffer (`tokio-tungstenite.rs`).

use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Router, http::HeaderValue};
use bytes::Bytes;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use jackfield_peers::{
    EVENT, Events, HELLO, MAX_MESSAGE, Mode, More, args_with_tls, echo, fanout, hub::Hub, serve, tls,
};
use tokio::io::{AsyncRead, AsyncWrite};

thread_local! {
    static STREAMS: Hub<Bytes> = Hub::default();
    static SOCKETS: Hub<Message> = Hub::default();
}

async fn plaintext() -> impl IntoResponse {
    ([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))], HELLO)
}

async fn feed() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    // What `axum::response::Sse` would send, encoded once for all streams instead of once for each.
    (headers, Body::from_stream(Events::new(&STREAMS)))
}

async fn publish() {
    STREAMS.with(|hub| hub.publish(Bytes::from_static(EVENT.as_bytes())));
}

fn is_data(message: &Message) -> bool {
    matches!(message, Message::Text(_) | Message::Binary(_))
}

fn upgrade(upgrade: WebSocketUpgrade, buffer: usize) -> WebSocketUpgrade {
    upgrade.read_buffer_size(buffer).max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE)
}

async fn ws(State(buffer): State<usize>, socket: WebSocketUpgrade) -> impl IntoResponse {
    upgrade(socket, buffer).on_upgrade(|socket| tokio::task::unconstrained(echo(socket, is_data)))
}

async fn everyone(State(buffer): State<usize>, socket: WebSocketUpgrade) -> impl IntoResponse {
    upgrade(socket, buffer).on_upgrade(|socket| tokio::task::unconstrained(fanout(socket, &SOCKETS, is_data)))
}

fn main() {
    let (mode, addr, More { read_buffer: buffer, tls }) =
        args_with_tls(&[Mode::Http, Mode::Ws, Mode::Fanout, Mode::Sse], "");
    let router = match mode {
        Mode::Http => Router::new().route("/plaintext", get(plaintext)),
        Mode::Sse => Router::new().route("/feed", get(feed)).route("/publish", any(publish)),
        Mode::Ws => Router::new().fallback(ws).with_state(buffer),
        Mode::Fanout => Router::new().fallback(everyone).with_state(buffer),
    };
    match tls {
        None => serve(addr, move |stream| talk(stream, router.clone())),
        Some(tls) => tls::serve(addr, tls, move |stream| talk(stream, router.clone())),
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.pipeline_flush(true);
    let service = TowerToHyperService::new(router);
    builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await.unwrap_or_default();
}
