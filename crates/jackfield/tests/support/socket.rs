//! A WebSocket peer: masked frames out, frames in.

/// The example of RFC 6455 section 1.3.
pub const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The answer to it.
pub const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

pub const FIN: u8 = 0x80;
pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;
/// The payload of the heartbeat's ping.
pub const BEAT: &[u8] = b"beat";

/// The upgrade with further header lines, each with its line end.
pub fn upgrade_with(lines: &str) -> String {
    UPGRADE.replacen("\r\n\r\n", &format!("\r\n{lines}\r\n"), 1)
}

/// A client's frame, masked with a fixed key.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

pub fn text(payload: &str) -> Vec<u8> {
    masked(FIN | TEXT, payload.as_bytes())
}

pub fn binary(payload: &[u8]) -> Vec<u8> {
    masked(FIN | BINARY, payload)
}

pub fn ping(payload: &[u8]) -> Vec<u8> {
    masked(FIN | PING, payload)
}

pub fn close(code: u16, reason: &str) -> Vec<u8> {
    masked(FIN | CLOSE, &[&code.to_be_bytes()[..], reason.as_bytes()].concat())
}

/// A server's frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub first: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn new(first: u8, payload: impl AsRef<[u8]>) -> Self {
        Self { first, payload: payload.as_ref().to_vec() }
    }

    pub fn text(payload: &str) -> Self {
        Self::new(FIN | TEXT, payload)
    }

    pub fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    /// The code of a Close.
    pub fn code(&self) -> Option<u16> {
        let bytes = self.payload.get(..2).filter(|_| self.opcode() == CLOSE)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }
}

/// The bytes that a server's frame has before a payload of this length.
pub fn header_bytes(payload: usize) -> usize {
    match payload {
        0..126 => 2,
        126..0x1_0000 => 4,
        _ => 10,
    }
}

/// Cuts a server's bytes into frames. All of them must be whole.
pub fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let [first, length, rest @ ..] = bytes {
        assert_eq!(length & 0x80, 0, "a server masks nothing");
        let (length, rest) = match length {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()) as usize, &rest[8..]),
            length => (usize::from(*length), rest),
        };
        frames.push(Frame::new(*first, &rest[..length]));
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty(), "half a frame: {bytes:?}");
    frames
}

/// The payloads of the data frames among them, as text.
pub fn texts(bytes: &[u8]) -> Vec<String> {
    let data = frames(bytes).into_iter().filter(|frame| frame.opcode() <= BINARY);
    data.map(|frame| super::text(&frame.payload)).collect()
}
