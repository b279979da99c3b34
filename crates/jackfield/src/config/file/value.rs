//! Values in a file of options, in any format, and their conversion.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A value in a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Flag(bool),
    Number(u64),
    Text(String),
    List(Vec<Value>),
    /// Keys and values, in their order.
    Table(Vec<(String, Value)>),
    /// A value that no option has: a fraction, a number below zero, nothing.
    Other,
}

/// A type that can be read from a value.
pub(crate) trait FromValue: Sized {
    /// The description of the type, for errors.
    const WHAT: &'static str;

    fn from_value(value: &Value) -> Option<Self>;
}

/// A field that can be set to a value.
pub(crate) trait Settable {
    /// # Errors
    /// The description of the type.
    fn set(&mut self, value: &Value) -> Result<(), &'static str>;
}

impl<T: FromValue> Settable for T {
    fn set(&mut self, value: &Value) -> Result<(), &'static str> {
        *self = T::from_value(value).ok_or(T::WHAT)?;
        Ok(())
    }
}

impl Value {
    /// A number, or a text with a number and a unit. `units`: their names and factors.
    fn number(&self, units: &[(&str, u64)]) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => {
                let digits = text.find(|c: char| !c.is_ascii_digit())?;
                let (number, unit) = text.split_at(digits);
                let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
                number.parse::<u64>().ok()?.checked_mul(*factor)
            }
            _ => None,
        }
    }
}

const SIZES: &[(&str, u64)] = &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// In milliseconds.
const TIMES: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000)];

macro_rules! from_number {
    ($($number:ty),+) => {$(
        impl FromValue for $number {
            const WHAT: &'static str = "a whole number in its range, or a text such as `64 KiB`";

            fn from_value(value: &Value) -> Option<Self> {
                value.number(SIZES)?.try_into().ok()
            }
        }
    )+};
}

from_number!(u8, u32, u64, usize);

impl FromValue for Duration {
    const WHAT: &'static str = "a time such as `500 ms`, `10 s`, `5 min` or `1 h`, or 0";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            // The unit of any other bare number is unknown.
            Value::Number(number) => (*number == 0).then_some(Self::ZERO),
            text => text.number(TIMES).map(Self::from_millis),
        }
    }
}

impl FromValue for bool {
    const WHAT: &'static str = "true or false";

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Flag(flag) = value { Some(*flag) } else { None }
    }
}

impl FromValue for String {
    const WHAT: &'static str = "a text";

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
}

impl FromValue for PathBuf {
    const WHAT: &'static str = "the path of a file";

    fn from_value(value: &Value) -> Option<Self> {
        String::from_value(value).map(Into::into)
    }
}

impl FromValue for Vec<String> {
    const WHAT: &'static str = "a list of texts";

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::List(all) = value { all.iter().map(String::from_value).collect() } else { None }
    }
}

impl FromValue for (String, String) {
    const WHAT: &'static str = "a list of two texts";

    fn from_value(value: &Value) -> Option<Self> {
        let [first, second] = Vec::from_value(value)?.try_into().ok()?;
        Some((first, second))
    }
}

impl FromValue for Vec<(PathBuf, PathBuf)> {
    const WHAT: &'static str = "a list of pairs of files, a certificate chain and its key each";

    fn from_value(value: &Value) -> Option<Self> {
        let Value::List(all) = value else { return None };
        let pair =
            |value| <(String, String)>::from_value(value).map(|(chain, key)| (chain.into(), key.into()));
        all.iter().map(pair).collect()
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("options")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(number.try_into().map_or(Value::Other, Value::Number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(value) = list.next_element()? {
            all.push(value);
        }
        Ok(Value::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = map.next_entry()? {
            all.push(entry);
        }
        Ok(Value::Table(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: FromValue + PartialEq + fmt::Debug>(value: &Value, expected: Option<T>) {
        assert_eq!(T::from_value(value), expected, "{value:?}");
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn numbers_have_their_range_and_sizes_their_units() {
        check(&Value::Number(255), Some(255_u8));
        check::<u8>(&Value::Number(256), None);
        for (said, bytes) in [("64 KiB", 64_u64 << 10), ("1MiB", 1 << 20), ("2 GiB", 2 << 30)] {
            check(&text(said), Some(bytes));
        }
        for wrong in ["64", "", "KiB", "64 kB", "-1 KiB", "64 KiB or so", "18446744073709551615 KiB", "1 s"] {
            check::<u64>(&text(wrong), None);
        }
        for wrong in [Value::Other, Value::Flag(true), Value::List(vec![Value::Number(1)])] {
            check::<u32>(&wrong, None);
        }
    }

    #[test]
    fn times_have_a_unit() {
        for (said, ms) in
            [("0 s", 0), ("500 ms", 500), ("10 s", 10_000), ("5min", 300_000), ("1 h", 3_600_000)]
        {
            check(&text(said), Some(Duration::from_millis(ms)));
        }
        check(&Value::Number(0), Some(Duration::ZERO));
        check::<Duration>(&Value::Number(10), None);
        for wrong in ["10", "s", "10 sec", "1.5 s", "10 KiB", "18446744073709551615 h"] {
            check::<Duration>(&text(wrong), None);
        }
    }

    #[test]
    fn lists_have_one_kind_of_value() {
        let list = |all: &[&str]| Value::List(all.iter().map(|said| text(said)).collect());
        check(&list(&["a", "b"]), Some(vec!["a".to_owned(), "b".to_owned()]));
        check(&list(&["a", "b"]), Some(("a".to_owned(), "b".to_owned())));
        check::<(String, String)>(&list(&["a"]), None);
        check::<Vec<String>>(&Value::List(vec![text("a"), Value::Number(1)]), None);
        check::<Vec<String>>(&text("a"), None);
    }
}
