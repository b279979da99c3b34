//! What a property tells the runner on its way: what it has checked, and what it has seen.

use std::cell::RefCell;

/// What was checked, besides that nothing panics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ways in which an input was cut and played again.
    pub partitions: u64,
    /// Values that were encoded and decoded again.
    pub round_trips: u64,
}

impl Tally {
    /// What was checked since an earlier time.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            partitions: self.partitions - earlier.partitions,
            round_trips: self.round_trips - earlier.round_trips,
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.partitions += other.partitions;
        self.round_trips += other.round_trips;
    }
}

/// Says that so many values were encoded and decoded again: for the report.
pub fn count_round_trips(count: u64) {
    SHEET.with_borrow_mut(|sheet| sheet.tally.round_trips += count);
}

/// Says what kind of thing has happened, as any number: the runner keeps inputs that show something new, and changes
/// them further. Numbers that tell kinds apart are good ones, such as the error or the state that was reached; numbers
/// that are nearly always new, such as a length, only make it keep everything.
///
/// Two in 65,536 numbers are taken for the same by chance. Outside of a runner it does nothing that shows.
pub fn observe(what: u64) {
    let place = what.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PLACE_BITS);
    let (word, bit) = ((place / 64) as usize, 1 << (place % 64));
    SHEET.with_borrow_mut(|sheet| {
        sheet.has_news |= sheet.seen[word] & bit == 0;
        sheet.seen[word] |= bit;
    });
}

pub(crate) fn count_partition() {
    SHEET.with_borrow_mut(|sheet| sheet.tally.partitions += 1);
}

/// What this thread has counted since it began.
pub(crate) fn tally() -> Tally {
    SHEET.with_borrow(|sheet| sheet.tally)
}

/// Whether something new was observed since the last time that this was asked.
pub(crate) fn take_news() -> bool {
    SHEET.with_borrow_mut(|sheet| std::mem::take(&mut sheet.has_news))
}

/// Forgets what was observed.
pub(crate) fn forget() {
    SHEET.with_borrow_mut(|sheet| {
        sheet.seen.fill(0);
        sheet.has_news = false;
    });
}

/// A hash of some bytes that is the same everywhere and for ever (FNV-1a).
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

const PLACE_BITS: u32 = 16;

struct Sheet {
    tally: Tally,
    seen: Vec<u64>,
    has_news: bool,
}

thread_local! {
    static SHEET: RefCell<Sheet> = RefCell::new(Sheet {
        tally: Tally::default(),
        seen: vec![0; (1 << PLACE_BITS) / 64],
        has_news: false,
    });
}
