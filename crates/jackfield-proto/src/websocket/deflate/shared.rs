//! One deflater for all connections.

use super::Deflater;
use super::options::{Options, WINDOW_BITS_MAX, WINDOW_BITS_MIN, clamp_window_bits};

/// The deflaters of a thread, for connections without context takeover: one for each window size in use, which is nearly
/// always one.
#[derive(Debug)]
pub struct SharedDeflaters {
    options: Options,
    /// Made when they are first needed; the first is the one for the smallest window.
    deflaters: [Option<Box<Deflater>>; WINDOW_SIZES],
}

impl SharedDeflaters {
    /// None yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, deflaters: [const { None }; WINDOW_SIZES] }
    }

    /// The deflater for windows of this size, as a power of two, 9 to 15.
    pub fn for_window(&mut self, bits: u8) -> &mut Deflater {
        let bits = clamp_window_bits(bits);
        let options = &self.options;
        self.deflaters[usize::from(bits - WINDOW_BITS_MIN)]
            .get_or_insert_with(|| Box::new(Deflater::new(options, bits, false)))
    }

    /// Frees the buffers whose capacity is more than this number of bytes.
    pub fn trim(&mut self, bytes_max: usize) {
        self.deflaters.iter_mut().flatten().for_each(|deflater| deflater.trim(bytes_max));
    }

    /// Bytes on the heap that they hold, about.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.deflaters.iter().flatten().map(|deflater| deflater.heap_bytes()).sum()
    }
}

const WINDOW_SIZES: usize = (WINDOW_BITS_MAX - WINDOW_BITS_MIN + 1) as usize;
