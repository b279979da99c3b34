//! x
pub(crate) fn page(_r: &serde_json::Value, _o: Option<&serde_json::Value>) -> String {
    String::new()
}
