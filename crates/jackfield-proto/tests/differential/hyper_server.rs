//! A peer: hyper's server. It shares httparse with the reader under test, and has framing of its own.
//!
//! Its connection is a future over an in-memory stream that ends in waiting, not in an end, and it is polled once by
//! hand: nothing it waits for but bytes can come, so where it is pending it wants more.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, Version};

use crate::reading::{End, Line, Reading, Seen};

/// What hyper sees, and the name of its error.
pub(crate) fn read(bytes: &[u8]) -> Reading<String> {
    let notes = Rc::new(RefCell::new(Notes::default()));
    let stream = Stream { unread: bytes.to_vec(), at: 0 };
    let service = service_fn(|request| serve(request, notes.clone()));
    let polled = {
        let mut connection =
            pin!(http1::Builder::new().preserve_header_case(true).serve_connection(stream, service));
        let mut context = Context::from_waker(Waker::noop());
        // Each poll goes on as far as it can; a few more for what it would be woken for.
        let mut polled = connection.as_mut().poll(&mut context);
        for _ in 0..4 {
            if polled.is_pending() {
                polled = connection.as_mut().poll(&mut context);
            }
        }
        polled
    };
    let mut notes = notes.borrow_mut();
    let mut requests = std::mem::take(&mut notes.whole);
    let end = end(&polled, &notes, requests.last());
    if let (End::Closed, Some(last)) = (&end, requests.last_mut()) {
        last.persists = false;
    }
    Reading { requests, end }
}

fn end(polled: &Poll<hyper::Result<()>>, notes: &Notes, last: Option<&Seen>) -> End<String> {
    match polled {
        _ if notes.body_error.is_some() => End::Refused(notes.body_error.clone().unwrap_or_default()),
        Poll::Ready(Err(error)) => End::Refused(error.to_string()),
        Poll::Pending if notes.is_in_body => End::Body,
        Poll::Pending => End::Idle,
        Poll::Ready(Ok(())) if last.is_some_and(|last| last.method == "CONNECT") => End::Tunnel,
        Poll::Ready(Ok(())) => End::Closed,
    }
}

#[derive(Default)]
struct Notes {
    whole: Vec<Seen>,
    is_in_body: bool,
    body_error: Option<String>,
}

async fn serve(
    request: Request<Incoming>,
    notes: Rc<RefCell<Notes>>,
) -> Result<Response<NoBody>, Infallible> {
    let (head, mut body) = request.into_parts();
    let mut seen = Seen {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        minor: u8::from(head.version == Version::HTTP_11),
        fields: lines(&head.headers),
        persists: true,
        ..Seen::default()
    };
    notes.borrow_mut().is_in_body = true;
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => seen.body.extend_from_slice(&data),
            Ok(Err(frame)) => seen.trailers = frame.trailers_ref().map(lines).unwrap_or_default(),
            Err(error) => {
                notes.borrow_mut().body_error = Some(error.to_string());
                return Ok(Response::new(NoBody));
            }
        }
    }
    let mut notes = notes.borrow_mut();
    notes.is_in_body = false;
    notes.whole.push(seen);
    Ok(Response::new(NoBody))
}

fn lines(map: &HeaderMap) -> Vec<Line> {
    map.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}

/// The body of an answer.
struct NoBody;

impl Body for NoBody {
    type Data = &'static [u8];
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}

/// Bytes that have come on a connection that stays open.
struct Stream {
    unread: Vec<u8>,
    at: usize,
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut room: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        let count = room.remaining().min(self.unread.len() - self.at);
        if count == 0 {
            return Poll::Pending;
        }
        let at = self.at;
        room.put_slice(&self.unread[at..at + count]);
        self.at += count;
        Poll::Ready(Ok(()))
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
