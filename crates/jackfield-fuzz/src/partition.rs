//! The property that all stream parsers share: it does not matter how the bytes were cut.

use crate::catch;
use crate::tally::{count_partition, hash};
use jackfield::sim::Random;
use std::fmt::Debug;

/// For longer inputs only this number of two-part cuts is tried, evenly spread.
const CUTS_MAX: usize = 512;
/// The share of inputs, in a thousand, that are also played byte by byte while the runner is in a hurry.
const SINGLES_PER_MILLE: u16 = 125;

/// Plays the bytes whole and cut in many ways, and gives what came of them whole.
///
/// By itself, as in a test, it cuts everywhere: at each place into two, into single bytes and into pieces of some
/// lengths. Under a [`Runner`](crate::Runner), for which more inputs are worth more than more cuts, it tries two or three
/// ways that depend on the bytes; those are among the others too, so that what fails there fails in a test.
///
/// # Panics
/// If any way to cut gives something else.
pub fn same_however_cut<T: PartialEq + Debug>(bytes: &[u8], mut play: impl FnMut(&[&[u8]]) -> T) -> T {
    let whole = play(&[bytes]);
    let mut check = |parts: &[&[u8]]| {
        let cut = play(parts);
        count_partition();
        if cut != whole {
            let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
            panic!("in parts of {lengths:?} bytes it is\n{cut:#?}\nand whole it is\n{whole:#?}");
        }
    };
    let mut random = Random::new(hash(bytes));
    let (first, second) = bytes.split_at(random.below(bytes.len() + 1));
    check(&[first, second]);
    check(&pieces(bytes, &mut random));
    let has_time = !catch::is_in_a_hurry();
    if has_time || random.chance(SINGLES_PER_MILLE) {
        check(&bytes.chunks(1).collect::<Vec<_>>());
    }
    if has_time {
        for at in (0..bytes.len()).step_by(bytes.len() / CUTS_MAX + 1) {
            let (first, second) = bytes.split_at(at);
            check(&[first, second]);
        }
        for length in [2, 3, 7, 64] {
            check(&bytes.chunks(length).collect::<Vec<_>>());
        }
    }
    whole
}

/// Pieces of any lengths, short ones as often as long ones.
fn pieces<'b>(bytes: &'b [u8], random: &mut Random) -> Vec<&'b [u8]> {
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(random.size(rest.len()).max(1));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_cut() {
        let mut cuts = vec![0; 11];
        same_however_cut(b"0123456789", |parts| {
            assert_eq!(parts.concat(), b"0123456789");
            if let [first, _] = parts {
                cuts[first.len()] += 1;
            }
        });
        assert!(cuts[..10].iter().all(|count| *count > 0), "{cuts:?}");
        same_however_cut(b"", |parts| parts.concat());
    }

    #[test]
    #[should_panic(expected = "in parts of [")]
    fn a_difference_is_reported() {
        same_however_cut(b"some bytes", |parts| parts.len());
    }
}
