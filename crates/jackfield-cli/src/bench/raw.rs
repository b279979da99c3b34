//! `raw`: bytes over bare TCP, and their echo.

use super::speaker::{Fault, Heard, Opened, Part, Speaker};

/// Keeps blocks of bytes in flight, and counts those that have come back.
#[derive(Debug)]
pub(crate) struct Raw {
    block: Vec<u8>,
}

impl Raw {
    /// Blocks of this many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { block: vec![b'x'; bytes.max(1)] }
    }
}

impl Speaker for Raw {
    /// Bytes of the current block that have come.
    type State = usize;

    fn connect(&mut self, _index: usize) -> (usize, Part) {
        (0, Part::Talks)
    }

    fn open(&mut self, _here: &mut usize, _out: &mut Vec<u8>) -> Opened {
        Opened::Ready
    }

    fn send(&mut self, _here: &mut usize, _due: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.block);
    }

    fn receive(&mut self, here: &mut usize, rx: &mut [u8], heard: &mut Heard<'_>) -> Result<usize, Fault> {
        *here += rx.len();
        while *here >= self.block.len() {
            *here -= self.block.len();
            heard.reply()?;
        }
        Ok(rx.len())
    }
}
