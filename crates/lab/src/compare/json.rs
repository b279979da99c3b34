//! `compare.json`: every figure of every turn.

use super::board::{Board, Entry, Verdict};
use super::counts::Counts;
use super::origin::Origin;
use super::rows::Row;
use super::turn::Turn;
use serde_json::{Map, Value, json};

/// All that was measured. A turn that failed is null.
pub(crate) fn result(boards: &[Board], origin: &Origin) -> Value {
    json!({
        "schema": 1,
        "origin": origin.json(),
        "rows": boards.iter().map(|board| json!({
            "id": board.row.id,
            "title": board.row.title,
            "cost": if board.row.is_idle() { "bytes for each connection" } else { "nanoseconds of the server's processor time" },
            "unit": board.row.unit(),
            "verdict": board.verdict().map(Verdict::word),
            "paces": paces(board),
            "servers": board.entries.iter().map(|entry| self::entry(entry, board.row)).collect::<Vec<Value>>(),
        })).collect::<Vec<Value>>(),
    })
}

fn paces(board: &Board) -> Vec<Value> {
    let names = || board.entries.iter().map(|entry| entry.contender.name);
    board.paces.iter().map(|pace| pace.json(names())).collect()
}

fn entry(entry: &Entry, row: &Row) -> Value {
    let calls = entry.counts.as_ref().and_then(|counts| counts.calls.as_ref().ok());
    let round = |value: f64| (value * 100.0).round() / 100.0;
    let by_name = calls.map(|calls| {
        let each = calls.by_name.iter().map(|(name, each)| (name.clone(), round(*each).into()));
        each.collect::<Map<String, Value>>()
    });
    json!({
        "name": entry.contender.name,
        "gap": entry.gap,
        "remark": entry.remark,
        "api": entry.contender.api(row),
        "instructions": entry.instructions().map(round),
        "system_calls": calls.map(|calls| round(calls.all)),
        "system_calls_failed": calls.map(|calls| round(calls.failed)),
        "system_calls_by_name": by_name,
        "gaps": entry.counts.iter().flat_map(Counts::gaps).collect::<Vec<String>>(),
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
