//! tokio-websockets on tokio's single thread, with messages never split into frames, as in its author's benchmark. It
//! flushes whenever it is read from, so what has arrived is taken whole before the first answer is fed.

use jackfield_peers::{MAX_MESSAGE, Mode, args, echo, fanout, hub::Hub, serve};
use tokio::net::TcpStream;
use tokio_websockets::{Config, Limits, Message, ServerBuilder, WebSocketStream};

thread_local! {
    static SOCKETS: Hub<Message> = Hub::default();
}

async fn accept(stream: TcpStream) -> Option<WebSocketStream<TcpStream>> {
    let builder = ServerBuilder::new()
        .config(Config::default().frame_size(usize::MAX).flush_threshold(64 << 10))
        .limits(Limits::default().max_payload_len(Some(MAX_MESSAGE)));
    builder.accept(stream).await.ok().map(|(_, socket)| socket)
}

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}

fn main() {
    match args(&[Mode::Ws, Mode::Fanout], "it does WebSocket only") {
        (Mode::Fanout, addr) => serve(addr, |stream| async {
            if let Some(socket) = accept(stream).await {
                fanout(socket, &SOCKETS, is_data).await;
            }
        }),
        (_, addr) => serve(addr, |stream| async {
            if let Some(socket) = accept(stream).await {
                echo(socket, is_data).await;
            }
        }),
    }
}
