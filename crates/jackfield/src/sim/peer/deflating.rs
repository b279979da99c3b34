//! The additional state of a peer that compresses its messages.

use super::strict::Strict;
use jackfield_proto::websocket::deflate::{
    Agreed, Deflater, Offered, Options, WINDOW_BITS_MAX, WINDOW_BITS_MIN,
};
use jackfield_proto::websocket::{Machine, Message, Offer};

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
        break_rules(fault, self.deflater.is_some())
    }
}

/// The compression of a peer that the server connects to.
#[derive(Debug)]
pub(super) struct Agreeing {
    options: Options,
    /// The largest window for what the server sends, as a power of two, 8 to 15. The answer names it, unless it is 15.
    window_bits_of_server: u8,
    /// Set when something was agreed on.
    deflater: Option<Deflater>,
    /// For what the server sends. Our compressors can't keep to a window of 8 bits, so that nothing may be sent compressed then.
    strict: Option<Strict>,
}

impl Agreeing {
    pub(super) fn new(options: Options, window_bits_of_server: u8) -> Self {
        Self { options, window_bits_of_server, deflater: None, strict: None }
    }

    /// The answer to an offer. `None`: there is none that can be accepted.
    pub(super) fn agree(&mut self, offer: &Offer<'_>, machine: &mut Machine) -> Option<String> {
        let agreed = Agreed::negotiate(offer.extensions(), &self.options)?;
        let offered = offered_window_bits(offer)?;
        machine.accept_deflate(&agreed);
        let (bits, takeover) = (agreed.server_window_bits(), agreed.server_context_takeover());
        self.deflater = Some(Deflater::new(&self.options, bits, takeover));
        let bits = self.window_bits_of_server.min(offered);
        let takeover = agreed.client_context_takeover();
        self.strict = (bits >= WINDOW_BITS_MIN).then(|| Strict::new(bits, takeover));
        Some(match bits {
            WINDOW_BITS_MAX => agreed.to_string(),
            bits => format!("{agreed}; client_max_window_bits={bits}"),
        })
    }

    /// The payload of a message, compressed. `None`: it is sent as it is.
    pub(super) fn compress(&mut self, message: Message<'_>) -> Option<Vec<u8>> {
        self.deflater.as_mut()?.compress(message).map(|(_, payload)| payload.to_vec())
    }

    /// Whether the server may compress.
    pub(super) fn is_sent_compressed(&self) -> bool {
        self.strict.is_some()
    }

    /// Whether the payload of a compressed message is as was agreed.
    pub(super) fn takes(&mut self, payload: &[u8]) -> bool {
        self.strict.as_mut().is_some_and(|strict| strict.takes(payload))
    }

    /// The payload of a message that breaks the rules, and the close code that the server must send.
    pub(super) fn break_rules(&self, fault: Fault) -> (Vec<u8>, u16) {
        break_rules(fault, self.deflater.is_some())
    }
}

/// The window that the server offers to keep to. It offers one always, in one of its two forms.
fn offered_window_bits(offer: &Offer<'_>) -> Option<u8> {
    let mut params = offer.extensions().flat_map(|extension| extension.params());
    let (_, bits) = params.find(|(name, _)| *name == "client_max_window_bits")?;
    bits.map_or(Some(WINDOW_BITS_MAX), |bits| bits.parse().ok())
}

fn break_rules(fault: Fault, is_agreed: bool) -> (Vec<u8>, u16) {
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
    (payload, if is_agreed { code } else { 1002 })
}
