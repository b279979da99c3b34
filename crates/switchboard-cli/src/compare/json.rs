//! `compare.json`: every figure of every turn.

use super::board::{Board, Entry, Turn};
use super::origin::Origin;
use serde_json::{Map, Value, json};

/// All that was measured. A turn that failed is null.
pub(crate) fn result(boards: &[Board], origin: &Origin) -> Value {
    let facts: Map<String, Value> =
        origin.facts.iter().map(|(name, text)| (name.to_lowercase(), text.as_str().into())).collect();
    json!({
        "schema": 1,
        "origin": facts,
        "rows": boards.iter().map(|board| json!({
            "id": board.row.id,
            "title": board.row.title,
            "cost": if board.row.is_idle() { "bytes for each connection" } else { "nanoseconds of the server's processor time" },
            "unit": board.row.unit(),
            "servers": board.entries.iter().map(entry).collect::<Vec<Value>>(),
        })).collect::<Vec<Value>>(),
    })
}

fn entry(entry: &Entry) -> Value {
    json!({
        "name": entry.contender.name,
        "gap": entry.gap,
        "remark": entry.remark,
        "turns": entry.turns.iter().map(|turn| turn.as_ref().map(self::turn)).collect::<Vec<Option<Value>>>(),
    })
}

fn turn(turn: &Turn) -> Value {
    let percent = |share: f64| (share * 1000.0).round() / 10.0;
    json!({
        "per_second": turn.rate.round(),
        "cost": turn.cost.map(|cost| (cost * 10.0).round() / 10.0),
        "server_cpu_percent": percent(turn.server_load),
        "client_cpu_percent": percent(turn.client_load),
        "others_cpu_percent": percent(turn.others_load),
        "is_client_full": turn.is_client_full,
        "errors": turn.errors,
        "error": turn.error,
    })
}
