//! Type-length-value vectors (section 2.2).

/// One type-length-value vector: what a proxy says besides the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'b> {
    /// The type, such as [`Tlv::AUTHORITY`].
    pub kind: u8,
    /// The value.
    pub value: &'b [u8],
}

impl Tlv<'_> {
    /// The protocol that ALPN has chosen.
    pub const ALPN: u8 = 0x01;
    /// The name of the host that the peer asked for, in UTF-8.
    pub const AUTHORITY: u8 = 0x02;
    /// The checksum of the header. It has been verified.
    pub const CRC32C: u8 = 0x03;
    /// Padding.
    pub const NOOP: u8 = 0x04;
    /// The proxy's name for the connection, at most 128 bytes.
    pub const UNIQUE_ID: u8 = 0x05;
    /// What is known of TLS between the peer and the proxy.
    pub const SSL: u8 = 0x20;
    /// The name of the network's namespace.
    pub const NETNS: u8 = 0x30;
}

/// Iterates over vectors that were checked before.
#[derive(Clone, Copy, Debug)]
pub struct Tlvs<'b> {
    rest: &'b [u8],
}

impl<'b> Tlvs<'b> {
    pub(super) const NONE: Self = Self { rest: &[] };

    /// The vectors in these bytes, if they fill them.
    pub(super) fn parse(bytes: &'b [u8]) -> Option<Self> {
        let mut tlvs = Self { rest: bytes };
        while tlvs.next().is_some() {}
        tlvs.rest.is_empty().then_some(Self { rest: bytes })
    }

    /// Bytes of the vectors that are still to come.
    pub(super) const fn bytes_left(&self) -> usize {
        self.rest.len()
    }

    /// The value of the first vector of this type.
    #[must_use]
    pub fn value(mut self, kind: u8) -> Option<&'b [u8]> {
        self.find(|tlv| tlv.kind == kind).map(|tlv| tlv.value)
    }
}

impl<'b> Iterator for Tlvs<'b> {
    type Item = Tlv<'b>;

    fn next(&mut self) -> Option<Self::Item> {
        let [kind, high, low, rest @ ..] = self.rest else { return None };
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
        self.rest = rest;
        Some(Tlv { kind: *kind, value })
    }
}
