//! ntex on its own runtime (`neon-polling`), one worker. HTTP is its `HttpService` without the router, and WebSocket its
//! codec on the upgraded connection: `web::ws::start` would fix the longest frame at 64 KiB. Buffers and time limits are
//! those of its author's entry in public benchmarks. What it encodes, it sends at the end of the turn.

use futures_util::{StreamExt, TryStreamExt, future::ready, stream};
use ntex::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use ntex::http::{
    HttpService, HttpServiceConfig, KeepAlive, Request, Response, StatusCode, body::BodySize, h1,
};
use ntex::io::{IoBoxed, IoConfig, IoRef};
use ntex::util::{ByteString, Bytes, Ready};
use ntex::web::{self, HttpRequest, HttpResponse};
use ntex::ws::{Codec, Frame, Message, error::HandshakeError, handshake};
use ntex::{SharedCfg, rt, time::Seconds};
use slab::Slab;
use std::cell::RefCell;
use jackfield_peers::{EVENT, Events, HELLO, MAX_MESSAGE, Mode, announce, args, hub::Hub, listener};

thread_local! {
    static STREAMS: Hub<bytes::Bytes> = Hub::default();
    static SOCKETS: RefCell<Slab<(IoRef, Codec)>> = RefCell::default();
}

fn http(request: Request) -> Ready<Response, std::io::Error> {
    Ready::Ok(match request.path() {
        "/plaintext" => Response::Ok()
            .header(CONTENT_TYPE, HeaderValue::from_static("text/plain"))
            .body(Bytes::from_static(HELLO.as_bytes())),
        _ => Response::NotFound().finish(),
    })
}

fn sse(request: Request) -> Ready<Response, std::io::Error> {
    Ready::Ok(match request.path() {
        "/feed" => {
            let events = Events::new(&STREAMS).map_ok(|piece| Bytes::copy_from_slice(&piece));
            // The head waits for the first piece of the body, and a client for the head: so there is a comment first.
            let events = stream::once(ready(Ok(Bytes::from_static(b":\n\n")))).chain(events);
            Response::Ok()
                .header(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))
                .header(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
                .streaming(events)
        }
        "/publish" => {
            STREAMS.with(|hub| hub.publish(bytes::Bytes::from_static(EVENT.as_bytes())));
            Response::Ok().finish()
        }
        _ => Response::NotFound().finish(),
    })
}

fn upgrade(request: &HttpRequest) -> Result<IoBoxed, HandshakeError> {
    let response = handshake(request.head())?.finish().into_parts().0;
    let (io, codec) = request.head().take_io().ok_or(HandshakeError::NoWebsocketUpgrade)?;
    let head = h1::Message::Item((response, BodySize::Empty));
    io.encode(head, &codec).map_err(|_| HandshakeError::NoWebsocketUpgrade)?;
    io.stop_timer();
    Ok(io)
}

async fn ws(request: HttpRequest) -> Result<HttpResponse, web::Error> {
    rt::spawn(echo(upgrade(&request)?));
    Ok(HttpResponse::new(StatusCode::SWITCHING_PROTOCOLS))
}

async fn everyone(request: HttpRequest) -> Result<HttpResponse, web::Error> {
    rt::spawn(fanout(upgrade(&request)?));
    Ok(HttpResponse::new(StatusCode::SWITCHING_PROTOCOLS))
}

/// The codec leaves it to us to look whether text is text.
fn answer(frame: Frame) -> Option<Message> {
    Some(match frame {
        Frame::Binary(bytes) => Message::Binary(bytes),
        Frame::Text(bytes) => Message::Text(ByteString::try_from(bytes).ok()?),
        Frame::Continuation(item) => Message::Continuation(item),
        Frame::Ping(bytes) => Message::Pong(bytes),
        Frame::Pong(bytes) => Message::Pong(bytes),
        Frame::Close(reason) => Message::Close(reason),
    })
}

async fn echo(io: IoBoxed) {
    let codec = Codec::new().max_size(MAX_MESSAGE);
    while let Ok(Some(frame)) = io.recv(&codec).await {
        if matches!(frame, Frame::Pong(_)) {
            continue;
        }
        let Some(message) = answer(frame) else { break };
        let last = matches!(message, Message::Close(_));
        if io.encode(message, &codec).is_err() || last {
            break;
        }
    }
    let _ = io.shutdown().await;
}

async fn fanout(io: IoBoxed) {
    let codec = Codec::new().max_size(MAX_MESSAGE);
    let id = SOCKETS.with_borrow_mut(|sockets| sockets.insert((io.get_ref(), codec.clone())));
    while let Ok(Some(frame)) = io.recv(&codec).await {
        let Some(message) = answer(frame) else { break };
        match message {
            Message::Text(_) | Message::Binary(_) => SOCKETS.with_borrow(|sockets| {
                for (_, (io, codec)) in sockets {
                    let _ = io.encode(message.clone(), codec);
                }
            }),
            Message::Close(_) => break,
            // Fragments would have to be put together first: the loads send none.
            _ => {}
        }
    }
    SOCKETS.with_borrow_mut(|sockets| sockets.remove(id));
    let _ = io.shutdown().await;
}

#[ntex::main]
async fn main() -> std::io::Result<()> {
    let (mode, addr) = args(&[Mode::Http, Mode::Ws, Mode::Fanout, Mode::Sse], "");
    let listener = listener(addr);
    announce(&listener);
    let config = SharedCfg::new("PEER")
        .add(IoConfig::new().set_read_buf(65_535, 2_048, 128).set_write_buf(65_535, 2_048, 128))
        .add(HttpServiceConfig::new().set_keepalive(KeepAlive::Os).set_client_timeout(Seconds::ZERO));
    let server = ntex::server::build().workers(1);
    let server = match mode {
        Mode::Http => server.listen("peer", listener, async |_| HttpService::h1(http))?,
        Mode::Sse => server.listen("peer", listener, async |_| HttpService::h1(sse))?,
        Mode::Ws => server.listen("peer", listener, async |_| {
            HttpService::h1(web::App::new().default_service(web::to(ws)))
        })?,
        Mode::Fanout => server.listen("peer", listener, async |_| {
            HttpService::h1(web::App::new().default_service(web::to(everyone)))
        })?,
    };
    server.config("peer", config).run().await
}
