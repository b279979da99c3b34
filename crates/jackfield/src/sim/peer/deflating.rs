//! The additional state of a peer that compresses its messages.

use jackfield_proto::websocket::deflate::{Agreed, Deflater, Offered, Options};
use jackfield_proto::websocket::{Machine, Message};

/// How a peer's last message breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The message has this many bytes when it is decompressed. That must be more than the server's limit.
    Bomb(usize),
    /// The message can't be decompressed.
    Corrupt,
}

/// The compression of a peer.
#[derive(Debug)]
pub(super) struct Deflating {
    options: Options,
    pub(super) offered: Offered,
    /// Set when the server has agreed.
    deflater: Option<Deflater>,
}

impl Deflating {
    pub(super) fn new(options: Options) -> Self {
        Self { offered: Offered::new(&options), options, deflater: None }
    }

    /// The server has answered.
    pub(super) fn agree(&mut self, agreed: Option<Agreed>, machine: &mut Machine) {
        let Some(agreed) = agreed else { return };
        machine.accept_deflate(&agreed);
        let (bits, takeover) = (agreed.client_window_bits(), agreed.client_context_takeover());
        self.deflater = Some(Deflater::new(&self.options, bits, takeover));
    }

    /// The payload of a message, compressed. `None`: it is sent as it is.
    pub(super) fn compress(&mut self, message: Message<'_>) -> Option<Vec<u8>> {
        self.deflater.as_mut()?.compress(message).map(|(_, payload)| payload.to_vec())
    }

    /// The payload of a message that breaks the rules, and the close code that the server must send.
    pub(super) fn break_rules(&self, fault: Fault) -> (Vec<u8>, u16) {
        let (payload, code) = match fault {
            // A block of an invalid kind.
            Fault::Corrupt => (vec![0xff; 4], 1007),
            Fault::Bomb(bytes) => {
                let mut own = Deflater::new(&Options::default(), 9, false);
                let compressed = own.compress(Message::Binary(&vec![0; bytes]));
                (compressed.map(|(_, payload)| payload.to_vec()).unwrap_or_default(), 1009)
            }
        };
        // Without agreement nothing may be compressed.
        (payload, if self.deflater.is_some() { code } else { 1002 })
    }
}
