//! The character classes of RFC 9110 and RFC 3986, each as one table of bits.

const TOKEN: u8 = 1;
const TARGET: u8 = 2;
const VALUE: u8 = 4;
const HOST: u8 = 8;

/// Which classes each byte belongs to.
const CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = classes(byte as u8);
        byte += 1;
    }
    table
};

const fn classes(byte: u8) -> u8 {
    let mut bits = 0;
    if byte.is_ascii_alphanumeric() || among(byte, b"!#$%&'*+-.^_`|~") {
        bits |= TOKEN;
    }
    if byte.is_ascii_graphic() && byte != b'#' {
        bits |= TARGET;
    }
    if byte == b'\t' || (byte >= b' ' && byte != 0x7f) {
        bits |= VALUE;
    }
    if byte.is_ascii_alphanumeric() || among(byte, b"-._~!$&'()*+,;=") {
        bits |= HOST;
    }
    bits
}

const fn among(byte: u8, set: &[u8]) -> bool {
    let mut place = 0;
    while place < set.len() {
        if set[place] == byte {
            return true;
        }
        place += 1;
    }
    false
}

/// `tchar` (RFC 9110 section 5.6.2).
#[inline]
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & TOKEN != 0
}

/// Visible ASCII without `#`: a target never carries a fragment (RFC 9112 section 3.2).
#[inline]
pub(crate) const fn is_target_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & TARGET != 0
}

/// `field-vchar`, space and tab (RFC 9110 section 5.5).
#[inline]
pub(crate) const fn is_field_value_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & VALUE != 0
}

/// What `reg-name` is made of (RFC 3986 section 3.2.2), except for percent escapes.
#[inline]
pub(crate) const fn is_host_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & HOST != 0
}

/// Whether all of `name` are token characters, and there is at least one.
pub(crate) fn is_token_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| is_token_byte(*byte))
}

/// Whether nothing in `value` could end its line.
#[inline]
pub(crate) fn is_field_text(value: &[u8]) -> bool {
    value.iter().all(|byte| is_field_value_byte(*byte))
}
