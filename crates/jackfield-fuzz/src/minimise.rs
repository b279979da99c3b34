//! Makes an input that fails smaller.

use crate::catch;
use crate::target::Target;

/// So often a smaller input is tried.
const TRIES_MAX: usize = 2000;

/// The smallest input that was found to fail still, and what it fails with; none if it does not fail here.
///
/// The property is not in a hurry: what fails here fails in a test.
pub(crate) fn minimise(target: &Target, input: &[u8]) -> Option<(Vec<u8>, String)> {
    let fails = |input: &[u8]| catch::catch(|| (target.run)(input)).err();
    let mut best = (input.to_vec(), fails(input)?);
    let mut tries = TRIES_MAX;
    let mut size = input.len();
    while size > 0 {
        let mut start = 0;
        while start < best.0.len() && tries > 0 {
            let mut smaller = best.0.clone();
            smaller.drain(start..(start + size).min(smaller.len()));
            tries -= 1;
            match fails(&smaller) {
                Some(message) => best = (smaller, message),
                None => start += size,
            }
        }
        size /= 2;
    }
    Some(best)
}
