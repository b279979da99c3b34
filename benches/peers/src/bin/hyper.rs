//! hyper 1 on tokio's single thread, HTTP/1 only. `pipeline_flush` answers pipelined requests with one write, as its
//! author's entry in public benchmarks does; there is no timer, so no time limit either.

use bytes::Bytes;
use futures_util::TryStreamExt;
use http_body_util::{Either, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jackfield_peers::{EVENT, Events, HELLO, Mode, args_with_tls, hub::Hub, serve, tls};
use std::convert::Infallible;
use std::error::Error;
use std::future::{Ready, ready};
use tokio::io::{AsyncRead, AsyncWrite};

thread_local! {
    static STREAMS: Hub<Bytes> = Hub::default();
}

type Answer<B> = Ready<Result<Response<B>, Infallible>>;

fn http(request: Request<Incoming>) -> Answer<Full<Bytes>> {
    ready(Ok(match request.uri().path() {
        "/plaintext" => {
            let mut response = Response::new(Full::new(Bytes::from_static(HELLO.as_bytes())));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            response
        }
        _ => not_found(Full::default()),
    }))
}

fn not_found<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

type Feed = StreamBody<futures_util::stream::MapOk<Events, fn(Bytes) -> Frame<Bytes>>>;

fn sse(request: Request<Incoming>) -> Answer<Either<Full<Bytes>, Feed>> {
    ready(Ok(match request.uri().path() {
        "/feed" => {
            let events = Events::new(&STREAMS).map_ok(Frame::data as fn(Bytes) -> Frame<Bytes>);
            let mut response = Response::new(Either::Right(StreamBody::new(events)));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            response
        }
        "/publish" => {
            STREAMS.with(|hub| hub.publish(Bytes::from_static(EVENT.as_bytes())));
            Response::new(Either::Left(Full::default()))
        }
        _ => not_found(Either::Left(Full::default())),
    }))
}

fn main() {
    let (mode, addr, more) = args_with_tls(
        &[Mode::Http, Mode::Sse],
        "hyper has no WebSocket; fastwebsockets is the one built on it",
    );
    match (mode, more.tls) {
        (Mode::Sse, None) => serve(addr, |stream| talk(stream, sse)),
        (Mode::Sse, Some(tls)) => tls::serve(addr, tls, |stream| talk(stream, sse)),
        (_, None) => serve(addr, |stream| talk(stream, http)),
        (_, Some(tls)) => tls::serve(addr, tls, |stream| talk(stream, http)),
    }
}

async fn talk<S, B>(stream: S, answer: fn(Request<Incoming>) -> Answer<B>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let mut builder = Builder::new();
    builder.pipeline_flush(true);
    builder.serve_connection(TokioIo::new(stream), service_fn(answer)).await.unwrap_or_default();
}
