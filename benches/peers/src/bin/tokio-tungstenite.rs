//! tokio-tungstenite on tokio's single thread, with a read buffer of 4 KiB or as told: the default of 128 KiB is filled
//! with zeroes before each read, which is 279,000 instructions for an echo of 20 bytes. Messages are
//! fed and flushed once for each read, as `forward` does in its own echo server, without the lock
//! of a split.

use jackfield_peers::{MAX_MESSAGE, Mode, args_with_buffer, echo, fanout, hub::Hub, serve};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

thread_local! {
    static SOCKETS: Hub<Message> = Hub::default();
}

async fn accept(stream: TcpStream, buffer: usize) -> Option<WebSocketStream<TcpStream>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(buffer)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    accept_async_with_config(stream, Some(config)).await.ok()
}

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}

fn main() {
    let (mode, addr, buffer) = args_with_buffer(&[Mode::Ws, Mode::Fanout], "it does WebSocket only");
    match mode {
        Mode::Fanout => serve(addr, move |stream| async move {
            if let Some(socket) = accept(stream, buffer).await {
                fanout(socket, &SOCKETS, is_data).await;
            }
        }),
        _ => serve(addr, move |stream| async move {
            if let Some(socket) = accept(stream, buffer).await {
                echo(socket, is_data).await;
            }
        }),
    }
}
