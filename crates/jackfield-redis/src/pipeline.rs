//! Several commands that are sent at once: how many messages they carry, and their answers.

use redis::{Connection, FromRedisValue, Pipeline, RedisResult, Value};

/// The most messages, and bytes of messages, of a pipeline. Its topics share them equally, and each has at least one message in it.
const MESSAGES: usize = 512;
const BYTES: usize = 4 << 20;

/// What one topic may have in a pipeline.
#[derive(Clone, Copy)]
pub(crate) struct Share {
    messages: usize,
    bytes: usize,
}

impl Share {
    /// The share of each of this number of topics.
    pub(crate) fn of(topics: usize) -> Self {
        let topics = topics.max(1);
        Self { messages: MESSAGES / topics, bytes: BYTES / topics }
    }

    /// How many messages of these sizes are sent, from the first one on: at least that one, however large it is.
    pub(crate) fn count(self, sizes: impl Iterator<Item = usize>) -> usize {
        let mut bytes = 0;
        let has_room = |size: &usize| {
            bytes += size;
            bytes <= self.bytes
        };
        sizes.take(self.messages).take_while(has_room).count().max(1)
    }
}

/// Sends encoded commands, and returns the answer to each; a refusal by Redis is an answer too. Ends at the first error of the
/// connection: the crate `redis` would wait the whole timeout for each answer that is still to come.
pub(crate) fn exchange(
    connection: &mut Connection,
    commands: &[u8],
    count: usize,
) -> RedisResult<Vec<Value>> {
    connection.send_packed_command(commands)?;
    (0..count).map(|_| connection.recv_response()).collect()
}

/// Sends commands none of which Redis may refuse, and returns their answers.
pub(crate) fn query<T: FromRedisValue>(connection: &mut Connection, pipeline: &Pipeline) -> RedisResult<T> {
    let answers = exchange(connection, &pipeline.get_packed_pipeline(), pipeline.len())?;
    redis::from_owned_redis_value(Value::Array(answers).extract_error()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter;

    /// The fault: the first topic with large messages took all the bytes, and those after it waited until it had nothing left.
    #[test]
    fn the_topics_of_a_pipeline_share_its_messages_and_its_bytes() {
        const MIB: usize = 1 << 20;
        for (topics, size, expected) in [
            (1, 0, 512),
            (1, 100, 512),
            (2, 100, 256),
            (512, 100, 1),
            (513, 100, 1),
            (1, MIB, 4),
            (2, MIB, 2),
            (3, MIB, 1),
            (1, MIB + 1, 3),
            (1, 5 * MIB, 1),
            (1000, MIB, 1),
        ] {
            let count = Share::of(topics).count(iter::repeat_n(size, 1000));
            assert_eq!(count, expected, "{topics} topics with messages of {size} bytes");
        }
        assert_eq!(Share::of(2).count([100, 2 * MIB, 100].into_iter()), 1, "in their order");
        assert_eq!(Share::of(2).count([100; 3].into_iter()), 3, "no more than there are");
    }
}
