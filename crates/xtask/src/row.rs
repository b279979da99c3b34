//! The ID of a feature: the letter of its group and a number, `W13`.

use std::fmt;

/// The order is the group's, then the number's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) group: char,
    pub(crate) number: u16,
}

impl Row {
    /// Reads an ID that fills the whole text, with a capital letter: `W13`.
    pub(crate) fn parse(text: &str) -> Option<Row> {
        let group = text.chars().next().filter(char::is_ascii_uppercase)?;
        let digits = &text[1..];
        let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| plain)?;
        Some(Row { group, number })
    }

    /// Reads the ID that begins the name of a test: `w13_auto_pong_is_on`, or `w13` alone.
    pub(crate) fn of_test(path: &str) -> Option<Row> {
        let name = path.rsplit("::").next()?;
        let id = name.split('_').next()?;
        Row::parse(&id.to_ascii_uppercase()).filter(|_| !id.starts_with(|c: char| c.is_ascii_uppercase()))
    }

    /// Reads the ID in the first cell of a line of a table.
    pub(crate) fn of_line(line: &str) -> Option<Row> {
        Row::parse(line.strip_prefix('|')?.split('|').next()?.trim())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.group, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_test_names_its_row() {
        let cases = [
            ("w13_auto_pong_is_on", Some("W13")),
            ("heartbeat::plain::w13_auto_pong_is_on", Some("W13")),
            ("c10", Some("C10")),
            ("w13", Some("W13")),
            ("w_13", None),
            ("w13a_x", None),
            ("w013_x", None),
            ("W13_x", None),
            ("e2e_echo", None),
            ("ws1_x", None),
            ("w99999999_x", None),
            ("é1_x", None),
            ("", None),
        ];
        for (name, row) in cases {
            assert_eq!(Row::of_test(name).map(|row| row.to_string()).as_deref(), row, "{name}");
        }
    }

    #[test]
    fn a_line_of_a_table_begins_with_its_row() {
        let cases = [
            ("| W1 | Upgrade | W2 in a cell |", Some("W1")),
            ("|W13| Pong |", Some("W13")),
            ("| ID | Feature |", None),
            ("| --- | --- |", None),
            ("W1 | no table", None),
        ];
        for (line, row) in cases {
            assert_eq!(Row::of_line(line).map(|row| row.to_string()).as_deref(), row, "{line}");
        }
    }
}
