//! Several commands that are sent at once, and their answers.

use redis::{Connection, FromRedisValue, Pipeline, RedisResult, Value};

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
