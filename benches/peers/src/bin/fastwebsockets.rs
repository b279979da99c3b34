//! fastwebsockets on tokio's single thread. The handshake is its `upgrade` on hyper; after it the bare socket is taken
//! back out of hyper, which saves a virtual call for each read and write, and gets a buffer that sends the answers to
//! one read as one write.

use bytes::Bytes;
use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{FragmentCollector, FragmentCollectorRead, Frame, OpCode, Payload, Role, WebSocket};
use fastwebsockets::{WebSocketError, WebSocketRead, WebSocketWrite};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::io::{Cursor, Error};
use jackfield_peers::coalesce::Coalesce;
use jackfield_peers::hub::{Hub, Seat};
use jackfield_peers::{MAX_MESSAGE, Mode, args, serve};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, Chain};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

thread_local! {
    static SOCKETS: Hub<(OpCode, Bytes)> = Hub::default();
}

type Ended = Result<(), WebSocketError>;

async fn ws(stream: TcpStream, early: Bytes) -> Ended {
    let mut socket = WebSocket::after_handshake(Coalesce::new(stream, early), Role::Server);
    // It refuses what is as long as the limit.
    socket.set_max_message_size(MAX_MESSAGE + 1);
    let mut socket = FragmentCollector::new(socket);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            OpCode::Close => return Ok(socket.into_inner().flush().await?),
            _ => {}
        }
    }
}

async fn everyone(stream: TcpStream, early: Bytes) -> Ended {
    let mut socket = WebSocket::after_handshake(stream, Role::Server);
    socket.set_max_message_size(MAX_MESSAGE + 1);
    let (read, write) = socket.split(|stream| {
        let (read, write) = stream.into_split();
        (Cursor::new(early.clone()).chain(read), Coalesce::new(write, Bytes::new()))
    });
    let sender = tokio::spawn(tokio::task::unconstrained(deliver(write)));
    let ended = publish(read).await;
    sender.abort();
    ended
}

type ReadHalf = WebSocketRead<Chain<Cursor<Bytes>, OwnedReadHalf>>;

async fn publish(read: ReadHalf) -> Ended {
    let mut read = FragmentCollectorRead::new(read);
    // Answers to ping and close are left out: the loads of the fan-out send neither.
    let mut answer = |_| async { Ok::<_, Error>(()) };
    loop {
        let frame = read.read_frame(&mut answer).await?;
        let message = match frame.opcode {
            OpCode::Text | OpCode::Binary => match frame.payload {
                Payload::Bytes(bytes) => (frame.opcode, bytes.freeze()),
                other => (frame.opcode, Bytes::copy_from_slice(&other)),
            },
            OpCode::Close => return Ok(()),
            _ => continue,
        };
        SOCKETS.with(|hub| hub.publish(message));
    }
}

async fn deliver<W: AsyncWrite + Unpin>(mut write: WebSocketWrite<W>) -> Ended {
    let (seat, mut batch) = (Seat::take(&SOCKETS), Vec::new());
    while poll_fn(|cx| seat.poll_take(cx, &mut batch)).await {
        for (opcode, message) in batch.drain(..) {
            write.write_frame(Frame::new(true, opcode, None, Payload::Borrowed(&message))).await?;
        }
        write.flush().await?;
    }
    Ok(())
}

/// Gives the socket to the handler once hyper has sent the answer to the handshake.
async fn switched<F: Future<Output = Ended>>(
    upgraded: UpgradeFut,
    handler: impl Fn(TcpStream, Bytes) -> F,
) -> Ended {
    let upgraded = upgraded.await?.into_inner().into_inner();
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().map_err(|_| WebSocketError::ConnectionClosed)?;
    handler(parts.io.into_inner(), parts.read_buf).await
}

async fn accept<F: Future<Output = Ended> + Send + 'static>(
    stream: TcpStream,
    handler: impl Fn(TcpStream, Bytes) -> F + Copy + Send + Sync + 'static,
) {
    let service = service_fn(move |mut request: Request<Incoming>| async move {
        let (response, upgraded) = upgrade(&mut request)?;
        // How a connection ends is no concern of a benchmark.
        tokio::spawn(tokio::task::unconstrained(async move { drop(switched(upgraded, handler).await) }));
        Ok::<Response<Empty<Bytes>>, WebSocketError>(response)
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let _ = connection.with_upgrades().await;
}

fn main() {
    match args(&[Mode::Ws, Mode::Fanout], "it does WebSocket only") {
        (Mode::Fanout, addr) => serve(addr, |stream| accept(stream, everyone)),
        (_, addr) => serve(addr, |stream| accept(stream, ws)),
    }
}
