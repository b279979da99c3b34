//! What a peer is told when its connection can not be served.

/// What a new HTTP connection is told when there is no room for it. `refused` is how many were refused before it:
/// with that number the time after which it should come back changes.
pub(crate) fn busy(refused: u64) -> &'static [u8] {
    BUSY[retry_after(refused) - 1]
}

/// After how many seconds a refused peer should come back: 1 to 8, each as often as the others, so
/// that they don't come back together. No chance is in it: the same acts give the same bytes.
fn retry_after(refused: u64) -> usize {
    const STEP: u64 = 5;
    1 + (refused.wrapping_mul(STEP).wrapping_add(STEP - 1) % BUSY.len() as u64) as usize
}

macro_rules! busy {
    ($seconds:literal) => {
        concat!(
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: ",
            $seconds,
            "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .as_bytes()
    };
}

const BUSY: [&[u8]; 8] = [busy!(1), busy!(2), busy!(3), busy!(4), busy!(5), busy!(6), busy!(7), busy!(8)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_are_refused_come_back_at_different_times() {
        let mut seconds: Vec<usize> = (0..8).map(retry_after).collect();
        assert_eq!(seconds[0], 5);
        seconds.sort_unstable();
        assert_eq!(seconds, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
